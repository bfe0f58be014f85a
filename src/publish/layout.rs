//! What `kmatrix attest --out` laid out: modules, and beside or above them the Sigstore bundles that
//! speak of them; bundles that lie elsewhere speak of the release.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use walkdir::WalkDir;

use crate::attest::{PAYLOAD_TYPE, Statement};
use crate::digest::Sha256Digest;
use crate::oci::Manifest;

const MODULE_ENDINGS: [&str; 4] = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"];
const BUNDLE_ENDING: &str = ".sigstore.json";
/// Entries of the directory, of all kinds.
const MAX_ENTRIES: usize = 1_000_000;
const MAX_DEPTH: usize = 32;
const MAX_MODULE: u64 = 256 << 20;
const MAX_BUNDLE: u64 = 256 << 20;

/// A release as it lies in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// In the order of their places.
    pub modules: Vec<ReleaseModule>,
    /// Those that speak of all of it, or of its builder images.
    pub bundles: Vec<ReleaseBundle>,
}

/// A file, by the bytes that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFile {
    pub path: PathBuf,
    pub digest: Sha256Digest,
    pub size: u64,
}

/// One module and what speaks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseModule {
    pub file: ReleaseFile,
    /// Its path in the directory, with `/`.
    pub place: String,
    pub manifest: Manifest,
    /// At least one.
    pub bundles: Vec<ReleaseBundle>,
}

impl ReleaseModule {
    /// Returns how many bundles name the manifest beside the file, as those have to that look an
    /// attestation up by what is in a registry.
    pub fn named_in_registry(&self) -> usize {
        let digest = self.manifest.digest();
        let names = |bundle: &&ReleaseBundle| bundle.subjects.contains(&digest);
        self.bundles.iter().filter(names).count()
    }
}

/// One Sigstore bundle, as far as it must be looked into to know where it belongs. Nothing of it is
/// authenticated here, and nothing follows from it but the place where it is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseBundle {
    pub file: ReleaseFile,
    pub predicate_type: String,
    pub subjects: BTreeSet<Sha256Digest>,
}

/// Says why a directory is no release that can be pushed.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error("cannot read `{}`", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("`{}` holds more than {MAX_ENTRIES} entries", path.display())]
    TooMany { path: PathBuf },
    #[error("`{}` is larger than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("there is no module under `{}`", path.display())]
    NoModule { path: PathBuf },
    #[error("`{}` is no Sigstore bundle of an in-toto statement: {why}", path.display())]
    NotABundle { path: PathBuf, why: String },
    #[error("`{}` names none of the modules beside it", path.display())]
    SpeaksOfNothing { path: PathBuf },
    #[error("no attestation beside `{}` names it", path.display())]
    Unattested { path: PathBuf },
}

impl LayoutError {
    /// Says what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::TooMany { .. } | Self::TooLarge { .. } => {
                "name the directory that `kmatrix attest --out` wrote"
            }
            Self::NoModule { .. } | Self::Unattested { .. } => {
                "write the directory with `kmatrix attest MATRIX --sign-key FILE --out DIR`"
            }
            Self::NotABundle { .. } => "take it away, or attest again: `kmatrix attest --out DIR`",
            Self::SpeaksOfNothing { .. } => {
                "it belongs to another directory, or the module was exchanged; attest again"
            }
        }
    }
}

impl Release {
    /// Reads a directory: every module and every bundle in it, once.
    ///
    /// # Errors
    ///
    /// If there is no module, one that no bundle beside it names, or a bundle that names no module
    /// beside it; and if something cannot be read.
    pub fn read(directory: &Path) -> Result<Self, LayoutError> {
        let mut modules: BTreeMap<PathBuf, Vec<ReleaseModule>> = BTreeMap::new();
        let mut bundles: BTreeMap<PathBuf, Vec<ReleaseBundle>> = BTreeMap::new();
        let walk = WalkDir::new(directory)
            .max_depth(MAX_DEPTH)
            .sort_by_file_name();
        for (count, entry) in walk.into_iter().enumerate() {
            if count >= MAX_ENTRIES {
                let path = directory.to_owned();
                return Err(LayoutError::TooMany { path });
            }
            let entry = entry.map_err(|error| LayoutError::Io {
                path: error.path().unwrap_or(directory).to_owned(),
                source: error.into(),
            })?;
            let Some(name) = entry.file_name().to_str() else {
                continue;
            };
            if !entry.file_type().is_file() {
                continue;
            }
            let parent = entry.path().parent().unwrap_or(directory).to_owned();
            if MODULE_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                let module = read_module(directory, entry.path(), name)?;
                modules.entry(parent).or_default().push(module);
            } else if name.ends_with(BUNDLE_ENDING) {
                let bundle = read_bundle(entry.path())?;
                bundles.entry(parent).or_default().push(bundle);
            }
        }
        if modules.is_empty() {
            let path = directory.to_owned();
            return Err(LayoutError::NoModule { path });
        }
        let mut release = Self {
            modules: Vec::new(),
            bundles: Vec::new(),
        };
        let mut owned: BTreeMap<PathBuf, Vec<ReleaseModule>> = BTreeMap::new();
        for (place, beside) in modules {
            let owner = owner(directory, &place, |at| bundles.contains_key(at));
            owned.entry(owner).or_default().extend(beside);
        }
        for (place, mut below) in owned {
            let here = bundles.remove(&place).unwrap_or_default();
            assign(&mut below, here)?;
            release.modules.append(&mut below);
        }
        release
            .modules
            .sort_by(|one, other| one.place.cmp(&other.place));
        release.bundles = bundles.into_values().flatten().collect();
        Ok(release)
    }
}

impl ReleaseFile {
    /// Reads the bytes again, which have to be the same.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or have changed since.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(&self.path)?
            .take(self.size + 1)
            .read_to_end(&mut bytes)?;
        if Sha256Digest::of(&bytes) == self.digest {
            Ok(bytes)
        } else {
            Err(io::Error::other("it has changed since it was read"))
        }
    }
}

/// Returns the directory whose bundles speak of the modules in `place`: that itself, or the nearest one
/// above it that has bundles, since a cell's module may lie in a directory of its source. What lies at
/// the top speaks of the release.
fn owner(top: &Path, place: &Path, has_bundles: impl Fn(&Path) -> bool) -> PathBuf {
    place
        .ancestors()
        .take_while(|above| *above != top)
        .find(|above| has_bundles(above))
        .unwrap_or(place)
        .to_owned()
}

/// Gives each module of a directory the bundles that name it.
fn assign(modules: &mut [ReleaseModule], bundles: Vec<ReleaseBundle>) -> Result<(), LayoutError> {
    for bundle in bundles {
        let mut speaks = false;
        for module in modules.iter_mut() {
            let names = [module.file.digest, module.manifest.digest()];
            if names.iter().any(|name| bundle.subjects.contains(name)) {
                speaks = true;
                module.bundles.push(bundle.clone());
            }
        }
        if !speaks {
            let path = bundle.file.path;
            return Err(LayoutError::SpeaksOfNothing { path });
        }
    }
    match modules.iter().find(|module| module.bundles.is_empty()) {
        Some(module) => Err(LayoutError::Unattested {
            path: module.file.path.clone(),
        }),
        None => Ok(()),
    }
}

fn read_module(
    directory: &Path,
    path: &Path,
    file_name: &str,
) -> Result<ReleaseModule, LayoutError> {
    let (file, _) = read_file(path, MAX_MODULE)?;
    let place = path.strip_prefix(directory).unwrap_or(path);
    let parts: Vec<_> = place.iter().map(|part| part.to_string_lossy()).collect();
    Ok(ReleaseModule {
        manifest: Manifest::of_module(file_name, file.digest, file.size),
        file,
        place: parts.join("/"),
        bundles: Vec::new(),
    })
}

fn read_bundle(path: &Path) -> Result<ReleaseBundle, LayoutError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Bundle {
        dsse_envelope: Envelope,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        payload_type: String,
        payload: String,
    }

    let (file, bytes) = read_file(path, MAX_BUNDLE)?;
    let wrong = |why: String| LayoutError::NotABundle {
        path: path.to_owned(),
        why,
    };
    let bundle: Bundle =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    let envelope = bundle.dsse_envelope;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(wrong(format!("its payload is `{}`", envelope.payload_type)));
    }
    let payload = STANDARD
        .decode(envelope.payload)
        .map_err(|error| wrong(error.to_string()))?;
    let statement: Statement<serde::de::IgnoredAny> =
        serde_json::from_slice(&payload).map_err(|error| wrong(error.to_string()))?;
    Ok(ReleaseBundle {
        file,
        predicate_type: statement.predicate_type,
        subjects: statement
            .subject
            .iter()
            .filter_map(|subject| Sha256Digest::from_hex(subject.digest.get("sha256")?).ok())
            .collect(),
    })
}

fn read_file(path: &Path, limit: u64) -> Result<(ReleaseFile, Vec<u8>), LayoutError> {
    let failed = |source| LayoutError::Io {
        path: path.to_owned(),
        source,
    };
    let size = fs::metadata(path).map_err(failed)?.len();
    let mut bytes = Vec::new();
    if size <= limit {
        let file = File::open(path).map_err(failed)?;
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    if size > limit || bytes.len() as u64 > limit {
        let path = path.to_owned();
        return Err(LayoutError::TooLarge { path, limit });
    }
    let file = ReleaseFile {
        path: path.to_owned(),
        digest: Sha256Digest::of(&bytes),
        size: bytes.len() as u64,
    };
    Ok((file, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Writes a bundle that names digests; nobody signed it, which nobody looks at here.
    fn write_bundle(path: &Path, names: &[Sha256Digest]) {
        let subject: Vec<_> = names
            .iter()
            .map(|name| json!({"name": "m", "digest": {"sha256": name.to_hex()}}))
            .collect();
        let statement =
            json!({"_type": "t", "subject": subject, "predicateType": "p", "predicate": {}});
        let payload = STANDARD.encode(statement.to_string());
        let bundle = json!({"dsseEnvelope": {"payloadType": PAYLOAD_TYPE, "payload": payload}});
        fs::write(path, bundle.to_string()).expect("a file");
    }

    fn scene() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().expect("a directory");
        let cell = root.path().join("debian-12/amd64/6.1.0-1=6.1.1-1/m");
        fs::create_dir_all(&cell).expect("a directory");
        fs::write(cell.join("m.ko"), b"module").expect("a file");
        (root, cell)
    }

    #[test]
    fn bundles_belong_to_the_modules_that_they_name() {
        let (root, cell) = scene();
        fs::create_dir(cell.join("sub")).expect("a directory");
        fs::write(cell.join("sub/n.ko.xz"), b"other").expect("a file");
        let (m, n) = (Sha256Digest::of(b"module"), Sha256Digest::of(b"other"));
        let manifest = Manifest::of_module("m.ko", m, 6);
        write_bundle(&cell.join("provenance.sigstore.json"), &[m, n]);
        write_bundle(&cell.join("summary.sigstore.json"), &[manifest.digest()]);
        write_bundle(&root.path().join("release.scope.sigstore.json"), &[]);
        let release = Release::read(root.path()).expect("a release");
        let found: Vec<_> = release
            .modules
            .iter()
            .map(|one| {
                (
                    one.place.as_str(),
                    one.bundles.len(),
                    one.named_in_registry(),
                )
            })
            .collect();
        let at = "debian-12/amd64/6.1.0-1=6.1.1-1/m";
        assert_eq!(
            found,
            [
                (format!("{at}/m.ko").as_str(), 2, 1),
                (format!("{at}/sub/n.ko.xz").as_str(), 1, 0)
            ]
        );
        assert_eq!(release.bundles.len(), 1);
        assert_eq!(release.modules[0].manifest, manifest);
    }

    #[test]
    fn what_is_no_release_is_refused() {
        type Spoil = fn(&Path, &Path);
        let cases: [(&str, Spoil); 6] = [
            ("there is no module", |_, cell| {
                fs::remove_file(cell.join("m.ko")).expect("gone");
            }),
            ("names it", |_, cell| {
                fs::write(cell.join("n.ko"), b"n").expect("a file");
            }),
            ("names none of the modules", |_, cell| {
                write_bundle(&cell.join("x.sigstore.json"), &[Sha256Digest::of(b"x")]);
            }),
            ("is no Sigstore bundle", |root, _| {
                fs::write(root.join("x.sigstore.json"), b"{}").expect("a file");
            }),
            ("its payload is `text`", |root, _| {
                let bundle = json!({"dsseEnvelope": {"payloadType": "text", "payload": ""}});
                fs::write(root.join("x.sigstore.json"), bundle.to_string()).expect("a file");
            }),
            ("larger than", |root, _| {
                let file = File::create(root.join("x.sigstore.json")).expect("a file");
                file.set_len(MAX_BUNDLE + 1).expect("a size");
            }),
        ];
        for (words, spoil) in cases {
            let (root, cell) = scene();
            write_bundle(
                &cell.join("p.sigstore.json"),
                &[Sha256Digest::of(b"module")],
            );
            Release::read(root.path()).expect("a release");
            spoil(root.path(), &cell);
            let error = Release::read(root.path()).expect_err(words).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_file_that_changed_is_not_read_again() {
        let (root, cell) = scene();
        write_bundle(
            &cell.join("p.sigstore.json"),
            &[Sha256Digest::of(b"module")],
        );
        let release = Release::read(root.path()).expect("a release");
        let file = &release.modules[0].file;
        assert_eq!(file.bytes().expect("bytes"), b"module");
        fs::write(cell.join("m.ko"), b"modulo").expect("a file");
        assert!(file.bytes().is_err());
    }
}

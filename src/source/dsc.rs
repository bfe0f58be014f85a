//! Debian source packages (dsc(5), deb-src-control(5), dpkg-source(1)): which files one is made of,
//! and how they become a tree.
//!
//! Taken are the formats `1.0`, `3.0 (quilt)` and `3.0 (native)`. The upstream tarballs are
//! unpacked, Debian's own part is put over them, and the patches of `debian/patches/series` are
//! applied in their order, or the one diff of format 1.0. Nothing of the package is run. The
//! signature of a `.dsc` is not looked at: the matrix pins the file by its digest.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::Refused;
use super::origin::PinnedFile;
use super::patch;
use crate::catalog::deb822::{Stanza, StanzaLimits};
use crate::digest::Sha256Digest;
use crate::name::{PackageName, PackageVersion};
use crate::package::{Limits, Strip};
use crate::store::{MakingSource, Store, TarballTree};
use crate::tree::{below, top_directory};

/// The most bytes of a `.dsc`.
pub(super) const MOST_BYTES: u64 = 1 << 20;
const MOST_FILES: usize = 64;
const LIMITS: StanzaLimits = StanzaLimits {
    fields: 100,
    line: 64 * 1024,
};

/// Says why a Debian source package is refused.
#[derive(Debug, thiserror::Error)]
pub enum DscError {
    #[error("the `.dsc` is malformed: {why}")]
    Malformed { why: String },
    #[error("the format of the source package is `{format}`")]
    Format { format: String },
    #[error("the source package has a file `{name}` that its format does not know")]
    UnknownFile { name: String },
    #[error("the source package has no {what}")]
    Lacks { what: &'static str },
    #[error("`{name}` of Debian's own part is not below `debian/`")]
    OutsideDebian { name: String },
    #[error("`{line}` in the list of patches is not understood")]
    Series { line: String },
    #[error("cannot apply the patch `{name}`")]
    Patch {
        name: String,
        source: patch::PatchError,
    },
}

/// What a `.dsc` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dsc {
    format: Format,
    pub(super) source: PackageName,
    pub(super) version: PackageVersion,
    pub(super) files: Vec<PinnedFile>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `1.0`, with a diff or native.
    One,
    Quilt,
    Native,
}

/// Reads a `.dsc`.
pub(super) fn parse(bytes: &[u8]) -> Result<Dsc, DscError> {
    let malformed = |why: String| DscError::Malformed { why };
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8".to_owned()))?;
    let text = unwrapped(text).ok_or_else(|| malformed("its signature is cut".to_owned()))?;
    let stanza = Stanza::parse(&text, LIMITS).map_err(|error| malformed(error.to_string()))?;
    let require = |name| {
        stanza
            .require(name)
            .map_err(|error| malformed(error.to_string()))
    };
    let format = match require("Format")? {
        "1.0" => Format::One,
        "3.0 (quilt)" => Format::Quilt,
        "3.0 (native)" => Format::Native,
        other => {
            return Err(DscError::Format {
                format: other.chars().take(80).collect(),
            });
        }
    };
    let mut names = BTreeSet::new();
    let mut files = Vec::new();
    for line in require("Checksums-Sha256")?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let file = match words[..] {
            [] => continue,
            [sha256, bytes, name] => Sha256Digest::from_hex(sha256)
                .ok()
                .zip(bytes.parse().ok())
                .filter(|_| is_plain(name))
                .map(|(sha256, bytes)| PinnedFile {
                    name: name.to_owned(),
                    sha256,
                    bytes,
                }),
            _ => None,
        };
        let file = file.filter(|file| names.insert(file.name.clone()) && files.len() < MOST_FILES);
        files
            .push(file.ok_or_else(|| malformed("a line of its checksums is no such line".into()))?);
    }
    let name = |error: crate::name::ParseNameError| malformed(error.to_string());
    Ok(Dsc {
        format,
        source: require("Source")?.parse().map_err(name)?,
        version: require("Version")?.parse().map_err(name)?,
        files,
    })
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 255
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._+~:-".contains(&b))
}

/// Takes the text out of an OpenPGP clear-text signature (RFC 9580, section 7), if it is in one.
fn unwrapped(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----") else {
        return Some(text.trim_end().to_owned());
    };
    let (_, body) = rest.split_once("\n\n")?;
    let (body, _) = body.split_once("\n-----BEGIN PGP SIGNATURE-----")?;
    let lines = body
        .lines()
        .map(|line| line.strip_prefix("- ").unwrap_or(line));
    Some(lines.collect::<Vec<_>>().join("\n").trim_end().to_owned())
}

/// Puts a source package together in `made`. All its files are in the store.
pub(super) fn assemble(dsc: &Dsc, store: &Store, made: &MakingSource) -> Result<(), Refused> {
    let stem = |name: &str| -> Option<String> {
        let (stem, ending) = name.rsplit_once('.')?;
        let packed = matches!(ending, "gz" | "xz" | "bz2" | "zst");
        packed.then(|| stem.strip_suffix(".tar").map(str::to_owned))?
    };
    let mut upstream = None;
    let mut components = Vec::new();
    let mut debian = None;
    let mut diff = None;
    for file in &dsc.files {
        let name = &file.name;
        let unknown = || DscError::UnknownFile { name: name.clone() };
        if name.ends_with(".asc") {
            // A signature of a tarball, whose digest is checked like all others.
            continue;
        }
        if dsc.format == Format::One && name.ends_with(".diff.gz") {
            diff = Some(file);
            continue;
        }
        let stem = stem(name).ok_or_else(unknown)?;
        match (dsc.format, stem.rsplit_once('.').map(|(_, last)| last)) {
            (Format::Quilt | Format::One, Some("orig")) if upstream.is_none() => {
                upstream = Some(file);
            }
            (Format::Quilt, Some("debian")) if debian.is_none() => debian = Some(file),
            (Format::Quilt, Some(last)) if last.starts_with("orig-") => {
                components.push((last["orig-".len()..].to_owned(), file));
            }
            (Format::Native | Format::One, _) if upstream.is_none() => upstream = Some(file),
            (Format::Quilt | Format::Native | Format::One, _) => return Err(unknown().into()),
        }
    }
    let upstream = upstream.ok_or(DscError::Lacks {
        what: "upstream tarball",
    })?;
    let tree =
        |file: &PinnedFile| store.tarball_tree(&file.sha256, Strip::Nothing, &Limits::tarball());
    put(&tree(upstream)?, None, debian.is_some(), made)?;
    for (name, file) in components {
        put(&tree(file)?, Some(&name), false, made)?;
    }
    match (dsc.format, debian, diff) {
        (Format::Quilt, None, _) => Err(DscError::Lacks {
            what: "`debian` tarball",
        }
        .into()),
        (Format::Quilt, Some(debian), _) => {
            let tree = tree(debian)?;
            let inside = |name: &&String| *name != "debian" && !name.starts_with("debian/");
            if let Some(name) = tree.entries.keys().find(inside) {
                return Err(DscError::OutsideDebian { name: name.clone() }.into());
            }
            made.add(&tree.entries, &tree.directory, "")?;
            let names = series(made.root())?;
            for name in &names {
                apply(name, &read_patch(made.root(), name)?, made.root())?;
            }
            if series(made.root())? != names {
                let why = "a patch changes the list of patches".to_owned();
                return Err(DscError::Malformed { why }.into());
            }
            Ok(())
        }
        (Format::One, _, Some(diff)) => {
            let packed = store.read_blob(&diff.sha256, patch::MOST_BYTES)?;
            let mut text = Vec::new();
            let read = flate2::read::GzDecoder::new(&packed[..])
                .take(patch::MOST_BYTES + 1)
                .read_to_end(&mut text);
            if read.is_err() || text.len() as u64 > patch::MOST_BYTES {
                let why = format!("`{}` cannot be unpacked", diff.name);
                return Err(DscError::Malformed { why }.into());
            }
            Ok(apply(&diff.name, &text, made.root())?)
        }
        (Format::One | Format::Native, _, _) => Ok(()),
    }
}

/// Puts a tarball's files into the tree, without the one directory that they are all in, if there is
/// one. A component goes into the directory of its name, whatever stood there.
fn put(
    tree: &TarballTree,
    component: Option<&str>,
    without_debian: bool,
    made: &MakingSource,
) -> Result<(), Refused> {
    let (mut entries, directory) = match top_directory(&tree.entries) {
        Some(top) => (below(&tree.entries, top), tree.directory.join(top)),
        None => (tree.entries.clone(), tree.directory.clone()),
    };
    if without_debian {
        entries.retain(|name, _| name != "debian" && !name.starts_with("debian/"));
    }
    if let Some(component) = component {
        made.remove(component)?;
    }
    Ok(made.add(&entries, &directory, component.unwrap_or_default())?)
}

/// Returns the names of the patches that were applied to make a tree.
pub(super) fn applied(dsc: &Dsc, root: &Path) -> Result<Vec<String>, DscError> {
    let names = match dsc.format {
        Format::Quilt => series(root)?,
        Format::One => {
            let names = dsc.files.iter().map(|file| file.name.clone());
            names.filter(|name| name.ends_with(".diff.gz")).collect()
        }
        Format::Native => Vec::new(),
    };
    Ok(names)
}

/// Reads which patches `debian/patches/series` lists, in their order (dpkg-source(1), "Format: 3.0
/// (quilt)").
fn series(root: &Path) -> Result<Vec<String>, DscError> {
    for name in ["debian.series", "series"] {
        if find_below_patches(root, name).is_some() {
            let text = String::from_utf8(read_patch(root, name)?);
            return series_names(&text.map_err(|_| unreadable(name))?);
        }
    }
    Ok(Vec::new())
}

/// Finds a file below `debian/patches`, behind no link.
fn find_below_patches(root: &Path, name: &str) -> Option<PathBuf> {
    let mut path = root.to_owned();
    let mut parts = ["debian", "patches"]
        .into_iter()
        .chain(name.split('/'))
        .peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        let found = std::fs::symlink_metadata(&path).ok()?;
        let is_right = if parts.peek().is_some() {
            found.is_dir()
        } else {
            found.is_file()
        };
        if !is_right {
            return None;
        }
    }
    Some(path)
}

fn unreadable(name: &str) -> DscError {
    DscError::Malformed {
        why: format!("`debian/patches/{name}` cannot be read"),
    }
}

fn read_patch(root: &Path, name: &str) -> Result<Vec<u8>, DscError> {
    let path = find_below_patches(root, name).ok_or_else(|| unreadable(name))?;
    let file = std::fs::File::open(path).map_err(|_| unreadable(name))?;
    let mut bytes = Vec::new();
    let read = file.take(patch::MOST_BYTES + 1).read_to_end(&mut bytes);
    match read {
        Ok(count) if count as u64 <= patch::MOST_BYTES => Ok(bytes),
        Ok(_) | Err(_) => Err(unreadable(name)),
    }
}

/// Reads a list of patches (quilt(1), "series file"): one name on a line, `#` begins a comment.
fn series_names(text: &str) -> Result<Vec<String>, DscError> {
    let mut names = Vec::new();
    for line in text.lines() {
        let code = match line.find('#') {
            Some(at) if at == 0 || line[..at].ends_with(char::is_whitespace) => &line[..at],
            Some(_) | None => line,
        };
        let words: Vec<&str> = code.split_whitespace().collect();
        let name = match words[..] {
            [] => continue,
            [name] | [name, "-p1"] => name,
            _ => "",
        };
        let is_part = |part: &str| !matches!(part, "" | "." | "..");
        if !name.split('/').all(is_part) || name.contains(char::is_control) {
            return Err(DscError::Series {
                line: line.chars().take(80).collect(),
            });
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn apply(name: &str, bytes: &[u8], root: &Path) -> Result<(), DscError> {
    patch::apply(bytes, root).map_err(|source| DscError::Patch {
        name: name.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn dsc(format: &str, files: &[&str]) -> String {
        let lines: String = files
            .iter()
            .map(|name| format!("\n {DIGEST} 12 {name}"))
            .collect();
        format!("Format: {format}\nSource: m\nVersion: 1.0-1\nChecksums-Sha256:{lines}\n")
    }

    #[test]
    fn signed_and_plain_files_say_the_same() {
        let plain = dsc(
            "3.0 (quilt)",
            &["m_1.0.orig.tar.xz", "m_1.0-1.debian.tar.xz"],
        );
        let signed = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{plain}\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n"
        );
        let read = parse(plain.as_bytes()).expect("a dsc");
        assert_eq!(read.files.len(), 2);
        assert_eq!(read.version.as_str(), "1.0-1");
        assert_eq!(parse(signed.as_bytes()).expect("a dsc"), read);
    }

    #[test]
    fn files_that_are_not_understood_are_refused() {
        for text in [
            dsc("3.0 (git)", &["m.git"]),
            dsc("3.0 (quilt)", &["../m.tar.gz"]),
            dsc("3.0 (quilt)", &["a.tar.gz", "a.tar.gz"]),
            dsc("1.0", &["a b"]),
            dsc("1.0", &[".hidden"]),
            dsc("1.0", &["a.tar.gz"]).replace("Source: m\n", ""),
            dsc("1.0", &["a.tar.gz"]).replace(DIGEST, "abc"),
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nFormat: 1.0\n".to_owned(),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_of_patches_is_read_and_options_are_refused() {
        let names = series_names("# all\n\none.patch\nsub/two.patch -p1 # why\n  \n");
        assert_eq!(names.expect("names"), ["one.patch", "sub/two.patch"]);
        for text in ["one.patch -p0", "../one.patch", "/etc/one", "one two three"] {
            assert!(series_names(text).is_err(), "{text}");
        }
    }
}

//! Where attestations lie: beside a module, in a directory of a release, or where somebody says.
//!
//! Files are known by their names, as `kmatrix attest` writes them: `<kind>.sigstore.json` is a Sigstore
//! bundle, `<kind>.dsse.json` the same statement as raw DSSE, which is read where there is no bundle of
//! that name. `.sigstore.jsonl` and `.intoto.jsonl` have one on each line. Where a statement was signed
//! again, `<kind>.2.*` is the one before `<kind>.*`, `<kind>.3.*` the one before that.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::attest::PredicateType;

/// What the names of attestations end with, the preferred form of a statement first.
const ENDINGS: [&str; 4] = [
    ".sigstore.json",
    ".dsse.json",
    ".sigstore.jsonl",
    ".intoto.jsonl",
];

/// Where a release has what is said of its builder images.
const IMAGES: &str = "images";

/// The most bytes of one file; the reader has limits of its own for each attestation.
const MOST_BYTES: u64 = 64 << 20;

/// The most files and directories that are looked through, and how deep.
const MOST_ENTRIES: usize = 1_000_000;
const MOST_DEPTH: usize = 16;

/// Bytes that are said to be an attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationFile {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// Says why attestations cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("cannot read `{}`", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("`{}` has more than {MOST_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("`{}` has more than {MOST_ENTRIES} files", path.display())]
    TooMany { path: PathBuf },
    #[error("`{}` lies more than {MOST_DEPTH} directories deep", path.display())]
    TooDeep { path: PathBuf },
}

/// Returns true if a file is a kernel module by its name.
pub fn is_module(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    module_stem(name).is_some()
}

/// Returns a module's name: its file's, without `.ko` and what it is packed with.
pub fn name_of(module: &Path) -> &str {
    let name = module
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    module_stem(name).unwrap_or(name)
}

/// Returns a module's name without `.ko` and what it is packed with.
fn module_stem(name: &str) -> Option<&str> {
    let unpacked = [".xz", ".zst", ".gz"]
        .into_iter()
        .find_map(|ending| without(name, ending))
        .unwrap_or(name);
    without(unpacked, ".ko").filter(|stem| !stem.is_empty())
}

/// Cuts an ending off, in whichever case: `M.KO` is left out of nothing.
fn without<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let (stem, found) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
    found.eq_ignore_ascii_case(ending).then_some(stem)
}

/// Lists the attestations that lie beside a module: those that have its name, and those that have none
/// but their kind's.
pub fn beside(module: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let folder = match module.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    Ok(of_module(directly(folder)?, module))
}

/// Returns, of the files beside a module, the attestations that [`beside`] lists.
pub fn of_module(files: Vec<PathBuf>, module: &Path) -> Vec<PathBuf> {
    let name = module
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let stem = name_of(module);
    preferred_of(files, |base| {
        let after = |text: &str| {
            base.strip_prefix(text)
                .is_some_and(|r| r.is_empty() || r.starts_with('.'))
        };
        let (kind, _) = counted(base);
        kind.parse::<PredicateType>().is_ok() || after(name) || after(stem)
    })
}

/// Returns, of files, the attestations; of two forms of one the bundle.
pub fn preferred(files: Vec<PathBuf>) -> Vec<PathBuf> {
    preferred_of(files, |_| true)
}

/// Lists the attestations of a file, which is one, or of a directory with all that is below it.
pub fn under(path: &Path) -> Result<Vec<PathBuf>, FilesError> {
    if path.is_dir() {
        return Ok(preferred(entries(path)?));
    }
    Ok(vec![path.to_owned()])
}

/// Lists the attestations of a directory alone.
pub fn directly_in(folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
    Ok(preferred(directly(folder)?))
}

/// Lists the attestations of a release as a whole: those directly in its directory, and those about its
/// builder images.
pub fn of_release(folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let mut all = directly_in(folder)?;
    let images = folder.join(IMAGES);
    if images.is_dir() {
        all.extend(directly_in(&images)?);
    }
    Ok(all)
}

/// Lists the modules below a directory, in order.
pub fn modules_under(folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let mut modules = entries(folder)?;
    modules.retain(|path| is_module(path) && !is_link_to_directory(path));
    Ok(modules)
}

/// Lists the links to directories below a directory: what is behind them is not looked at.
pub fn links_under(folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let mut links = entries(folder)?;
    links.retain(|path| is_link_to_directory(path));
    Ok(links)
}

fn is_link_to_directory(path: &Path) -> bool {
    path.is_symlink() && path.is_dir()
}

/// Returns which statement a file has, and which of those that were signed one after the other: 1 is
/// the newest.
pub fn place_of(path: &Path) -> (PathBuf, u32) {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let base = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
    let (base, number) = counted(base.unwrap_or(name));
    (path.with_file_name(base), number)
}

/// Splits `comparison.2` into the kind's name and the number; what has none is the first.
fn counted(base: &str) -> (&str, u32) {
    let split = || {
        let (before, number) = base.rsplit_once('.')?;
        let kind = before.rsplit('.').next()?;
        kind.parse::<PredicateType>().ok()?;
        let number = number.parse().ok().filter(|number| *number >= 2)?;
        Some((before, number))
    };
    split().unwrap_or((base, 1))
}

/// Reads a file with one attestation, or with one on each line.
pub fn read(path: &Path) -> Result<Vec<AttestationFile>, FilesError> {
    let bytes = read_within_limit(path)?;
    if !path.to_string_lossy().ends_with(".jsonl") {
        let path = path.to_owned();
        return Ok(vec![AttestationFile { path, bytes }]);
    }
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    let file = |(number, line): (usize, &[u8])| AttestationFile {
        path: PathBuf::from(format!("{}:{}", path.display(), number + 1)),
        bytes: line.to_vec(),
    };
    Ok(lines.map(file).collect())
}

fn read_within_limit(path: &Path) -> Result<Vec<u8>, FilesError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(count) if count as u64 <= MOST_BYTES => Ok(bytes),
        Ok(_) => Err(FilesError::TooLarge {
            path: path.to_owned(),
        }),
        Err(source) => Err(FilesError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Lists what is below a directory and is none itself, in order. Links are not followed; a directory that
/// lies too deep is an error, so that nothing in it is left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
    listed(folder, MOST_DEPTH, |path| Err(FilesError::TooDeep { path }))
}

/// Lists what is in a directory and is none itself, in order.
fn directly(folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
    listed(folder, 1, |_| Ok(()))
}

fn listed(
    folder: &Path,
    depth: usize,
    deeper: impl Fn(PathBuf) -> Result<(), FilesError>,
) -> Result<Vec<PathBuf>, FilesError> {
    let mut files = Vec::new();
    let walk = WalkDir::new(folder).max_depth(depth).sort_by_file_name();
    for (count, entry) in walk.into_iter().enumerate() {
        if count > MOST_ENTRIES {
            return Err(FilesError::TooMany {
                path: folder.to_owned(),
            });
        }
        let entry = entry.map_err(|error| FilesError::Io {
            path: folder.to_owned(),
            source: error.into(),
        })?;
        if !entry.file_type().is_dir() {
            files.push(entry.into_path());
        } else if entry.depth() == depth {
            deeper(entry.into_path())?;
        }
    }
    Ok(files)
}

/// Keeps attestations whose names, without the ending, are wanted; of two forms of one, the bundle.
fn preferred_of(files: Vec<PathBuf>, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let base = |path: &Path, ending: &str| -> Option<PathBuf> {
        let name = path.file_name()?.to_str()?.strip_suffix(ending)?;
        is_wanted(name).then(|| path.with_file_name(name))
    };
    let [bundle, envelope, ..] = ENDINGS;
    let bundles: BTreeSet<PathBuf> = files.iter().filter_map(|path| base(path, bundle)).collect();
    let is_kept = |path: &PathBuf| match base(path, envelope) {
        Some(base) => !bundles.contains(&base),
        None => ENDINGS.iter().any(|ending| base(path, ending).is_some()),
    };
    files.into_iter().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a directory");
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
            std::fs::write(path, b"{}\n\n{}\n").expect("a file");
        }
        folder
    }

    fn names(folder: &Path, paths: &[PathBuf]) -> Vec<String> {
        let within = paths
            .iter()
            .map(|path| path.strip_prefix(folder).expect("within"));
        within.map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn what_lies_beside_a_module_is_its_own_or_of_its_cell() {
        let folder = folder(&[
            "m.ko.xz",
            "m.ko.xz.sigstore.json",
            "m.ko.xz.scai.sigstore.json",
            "m.sigstore.jsonl",
            "mm.sigstore.json",
            "provenance.sigstore.json",
            "provenance.dsse.json",
            "summary.dsse.json",
            "summary.2.sigstore.json",
            "m.ko.xz.scai.2.dsse.json",
            "summary.1.sigstore.json",
            "summary.x.sigstore.json",
            "other.ko.sigstore.json",
            "readme.json",
            "below/m.sigstore.json",
        ]);
        let found = beside(&folder.path().join("m.ko.xz")).expect("listed");
        assert_eq!(
            names(folder.path(), &found),
            [
                "m.ko.xz.scai.2.dsse.json",
                "m.ko.xz.scai.sigstore.json",
                "m.ko.xz.sigstore.json",
                "m.sigstore.jsonl",
                "provenance.sigstore.json",
                "summary.2.sigstore.json",
                "summary.dsse.json",
            ]
        );
    }

    #[test]
    fn a_directory_is_looked_through_and_a_file_is_taken_as_it_is() {
        let folder = folder(&[
            "a/m.ko",
            "a/provenance.sigstore.json",
            "b/x.dsse.json",
            "b/y.txt",
        ]);
        let found = under(folder.path()).expect("listed");
        assert_eq!(
            names(folder.path(), &found),
            ["a/provenance.sigstore.json", "b/x.dsse.json"]
        );
        let file = folder.path().join("b/y.txt");
        assert_eq!(under(&file).expect("itself"), std::slice::from_ref(&file));
        let modules = modules_under(folder.path()).expect("listed");
        assert_eq!(names(folder.path(), &modules), ["a/m.ko"]);
        let none = under(&folder.path().join("none")).expect("itself");
        assert!(matches!(&none[..], [none] if read(none).is_err()));
    }

    #[test]
    fn no_module_is_left_out_without_a_word() {
        let deep = (0..MOST_DEPTH).map(|_| "d/").collect::<String>();
        let folder = folder(&["a/M.KO", "away/n.ko", "top/x"]);
        let link = folder.path().join("top/link");
        std::os::unix::fs::symlink(folder.path().join("away"), &link).expect("a link");
        std::os::unix::fs::symlink("nowhere", folder.path().join("top/l.ko")).expect("a link");
        let found = modules_under(folder.path()).expect("listed");
        assert_eq!(
            names(folder.path(), &found),
            ["a/M.KO", "away/n.ko", "top/l.ko"]
        );
        assert_eq!(links_under(folder.path()).expect("listed"), [link]);
        let path = folder.path().join(deep);
        std::fs::create_dir_all(path).expect("directories");
        let refused = modules_under(folder.path()).expect_err("too deep");
        assert!(matches!(refused, FilesError::TooDeep { .. }), "{refused}");
    }

    #[test]
    fn statements_that_were_signed_again_count_back_from_the_newest() {
        for (name, base, number) in [
            ("a/summary.sigstore.json", "a/summary", 1),
            ("a/summary.2.sigstore.json", "a/summary", 2),
            ("a/release.scope.12.dsse.json", "a/release.scope", 12),
            ("a/m.ko.2.sigstore.json", "a/m.ko.2", 1),
            ("a/summary.1.dsse.json", "a/summary.1", 1),
            ("a/x", "a/x", 1),
        ] {
            let expected = (PathBuf::from(base), number);
            assert_eq!(place_of(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn lines_are_read_one_by_one() {
        let folder = folder(&["m.sigstore.jsonl"]);
        let path = folder.path().join("m.sigstore.jsonl");
        let files = read(&path).expect("read");
        let shown: Vec<String> = files
            .iter()
            .map(|file| file.path.display().to_string())
            .collect();
        let name = path.display();
        assert_eq!(shown, [format!("{name}:1"), format!("{name}:3")]);
    }

    #[test]
    fn modules_are_known_by_their_names() {
        for (name, expected) in [
            ("m.ko", true),
            ("m.ko.xz", true),
            ("m.ko.zst", true),
            ("M.KO.XZ", true),
            (".ko", false),
            ("é", false),
            ("m.ko.sigstore.json", false),
            ("m.o", false),
        ] {
            assert_eq!(is_module(Path::new(name)), expected, "{name}");
        }
    }
}

//! The module's source: its tree, the state of its repository, and prebuilt objects in it.

mod closed;
mod git;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::name::ModuleName;
use crate::tree::{self, Entries, TreeError, WalkRules};

pub use closed::ClosedInput;
pub use git::Revision;

const RULES: WalkRules<'static> = WalkRules {
    limit: 100_000,
    skip: &[".git"],
};

/// A module's source as it was read: the bytes by digest, and what is known of where they are from.
#[derive(Debug, Clone)]
pub struct Source {
    pub module: ModuleName,
    pub directory: PathBuf,
    pub entries: Entries,
    pub record: SourceRecord,
}

/// What the lock and the ledger keep of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceRecord {
    pub tree: Sha256Digest,
    pub revision: Revision,
    /// Prebuilt objects that stand among the sources; ordered by path.
    pub closed_inputs: Vec<ClosedInput>,
}

/// Says why a module's source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("the source of `{module}` is not there: `{}` is no directory", directory.display())]
    Missing {
        module: ModuleName,
        directory: PathBuf,
    },
    #[error("the source of `{module}` at `{}` has no `Kbuild` and no `Makefile`", directory.display())]
    NoMakefile {
        module: ModuleName,
        directory: PathBuf,
    },
    #[error("the source of `{module}` cannot be read")]
    Tree {
        module: ModuleName,
        source: TreeError,
    },
    #[error("cannot look for prebuilt objects in `{}`", path.display())]
    Scan { path: PathBuf, source: io::Error },
}

impl SourceError {
    /// Says what to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => {
                "correct `source` in the matrix; it is relative to the matrix file".to_owned()
            }
            Self::NoMakefile { .. } => {
                "an out-of-tree module has a `Kbuild` with a line such as `obj-m := name.o`"
                    .to_owned()
            }
            Self::Tree { source, .. } => match source {
                TreeError::LinkLeaves { .. } => {
                    "copy the file into the source tree; what a link leads out to is not covered \
                     by the source's digest"
                        .to_owned()
                }
                TreeError::Read { .. }
                | TreeError::Special { .. }
                | TreeError::NotUtf8 { .. }
                | TreeError::TooMany { .. } => {
                    "point `source` at a directory that holds the module's sources and nothing else"
                        .to_owned()
                }
            },
            Self::Scan { .. } => "check that the files can be read".to_owned(),
        }
    }
}

/// Reads a module's source directory.
pub fn read(module: &ModuleName, directory: &Path) -> Result<Source, SourceError> {
    if !directory.is_dir() {
        return Err(SourceError::Missing {
            module: module.clone(),
            directory: directory.to_owned(),
        });
    }
    let entries = tree::read_directory(directory, RULES).map_err(|source| SourceError::Tree {
        module: module.clone(),
        source,
    })?;
    if !["Kbuild", "Makefile"]
        .iter()
        .any(|name| entries.contains_key(*name))
    {
        return Err(SourceError::NoMakefile {
            module: module.clone(),
            directory: directory.to_owned(),
        });
    }
    let record = SourceRecord {
        tree: tree::digest(&entries),
        revision: git::revision(directory, &entries),
        closed_inputs: closed::scan(directory, &entries)?,
    };
    Ok(Source {
        module: module.clone(),
        directory: directory.to_owned(),
        entries,
        record,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn module() -> ModuleName {
        "m".parse().expect("a name")
    }

    #[test]
    fn a_missing_or_empty_source_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(matches!(
            read(&module(), &dir.path().join("none")),
            Err(SourceError::Missing { .. })
        ));
        assert!(matches!(
            read(&module(), dir.path()),
            Err(SourceError::NoMakefile { .. })
        ));
    }

    #[test]
    fn prebuilt_objects_are_found_by_content_and_by_name() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("Kbuild"), "obj-m := m.o\n").expect("a file");
        fs::write(dir.path().join("m.c"), "int x;\n").expect("a file");
        fs::write(dir.path().join("looks-innocent.c"), b"\x7fELF\x02\x01").expect("a file");
        fs::write(dir.path().join("core.o_shipped"), "text").expect("a file");
        fs::write(dir.path().join("lib.bin"), b"!<arch>\n").expect("a file");
        let source = read(&module(), dir.path()).expect("a source");
        let found: Vec<&str> = source
            .record
            .closed_inputs
            .iter()
            .map(|input| input.path.as_str())
            .collect();
        assert_eq!(found, ["core.o_shipped", "lib.bin", "looks-innocent.c"]);
    }

    #[test]
    fn a_directory_without_a_repository_is_not_committed() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("Kbuild"), "obj-m := m.o\n").expect("a file");
        let source = read(&module(), dir.path()).expect("a source");
        assert!(matches!(source.record.revision, Revision::Dirty { .. }));
    }

    #[test]
    fn a_commit_counts_only_while_the_files_are_the_committed_ones() {
        let repository = tempfile::tempdir().expect("a directory");
        let dir = repository.path().join("modules/m");
        fs::create_dir_all(&dir).expect("a directory");
        let git = |args: &[&str]| {
            let status = std::process::Command::new("git")
                .arg("-C")
                .arg(repository.path())
                .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
                .args(args)
                .output()
                .expect("git runs");
            assert!(status.status.success(), "git {args:?}");
        };
        git(&["init", "-q"]);
        fs::write(dir.join("Kbuild"), "obj-m := m.o\n").expect("a file");
        git(&["add", "."]);
        git(&["commit", "-q", "-m", "one"]);
        let clean = read(&module(), &dir).expect("a source");
        assert!(matches!(clean.record.revision, Revision::Committed { .. }));

        fs::write(dir.join("extra.h"), "").expect("a file");
        let untracked = read(&module(), &dir).expect("a source");
        assert!(matches!(untracked.record.revision, Revision::Dirty { .. }));

        fs::write(dir.join(".gitignore"), "extra.h\n").expect("a file");
        git(&["add", "."]);
        git(&["commit", "-q", "-m", "two"]);
        let ignored = read(&module(), &dir).expect("a source");
        assert!(
            matches!(ignored.record.revision, Revision::Dirty { .. }),
            "an ignored file is in the tree but not in the commit"
        );
        fs::remove_file(dir.join("extra.h")).expect("removed");
        let clean = read(&module(), &dir).expect("a source");
        assert!(matches!(clean.record.revision, Revision::Committed { .. }));

        git(&["update-index", "--assume-unchanged", "modules/m/Kbuild"]);
        fs::write(dir.join("Kbuild"), "obj-m := n.o\n").expect("a file");
        let overlooked = read(&module(), &dir).expect("a source");
        assert!(
            matches!(overlooked.record.revision, Revision::Dirty { .. }),
            "git was told to overlook the change"
        );
    }
}

//! The module's source: where it comes from, its tree, and prebuilt objects in it.
//!
//! Every kind of source ends in a directory that is read once: hashed, and looked through for closed
//! inputs in the same pass ([`Source`]). What pins it is kept as [`Origin`] and [`Revision`].

mod archived;
mod closed;
mod dsc;
mod error;
mod origin;
mod patch;
mod suspicion;
mod wanted;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::git;
use crate::name::ModuleName;
use crate::store::Store;
use crate::tree::{self, Entries, WalkRules};

pub use crate::git::{
    CommitId, GitError, ParseCommitIdError, ParseRepositoryUrlError, Repository, RepositoryUrl,
    Revision,
};
pub use archived::{read_dsc, read_package, read_source_rpm, read_tarball};
pub use closed::{
    Certainty, ClosedInput, Declaration, DeclarationError, RULES as CLOSED_RULES,
    Rule as ClosedRule,
};
pub use dsc::DscError;
pub use error::{Refused, SourceError};
pub use origin::{Origin, PinnedFile};
pub use patch::PatchError;
pub use suspicion::{SUSPICIONS, SettledBy, Suspicion, SuspicionRule, has_word, rules_of};
pub use wanted::{ParseSourcePathError, ResolveError, SourcePath, WantedSource};

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
    /// Records of older versions have none, and were all of directories.
    #[serde(default)]
    pub origin: Origin,
    pub revision: Revision,
    /// Prebuilt objects that stand among the sources; ordered by path.
    pub closed_inputs: Vec<ClosedInput>,
    /// Lines that take in what differs between builds, the first of them; ordered by path and line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicions: Vec<Suspicion>,
}

/// Reads a module's source directory as it stands.
pub fn read(module: &ModuleName, directory: &Path) -> Result<Source, SourceError> {
    let refuse = |why| SourceError::new(module, why);
    if !directory.is_dir() {
        return Err(refuse(Refused::Missing {
            directory: directory.to_owned(),
        }));
    }
    let found = Found {
        directory: directory.to_owned(),
        origin: Origin::Directory,
        revision: None,
    };
    found.read(module)
}

/// Brings a commit of a repository elsewhere here, unless it is here already.
pub async fn fetch_commit(
    module: &ModuleName,
    url: &RepositoryUrl,
    commit: &CommitId,
    store: &Store,
    offline: bool,
) -> Result<(), SourceError> {
    let fetched = git::fetch_commit(url, commit, store, offline).await;
    fetched.map_err(|error| SourceError::new(module, error.into()))
}

/// Reads the files of one commit; one that is elsewhere must have been fetched.
pub fn read_commit(
    module: &ModuleName,
    repository: &Repository,
    commit: &CommitId,
    path: Option<&SourcePath>,
    store: &Store,
) -> Result<Source, SourceError> {
    let path = path.map(SourcePath::as_str);
    let (directory, _) = git::extracted(repository, commit, path, store)
        .map_err(|error| SourceError::new(module, error.into()))?;
    let found = Found {
        directory,
        origin: Origin::Git {
            repository: repository.to_string(),
            path: path.map(str::to_owned),
        },
        revision: Some(Revision::Committed {
            commit: commit.to_string(),
        }),
    };
    found.read(module)
}

/// A source whose files are in their place.
struct Found {
    directory: PathBuf,
    origin: Origin,
    /// `None` for a directory, whose repository has to be asked.
    revision: Option<Revision>,
}

impl Found {
    /// Reads and looks through the files.
    fn read(self, module: &ModuleName) -> Result<Source, SourceError> {
        let Self {
            directory,
            origin,
            revision,
        } = self;
        let look = |name: &str, bytes: &mut dyn Read| {
            let mut copying = suspicion::Copying::new(name, bytes);
            let look = closed::look(name, &mut copying)?;
            Ok((look, copying.suspicions(name)))
        };
        let (entries, seen) = tree::read_directory_with(&directory, RULES, look)
            .map_err(|source| SourceError::new(module, source.into()))?;
        let mut looks = BTreeMap::new();
        let mut suspicions = Vec::new();
        for (name, (look, found)) in seen {
            looks.insert(name, look);
            suspicions.extend(found);
        }
        let record = SourceRecord {
            tree: tree::digest(&entries),
            origin,
            revision: revision.unwrap_or_else(|| git::revision(&directory, &entries)),
            closed_inputs: closed::find(&entries, &looks),
            suspicions: suspicion::bounded(suspicions),
        };
        Ok(Source {
            module: module.clone(),
            directory,
            entries,
            record,
        })
    }
}

impl Source {
    /// Marks the closed inputs that are declared, and returns every declaration that does not hold.
    pub fn declare(&mut self, declarations: &[Declaration]) -> Vec<DeclarationError> {
        closed::declare(&mut self.record.closed_inputs, &self.entries, declarations)
    }

    /// Refuses a source in which the kernel build system finds nothing to do.
    pub fn has_makefile(&self) -> Result<(), SourceError> {
        let directory = self.directory.clone();
        self.has_one_of(&["Kbuild", "Makefile"], Refused::NoMakefile { directory })
    }

    /// Refuses a source that is no DKMS package.
    pub fn has_dkms_conf(&self) -> Result<(), SourceError> {
        let directory = self.directory.clone();
        self.has_one_of(&["dkms.conf"], Refused::NoDkmsConf { directory })
    }

    fn has_one_of(&self, names: &[&str], otherwise: Refused) -> Result<(), SourceError> {
        if names.iter().any(|name| self.entries.contains_key(*name)) {
            return Ok(());
        }
        Err(SourceError::new(&self.module, otherwise))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn module() -> ModuleName {
        "m".parse().expect("a name")
    }

    #[test]
    fn a_missing_source_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let missing = read(&module(), &dir.path().join("none")).expect_err("no source");
        assert!(matches!(missing.why(), Refused::Missing { .. }));
    }

    #[test]
    fn a_source_has_what_its_recipe_begins_with() {
        for (name, makefile, dkms_conf) in [
            ("Kbuild", true, false),
            ("Makefile", true, false),
            ("dkms.conf", false, true),
            ("build.sh", false, false),
            ("below/Makefile", false, false),
        ] {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, "").expect("a file");
            let source = read(&module(), dir.path()).expect("a source");
            assert_eq!(source.has_makefile().is_ok(), makefile, "{name}");
            assert_eq!(source.has_dkms_conf().is_ok(), dkms_conf, "{name}");
        }
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

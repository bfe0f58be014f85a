//! Real repositories of the rpm, pacman and apk families, as `ci/families` makes them with the
//! families' own tools, and facts about them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Names a directory that `ci/families` has filled, in place of calling it.
const VARIABLE: &str = "KMATRIX_TEST_FAMILIES";

/// What `ci/families` made.
pub struct Families {
    out: PathBuf,
    json: Value,
}

/// One repository, and how facts call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repository {
    Rpm,
    /// The same packages under an index that nobody signed.
    RpmUnsigned,
    Pacman,
    /// Signed over SHA-1, as is usual.
    Apk,
    /// The index signed over SHA-256, the packages over SHA-1.
    ApkSha256,
}

impl Repository {
    pub const ALL: [Self; 5] = [
        Self::Rpm,
        Self::RpmUnsigned,
        Self::Pacman,
        Self::Apk,
        Self::ApkSha256,
    ];

    /// The distribution's name in facts, whose release is 1.
    pub fn distro(self) -> &'static str {
        match self {
            Self::Rpm => "families-rpm",
            Self::RpmUnsigned => "families-rpm-unsigned",
            Self::Pacman => "families-pacman",
            Self::Apk => "families-apk",
            Self::ApkSha256 => "families-apk-sha256",
        }
    }

    /// The directory in what `ci/families` made.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Rpm => "rpm",
            Self::RpmUnsigned => "rpm-unsigned-index",
            Self::Pacman => "pacman",
            Self::Apk => "apk",
            Self::ApkSha256 => "apk-rsa256",
        }
    }

    /// The key of its family in `families.json`.
    fn family(self) -> &'static str {
        match self {
            Self::Rpm | Self::RpmUnsigned => "rpm",
            Self::Pacman => "pacman",
            Self::Apk | Self::ApkSha256 => "apk",
        }
    }
}

impl Families {
    /// Has the repositories made, which does nothing if they are there already.
    pub fn get() -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let out = std::env::var_os(VARIABLE).map_or_else(
            || {
                let out = project.join("target/families");
                let made = Command::new(project.join("ci/families")).arg(&out).status();
                assert!(
                    made.is_ok_and(|status| status.success()),
                    "ci/families has to succeed"
                );
                out
            },
            PathBuf::from,
        );
        let json = fs::read(out.join("families.json")).expect("families.json");
        let json = serde_json::from_slice(&json).expect("JSON");
        Self { out, json }
    }

    /// Returns where everything is.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// Returns what is said of the kernel's source release, such as its `version`.
    pub fn source(&self, key: &str) -> &str {
        self.json["source"][key].as_str().expect("a text")
    }

    /// What `uname -r` prints of the one kernel.
    pub fn kernel_release(&self) -> &str {
        self.json["kernelRelease"].as_str().expect("a release")
    }

    pub fn fingerprint(&self, repository: Repository) -> &str {
        let fingerprint = &self.json[repository.family()]["fingerprint"];
        fingerprint.as_str().expect("a fingerprint")
    }

    /// Returns the files of a repository, to be served.
    pub fn files(&self, repository: Repository) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.out, &self.out.join(repository.folder()), &mut files);
        assert!(files.len() >= 2, "{repository:?} has files");
        files
    }

    /// Returns the facts of a repository, with further keys of its suite.
    pub fn facts(&self, repository: Repository, of_suite: &str) -> String {
        let family = &self.json[repository.family()];
        let certificate = family["certificate"]
            .as_str()
            .or(family["publicKey"].as_str())
            .expect("a certificate");
        let keyring = self.out.join(certificate);
        let (format, suite, path) = match repository {
            Repository::Rpm | Repository::RpmUnsigned => (
                "rpm-md",
                repository.folder(),
                repository.folder().to_owned(),
            ),
            Repository::Pacman => ("pacman", "families", "pacman/{arch}".to_owned()),
            Repository::Apk | Repository::ApkSha256 => {
                ("apk", "main", format!("{}/{{arch}}", repository.folder()))
            }
        };
        // The release of the kernel, as each family's way to write versions leaves it.
        let (headers, from, to) = match repository {
            Repository::Rpm | Repository::RpmUnsigned => (
                "kernel-devel",
                "([0-9.]+)_0_families-[0-9]+",
                "$1-0-families",
            ),
            Repository::Pacman => (
                "linux-families-headers",
                "([0-9.]+)_0_families-[0-9]+",
                "$1-0-families",
            ),
            Repository::Apk | Repository::ApkSha256 => (
                "linux-families-dev",
                "([0-9.]+)-r([0-9]+)",
                "$1-$2-families",
            ),
        };
        let build = match repository {
            Repository::Pacman => "/usr/lib/modules/{release}/build",
            Repository::Rpm | Repository::RpmUnsigned | Repository::Apk | Repository::ApkSha256 => {
                "/lib/modules/{release}/build"
            }
        };
        format!(
            r#"schema = 1
distro = "{distro}"
release = "1"
format = "{format}"
image = "kernel-debian-12"
checked = 2026-11-21
checked-against = "fixture"

[[archive]]
name = "{distro}"
keys = ["{key}"]
keyrings = ["{keyring}"]
[[archive.suite]]
name = "{suite}"
path = "{path}"
{of_suite}

[kernel]
mounts = ["usr/src/*", "usr/src/kernels/*", "lib/modules/*", "usr/lib/modules/*"]
build = "{build}"
[kernel.flavours.amd64]
generic = {{ headers = "{headers}", release = {{ from = '{from}', to = '{to}' }} }}
"#,
            distro = repository.distro(),
            key = self.fingerprint(repository),
            keyring = keyring.display(),
        )
    }
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("below the root");
            let name = name.to_str().expect("UTF-8").to_owned();
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
}

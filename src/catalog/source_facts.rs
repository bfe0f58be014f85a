//! Reading what facts files of the format `source` say of kernels: which tarballs, configured how,
//! prepared how far.

use std::path::{Path, PathBuf};

use crate::catalog::kernel_source::{PrepareLevel, Unanswered};
use crate::digest::Sha256Digest;
use crate::document::{ProblemCode, Read, Table, Value};
use crate::git::{CommitId, Repository};
use crate::name::{Arch, Flavour, KernelRelease, PackageVersion, Series};

/// The most bytes of a configuration; one with every option has 300 KB.
const MOST_CONFIG_BYTES: u64 = 4 << 20;

/// What stands for the kernel's version in the pattern of tarballs' names.
const VERSION: &str = "{version}";

/// The kernels that are prepared here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// What tarballs of an archive are called, with `{version}`; set if there are flavours.
    pub tarball: Option<TarballName>,
    /// What the tarballs' own signatures are called, with `{version}`, where each has to have one.
    pub signature: Option<TarballName>,
    /// What is made of each tarball of an archive.
    pub flavours: Vec<SourceFlavour>,
    /// Kernels that are in no archive.
    pub trees: Vec<LocalKernel>,
}

/// The names of tarballs or their signatures, around the kernel's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarballName {
    pub before: String,
    pub after: String,
}

/// One flavour of the kernels of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFlavour {
    pub arch: Arch,
    pub flavour: Flavour,
    pub series: Series,
    pub build: KernelBuild,
}

/// A kernel whose source is in no archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalKernel {
    pub arch: Arch,
    pub flavour: Flavour,
    pub version: PackageVersion,
    pub build: KernelBuild,
    pub source: LocalSource,
}

/// What a kernel that is in no archive is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalSource {
    /// A file of this machine.
    Tarball { path: PathBuf, sha256: Sha256Digest },
    /// A commit, which its id pins as a digest would.
    Commit {
        repository: Repository,
        commit: CommitId,
    },
}

/// How a kernel is configured and how far it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelBuild {
    /// The text of the configuration.
    pub config: Vec<u8>,
    pub unanswered: Unanswered,
    /// What the configuration and the tree add to the version, such as `-tiny`.
    pub local_version: String,
    pub level: PrepareLevel,
    pub make: Vec<String>,
}

impl TarballName {
    /// Returns the kernel's version, if the name is that of a tarball.
    pub fn version<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(&self.before)?.strip_suffix(&self.after)
    }

    /// Returns the name for a version.
    pub fn of(&self, version: &str) -> String {
        format!("{}{version}{}", self.before, self.after)
    }
}

impl KernelBuild {
    /// Returns the kernel release that a version of the kernel has: the first of a series, such as 6.12,
    /// calls itself 6.12.0 (the kernel's `Makefile`, `KERNELVERSION`).
    pub fn release(&self, version: &str) -> Option<KernelRelease> {
        let end = version
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(version.len());
        let (numbers, rest) = version.split_at(end);
        let third = if numbers.split('.').count() == 2 {
            ".0"
        } else {
            ""
        };
        let local = &self.local_version;
        format!("{numbers}{third}{rest}{local}").parse().ok()
    }
}

impl SourceFacts {
    /// Returns the digest of all configurations, in the order of the file.
    pub(super) fn configs(&self) -> impl Iterator<Item = Sha256Digest> {
        let flavours = self.flavours.iter().map(|flavour| &flavour.build);
        let builds = flavours.chain(self.trees.iter().map(|tree| &tree.build));
        builds.map(|build| Sha256Digest::of(&build.config))
    }

    /// Returns the architectures of the kernels.
    pub(super) fn archs(&self) -> impl Iterator<Item = Arch> {
        let flavours = self.flavours.iter().map(|flavour| flavour.arch);
        flavours.chain(self.trees.iter().map(|tree| tree.arch))
    }
}

/// Reads `[kernel]`; files are found from `folder`.
pub(crate) fn read_source(table: &Table<'_>, folder: &Path) -> Read<SourceFacts> {
    let tarball = table.optional("tarball", tarball_name);
    let signature = table.optional("signature", tarball_name);
    let flavours = table.or("flavours", Vec::new(), |value| {
        value.table(|table| {
            let of_archs = table.entries(|arch: &Arch, value| {
                value.table(|table| {
                    table.entries(|flavour: &Flavour, value| {
                        value.table(|table| read_flavour(*arch, flavour, table, folder))
                    })
                })
            })?;
            let flavours = of_archs.into_iter().flat_map(|(_, of_arch)| of_arch);
            Ok(flavours.map(|(_, flavour)| flavour).collect())
        })
    });
    let trees = table.or("tree", Vec::new(), |value| {
        value.tables(|table| read_tree(table, folder))
    });
    let facts = SourceFacts {
        tarball: tarball?,
        signature: signature?,
        flavours: flavours?,
        trees: trees?,
    };
    if facts.flavours.is_empty() && facts.trees.is_empty() {
        let hint = "add a flavour of an archive's tarballs, or a `[[kernel.tree]]`".to_owned();
        return Err(table.refuse(ProblemCode::Empty, "there is no kernel", Some(hint)));
    }
    if facts.tarball.is_some() == facts.flavours.is_empty() {
        let message = "`tarball` and `flavours` stand together or not at all";
        return Err(table.refuse(ProblemCode::BadValue, message, None));
    }
    if facts.signature.is_some() && facts.tarball.is_none() {
        let message = "`signature` is that of a `tarball`, and there is none";
        return Err(table.refuse(ProblemCode::BadValue, message, None));
    }
    Ok(facts)
}

fn read_flavour(
    arch: Arch,
    flavour: &Flavour,
    table: &Table<'_>,
    folder: &Path,
) -> Read<SourceFlavour> {
    let series = table.required("series", Value::parse);
    let build = read_build(table, folder);
    Ok(SourceFlavour {
        arch,
        flavour: flavour.clone(),
        series: series?,
        build: build?,
    })
}

fn read_tree(table: &Table<'_>, folder: &Path) -> Read<LocalKernel> {
    let arch = table.required("arch", Value::parse);
    let flavour = table.required("flavour", Value::parse);
    let version = table.required("version", Value::parse::<PackageVersion>);
    let source = read_local(table, folder);
    let build = read_build(table, folder);
    let (version, build) = (version?, build?);
    if build.release(version.as_str()).is_none() {
        let message = format!("`{version}{}` is no kernel release", build.local_version);
        return Err(table.refuse(ProblemCode::BadValue, message, None));
    }
    Ok(LocalKernel {
        arch: arch?,
        flavour: flavour?,
        version,
        build,
        source: source?,
    })
}

/// Reads `tarball` and `sha256`, or `git` and `commit`.
fn read_local(table: &Table<'_>, folder: &Path) -> Read<LocalSource> {
    let tarball = table.optional("tarball", |value| absolute(value, folder));
    let sha256 = table.optional("sha256", |value| {
        let digits = value.text()?;
        Sha256Digest::from_hex(&digits)
            .map_err(|error| value.refuse(ProblemCode::BadValue, error.to_string(), None))
    });
    let git = table.optional("git", |value| repository(value, folder));
    let commit = table.optional("commit", commit);
    match (tarball?, sha256?, git?, commit?) {
        (Some(path), Some(sha256), None, None) => Ok(LocalSource::Tarball { path, sha256 }),
        (None, None, Some(repository), Some(commit)) => {
            Ok(LocalSource::Commit { repository, commit })
        }
        (_, _, _, _) => {
            let message = "a kernel is read from a `tarball` with its `sha256`, or from a `commit` of a \
                           repository `git`";
            Err(table.refuse(ProblemCode::Conflict, message, None))
        }
    }
}

fn repository(value: Value<'_>, folder: &Path) -> Read<Repository> {
    match Repository::try_from(value.text()?) {
        Ok(Repository::Directory(path)) => {
            let path = folder.join(path);
            let path = std::path::absolute(&path).unwrap_or(path);
            Ok(Repository::Directory(path))
        }
        Ok(Repository::Url(url)) => Ok(Repository::Url(url)),
        Err(error) => Err(value.refuse(ProblemCode::BadValue, error.to_string(), None)),
    }
}

/// Reads a commit's whole id. A branch or a tag is not taken for one: it can be moved.
fn commit(value: Value<'_>) -> Read<CommitId> {
    let text = value.text()?;
    text.parse().map_err(|error| {
        let hint = "a branch or a tag can move; write what `git rev-parse NAME^{commit}` prints";
        value.refuse(
            ProblemCode::BadValue,
            format!("{error}"),
            Some(hint.to_owned()),
        )
    })
}

fn read_build(table: &Table<'_>, folder: &Path) -> Read<KernelBuild> {
    let config = table.required("config", |value| read_config(value, folder));
    let unanswered = table.or("unanswered", Unanswered::Default, |value| {
        match value.string()? {
            "default" => Ok(Unanswered::Default),
            "no" => Ok(Unanswered::No),
            other => Err(neither(value, other, "`default` nor `no`")),
        }
    });
    let local_version = table.or("local-version", String::new(), local_version);
    let level = table.required("prepare", |value| match value.string()? {
        "modules" => Ok(PrepareLevel::Modules),
        "headers" => Ok(PrepareLevel::Headers),
        other => Err(neither(value, other, "`modules` nor `headers`")),
    });
    let make = table.or("make", Vec::new(), |value| value.one_or_list(make_variable));
    Ok(KernelBuild {
        config: config?,
        unanswered: unanswered?,
        local_version: local_version?,
        level: level?,
        make: make?,
    })
}

fn neither(value: Value<'_>, found: &str, wanted: &str) -> crate::document::Reported {
    let message = format!("`{}` is neither {wanted}", found.escape_debug());
    value.refuse(ProblemCode::BadValue, message, None)
}

/// Reads the name of a file, and the file.
fn read_config(value: Value<'_>, folder: &Path) -> Read<Vec<u8>> {
    let path = absolute(value, folder)?;
    let refuse = |reason: String| {
        let message = format!(
            "cannot read the configuration `{}`: {reason}",
            path.display()
        );
        value.refuse(ProblemCode::Unreadable, message, None)
    };
    let bytes = std::fs::metadata(&path).map_err(|error| refuse(error.to_string()))?;
    if !bytes.is_file() || bytes.len() > MOST_CONFIG_BYTES {
        return Err(refuse(format!(
            "it is no file of at most {MOST_CONFIG_BYTES} bytes"
        )));
    }
    std::fs::read(&path).map_err(|error| refuse(error.to_string()))
}

fn absolute(value: Value<'_>, folder: &Path) -> Read<PathBuf> {
    let path = folder.join(value.text()?);
    Ok(std::path::absolute(&path).unwrap_or(path))
}

/// Reads what stands behind the version in a kernel release.
fn local_version(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    if text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._+~-".contains(&b))
    {
        return Ok(text);
    }
    let message = format!("`{text}` cannot end a kernel release");
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

/// Reads `NAME=VALUE`.
fn make_variable(value: Value<'_>) -> Read<String> {
    let text = value.text()?;
    let named = text.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            // What decides where and what is built is not for facts to say.
            && !matches!(name, "O" | "M" | "ARCH" | "CROSS_COMPILE" | "LOCALVERSION" | "KBUILD_OUTPUT" | "KBUILD_EXTMOD" | "KCONFIG_ALLCONFIG")
    });
    if named {
        return Ok(text);
    }
    let message = format!("`{text}` is not a make variable such as `CC=gcc-12`");
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

/// Reads the pattern of tarballs' names.
fn tarball_name(value: Value<'_>) -> Read<TarballName> {
    let text = value.text()?;
    let is_plain = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
    };
    match text.split_once(VERSION) {
        Some((before, after)) if !before.is_empty() && is_plain(before) && is_plain(after) => {
            Ok(TarballName {
                before: before.to_owned(),
                after: after.to_owned(),
            })
        }
        Some(_) | None => {
            let message = format!("`{text}` is not a name such as `linux-{VERSION}.tar.xz`");
            Err(value.refuse(ProblemCode::BadValue, message, None))
        }
    }
}

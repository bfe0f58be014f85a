//! Why a package is refused.

use std::io;
use std::path::PathBuf;

/// Says why a package cannot be opened.
///
/// Names in messages come from the package: what does not print is escaped, and long ones are cut.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error("cannot read the package")]
    Read { source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("`{}` is not empty, and packages are unpacked into empty directories only", path.display())]
    NotEmpty { path: PathBuf },

    #[error("the package is not an ar archive")]
    NotAr,
    #[error("the package's ar archive is malformed: {why}")]
    Ar { why: &'static str },
    #[error("the package ends in the middle of {part}")]
    Truncated { part: String },
    #[error("the package has no `{member}` where one must stand")]
    MissingMember { member: &'static str },
    #[error("the package has a second `{member}`")]
    DuplicateMember { member: String },
    #[error("the package has a member `{member}` that its format does not know")]
    UnexpectedMember { member: String },
    #[error("the package has format version `{found}`, not 2")]
    FormatVersion { found: String },
    #[error("`{member}` is compressed in a way that is not read")]
    UnknownCompression { member: String },
    #[error("cannot decompress `{member}`")]
    Decompress { member: String, source: io::Error },
    #[error("`{member}` goes on after its end")]
    TrailingBytes { member: String },
    #[error("`{member}` is not a well-formed tar archive: {why}")]
    Tar { member: String, why: String },
    #[error("the control file cannot be used: {why}")]
    Control { why: String },
    #[error("the package is not an RPM")]
    NotRpm,
    #[error("the package's RPM headers cannot be used: {why}")]
    Rpm { why: String },
    #[error("a header of the package has {bytes} bytes, more than {limit}")]
    HeaderTooLarge { bytes: u64, limit: u64 },
    #[error("the package's header has no digest of the payload, and no signature covers it")]
    NoPayloadDigest,
    #[error("the package's cpio archive is malformed: {why}")]
    Cpio { why: &'static str },
    #[error("`{member}` has the digest {found}, not {wanted} as the package's metadata says")]
    WrongDigest {
        member: String,
        wanted: String,
        found: String,
    },
    #[error("the package is not an apk package")]
    NotApk,
    #[error("`.PKGINFO` cannot be used: {why}")]
    PkgInfo { why: String },
    #[error("the package is {what}, which is not read")]
    Unsupported { what: &'static str },
    #[error("`{name}` does not stand in the one top directory that was to be taken off")]
    NoTopDirectory { name: String },

    #[error("`{member}` expands to more than {ratio} times its size")]
    Ratio { member: String, ratio: u64 },
    #[error("the package has more than {limit} entries")]
    TooManyEntries { limit: usize },
    #[error("`{name}` has {bytes} bytes, more than {limit}")]
    FileTooLarge {
        name: String,
        bytes: u64,
        limit: u64,
    },
    #[error("the package's files have more than {limit} bytes together")]
    TotalTooLarge { limit: u64 },
    #[error("the path or link target `{name}` is longer than {limit} bytes")]
    TooLong { name: String, limit: usize },
    #[error("the extended header of an entry has {bytes} bytes, more than {limit}")]
    ExtensionTooLarge { bytes: u64, limit: u64 },
    #[error("`{name}` is more than {limit} directories deep")]
    TooDeep { name: String, limit: usize },

    #[error("the name `{name}` is not UTF-8")]
    NotUtf8 { name: String },
    #[error("the name `{name}` has control characters")]
    ControlCharacters { name: String },
    #[error("`{name}` is an absolute path")]
    Absolute { name: String },
    #[error("`{name}` climbs out of a directory with `..`")]
    Climbs { name: String },
    #[error("`{name}` has empty parts or `.` in it")]
    NotPlain { name: String },
    #[error("`{name}` is there twice")]
    Duplicate { name: String },
    #[error("`{name}` would be written through the symbolic link `{link}`")]
    ThroughLink { name: String, link: String },
    #[error("`{name}` would be written below the file `{file}`")]
    BelowFile { name: String, file: String },
    #[error("`{name}` is a symbolic link to `{target}`, which leaves the package")]
    LinkLeaves { name: String, target: String },
    #[error(
        "`{name}` is a symbolic link to `{target}`, whose `..` after a name depends on what that name is"
    )]
    LinkUnclear { name: String, target: String },
    #[error("`{name}` is a hard link to `{target}`, which is no file that stands before it")]
    HardLink { name: String, target: String },
    #[error("`{name}` is a {kind}")]
    Special { name: String, kind: &'static str },
    #[error("`{name}` has a setuid or setgid bit")]
    SetId { name: String },
    #[error("`{name}` is a sparse file")]
    Sparse { name: String },
    #[error("`{name}` is of the unknown tar type `{flag}`")]
    UnknownKind { name: String, flag: String },
    #[error("`{name}` is a link or a directory, and has bytes of its own")]
    HasBytes { name: String },
}

impl PackageError {
    /// Returns the failure to write that this is, if it is one: the disk's fault, not the package's.
    pub fn write_error(&self) -> Option<&io::Error> {
        if let Self::Write { source, .. } = self {
            Some(source)
        } else {
            None
        }
    }
}

/// Carries a refusal through a reader's `io::Error`. Interruptions stay what they are, so that the
/// read is tried again.
pub(super) fn carry(error: io::Error, refuse: impl FnOnce(io::Error) -> PackageError) -> io::Error {
    if error.kind() == io::ErrorKind::Interrupted {
        return error;
    }
    io::Error::other(recover(error, refuse))
}

/// Takes back out what [`carry`] put in; any other error goes to `refuse`.
pub(super) fn recover(
    error: io::Error,
    refuse: impl FnOnce(io::Error) -> PackageError,
) -> PackageError {
    error.downcast::<PackageError>().unwrap_or_else(refuse)
}

/// Returns bytes of a package as they can be shown: escaped, and cut after 120 bytes.
pub(super) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(120)];
    let dots = if cut.len() < bytes.len() { "..." } else { "" };
    format!("{}{dots}", cut.escape_ascii())
}

//! One entry of an archive, whatever the archive's format.

/// An entry whose name and kind are good in themselves; what they mean beside the entries before it
/// is checked where it is written.
pub(super) struct ArchiveEntry {
    /// Relative to the root; empty for the root itself.
    pub(super) name: String,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Directory,
    File {
        bytes: u64,
        executable: bool,
    },
    /// The target is as the archive has it, and not checked.
    Symlink {
        target: Vec<u8>,
    },
    /// Another name of a file; the target is relative to the root.
    HardLink {
        target: String,
    },
}

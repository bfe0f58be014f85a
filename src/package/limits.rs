//! How much a package may ask for.

const MIB: u64 = 1024 * 1024;

/// Bounds on what one package may hold. The defaults fit every kernel package that Debian has, many
/// times over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most entries of one archive; a kernel's common headers have about 10,000.
    pub entries: usize,
    /// The most bytes of one file.
    pub file_bytes: u64,
    /// The most bytes of all files together.
    pub total_bytes: u64,
    /// How many times its compressed size an archive may expand to.
    pub ratio: u64,
    /// Expanded bytes up to which the ratio is not looked at: a few bytes of text in a tar archive
    /// are mostly zeros, and compress accordingly.
    pub ratio_floor: u64,
    /// The most bytes of a path or of a link's target.
    pub path_bytes: usize,
    /// The most parts of a path.
    pub depth: usize,
    /// The most bytes of one extended header (POSIX pax).
    pub extension_bytes: u64,
    /// The most bytes of a file of metadata, such as `control` or `.PKGINFO`.
    pub control_bytes: u64,
    /// The most bytes of an RPM header, which has a name and a digest for each file.
    pub header_bytes: u64,
    /// The most memory that a decompressor may take; `xz -9` needs 65 MiB.
    pub decoder_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 200_000,
            file_bytes: 512 * MIB,
            total_bytes: 2048 * MIB,
            ratio: 200,
            ratio_floor: 4 * MIB,
            path_bytes: 1024,
            depth: 64,
            extension_bytes: 64 * 1024,
            control_bytes: 4 * MIB,
            header_bytes: 64 * MIB,
            decoder_bytes: 128 * MIB,
        }
    }
}

impl Limits {
    /// Returns the bounds on a source tarball, which leave a kernel tree of 90,000 files and 1.6 GB
    /// room to grow five times.
    pub fn tarball() -> Self {
        Self {
            entries: 500_000,
            file_bytes: 1024 * MIB,
            total_bytes: 8 * 1024 * MIB,
            ..Self::default()
        }
    }

    /// Returns the most bytes that an expanded archive may have: its files, and for each entry its
    /// header, its padding and its long names.
    pub(super) fn archive_bytes(&self) -> u64 {
        let per_entry = 4096 + 2 * self.path_bytes as u64;
        self.total_bytes
            .saturating_add(per_entry.saturating_mul(self.entries as u64))
            .saturating_add(MIB)
    }
}

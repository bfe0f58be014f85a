//! How much of somebody else's JSON is read.

/// Limits on one document. Reading stops where one is passed, before memory is spent on the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in all.
    pub bytes: usize,
    /// Objects and lists inside one another.
    pub depth: usize,
    /// Values in all: each member of an object, each element of a list.
    pub values: usize,
    /// Bytes of one string or key, unescaped.
    pub text: usize,
}

impl Limits {
    /// A bundle or an envelope; almost all of one is the payload's base64.
    pub const BUNDLE: Self = Self {
        bytes: 24 << 20,
        depth: 12,
        values: 4096,
        text: 24 << 20,
    };

    /// An in-toto statement. The largest is the scope of a release of ten thousand cells.
    pub const PAYLOAD: Self = Self {
        bytes: 16 << 20,
        depth: 64,
        values: 300_000,
        text: 1 << 20,
    };

    /// The body of an entry of a transparency log.
    pub const LOG_BODY: Self = Self {
        bytes: 1 << 20,
        depth: 16,
        values: 1024,
        text: 1 << 20,
    };

    /// A trust root.
    pub const TRUST_ROOT: Self = Self {
        bytes: 4 << 20,
        depth: 16,
        values: 65_536,
        text: 1 << 20,
    };

    /// Entries of logs, timestamps, or hashes of a proof, in one bundle; the deepest tree of 2^63
    /// leaves has 63 hashes.
    pub const PARTS: usize = 64;

    /// Characters of one certificate, timestamp, signature, checkpoint or key id, as they stand in a
    /// bundle. Those in use have fewer than ten thousand; what is done with some of them takes time that
    /// grows with the square, and they are not signed by whom the payload is signed by.
    pub const PART: usize = 48 << 10;
}

//! Signatures: over statements, with a local key, an external command or without keys of one's own,
//! and over kernel modules. The only part that ever holds a secret.

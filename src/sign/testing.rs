//! Keys that tests sign with. None is used anywhere else.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use crate::sign::{PasswordSource, PrivateKey, PublicKey, open_key};

/// Returns where a file of `tests/keys` is.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/keys")
        .join(name)
}

pub(crate) fn from_file(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).expect(name)
}

pub(crate) fn public(name: &str) -> PublicKey {
    PublicKey::from_pem(from_file(name).as_bytes()).expect(name)
}

/// A password that can be read from a descriptor while this lives.
pub(crate) struct Given(File);

impl Given {
    pub(crate) fn source(&self) -> PasswordSource {
        PasswordSource::Descriptor(u32::try_from(self.0.as_raw_fd()).expect("a descriptor"))
    }
}

pub(crate) fn password(secret: &[u8]) -> Given {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(secret).expect("written");
    file.rewind().expect("at its start");
    Given(file)
}

/// Opens a plain key of `tests/keys`, whatever mode the checkout gave it.
pub(crate) fn private(name: &str) -> PrivateKey {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), from_file(name)).expect("written");
    open_key(file.path(), PasswordSource::Surroundings).expect(name)
}

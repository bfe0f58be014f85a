//! Keys that tests sign with. None is used anywhere else.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Duration;

use crate::sign::{PasswordSource, PrivateKey, PublicKey, SigningCommand, open_key};

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

/// A command of one line of shell. `$key` is a private key in a file.
pub(crate) fn command(key: &str, script: &str) -> SigningCommand {
    let script = format!("key='{}'\n{script}", fixture(key).display());
    SigningCommand::new(
        "sh".into(),
        vec!["-c".into(), script.into()],
        Duration::from_secs(20),
        public(&key.replace(".pem", ".pub")),
    )
    .expect("a kind that signs digests")
}

/// What an HSM does with an RSA key, by `openssl`.
pub(crate) const OPENSSL: &str = "tr a-f A-F | basenc -d --base16 | openssl pkeyutl -sign -inkey \"$key\" \
     -pkeyopt digest:\"$KMATRIX_SIGN_DIGEST\" -pkeyopt rsa_padding_mode:pkcs1 | base64";

//! Keys in files: opening them, and making them as cosign does. The only file that knows `sigstore`, whose
//! key handling is used and whose verification is not.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::EncryptedPrivateKeyInfo;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use serde::Deserialize;
use sigstore::crypto::signing_key::{SigStoreKeyPair, kdf};
use zeroize::Zeroizing;

use crate::sign::password::Purpose;
use crate::sign::pem::block;
use crate::sign::{KeyAlgorithm, PasswordSource, PrivateKey, PublicKey, SigningError};

const MOST_BYTES: u64 = 64 << 10;
/// The bytes of a nonce of XSalsa20; the library asserts it.
const NONCE: usize = 24;

/// Opens a private key: cosign's encrypted form, or PKCS #8 in PEM, plain or encrypted (RFC 5958, RFC 7468).
/// What stands beside it in the file, such as a certificate, is passed over.
///
/// # Errors
///
/// The file cannot be read, others than its owner may read or write it, it holds no key of a kind that
/// is taken, or there is no password that opens it.
///
/// # Security
///
/// From here on the process leaves no core dump and cannot be traced by its own user. Every copy of the
/// key that is made on the way is overwritten.
pub fn open_key(path: &Path, password: PasswordSource) -> Result<PrivateKey, SigningError> {
    // There is nothing to be done where the system does not know it.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let text = read_private(path)?;
    let unusable = |why: String| SigningError::KeyUnusable {
        path: path.to_owned(),
        why,
    };
    let (label, der) = private_block(&text).map_err(unusable)?;
    let pkcs8 = match label {
        "PRIVATE KEY" => der,
        "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
            check_sealed(&der).map_err(unusable)?;
            let password = password.read(path, Purpose::Open)?;
            // What is left to go wrong is the password.
            let opened = kdf::decrypt(&der, &password);
            Zeroizing::new(opened.map_err(|_| SigningError::PasswordWrong {
                path: path.to_owned(),
            })?)
        }
        "ENCRYPTED PRIVATE KEY" => {
            let sealed = EncryptedPrivateKeyInfo::try_from(der.as_slice())
                .map_err(|error| unusable(format!("it is no PKCS#8 ({error})")))?;
            let password = password.read(path, Purpose::Open)?;
            match sealed.decrypt(&*password) {
                Ok(opened) => opened.to_bytes(),
                Err(
                    pkcs8::Error::EncryptedPrivateKey(
                        pkcs8::pkcs5::Error::DecryptFailed | pkcs8::pkcs5::Error::EncryptFailed,
                    )
                    | pkcs8::Error::Asn1(_),
                ) => {
                    return Err(SigningError::PasswordWrong {
                        path: path.to_owned(),
                    });
                }
                Err(error) => return Err(unusable(error.to_string())),
            }
        }
        other => return Err(unusable(format!("a `{other}` is not read"))),
    };
    PrivateKey::from_pkcs8(&pkcs8).map_err(unusable)
}

fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, SigningError> {
    let unreadable = |source| SigningError::KeyUnreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    // Of the open file, so that it is the one that is read.
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SigningError::KeyExposed {
            path: path.to_owned(),
            mode,
        });
    }
    if metadata.is_dir() {
        return Err(unreadable(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES as usize + 1));
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(SigningError::KeyUnusable {
            path: path.to_owned(),
            why: format!("it is longer than {MOST_BYTES} bytes"),
        });
    }
    Ok(bytes)
}

/// Returns the first block that is a private key.
fn private_block(text: &[u8]) -> Result<(&str, Zeroizing<Vec<u8>>), String> {
    block(text, "private key", |label| label.ends_with("PRIVATE KEY"))
}

/// The part of a sealed key (go-tuf, `encrypted/encrypted.go`) that is looked at before it is opened.
#[derive(Deserialize)]
struct Sealed {
    kdf: SealedKdf,
    cipher: SealedCipher,
}

#[derive(Deserialize)]
struct SealedKdf {
    name: String,
    params: SealedParameters,
}

#[derive(Deserialize)]
struct SealedParameters {
    #[serde(rename = "N")]
    n: u32,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct SealedCipher {
    name: String,
    nonce: String,
}

/// Checks everything of a sealed key but what the password decides.
fn check_sealed(json: &[u8]) -> Result<(), String> {
    let sealed: Sealed =
        serde_json::from_slice(json).map_err(|error| format!("it is no sealed key ({error})"))?;
    let parameters = &sealed.kdf.params;
    let cheap = matches!(parameters.n, kdf::SCRYPT_N_LOW | kdf::SCRYPT_N_HIGH)
        && (parameters.r, parameters.p) == (kdf::SCRYPT_R, kdf::SCRYPT_P);
    if sealed.kdf.name != kdf::NAME_SCRYPT || !cheap {
        return Err("its password is stretched in another way than cosign's".to_owned());
    }
    let nonce = STANDARD.decode(&sealed.cipher.nonce).unwrap_or_default();
    if sealed.cipher.name != kdf::NAME_SECRET_BOX || nonce.len() != NONCE {
        return Err("it is sealed in another way than cosign's".to_owned());
    }
    Ok(())
}

/// A key pair that was made, as it is written.
pub struct NewKey {
    /// Sealed with the password, in PEM.
    private: Zeroizing<String>,
    public: PublicKey,
}

impl NewKey {
    /// Makes a key pair that cosign opens with the same password.
    ///
    /// # Errors
    ///
    /// There is no randomness, or no memory to stretch the password in.
    pub fn make(algorithm: KeyAlgorithm, password: &[u8]) -> Result<Self, SigningError> {
        let failed = |why: String| SigningError::KeyNotMade { why };
        let pkcs8 = PrivateKey::generate(algorithm).map_err(failed)?;
        let public = PrivateKey::from_pkcs8(&pkcs8)
            .map_err(failed)?
            .public()
            .clone();
        let sealed = SigStoreKeyPair::from_der(&pkcs8)
            .and_then(|pair| pair.private_key_to_encrypted_pem(password))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            // The library ends lines as mail does.
            private: Zeroizing::new(sealed.replace("\r\n", "\n")),
            public,
        })
    }

    /// Returns the public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Writes `PREFIX.key`, which only its owner may read, and `PREFIX.pub`, and returns their names.
    /// Nothing that is there is overwritten.
    ///
    /// # Errors
    ///
    /// One of the two is there already, or cannot be written.
    pub fn write(&self, prefix: &Path) -> Result<[PathBuf; 2], SigningError> {
        let [key, public] = ["key", "pub"].map(|ending| {
            let mut path = prefix.as_os_str().to_owned();
            path.push(".");
            path.push(ending);
            PathBuf::from(path)
        });
        if public.symlink_metadata().is_ok() {
            return Err(SigningError::KeyUnwritable {
                path: public,
                source: io::Error::from(io::ErrorKind::AlreadyExists),
            });
        }
        write_new(&key, self.private.as_bytes(), 0o600)?;
        // Should this fail, the public half can be had from the private one.
        write_new(&public, self.public.to_pem().as_bytes(), 0o644)?;
        Ok([key, public])
    }
}

/// Writes a file that was not there, wholly or not at all.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SigningError> {
    let failed = |source| SigningError::KeyUnwritable {
        path: path.to_owned(),
        source,
    };
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // Made readable to its owner alone.
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(mode))
        .map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path)
        .map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;
    use crate::sign::DigestAlgorithm;
    use crate::sign::testing::{from_file, password};

    const PASSWORD: &[u8] = b"a password";

    /// Opens a key that a file holds, with a password.
    fn open(content: &str, mode: u32, secret: &[u8]) -> Result<PrivateKey, SigningError> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("signing.key");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .expect("a file");
        file.write_all(content.as_bytes()).expect("written");
        file.set_permissions(std::fs::Permissions::from_mode(mode))
            .expect("a mode");
        let given = password(secret);
        open_key(&path, given.source())
    }

    #[test]
    fn a_key_that_is_made_is_opened_again_and_never_overwritten() {
        for algorithm in KeyAlgorithm::ALL {
            let directory = tempfile::tempdir().expect("a directory");
            let made = NewKey::make(algorithm, PASSWORD).expect("made");
            let [key, public] = made.write(&directory.path().join("a")).expect("written");
            assert_eq!(key.metadata().expect("a file").mode() & 0o777, 0o600);
            let given = password(PASSWORD);
            let opened = open_key(&key, given.source()).expect("opened");
            assert_eq!(opened.public(), made.public());
            let text = std::fs::read(&public).expect("a public key");
            assert_eq!(&PublicKey::from_pem(&text).expect("read"), made.public());
            assert!(opened.sign(DigestAlgorithm::Sha256, b"x").is_some());

            let before = std::fs::read(&key).expect("a key");
            let again = made.write(&directory.path().join("a"));
            assert!(matches!(again, Err(SigningError::KeyUnwritable { .. })));
            std::fs::remove_file(&public).expect("removed");
            let again = made.write(&directory.path().join("a"));
            assert!(matches!(again, Err(SigningError::KeyUnwritable { .. })));
            assert_eq!(std::fs::read(&key).expect("a key"), before);
            assert!(!public.exists());
        }
    }

    #[test]
    fn keys_that_others_made_are_opened() {
        for (name, secret) in [
            ("cosign-2.5.key", PASSWORD),
            ("cosign-3.1.key", PASSWORD),
            ("p256.pem", b""),
            ("p256-encrypted.pem", PASSWORD),
            ("ed25519.pem", b""),
            ("rsa-2048.pem", b""),
            ("rsa-2048-encrypted.pem", PASSWORD),
            ("rsa-2048-with-certificate.pem", b""),
        ] {
            let key = open(&from_file(name), 0o600, secret).expect(name);
            assert!(key.sign(DigestAlgorithm::Sha256, b"x").is_some(), "{name}");
            let public = name.replace(".key", ".pub").replace("-encrypted", "");
            let public = public
                .replace("-with-certificate", "")
                .replace(".pem", ".pub");
            let public = PublicKey::from_pem(from_file(&public).as_bytes()).expect(name);
            assert_eq!(key.public(), &public, "{name}");
        }
    }

    #[test]
    fn a_wrong_password_is_told_apart_from_a_broken_key() {
        for name in [
            "cosign-2.5.key",
            "p256-encrypted.pem",
            "rsa-2048-encrypted.pem",
        ] {
            let error = open(&from_file(name), 0o600, b"another").expect_err(name);
            assert!(
                matches!(error, SigningError::PasswordWrong { .. }),
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn a_key_that_others_may_use_is_refused() {
        let text = from_file("p256.pem");
        for mode in [0o640, 0o604, 0o644, 0o620, 0o602, 0o666] {
            let error = open(&text, mode, b"").expect_err("exposed");
            assert!(
                matches!(error, SigningError::KeyExposed { mode: found, .. } if found == mode),
                "{error}"
            );
            assert!(
                error
                    .hint()
                    .is_some_and(|hint| hint.starts_with("run `chmod 600 "))
            );
        }
        for mode in [0o600, 0o400] {
            open(&text, mode, b"").expect("its owner's alone");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_reason() {
        let sealed = |change: fn(&mut serde_json::Value)| {
            let text = from_file("cosign-2.5.key");
            let (_, json) = private_block(text.as_bytes()).expect("a block");
            let mut value: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
            change(&mut value);
            let label = "ENCRYPTED SIGSTORE PRIVATE KEY";
            let body = STANDARD.encode(value.to_string());
            format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
        };
        for (content, reason) in [
            (String::new(), "there is no private key in PEM in it"),
            (
                from_file("p256.pub"),
                "there is no private key in PEM in it",
            ),
            (
                "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n".to_owned(),
                "a `EC PRIVATE KEY` is not read",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n".to_owned(),
                "its `PRIVATE KEY` has no end",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned(),
                "it is none of ECDSA on P-256, Ed25519 and RSA of 2048 bits or more",
            ),
            (
                sealed(|value| value["kdf"]["params"]["N"] = 1_048_576.into()),
                "its password is stretched in another way than cosign's",
            ),
            (
                sealed(|value| value["cipher"]["nonce"] = "AAAA".into()),
                "it is sealed in another way than cosign's",
            ),
            (
                "x".repeat(MOST_BYTES as usize + 1),
                "it is longer than 65536 bytes",
            ),
        ] {
            match open(&content, 0o600, b"") {
                Err(SigningError::KeyUnusable { why, .. }) => assert_eq!(why, reason),
                other => panic!("{reason}: {other:?}"),
            }
        }
        let missing = open_key(Path::new("/nonexistent/key"), PasswordSource::Surroundings);
        assert!(matches!(missing, Err(SigningError::KeyUnreadable { .. })));
    }
}

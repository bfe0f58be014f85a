//! Signatures: over statements, with a local key, an external command or without keys of one's own,
//! and over kernel modules. The only part that ever holds a secret.
//!
//! # Security
//!
//! Nothing is signed before it was compared, nothing leaves that was not verified with the public key, and
//! no key, password or token stands in a record, a message or another process's environment.

mod ci_job;
mod command;
mod digest_algorithm;
mod error;
mod key;
mod key_file;
mod keyless;
mod module;
mod password;
mod pem;
mod shipping;
mod signed_statement;
mod signer;
#[cfg(test)]
mod testing;
mod timestamp;

pub use ci_job::{CiJob, CiProvider};
pub use command::{SigningCommand, TIME_LIMIT};
pub use digest_algorithm::DigestAlgorithm;
pub use error::{Service, SigningError};
pub use key::{KeyAlgorithm, PrivateKey, PublicKey};
pub use key_file::{NewKey, open_key};
pub use keyless::{KeylessServices, KeylessSigner, RekorVersion, TokenSource};
pub use module::{ModuleCertificate, ModuleKey, ModuleSigner};
pub use password::{PasswordSource, Purpose};
pub use shipping::{Shipping, ship};
pub use signed_statement::{BUNDLE_TYPE, SignedStatement};
pub use signer::{CommandSigner, KeySigner, Signer};
pub use timestamp::TimestampAuthority;

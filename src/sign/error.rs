//! Why nothing was signed, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Says why a signature could not be made. Whatever it is, nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error("cannot read the key `{}`", path.display())]
    KeyUnreadable { path: PathBuf, source: io::Error },
    #[error("the key `{}` can be used by others than its owner (mode {mode:04o})", path.display())]
    KeyExposed { path: PathBuf, mode: u32 },
    #[error("cannot use the key `{}`: {why}", path.display())]
    KeyUnusable { path: PathBuf, why: String },
    #[error("the key `{}` is encrypted, and there is no password", path.display())]
    PasswordMissing { path: PathBuf },
    #[error("the password does not open the key `{}`", path.display())]
    PasswordWrong { path: PathBuf },
    #[error("cannot read the password from {from}: {why}")]
    PasswordUnreadable { from: String, why: String },
    #[error("cannot write the key `{}`", path.display())]
    KeyUnwritable { path: PathBuf, source: io::Error },
    #[error("cannot make a key: {why}")]
    KeyNotMade { why: String },
    #[error("cannot use the public key `{}`: {why}", path.display())]
    PublicKeyUnusable { path: PathBuf, why: String },

    #[error("cannot run the signing command `{program}`")]
    CommandNotRun { program: String, source: io::Error },
    #[error("the signing command `{program}` did not end within {} s", limit.as_secs())]
    CommandTimedOut { program: String, limit: Duration },
    #[error("the signing command `{program}` failed with {status}{}", after_colon(.said))]
    CommandFailed {
        program: String,
        /// Such as `exit status: 1`.
        status: String,
        /// The end of what it wrote to standard error.
        said: String,
    },
    #[error("the signing command `{program}` wrote no signature: {why}")]
    CommandAnswer { program: String, why: String },
    #[error("the signing command cannot sign with {algorithm}, which is not over a digest")]
    CommandAlgorithm { algorithm: &'static str },

    #[error("signing with {what} needs the network, and `--offline` forbids it")]
    Offline { what: &'static str },
    #[error("cannot use the identity token from {from}: {why}")]
    Token { from: String, why: String },
    #[error(
        "there is no identity token: no file, no `SIGSTORE_ID_TOKEN`, and no CI provider gives one"
    )]
    NoToken,
    #[error("cannot use the signing services: {why}")]
    Services { why: String },
    #[error("{service} did not do its part of a keyless signature: {why}")]
    Service { service: Service, why: String },
    #[error("the bundle that the signing services made does not verify: {why}")]
    BundleRefused { why: String },
    #[error("the timestamp authority `{url}` gave no timestamp: {why}")]
    Timestamp { url: String, why: String },
    #[error("the signature of {signer} does not verify with its own public key")]
    SignatureRefused { signer: String },

    #[error("cannot use the certificate `{}`: {why}", path.display())]
    CertificateUnusable { path: PathBuf, why: String },
    #[error("the certificate `{}` is not of the key that signs modules", path.display())]
    CertificateOfAnother { path: PathBuf },
    #[error("the kernel takes RSA signatures on modules from here, and this key is {algorithm}")]
    ModuleKey { algorithm: &'static str },
    #[error("the module is signed already")]
    ModuleSigned,
    #[error("the module's signature cannot be written: {why}")]
    ModuleSignature { why: String },
    #[error("cannot compress the module with {compression}")]
    Compression {
        compression: crate::ko::Compression,
        source: io::Error,
    },
}

/// A service that takes part in a keyless signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    IdentityProvider,
    CertificateAuthority,
    TransparencyLog,
    TimestampAuthority,
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::IdentityProvider => "the identity provider",
            Self::CertificateAuthority => "the certificate authority (Fulcio)",
            Self::TransparencyLog => "the transparency log (Rekor)",
            Self::TimestampAuthority => "the timestamp authority",
        })
    }
}

fn after_colon(text: &str) -> String {
    match text.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

impl SigningError {
    /// Returns what to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::KeyExposed { path, .. } => {
                format!("run `chmod 600 {}`, and think of the key as known to those others", path.display())
            }
            Self::KeyUnreadable { .. } => {
                "name a key file with `--sign-key`, or make one with `kmatrix keys new`".to_owned()
            }
            Self::KeyUnusable { .. } => {
                "take a key of `kmatrix keys new`, of `cosign generate-key-pair`, or one that \
                 `openssl genpkey` wrote"
                    .to_owned()
            }
            Self::PasswordMissing { .. } => {
                "set `KMATRIX_KEY_PASSWORD` or `COSIGN_PASSWORD`, pass `--sign-key-password-fd`, or run it at a \
                 terminal"
                    .to_owned()
            }
            Self::PasswordWrong { .. } => {
                "`KMATRIX_KEY_PASSWORD` counts before `COSIGN_PASSWORD`; is it this key's?".to_owned()
            }
            Self::PublicKeyUnusable { .. } => {
                "give the signing key's public key in PEM (`kmatrix keys public`, `openssl pkey -pubout`)"
                    .to_owned()
            }
            Self::CommandNotRun { .. } => {
                "`--sign-command` is a program; its arguments follow one by one as `--sign-argument`"
                    .to_owned()
            }
            Self::CommandTimedOut { .. } => "pass a longer `--sign-timeout`".to_owned(),
            Self::CommandAnswer { .. } | Self::CommandFailed { .. } => {
                "it gets the digest in hexadecimal on standard input and writes the signature in base64: \
                 docs/signing.md"
                    .to_owned()
            }
            Self::CommandAlgorithm { .. } => {
                "an external key is ECDSA on P-256 or RSA".to_owned()
            }
            Self::Offline { .. } => {
                "sign with `--sign-key` or `--sign-command`, or without `--offline`".to_owned()
            }
            Self::Token { .. } => {
                "tokens live some minutes only; let the provider give a fresh one with the audience \
                 `sigstore`"
                    .to_owned()
            }
            Self::NoToken => {
                "pass `--identity-token FILE`, or let the CI job have one (in GitHub Actions: \
                 `permissions: id-token: write`)"
                    .to_owned()
            }
            Self::Services { .. } => {
                "give all of `--fulcio-url`, `--rekor-url` and, for Rekor v2, `--timestamp-url`; or \
                 `--signing-config`"
                    .to_owned()
            }
            Self::Service { .. } | Self::Timestamp { .. } => {
                "nothing was signed; run the same command again when the service answers".to_owned()
            }
            Self::BundleRefused { .. } => {
                "is `--sign-trusted-root` that of these services?".to_owned()
            }
            Self::SignatureRefused { .. } => {
                "is `--sign-public-key` the public half of the key that the command signs with?".to_owned()
            }
            Self::CertificateOfAnother { .. } | Self::CertificateUnusable { .. } => {
                "`--module-certificate` is the X.509 certificate, PEM or DER, that the kernel has for \
                 this key"
                    .to_owned()
            }
            Self::ModuleKey { .. } => {
                "make one with `openssl req -new -x509 -newkey rsa:3072 ...`".to_owned()
            }
            Self::ModuleSigned => {
                "modules are signed after they were compared, and only once".to_owned()
            }
            Self::KeyUnwritable { .. } => {
                "name another place with `--output`; a key that is there is never overwritten".to_owned()
            }
            Self::PasswordUnreadable { .. }
            | Self::KeyNotMade { .. }
            | Self::ModuleSignature { .. }
            | Self::Compression { .. } => return None,
        })
    }
}

//! Who signs: the flags of every command that signs, and what they come to.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::{Common, Refusal};
use crate::exit::Exit;
use crate::ko::Compression;
use crate::sign::{
    CommandSigner, DigestAlgorithm, KeySigner, KeylessServices, KeylessSigner, ModuleCertificate,
    ModuleKey, ModuleSigner, PasswordSource, PublicKey, RekorVersion, Shipping, Signer,
    SigningCommand, SigningError, TIME_LIMIT, TimestampAuthority, TokenSource, open_key,
};

/// The most that is read of a signing configuration or a trusted root.
const MOST_DOCUMENT: u64 = 4 << 20;
const MOST_PUBLIC_KEY: u64 = 64 << 10;

/// Who signs statements: one of a key, a command and an identity.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who signs")]
pub(crate) struct Signing {
    /// Sign with a private key: cosign's, or PKCS#8 in PEM. Its password is in KMATRIX_KEY_PASSWORD or
    /// COSIGN_PASSWORD, or asked for
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sign_command", "keyless"])]
    sign_key: Option<PathBuf>,

    /// Read the key's password from a file descriptor instead
    #[arg(long, value_name = "N", requires = "sign_key")]
    sign_key_password_fd: Option<u32>,

    /// Sign by a program that has the key (docs/signing.md)
    #[arg(
        long,
        value_name = "PROGRAM",
        conflicts_with = "keyless",
        requires = "sign_public_key"
    )]
    sign_command: Option<OsString>,

    /// An argument of that program; may be given several times
    #[arg(
        long = "sign-argument",
        value_name = "ARGUMENT",
        allow_hyphen_values = true,
        requires = "sign_command"
    )]
    sign_arguments: Vec<OsString>,

    /// The public key of that program's key, in PEM
    #[arg(long, value_name = "FILE", requires = "sign_command")]
    sign_public_key: Option<PathBuf>,

    /// How long that program may take
    #[arg(long, value_name = "SECONDS", default_value_t = TIME_LIMIT.as_secs())]
    sign_timeout: u64,

    /// Sign without a key, as whoever an identity token says: at the public Sigstore instance, unless
    /// other services are named
    #[arg(long)]
    keyless: bool,

    /// The identity token [default: SIGSTORE_ID_TOKEN, or what the CI provider gives]
    #[arg(long, value_name = "FILE", requires = "keyless")]
    identity_token: Option<PathBuf>,

    /// The services to sign at, as a Sigstore signing configuration
    #[arg(
        long,
        value_name = "FILE",
        requires = "keyless",
        conflicts_with_all = ["fulcio_url", "rekor_url", "timestamp_url"]
    )]
    signing_config: Option<PathBuf>,

    /// The certificate authority
    #[arg(long, value_name = "URL", requires_all = ["keyless", "rekor_url"])]
    fulcio_url: Option<String>,

    /// The transparency log
    #[arg(long, value_name = "URL", requires_all = ["keyless", "fulcio_url"])]
    rekor_url: Option<String>,

    /// The version of that log's API
    #[arg(long, value_name = "VERSION", default_value = "2", value_parser = ["1", "2"])]
    rekor_version: String,

    /// A timestamp authority (RFC 3161); with a key or a command, signatures are timestamped only if
    /// this is given
    #[arg(long, value_name = "URL")]
    timestamp_url: Option<String>,

    /// What the bundles of these services are verified with before they count
    #[arg(long, value_name = "FILE", requires = "keyless")]
    sign_trusted_root: Option<PathBuf>,
}

impl Signing {
    /// Returns true if anybody is named who signs.
    pub(crate) fn is_given(&self) -> bool {
        self.sign_key.is_some() || self.sign_command.is_some() || self.keyless
    }

    /// Returns who signs. Keys are opened and tokens read, so that what is wrong with them is told
    /// before anything else is done.
    pub(crate) async fn signer(&self, common: &Common) -> Result<Signer, Refusal> {
        let timestamps = match &self.timestamp_url {
            Some(_) if common.offline => {
                return Err(SigningError::Offline {
                    what: "a timestamp",
                }
                .into());
            }
            url => url.clone().map(TimestampAuthority::at),
        };
        if let Some(path) = &self.sign_key {
            let key = open_key(path, password(self.sign_key_password_fd))?;
            return Ok(Signer::Key(KeySigner::new(key, timestamps)));
        }
        if let Some(program) = &self.sign_command {
            let command = SigningCommand::new(
                program.clone(),
                self.sign_arguments.clone(),
                Duration::from_secs(self.sign_timeout),
                public_key(self.sign_public_key.as_deref())?,
            )?;
            return Ok(Signer::Command(CommandSigner::new(command, timestamps)));
        }
        if !self.keyless {
            return Err(Refusal::new(Exit::Usage, "nobody is named who signs").hint(
                "pass `--sign-key FILE`, `--sign-command PROGRAM` or `--keyless`".to_owned(),
            ));
        }
        if common.offline {
            return Err(SigningError::Offline {
                what: "an identity",
            }
            .into());
        }
        let services = match (&self.signing_config, &self.fulcio_url, &self.rekor_url) {
            (Some(path), _, _) => KeylessServices::Config(document(path)?),
            (None, Some(fulcio), Some(rekor)) => KeylessServices::At {
                fulcio: fulcio.clone(),
                rekor: rekor.clone(),
                rekor_version: match self.rekor_version.as_str() {
                    "1" => RekorVersion::V1,
                    _ => RekorVersion::V2,
                },
                timestamps: self.timestamp_url.clone(),
            },
            _ => KeylessServices::Public,
        };
        let source = match &self.identity_token {
            Some(path) => TokenSource::File(path.clone()),
            None => TokenSource::Surroundings,
        };
        let root = self
            .sign_trusted_root
            .as_deref()
            .map(document)
            .transpose()?;
        let signer = KeylessSigner::new(services, source, root.as_deref()).await?;
        Ok(Signer::Keyless(Box::new(signer)))
    }
}

/// The form in which modules are shipped.
#[derive(Debug, Args)]
#[command(next_help_heading = "How modules are shipped")]
pub(crate) struct ShippingForm {
    /// Sign modules for the kernel, as its `sign-file` does, with an RSA key in PKCS#8; its password is found as
    /// that of `--sign-key`
    #[arg(
        long,
        value_name = "FILE",
        requires = "module_certificate",
        conflicts_with = "module_sign_command"
    )]
    module_key: Option<PathBuf>,

    /// Read that key's password from a file descriptor instead
    #[arg(long, value_name = "N", requires = "module_key")]
    module_key_password_fd: Option<u32>,

    /// Sign modules by a program that has the key
    #[arg(long, value_name = "PROGRAM", requires = "module_certificate")]
    module_sign_command: Option<OsString>,

    /// An argument of that program; may be given several times
    #[arg(
        long = "module-sign-argument",
        value_name = "ARGUMENT",
        allow_hyphen_values = true,
        requires = "module_sign_command"
    )]
    module_sign_arguments: Vec<OsString>,

    /// The certificate of that key which the kernels have, in PEM or DER
    #[arg(long, value_name = "FILE")]
    module_certificate: Option<PathBuf>,

    /// The digest that is signed
    #[arg(long, value_name = "DIGEST", default_value = "sha256")]
    module_digest: DigestAlgorithm,

    /// Compress modules, as `make modules_install` does
    #[arg(long, value_enum, value_name = "FORM")]
    compress: Option<CompressionForm>,
}

/// How modules are compressed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum CompressionForm {
    Gzip,
    Xz,
    Zstd,
}

impl ShippingForm {
    /// Returns what is done to each module after it was compared.
    pub(crate) fn shipping(&self) -> Result<Shipping, Refusal> {
        let key = match (&self.module_key, &self.module_sign_command) {
            (Some(path), _) => Some(ModuleKey::Key(open_key(
                path,
                password(self.module_key_password_fd),
            )?)),
            (None, Some(program)) => Some(ModuleKey::Command(SigningCommand::new(
                program.clone(),
                self.module_sign_arguments.clone(),
                TIME_LIMIT,
                self.certificate()?.public().clone(),
            )?)),
            (None, None) => None,
        };
        let signer = match key {
            Some(key) => Some(ModuleSigner::new(
                key,
                self.certificate()?,
                self.module_digest,
            )?),
            None => None,
        };
        Ok(Shipping {
            signer,
            compression: self.compress.map(|form| match form {
                CompressionForm::Gzip => Compression::Gzip,
                CompressionForm::Xz => Compression::Xz,
                CompressionForm::Zstd => Compression::Zstd,
            }),
        })
    }

    fn certificate(&self) -> Result<ModuleCertificate, Refusal> {
        match &self.module_certificate {
            Some(path) => Ok(ModuleCertificate::read(path)?),
            None => Err(Refusal::new(
                Exit::Usage,
                "there is no certificate of the key that signs modules",
            )
            .hint("pass `--module-certificate FILE`".to_owned())),
        }
    }
}

/// Returns where a password is found.
pub(crate) fn password(descriptor: Option<u32>) -> PasswordSource {
    match descriptor {
        Some(number) => PasswordSource::Descriptor(number),
        None => PasswordSource::Surroundings,
    }
}

fn public_key(path: Option<&Path>) -> Result<PublicKey, Refusal> {
    let path = path.ok_or_else(|| {
        Refusal::new(Exit::Usage, "the signing command's public key is not given")
            .hint("pass `--sign-public-key FILE`".to_owned())
    })?;
    Ok(read_public_key(path)?)
}

/// Reads a public key in PEM.
pub(crate) fn read_public_key(path: &Path) -> Result<PublicKey, SigningError> {
    let unusable = |why: String| SigningError::PublicKeyUnusable {
        path: path.to_owned(),
        why,
    };
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_PUBLIC_KEY + 1).read_to_end(&mut pem))
        .map_err(|error| unusable(error.to_string()))?;
    PublicKey::from_pem(&pem).map_err(unusable)
}

fn document(path: &Path) -> Result<String, SigningError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MOST_DOCUMENT).read_to_string(&mut text))
        .map_err(|error| SigningError::Services {
            why: format!("`{}`: {error}", path.display()),
        })?;
    Ok(text)
}

//! `kmatrix keys`.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::attest::{STATEMENT_TYPE, Statement, Subject};
use crate::cli::signing::{ShippingForm, Signing, password, read_public_key};
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::report::Status;
use crate::sign::{KeyAlgorithm, NewKey, PublicKey, Purpose, SigningError, open_key, ship};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key pair, as `cosign generate-key-pair` does
    New(New),
    /// Print the public half of a private key
    Public(Public),
    /// Show how a public key is named in policies, records and bundles
    Show(Show),
    /// Sign something without meaning, to see before a long build that signing will work
    Try(Box<Try>),
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// Write PREFIX.key and PREFIX.pub
    #[arg(long, short, value_name = "PREFIX", default_value = "kmatrix")]
    output: PathBuf,

    /// The kind of key; not every verifier takes every kind, and all take this one
    #[arg(long, value_enum, default_value_t = Kind::EcdsaP256)]
    kind: Kind,

    /// Read the password from a file descriptor [default: KMATRIX_KEY_PASSWORD, COSIGN_PASSWORD, or it is asked
    /// for]
    #[arg(long, value_name = "N")]
    password_fd: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Public {
    /// A private key
    #[arg(value_name = "FILE")]
    key: PathBuf,

    /// Read its password from a file descriptor [default: KMATRIX_KEY_PASSWORD, COSIGN_PASSWORD, or it is asked
    /// for]
    #[arg(long, value_name = "N")]
    password_fd: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A public key in PEM
    #[arg(value_name = "FILE")]
    key: PathBuf,

    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Try {
    #[command(flatten)]
    signing: Signing,

    #[command(flatten)]
    form: ShippingForm,
}

/// The kinds of keys that are made.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    EcdsaP256,
    Ed25519,
    Rsa,
}

/// What is known of a public key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyDocument {
    schema_version: u32,
    algorithm: &'static str,
    /// SHA-256 of the SubjectPublicKeyInfo, in hexadecimal: in policies, records and DSSE envelopes.
    sha256: String,
    /// The same in base64: in Sigstore bundles.
    hint: String,
    pem: String,
}

pub(crate) async fn run(
    common: &Common,
    command: &Command,
    status: &Status,
) -> Result<Exit, Refusal> {
    match command {
        Command::Try(what) => attempt(common, what, status).await,
        Command::New(new) => make(new, status),
        Command::Public(public) => {
            let key = open_key(&public.key, password(public.password_fd))?;
            answer(|out| write!(out, "{}", key.public().to_pem()))?;
            Ok(Exit::Success)
        }
        Command::Show(show) => {
            let key = read_public_key(&show.key).map_err(|error| {
                Refusal::new(Exit::Invalid, error.to_string()).hint(error.hint())
            })?;
            let document = document(&key);
            match show.format {
                Format::Human => answer(|out| {
                    writeln!(out, "algorithm  {}", document.algorithm)?;
                    writeln!(out, "sha256     {}", document.sha256)?;
                    writeln!(out, "hint       {}", document.hint)
                })?,
                Format::Json => answer_json(&document)?,
            }
            Ok(Exit::Success)
        }
    }
}

fn make(new: &New, status: &Status) -> Result<Exit, Refusal> {
    let algorithm = match new.kind {
        Kind::EcdsaP256 => KeyAlgorithm::EcdsaP256,
        Kind::Ed25519 => KeyAlgorithm::Ed25519,
        Kind::Rsa => KeyAlgorithm::Rsa,
    };
    let secret = password(new.password_fd).read(&new.output, Purpose::Make)?;
    let pair = NewKey::make(algorithm, &secret)?;
    let written = pair.write(&new.output).map_err(|error| match &error {
        SigningError::KeyUnwritable { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
            Refusal::from(error).ending(Exit::Usage)
        }
        _ => error.into(),
    })?;
    for path in written {
        status.done("Wrote", &path.display().to_string());
    }
    if secret.is_empty() {
        status.warn("the password is empty: whoever has the file has the key");
    }
    answer(|out| writeln!(out, "{}", pair.public().fingerprint().to_hex()))?;
    Ok(Exit::Success)
}

/// The type of the statement that is signed on trial; no policy accepts it.
const TRIAL: &str = "urn:kmatrix:signing-trial:v1";

async fn attempt(common: &Common, what: &Try, status: &Status) -> Result<Exit, Refusal> {
    let shipping = what.form.shipping()?;
    if !what.signing.is_given() && shipping.is_plain() {
        return Err(
            Refusal::new(Exit::Usage, "nothing is named to be tried").hint(
                "pass `--sign-key`, `--sign-command`, `--keyless`, `--module-key` or \
             `--module-sign-command`"
                    .to_owned(),
            ),
        );
    }
    if what.signing.is_given() {
        let signer = what.signing.signer(common).await?;
        let statement = Statement {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject::plain("nothing", Sha256Digest::of(b""))],
            predicate_type: TRIAL.to_owned(),
            predicate: serde_json::Map::new(),
        };
        let signed = signer.sign(&statement.to_bytes()).await?;
        status.done("Signed", &format!("a statement as {}", signed.signer));
    }
    if !shipping.is_plain() {
        ship(b"no module", &shipping).await?;
        status.done("Shipped", "a module that is none");
    }
    Ok(Exit::Success)
}

fn document(key: &PublicKey) -> KeyDocument {
    KeyDocument {
        schema_version: 1,
        algorithm: key.algorithm().as_str(),
        sha256: key.fingerprint().to_hex(),
        hint: key.hint(),
        pem: key.to_pem(),
    }
}

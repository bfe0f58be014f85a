//! Whom to trust for an archive: the flags, and what they come to.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Refusal;
use crate::exit::Exit;
use crate::verify::Trust;

/// The most that is read of a key or a trust root.
const MOST: u64 = 4 << 20;

/// Whose signature an archive must have.
#[derive(Debug, Args)]
#[command(next_help_heading = "Whom to trust")]
pub(crate) struct Trusted {
    /// Trust what this public key has signed (PEM); may be given several times
    #[arg(long, visible_alias = "key", value_name = "FILE")]
    trust_key: Vec<PathBuf>,

    /// Trust what the authorities of this trust root vouch for (trusted_root.json)
    #[arg(long, visible_alias = "trust-root", value_name = "FILE")]
    trusted_root: Option<PathBuf>,

    /// Take the archive as it comes, whoever made it; it is recorded as signed by nobody
    #[arg(long, conflicts_with_all = ["trust_key", "trusted_root"])]
    unsigned: bool,
}

impl Trusted {
    /// Returns whom to trust; `None` if archives are to be taken as they come.
    pub(crate) fn trust(&self) -> Result<Option<Trust>, Refusal> {
        if self.unsigned {
            return Ok(None);
        }
        if self.trust_key.is_empty() && self.trusted_root.is_none() {
            return Err(
                Refusal::new(Exit::Usage, "nobody is named whose signature counts").hint(
                    "pass `--trust-key FILE` or `--trusted-root FILE`; `--unsigned` takes an archive \
                     as it comes"
                        .to_owned(),
                ),
            );
        }
        let refuse = |path: &Path| {
            let path = path.display().to_string();
            move |refused: crate::verify::Refused| {
                Refusal::new(Exit::VerificationFailed, format!("cannot trust `{path}`"))
                    .caused_by(&refused)
            }
        };
        let mut trust = Trust::default();
        for path in &self.trust_key {
            trust = trust.with_key(&read(path)?).map_err(refuse(path))?;
        }
        if let Some(path) = &self.trusted_root {
            trust = trust.with_root(&read(path)?).map_err(refuse(path))?;
        }
        Ok(Some(trust))
    }
}

/// Reads a small file that somebody named.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error.to_string()))?;
    if bytes.len() as u64 > MOST {
        return Err(unreadable(path, &format!("it has more than {MOST} bytes")));
    }
    Ok(bytes)
}

/// Says that a file cannot be read that somebody named, before anything is made for it.
pub(crate) fn must_be_readable(path: &Path) -> Result<(), Refusal> {
    File::open(path)
        .map(drop)
        .map_err(|error| unreadable(path, &error.to_string()))
}

fn unreadable(path: &Path, why: &str) -> Refusal {
    let message = format!("cannot read `{}`: {why}", path.display());
    Refusal::new(Exit::InputUnavailable, message)
}

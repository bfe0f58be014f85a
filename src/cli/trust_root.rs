//! `kmatrix trust-root`: the only command of verification that asks the network.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::interrupt::unless_stopped;
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::report::Status;
use crate::state::{State, write_atomically};
use crate::verify::{LookedAt, Network, Refused, Trust, TufSource};

/// A TUF root with many keys has some ten kilobytes.
const MOST_ROOT_BYTES: u64 = 512_000;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the repository is: metadata there, targets below `targets/`
    #[arg(value_name = "URL")]
    url: String,

    /// A `root.json` of the repository, from somewhere that is trusted already
    #[arg(long, value_name = "FILE")]
    pinned_root: PathBuf,

    /// Write the trust root there, for `--trust-root` and policies
    #[arg(long, value_name = "FILE", default_value = "trusted_root.json")]
    out: PathBuf,

    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// What was found, as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrustRootDocument {
    schema_version: u32,
    /// To be pinned in policies.
    digest: Sha256Digest,
    file: PathBuf,
    /// True if the repository was not asked or did not answer.
    from_what_was_kept: bool,
}

pub(crate) async fn run(
    common: &Common,
    arguments: &Arguments,
    status: &Status,
) -> Result<Exit, Refusal> {
    let pinned_root = read_pinned(&arguments.pinned_root)?;
    let state = State::open(&common.state)?;
    let repository = [arguments.url.as_bytes(), b"\0", &pinned_root].concat();
    let source = TufSource {
        url: arguments.url.clone(),
        kept_in: state
            .root()
            .join("trust-roots")
            .join(Sha256Digest::of(&repository).to_hex()),
        pinned_root,
    };
    let network = if common.offline {
        Network::Never
    } else {
        Network::Allowed
    };
    let look = async {
        source
            .look(network, Timestamp::now())
            .await
            .map_err(|refused| not_had(&refused))
    };
    let look = unless_stopped(look).await?;
    Trust::root(&look.trusted_root).map_err(|refused| not_had(&refused))?;
    write_atomically(&beside(&arguments.out), &look.trusted_root)?;
    let document = TrustRootDocument {
        schema_version: 1,
        digest: Sha256Digest::of(&look.trusted_root),
        file: arguments.out.clone(),
        from_what_was_kept: look.from == LookedAt::Kept,
    };
    if document.from_what_was_kept && !common.offline {
        status.warn("the repository cannot be reached; what an earlier look kept still holds");
    }
    match arguments.format {
        Format::Human => answer(|out| writeln!(out, "{}", document.digest))?,
        Format::Json => answer_json(&document)?,
    }
    Ok(Exit::Success)
}

fn not_had(refused: &Refused) -> Refusal {
    Refusal::new(
        Exit::InputUnavailable,
        "there is no trust root that the pinned root leads to",
    )
    .caused_by(refused)
}

fn read_pinned(path: &Path) -> Result<Vec<u8>, Refusal> {
    let failed = |error: std::io::Error| {
        Refusal::new(
            Exit::InputUnavailable,
            format!("cannot read `{}`", path.display()),
        )
        .caused_by(&error)
    };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MOST_ROOT_BYTES {
        return Err(Refusal::new(
            Exit::InputUnavailable,
            format!(
                "`{}` has {size} bytes, and a root of at most {MOST_ROOT_BYTES} is read",
                path.display()
            ),
        ));
    }
    std::fs::read(path).map_err(failed)
}

/// Returns a path whose folder has a name.
fn beside(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new(".").join(path),
        Some(_) | None => path.to_owned(),
    }
}

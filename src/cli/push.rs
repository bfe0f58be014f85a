//! `kmatrix push`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::interrupt::unless_stopped;
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::oci::{Access, Credentials, Registry, Repository};
use crate::publish::{Release, push};
use crate::report::{PushedDocument, Status, print_pushed};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory that `kmatrix attest --out` wrote
    directory: PathBuf,
    /// Where it goes: `REGISTRY/NAME`, with `:TAG` for the release's name there
    repository: Repository,
    /// Speak to the registry without TLS, as is done with one on this machine in any case
    #[arg(long)]
    plain_http: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) async fn run(
    common: &Common,
    arguments: Arguments,
    status: &Status,
) -> Result<Exit, Refusal> {
    if common.offline {
        let message = "`push` needs the network, and `--offline` forbids it";
        return Err(Refusal::new(Exit::Usage, message));
    }
    let repository = arguments.repository;
    let release = Release::read(&arguments.directory)?;
    let access = if arguments.plain_http {
        Access::Plain
    } else {
        Access::Usual
    };
    let credentials = Credentials::of(&repository)?;
    let registry = Registry::new(repository.clone(), access, credentials);
    let count = release.modules.len();
    status.begin_spinner("Pushing", &format!("{count} modules to {repository}"));
    let pushed = async { Ok(push(&release, &registry, repository.tag()).await?) };
    let pushed = unless_stopped(pushed).await?;
    status.end_bar();
    let document = PushedDocument::new(&release, &pushed, &repository);
    let as_files = document.named_as_files_only();
    if as_files > 0 {
        status.warn(&format!(
            "attestations name {as_files} of {count} modules as files and not as they are in a \
             registry, so `cosign verify-attestation` does not accept them there"
        ));
    }
    match arguments.format {
        Format::Human => answer(|out| print_pushed(out, &document))?,
        Format::Json => answer_json(&document)?,
    }
    Ok(Exit::Success)
}

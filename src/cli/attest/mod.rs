//! `kmatrix attest`.

mod builder;
mod evidence;
mod lay_out;
mod sign;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::attest::{Attester, ReleaseMaterial, release_statements};
use crate::cli::attest::builder::builder_of;
use crate::cli::attest::evidence::{Statements, release_of};
use crate::cli::attest::lay_out::lay_out;
use crate::cli::attest::sign::{Signed, sign_all};
use crate::cli::explain::recorded;
use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, read_matrix};
use crate::cli::signing::{self, ShippingForm};
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::exit::Exit;
use crate::label::{Signing, Tier, roll_up, scope};
use crate::ledger::Ledger;
use crate::report::{AttestedDocument, Status, print_attested};
use crate::run::Assessment;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The matrix file
    matrix: PathBuf,
    /// The run whose cells are attested [default: the newest of the matrix]
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    #[command(flatten)]
    signing: signing::Signing,
    #[command(flatten)]
    shipping: ShippingForm,
    /// SLSA's builder: who is to be trusted for what provenance says [default: what is known of where the
    /// attempts ran, docs/attestations.md]
    #[arg(long, value_name = "URI", value_parser = parse_uri)]
    builder_id: Option<String>,
    /// Who operates the platform that the attempts ran on
    #[arg(long, value_name = "NAME", default_value = "unnamed")]
    operator: String,
    /// Lay modules and attestations out in a directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Takes what has a scheme; what is behind it is between a builder and those who trust it.
fn parse_uri(text: &str) -> Result<String, String> {
    let is_uri = text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            && !rest.is_empty()
    });
    let is_plain = text.chars().all(|c| c.is_ascii_graphic());
    if is_uri && is_plain {
        Ok(text.to_owned())
    } else {
        Err(
            "a builder is named by a URI, such as `https://builds.example.org/kernel/v1`"
                .to_owned(),
        )
    }
}

pub(crate) async fn run(
    common: &Common,
    arguments: Arguments,
    status: &Status,
) -> Result<Exit, Refusal> {
    let matrix = read_matrix(&arguments.matrix)?;
    recorded(common)?;
    let inputs = Inputs::open(common, status)?;
    let _claim = inputs.state.claim()?;
    let mut ledger = Ledger::open(&inputs.state.ledger())?;
    let signer = arguments.signing.signer(common).await?;
    let shipping = arguments.shipping.shipping()?;

    let signing = Signing {
        grade: signer.grade(),
        by: signer.name(),
    };
    let wanted = arguments.run.as_deref();
    let release = release_of(&inputs, &ledger, &matrix, wanted, &signing).await?;
    let attester = Attester {
        builder: match arguments.builder_id {
            Some(id) => id,
            None => builder_of(&release.assessments, signer.job(), &ledger)?.to_owned(),
        },
        operator: arguments.operator,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: Timestamp::now(),
    };
    let required = matrix.policy.require.map_or(Tier::Unverified, Tier::from);
    let cells = unless_stopped(Statements::of_cells(
        &release.assessments,
        &inputs.store,
        &shipping,
        required,
        &attester,
    ))
    .await?;
    if cells.by_cell.is_empty() {
        return Err(nothing(&release.run));
    }
    let each = || release.assessments.iter().map(|one| (&one.cell.id, one));
    let rollup = roll_up(each().map(|(id, one)| (id, one.for_roll_up())));
    let let_go = release.lock.let_go.iter();
    let scope = scope(
        each().map(|(id, one)| (id, one.fate())),
        &release.plan.exclusions,
        let_go.map(|gone| (gone.cell.clone(), gone.accepted)),
    );
    let of_release = release_statements(
        &ReleaseMaterial {
            release: &release.name,
            plan: release.plan.digest,
            lock: release.lock_digest,
            rollup: &rollup,
            scope: &scope,
            cells: &release.assessments,
            statements: &cells.by_cell,
        },
        required,
        &attester,
    );
    let all = || cells.by_cell.values().flatten().chain(&of_release);
    let signing = sign_all(all(), &signer, &inputs.store, &release.run, status);
    let signed: Vec<Signed> = unless_stopped(signing).await?;
    let records: Vec<_> = signed.iter().map(|one| one.record.clone()).collect();
    ledger.add_attestations(&records)?;
    if let Some(out) = &arguments.out {
        lay_out(
            out,
            &release.assessments,
            &cells.shipped,
            &signed,
            &inputs.store,
        )?;
    }
    for assessment in &release.assessments {
        tell_of(assessment, &cells, status);
    }
    let document = AttestedDocument::new(&release.run, &records, arguments.out.as_deref());
    match arguments.format {
        Format::Human => answer(|to| print_attested(to, &document))?,
        Format::Json => answer_json(&document)?,
    }
    Ok(Exit::Success)
}

/// Names the cells of which nothing could be claimed.
fn tell_of(assessment: &Assessment, cells: &Statements, status: &Status) {
    let id = &assessment.cell.id;
    if !cells.by_cell.contains_key(id) {
        status.bad(
            "Unattested",
            &format!("{id} has no module; the scope statement says why"),
        );
    }
}

fn nothing(run: &str) -> Refusal {
    Refusal::new(
        Exit::EvidenceMissing,
        format!("no cell of the run {run} has a module that could be attested"),
    )
    .hint("`kmatrix report` says what became of the cells".to_owned())
}

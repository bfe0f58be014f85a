//! `kmatrix audit`.

mod again;
mod rebuild;

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::attest::{AUDIT_BUILDER, Unsigned};
use crate::bundle::{
    self, Audit, Checked, Circumstances, Drawn, Finding, Limits, SampleError, SampleSize, Seed,
    Trusting,
};
use crate::cli::bundle::not_taken_in;
use crate::cli::prepare::Inputs;
use crate::cli::signing::Signing;
use crate::cli::trusting::{Trusted, must_be_readable};
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::ledger::{AttestationRecord, Ledger};
use crate::name::{CellId, ModuleName};
use crate::report::{AuditDocument, Status, print_audit};
use crate::sign::{SignedStatement, Signer};
use crate::state;
use crate::store::Store;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The archive
    archive: PathBuf,
    /// How many cells are built again, or `all`
    #[arg(long, value_name = "N")]
    sample: SampleSize,
    /// Draw from every distribution, architecture and kernel series, at least one cell from each
    #[arg(long)]
    stratified: bool,
    /// Draw the sample of an earlier audit again [default: a random one]
    #[arg(long, value_name = "TEXT")]
    seed: Option<Seed>,
    /// Where the source of a module is that the archive does not hold; may be given several times
    #[arg(long, value_name = "MODULE=DIR", value_parser = parse_source)]
    source: Vec<(ModuleName, PathBuf)>,
    /// Who operates this platform
    #[arg(long, value_name = "NAME", default_value = "unnamed")]
    operator: String,
    /// SLSA's builder: who is to be trusted for what is found here
    #[arg(
        long,
        value_name = "URI",
        default_value = AUDIT_BUILDER
    )]
    builder_id: String,
    #[command(flatten)]
    trusted: Trusted,
    #[command(flatten)]
    signing: Signing,
    /// Sign nothing; what is found counts for nobody else then
    #[arg(long, conflicts_with_all = ["sign_key", "sign_command", "keyless"])]
    no_sign: bool,
    /// How many cells are built at one time [default: the engine's CPUs]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Lay the signed statements and the report out in a directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

fn parse_source(text: &str) -> Result<(ModuleName, PathBuf), String> {
    let (module, directory) = text
        .split_once('=')
        .ok_or("a source is given as `module=directory`")?;
    let module = module.parse().map_err(|error| format!("{error}"))?;
    Ok((module, PathBuf::from(directory)))
}

pub(crate) async fn run(
    common: &Common,
    arguments: Arguments,
    status: &Status,
) -> Result<Exit, Refusal> {
    let trust = arguments.trusted.trust()?;
    let authority = Trusting {
        trust: trust.as_ref(),
    };
    let limits = Limits::default();
    let path = &arguments.archive;
    // What is refused at first sight leaves no directory.
    let (_, checked) = bundle::open(path, &limits, &authority).map_err(not_taken_in)?;
    let signer = if arguments.no_sign {
        None
    } else {
        Some(arguments.signing.signer(common).await?)
    };
    must_be_readable(&arguments.archive)?;
    let inputs = Inputs::open(common, status)?;
    let _claim = inputs.state.claim()?;
    let mut ledger = Ledger::open(&inputs.state.ledger())?;
    ledger.close_abandoned_runs()?;
    is_elsewhere(&ledger, &checked)?;
    status.busy("Importing", &path.display().to_string());
    let (store, now) = (&inputs.store, Timestamp::now());
    let imported =
        bundle::import(path, &limits, store, &mut ledger, &authority, now).map_err(not_taken_in)?;
    if imported.checked.digest != checked.digest {
        let message = format!("`{}` was replaced while it was read", path.display());
        return Err(Refusal::new(Exit::VerificationFailed, message));
    }
    let claims = bundle::claims(&ledger, &imported.checked.digest)?;
    let cells: Vec<CellId> = claims.built.keys().cloned().collect();
    let seed = match &arguments.seed {
        Some(seed) => seed.clone(),
        None => random_seed()?,
    };
    let digest = imported.checked.digest;
    let size = arguments.sample;
    let drawn = bundle::draw(&cells, &digest, &seed, size, arguments.stratified).map_err(refuse)?;
    status.done(
        "Drawn",
        &format!("{} of {} cells, seed {seed}", sampled(&drawn), cells.len()),
    );
    let circumstances = Circumstances {
        archive: digest,
        release: imported.checked.index.release.clone(),
        claimed_by: imported.checked.signer.clone(),
        audited_by: signer.as_ref().map(Signer::name),
        operator: arguments.operator.clone(),
        seed,
        stratified: arguments.stratified,
    };
    let work = rebuild::Work {
        inputs: &inputs,
        circumstances: &circumstances,
        sources: &arguments.source,
        builder: &arguments.builder_id,
        jobs: arguments.jobs,
        grade: signer.as_ref().map(Signer::grade),
    };
    let wanted: Vec<(CellId, Sha256Digest)> = drawn
        .iter()
        .flat_map(|drawn| &drawn.sample)
        .filter_map(|cell| Some((cell.clone(), *claims.built.get(cell)?)))
        .collect();
    let found = work.rebuild(&mut ledger, &wanted).await?;
    let audit = Audit::new(circumstances, claims.without.len(), &drawn, found.cells);
    if let Some(signer) = &signer {
        let mut signing = CoSigning {
            signer,
            store: &inputs.store,
            run: &found.run,
            out: arguments.out.as_deref(),
            records: Vec::new(),
        };
        for statement in &found.statements {
            signing.cell(statement).await?;
        }
        signing.audit(&audit).await?;
        ledger.add_attestations(&signing.records)?;
    }
    if let Some(out) = &arguments.out {
        state::write_json(&out.join("audit.json"), &AuditDocument::from(&audit))?;
    }
    match arguments.format {
        Format::Human => answer(|out| print_audit(out, &audit))?,
        Format::Json => answer_json(&AuditDocument::from(&audit))?,
    }
    Ok(audit
        .cells
        .iter()
        .map(|cell| exit(&cell.finding))
        .fold(found.exit, Exit::or))
}

fn exit(finding: &Finding) -> Exit {
    match finding {
        Finding::Same { .. } => Exit::Success,
        Finding::Differs { .. } => Exit::RebuildDiffers,
        Finding::NoModule { .. } => Exit::CellsFailed,
        Finding::Missing { .. } => Exit::EvidenceMissing,
    }
}

fn sampled(drawn: &[Drawn]) -> usize {
    drawn.iter().map(|drawn| drawn.sample.len()).sum()
}

fn refuse(error: SampleError) -> Refusal {
    let (exit, hint) = match &error {
        SampleError::NoCells => (Exit::EvidenceMissing, None),
        SampleError::FewerThanStrata { strata, .. } => (
            Exit::Usage,
            Some(format!(
                "ask for at least {strata}, or leave out `--stratified`"
            )),
        ),
    };
    Refusal::new(exit, error.to_string()).hint(hint)
}

/// Refuses to audit a release where it was built: what is known here would answer for itself.
fn is_elsewhere(ledger: &Ledger, checked: &Checked) -> Result<(), Refusal> {
    let run = &checked.index.release.run;
    if ledger.run(run)?.is_none() {
        return Ok(());
    }
    let message = format!("the run {run} was made with this state directory");
    Err(Refusal::new(Exit::Usage, message)
        .hint("an audit is made elsewhere: name another directory with `--state`".to_owned()))
}

fn random_seed() -> Result<Seed, Refusal> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(|error| Refusal::new(Exit::Internal, "cannot make a seed").caused_by(&error))?;
    Ok(Seed::of(bytes))
}

/// Signs what was found, and keeps and lays out what comes of it.
struct CoSigning<'a> {
    signer: &'a Signer,
    store: &'a Store,
    run: &'a str,
    out: Option<&'a std::path::Path>,
    records: Vec<AttestationRecord>,
}

impl CoSigning<'_> {
    async fn cell(&mut self, statement: &Unsigned) -> Result<(), Refusal> {
        let signed = self.signer.sign(&statement.payload).await?;
        let (cell, inputs) = match &statement.about {
            crate::attest::About::Cell { id, inputs } => (Some(id.clone()), Some(*inputs)),
            crate::attest::About::Release | crate::attest::About::Image(_) => (None, None),
        };
        let place = match &cell {
            Some(cell) => format!("{cell}/{}", statement.kind),
            None => statement.kind.to_string(),
        };
        let record = AttestationRecord {
            run: self.run.to_owned(),
            cell,
            inputs,
            predicate_type: statement.kind.uri().to_owned(),
            payload: signed.payload_digest,
            subjects: statement.subjects.clone(),
            bundle: self.store.put(&signed.bundle)?,
            envelope: self.store.put(&signed.envelope)?,
            signer: signed.signer.clone(),
            signed: Timestamp::now(),
        };
        self.lay_out(&place, &signed)?;
        self.records.push(record);
        Ok(())
    }

    async fn audit(&mut self, audit: &Audit) -> Result<(), Refusal> {
        let signed = self.signer.sign(&audit.statement()).await?;
        let record = AttestationRecord {
            run: self.run.to_owned(),
            cell: None,
            inputs: None,
            predicate_type: bundle::AUDIT_TYPE.to_owned(),
            payload: signed.payload_digest,
            subjects: vec![audit.circumstances.archive],
            bundle: self.store.put(&signed.bundle)?,
            envelope: self.store.put(&signed.envelope)?,
            signer: signed.signer.clone(),
            signed: Timestamp::now(),
        };
        self.lay_out("audit", &signed)?;
        self.records.push(record);
        Ok(())
    }

    fn lay_out(&self, place: &str, signed: &SignedStatement) -> Result<(), Refusal> {
        if let Some(out) = self.out {
            state::write_atomically(&out.join(format!("{place}.sigstore.json")), &signed.bundle)?;
            state::write_atomically(&out.join(format!("{place}.dsse.json")), &signed.envelope)?;
        }
        Ok(())
    }
}

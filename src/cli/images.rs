//! `kmatrix images`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::SignedDuration;

use crate::cli::interrupt::unless_stopped;
use crate::cli::prepare::{Inputs, Renewal, build_arch, read_matrix};
use crate::cli::{Common, Format, Refusal, answer, answer_json};
use crate::document::toml_files;
use crate::engine::{Docker, EngineFailure};
use crate::exit::Exit;
use crate::image::definition::{ImageDefinition, ImageOrigin, UpdateArchives};
use crate::image::{
    FreshnessPolicy, FreshnessReport, ImageRecord, ImageReproduction, Look, Reproduction, examine,
    last_base_of, reproduce,
};
use crate::label::AgeLimits;
use crate::matrix::PolicySettings;
use crate::name::ImageName;
use crate::report::{ImagesDocument, Status, print_freshness, print_images};
use crate::state;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the images that are defined, and what is recorded of them
    List(List),
    /// Make images, or load them into the engine again
    Build(Build),
    /// Make images again in a scratch place, and compare the bits
    Verify(Verify),
    /// Say how fresh images are, without making anything
    Freshness(Freshness),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The images; all that are defined if none is named
    name: Vec<ImageName>,
    /// Make them anew from today's archive
    #[arg(long)]
    update: bool,
    /// Make each a second time, and compare the bits
    #[arg(long)]
    verify: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The images; all that are bootstrapped and recorded if none is named
    name: Vec<ImageName>,
}

#[derive(Debug, Args)]
pub(crate) struct Freshness {
    /// The images; all that are defined if none is named
    name: Vec<ImageName>,
    /// The matrix whose `[policy]` says when an image is ageing or stale [default: the defaults]
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// End with status 33 if any image is stale or unknown
    #[arg(long)]
    check: bool,
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(crate) async fn run(
    common: &Common,
    command: Command,
    status: &Status,
) -> Result<Exit, Refusal> {
    let inputs = Inputs::open(common, status)?;
    let defined: Vec<ImageDefinition> = toml_files(&common.images)?
        .into_iter()
        .map(ImageDefinition::read)
        .collect::<Result<_, _>>()?;
    match command {
        Command::List(list) => show(&inputs, &defined, list.format),
        Command::Build(build) => make(&inputs, defined, build, status).await,
        Command::Verify(verify) => {
            let _claim = inputs.state.claim()?;
            let wanted = named(&defined, &verify.name)?;
            let all = verify.name.is_empty();
            unless_stopped(verify_images(&inputs, &wanted, all, common, status)).await
        }
        Command::Freshness(freshness) => {
            unless_stopped(look(&inputs, &defined, freshness, common)).await
        }
    }
}

fn named<'d>(
    defined: &'d [ImageDefinition],
    names: &[ImageName],
) -> Result<Vec<&'d ImageDefinition>, Refusal> {
    if names.is_empty() {
        return Ok(defined.iter().collect());
    }
    let find = |name: &ImageName| {
        let found = defined.iter().find(|definition| definition.name == *name);
        found.ok_or_else(|| {
            let known: Vec<&str> = defined.iter().map(|image| image.name.as_str()).collect();
            Refusal::new(
                Exit::Usage,
                format!("there is no definition of the image `{name}`"),
            )
            .hint(format!("there are definitions of {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

fn record_of(inputs: &Inputs<'_>, name: &ImageName) -> Result<Option<ImageRecord>, Refusal> {
    Ok(state::read_json(&inputs.state.image(name))?)
}

fn show(inputs: &Inputs<'_>, defined: &[ImageDefinition], format: Format) -> Result<Exit, Refusal> {
    let mut images = Vec::new();
    for definition in defined {
        let record = record_of(inputs, &definition.name)?;
        let reproduction: Option<ImageReproduction> =
            state::read_json(&inputs.state.reproduction(&definition.name))?;
        images.push((definition, record, reproduction));
    }
    let document = ImagesDocument::new(&images);
    match format {
        Format::Json => answer_json(&document)?,
        Format::Human => answer(|out| print_images(out, &document))?,
    }
    Ok(Exit::Success)
}

async fn make(
    inputs: &Inputs<'_>,
    defined: Vec<ImageDefinition>,
    build: Build,
    status: &Status,
) -> Result<Exit, Refusal> {
    let _claim = inputs.state.claim()?;
    let docker = Docker::connect(&inputs.state.id()?).await?;
    let names: BTreeSet<ImageName> = if build.name.is_empty() {
        defined.iter().map(|image| image.name.clone()).collect()
    } else {
        build.name.into_iter().collect()
    };
    let renewal = Renewal::of(build.update, false);
    let records = unless_stopped(inputs.images(&names, &docker, renewal)).await?;
    answer(|out| {
        for record in records.values() {
            writeln!(out, "{} {}", record.name, record.id)?;
        }
        Ok(())
    })?;
    let mut exit = Exit::Success;
    if build.verify {
        for definition in defined.iter().filter(|image| names.contains(&image.name)) {
            if let Some(record) = records.get(&definition.name) {
                let verified = verify_one(inputs, definition, record, status);
                exit = exit.or(unless_stopped(verified).await?);
            }
        }
    }
    Ok(exit)
}

async fn verify_images(
    inputs: &Inputs<'_>,
    wanted: &[&ImageDefinition],
    all: bool,
    common: &Common,
    status: &Status,
) -> Result<Exit, Refusal> {
    if common.offline {
        inputs.online("what an image is made from")?;
    }
    let mut exit = Exit::Success;
    let mut seen = false;
    for definition in wanted {
        let record = record_of(inputs, &definition.name)?;
        let is_bootstrapped = matches!(definition.origin, ImageOrigin::Bootstrap(_));
        if all && (record.is_none() || !is_bootstrapped) {
            continue;
        }
        seen = true;
        let record = record.ok_or_else(|| not_made(&definition.name))?;
        exit = exit.or(verify_one(inputs, definition, &record, status).await?);
    }
    if seen {
        return Ok(exit);
    }
    let message = "no bootstrapped image is recorded";
    Err(Refusal::new(Exit::EvidenceMissing, message)
        .hint("make one with `kmatrix images build`".to_owned()))
}

fn not_made(name: &ImageName) -> Refusal {
    Refusal::new(
        Exit::EvidenceMissing,
        format!("the image `{name}` is not made yet"),
    )
    .hint(format!("make it with `kmatrix images build {name}`"))
}

/// Makes one image again, records what came of it and says so.
async fn verify_one(
    inputs: &Inputs<'_>,
    definition: &ImageDefinition,
    record: &ImageRecord,
    status: &Status,
) -> Result<Exit, Refusal> {
    let name = &definition.name;
    let seen = inputs.seen()?;
    let at = inputs.surroundings(&seen);
    status.begin_spinner("Verifying", &format!("image {name}"));
    let found = reproduce(definition, record, build_arch()?, &at).await;
    status.end_bar();
    let found = found?;
    state::write_json(&inputs.state.reproduction(name), &found)?;
    let what = format!("image {name} {}", record.id.short());
    Ok(match &found.answer {
        Reproduction::Yes => {
            status.done("Reproduced", &what);
            Exit::Success
        }
        Reproduction::No {
            differences, count, ..
        } => {
            status.bad("Differs", &format!("{what}: {count} entries"));
            for difference in differences {
                status.bad("", &format!("{}: {}", difference.path, difference.what));
            }
            Exit::RebuildDiffers
        }
        Reproduction::Unattempted { reason } => {
            status.warn(&format!("{what} cannot be verified: {reason}"));
            Exit::EvidenceMissing
        }
    })
}

async fn look(
    inputs: &Inputs<'_>,
    defined: &[ImageDefinition],
    arguments: Freshness,
    common: &Common,
) -> Result<Exit, Refusal> {
    let policy = match &arguments.matrix {
        Some(path) => read_matrix(path)?.policy,
        None => PolicySettings::default(),
    };
    let wanted = named(defined, &arguments.name)?;
    let asks_registries = wanted.iter().any(|definition| {
        matches!(
            definition.origin,
            ImageOrigin::Registry { tag: Some(_), .. }
        )
    });
    let docker: Option<Result<Docker, EngineFailure>> = if asks_registries && !common.offline {
        Some(Docker::connect(&inputs.state.id()?).await)
    } else {
        None
    };
    let seen = inputs.seen()?;
    let look = Look {
        at: inputs.surroundings(&seen),
        arch: build_arch()?,
        policy: policy_of(&policy),
        forbidden: common.offline.then_some("`--offline`"),
        docker: docker.as_ref().map(Result::as_ref),
    };
    let mut reports: Vec<FreshnessReport> = Vec::new();
    for definition in wanted {
        let record = record_of(inputs, &definition.name)?;
        let archives = archives_of(definition, defined);
        reports.push(examine(definition, record.as_ref(), archives.as_ref(), &look).await);
    }
    let now = look.at.now;
    match arguments.format {
        Format::Json => answer_json(&serde_json::json!({
            "schemaVersion": 1,
            "at": now,
            "images": reports,
        }))?,
        Format::Human => answer(|out| print_freshness(out, &reports))?,
    }
    let stands = |report: &FreshnessReport| !report.state.is_stale_or_unknown();
    Ok(if arguments.check && !reports.iter().all(stands) {
        Exit::Stale
    } else {
        Exit::Success
    })
}

fn policy_of(policy: &PolicySettings) -> FreshnessPolicy {
    let signed = |duration| SignedDuration::try_from(duration);
    FreshnessPolicy {
        ages: AgeLimits {
            warn_after: signed(policy.warn_after).ok(),
            stale_after: signed(policy.stale_after).unwrap_or(SignedDuration::ZERO),
        },
        missed_updates: policy.missed_updates,
        missed_security_updates: policy.missed_security_updates,
    }
}

/// Returns the archives that an image's packages come from: those that it names, or those of our own
/// image that its Dockerfile ends on.
fn archives_of(
    definition: &ImageDefinition,
    defined: &[ImageDefinition],
) -> Option<UpdateArchives> {
    let own = definition.update_archives();
    match &definition.origin {
        ImageOrigin::Bootstrap(_) | ImageOrigin::Registry { .. } => own,
        ImageOrigin::Dockerfile(origin) => own.or_else(|| {
            let base = last_base_of(origin)?;
            let base = defined.iter().find(|other| other.name == base)?;
            base.update_archives()
        }),
    }
}

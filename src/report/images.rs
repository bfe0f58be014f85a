//! Builder images: what is recorded of them, and how fresh they are.

use std::io::{self, Write};

use serde::Serialize;

use crate::image::definition::ImageDefinition;
use crate::image::{
    Appeared, FreshnessReport, ImageRecord, ImageReproduction, PackageDatabase, Reproduction,
    Updates,
};
use crate::name::ImageName;

/// How many missed updates are shown; the JSON form has all.
const SHOWN: usize = 20;

/// The images that are defined, and what is recorded of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImagesDocument<'i> {
    schema_version: u32,
    /// Those that are made.
    images: Vec<RecordedImage<'i>>,
    /// Those that are not made yet.
    not_made: Vec<&'i ImageName>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordedImage<'i> {
    #[serde(flatten)]
    record: &'i ImageRecord,
    definition_changed: bool,
    /// What came of making this very image again; `null` if nobody tried.
    reproduction: Option<&'i ImageReproduction>,
}

impl<'i> ImagesDocument<'i> {
    /// Puts definitions, records and reproductions together.
    pub fn new(
        images: &'i [(
            &'i ImageDefinition,
            Option<ImageRecord>,
            Option<ImageReproduction>,
        )],
    ) -> Self {
        let mut document = Self {
            schema_version: 1,
            images: Vec::new(),
            not_made: Vec::new(),
        };
        for (definition, record, reproduction) in images {
            match record {
                None => document.not_made.push(&definition.name),
                Some(record) => document.images.push(RecordedImage {
                    record,
                    definition_changed: record.definition != definition.digest,
                    reproduction: reproduction.as_ref().filter(|of| of.id == record.id),
                }),
            }
        }
        document
    }
}

/// Prints the images for people.
pub fn print_images(to: &mut impl Write, document: &ImagesDocument<'_>) -> io::Result<()> {
    for image in &document.images {
        print_image(to, image)?;
    }
    for name in &document.not_made {
        writeln!(to, "{name}: not made yet")?;
    }
    Ok(())
}

fn print_image(to: &mut impl Write, image: &RecordedImage<'_>) -> io::Result<()> {
    let record = image.record;
    writeln!(to, "{} {}", record.name, record.id)?;
    let packages = packages(record);
    match (record.archive_date, &record.pulled) {
        (Some(date), _) => {
            let date = date.strftime("%Y-%m-%d");
            writeln!(to, "  archive of {date}, {packages}")?;
        }
        (None, Some(pulled)) => writeln!(to, "  pulled as {pulled}, {packages}")?,
        (None, None) => writeln!(to, "  {packages}")?,
    }
    if let Some(built) = &record.built {
        writeln!(to, "  built from the Dockerfile {}", built.dockerfile)?;
        for base in &built.bases {
            writeln!(to, "    on {base}")?;
        }
        if !record.is_pinned() {
            writeln!(
                to,
                "    with a network: what its steps fetched is pinned by nothing"
            )?;
        }
    }
    for passed in &record.passed_over {
        writeln!(to, "  passed over {}: {}", passed.mirror, passed.reason)?;
    }
    writeln!(to, "  reproduced: {}", reproduced(image.reproduction))?;
    if image.definition_changed {
        writeln!(to, "  its definition has changed since")?;
    }
    for (tool, version) in &record.tools {
        writeln!(to, "  {tool}: {version}")?;
    }
    Ok(())
}

fn packages(record: &ImageRecord) -> String {
    match &record.inventory {
        Some(inventory) if inventory.database == PackageDatabase::Unknown => {
            "packages unknown: no package database that is known here".to_owned()
        }
        Some(_) | None => format!("{} packages", record.packages.len()),
    }
}

/// Says in one line whether an image was made again with the same bits.
pub fn reproduced(reproduction: Option<&ImageReproduction>) -> String {
    let Some(reproduction) = reproduction else {
        return "unattempted".to_owned();
    };
    let word = reproduction.answer.as_str();
    let date = reproduction.at.strftime("%Y-%m-%d");
    match &reproduction.answer {
        Reproduction::Yes => format!("{word}, on {date}"),
        Reproduction::No {
            differences, count, ..
        } => {
            let first = differences.first().map_or_else(String::new, |first| {
                format!(": {} ({})", first.path, first.what)
            });
            format!("{word}, on {date}: {count} entries differ{first}")
        }
        Reproduction::Unattempted { reason } => format!("{word}, on {date}: {reason}"),
    }
}

/// Prints how fresh images are, for people.
pub fn print_freshness(to: &mut impl Write, reports: &[FreshnessReport]) -> io::Result<()> {
    for report in reports {
        writeln!(to, "{}: {}", report.image, report.state.as_str())?;
        for reason in &report.because {
            writeln!(to, "  {reason}")?;
        }
        if let (Some(date), Some(age)) = (report.archive_date, report.age_days_when_made) {
            let date = date.strftime("%Y-%m-%d");
            writeln!(
                to,
                "  made of the archive of {date}, which was {age} days old then"
            )?;
        }
        print_updates(to, &report.updates)?;
    }
    Ok(())
}

fn print_updates(to: &mut impl Write, updates: &Updates) -> io::Result<()> {
    let Updates::Looked {
        missed,
        gone,
        oldest,
        ..
    } = updates
    else {
        return Ok(());
    };
    if let Some(oldest) = oldest {
        writeln!(
            to,
            "  the oldest missed update appeared {}",
            between(oldest)
        )?;
    }
    let mut ordered: Vec<_> = missed.iter().collect();
    ordered.sort_by_key(|update| !update.security);
    for update in ordered.iter().take(SHOWN) {
        let word = if update.security { "security" } else { "" };
        writeln!(
            to,
            "  {word:<8}  {} {}: {} -> {} ({})",
            update.package, update.architecture, update.installed, update.available, update.suite
        )?;
    }
    if missed.len() > SHOWN {
        writeln!(to, "  and {} more", missed.len() - SHOWN)?;
    }
    if !gone.is_empty() {
        writeln!(to, "  in no suite any more: {}", gone.join(", "))?;
    }
    Ok(())
}

/// Says what is known of when something appeared; an index has no dates of its own.
fn between(appeared: &Appeared) -> String {
    let by = appeared.by.strftime("%Y-%m-%d");
    match appeared.after {
        Some(after) => format!(
            "between the archive's states of {} and {by}",
            after.strftime("%Y-%m-%d")
        ),
        None => format!("by the archive's state of {by}"),
    }
}

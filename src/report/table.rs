//! The table at the end of a run, 80 columns wide.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use crate::compare::SectionDifference;
use crate::label::{Rebuilds, Rollup};
use crate::name::PackageVersion;
use crate::recipe::Executed;
use crate::run::{Assessment, Standing};

/// How many of the sections that differ are named.
const MOST_SECTIONS: usize = 6;

/// The widest kernel release that keeps the table within 80 columns.
const KERNEL: usize = 34;

/// Prints a row per cell under a heading per distribution, architecture and module, then the
/// roll-up. `out` is where modules, logs and records lie.
pub fn print_table(
    to: &mut impl Write,
    assessments: &[Assessment],
    rollup: &Rollup,
    out: &Path,
) -> io::Result<()> {
    let kernels = Kernels::new(assessments);
    let width = assessments
        .iter()
        .map(|assessment| kernels.name(assessment).len())
        .max()
        .unwrap_or(0)
        .min(KERNEL);
    let mut heading = String::new();
    for assessment in assessments {
        let id = &assessment.cell.id;
        let cross = match assessment.cell.inputs.executed() {
            Executed::Cross => " (cross)",
            Executed::Native => "",
        };
        let next = format!(
            "{}-{} {}{cross} {}",
            id.distro, id.distro_release, id.arch, id.module
        );
        if next != heading {
            if !heading.is_empty() {
                writeln!(to)?;
            }
            writeln!(to, "{next}")?;
            heading = next;
        }
        print_row(to, assessment, &kernels.name(assessment), width, out)?;
    }
    writeln!(to)?;
    rollup_lines(to, rollup)?;
    writeln!(to, "modules, logs and records: {}", out.display())
}

/// Names kernels by their releases, and by their package versions too where the table has another
/// upload of the release.
struct Kernels(BTreeMap<String, BTreeSet<PackageVersion>>);

impl Kernels {
    fn new(assessments: &[Assessment]) -> Self {
        let mut uploads: BTreeMap<String, BTreeSet<PackageVersion>> = BTreeMap::new();
        for assessment in assessments {
            let target = &assessment.cell.inputs.target;
            uploads
                .entry(target.without_version())
                .or_default()
                .insert(target.package_version.clone());
        }
        Self(uploads)
    }

    fn name(&self, assessment: &Assessment) -> String {
        let target = &assessment.cell.inputs.target;
        let uploads = self.0.get(&target.without_version());
        if uploads.is_some_and(|uploads| uploads.len() > 1) {
            format!("{}={}", target.kernel_release, target.package_version)
        } else {
            target.kernel_release.to_string()
        }
    }
}

fn print_row(
    to: &mut impl Write,
    assessment: &Assessment,
    kernel: &str,
    width: usize,
    out: &Path,
) -> io::Result<()> {
    let digest = match assessment.modules() {
        [] => "-".to_owned(),
        [module] => module.digest.short(),
        [module, rest @ ..] => format!("{}+{}", module.digest.short(), rest.len()),
    };
    let (same, all) = assessment.agreement();
    let answer = match (same, all) {
        (_, 0) => "-".to_owned(),
        (same, all) if same == all => format!("{same}/{all} same"),
        (same, all) => format!("{}/{all} differ", all - same),
    };
    let word = match &assessment.standing {
        Standing::Labelled(label) => label.word(),
        Standing::Failed { .. } => "failed".to_owned(),
        Standing::Excluded { .. } => "excluded".to_owned(),
        Standing::Missing { .. } => "missing".to_owned(),
    };
    writeln!(to, "  {kernel:<width$}  {digest:<12}  {answer:<10}  {word}")?;
    let failure = match &assessment.standing {
        Standing::Failed {
            number, failure, ..
        } => Some((number, failure)),
        Standing::Missing { failure, .. } => failure.as_ref().map(|(n, failure)| (n, failure)),
        Standing::Excluded { exclusion } => {
            writeln!(to, "    {exclusion}")?;
            None
        }
        Standing::Labelled(_) => None,
    };
    if let Some((number, failure)) = failure {
        let log = out
            .join(assessment.cell.id.to_string())
            .join(log_name(*number));
        let attempt = match number {
            0 => String::new(),
            number => format!("rebuild {number}: "),
        };
        writeln!(to, "    {attempt}{failure}")?;
        writeln!(to, "    log: {}", log.display())?;
    }
    // The others differ in the same places; `explain` has them all.
    let mut comparisons = assessment.comparisons.iter();
    if let Some((number, comparison)) = comparisons.find(|(_, found)| !found.is_same()) {
        for difference in &comparison.differences {
            let what = match &difference.note {
                Some(note) => note.clone(),
                None => format!("in {}", some_of(&difference.sections)),
            };
            writeln!(
                to,
                "    rebuild {number} of {} differs {what}",
                difference.path
            )?;
        }
        let rebuilds = assessment.label().and_then(|label| label.rebuilds.as_ref());
        if let Some(blamed) = rebuilds.and_then(Rebuilds::blamed) {
            writeln!(to, "    {blamed}")?;
        }
    }
    Ok(())
}

/// Names the first sections, and says how many more there are.
fn some_of(sections: &[SectionDifference]) -> String {
    let names: Vec<&str> = sections
        .iter()
        .take(MOST_SECTIONS)
        .map(|section| section.name.as_str())
        .collect();
    match sections.len().saturating_sub(MOST_SECTIONS) {
        0 => names.join(" "),
        more => format!("{} and {more} more", names.join(" ")),
    }
}

/// Prints how many cells there are of what, and the label of the release.
pub(super) fn rollup_lines(to: &mut impl Write, rollup: &Rollup) -> io::Result<()> {
    let mut parts: Vec<String> = rollup
        .tiers
        .iter()
        .map(|(tier, count)| format!("{count} {tier}"))
        .collect();
    for (count, word) in [
        (rollup.excluded, "excluded"),
        (rollup.failed, "failed"),
        (rollup.missing, "missing"),
        (rollup.stale, "not fresh"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    writeln!(to, "{} cells: {}", rollup.promised, parts.join(", "))?;
    writeln!(to, "release: {}", rollup.tier)?;
    writeln!(to, "  {}", rollup.because)
}

/// Returns the name of the file that an attempt's log is laid out in.
pub fn log_name(number: u32) -> String {
    match number {
        0 => "reference.log".to_owned(),
        number => format!("rebuild-{number}.log"),
    }
}

/// Returns the word for where a cell stands, for tables and documents.
pub fn class_of(standing: &Standing) -> &'static str {
    match standing {
        Standing::Labelled(_) => "labelled",
        Standing::Failed { .. } => "failed",
        Standing::Excluded { .. } => "excluded",
        Standing::Missing { .. } => "missing",
    }
}

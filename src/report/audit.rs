//! What an audit found, in a table and in numbers.

use std::io::{self, Write};

use serde::Serialize;

use crate::bundle::{Audit, Finding, Stratified};
use crate::compare::ModuleDifference;

/// What `audit --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditDocument<'a> {
    schema_version: u32,
    confidence: &'static str,
    /// The bound as a share, in percent and rounded up to a tenth.
    at_most_percent: f64,
    #[serde(flatten)]
    audit: &'a Audit,
}

impl<'a> From<&'a Audit> for AuditDocument<'a> {
    fn from(audit: &'a Audit) -> Self {
        Self {
            schema_version: 1,
            confidence: "95 %",
            at_most_percent: audit.bound.per_mille() as f64 / 10.0,
            audit,
        }
    }
}

/// Prints an audit: every cell, the strata, and what that proves.
pub fn print_audit(out: &mut impl Write, audit: &Audit) -> io::Result<()> {
    let at = &audit.circumstances;
    let claimed = at.claimed_by.as_deref().unwrap_or("nobody");
    writeln!(
        out,
        "{} of the run {}, signed by {claimed}",
        at.release.name, at.release.run
    )?;
    writeln!(out)?;
    let width = audit
        .cells
        .iter()
        .map(|one| one.cell.to_string().len())
        .max();
    let width = width.unwrap_or(0);
    for one in &audit.cells {
        let cell = one.cell.to_string();
        writeln!(
            out,
            "{cell:<width$}  {:<9}  {}",
            one.finding.word(),
            because(&one.finding)
        )?;
    }
    writeln!(out)?;
    if at.stratified {
        for sum in &audit.strata {
            let name = sum
                .stratum
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            writeln!(out, "{name}: {} of {} cells", sum.sampled, sum.cells)?;
        }
        writeln!(out)?;
    }
    let number = |of: fn(&Stratified) -> u64| audit.sum(of);
    writeln!(
        out,
        "{} of {} cells were built again (seed {}): {} the same, {} differ, {} missing",
        number(|sum| sum.sampled),
        number(|sum| sum.cells),
        at.seed,
        number(|sum| sum.same),
        number(|sum| sum.differing),
        number(|sum| sum.missing),
    )?;
    let missing = match number(|sum| sum.missing) {
        0 => "",
        _ => " (what is missing counts as differing)",
    };
    let share = audit.bound.per_mille();
    writeln!(
        out,
        "at 95 %, at most {} of {} cells ({}.{} %) can differ{missing}",
        audit.bound.at_most,
        audit.bound.of,
        share / 10,
        share % 10,
    )?;
    if audit.without_module > 0 {
        writeln!(
            out,
            "{} cells have no module, and prove nothing",
            audit.without_module
        )?;
    }
    match (&at.claimed_by, &at.audited_by) {
        (Some(claimed), Some(own)) if claimed != own => {
            writeln!(
                out,
                "signed by {own}: cells that are the same are `independent`"
            )
        }
        (_, Some(own)) => writeln!(
            out,
            "signed by {own}, which raises no cell to `independent`: whoever claims is not known to be \
             somebody else"
        ),
        (_, None) => writeln!(out, "signed by nobody"),
    }
}

fn because(finding: &Finding) -> String {
    match finding {
        Finding::Same { modules } => {
            let digests: Vec<String> = modules.iter().map(|digest| digest.short()).collect();
            digests.join(" ")
        }
        Finding::Differs { modules, again } => {
            let texts = modules.iter().map(difference);
            let texts: Vec<String> = texts.chain([again.to_string()]).collect();
            texts.join("; ")
        }
        Finding::NoModule { reason } | Finding::Missing { reason } => reason.clone(),
    }
}

fn difference(module: &ModuleDifference) -> String {
    let sections: Vec<&str> = module
        .sections
        .iter()
        .take(3)
        .map(|section| section.name.as_str())
        .collect();
    let cause = match (module.causes.first(), &module.note) {
        (Some(named), _) => named.cause.entry().noun.to_string(),
        (None, Some(note)) => note.clone(),
        (None, None) => "no cause that is known accounts for it".to_owned(),
    };
    if sections.is_empty() {
        return format!("{}: {cause}", module.path);
    }
    format!("{} in {}: {cause}", module.path, sections.join(", "))
}

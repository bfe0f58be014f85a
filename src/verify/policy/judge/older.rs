//! Older: what was verified here before, and the least versions that a policy accepts.

use std::cmp::Ordering;

use super::Known;
use super::case::Case;
use super::found::Found;
use super::version;
use crate::verify::policy::LeastVersion;

pub(super) fn not_older(case: &Case<'_>) -> Found {
    let Some(known) = &case.expectation.known else {
        let nothing = "there is no state here, so nothing is known of earlier builds";
        return if case.requirement().history {
            Found::missing(nothing)
        } else {
            Found::holds(nothing)
        };
    };
    let Some(cell) = case.cell() else {
        return Found::missing("no provenance says which cell it is of");
    };
    // What passed by a policy that believed others says nothing here.
    let is_believed = |known: &&Known| {
        let mut signers = known.signers.iter();
        known.signers.is_empty() || signers.any(|by| case.policy.signer(by).is_some())
    };
    let builds = known.get(cell).map_or(&[][..], Vec::as_slice);
    let mut builds = builds.iter().filter(is_believed).peekable();
    if builds.peek().is_none() {
        return Found::holds("no build of this cell by these signers was verified here before");
    }
    let Some(own) = case.as_known() else {
        return Found::missing("no provenance says when it was built");
    };
    let mut held = String::new();
    for known in builds {
        match is_not_older(case, &own, known) {
            Ok(because) => held = because,
            Err(found) => return found,
        }
    }
    Found::holds(held)
}

/// Holds a build against one that was verified before: by version; where that says nothing by verified times;
/// and where there are none by what both provenances claim.
fn is_not_older(case: &Case<'_>, own: &Known, known: &Known) -> Result<String, Found> {
    if own.payload == known.payload {
        return Ok("this very module was verified here before".to_owned());
    }
    if let (Some(new), Some(old)) = (&own.version, &known.version) {
        match version::compare(version::order(case), new, old) {
            Some(Ordering::Less) => {
                return Err(Found::fails(format!(
                    "it is version {new}, and version {old} was verified here before"
                )));
            }
            Some(Ordering::Greater) => {
                return Ok(format!(
                    "version {old} was verified here before, and it is {new}"
                ));
            }
            Some(Ordering::Equal) | None => {}
        }
    }
    match (own.verified, known.verified) {
        (Some(new), Some(old)) if new < old => Err(Found::fails(format!(
            "it was signed at {new}, and one that was signed at {old} was verified here before, both by \
             verified times"
        ))),
        (Some(new), Some(old)) => Ok(format!(
            "one that was signed at {old} was verified here before, and it was signed at {new}, both by \
             verified times"
        )),
        (None, Some(old)) => Err(Found::missing(format!(
            "when it was signed is not verified, and one that was signed at {old} was verified here before"
        ))),
        (Some(_) | None, None) if own.finished < known.finished => Err(Found::fails(format!(
            "its provenance claims that it was built at {}, and that of one that was verified here before \
             {}",
            own.finished, known.finished
        ))),
        (Some(_) | None, None) => Ok(format!(
            "one was verified here before whose provenance claims {}; no time of it is verified, so the \
             order rests on claims",
            known.finished
        )),
    }
}

pub(super) fn least_version(case: &Case<'_>) -> Found {
    if case.policy.least_versions.is_empty() {
        return Found::holds("the policy asks for no least version");
    }
    let Some(cell) = case.cell() else {
        return Found::missing("no provenance says which cell it is of");
    };
    let id = cell.to_string();
    let own = version::of_module(case);
    let mut held = Vec::new();
    for LeastVersion {
        cells,
        kernel,
        module,
    } in case
        .policy
        .least_versions
        .iter()
        .filter(|least| least.cells.is_match(&id))
    {
        if let Some(least) = kernel {
            match at_least(
                case,
                "kernel's package",
                cell.package_version.as_str(),
                least.as_str(),
            ) {
                Ok(because) => held.push(because),
                Err(found) => return found,
            }
        }
        if let Some(least) = module {
            let Some(own) = &own else {
                let glob = cells.glob();
                return Found::missing(format!(
                    "neither the module nor its source says a version, and `{glob}` must be at least {least}"
                ));
            };
            match at_least(case, own.said_by, &own.version, least.as_str()) {
                Ok(because) => held.push(because),
                Err(found) => return found,
            }
        }
    }
    if held.is_empty() {
        return Found::holds("the policy asks for no least version of this cell");
    }
    Found::holds(held.join("; "))
}

fn at_least(case: &Case<'_>, of: &str, found: &str, least: &str) -> Result<String, Found> {
    let shown = found.escape_debug();
    match version::compare(version::order(case), found, least) {
        Some(Ordering::Less) => Err(Found::fails(format!(
            "by {of} it is version {shown}, and {least} is the least that is accepted"
        ))),
        Some(Ordering::Equal | Ordering::Greater) => {
            Ok(format!("by {of} it is version {shown}, at least {least}"))
        }
        None => Err(Found::fails(format!(
            "by {of} it is version {shown}, which cannot be held against {least}"
        ))),
    }
}

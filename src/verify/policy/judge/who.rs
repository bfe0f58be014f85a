//! Who signed: whether it could be read, who is believed, when, how far, and who is not any more.

use jiff::Timestamp;

use super::case::Case;
use super::claim::{Claim, Says, Signed};
use super::found::Found;
use crate::verify::SignedBy;
use crate::verify::policy::{Denial, Denied, Window};

pub(super) fn readable(case: &Case<'_>) -> Found {
    match case.refused {
        [] => Found::holds("nothing that was handed in was refused"),
        [first, rest @ ..] => {
            let others = match rest.len() {
                0 => String::new(),
                count => format!("; and {count} more"),
            };
            let word = first.why.word();
            Found::fails(format!(
                "an attestation was refused ({word}): {first}{others}"
            ))
        }
    }
}

pub(super) fn signer(signed: &Signed<'_, '_>) -> Found {
    if signed.claims.is_empty() {
        return Found::missing(format!("no statement is about this {}", signed.about));
    }
    each(signed, |claim| match claim.signer {
        Some(_) => Ok(()),
        None => Err(Found::fails(format!(
            "{} signed the {}, and the policy does not name that signer",
            claim.attestation.signed_by(),
            claim.word()
        ))),
    })
    .map_or_else(
        |found| found,
        |()| {
            let signers = signed.claims.iter().filter_map(|claim| claim.signer);
            let mut names: Vec<&str> = signers.map(|signer| signer.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            Found::holds(format!("signed by {}", names.join(", ")))
        },
    )
}

pub(super) fn signer_statements(signed: &Signed<'_, '_>) -> Found {
    held(
        each(signed, |claim| {
            let Some(signer) = claim.signer else {
                return Ok(());
            };
            match claim.kind {
                Some(kind) if !signer.statements.contains(&kind) => Err(Found::fails(format!(
                    "`{}` may sign no {kind}",
                    signer.name
                ))),
                Some(_) | None => Ok(()),
            }
        }),
        "each signer signed what it may sign",
    )
}

pub(super) fn signer_window(signed: &Signed<'_, '_>) -> Found {
    held(
        each(signed, |claim| {
            let Some(signer) = claim.signer else {
                return Ok(());
            };
            if signer.window.is_open() {
                return Ok(());
            }
            let (name, window) = (&signer.name, signer.window);
            if claim.attestation.times().is_empty() {
                return Err(Found::missing(format!(
                    "`{name}` may sign {window}, and the {} has no verified time",
                    claim.word()
                )));
            }
            match times(claim).find(|at| !window.has(*at)) {
                None => Ok(()),
                Some(at) => Err(Found::fails(format!(
                    "`{name}` may sign {window}, and signed the {} at {at}",
                    claim.word()
                ))),
            }
        }),
        "every signer was within its window",
    )
}

pub(super) fn signer_level(signed: &Signed<'_, '_>) -> Found {
    held(
        each(signed, |claim| {
            let Some(signer) = claim.signer else {
                return Ok(());
            };
            let tier = match &claim.says {
                Says::Comparison(comparison, _) => Some(comparison.label.tier),
                Says::Summary(summary) => Some(summary.label.tier),
                Says::Provenance(_)
                | Says::Scope(_)
                | Says::WholeScope(_)
                | Says::Scai(_)
                | Says::Sbom
                | Says::Other
                | Says::OfOthers
                | Says::Unreadable(_) => None,
            };
            if let Some(tier) = tier
                && tier > signer.most_tier
            {
                let most = signer.most_tier;
                return Err(Found::fails(format!(
                    "the {} of `{}` says `{tier}`, and it is believed up to `{most}`",
                    claim.word(),
                    signer.name
                )));
            }
            let Says::Summary(summary) = &claim.says else {
                return Ok(());
            };
            let most = signer.most_slsa_level;
            match summary.verified_levels.iter().find(|l| !is_within(l, most)) {
                None => Ok(()),
                Some(level) => Err(Found::fails(format!(
                    "`{}` claims {level}, and it is believed up to SLSA level {most}",
                    signer.name
                ))),
            }
        }),
        "nobody claims more than the policy believes",
    )
}

/// Returns true if a word is no level of a SLSA track, or one that is believed. Every track counts
/// alike; what is no number is for [`independence`](super::proof::independence) to judge.
fn is_within(level: &str, most: u32) -> bool {
    let Some(rest) = level.strip_prefix("SLSA_") else {
        return true;
    };
    match rest.split_once("_LEVEL_") {
        Some((_, number)) => number.parse::<u32>().is_ok_and(|number| number <= most),
        None => rest == super::proof::REPRODUCED,
    }
}

pub(super) fn denied_key(signed: &Signed<'_, '_>) -> Found {
    denied(
        signed,
        "no key is denied that signed anything here",
        |denied, claim| {
            let SignedBy::Key { spki: by } = claim.attestation.signed_by() else {
                return None;
            };
            match denied {
                Denied::Key { spki, window } if spki == by => Some(*window),
                Denied::Key { .. }
                | Denied::Identity { .. }
                | Denied::Artifact(_)
                | Denied::Statement(_)
                | Denied::Window(_) => None,
            }
        },
    )
}

pub(super) fn denied_identity(signed: &Signed<'_, '_>) -> Found {
    denied(
        signed,
        "no identity is denied that signed anything here",
        |denied, claim| {
            let SignedBy::Identity {
                identity: by,
                issuer: by_issuer,
            } = claim.attestation.signed_by()
            else {
                return None;
            };
            match denied {
                Denied::Identity {
                    identity,
                    issuer,
                    window,
                } if identity == by && issuer.as_ref().is_none_or(|i| i == by_issuer) => {
                    Some(*window)
                }
                Denied::Key { .. }
                | Denied::Identity { .. }
                | Denied::Artifact(_)
                | Denied::Statement(_)
                | Denied::Window(_) => None,
            }
        },
    )
}

pub(super) fn denied_artifact(case: &Case<'_>) -> Found {
    let own = [Some(case.artifact.digest), case.artifact.payload()];
    let denial = case
        .policy
        .denials
        .iter()
        .find(|denial| match &denial.denied {
            Denied::Artifact(digest) => own.contains(&Some(*digest)),
            Denied::Key { .. }
            | Denied::Identity { .. }
            | Denied::Statement(_)
            | Denied::Window(_) => false,
        });
    match denial {
        Some(denial) => Found::fails(format!("this file is denied: {}", denial.reason)),
        None => Found::holds("neither the file nor its module is denied"),
    }
}

pub(super) fn denied_statement(signed: &Signed<'_, '_>) -> Found {
    denied(
        signed,
        "no statement here is denied",
        |denied, claim| match denied {
            Denied::Statement(digest) if *digest == claim.attestation.payload() => {
                Some(Window::default())
            }
            Denied::Key { .. }
            | Denied::Identity { .. }
            | Denied::Artifact(_)
            | Denied::Statement(_)
            | Denied::Window(_) => None,
        },
    )
}

pub(super) fn denied_window(signed: &Signed<'_, '_>) -> Found {
    denied(
        signed,
        "nothing was signed in a denied time",
        |denied, _| match denied {
            Denied::Window(window) => Some(*window),
            Denied::Key { .. }
            | Denied::Identity { .. }
            | Denied::Artifact(_)
            | Denied::Statement(_) => None,
        },
    )
}

/// Asks of every statement whether a denial meets it, and in which window.
fn denied(
    signed: &Signed<'_, '_>,
    holds: &str,
    meets: impl Fn(&Denied, &Claim<'_>) -> Option<Window>,
) -> Found {
    let mut missing = None;
    for claim in signed.claims {
        for Denial { denied, reason } in &signed.policy.denials {
            let Some(window) = meets(denied, claim) else {
                continue;
            };
            let word = claim.word();
            if window.is_open() || times(claim).any(|at| window.has(at)) {
                return Found::fails(format!(
                    "the {word} by {} is denied: {reason}",
                    claim.attestation.signed_by()
                ));
            }
            if claim.attestation.times().is_empty() {
                missing.get_or_insert_with(|| {
                    Found::missing(format!(
                        "what was signed {window} is denied ({reason}), and the {word} has no \
                         verified time"
                    ))
                });
            }
        }
    }
    missing.unwrap_or_else(|| Found::holds(holds))
}

fn times<'a>(claim: &'a Claim<'_>) -> impl Iterator<Item = Timestamp> + 'a {
    claim.attestation.times().iter().map(|time| time.at)
}

fn each(
    signed: &Signed<'_, '_>,
    ask: impl Fn(&Claim<'_>) -> Result<(), Found>,
) -> Result<(), Found> {
    // What fails is told before what is missing.
    let mut missing = Ok(());
    for claim in signed.claims {
        match ask(claim) {
            Ok(()) => {}
            Err(found) if found.outcome == crate::verify::Outcome::Fails => return Err(found),
            Err(found) => missing = missing.and(Err(found)),
        }
    }
    missing
}

fn held(asked: Result<(), Found>, because: &str) -> Found {
    Found::from_result(asked.map(|()| because.to_owned()))
}

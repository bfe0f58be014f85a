//! Everything that is claimed of a release: its scope, the summary of it, and what is in its builder
//! images.

use std::collections::{BTreeMap, BTreeSet};

use crate::attest::material::{About, Attester, Unsigned};
use crate::attest::sbom::{SbomAge, sbom};
use crate::attest::{PredicateType, ScopeStatement, Subject, VerificationSummary};
use crate::digest::Sha256Digest;
use crate::label::{AgeLimits, Rollup, Scope, Tier};
use crate::name::CellId;
use crate::run::Assessment;

/// A release with all that is recorded of it.
#[derive(Debug)]
pub struct ReleaseMaterial<'a> {
    /// The matrix's name.
    pub release: &'a str,
    /// The digest of the plan, and of the lock's bytes.
    pub plan: Sha256Digest,
    pub lock: Sha256Digest,
    pub rollup: &'a Rollup,
    pub scope: &'a Scope,
    /// Every promised cell, in the order of the plan.
    pub cells: &'a [Assessment],
    /// The statements of the cells that have some.
    pub statements: &'a BTreeMap<CellId, Vec<Unsigned>>,
}

/// Makes the statements of a release.
pub fn release_statements(
    material: &ReleaseMaterial<'_>,
    required: Tier,
    attester: &Attester,
) -> Vec<Unsigned> {
    let subjects = || {
        vec![
            Subject::plain("plan", material.plan),
            Subject::plain("lock", material.lock),
        ]
    };
    let scope = ScopeStatement::of(material);
    let rules = scope.rules.clone();
    let scope = Unsigned::new(PredicateType::Scope, About::Release, subjects(), &scope);
    let summary = VerificationSummary::of_release(
        material.release,
        material.rollup,
        rules,
        material.cells,
        required,
        &scope,
        attester,
    );
    let kind = PredicateType::Summary;
    let summary = Unsigned::new(kind, About::Release, subjects(), &summary);
    let mut all = vec![scope, summary];
    all.extend(sboms(material.cells, attester));
    all
}

/// Lists what is in each image that a cell was built in.
fn sboms(cells: &[Assessment], attester: &Attester) -> Vec<Unsigned> {
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    for assessment in cells {
        let cell = &assessment.cell;
        if !known.insert(cell.image.id) {
            continue;
        }
        let age = SbomAge {
            limits: AgeLimits {
                warn_after: cell.warn_after,
                stale_after: cell.stale_after,
            },
            at: attester.at,
        };
        let distro = &cell.inputs.target.distro;
        let predicate = sbom(&cell.image, distro, age, &attester.version);
        let subject = Subject::plain(cell.image.name.as_str(), cell.image.id);
        let about = About::Image(cell.image.name.clone());
        let kind = PredicateType::Sbom;
        all.push(Unsigned::new(kind, about, vec![subject], &predicate));
    }
    all
}

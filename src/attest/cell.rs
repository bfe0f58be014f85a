//! Everything that is claimed of one cell, in the order in which one statement names another.

use std::collections::BTreeSet;

use crate::attest::material::{About, Attester, CellMaterial, NotAttestable, Unsigned, built};
use crate::attest::scai::AttributeReport;
use crate::attest::{PredicateType, Provenance, RebuildComparison, VerificationSummary};
use crate::compare::as_agreed;
use crate::label::Tier;
use crate::ledger::AttemptRecord;

/// Makes the statements of a cell: provenance, comparison, SCAI where it is reproducible, and the summary
/// of these. A cell without modules has nothing that could be a subject, and gets none; the scope of the
/// release says why.
///
/// # Errors
///
/// [`NotAttestable`] if the store lost a build spec, or if the provenance of the attempts contradicts the
/// ledger.
pub fn cell_statements(
    material: &CellMaterial<'_>,
    required: Tier,
    attester: &Attester,
) -> Result<Vec<Unsigned>, NotAttestable> {
    let assessment = material.assessment;
    let subjects = material.subjects();
    let reference = assessment.attempts.iter().find(|one| one.number == 0);
    let Some(reference) = reference.filter(|_| !subjects.is_empty()) else {
        return Ok(Vec::new());
    };
    let about = || About::Cell {
        id: assessment.cell.id.clone(),
        inputs: assessment.cell.inputs.digest(),
    };
    let provenance = provenance(material, reference, attester)?;
    let equal = equal_metadata(material, reference, &provenance, attester)?;
    let kind = PredicateType::Provenance;
    let mut all = vec![Unsigned::new(kind, about(), subjects.clone(), &provenance)];
    if let Some(comparison) = RebuildComparison::of(material, &equal, attester) {
        let kind = PredicateType::RebuildComparison;
        let comparison = Unsigned::new(kind, about(), subjects.clone(), &comparison);
        let shown_by = comparison.digest();
        all.push(comparison);
        let label = assessment.label();
        let report =
            label.and_then(|label| AttributeReport::of(label, shown_by, &attester.builder));
        if let Some(report) = report {
            let kind = PredicateType::Scai;
            all.push(Unsigned::new(kind, about(), subjects.clone(), &report));
        }
    }
    if let Some(summary) = VerificationSummary::of_cell(material, required, &all, attester) {
        let kind = PredicateType::Summary;
        all.push(Unsigned::new(kind, about(), subjects, &summary));
    }
    Ok(all)
}

fn provenance(
    material: &CellMaterial<'_>,
    attempt: &AttemptRecord,
    attester: &Attester,
) -> Result<Provenance, NotAttestable> {
    let spec = material
        .specs
        .get(&attempt.spec)
        .ok_or_else(|| NotAttestable::NoSpec {
            cell: Box::new(material.assessment.cell.id.clone()),
            number: attempt.number,
            spec: attempt.spec,
        })?;
    Ok(Provenance::of(material.assessment, attempt, spec, attester))
}

/// Returns the rebuilds whose deterministic part is the reference's, byte for byte: of the same, it made
/// the same. Where a rebuild agrees only after normalisation, its modules stand there as they agree.
fn equal_metadata(
    material: &CellMaterial<'_>,
    reference: &AttemptRecord,
    of_reference: &Provenance,
    attester: &Attester,
) -> Result<BTreeSet<u32>, NotAttestable> {
    let assessment = material.assessment;
    let modules = built(&reference.outcome).unwrap_or_default();
    let expected = of_reference.build_definition.deterministic(modules);
    let mut equal = BTreeSet::new();
    for (number, comparison) in &assessment.comparisons {
        let attempts = assessment.attempts.iter();
        let Some(attempt) = attempts.into_iter().find(|one| one.number == *number) else {
            continue;
        };
        let Some(made) = built(&attempt.outcome) else {
            continue;
        };
        let agreed = as_agreed(modules, made, &comparison.differences);
        let definition = provenance(material, attempt, attester)?.build_definition;
        let found = definition.deterministic(&agreed);
        match (comparison.metadata_equal, found == expected) {
            (true, true) => {
                equal.insert(*number);
            }
            (true, false) => {
                return Err(NotAttestable::OtherProvenance {
                    cell: Box::new(assessment.cell.id.clone()),
                    number: *number,
                });
            }
            // The ledger knows more that differs than stands in a statement.
            (false, _) => {}
        }
    }
    Ok(equal)
}

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::testing::{Recorded, attester, cell, module, with_bits};
use super::*;
use crate::digest::Sha256Digest;
use crate::label::{Grade, Tier, roll_up, scope};
use crate::ledger::AttestationRecord;
use crate::oci::Manifest;
use crate::outcome::{Failure, Outcome};
use crate::run::{Assessment, signing};
use crate::source::Revision;

fn statements(recorded: &Recorded) -> Vec<Unsigned> {
    cell_statements(&recorded.material(), Tier::Unverified, &attester()).expect("statements")
}

fn of(all: &[Unsigned], kind: PredicateType) -> Value {
    let found = all.iter().find(|one| one.kind == kind);
    let found = found.unwrap_or_else(|| panic!("no {kind}"));
    serde_json::from_slice(&found.payload).expect("JSON")
}

fn shown(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}

fn kinds(all: &[Unsigned]) -> Vec<PredicateType> {
    all.iter().map(|one| one.kind).collect()
}

#[test]
fn every_statement_of_a_cell_is_as_it_was() {
    let all = statements(&Recorded::sound());
    assert_eq!(
        kinds(&all),
        [
            PredicateType::Provenance,
            PredicateType::RebuildComparison,
            PredicateType::Scai,
            PredicateType::Summary
        ]
    );
    insta::assert_snapshot!("provenance", shown(&of(&all, PredicateType::Provenance)));
    insta::assert_snapshot!(
        "comparison",
        shown(&of(&all, PredicateType::RebuildComparison))
    );
    insta::assert_snapshot!("scai", shown(&of(&all, PredicateType::Scai)));
    insta::assert_snapshot!("summary", shown(&of(&all, PredicateType::Summary)));
}

#[test]
fn the_same_records_make_the_same_bytes() {
    let (one, other) = (Recorded::sound(), Recorded::sound());
    assert_eq!(statements(&one), statements(&other));
}

#[test]
fn the_deterministic_part_is_that_of_every_attempt_and_of_no_other_input() {
    let recorded = Recorded::sound();
    let attester = attester();
    let part = |recorded: &Recorded, number: usize| {
        let assessment = &recorded.assessment;
        let attempt = &assessment.attempts[number];
        let spec = &recorded.specs[&attempt.spec];
        let provenance = Provenance::of(assessment, attempt, spec, &attester);
        let definition = provenance.build_definition;
        definition.deterministic(assessment.modules())
    };
    let reference = part(&recorded, 0);
    assert_eq!(reference, part(&recorded, 1));
    let value: Value = serde_json::from_slice(&reference).expect("JSON");
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["buildDefinition", "modules"]);
    let text = String::from_utf8(reference.clone()).expect("UTF-8");
    for varied in ["rebuild-1", "20261120T080000", "attempt"] {
        assert!(!text.contains(varied), "{varied}: {text}");
    }

    let changes: [fn(&mut crate::ledger::CellRecord); 8] = [
        |cell| cell.inputs.make.push("X=1".to_owned()),
        |cell| cell.rebuilds = 2,
        |cell| cell.source.tree = Sha256Digest::of(b"another"),
        |cell| {
            cell.source.revision = Revision::Dirty {
                reason: "no".to_owned(),
            };
        },
        |cell| cell.packages[0].sha256 = Sha256Digest::of(b"another"),
        |cell| cell.vouched[0].signed_by.clear(),
        |cell| cell.image.id = Sha256Digest::of(b"another"),
        |cell| cell.inputs.limits.seconds = 1,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = cell();
        change(&mut changed);
        let changed = Recorded::with(changed, |_, _| {});
        assert_ne!(part(&changed, 0), reference, "change {index}");
    }
}

#[test]
fn a_ledger_that_says_what_provenance_does_not_is_refused() {
    let recorded = Recorded::with(cell(), |attempts, _| {
        let observed = attempts[1].observed.as_mut().expect("it was looked at");
        observed.no_network = false;
    });
    let refused = cell_statements(&recorded.material(), Tier::Unverified, &attester());
    assert!(
        matches!(
            refused,
            Err(NotAttestable::OtherProvenance { number: 1, .. })
        ),
        "{refused:?}"
    );
    let mut recorded = Recorded::sound();
    recorded.specs.clear();
    let refused = cell_statements(&recorded.material(), Tier::Unverified, &attester());
    assert!(
        matches!(refused, Err(NotAttestable::NoSpec { number: 0, .. })),
        "{refused:?}"
    );
}

#[test]
fn all_forms_of_a_module_are_subjects_and_linked() {
    let mut recorded = Recorded::sound();
    let shipped = Shipped {
        ending: ".xz".to_owned(),
        digest: Sha256Digest::of(b"shipped"),
        bytes: 7,
    };
    let manifest = Manifest::of_module("m.ko.xz", shipped.digest, 7).digest();
    recorded.shipped.insert(module(), shipped);
    for one in statements(&recorded) {
        let value: Value = serde_json::from_slice(&one.payload).expect("JSON");
        assert_eq!(
            value["subject"],
            json!([
                {
                    "name": "m.ko",
                    "digest": { "sha256": module().to_hex() },
                    "annotations": { "form": "payload", "module": "m.ko" },
                },
                {
                    "name": "m.ko.xz",
                    "digest": { "sha256": Sha256Digest::of(b"shipped").to_hex() },
                    "annotations": { "form": "shipped", "module": "m.ko" },
                },
                {
                    "name": "m.ko.xz",
                    "digest": { "sha256": manifest.to_hex() },
                    "annotations": { "form": "oci-manifest", "module": "m.ko" },
                },
            ])
        );
        let shipped = Sha256Digest::of(b"shipped");
        assert_eq!(one.subjects, [module(), shipped, manifest]);
    }
}

#[test]
fn every_dependency_has_a_digest_and_a_role() {
    let all = statements(&Recorded::sound());
    let provenance = of(&all, PredicateType::Provenance);
    let dependencies = &provenance["predicate"]["buildDefinition"]["resolvedDependencies"];
    let dependencies = dependencies.as_array().expect("a list");
    let roles: Vec<&str> = dependencies
        .iter()
        .map(|one| {
            let digest = one["digest"]["sha256"].as_str().expect("a digest");
            assert_eq!(digest.len(), 64, "{one}");
            one["annotations"]["role"].as_str().expect("a role")
        })
        .collect();
    assert_eq!(
        roles,
        ["source", "builder-image", "builder-tools", "kernel-headers"]
    );
    assert_eq!(dependencies[0]["digest"]["gitCommit"], "0".repeat(40));
    assert_eq!(
        dependencies[0]["uri"],
        format!("git+https://example.org/m.git@{}", "0".repeat(40))
    );
}

#[test]
fn no_path_of_the_machine_stands_in_provenance() {
    let mut local = cell();
    local.source.origin = crate::source::Origin::Git {
        repository: "/home/somebody/m".to_owned(),
        path: None,
    };
    let recorded = Recorded::with(local, |_, _| {});
    let text = of(&statements(&recorded), PredicateType::Provenance).to_string();
    assert!(!text.contains("/home/somebody"), "{text}");
}

/// Returns a cell whose rebuild gave other bits.
fn different() -> Recorded {
    Recorded::with(cell(), |attempts, comparisons| {
        attempts[1].outcome = with_bits(Sha256Digest::of(b"other"));
        comparisons[0].1.metadata_equal = false;
        comparisons[0]
            .1
            .differences
            .push(crate::compare::ModuleDifference {
                causes: Vec::new(),
                path: "m.ko".to_owned(),
                reference: Some(module()),
                rebuild: Some(Sha256Digest::of(b"other")),
                sections: Vec::new(),
                note: None,
                layers: None,
                agreement: None,
                places: Vec::new(),
                left_out: 0,
            });
    })
}

#[test]
fn a_cell_that_differs_is_no_pass_and_not_called_reproducible() {
    let recorded = different();
    let all = statements(&recorded);
    assert!(!kinds(&all).contains(&PredicateType::Scai));
    let comparison = &of(&all, PredicateType::RebuildComparison)["predicate"];
    assert_eq!(comparison["rebuilds"][0]["same"], false);
    assert_eq!(comparison["rebuilds"][0]["metadataEqual"], false);
    let summary = &of(&all, PredicateType::Summary)["predicate"];
    assert_eq!(summary["verificationResult"], "FAILED");
    assert_eq!(summary["verifiedLevels"], json!(["FAILED"]));
    assert_eq!(summary["kmatrix_label"]["tier"], "irreproducible");
}

#[test]
fn a_summary_passes_from_the_required_tier_on_and_claims_no_more() {
    let recorded = Recorded::sound();
    let tier = recorded.assessment.label().expect("a label").tier;
    assert_eq!(tier, Tier::Constrained);
    for required in Tier::ALL {
        let all = cell_statements(&recorded.material(), *required, &attester());
        let all = all.expect("statements");
        let summary = &of(&all, PredicateType::Summary)["predicate"];
        let levels: Vec<&str> = summary["verifiedLevels"]
            .as_array()
            .expect("levels")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if *required <= tier {
            assert_eq!(summary["verificationResult"], "PASSED", "{required}");
            assert_eq!(
                levels,
                [
                    "KMATRIX_CONSTRAINED",
                    "KMATRIX_PARTIAL",
                    "KMATRIX_UNVERIFIED",
                    "SLSA_BUILD_LEVEL_1"
                ]
            );
        } else {
            assert_eq!(summary["verificationResult"], "FAILED", "{required}");
            assert_eq!(levels, ["FAILED"]);
        }
    }
    let without =
        VerificationSummary::of_cell(&recorded.material(), Tier::Unverified, &[], &attester());
    let levels = without.expect("a summary").verified_levels;
    assert!(levels.iter().all(|level| level.starts_with("KMATRIX_")));
}

#[test]
fn a_summary_names_the_statements_that_it_sums_up() {
    let all = statements(&Recorded::sound());
    let summary = &of(&all, PredicateType::Summary)["predicate"];
    let inputs = summary["inputAttestations"].as_array().expect("inputs");
    let named: Vec<&str> = inputs
        .iter()
        .filter_map(|input| input["digest"]["sha256"].as_str())
        .collect();
    let expected: Vec<String> = all[..3].iter().map(|one| one.digest().to_hex()).collect();
    assert_eq!(named, expected);
}

#[test]
fn an_incomplete_cell_never_passes_whatever_its_tier() {
    let recorded = Recorded::with(cell(), |attempts, comparisons| {
        attempts[1].outcome = Outcome::Failed {
            failure: Failure::NoModule,
        };
        comparisons.clear();
    });
    let all = statements(&recorded);
    let summary = &of(&all, PredicateType::Summary)["predicate"];
    assert_eq!(summary["verificationResult"], "FAILED");
    let nothing = Recorded::with(cell(), |attempts, comparisons| {
        for attempt in attempts {
            attempt.outcome = Outcome::Failed {
                failure: Failure::NoModule,
            };
        }
        comparisons.clear();
    });
    assert!(
        statements(&nothing).is_empty(),
        "nothing could be a subject"
    );
}

fn release(cells: &[Assessment], required: Tier) -> Vec<Unsigned> {
    let made = Recorded::sound();
    let statements = BTreeMap::from([(cell().id, statements(&made))]);
    let each = || cells.iter().map(|one| (&one.cell.id, one));
    release_statements(
        &ReleaseMaterial {
            release: "nightly",
            plan: Sha256Digest::of(b"plan"),
            lock: Sha256Digest::of(b"lock"),
            rollup: &roll_up(each().map(|(id, one)| (id, one.for_roll_up()))),
            scope: &scope(each().map(|(id, one)| (id, one.fate())), &[], []),
            cells,
            statements: &statements,
        },
        required,
        &attester(),
    )
}

#[test]
fn every_statement_of_a_release_is_as_it_was() {
    let all = release(&[Recorded::sound().assessment], Tier::Constrained);
    assert_eq!(
        kinds(&all),
        [
            PredicateType::Scope,
            PredicateType::Summary,
            PredicateType::Sbom
        ]
    );
    insta::assert_snapshot!("scope", shown(&of(&all, PredicateType::Scope)));
    insta::assert_snapshot!("release-summary", shown(&of(&all, PredicateType::Summary)));
    insta::assert_snapshot!("sbom", shown(&of(&all, PredicateType::Sbom)));
    let summary = &of(&all, PredicateType::Summary)["predicate"];
    let scope = all[0].digest().to_hex();
    assert_eq!(summary["inputAttestations"][0]["digest"]["sha256"], scope);
    let levels = summary["verifiedLevels"].to_string();
    assert!(!levels.contains("SLSA_"), "{levels}");
}

#[test]
fn a_release_passes_only_if_every_promised_cell_does() {
    let result = |cells: &[Assessment], required| {
        let all = release(cells, required);
        let summary = of(&all, PredicateType::Summary);
        let result = summary["predicate"]["verificationResult"].clone();
        result.as_str().expect("a result").to_owned()
    };
    let sound = || Recorded::sound().assessment;
    let failed = || {
        let made = Recorded::with(cell(), |attempts, comparisons| {
            attempts.clear();
            comparisons.clear();
        });
        made.assessment
    };
    for (cells, required, expected) in [
        (vec![sound()], Tier::Constrained, "PASSED"),
        (vec![sound()], Tier::Full, "FAILED"),
        (vec![sound(), failed()], Tier::Unverified, "FAILED"),
        (vec![], Tier::Unverified, "FAILED"),
    ] {
        assert_eq!(result(&cells, required), expected, "{}", cells.len());
    }
}

#[test]
fn an_sbom_names_every_package_once_and_says_how_old_the_image_is() {
    let all = release(&[Recorded::sound().assessment], Tier::Constrained);
    let sbom = &of(&all, PredicateType::Sbom)["predicate"];
    assert_eq!(sbom["bomFormat"], "CycloneDX");
    assert_eq!(sbom["specVersion"], "1.6");
    let components = sbom["components"].as_array().expect("components");
    let references: BTreeSet<&str> = components
        .iter()
        .filter_map(|one| one["bom-ref"].as_str())
        .collect();
    assert_eq!(references.len(), cell().image.packages.len());
    assert_eq!(
        components[0]["purl"],
        "pkg:deb/debian/gcc-12@12.2.0-14%2Bdeb12u1?arch=amd64"
    );
    let properties = sbom["metadata"]["properties"]
        .as_array()
        .expect("properties");
    let fresh = json!({ "name": "kmatrix:freshness", "value": "fresh" });
    assert!(properties.contains(&fresh), "{properties:#?}");
    // What is written is what the format's own types read.
    let read: Sbom = serde_json::from_value(sbom.clone()).expect("a CycloneDX document");
    assert_eq!(serde_json::to_value(read).expect("JSON"), *sbom);
}

#[test]
fn every_kind_of_statement_is_read_back_as_it_was_written() {
    let recorded = Recorded::sound();
    let all = statements(&recorded);
    fn again<P: serde::Serialize + serde::de::DeserializeOwned>(
        all: &[Unsigned],
        kind: PredicateType,
    ) {
        let one = all.iter().find(|one| one.kind == kind).expect("it");
        let read: Statement<P> = serde_json::from_slice(&one.payload).expect("a statement");
        assert_eq!(read.to_bytes(), one.payload, "{kind}");
    }
    again::<Provenance>(&all, PredicateType::Provenance);
    again::<RebuildComparison>(&all, PredicateType::RebuildComparison);
    again::<AttributeReport>(&all, PredicateType::Scai);
    again::<VerificationSummary>(&all, PredicateType::Summary);
    let all = release(&[recorded.assessment], Tier::Constrained);
    again::<ScopeStatement>(&all, PredicateType::Scope);
}

/// Holds a value against the words of its schema that say what stands there: every field that is required
/// is there, every field that is there is described, and has one of the values that it may have. Whole
/// validation is that of `tests/interop/schemas.py`.
pub(crate) fn described(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").expect("a definition");
        return described(value, &root["$defs"][name], root, at);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return described(value, &parts[0], root, at);
    }
    if let Some(values) = schema["enum"].as_array() {
        assert!(values.contains(value), "{at}: {value}");
    }
    match value {
        Value::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                let name = name.as_str().expect("a name");
                assert!(fields.contains_key(name), "{at} has no `{name}`");
            }
            for (name, value) in fields {
                let at = format!("{at}.{name}");
                let known = schema["properties"].as_object();
                let schema = known
                    .and_then(|known| known.get(name))
                    .or_else(|| schema.get("additionalProperties"));
                match schema {
                    Some(schema) => described(value, schema, root, &at),
                    None => assert!(known.is_none(), "{at} is not described"),
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                described(value, &schema["items"], root, at);
            }
        }
        Value::String(text) => {
            if let Some(pattern) = schema["pattern"].as_str() {
                let pattern = regex::Regex::new(pattern).expect("a pattern");
                assert!(pattern.is_match(text), "{at}: {text}");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn the_own_predicates_are_as_their_schemas_describe_them() {
    let comparison = include_str!("../../docs/schemas/rebuild-comparison-v1.schema.json");
    let scope = include_str!("../../docs/schemas/release-scope-v1.schema.json");
    let sound = Recorded::sound();
    let kind = PredicateType::RebuildComparison;
    for (schema, statement) in [
        (comparison, of(&statements(&sound), kind)),
        (comparison, of(&statements(&different()), kind)),
        (
            scope,
            of(
                &release(&[sound.assessment], Tier::Full),
                PredicateType::Scope,
            ),
        ),
    ] {
        let schema: Value = serde_json::from_str(schema).expect("JSON");
        described(&statement["predicate"], &schema, &schema, "predicate");
    }
}

#[test]
fn a_signature_counts_for_the_inputs_and_for_every_module_or_not_at_all() {
    let recorded = Recorded::sound();
    let Assessment { cell, attempts, .. } = &recorded.assessment;
    let record = |signer: &str, inputs, subjects: &[Sha256Digest]| AttestationRecord {
        run: "r".to_owned(),
        cell: Some(cell.id.clone()),
        inputs,
        predicate_type: PredicateType::Provenance.uri().to_owned(),
        payload: Sha256Digest::of(b"payload"),
        subjects: subjects.to_vec(),
        bundle: Sha256Digest::of(b"bundle"),
        envelope: Sha256Digest::of(b"envelope"),
        signer: signer.to_owned(),
        signed: attester().at,
    };
    let own = Some(cell.inputs.digest());
    let of_others = Some(Sha256Digest::of(b"others"));
    let shipped = Sha256Digest::of(b"shipped");
    for (records, expected) in [
        (vec![], None),
        (
            vec![record("key:01", own, &[shipped, module()])],
            Some(Grade::External),
        ),
        (
            vec![record("identity:a issuer:b", own, &[module()])],
            Some(Grade::Keyless),
        ),
        (
            vec![
                record("key:01", own, &[module()]),
                record("identity:a issuer:b", own, &[module()]),
            ],
            Some(Grade::External),
        ),
        (vec![record("key:01", of_others, &[module()])], None),
        (vec![record("key:01", None, &[module()])], None),
        (vec![record("key:01", own, &[shipped])], None),
        (vec![record("somebody", own, &[module()])], None),
        (vec![record("oracle:1", own, &[module()])], None),
    ] {
        let found = signing(cell, attempts, &records);
        assert_eq!(found.map(|found| found.grade), expected, "{records:#?}");
    }
}

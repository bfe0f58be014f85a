//! Sound statements about one module, for whoever changes something in them: the library's own tests,
//! and those of the program.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kmatrix::attest::{
    BUILD_TYPE, BuildDefinition, BuilderIdentity, ComparedAttempt, ComparedModule,
    InvocationMetadata, LabelSummary, LabelledCell, Platform, Provenance, RebuildComparison,
    ResourceDescriptor, RunDetails, ScopeStatement, Subject, SummaryPolicy, SummaryVerifier,
    VerificationResult, VerificationSummary, levels, sha256,
};
use kmatrix::digest::Sha256Digest;
use kmatrix::gate::{Gate, Verdict};
use kmatrix::git::Revision;
use kmatrix::label::{
    CellStanding, ClosedInputs, Evidence, Examined, Freshness, Grade, Interface, Isolation, Label,
    PackagedInterface, Rebuilds, RulesUsed, Scope, Seen, SourceOrigin, Tier, Toolchain, label,
    roll_up,
};
use kmatrix::name::CellId;
use kmatrix::recipe::Executed;
use kmatrix::variation::Axis;
use serde_json::{Map, Value, json};

pub const CELL: &str = "debian-13/amd64/6.12.1-x=6.12.1-1/m";
pub const OTHER_CELL: &str = "debian-13/amd64/6.12.2-x=6.12.2-1/m";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const BUILDER: &str = "urn:kmatrix:builder:local-container:v1";

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub fn cell(text: &str) -> CellId {
    text.parse().expect("a cell id")
}

/// Returns the comparison of three rebuilds with everything varied, all of which gave the same module.
pub fn comparison(payload: Sha256Digest) -> RebuildComparison {
    let attempt = |number: u32| ComparedAttempt {
        number,
        spec: Sha256Digest::of(&number.to_be_bytes()),
        platform: "platform-1".to_owned(),
        varied: if number == 0 {
            BTreeSet::new()
        } else {
            Axis::all()
        },
        reached: if number == 0 {
            BTreeSet::new()
        } else {
            Axis::all()
        },
        choices: BTreeMap::new(),
        outcome: "built".to_owned(),
        modules: vec![ComparedModule {
            path: "m.ko".to_owned(),
            sha256: payload,
            layers: None,
        }],
        same: true,
        metadata_equal: true,
    };
    let label = sound_label();
    RebuildComparison {
        cell: cell(CELL),
        inputs: Sha256Digest::of(b"inputs"),
        reference: attempt(0),
        rebuilds: vec![attempt(1), attempt(2), attempt(3)],
        normalisations: BTreeSet::new(),
        causes: Vec::new(),
        platforms: BTreeMap::from([(
            "platform-1".to_owned(),
            Platform {
                operator: "vendor".to_owned(),
                builder: BUILDER.to_owned(),
                engine: "docker 20.10.24".to_owned(),
            },
        )]),
        label,
    }
}

pub fn value(of: &impl serde::Serialize) -> Value {
    serde_json::to_value(of).expect("plain values serialise")
}

pub fn provenance() -> Provenance {
    let mut source = ResourceDescriptor::named("m", Sha256Digest::of(b"tree"));
    source.uri = Some(format!("git+https://src.example/m@{COMMIT}"));
    source
        .digest
        .insert("gitCommit".to_owned(), COMMIT.to_owned());
    source
        .annotations
        .insert("role".to_owned(), json!("source"));
    let mut image = ResourceDescriptor::named("image", Sha256Digest::of(b"image"));
    image
        .annotations
        .insert("role".to_owned(), json!("builder-image"));
    let parameters = json!({
        "cell": CELL,
        "module": { "name": "m", "make": ["CONFIG_M=y"] },
        "rebuilds": { "atLeast": 3 },
    });
    let Value::Object(external_parameters) = parameters else {
        panic!("it is an object");
    };
    Provenance {
        build_definition: BuildDefinition {
            build_type: BUILD_TYPE.to_owned(),
            external_parameters,
            internal_parameters: Map::new(),
            resolved_dependencies: vec![source, image],
        },
        run_details: RunDetails {
            builder: BuilderIdentity {
                id: BUILDER.to_owned(),
                version: BTreeMap::new(),
            },
            metadata: InvocationMetadata {
                invocation_id: "r1/0".to_owned(),
                started_on: at("2026-06-01T10:00:00Z"),
                finished_on: at("2026-06-01T10:01:00Z"),
            },
            byproducts: Vec::new(),
        },
    }
}

pub fn summary(label: &Label) -> VerificationSummary {
    let levels = levels(label.tier).into_iter().chain(["SLSA_BUILD_LEVEL_1"]);
    VerificationSummary {
        verifier: SummaryVerifier {
            id: "urn:kmatrix:verifier:ledger:v1".to_owned(),
            version: BTreeMap::new(),
        },
        time_verified: at("2026-06-01T11:00:00Z"),
        resource_uri: format!("urn:kmatrix:cell:{CELL}"),
        policy: SummaryPolicy {
            uri: "urn:kmatrix:label-rules:v1".to_owned(),
            digest: sha256(label.rules.digest),
        },
        input_attestations: Vec::new(),
        verification_result: VerificationResult::Passed,
        verified_levels: levels.map(str::to_owned).collect(),
        slsa_version: "1.2".to_owned(),
        label: LabelSummary {
            word: label.word(),
            tier: label.tier,
            vector: Some(label.vector.clone()),
            reasons: label.reasons.clone(),
            because: None,
            rules: label.rules.clone(),
        },
        exceptions: Vec::new(),
    }
}

/// Returns the scope statement of a release that lists the module.
pub fn scope(release: &str, payload: Sha256Digest) -> ScopeStatement {
    scope_of(release, &[(cell(CELL), payload)])
}

/// Returns the scope statement of a release of some cells, each of which made one module.
pub fn scope_of(release: &str, cells: &[(CellId, Sha256Digest)]) -> ScopeStatement {
    let tier = Tier::Constrained;
    let stale = false;
    let standings = cells
        .iter()
        .map(|(id, _)| (id, CellStanding::Labelled { tier, stale }));
    let labelled = |(id, payload): &(CellId, Sha256Digest)| LabelledCell {
        cell: id.clone(),
        tier,
        word: tier.to_string(),
        modules: vec![*payload],
        attestations: BTreeMap::new(),
    };
    ScopeStatement {
        release: release.to_owned(),
        plan: Sha256Digest::of(b"plan"),
        lock: Sha256Digest::of(b"lock"),
        rollup: roll_up(standings),
        scope: Scope {
            promised: cells.len(),
            built: cells.len(),
            ..Scope::default()
        },
        cells: cells.iter().map(labelled).collect(),
        rules: RulesUsed::current(),
    }
}

/// Returns what the statements about a release are of.
pub fn of_release() -> Vec<Subject> {
    ["plan", "lock"]
        .map(|name| Subject::plain(name, Sha256Digest::of(name.as_bytes())))
        .to_vec()
}

/// Returns the summary of a release that rests on a scope statement.
pub fn release_summary(scope: &ScopeStatement, payload: Sha256Digest) -> VerificationSummary {
    let mut summed = summary(&sound_label());
    let tier = scope.rollup.tier;
    summed.resource_uri = format!("urn:kmatrix:release:{}", scope.release);
    summed.input_attestations = vec![ResourceDescriptor::named("scope", payload)];
    summed.verified_levels = levels(tier).into_iter().map(str::to_owned).collect();
    (summed.label.tier, summed.label.word) = (tier, tier.to_string());
    summed
}

/// Returns `constrained`, as three rebuilds on packaged headers make it.
fn sound_label() -> Label {
    let evidence = Evidence {
        rebuilds: Some(Rebuilds {
            same: 3,
            normalised: 0,
            normalisations: BTreeSet::new(),
            different: 0,
            failed: 0,
            made: 3,
            varied: Axis::all(),
            with_these: 3,
            doubts: Vec::new(),
            finding: None,
            causes: Vec::new(),
        }),
        metadata_equal: Some(true),
        interface: Some(Interface::Packages(PackagedInterface {
            packages: 3,
            vouched_by: vec!["debian".to_owned()],
            exceptions: Vec::new(),
        })),
        closed_inputs: Some(ClosedInputs::default()),
        toolchain: Some(Toolchain {
            executed: Executed::Native,
            pinned: true,
            recorded: Some("(Debian 14.2.0) 14.2.0".to_owned()),
            used: vec!["GCC: (Debian 14.2.0) 14.2.0".to_owned()],
            mismatch: None,
        }),
        isolation: Some(Isolation {
            attempts: 4,
            sealed: 4,
        }),
        source: Some(SourceOrigin {
            revision: Revision::Committed {
                commit: COMMIT.to_owned(),
            },
            from: None,
        }),
        examined: vec![Examined {
            module: "m.ko".to_owned(),
            gates: Gate::ALL
                .into_iter()
                .map(|gate| {
                    let (verdict, because) = (Verdict::Passed, String::new());
                    (gate, Seen { verdict, because })
                })
                .collect(),
        }],
        ..Evidence::default()
    };
    let fresh = Freshness::Fresh {
        age_days: 1,
        limit_days: 30,
    };
    let label = label(&evidence, fresh);
    assert_eq!(label.tier, Tier::Constrained);
    assert_eq!(label.vector.reproducibility, Grade::Varied);
    label
}

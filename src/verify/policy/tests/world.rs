//! A sound module with sound statements about it, of which a test changes one thing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::attest::{
    BUILD_TYPE, BuildDefinition, BuilderIdentity, ComparedAttempt, ComparedModule,
    InvocationMetadata, LabelSummary, LabelledCell, Platform, PredicateType, Provenance,
    RebuildComparison, ResourceDescriptor, RunDetails, ScopeStatement, Statement, Subject,
    SubjectForm, SummaryPolicy, SummaryVerifier, VerificationResult, VerificationSummary, levels,
    sha256,
};
use crate::digest::Sha256Digest;
use crate::git::Revision;
use crate::ko::testing::{Form, module};
use crate::label::{
    CellStanding, ClosedInputs, Evidence, Freshness, Grade, Interface, Isolation, Label,
    PackagedInterface, Rebuilds, RulesUsed, Scope, SourceOrigin, Tier, Toolchain, label, roll_up,
};
use crate::name::CellId;
use crate::recipe::Executed;
use crate::variation::Axis;
use crate::verify::policy::{Artifact, Expectation, Policy, judge};
use crate::verify::{Authenticated, Outcome, Refused, SignedBy, TimeSource, Verdict, VerifiedTime};

pub const CELL: &str = "debian-13/amd64/6.12.1-x=6.12.1-1/m";
pub const OTHER_CELL: &str = "debian-13/amd64/6.12.2-x=6.12.2-1/m";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const BUILDER: &str = "urn:kmatrix:builder:local-container:v1";

/// Everything that a verdict is made of.
pub struct World {
    pub file: Vec<u8>,
    pub provenance: Provenance,
    pub comparison: RebuildComparison,
    pub summary: VerificationSummary,
    /// Who signed each of the three, and when.
    pub signed: BTreeMap<PredicateType, Signed>,
    /// What is handed in beside them.
    pub others: Vec<Authenticated>,
    /// The inputs that the summary names; if nothing else is said, the statements that are there.
    pub inputs: Option<Vec<Sha256Digest>>,
    pub left_out: BTreeSet<PredicateType>,
    pub subjects: Vec<Subject>,
    pub refused: Vec<Refused>,
    pub expectation: Expectation,
    /// What the policy says beside its signers and sources.
    pub policy: String,
    /// The policy's `[require]`.
    pub require: String,
    pub at: Timestamp,
}

/// A signature.
#[derive(Debug, Clone)]
pub struct Signed {
    pub by: SignedBy,
    pub times: Vec<VerifiedTime>,
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub fn key(name: &str) -> SignedBy {
    SignedBy::Key {
        spki: Sha256Digest::of(name.as_bytes()),
    }
}

pub fn identity(name: &str, issuer: &str) -> SignedBy {
    SignedBy::Identity {
        identity: name.to_owned(),
        issuer: issuer.to_owned(),
    }
}

pub fn cell(text: &str) -> CellId {
    text.parse().expect("a cell id")
}

/// Returns a statement as authentication would.
pub fn authenticated(
    kind: PredicateType,
    subjects: Vec<Subject>,
    predicate: Value,
    signed: &Signed,
) -> Authenticated {
    let statement = Statement::new(kind, subjects, predicate);
    Authenticated {
        payload: Sha256Digest::of(&statement.to_bytes()),
        statement,
        signed_by: signed.by.clone(),
        times: signed.times.clone(),
    }
}

impl Signed {
    pub fn by(by: SignedBy) -> Self {
        Self {
            by,
            times: vec![VerifiedTime {
                at: at("2026-06-01T12:00:00Z"),
                from: TimeSource::TimestampAuthority,
            }],
        }
    }
}

impl World {
    /// Returns a module of which everything holds that the default policy asks.
    pub fn sound() -> Self {
        let file = module(Form::AMD64);
        let payload = Sha256Digest::of(&file);
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
        let comparison = RebuildComparison {
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
            label: label.clone(),
        };
        let vendor = Signed::by(key("vendor"));
        Self {
            provenance: provenance(),
            comparison,
            summary: summary(&label),
            signed: [
                PredicateType::Provenance,
                PredicateType::RebuildComparison,
                PredicateType::Summary,
            ]
            .into_iter()
            .map(|kind| (kind, vendor.clone()))
            .collect(),
            others: Vec::new(),
            inputs: None,
            left_out: BTreeSet::new(),
            subjects: vec![Subject::module(
                "m.ko",
                payload,
                SubjectForm::Payload,
                "m.ko",
            )],
            refused: Vec::new(),
            expectation: Expectation {
                kernel: Some("6.12.1-x".parse().expect("a release")),
                arch: Some("amd64".parse().expect("an architecture")),
                ..Expectation::default()
            },
            policy: String::new(),
            require: String::new(),
            at: at("2026-06-02T12:00:00Z"),
            file,
        }
    }

    pub fn payload(&self) -> Sha256Digest {
        Artifact::read(&self.file).payload().expect("a module")
    }

    /// Returns the text of the policy: a vendor and a second signer of it, an auditor, an identity.
    pub fn policy_text(&self) -> String {
        let mut text = format!(
            "schema = 1\n[require]\n{}\n[[source]]\nuri = '**'\n",
            self.require
        );
        for (name, operator) in [
            ("vendor", "vendor"),
            ("second", "vendor"),
            ("auditor", "auditor"),
        ] {
            let spki = Sha256Digest::of(name.as_bytes());
            text += &format!(
                "[[signer]]\nname = '{name}'\noperator = '{operator}'\nkey = '{spki}'\nbuilders = ['{BUILDER}']\n"
            );
        }
        text += &format!(
            "[[signer]]\nname = 'ci'\noperator = 'vendor'\nidentity = 'ci@vendor'\nissuer = 'idp'\n\
             builders = ['{BUILDER}']\n"
        );
        text + &self.policy
    }

    /// Adds a line to the policy's signer of a name.
    pub fn with_signer(&self, name: &str, line: &str) -> String {
        let text = self.policy_text();
        let head = format!("name = '{name}'\n");
        assert!(text.contains(&head), "{name}");
        text.replace(&head, &format!("{head}{line}\n"))
    }

    /// Adds a statement beside the three.
    pub fn add(&mut self, kind: PredicateType, by: SignedBy, predicate: Value) {
        let other = authenticated(kind, self.subjects.clone(), predicate, &Signed::by(by));
        self.others.push(other);
    }

    /// Adds the comparison of another signer, whose attempts are its own.
    pub fn add_comparison_by(&mut self, by: SignedBy) {
        let mut own = self.comparison.clone();
        own.inputs = Sha256Digest::of(b"their inputs");
        self.add(PredicateType::RebuildComparison, by, value(&own));
    }

    pub fn attestations(&self) -> Vec<Authenticated> {
        let of = |kind: PredicateType, predicate: Value| {
            authenticated(kind, self.subjects.clone(), predicate, &self.signed[&kind])
        };
        let provenance = of(PredicateType::Provenance, value(&self.provenance));
        let comparison = of(PredicateType::RebuildComparison, value(&self.comparison));
        let mut summary = self.summary.clone();
        let inputs = match &self.inputs {
            Some(inputs) => inputs.clone(),
            None => vec![provenance.payload(), comparison.payload()],
        };
        let descriptors = inputs.into_iter();
        summary.input_attestations = descriptors
            .map(|payload| ResourceDescriptor::named("statement", payload))
            .collect();
        let summary = of(PredicateType::Summary, value(&summary));
        let mut all = vec![provenance, comparison, summary];
        all.retain(|one| {
            let kind = PredicateType::from_uri(&one.statement().predicate_type);
            !self.left_out.contains(&kind.expect("one of ours"))
        });
        all.extend(self.others.iter().cloned());
        all
    }

    pub fn verdict_by(&self, policy: &str) -> Verdict {
        let policy = Policy::parse("policy.toml", policy.as_bytes());
        let policy = policy.unwrap_or_else(|problems| panic!("{problems}"));
        self.verdict_of(&policy)
    }

    pub fn verdict_of(&self, policy: &Policy) -> Verdict {
        judge(
            &Artifact::read(&self.file),
            &self.expectation,
            &self.attestations(),
            &self.refused,
            policy,
            self.at,
        )
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict_by(&self.policy_text())
    }
}

/// Returns the rules that do not hold, in their order.
pub fn broken(verdict: &Verdict) -> Vec<&str> {
    let rules = verdict.rules.iter();
    let broken = rules.filter(|rule| match rule.outcome {
        Outcome::Fails | Outcome::Missing => true,
        Outcome::Holds | Outcome::Excepted => false,
    });
    broken.map(|rule| rule.rule.as_str()).collect()
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
    let image = ResourceDescriptor::named("image", Sha256Digest::of(b"image"));
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
    }
}

/// Returns the scope statement of a release that lists the module.
pub fn scope(release: &str, payload: Sha256Digest) -> ScopeStatement {
    let id = cell(CELL);
    let standing = CellStanding::Labelled {
        tier: Tier::Constrained,
        stale: false,
    };
    ScopeStatement {
        release: release.to_owned(),
        plan: Sha256Digest::of(b"plan"),
        lock: Sha256Digest::of(b"lock"),
        rollup: roll_up([(&id, standing)]),
        scope: Scope {
            promised: 1,
            built: 1,
            ..Scope::default()
        },
        cells: vec![LabelledCell {
            cell: id,
            tier: Tier::Constrained,
            word: "constrained".to_owned(),
            modules: vec![payload],
            attestations: BTreeMap::new(),
        }],
        rules: RulesUsed::current(),
    }
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

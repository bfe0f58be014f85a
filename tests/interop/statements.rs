//! Statements of the kinds that the program makes, about one module.

use kmatrix::attest::STATEMENT_TYPE;
use kmatrix::digest::Sha256Digest;
use serde_json::{Value, json};

pub const MODULE: &[u8] = b"the bytes of a module";
pub const VERIFIER: &str = "urn:kmatrix:verifier:v1";
pub const RESOURCE: &str =
    "urn:kmatrix:cell:debian-12/amd64/6.1.0-56-cloud-amd64/workload-identity";

/// Returns one of each kind.
pub fn each() -> [(&'static str, Value); 4] {
    [
        ("provenance", provenance()),
        ("summary", summary()),
        ("scai", scai()),
        ("comparison", comparison()),
    ]
}

pub fn provenance() -> Value {
    statement(
        "https://slsa.dev/provenance/v1",
        json!({
            "buildDefinition": {
                "buildType": "urn:kmatrix:build:container-module:v1",
                "externalParameters": {"cell": RESOURCE},
                "internalParameters": {"profile": 1},
                "resolvedDependencies": [{
                    "name": "source",
                    "digest": {"sha256": "aa".repeat(32), "gitCommit": "bb".repeat(20)},
                    "annotations": {"voucher": "cc"},
                }],
            },
            "runDetails": {
                "builder": {"id": "urn:kmatrix:builder:local-container:v1", "version": {"kmatrix": "0.1.0"}},
                "metadata": {
                    "invocationId": "run-1/0",
                    "startedOn": "2026-11-21T10:00:00Z",
                    "finishedOn": "2026-11-21T10:00:01.5Z",
                },
                "byproducts": [{"name": "log", "digest": {"sha256": "dd".repeat(32)}}],
            },
        }),
    )
}

pub fn summary() -> Value {
    statement(
        "https://slsa.dev/verification_summary/v1",
        json!({
            "verifier": {"id": VERIFIER, "version": {"kmatrix": "0.1.0"}},
            "timeVerified": "2026-11-21T10:00:02Z",
            "resourceUri": RESOURCE,
            "policy": {"uri": "urn:kmatrix:rules:1", "digest": {"sha256": "ee".repeat(32)}},
            "inputAttestations": [{"uri": "urn:x", "digest": {"sha256": "ff".repeat(32)}}],
            "verificationResult": "PASSED",
            "verifiedLevels": [
                "KMATRIX_CONSTRAINED", "KMATRIX_PARTIAL", "KMATRIX_UNVERIFIED", "SLSA_BUILD_LEVEL_1"
            ],
            "slsaVersion": "1.2",
            "kmatrix_label": {"word": "constrained", "tier": "constrained"},
        }),
    )
}

fn scai() -> Value {
    statement(
        "https://in-toto.io/attestation/scai/v0.3",
        json!({
            "attributes": [{
                "attribute": "REPRODUCIBLE",
                "conditions": {"varied": ["path", "user"]},
                "evidence": {"name": "comparison", "digest": {"sha256": "ab".repeat(32)}},
            }],
        }),
    )
}

fn comparison() -> Value {
    statement(
        "urn:kmatrix:rebuild-comparison:v1",
        json!({"cell": RESOURCE, "rebuilds": []}),
    )
}

pub fn statement(predicate_type: &str, predicate: Value) -> Value {
    let sha256 = Sha256Digest::of(MODULE).to_hex();
    let annotations = json!({"form": "payload", "module": "module.ko"});
    json!({
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "module.ko", "digest": {"sha256": sha256}, "annotations": annotations}],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
}

//! The rules of `slsa-verifier verify-vsa`, as `vsa_rules.py` has them.

use std::fs;

use kmatrix::digest::Sha256Digest;
use serde_json::{Value, json};

use crate::common::{Place, Ran};
use crate::statements::{MODULE, RESOURCE, VERIFIER, summary};
use crate::tools::Tools;
use crate::vendor::Vendor;

/// What somebody expects of a summary.
fn expected() -> Value {
    json!({
        "digests": [Sha256Digest::of(MODULE).to_string()],
        "verifierId": VERIFIER,
        "resourceUri": RESOURCE,
        "levels": ["SLSA_BUILD_LEVEL_1", "KMATRIX_CONSTRAINED", "KMATRIX_PARTIAL"],
    })
}

/// Returns the rules that fail.
fn ask(
    tools: &Tools,
    place: &Place,
    statement: &Value,
    expected: &Value,
    key_id: Option<&str>,
) -> Ran {
    let vendor = Vendor::new();
    let write = |name: &str, text: String| {
        let path = place.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let envelope = vendor.sign(statement, None).envelope;
    let mut command = tools.python("vsa_rules.py", &place.home());
    command
        .arg(write("key.pem", vendor.public()))
        .arg(key_id.unwrap_or(&vendor.key_id()))
        .arg(write("envelope.json", envelope.to_string()))
        .arg(write("expected.json", expected.to_string()));
    Ran::of(command)
}

#[test]
fn a_summary_holds_by_every_rule_and_each_rule_can_fail() {
    type Spoil = fn(&mut Value, &mut Value);
    let cases: [(&str, Spoil); 11] = [
        ("", |_, _| {}),
        ("types", |summary, _| {
            summary["predicateType"] = "https://slsa.dev/vsa".into()
        }),
        ("types", |summary, _| {
            summary["predicate"]["timeVerified"] = "today".into()
        }),
        ("subject", |_, expected| {
            expected["digests"] = json!([Sha256Digest::of(b"other").to_string()]);
        }),
        ("subject", |_, expected| expected["digests"] = json!([])),
        ("verifier", |_, expected| {
            expected["verifierId"] = "urn:other".into()
        }),
        ("resource", |_, expected| {
            expected["resourceUri"] = "urn:other".into()
        }),
        ("result", |summary, _| {
            summary["predicate"]["verificationResult"] = "FAILED".into();
        }),
        ("levels", |_, expected| {
            expected["levels"] = json!(["KMATRIX_FULL"])
        }),
        ("levels", |_, expected| {
            expected["levels"] = json!(["SLSA_BUILD_LEVEL_2"])
        }),
        // Why that level is never written: this verifier takes no summary that has it.
        ("levels", |summary, _| {
            summary["predicate"]["verifiedLevels"] = json!([
                "SLSA_BUILD_LEVEL_1",
                "KMATRIX_CONSTRAINED",
                "KMATRIX_PARTIAL",
                "SLSA_BUILD_REPRODUCED"
            ]);
        }),
    ];
    let tools = Tools::get();
    let place = Place::empty();
    for (rule, spoil) in cases {
        let (mut statement, mut expected) = (summary(), expected());
        spoil(&mut statement, &mut expected);
        let ran = ask(&tools, &place, &statement, &expected, None);
        assert_eq!(ran.stdout.trim(), rule, "{ran}");
        assert_eq!(ran.status, i32::from(!rule.is_empty()), "{ran}");
    }
    let ran = ask(&tools, &place, &summary(), &expected(), Some("another key"));
    assert_eq!(ran.stdout.trim(), "signature", "{ran}");
}

//! What an audit says of a release that it cannot build again, or not alike.

use super::{Both, payload};

#[test]
fn what_cannot_be_had_any_more_is_missing_and_no_pass() {
    let both = Both::of("reproducible", 0);
    let archive = both.signed(&[]);
    let audit = both.audit(&archive, &["--offline"]).expect(42).json();
    assert_eq!(audit["cells"][0]["finding"], "missing", "{audit:#}");
    assert_eq!(audit["bound"]["atMost"], 1, "what is missing may differ");
    let reason = audit["cells"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("--source reproducible=DIR"), "{reason}");
    // With the source, the packages are what is missing.
    let source = both.vendor.path().join("modules/reproducible");
    let given = format!("reproducible={}", source.display());
    let audit = both
        .audit(&archive, &["--offline", "--source", &given])
        .expect(42)
        .json();
    let reason = audit["cells"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("linux-"), "{reason}");
    // Another source is not taken for it.
    let other = both.elsewhere.fixture("leaks-path");
    let given = format!("reproducible={}", other.display());
    let audit = both
        .audit(&archive, &["--offline", "--source", &given])
        .expect(42)
        .json();
    let reason = audit["cells"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("is another"), "{reason}");
}

#[test]
fn a_module_that_cannot_be_built_again_alike_is_found_out() {
    let both = Both::of("random-constant", 31);
    let archive = both.signed(&["--with-inputs=packages,sources"]);
    let audit = both.audit(&archive, &["--out", "audit"]).expect(31).json();
    let cell = &audit["cells"][0];
    assert_eq!(cell["finding"], "differs", "{audit:#}");
    assert!(
        !cell["modules"][0]["sections"]
            .as_array()
            .expect("sections")
            .is_empty()
    );
    assert_eq!(audit["bound"]["atMost"], 1);
    let id = cell["cell"].as_str().expect("an id");
    let out = both.elsewhere.path().join("audit").join(id);
    let statement = payload(&out.join("comparison.dsse.json"));
    let label = &statement["predicate"]["label"];
    assert_eq!(label["vector"]["reproducibility"], "differs");
    assert_eq!(label["tier"], "irreproducible");
}

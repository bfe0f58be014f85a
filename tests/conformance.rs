//! Bundles that others made: those that the verifier's library brings with its source, and Sigstore's
//! public conformance suite. Neither is part of this project; they are read where they are, and a run that
//! does not find them says so.

use std::fs;
use std::path::{Path, PathBuf};

use kmatrix::digest::Sha256Digest;
use kmatrix::verify::{Refused, SignedBy, Trust, Why, authenticate};

/// Where the conformance suite was checked out.
const SUITE: &str = "KMATRIX_SIGSTORE_CONFORMANCE";
/// Who signed what is good in the conformance suite.
const SUITE_ISSUER: &str = "https://token.actions.githubusercontent.com";

/// What becomes of a bundle.
enum Expected {
    /// It is of this identity.
    Accepted(&'static str),
    Refused(Why),
}
use Expected::{Accepted, Refused as Not};

const BEACON: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const PUBLIC: &str = "sigstore-trust-root-*/src/trusted_root.json";
const STAGING: &str = "sigstore-trust-root-*/src/trusted_root_staging.json";

/// Bundle, trust root, and what becomes of it. Sources of crates, by the newest version that is there.
const BROUGHT: [(&str, &str, Expected); 18] = [
    (
        "sigstore-bundle-*/tests/fixtures/happy-path.json",
        PUBLIC,
        Accepted(BEACON),
    ),
    (
        "sigstore-verify-*/test_data/bundles/conda-attestation.sigstore.json",
        PUBLIC,
        Accepted(
            "https://github.com/prefix-dev/sigstore-example/.github/workflows/action.yaml@refs/heads/main",
        ),
    ),
    (
        "sigstore-verify-*/test_data/bundles/conda-attestation-rekor2.sigstore.json",
        STAGING,
        Accepted("jku@goto.fi"),
    ),
    (
        "sigstore-verify-*/test_data/upstream/sigstore-python/a.dsse.staging-rekor-v2.txt.sigstore.json",
        STAGING,
        Accepted(BEACON),
    ),
    (
        "sigstore-verify-*/test_data/bundles/conda-attestation.sigstore.json",
        STAGING,
        Not(Why::Log),
    ),
    (
        "sigstore-verify-*/test_data/bundles/conda-attestation-rekor2.sigstore.json",
        PUBLIC,
        Not(Why::Timestamp),
    ),
    (
        "sigstore-verify-*/test_data/bundles/conda-attestation.sigstore.json",
        "sigstore-verify-*/test_data/invalid-ct-key_fail/trusted_root.json",
        Not(Why::Certificate),
    ),
    (
        "sigstore-verify-*/test_data/bundles/github-private-attestation.sigstore.json",
        "sigstore-trust-root-*/src/trusted_root_github.json",
        Not(Why::Certificate),
    ),
    (
        "sigstore-verify-*/test_data/bundles/bundle_cve_2022_36056.txt.sigstore",
        PUBLIC,
        Not(Why::Content),
    ),
    (
        "sigstore-verify-*/test_data/bundles/bundle_invalid_version.txt.sigstore",
        PUBLIC,
        Not(Why::UnknownType),
    ),
    (
        "sigstore-verify-*/test_data/bundles/bundle_no_cert_v1.txt.sigstore",
        PUBLIC,
        Not(Why::UnknownType),
    ),
    (
        "sigstore-verify-*/test_data/bundles/bundle_no_checkpoint.txt.sigstore",
        PUBLIC,
        Not(Why::UnknownType),
    ),
    (
        "sigstore-verify-*/test_data/bundles/bundle_no_log_entry.txt.sigstore",
        PUBLIC,
        Not(Why::UnknownType),
    ),
    (
        "sigstore-verify-*/test_data/bundles/bundle_v3_no_signed_time.txt.sigstore.json",
        PUBLIC,
        Not(Why::Content),
    ),
    (
        "sigstore-verify-*/test_data/bundles/dsse-2sigs.sigstore.json",
        PUBLIC,
        Not(Why::UnknownType),
    ),
    (
        "sigstore-verify-*/test_data/bundles/othername.sigstore.json",
        PUBLIC,
        Not(Why::Content),
    ),
    (
        "sigstore-verify-*/test_data/bundles/cosign-v3-blob.sigstore.json",
        PUBLIC,
        Not(Why::Content),
    ),
    (
        "sigstore-verify-*/test_data/managed-key/bundle.sigstore.json",
        PUBLIC,
        Not(Why::Content),
    ),
];

#[test]
fn bundles_that_the_library_brings_are_read_as_they_should() {
    let mut absent = 0;
    for (bundle, root, expected) in &BROUGHT {
        let (Some(bundle_at), Some(root_at)) = (in_registry(bundle), in_registry(root)) else {
            println!("NOT PRESENT: {bundle} or {root}");
            absent += 1;
            continue;
        };
        let trust = Trust::root(&fs::read(root_at).expect("a root")).expect("a usable root");
        let answer = authenticate(&fs::read(bundle_at).expect("a bundle"), &trust);
        match (expected, answer) {
            (Accepted(identity), Ok(found)) => {
                let SignedBy::Identity { identity: by, .. } = found.signed_by() else {
                    panic!("{bundle} is signed with a key");
                };
                assert_eq!(by, identity, "{bundle}");
                assert!(!found.times().is_empty(), "{bundle}");
            }
            (Not(why), Err(refused)) => assert_eq!(refused.why, *why, "{bundle}: {refused}"),
            (Accepted(_), Err(refused)) => panic!("{bundle} is refused: {refused}"),
            (Not(_), Ok(_)) => panic!("{bundle} is ACCEPTED"),
        }
    }
    println!("{} read, {absent} NOT PRESENT", BROUGHT.len() - absent);
}

/// Every case of the suite: what must fail fails, and what must not is accepted, unless it is something that
/// is not read here at all.
#[test]
fn the_public_conformance_suite_is_kept_to() {
    let Some(suite) = std::env::var_os(SUITE).map(PathBuf::from) else {
        println!("NOT PRESENT: the conformance suite of Sigstore; set {SUITE} to a checkout of it");
        return;
    };
    let cases = suite.join("test/assets/bundle-verify");
    let (mut accepted, mut refused, mut not_read) = (0, 0, 0);
    let mut wrong = Vec::new();
    for case in fs::read_dir(&cases).expect("the suite's cases") {
        let case = case.expect("a case").path();
        let name = case
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let Ok(bundle) = fs::read(case.join("bundle.sigstore.json")) else {
            continue;
        };
        let must_fail = name.ends_with("_fail");
        match suite_case(&case, &cases, &bundle) {
            Ok(()) if must_fail => wrong.push(format!("{name} is ACCEPTED")),
            Ok(()) => accepted += 1,
            Err(_) if must_fail => refused += 1,
            // Signatures over bare bytes, older versions and certificate chains are nobody's attestations.
            Err(Refused {
                why: Why::Content | Why::UnknownType,
                ..
            }) => not_read += 1,
            Err(other) => wrong.push(format!("{name} is refused: {other}")),
        }
    }
    println!("{accepted} accepted, {refused} refused, {not_read} of kinds that are not read");
    assert!(accepted + refused > 0, "the suite has no cases");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Reads one case as the suite asks: with its own root and key if it has them, for its artifact and signer.
fn suite_case(case: &Path, cases: &Path, bundle: &[u8]) -> Result<(), Refused> {
    let mut trust = Trust::default();
    if let Ok(key) = fs::read(case.join("key.pub")) {
        trust = trust.with_key(&key)?;
    }
    if let Ok(root) = fs::read(case.join("trusted_root.json")) {
        trust = trust.with_root(&root)?;
    } else {
        let public = in_registry(PUBLIC).expect("the public root");
        trust = trust.with_root(&fs::read(public).expect("a root"))?;
    }
    let found = authenticate(bundle, &trust)?;
    let artifact = fs::read(case.join("artifact"))
        .or_else(|_| fs::read(cases.join("a.txt")))
        .expect("the artifact");
    let digest = Sha256Digest::of(&artifact).to_hex();
    let about_it = found
        .statement()
        .subject
        .iter()
        .any(|subject| subject.digest.get("sha256") == Some(&digest));
    let by_them = match found.signed_by() {
        SignedBy::Key { .. } => true,
        SignedBy::Identity { identity, issuer } => identity == BEACON && issuer == SUITE_ISSUER,
    };
    if about_it && by_them {
        Ok(())
    } else {
        Err(Refused::new(
            Why::Subject,
            "it is of another artifact or signer",
        ))
    }
}

/// Returns a file of a crate's source in the registry that it was built from.
fn in_registry(pattern: &str) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    );
    let (name, path) = pattern.split_once("-*/").expect("a crate and a path");
    let mut found = Vec::new();
    for registry in fs::read_dir(home.join("registry/src")).ok()?.flatten() {
        for folder in fs::read_dir(registry.path()).ok()?.flatten() {
            let crate_name = folder.file_name().to_string_lossy().into_owned();
            let is_it = crate_name
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()));
            let file = folder.path().join(path);
            if is_it && file.exists() {
                found.push(file);
            }
        }
    }
    found.sort();
    found.pop()
}

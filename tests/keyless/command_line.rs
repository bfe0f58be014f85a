//! `kmatrix attest --keyless` of a real build, and who reads it.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::digest::Sha256Digest;
use kmatrix::verify::{SignedBy, Trust, authenticate};
use serde_json::Value;

use crate::ci_jobs::in_github_actions;
use crate::common::{Place, Ran};
use crate::sigstore::{IDENTITY, Sigstore};

fn builder(release: &Path) -> String {
    let bytes = fs::read(release.join("provenance.dsse.json")).expect("a file");
    let envelope: Value = serde_json::from_slice(&bytes).expect("DSSE");
    let payload = STANDARD
        .decode(envelope["payload"].as_str().expect("text"))
        .expect("base64");
    let statement: Value = serde_json::from_slice(&payload).expect("JSON");
    let id = &statement["predicate"]["runDetails"]["builder"]["id"];
    id.as_str().expect("an id").to_owned()
}

/// A policy that believes the identity, of what was built by this builder.
fn policy(sigstore: &Sigstore, builder: &str) -> String {
    let root = fs::read(sigstore.root()).expect("a root");
    format!(
        "schema = 1\n\n[[source]]\nuri = \"**\"\n\n[[signer]]\nname = \"vendor\"\n\
         operator = \"vendor\"\nidentity = \"{IDENTITY}\"\nissuer = \"{}\"\n\
         builders = [\"{builder}\"]\n\n[[trust-root]]\nfile = \"trusted_root.json\"\n\
         sha256 = \"{}\"\n",
        sigstore.issuer(),
        Sha256Digest::of(&root),
    )
}

#[test]
#[ignore = "long: a Sigstore is built from source"]
fn a_ci_job_attests_what_it_built_as_itself() {
    let (sigstore, place) = (Sigstore::get(), Place::new());
    place.build_of(
        "reproducible",
        "",
        "rebuilds = 1",
        "require = \"constrained\"",
    );
    place.commit(&place.path().join("modules/reproducible"));
    let mut build = place.command(&["build", "matrix.toml", "--format", "json"]);
    in_github_actions(&mut build, &sigstore);
    let built = Ran::of(build).expect(0).json();
    let id = built["cells"][0]["id"].as_str().expect("an id");
    let config = sigstore.signing_config().to_string();
    fs::write(place.path().join("services.json"), config).expect("a file");
    let root = place.path().join("trusted_root.json");
    fs::copy(sigstore.root(), &root).expect("a root");
    let attest = |out: &str, more: &[&str]| {
        let always = [
            "attest",
            "matrix.toml",
            "--keyless",
            "--signing-config",
            "services.json",
            "--sign-trusted-root",
            "trusted_root.json",
            "--out",
            out,
        ];
        place.command(&[&always[..], more].concat())
    };

    // In the job that built it.
    let mut command = attest("release", &[]);
    in_github_actions(&mut command, &sigstore);
    let ran = Ran::of(command).expect(0);
    let name = format!("identity:{IDENTITY} issuer:{}", sigstore.issuer());
    assert!(ran.stdout.contains("1 cell attested"), "{ran}");
    let label = place.explain(id)["label"].clone();
    assert_eq!(label["vector"]["signing"], "keyless", "{label:#}");
    let release = place.path().join("release").join(id);
    assert_eq!(builder(&release), "urn:kmatrix:builder:ci-job:v1");

    // Another job, and somebody with a token of his own, know less of where it was built.
    let mut command = attest("other", &[]);
    in_github_actions(&mut command, &sigstore);
    command.env("GITHUB_RUN_ATTEMPT", "2");
    Ran::of(command).expect(0);
    let token = place.path().join("token");
    sigstore.token_file(&token);
    let mut command = attest("person", &["--identity-token", "token"]);
    in_github_actions(&mut command, &sigstore);
    Ran::of(command).expect(0);
    for out in ["other", "person"] {
        let id = builder(&place.path().join(out).join(id));
        assert_eq!(id, "urn:kmatrix:builder:local-container:v1", "{out}");
    }

    // Everything that was signed is read here by the root alone.
    let trust = Trust::root(&fs::read(&root).expect("a root")).expect("a trust");
    for kind in ["provenance", "comparison", "scai", "summary"] {
        let bundle = fs::read(release.join(format!("{kind}.sigstore.json"))).expect("a bundle");
        let read = authenticate(&bundle, &trust).expect(kind);
        let SignedBy::Identity { identity, issuer } = read.signed_by() else {
            panic!("{kind}: {}", read.signed_by());
        };
        assert_eq!(format!("identity:{identity} issuer:{issuer}"), name);
        assert_eq!(read.times().len(), 1, "{kind}");
    }
    for (builder, status) in [
        ("urn:kmatrix:builder:ci-job:v1", 0),
        ("urn:kmatrix:builder:local-container:v1", 41),
    ] {
        fs::write(place.path().join("p.toml"), policy(&sigstore, builder)).expect("a policy");
        place
            .kmatrix(&["verify", "release", "--policy", "p.toml"])
            .expect(status);
    }
}

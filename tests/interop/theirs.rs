//! What cosign signs, before us.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kmatrix::digest::Sha256Digest;
use kmatrix::verify::{Authenticated, Refused, SignedBy, Trust, Why, authenticate};
use serde_json::json;

use crate::common::{Place, Ran};
use crate::sigstore::{IDENTITY, Sigstore};
use crate::statements::{MODULE, provenance};
use crate::tools::Tools;
use crate::vendor::{Authority, Vendor};

/// A key pair of cosign's, and what it is asked to sign.
struct Scene {
    tools: Tools,
    place: Place,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            tools: Tools::get(),
            place: Place::empty(),
        };
        Ran::of(scene.cosign("cosign-3", &["generate-key-pair"])).expect(0);
        let write = |name: &str, text: String| {
            fs::write(scene.path(name), text).expect("a file");
        };
        let provenance = provenance();
        write("predicate.json", provenance["predicate"].to_string());
        write("statement.json", provenance.to_string());
        // Neither a log nor an authority is to be asked.
        let any = json!({"selector": "ANY"});
        let services = json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [], "oidcUrls": [], "rekorTlogUrls": [], "tsaUrls": [],
            "rekorTlogConfig": any, "tsaConfig": any,
        });
        write("services.json", services.to_string());
        fs::write(scene.path("module.ko"), MODULE).expect("a file");
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn cosign(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.tools.program(program, &self.place.home());
        command.current_dir(self.place.path()).args(arguments);
        command
    }

    /// Has something signed, and returns the bundle.
    fn attest(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let always = [
            "attest-blob",
            "--yes",
            "--key",
            "cosign.key",
            "--bundle",
            "bundle.json",
        ];
        let mut command = self.cosign(program, &always);
        command.args(arguments);
        Ran::of(command).expect(0);
        fs::read(self.path("bundle.json")).expect("a bundle")
    }

    fn read(&self, bundle: &[u8]) -> Result<Authenticated, Refused> {
        let key = fs::read(self.path("cosign.pub")).expect("a key");
        authenticate(bundle, &Trust::keys([key]).expect("a key"))
    }
}

#[test]
fn what_cosign_signs_is_read() {
    let scene = Scene::new();
    let alone = ["--signing-config", "services.json"];
    let predicate = [
        "--predicate",
        "predicate.json",
        "--type",
        "slsaprovenance1",
        "module.ko",
    ];
    let cases: [(&str, &[&str], &[&str], &str); 3] = [
        ("cosign-3", &["--statement", "statement.json"], &alone, "v1"),
        ("cosign-3", &predicate, &alone, "v0.1"),
        (
            "cosign-2",
            &predicate,
            &["--new-bundle-format", "--tlog-upload=false"],
            "v0.1",
        ),
    ];
    for (program, given, more, version) in cases {
        let bundle = scene.attest(program, &[given, more].concat());
        let read = scene.read(&bundle).expect(program);
        let statement = read.statement();
        let kind = format!("https://in-toto.io/Statement/{version}");
        assert_eq!(statement.statement_type, kind, "{program}");
        assert_eq!(statement.predicate_type, "https://slsa.dev/provenance/v1");
        let digest = &statement.subject[0].digest["sha256"];
        assert_eq!(*digest, Sha256Digest::of(MODULE).to_hex(), "{program}");
        assert!(matches!(read.signed_by(), SignedBy::Key { .. }));
        if version == "v1" {
            let payload = fs::read(scene.path("statement.json")).expect("a statement");
            assert_eq!(read.payload(), Sha256Digest::of(&payload));
            assert_eq!(statement.predicate, provenance()["predicate"]);
        }

        let stranger = Trust::keys([Vendor::new().public()]).expect("a key");
        assert!(authenticate(&bundle, &stranger).is_err(), "{program}");
    }
}

#[test]
#[ignore = "long: a Sigstore is built from source"]
fn what_cosign_signs_as_an_identity_is_read() {
    let (scene, sigstore) = (Scene::new(), Sigstore::get());
    sigstore.token_file(&scene.path("token"));
    let services = sigstore.signing_config().to_string();
    fs::write(scene.path("services.json"), services).expect("a file");
    fs::copy(sigstore.root(), scene.path("root.json")).expect("a root");
    let always = [
        "attest-blob",
        "--yes",
        "--identity-token",
        "token",
        "--signing-config",
        "services.json",
        "--trusted-root",
        "root.json",
        "--bundle",
        "bundle.json",
    ];
    let root = fs::read(sigstore.root()).expect("a root");
    let trust = Trust::root(&root).expect("a trust");
    for given in [
        &["--statement", "statement.json"][..],
        &[
            "--predicate",
            "predicate.json",
            "--type",
            "slsaprovenance1",
            "module.ko",
        ],
    ] {
        Ran::of(scene.cosign("cosign-3", &[&always[..], given].concat())).expect(0);
        let bundle = fs::read(scene.path("bundle.json")).expect("a bundle");
        let read = authenticate(&bundle, &trust).expect("authentic");
        let signer = SignedBy::Identity {
            identity: IDENTITY.to_owned(),
            issuer: sigstore.issuer().to_owned(),
        };
        assert_eq!(*read.signed_by(), signer);
        assert_eq!(read.times().len(), 1);
        let digest = &read.statement().subject[0].digest["sha256"];
        assert_eq!(*digest, Sha256Digest::of(MODULE).to_hex());

        let stranger = Authority::new(&at(&scene.place, "stranger")).trusted_root();
        let stranger = Trust::root(stranger.to_string().as_bytes()).expect("a trust");
        assert!(authenticate(&bundle, &stranger).is_err());
        fs::remove_dir_all(scene.path("stranger")).expect("a directory");
    }
}

#[test]
fn what_the_tools_accept_is_accepted_here_with_its_time() {
    let place = Place::empty();
    let vendor = Vendor::new();
    let authority = Authority::new(&at(&place, "authority"));
    let root = authority.trusted_root().to_string();
    let trust = Trust::keys([vendor.public()])
        .and_then(|trust| trust.with_root(root.as_bytes()))
        .expect("a trust");
    let signed = vendor.sign(&provenance(), Some(&authority));
    for (form, times) in [(&signed.bundle, 1), (&signed.envelope, 0)] {
        let read = authenticate(form.to_string().as_bytes(), &trust).expect("authentic");
        assert_eq!(read.payload(), Sha256Digest::of(&signed.payload));
        assert_eq!(read.times().len(), times);
    }

    // An authority that is not the one of the root says nothing.
    let foreign = Authority::new(&at(&place, "foreign"));
    let signed = vendor.sign(&provenance(), Some(&foreign));
    let refused = authenticate(signed.bundle.to_string().as_bytes(), &trust).expect_err("foreign");
    assert_eq!(refused.why, Why::Timestamp, "{refused}");
}

fn at(place: &Place, name: &str) -> PathBuf {
    let path: &Path = place.path();
    path.join(name)
}

//! What the judge reads of statements whose signatures hold: each predicate in a statement about the
//! module of the corpus, signed, authenticated, and judged beside sound ones of the other kinds.

use std::future::Future;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use kmatrix::attest::{Envelope, STATEMENT_TYPE, pre_authentication_encoding};
use kmatrix::digest::Sha256Digest;
use kmatrix::sign::{DigestAlgorithm, KeyAlgorithm, PrivateKey};
use kmatrix::verify::policy::{Artifact, Expectation, Policy, judge};
use kmatrix::verify::{Authenticated, Trust, authenticate};

use super::project;

/// A kind of statement: its folder in the corpus, and its type.
const KINDS: [(&str, &str); 4] = [
    ("comparison", "urn:kmatrix:rebuild-comparison:v1"),
    ("provenance", "https://slsa.dev/provenance/v1"),
    ("scope", "urn:kmatrix:release-scope:v1"),
    ("summary", "https://slsa.dev/verification_summary/v1"),
];

/// A module, a key that is believed, and what it says of the module where nothing is changed.
struct Bench {
    key: PrivateKey,
    trust: Trust,
    policy: Policy,
    artifact: Artifact,
    payload: Sha256Digest,
    sound: Vec<Authenticated>,
}

impl Bench {
    fn get() -> &'static Self {
        static BENCH: OnceLock<Bench> = OnceLock::new();
        BENCH.get_or_init(|| {
            let module = std::fs::read(project("fuzz/corpus/module/amd64")).expect("a module");
            let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key");
            let key = PrivateKey::from_pkcs8(&key).expect("a key");
            let policy = format!(
                "schema = 1\n[require]\nstatements = [\"comparison\", \"provenance\", \"scope\", \
                 \"summary\"]\nexpect = []\n[[source]]\nuri = \"**\"\n[[signer]]\nname = \"vendor\"\n\
                 operator = \"vendor\"\nkey = \"sha256:{}\"\n\
                 builders = [\"urn:kmatrix:builder:local-container:v1\"]\n",
                key.public().fingerprint().to_hex()
            );
            let mut bench = Self {
                trust: Trust::keys([key.public().to_pem()]).expect("a key"),
                key,
                policy: Policy::parse("policy.toml", policy.as_bytes()).expect("a policy"),
                payload: Sha256Digest::of(&module),
                artifact: Artifact::read(&module),
                sound: Vec::new(),
            };
            for (kind, _) in KINDS {
                let path = project(&format!("fuzz/corpus/{kind}/sound"));
                let predicate = std::fs::read(path).expect("a predicate");
                bench.sound.push(bench.signed(kind, &predicate).expect("JSON"));
            }
            bench
        })
    }

    /// Signs a statement about the module; nothing if it is none that a signature would be looked at of.
    fn signed(&self, kind: &str, predicate: &[u8]) -> Option<Authenticated> {
        let predicate = std::str::from_utf8(predicate).ok()?;
        let (_, kind) = KINDS.iter().find(|(word, _)| *word == kind)?;
        let payload = format!(
            "{{\"_type\":\"{STATEMENT_TYPE}\",\"subject\":[{{\"name\":\"m.ko\",\"digest\":\
             {{\"sha256\":\"{}\"}}}}],\"predicateType\":\"{kind}\",\"predicate\":{predicate}}}",
            self.payload.to_hex()
        );
        let message =
            pre_authentication_encoding("application/vnd.in-toto+json", payload.as_bytes());
        let signature = self.key.sign(DigestAlgorithm::Sha256, &message)?;
        let envelope = Envelope::signed(payload.as_bytes(), String::new(), &signature);
        let envelope = serde_json::to_vec(&envelope).expect("JSON");
        authenticate(&envelope, &self.trust).ok()
    }
}

/// Judges the module with one statement in the place of the sound one, and beside it.
fn judged(kind: &str, predicate: &[u8]) {
    let bench = Bench::get();
    let Some(changed) = bench.signed(kind, predicate) else {
        return;
    };
    let others =
        |one: &&Authenticated| one.statement().predicate_type != changed.statement().predicate_type;
    let instead = bench.sound.iter().filter(others).chain([&changed]);
    let beside = bench.sound.iter().chain([&changed]);
    let expectation = Expectation::default();
    let at = "2026-11-21T12:00:00Z".parse().expect("a time");
    for attestations in [instead.collect::<Vec<_>>(), beside.collect()] {
        let verdict = judge(
            &bench.artifact,
            &expectation,
            attestations,
            &[],
            &bench.policy,
            at,
        );
        // The module of the corpus is of no cell that anybody built.
        assert!(verdict.rules.iter().any(|rule| !rule.outcome.lets_pass()));
    }
}

/// A provenance.
pub fn provenance(bytes: &[u8]) {
    judged("provenance", bytes);
}

/// A rebuild comparison, which is computed again.
pub fn comparison(bytes: &[u8]) {
    judged("comparison", bytes);
}

/// A verification summary.
pub fn summary(bytes: &[u8]) {
    judged("summary", bytes);
}

/// A release's scope.
pub fn scope(bytes: &[u8]) {
    judged("scope", bytes);
}

/// Runs to its end what waits for nothing.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(found) => found,
        Poll::Pending => panic!("it waits for something"),
    }
}

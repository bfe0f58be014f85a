//! Trust roots from a TUF repository: what is taken, what is kept for when nobody answers, and which
//! repositories are refused.

#[allow(dead_code)]
#[path = "authority/mod.rs"]
mod authority;
#[allow(dead_code)]
mod loopback;

use std::collections::BTreeMap;
use std::path::Path;

use authority::bundles::to_bytes;
use authority::instance::Instance;
use authority::repository::{Repository, Versions};
use jiff::{SignedDuration, Timestamp};
use kmatrix::verify::{LookedAt, Network, Refused, Trust, TufLook, TufSource, Why};
use loopback::{Misbehaviour, Server};
use tempfile::TempDir;

/// A repository that is served, and somebody who has pinned its first root.
struct Stage {
    repository: Repository,
    server: Server,
    kept: TempDir,
    root: Vec<u8>,
    now: Timestamp,
}

impl Stage {
    async fn new() -> Self {
        let root = to_bytes(&Instance::new().trusted_root());
        let now: Timestamp = "2025-06-01T12:00:00Z".parse().expect("a time");
        let repository = Repository::new(now + SignedDuration::from_hours(24));
        let server = Server::start(BTreeMap::new()).await;
        let stage = Self {
            repository,
            server,
            kept: TempDir::new().expect("a folder"),
            root,
            now,
        };
        stage.publish(&stage.repository, Versions::all(1));
        stage
    }

    fn publish(&self, repository: &Repository, versions: Versions) {
        for (path, bytes) in repository.files(versions, &self.root) {
            self.server.put(&path, bytes);
        }
    }

    async fn look_from(&self, network: Network, kept: &Path) -> Result<TufLook, Refused> {
        TufSource {
            url: self.server.url().to_owned(),
            pinned_root: self.repository.root(1),
            kept_in: kept.to_owned(),
        }
        .look(network, self.now)
        .await
    }

    async fn look(&self, network: Network) -> Result<TufLook, Refused> {
        self.look_from(network, self.kept.path()).await
    }
}

fn refused(answer: Result<TufLook, Refused>, because: &str) {
    let refused = answer.expect_err("refused");
    assert_eq!(refused.why, Why::TrustRoot, "{refused}");
    assert!(refused.detail.contains(because), "{refused}");
}

#[tokio::test]
async fn a_root_is_taken_and_serves_when_nobody_answers() {
    let stage = Stage::new().await;
    refused(
        stage.look(Network::Never).await,
        "what is kept does not serve",
    );

    let look = stage.look(Network::Allowed).await.expect("a look");
    assert_eq!(look.from, LookedAt::Repository);
    assert_eq!(look.trusted_root, stage.root);
    assert!(Trust::root(&look.trusted_root).is_ok());

    let requests = stage.server.requests().len();
    let look = stage.look(Network::Never).await.expect("kept");
    assert_eq!(look.from, LookedAt::Kept);
    assert_eq!(look.trusted_root, stage.root);
    assert_eq!(
        stage.server.requests().len(),
        requests,
        "the network was asked"
    );

    for how in [
        Misbehaviour::ServerError,
        Misbehaviour::Reset,
        Misbehaviour::Truncate,
    ] {
        stage.server.misbehave(how);
        let look = stage.look(Network::Allowed).await.expect("kept");
        assert_eq!(look.from, LookedAt::Kept, "{how:?}");
    }
}

#[tokio::test]
async fn newer_metadata_and_a_rotated_root_are_followed() {
    let stage = Stage::new().await;
    stage.look(Network::Allowed).await.expect("a look");
    stage.publish(&stage.repository, Versions::all(2));
    let look = stage.look(Network::Allowed).await.expect("a look");
    assert_eq!(look.from, LookedAt::Repository);
    // What is kept leads from the pinned root to the rotated one.
    let look = stage.look(Network::Never).await.expect("kept");
    assert_eq!(look.from, LookedAt::Kept);
}

#[tokio::test]
async fn an_older_repository_is_refused_fail() {
    let stage = Stage::new().await;
    stage.publish(&stage.repository, Versions::all(1).with_metadata(3));
    stage.look(Network::Allowed).await.expect("a look");
    stage.publish(&stage.repository, Versions::all(1).with_metadata(2));
    refused(stage.look(Network::Allowed).await, "rollback");
}

#[tokio::test]
async fn an_expired_repository_is_refused_fail() {
    let mut stage = Stage::new().await;
    stage.look(Network::Allowed).await.expect("a look");
    stage.now += SignedDuration::from_hours(25);
    refused(stage.look(Network::Allowed).await, "expired");
    // Nor does what was kept of it.
    refused(stage.look(Network::Never).await, "expired");
    stage.server.misbehave(Misbehaviour::ServerError);
    refused(stage.look(Network::Allowed).await, "expired");
}

#[tokio::test]
async fn a_foreign_repository_is_refused_fail() {
    let stage = Stage::new().await;
    let foreign = Repository::new(stage.now + SignedDuration::from_hours(24));
    stage.publish(&foreign, Versions::all(1));
    refused(stage.look(Network::Allowed).await, "threshold");
    // One that rotates to its own keys is no successor either.
    stage.publish(&stage.repository, Versions::all(1));
    let rotated = foreign.files(Versions::all(2), &stage.root);
    stage
        .server
        .put("2.root.json", rotated["2.root.json"].clone());
    refused(stage.look(Network::Allowed).await, "threshold");
}

#[tokio::test]
async fn other_bytes_than_the_signed_ones_are_refused_fail() {
    let stage = Stage::new().await;
    stage.server.misbehave(Misbehaviour::WrongBytes);
    refused(stage.look(Network::Allowed).await, "");
    let stage = Stage::new().await;
    stage.server.misbehave(Misbehaviour::Html);
    refused(stage.look(Network::Allowed).await, "");
    let stage = Stage::new().await;
    let target = stage
        .repository
        .files(Versions::all(1), &stage.root)
        .into_keys()
        .find(|path| path.starts_with("targets/"))
        .expect("a target");
    let mut forged = stage.root.clone();
    forged[10] ^= 1;
    stage.server.put(&target, forged);
    refused(stage.look(Network::Allowed).await, "integrity");
}

#[tokio::test]
async fn an_endless_answer_is_refused_fail() {
    let stage = Stage::new().await;
    stage.server.misbehave(Misbehaviour::Endless);
    refused(stage.look(Network::Allowed).await, "max");
}

#[tokio::test]
async fn what_is_kept_is_nobodys_word_fail() {
    let stage = Stage::new().await;
    stage.look(Network::Allowed).await.expect("a look");
    // Somebody puts a repository of his own where it is kept.
    let foreign = Repository::new(stage.now + SignedDuration::from_hours(24));
    let other = TempDir::new().expect("a folder");
    for (path, bytes) in foreign.files(Versions::all(1), &stage.root) {
        for name in [path.as_str(), path.trim_start_matches("1.")] {
            let place = other.path().join(name);
            std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
            std::fs::write(place, &bytes).expect("written");
        }
    }
    refused(
        stage.look_from(Network::Never, other.path()).await,
        "threshold",
    );
}

#[tokio::test]
async fn a_pinned_root_of_noise_is_refused_fail() {
    let stage = Stage::new().await;
    let source = TufSource {
        url: stage.server.url().to_owned(),
        pinned_root: b"noise".to_vec(),
        kept_in: stage.kept.path().to_owned(),
    };
    refused(source.look(Network::Allowed, stage.now).await, "JSON");
    refused(source.look(Network::Never, stage.now).await, "JSON");
}

/// Runs `kmatrix trust-root` on a repository that has not expired today.
async fn command(stage: &Stage, folder: &Path, more: &[&str]) -> std::process::Output {
    let url = stage.server.url().to_owned();
    let pinned = folder.join("root.json");
    std::fs::write(&pinned, stage.repository.root(1)).expect("written");
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_kmatrix"));
    command
        .args(["trust-root", &url, "--pinned-root"])
        .arg(&pinned)
        .args(more)
        .env_clear()
        .env("KMATRIX_STATE", folder.join("state"))
        .current_dir(folder);
    command.output().await.expect("the program runs")
}

#[tokio::test]
async fn the_command_writes_the_root_and_prints_what_to_pin() {
    let mut stage = Stage::new().await;
    stage.repository = Repository::new(Timestamp::now() + SignedDuration::from_hours(24));
    stage.publish(&stage.repository, Versions::all(1));
    let folder = TempDir::new().expect("a folder");
    let digest = kmatrix::digest::Sha256Digest::of(&stage.root);

    let refused = command(&stage, folder.path(), &["--offline"]).await;
    assert_eq!(refused.status.code(), Some(21));
    assert!(!folder.path().join("trusted_root.json").exists());

    let output = command(&stage, folder.path(), &[]).await;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{digest}\n")
    );
    assert!(output.status.success());
    let written = std::fs::read(folder.path().join("trusted_root.json")).expect("written");
    assert_eq!(written, stage.root);

    stage.server.misbehave(Misbehaviour::ServerError);
    let output = command(
        &stage,
        folder.path(),
        &["--out", "a/b.json", "--format", "json"],
    )
    .await;
    assert!(output.status.success());
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(warned.contains("cannot be reached"), "{warned}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["digest"], digest.to_string());
    assert_eq!(answer["fromWhatWasKept"], true);
    assert!(folder.path().join("a/b.json").exists());

    // Nobody's repository leaves what was written as it is.
    let foreign = Repository::new(Timestamp::now() + SignedDuration::from_hours(24));
    stage.server.misbehave_times(Misbehaviour::ServerError, 0);
    stage.publish(&foreign, Versions::all(1));
    let refused = command(&stage, folder.path(), &[]).await;
    assert_eq!(refused.status.code(), Some(21));
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        message.contains("no trust root that the pinned root leads to"),
        "{message}"
    );
}

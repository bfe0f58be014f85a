//! Fetching from mirrors that misbehave: each failure is told as itself, and the next mirror helps.

#[allow(dead_code)]
mod loopback;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kmatrix::catalog::fetch::{ExpectedFile, ExpectedSize, FetchBounds, Fetcher};
use kmatrix::catalog::fetch_error::{FetchError, MirrorError};
use kmatrix::catalog::mirror::{Mirror, MirrorSource};
use kmatrix::digest::Sha256Digest;
use kmatrix::store::Store;
use loopback::{Misbehaviour, Server};

const PATH: &str = "pool/a_1_all.deb";

fn content() -> Vec<u8> {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn fetcher() -> Fetcher {
    Fetcher::new(FetchBounds {
        connect: Duration::from_secs(2),
        stall: Duration::from_millis(400),
        grace: Duration::from_secs(1),
        slowest: u64::MAX,
        redirects: 3,
        tries: 2,
        backoff: Duration::from_millis(10),
    })
    .expect("a client")
}

async fn server() -> Server {
    Server::start(BTreeMap::from([(PATH.to_owned(), content())])).await
}

fn mirror(server: &Server) -> Mirror {
    Mirror::new(server.url(), MirrorSource::Flag).expect("a mirror")
}

/// Fetches from the mirrors into a store of its own, and checks that nothing but the file stays.
async fn fetch(mirrors: &[Mirror]) -> Result<(), FetchError> {
    let root = tempfile::tempdir().expect("a directory");
    let store = Store::open(root.path()).expect("a store");
    let content = content();
    let sha256 = Sha256Digest::of(&content);
    let file = ExpectedFile {
        path: PATH,
        sha256,
        bytes: ExpectedSize::Exactly(content.len() as u64),
    };
    let fetched = fetcher().fetch_blob(&store, mirrors, &file).await.map(drop);
    match &fetched {
        Ok(()) => assert_eq!(
            store.read_blob(&sha256, u64::MAX - 1).expect("a blob"),
            content
        ),
        Err(_) => assert_eq!(store.blob_path(&sha256), None),
    }
    fetched
}

/// Lets the only mirror misbehave and returns what was said of it; then checks that with a good
/// mirror behind it the fetch succeeds.
async fn error_of(how: Misbehaviour) -> MirrorError {
    let server = server().await;
    let good = self::server().await;
    server.misbehave(how);
    let bad = mirror(&server);
    let error = match fetch(std::slice::from_ref(&bad)).await {
        Err(FetchError::NoMirrorHasIt { mut tried, .. }) => tried.remove(0).error,
        other => panic!("{other:?}"),
    };
    fetch(&[bad, mirror(&good)])
        .await
        .expect("the next mirror helps");
    error
}

#[tokio::test]
async fn a_file_is_fetched_once_and_then_comes_from_the_store() {
    let server = server().await;
    let root = tempfile::tempdir().expect("a directory");
    let store = Store::open(root.path()).expect("a store");
    let content = content();
    let file = ExpectedFile {
        path: PATH,
        sha256: Sha256Digest::of(&content),
        bytes: ExpectedSize::Exactly(content.len() as u64),
    };
    let seen = Arc::new(AtomicU64::new(0));
    let counted = seen.clone();
    let fetcher = fetcher().with_progress(Arc::new(move |bytes| {
        counted.fetch_add(bytes, Ordering::Relaxed);
    }));
    for _ in 0..2 {
        fetcher
            .fetch_blob(&store, &[mirror(&server)], &file)
            .await
            .expect("fetched");
    }
    assert_eq!(server.requests(), [PATH]);
    assert_eq!(seen.load(Ordering::Relaxed), content.len() as u64);
}

#[tokio::test]
async fn a_missing_file_is_told_as_missing() {
    assert_eq!(
        error_of(Misbehaviour::NotFound).await,
        MirrorError::NotFound
    );
}

#[tokio::test]
async fn a_server_error_is_told_by_its_status() {
    assert_eq!(
        error_of(Misbehaviour::ServerError).await,
        MirrorError::Status(500)
    );
}

#[tokio::test]
async fn a_page_of_html_is_the_wrong_bytes() {
    assert!(matches!(
        error_of(Misbehaviour::Html).await,
        MirrorError::WrongHash { .. }
    ));
}

#[tokio::test]
async fn other_bytes_of_the_right_length_are_the_wrong_bytes() {
    let error = error_of(Misbehaviour::WrongBytes).await;
    let MirrorError::WrongHash { expected, found } = error else {
        panic!("{error}");
    };
    assert_eq!(expected, Sha256Digest::of(&content()));
    assert_ne!(found, expected);
}

#[tokio::test]
async fn a_mirror_that_stops_in_the_middle_has_stalled() {
    assert!(matches!(
        error_of(Misbehaviour::Stall).await,
        MirrorError::Stalled { .. }
    ));
}

#[tokio::test]
async fn a_mirror_that_never_answers_has_stalled() {
    assert!(matches!(
        error_of(Misbehaviour::Silence).await,
        MirrorError::Stalled { .. }
    ));
}

#[tokio::test]
async fn a_mirror_that_drips_is_too_slow() {
    assert!(matches!(
        error_of(Misbehaviour::Drip).await,
        MirrorError::TooSlow { .. }
    ));
}

#[tokio::test]
async fn a_connection_that_is_torn_down_is_told_as_broken() {
    assert!(matches!(
        error_of(Misbehaviour::Reset).await,
        MirrorError::Reset { .. }
    ));
}

#[tokio::test]
async fn a_body_that_ends_before_its_declared_length_is_truncated() {
    assert!(matches!(
        error_of(Misbehaviour::Truncate).await,
        MirrorError::Truncated { .. }
    ));
}

#[tokio::test]
async fn a_body_that_ends_early_without_a_length_is_truncated() {
    assert!(matches!(
        error_of(Misbehaviour::EndEarly).await,
        MirrorError::Truncated { .. }
    ));
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    assert!(matches!(
        error_of(Misbehaviour::RedirectLoop).await,
        MirrorError::Redirect { .. }
    ));
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    assert!(matches!(
        error_of(Misbehaviour::Endless).await,
        MirrorError::TooLarge { .. }
    ));
}

#[tokio::test]
async fn a_mirror_that_is_not_there_is_unreachable() {
    let server = server().await;
    let gone = mirror(&server);
    drop(server);
    let error = fetch(&[gone]).await.expect_err("nobody listens");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    for how in [
        Misbehaviour::Reset,
        Misbehaviour::Truncate,
        Misbehaviour::Unavailable,
    ] {
        let server = server().await;
        server.misbehave_times(how, 1);
        fetch(&[mirror(&server)]).await.expect("the second answer");
        assert_eq!(server.requests().len(), 2, "{how:?}");
    }
}

#[tokio::test]
async fn wrong_bytes_are_never_asked_for_again() {
    for how in [
        Misbehaviour::WrongBytes,
        Misbehaviour::Html,
        Misbehaviour::NotFound,
        Misbehaviour::ServerError,
    ] {
        let server = server().await;
        server.misbehave_times(how, 1);
        fetch(&[mirror(&server)]).await.expect_err("refused");
        assert_eq!(server.requests().len(), 1, "{how:?}");
    }
}

#[tokio::test]
async fn the_error_lists_every_mirror_and_its_reason_but_no_password() {
    let (one, two) = (server().await, server().await);
    one.misbehave(Misbehaviour::NotFound);
    two.misbehave(Misbehaviour::ServerError);
    let secret = two.url().replace("http://", "http://me:secret@");
    let mirrors = [
        mirror(&one),
        Mirror::new(&secret, MirrorSource::Flag).expect("a mirror"),
    ];
    let error = fetch(&mirrors).await.expect_err("no mirror has it");
    let text = error.to_string();
    for part in [PATH, one.url(), two.url(), "does not have", "status 500"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!format!("{error:?} {error}").contains("secret"));
    assert!(!error.is_not_found());
}

#[tokio::test]
async fn a_small_file_has_a_limit() {
    let server = server().await;
    let mirrors = [mirror(&server)];
    let size = content().len() as u64;
    let whole = fetcher().fetch_small(&mirrors, PATH, size).await;
    assert_eq!(whole.expect("within the limit"), content());
    let error = fetcher()
        .fetch_small(&mirrors, PATH, size - 1)
        .await
        .expect_err("one byte too many");
    assert!(error.to_string().contains("more than"), "{error}");
}

#[tokio::test]
async fn a_path_out_of_the_archive_is_never_asked_for() {
    let server = server().await;
    let error = fetcher()
        .fetch_small(&[mirror(&server)], "../secret", 10)
        .await;
    assert!(matches!(error, Err(FetchError::Path(_))));
    assert_eq!(server.requests(), Vec::<String>::new());
}

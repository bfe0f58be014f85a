//! Tokens that CI providers give their jobs, as each of them gives it.

use std::process::Command;

use crate::common::{Place, Ran};
use crate::sigstore::{IDENTITY, Sigstore};

/// What a job of GitHub Actions that may ask for a token has in its environment.
pub fn in_github_actions(command: &mut Command, sigstore: &Sigstore) {
    command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_REPOSITORY", "vendor/modules")
        .env("GITHUB_RUN_ID", "7")
        .env("GITHUB_RUN_ATTEMPT", "1")
        .env("GITHUB_JOB", "build")
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", sigstore.token_requests())
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "job");
}

/// Signs something without meaning as whoever the surroundings say.
fn try_in(sigstore: &Sigstore, place: &Place, surroundings: impl FnOnce(&mut Command)) -> Ran {
    let root = sigstore.root();
    let mut command = place.command(&[
        "keys",
        "try",
        "--keyless",
        "--fulcio-url",
        sigstore.fulcio(),
        "--rekor-url",
        sigstore.rekor(),
        "--timestamp-url",
        sigstore.timestamps(),
        "--sign-trusted-root",
        root.to_str().expect("UTF-8"),
    ]);
    surroundings(&mut command);
    Ran::of(command)
}

fn is_signed(ran: Ran, sigstore: &Sigstore) {
    let ran = ran.expect(0);
    let name = format!("identity:{IDENTITY} issuer:{}", sigstore.issuer());
    assert!(ran.stderr.contains(&name), "{ran}");
}

#[test]
#[ignore = "long: a Sigstore is built from source"]
fn a_job_of_github_actions_asks_for_its_token() {
    let (sigstore, place) = (Sigstore::get(), Place::empty());
    let ran = try_in(&sigstore, &place, |command| {
        in_github_actions(command, &sigstore);
    });
    is_signed(ran, &sigstore);
}

#[test]
#[ignore = "long: a Sigstore is built from source"]
fn a_job_of_github_actions_that_is_refused_its_token_signs_nothing() {
    let (sigstore, place) = (Sigstore::get(), Place::empty());
    type Change = fn(&mut Command);
    let cases: [(Change, &str); 3] = [
        (
            |command| {
                command.env_remove("ACTIONS_ID_TOKEN_REQUEST_URL");
            },
            "missing ACTIONS_ID_TOKEN_REQUEST_URL",
        ),
        (
            |command| {
                command.env_remove("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
            },
            "missing ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        ),
        (
            |command| {
                command.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another's");
            },
            "401",
        ),
    ];
    for (change, part) in cases {
        let ran = try_in(&sigstore, &place, |command| {
            in_github_actions(command, &sigstore);
            change(command);
        })
        .expect(40);
        assert!(ran.stderr.contains(part), "{ran}");
    }
}

#[test]
#[ignore = "long: a Sigstore is built from source"]
fn a_token_stands_in_the_variable_that_gitlab_and_people_put_it_into() {
    let (sigstore, place) = (Sigstore::get(), Place::empty());
    let token = sigstore.token(IDENTITY);
    for is_gitlab in [true, false] {
        let ran = try_in(&sigstore, &place, |command| {
            if is_gitlab {
                command.env("GITLAB_CI", "true");
            }
            command.env("SIGSTORE_ID_TOKEN", &token);
        });
        is_signed(ran, &sigstore);
    }
    // A job of GitLab without `id_tokens` has no token.
    let ran = try_in(&sigstore, &place, |command| {
        command.env("GITLAB_CI", "true");
    })
    .expect(40);
    assert!(ran.stderr.contains("SIGSTORE_ID_TOKEN"), "{ran}");
}

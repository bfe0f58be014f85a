//! A private Sigstore on the loopback, as `ci/sigstore/serve` serves it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Ran, Running, project, scratch, wait_until};

/// The identity that the tests sign as.
pub const IDENTITY: &str = "vendor@kmatrix.test";

/// Fulcio, Rekor v2, a timestamp authority, and an identity provider that knows everybody. They end
/// with the last test that asks for them.
pub struct Sigstore {
    directory: TempDir,
    urls: BTreeMap<String, String>,
    running: Option<Running>,
}

impl Sigstore {
    /// Has them built, which does nothing if they were, and served.
    pub fn get() -> Arc<Self> {
        static SERVED: Mutex<Weak<Sigstore>> = Mutex::new(Weak::new());
        let mut served = SERVED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sigstore) = served.upgrade() {
            return sigstore;
        }
        let sigstore = Arc::new(Self::serve());
        *served = Arc::downgrade(&sigstore);
        sigstore
    }

    fn serve() -> Self {
        Ran::of(Command::new(project().join("ci/sigstore/build"))).expect(0);
        fs::create_dir_all(scratch()).expect("a directory");
        let directory = TempDir::new_in(scratch()).expect("a directory");
        let mut serve = Command::new(project().join("ci/sigstore/serve"));
        serve.arg(directory.path());
        let mut running = Running::start(serve, directory.path(), "serve");
        wait_until("a Sigstore answers", || {
            assert!(!running.is_over(), "{}", running.stderr());
            let said = fs::read_to_string(directory.path().join("serve.stdout"));
            said.is_ok_and(|said| said.lines().any(|line| line == "ready"))
        });
        let text = fs::read_to_string(directory.path().join("environment")).expect("URLs");
        let urls = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, url)| (name.to_owned(), url.to_owned()))
            .collect();
        Self {
            directory,
            urls,
            running: Some(running),
        }
    }

    pub fn fulcio(&self) -> &str {
        &self.urls["FULCIO_URL"]
    }

    pub fn rekor(&self) -> &str {
        &self.urls["REKOR_URL"]
    }

    pub fn timestamps(&self) -> &str {
        &self.urls["TIMESTAMP_URL"]
    }

    /// Returns the issuer that certificates name, which is the identity provider.
    pub fn issuer(&self) -> &str {
        self.fulcio()
    }

    /// Returns where the trusted root of all of them is.
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("trusted_root.json")
    }

    /// Returns a new identity token, which is valid for ten minutes.
    pub fn token(&self, identity: &str) -> String {
        self.ask(&format!("/token?email={identity}"))
            .trim()
            .to_owned()
    }

    /// Writes a new identity token into a file.
    pub fn token_file(&self, path: &Path) {
        fs::write(path, self.token(IDENTITY)).expect("a token");
    }

    /// Returns the services as a signing configuration names them (protobuf-specs, `SigningConfig` v0.2), beside some
    /// that are past their time.
    pub fn signing_config(&self) -> Value {
        let service = |url: &str, version: u32| {
            let gone = json!({
                "url": "http://127.0.0.1:1", "majorApiVersion": version, "operator": "nobody",
                "validFor": { "start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z" },
            });
            let here = json!({
                "url": url, "majorApiVersion": version, "operator": "kmatrix.test",
                "validFor": { "start": "2020-01-01T00:00:00Z" },
            });
            json!([gone, here])
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service(self.fulcio(), 1),
            "oidcUrls": [],
            "rekorTlogUrls": service(self.rekor(), 2),
            "tsaUrls": service(self.timestamps(), 1),
            "rekorTlogConfig": { "selector": "ANY" },
            "tsaConfig": { "selector": "ANY" },
        })
    }

    /// Returns where a job of GitHub Actions would ask for its token.
    pub fn token_requests(&self) -> String {
        format!("{}/actions/token?email={IDENTITY}", self.fulcio())
    }

    fn ask(&self, path: &str) -> String {
        let address = self.fulcio().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("an identity provider");
        let request =
            format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(head.contains(" 200 "), "{answer}");
        body.to_owned()
    }
}

impl Drop for Sigstore {
    fn drop(&mut self) {
        // Killed outright, it would leave behind what it serves.
        if let Some(running) = self.running.take() {
            running.signal(Signal::TERM);
            running.end();
        }
    }
}

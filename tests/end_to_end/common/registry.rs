//! A real registry on the loopback, and what is pushed to it.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use super::{Place, Ran, Running, docker, wait_until};

/// `kmatrix-test` with the password `a-test-password`, as `htpasswd -B` writes it.
const USERS: &str = "kmatrix-test:$2y$05$kmatrixkmatrixkmatrixeqFFQdXohNwOfrfBkCr/k4dm3.caG.Ey\n";

/// A registry on the loopback, which forgets everything when it ends.
pub struct Registry {
    pub address: String,
    running: Option<Running>,
}

impl Registry {
    /// The only user of a registry that wants one, and its password.
    pub const USER: (&str, &str) = ("kmatrix-test", "a-test-password");

    /// Starts one that takes everybody.
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, "")
    }

    /// Starts one that wants [`Self::USER`].
    pub fn with_user(place: &Place) -> Self {
        let users = place.path().join("htpasswd");
        fs::write(&users, USERS).expect("a file");
        let auth = format!(
            "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
            users.display()
        );
        Self::start_with(place, &auth)
    }

    fn start_with(place: &Place, more: &str) -> Self {
        // Free at this moment; should somebody take it, the registry does not come up.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let address = format!("127.0.0.1:{port}");
        let configuration = place.path().join("registry.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  inmemory: {{}}\n  delete:\n    enabled: true\nhttp:\n  \
             addr: {address}\nlog:\n  level: error\n{more}"
        );
        fs::write(&configuration, text).expect("a file");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&configuration);
        let found = Command::new("docker-registry").arg("--version").output();
        assert!(
            found.is_ok(),
            "there is no `docker-registry`; `ci/setup --tests` installs it"
        );
        let mut running = Running::start(command, place.path(), "registry");
        wait_until("the registry answers", || {
            assert!(!running.is_over(), "{}", running.stderr());
            TcpStream::connect(&address).is_ok()
        });
        Self {
            address,
            running: Some(running),
        }
    }

    /// Ends it.
    pub fn stop(&mut self) {
        drop(self.running.take());
    }

    /// Makes the registry forget a manifest.
    pub fn forget(&self, repository: &str, digest: &str) {
        let path = format!("/v2/{repository}/manifests/{digest}");
        let answer = self.ask("DELETE", &path, "", "");
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }

    /// Returns a manifest as it stands under a tag.
    pub fn manifest(&self, repository: &str, tag: &str, kind: &str) -> String {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.ask("GET", &path, kind, "");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        body.to_owned()
    }

    /// Puts a manifest under a tag, and returns its digest.
    pub fn put_manifest(&self, repository: &str, tag: &str, kind: &str, manifest: &str) -> String {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.ask("PUT", &path, kind, manifest);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let digest = answer
            .lines()
            .find_map(|line| line.strip_prefix("Docker-Content-Digest: "));
        digest.expect("a digest").trim().to_owned()
    }

    fn ask(&self, method: &str, path: &str, kind: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("a registry");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: {kind}\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}",
            self.address
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

/// Makes the tar of just enough of this machine to be asked for its tools. `version` is that of its
/// only package.
fn small_root(place: &Place, version: &str) -> std::path::PathBuf {
    let root = place.path().join(format!("root-{version}"));
    let script = r#"
        set -eu
        mkdir -p "$1/bin" "$1/var/lib/dpkg" "$1/kmatrix" "$1/build" "$1/tmp"
        programs='/bin/sh /bin/cat /usr/bin/head'
        cp -L $programs "$1/bin/"
        for library in $(ldd $programs | grep -o '/[^ :]*\.so[^ ]*' | sort -u); do
            mkdir -p "$1$(dirname "$library")" && cp -L "$library" "$1$library"
        done
        printf 'Package: tiny\nStatus: install ok installed\nSource: tiny-src (0.9)\nVersion: %s\nArchitecture: amd64\n\n' \
            "$2" >"$1/var/lib/dpkg/status"
        tar -C "$1" -cf "$1.tar" .
    "#;
    let mut make = Command::new("/bin/sh");
    make.args(["-c", script, "make-root"])
        .arg(&root)
        .arg(version);
    Ran::of(make).expect(0);
    place.path().join(format!("root-{version}.tar"))
}

/// Pushes a small image under a tag, takes it out of the engine again, and returns the digest by
/// which it can be pulled. `client` is the directory of a client's configuration, if it needs one.
pub fn push_small_image(
    place: &Place,
    repository: &str,
    tag: &str,
    version: &str,
    client: Option<&Path>,
) -> String {
    let tar = small_root(place, version);
    let name = format!("{repository}:{tag}");
    docker(None, &["import", tar.to_str().expect("UTF-8"), &name]).expect(0);
    let configured = client.map(|directory| directory.to_str().expect("UTF-8"));
    let mut arguments = Vec::new();
    if let Some(directory) = configured {
        arguments.extend(["--config", directory]);
    }
    arguments.extend(["push", &name]);
    let pushed = docker(None, &arguments).expect(0);
    docker(None, &["image", "rm", "--force", &name]).expect(0);
    let digest = pushed
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("sha256:"));
    digest.unwrap_or_else(|| panic!("{pushed}")).to_owned()
}

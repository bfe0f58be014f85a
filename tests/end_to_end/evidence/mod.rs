//! A vendor's release leaves the building, and somebody else builds it again.

mod asked;
mod audited;
mod doctored;
mod exported;
mod forged;
mod forgery;
mod released;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{Place, Ran};

/// Runs the program with the password of every key of these tests.
fn kmatrix(place: &Place, arguments: &[&str]) -> Ran {
    let mut command = place.command(arguments);
    command.env("KMATRIX_KEY_PASSWORD", "password");
    Ran::of(command)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A vendor with a key and a release that is built, and a security team with a key and nothing else.
struct Both {
    vendor: Place,
    elsewhere: Place,
}

impl Both {
    /// Builds and attests a fixture at the vendor's.
    fn of(fixture: &str, status: i32) -> Self {
        let vendor = Place::new();
        vendor.build_of(fixture, "", "rebuilds = 1", "");
        vendor.commit(&vendor.path().join("modules").join(fixture));
        vendor.build(&["--no-inquiry"], status);
        let elsewhere = Place::empty();
        for place in [&vendor, &elsewhere] {
            kmatrix(place, &["keys", "new", "--output", "own"]).expect(0);
        }
        kmatrix(&vendor, &["attest", "matrix.toml", "--sign-key", "own.key"]).expect(0);
        Self { vendor, elsewhere }
    }

    fn key(&self) -> PathBuf {
        self.vendor.path().join("own.pub")
    }

    fn export(&self, name: &str, more: &[&str]) -> PathBuf {
        let out = self.vendor.path().join(name);
        let mut arguments = vec!["bundle", "export", "matrix.toml", "--out", text(&out)];
        arguments.extend(more);
        kmatrix(&self.vendor, &arguments).expect(0);
        out
    }

    fn signed(&self, more: &[&str]) -> PathBuf {
        let signed = ["--sign-key", "own.key", "--trust", "own.pub"];
        self.export("release.tar", &[&signed, more].concat())
    }

    /// Imports elsewhere, with the vendor's key.
    fn import(&self, archive: &Path) -> Ran {
        let key = self.key();
        let arguments = ["bundle", "import", text(archive), "--trust-key", text(&key)];
        kmatrix(
            &self.elsewhere,
            &[&arguments[..], &["--format", "json"]].concat(),
        )
    }

    /// Audits elsewhere, with the vendor's key.
    fn audit(&self, archive: &Path, more: &[&str]) -> Ran {
        let key = self.key();
        let arguments = [
            "audit",
            text(archive),
            "--sample",
            "all",
            "--trust-key",
            text(&key),
            "--sign-key",
            "own.key",
            "--operator",
            "somebody else",
            "--format",
            "json",
        ];
        kmatrix(&self.elsewhere, &[&arguments[..], more].concat())
    }
}

fn payload(envelope: &Path) -> Value {
    use base64::Engine as _;
    let bytes = fs::read(envelope).unwrap_or_else(|e| panic!("{}: {e}", envelope.display()));
    let envelope: Value = serde_json::from_slice(&bytes).expect("an envelope");
    let payload = envelope["payload"].as_str().expect("a payload");
    let bytes = base64::engine::general_purpose::STANDARD.decode(payload);
    serde_json::from_slice(&bytes.expect("base64")).expect("a statement")
}

//! The rules that keep the parts apart: which way arrows point, where a library may be named, and
//! which stages do no input and output.

use std::fs;
use std::path::{Path, PathBuf};

/// The parts in the order of the data: words and trees; what is asked for; how it is built and what
/// came of it; what is kept; what is shown. Each may use itself and those that stand before it.
const ORDER: [&str; 36] = [
    "name",
    "digest",
    "exit",
    "document",
    "tree",
    "ko",
    "package",
    "store",
    "git",
    "catalog",
    "variation",
    "source",
    "matrix",
    "plan",
    "recipe",
    "engine",
    "outcome",
    "compare",
    "gate",
    "label",
    "image",
    "ledger",
    "definition",
    "lock",
    "state",
    "retention",
    "run",
    "oci",
    "attest",
    "sign",
    "verify",
    "bundle",
    "publish",
    "report",
    "export",
    "cli",
];

/// Libraries and the only files or folders that may name them; one with several has several rows.
const PLACES: &[(&str, &str)] = &[
    ("ambient_id", "src/sign/keyless.rs"),
    ("aws_lc_rs", "src/catalog/rsa.rs"),
    ("aws_lc_rs", "src/sign/digest_algorithm.rs"),
    ("aws_lc_rs", "src/sign/key.rs"),
    ("bollard", "src/engine/docker/"),
    ("bzip2", "src/package/inflate.rs"),
    ("clap", "src/cli/"),
    ("cms", "src/ko/signature.rs"),
    ("cms", "src/sign/"),
    ("crc32fast", "src/bundle/checks.rs"),
    ("debversion", "src/catalog/version_order.rs"),
    ("diffy", "src/source/patch.rs"),
    ("docker_credential", "src/oci/registry.rs"),
    ("indicatif", "src/report/status.rs"),
    ("oci_client", "src/oci/registry.rs"),
    ("pkcs8", "src/sign/key_file.rs"),
    ("quick_xml", "src/catalog/xml.rs"),
    ("regorus", "src/verify/rego.rs"),
    ("reqwest", "src/catalog/"),
    ("rpassword", "src/sign/password.rs"),
    ("rusqlite", "src/ledger/"),
    ("rustls_pki_types", "src/catalog/rsa.rs"),
    ("sequoia_openpgp", "src/catalog/openpgp.rs"),
    ("serde_cyclonedx", "src/attest/sbom.rs"),
    ("sha1collisiondetection", "src/git/objects.rs"),
    ("sigstore_sign", "src/sign/keyless.rs"),
    ("sigstore_sign", "src/sign/timestamp.rs"),
    ("sigstore_tuf", "src/verify/tuf.rs"),
    ("sigstore_verify", "src/sign/keyless.rs"),
    ("sigstore_verify", "src/verify/sigstore.rs"),
    ("sha256_lanes", "src/digest/many.rs"),
    ("tracing_subscriber", "src/cli/"),
    ("uzers", "src/cli/recording.rs"),
    ("x509_cert", "src/verify/certificate.rs"),
];

const PURE: [&str; 11] = [
    "ko",
    "variation",
    "plan",
    "recipe",
    "outcome",
    "compare",
    "gate",
    "label",
    "definition",
    "lock",
    "attest",
];

/// What a pure stage does not do: files, the network, waiting, clocks, the process's surroundings.
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "tokio",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "File::open",
];

/// One line of the program's own code.
struct Line {
    /// Relative to the project.
    file: String,
    number: usize,
    code: String,
}

/// Returns every line of `src` that is no comment.
fn lines() -> Vec<Line> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&project.join("src"), &mut files);
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mut lines = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file");
        let file = path.strip_prefix(project).expect("a file of the project");
        for (index, line) in text.lines().enumerate() {
            if !line.trim_start().starts_with("//") {
                lines.push(Line {
                    file: file.to_str().expect("UTF-8").to_owned(),
                    number: index + 1,
                    code: line.to_owned(),
                });
            }
        }
    }
    lines
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// Returns the part that a file belongs to; none for `lib.rs` and `main.rs`.
fn part(file: &str) -> Option<&str> {
    let rest = file.strip_prefix("src/")?;
    let name = rest.split('/').next()?.trim_end_matches(".rs");
    (!matches!(name, "lib" | "main")).then_some(name)
}

/// Returns the words that follow `crate::` in a line.
fn used(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).filter_map(|rest| {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        (end > 0).then(|| &rest[..end])
    })
}

fn is_word_in(word: &str, code: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(is_part) && !code[at + word.len()..].starts_with(is_part)
    })
}

fn complain(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn arrows_point_one_way() {
    let place = |name: &str| ORDER.iter().position(|part| *part == name);
    let mut broken = Vec::new();
    let mut seen = 0;
    for line in lines() {
        let Some(from) = part(&line.file) else {
            continue;
        };
        let at = format!("{}:{}", line.file, line.number);
        let Some(own) = place(from) else {
            broken.push(format!("{at}: `{from}` has no place in the order"));
            continue;
        };
        for to in used(&line.code) {
            seen += 1;
            match place(to) {
                Some(other) if other <= own => {}
                Some(_) => broken.push(format!("{at}: `{from}` uses `{to}`, which comes later")),
                None => broken.push(format!("{at}: `{to}` has no place in the order")),
            }
        }
    }
    complain(&broken);
    assert!(seen > 100, "only {seen} arrows were found");
}

#[test]
fn every_part_is_there() {
    let lines = lines();
    for name in ORDER {
        assert!(
            lines.iter().any(|line| part(&line.file) == Some(name)),
            "there is no `{name}`"
        );
    }
}

#[test]
fn every_library_has_one_place() {
    let mut broken = Vec::new();
    for (library, place) in PLACES {
        let places: Vec<&str> = PLACES
            .iter()
            .filter(|row| row.0 == *library)
            .map(|row| row.1)
            .collect();
        let mut seen = 0;
        for line in lines() {
            if !is_word_in(library, &line.code) {
                continue;
            }
            if line.file.starts_with(*place) {
                seen += 1;
            } else if !places.iter().any(|place| line.file.starts_with(*place)) {
                let at = format!("{}:{}", line.file, line.number);
                broken.push(format!(
                    "{at}: `{library}` belongs into {}",
                    places.join(", ")
                ));
            }
        }
        assert!(seen > 0, "nothing in `{place}` uses `{library}`");
    }
    complain(&broken);
}

#[test]
fn pure_stages_do_no_input_and_output() {
    let mut broken = Vec::new();
    for stage in PURE {
        let mut seen = 0;
        for line in lines() {
            if part(&line.file) != Some(stage) {
                continue;
            }
            seen += 1;
            for word in IMPURE {
                if is_word_in(word, &line.code) {
                    let at = format!("{}:{}", line.file, line.number);
                    broken.push(format!("{at}: `{stage}` is pure, and `{word}` is not"));
                }
            }
        }
        assert!(seen > 0, "there is no `{stage}`");
    }
    complain(&broken);
}

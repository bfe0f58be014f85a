//! Reading a policy file: every problem in it at once.
//!
//! Relative paths in it begin at its folder. The files that it names are read with it, within the same
//! limit, so that a policy is a value from then on.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use globset::GlobMatcher;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::demands::{
    build_types, class, default_build_types, default_requirement, least_version, parameter,
    require, source,
};
use super::model::{
    Denial, Denied, Exception, Mode, Policy, PolicySigner, RegoFile, Scoped, TrustRootFile, Window,
};
use super::{Rule, signers};
use crate::attest::PredicateType;
use crate::digest::Sha256Digest;
use crate::document::{Document, MOST_BYTES, ProblemCode, Problems, Read, Table, Value};
use crate::verify::rego::Evaluator;

/// The format that this program reads.
const SCHEMA: u32 = 1;

impl Policy {
    /// Reads a policy and the files that it names.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, Problems> {
        Self::decode(&Document::read(path)?)
    }

    /// Takes bytes as those of the policy at `path`, beside which the files stand that it names.
    pub fn parse(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<Self, Problems> {
        Self::decode(&Document::from_bytes(path, bytes)?)
    }

    fn decode(document: &Document) -> Result<Self, Problems> {
        let folder = document.folder();
        document.decode(|table| {
            let schema = table.schema(SCHEMA);
            let mode = table.or("mode", Mode::Enforce, Value::parse);
            let require = table.optional("require", |value| value.table(require));
            let build = table.optional("build", |value| value.table(build_types));
            let build_types = build.map(|types| types.unwrap_or_else(default_build_types));
            let parameters = table.or("parameter", Vec::new(), |value| {
                value.tables(|table| parameter(table, build_types.as_ref().ok()))
            });
            let sources = table.required("source", |v| v.one_or_more_tables(source));
            let least_versions = table.or("least-version", Vec::new(), |value| {
                value.one_or_more_tables(least_version)
            });
            let classes = table.or("class", Vec::new(), |value| value.tables(class));
            let mut known: Vec<PolicySigner> = Vec::new();
            let signers = table.required("signer", |value| {
                value.one_or_more_tables(|table| {
                    let signer = signers::signer(table, folder)?;
                    signers::distinct(table, &signer, &known)?;
                    known.push(signer.clone());
                    Ok(signer)
                })
            });
            let denials = table.or("deny", Vec::new(), |value| value.tables(denial));
            let exceptions = table.or("exception", Vec::new(), |v| v.tables(exception));
            let rego = table.or("rego", Vec::new(), |value| {
                value.one_or_more_tables(|table| rego(table, folder))
            });
            let trust_roots = table.or("trust-root", Vec::new(), |value| {
                value.one_or_more_tables(|table| trust_root(table, folder))
            });
            schema?;
            let (requirement, expects) = require?.unwrap_or_else(default_requirement);
            Ok(Self {
                digest: document.digest(),
                mode: mode?,
                requirement,
                expects,
                build_types: build_types?,
                parameters: parameters?,
                sources: sources?,
                least_versions: least_versions?,
                classes: classes?,
                signers: signers?,
                denials: denials?,
                exceptions: exceptions?,
                rego: rego?,
                evaluator: Evaluator::default(),
                trust_roots: trust_roots?,
            })
        })
    }
}

fn denial(table: &Table<'_>) -> Read<Denial> {
    let reason = table.required("reason", Value::text);
    let spki = table.optional("key", Value::parse);
    let identity = table.optional("identity", Value::text);
    let issuer = table.optional("issuer", Value::text);
    let artifact = table.optional("artifact", Value::parse);
    let statement = table.optional("statement", Value::parse);
    let window = window(table);
    let (spki, identity, issuer, window) = (spki?, identity?, issuer?, window?);
    let open = window.is_open();
    let denied = match (spki, identity, artifact?, statement?) {
        (Some(spki), None, None, None) if issuer.is_none() => Denied::Key { spki, window },
        (None, Some(identity), None, None) => Denied::Identity {
            identity,
            issuer,
            window,
        },
        (None, None, Some(artifact), None) if issuer.is_none() && open => {
            Denied::Artifact(artifact)
        }
        (None, None, None, Some(statement)) if issuer.is_none() && open => {
            Denied::Statement(statement)
        }
        (None, None, None, None) if issuer.is_none() && !open => Denied::Window(window),
        _ => {
            let hint = "give one of `key`, `identity` (with or without `issuer`), `artifact`, \
                        `statement`, or a window; a key and an identity may have a window too";
            let message = "this `[[deny]]` is not of one kind";
            return Err(table.refuse(ProblemCode::Conflict, message, Some(hint.to_owned())));
        }
    };
    Ok(Denial {
        denied,
        reason: reason?,
    })
}

fn exception(table: &Table<'_>) -> Read<Exception> {
    let rule = table.required("rule", |value| {
        let rule: Rule = value.parse()?;
        if rule.may_be_excepted() {
            return Ok(rule);
        }
        let message = format!("`{rule}` has no exceptions");
        let hint = "what it refuses is let in by naming it elsewhere in the policy, or not at all";
        Err(value.refuse(ProblemCode::BadValue, message, Some(hint.to_owned())))
    });
    let artifact = table.optional("artifact", Value::parse);
    let cells = table.optional("cells", matcher);
    let reason = table.required("reason", Value::text);
    let ticket = table.optional("ticket", Value::text);
    let until = table.required("until", Value::date);
    let scoped = match (artifact?, cells?) {
        (Some(artifact), None) => Scoped::Artifact(artifact),
        (None, Some(cells)) => Scoped::Cells(cells),
        (Some(_), Some(_)) | (None, None) => {
            let message = "an exception is for one `artifact` or for `cells`";
            return Err(table.refuse(ProblemCode::Conflict, message, None));
        }
    };
    Ok(Exception {
        rule: rule?,
        scoped,
        reason: reason?,
        ticket: ticket?,
        until: after(until?),
    })
}

fn rego(table: &Table<'_>, folder: &Path) -> Read<RegoFile> {
    let text = table.required("file", |value| {
        let (name, bytes) = beside(value, folder)?;
        let text = String::from_utf8(bytes).map_err(|_| {
            let message = format!("`{name}` is not UTF-8");
            value.refuse(ProblemCode::NotText, message, None)
        })?;
        super::rego_rule::readable(&name, &text)
            .map_err(|why| value.refuse(ProblemCode::Syntax, why, None))?;
        Ok((name, text))
    });
    let every = || PredicateType::ALL.to_vec();
    let statements = table.or("statements", every(), |v| v.one_or_list(Value::parse));
    let (name, text) = text?;
    Ok(RegoFile {
        name,
        text,
        statements: statements?.into_iter().collect(),
    })
}

fn trust_root(table: &Table<'_>, folder: &Path) -> Read<TrustRootFile> {
    let wanted: Read<Option<Sha256Digest>> = table.optional("sha256", Value::parse);
    let read = table.required("file", |value| {
        let (name, bytes) = beside(value, folder)?;
        match wanted? {
            Some(wanted) if Sha256Digest::of(&bytes) != wanted => {
                let message = format!("`{name}` is not {wanted}");
                Err(value.refuse(ProblemCode::OtherDigest, message, None))
            }
            Some(_) | None => Ok((name, bytes)),
        }
    });
    let (name, bytes) = read?;
    Ok(TrustRootFile { name, bytes })
}

/// Reads the file that a value names.
pub(super) fn beside(value: Value<'_>, folder: &Path) -> Read<(String, Vec<u8>)> {
    let name = value.text()?;
    let path = folder.join(&name);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(count) if count as u64 <= MOST_BYTES => Ok((name, bytes)),
        Ok(_) => {
            let message = format!("`{}` is longer than {MOST_BYTES} bytes", path.display());
            Err(value.refuse(ProblemCode::TooLarge, message, None))
        }
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", path.display());
            Err(value.refuse(ProblemCode::Unreadable, message, None))
        }
    }
}

/// Reads `not-before` and `not-after`: whole days in UTC, the last of which is within.
pub(super) fn window(table: &Table<'_>) -> Read<Window> {
    let from = table.optional("not-before", Value::date);
    let until = table.optional("not-after", Value::date);
    let window = Window {
        from: from?.map(beginning),
        until: until?.map(after),
    };
    match (window.from, window.until) {
        (Some(from), Some(until)) if from >= until => {
            let message = "`not-after` is before `not-before`";
            Err(table.refuse(ProblemCode::Conflict, message, None))
        }
        _ => Ok(window),
    }
}

fn beginning(day: Date) -> Timestamp {
    let zoned = day.to_zoned(TimeZone::UTC);
    zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

fn after(day: Date) -> Timestamp {
    day.tomorrow().map_or(Timestamp::MAX, beginning)
}

pub(super) fn matcher(value: Value<'_>) -> Read<GlobMatcher> {
    Ok(value.glob()?.compile_matcher())
}

/// Returns the SHA-256 of the SubjectPublicKeyInfo in a PEM file (RFC 7468, section 13).
pub(super) fn spki_of_pem(pem: &str) -> Result<Sha256Digest, String> {
    const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
    const END: &str = "-----END PUBLIC KEY-----";
    let body = pem
        .trim()
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .ok_or_else(|| format!("it is not one `{BEGIN}` block"))?;
    let digits: String = body.split_ascii_whitespace().collect();
    let der = STANDARD
        .decode(digits)
        .map_err(|error| format!("its Base64 is broken: {error}"))?;
    Ok(Sha256Digest::of(&der))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNER: &str = "[[signer]]\nname = 'a'\noperator = 'o'\nbuilders = ['b']\n\
        key = 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n";

    fn messages(text: &str) -> Vec<String> {
        match Policy::parse("p.toml", text.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(|p| p.message.clone()).collect(),
        }
    }

    fn whole(more: &str) -> String {
        format!("schema = 1\n[[source]]\nuri = '**'\n{SIGNER}\n{more}")
    }

    #[test]
    fn the_default_policy_is_valid_once_its_key_is_there() {
        let folder = tempfile::tempdir().expect("a directory");
        let pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        std::fs::create_dir(folder.path().join("keys")).expect("a directory");
        std::fs::write(folder.path().join("keys/vendor.pem"), pem).expect("written");
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, super::super::DEFAULT).expect("written");
        let policy = Policy::read(&path).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(policy.mode, Mode::Enforce);
        assert_eq!(policy.signers.len(), 1);
        let (requirement, expects) = default_requirement();
        assert_eq!((policy.requirement, policy.expects), (requirement, expects));
    }

    #[test]
    fn the_default_policy_names_every_key_of_the_format() {
        // What is commented out is part of the reference: uncommented, it is read too.
        let uncommented: String = super::super::DEFAULT
            .lines()
            .map(|line| line.strip_prefix("#~ ").unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let folder = tempfile::tempdir().expect("a directory");
        let pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        std::fs::create_dir(folder.path().join("keys")).expect("a directory");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("written");
        };
        write("keys/vendor.pem", pem);
        write("keys/auditor.pem", &pem.replace("AAAA", "BBBB"));
        write("site.rego", "package signature\ndefault allow = true\n");
        write("trusted_root.json", "{}");
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, &uncommented).expect("written");
        let policy = Policy::read(&path).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(policy.signers.len() > 2 && policy.denials.len() >= 5);
        for list in [
            policy.classes.len(),
            policy.exceptions.len(),
            policy.rego.len(),
            policy.trust_roots.len(),
            policy.parameters.len(),
            policy.least_versions.len(),
        ] {
            assert!(list > 0);
        }
        for key in [
            "mode",
            "tier",
            "independent-rebuilders",
            "max-age",
            "fresh-image",
            "history",
            "kernel",
            "module",
            "statements",
            "expect",
            "types",
            "uri",
            "commits",
            "trees",
            "modules",
            "key",
            "identity",
            "issuer",
            "operator",
            "builders",
            "not-before",
            "not-after",
            "most-tier",
            "most-slsa-level",
            "values",
            "artifact",
            "statement",
            "cells",
            "until",
            "ticket",
            "file",
            "sha256",
        ] {
            let is_set = |line: &str| {
                let name = line.split('=').next().unwrap_or_default().trim();
                line.contains('=') && name == key
            };
            assert!(uncommented.lines().any(is_set), "{key}");
        }
    }

    #[test]
    fn every_problem_comes_at_once() {
        assert!(
            messages(&whole("")).is_empty(),
            "{:?}",
            messages(&whole(""))
        );
        let found = messages(&format!(
            "schema = 2\nmoed = 'audit'\n[require]\ntier = 'best'\n[[source]]\n[[deny]]\nreason = 'x'\n\
             [[exception]]\nrule = 'signer'\nartifact = 'x'\nreason = ''\nuntil = 2026-01-01\n{SIGNER}{SIGNER}"
        ));
        for part in [
            "`schema = 2` is not known",
            "unknown key `moed`",
            "`best` is none of",
            "names no source",
            "is not of one kind",
            "`signer` has no exceptions",
            "`x` is not a digest",
            "`reason` is empty",
        ] {
            assert!(found.iter().any(|m| m.contains(part)), "{part}: {found:?}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let key = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        for (more, part) in [
            (SIGNER.to_owned(), "stands twice"),
            (SIGNER.replace("'a'", "'b'"), "is that of `a`"),
            (
                "[require]\nstatements = 'summary'".to_owned(),
                "must have `provenance`",
            ),
            (
                "[[deny]]\nreason = 'r'\nnot-before = 2026-02-01\nnot-after = 2026-01-01"
                    .to_owned(),
                "is before",
            ),
            (
                format!("[[deny]]\nreason = 'r'\nkey = '{key}'\nartifact = '{key}'"),
                "one kind",
            ),
            (
                format!("[[deny]]\nreason = 'r'\nartifact = '{key}'\nnot-before = 2026-01-01"),
                "one kind",
            ),
            (
                "[[deny]]\nreason = 'r'\nissuer = 'i'".to_owned(),
                "one kind",
            ),
            (
                "[[exception]]\nrule = 'inputs'\nreason = 'r'\nuntil = 2026-01-01".to_owned(),
                "one `artifact` or for `cells`",
            ),
            ("[[rego]]\nfile = 'none.rego'".to_owned(), "cannot read"),
            (
                "[[trust-root]]\nfile = 'none.json'".to_owned(),
                "cannot read",
            ),
            (
                "[[parameter]]\nname = 'recipe.make.*'\nvalues = ['x']".to_owned(),
                "`recipe.make.*` is no parameter",
            ),
            (
                "[[parameter]]\nname = 'module.nonsense'\nvalues = ['x']".to_owned(),
                "`module.nonsense` is no parameter",
            ),
            (
                "[[least-version]]\ncells = '**'".to_owned(),
                "names no version",
            ),
            (
                "[[parameter]]\nname = 'x'\nvalues = []".to_owned(),
                "empty list",
            ),
        ] {
            let found = messages(&whole(&more));
            assert!(found.iter().any(|m| m.contains(part)), "{part}: {found:?}");
        }
        let found = messages(&whole("").replace("'**'", "'['"));
        assert!(
            found.iter().any(|m| m.contains("is not a glob")),
            "{found:?}"
        );
    }

    #[test]
    fn last_days_are_within() {
        let window = |text: &str| {
            let text = whole(&format!("[[deny]]\nreason = 'r'\n{text}"));
            let policy = Policy::parse("p.toml", text.as_bytes()).expect("valid");
            let Denied::Window(window) = policy.denials[0].denied.clone() else {
                panic!("{policy:?}");
            };
            window
        };
        let found = window("not-before = 2026-03-01\nnot-after = 2026-03-01");
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        assert!(found.has(at("2026-03-01T00:00:00Z")));
        assert!(found.has(at("2026-03-01T23:59:59Z")));
        assert!(!found.has(at("2026-03-02T00:00:00Z")));
        assert!(!found.has(at("2026-02-28T23:59:59Z")));
    }

    #[test]
    fn a_key_file_is_one_block() {
        let pem =
            |body: &str| format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        assert_eq!(spki_of_pem(&pem("AAAA")), Ok(Sha256Digest::of(&[0, 0, 0])));
        for text in ["", "AAAA", &pem("A"), &pem("AAAA").repeat(2)] {
            assert!(spki_of_pem(text).is_err(), "{text}");
        }
    }
}

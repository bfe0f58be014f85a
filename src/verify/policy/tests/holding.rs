//! What holds although it looks odd, and what a verdict says beside its rules.

use serde_json::json;

use super::adversaries::makers::{
    deny, exception, known, packaged, report, sbom_of, set_grade, ship, spki, verified_before,
    version,
};
use crate::attest::{PredicateType as Kind, Subject, SubjectForm, VerificationResult, levels};
use crate::digest::Sha256Digest;
use crate::exit::Exit;
use crate::label::{Axis as LabelAxis, Grade, Tier};
use crate::verify::Outcome;
use crate::verify::policy::tests::world::{
    CELL, COMMIT, Signed, World, at, authenticated, broken, cell, key, scope, value,
};
use crate::verify::policy::{Known, Rule};

#[test]
fn what_is_sound_holds_in_every_rule() {
    let world = World::sound();
    let verdict = world.verdict();
    assert_eq!(broken(&verdict), Vec::<&str>::new(), "{verdict:#?}");
    assert_eq!(
        (verdict.exit(), verdict.tier),
        (Exit::Success, Some(Tier::Constrained))
    );
    assert_eq!(verdict.cell, Some(cell(CELL)));
    assert!(verdict.passes());
    let ids: Vec<&str> = verdict
        .rules
        .iter()
        .map(|rule| rule.rule.as_str())
        .collect();
    let all: Vec<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(ids, all, "no rule is left out");
}

#[test]
fn rotation_accepts_both_signers_while_their_windows_overlap() {
    for (vendor, second, day, expected) in [
        (
            "not-after = 2026-06-30",
            "not-before = 2026-06-01",
            "2026-06-15",
            &[][..],
        ),
        (
            "not-after = 2026-06-30",
            "not-before = 2026-06-01",
            "2026-05-31",
            &["signer-window"],
        ),
        (
            "not-after = 2026-06-30",
            "not-before = 2026-06-01",
            "2026-07-01",
            &["signer-window"],
        ),
    ] {
        let mut world = World::sound();
        world.at = at("2026-07-02T00:00:00Z");
        world
            .signed
            .insert(Kind::Summary, Signed::by(key("second")));
        for signed in world.signed.values_mut() {
            signed.times[0].at = at(&format!("{day}T12:00:00Z"));
        }
        let policy = world.with_signer("vendor", vendor);
        let head = "name = 'second'\n";
        let policy = policy.replace(head, &format!("{head}{second}\n"));
        assert_eq!(broken(&world.verdict_by(&policy)), expected, "{day}");
    }
}

#[test]
fn a_key_that_is_denied_for_a_window_still_counts_outside_of_it() {
    let mut world = World::sound();
    let window = "not-before = 2026-06-02\nnot-after = 2026-06-30";
    world.policy = deny(&format!("key = '{}'\n{window}", spki("vendor")));
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn another_operators_own_rebuild_makes_it_independent() {
    let mut world = World::sound();
    world.require = "independent-rebuilders = 1".to_owned();
    set_grade(&mut world, LabelAxis::Reproducibility, Grade::Independent);
    world.add_comparison_by(key("auditor"));
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn a_signed_and_packed_module_is_the_one_that_was_built() {
    let mut world = World::sound();
    ship(&mut world);
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
    // Packed by somebody else, it is still the module that a kernel runs.
    world.file = zstd::encode_all(
        &crate::ko::expand(&world.file).expect("whole").bytes[..],
        19,
    )
    .expect("memory");
    world.subjects.pop();
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn an_exception_lets_a_failure_pass_and_says_so() {
    let mut world = World::sound();
    world.require = "tier = 'full'".to_owned();
    world.policy = exception("minimum-tier", &format!("cells = '{CELL}'"), "2026-06-02")
        + &exception(
            "image-freshness",
            &format!("artifact = '{}'", world.payload()),
            "2026-12-31",
        )
        + &exception("label", "cells = 'x/**'", "2026-12-31")
        + &exception("inputs", &format!("cells = '{CELL}'"), "2026-06-01");
    let verdict = world.verdict();
    assert!(verdict.passes(), "{verdict:#?}");
    let rule = verdict
        .rules
        .iter()
        .find(|rule| rule.rule == "minimum-tier")
        .expect("asked");
    assert_eq!(rule.outcome, Outcome::Excepted);
    assert!(rule.because.ends_with(": r"), "{}", rule.because);
    use crate::verify::policy::ExceptionState::{Elsewhere, RunOut, Unneeded, Used};
    let states: Vec<_> = verdict.exceptions.iter().map(|one| one.state).collect();
    assert_eq!(states, [Used, Unneeded, Elsewhere, RunOut]);
}

#[test]
fn a_policy_that_only_watches_calls_nothing_passed() {
    let world = World::sound();
    let policy = world
        .policy_text()
        .replace("schema = 1", "schema = 1\nmode = 'audit'");
    let verdict = world.verdict_by(&policy);
    assert!(verdict.holds() && !verdict.passes());
}

#[test]
fn what_is_expected_is_found_in_each_of_its_forms() {
    let mut world = World::sound();
    world.require = "expect = ['source', 'commit', 'kernel', 'arch', 'module', 'release', 'cell', \
         'kernel-version', 'version']"
        .to_owned();
    version(&mut world, "1.0");
    packaged(&mut world, "1.0-1");
    let scope = value(&scope("nightly", world.payload()));
    world.add(Kind::Scope, key("vendor"), scope);
    world.expectation.commit = Some(COMMIT.to_owned());
    world.expectation.release = Some("nightly".to_owned());
    world.expectation.cell = Some(cell(CELL));
    world.expectation.kernel_version = Some("6.12.1-1".parse().expect("a version"));
    let with_commit = format!("git+https://src.example/m@{COMMIT}");
    let tree = Sha256Digest::of(b"tree").to_string();
    for source in [
        "git+https://src.example/m",
        "https://src.example/m",
        &with_commit,
        &tree,
    ] {
        for (module, version) in [("m", "1.0"), ("x", "1.0-1")] {
            world.expectation.source = Some(source.to_owned());
            world.expectation.version = Some(version.to_owned());
            world.expectation.module = Some(module.parse().expect("a name"));
            assert_eq!(
                broken(&world.verdict()),
                Vec::<&str>::new(),
                "{source} {module}"
            );
        }
    }
}

#[test]
fn a_class_may_ask_for_less() {
    let mut world = World::sound();
    world.require = "tier = 'full'".to_owned();
    world.policy = "[[class]]\nname = 'toys'\nmodules = ['m*']\ntier = 'partial'".to_owned();
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn rego_of_the_policy_can_only_deny() {
    for (rules, statements, expected) in [
        ("default allow = true", "['provenance']", Outcome::Holds),
        ("default allow = false", "['provenance']", Outcome::Fails),
        (
            "allow { input.predicate.runDetails.builder.id == \"urn:kmatrix:builder:local-container:v1\" }",
            "['provenance']",
            Outcome::Holds,
        ),
        (
            "allow { input.predicate.runDetails.builder.id == \"x\" }",
            "['provenance']",
            Outcome::Fails,
        ),
        (
            "default allow = true\ndeny[m] { input.subject[_].name == \"m.ko\"; m := \"not m.ko\" }",
            "['summary']",
            Outcome::Fails,
        ),
        (
            "allow { count([1 | a := numbers.range(1, 9999)[_]; b := numbers.range(1, 9999)[_]; a + b < 0]) == 0 }",
            "['summary']",
            Outcome::Fails,
        ),
        ("default allow = true", "['sbom']", Outcome::Missing),
        // Another file that is asked makes nothing good.
        (
            "default allow = true",
            "['sbom']\n[[rego]]\nfile = 'site.rego'",
            Outcome::Missing,
        ),
    ] {
        let folder = tempfile::tempdir().expect("a directory");
        let text = format!("package signature\n{rules}\n");
        std::fs::write(folder.path().join("site.rego"), text).expect("written");
        let mut world = World::sound();
        world.policy = format!("[[rego]]\nfile = 'site.rego'\nstatements = {statements}\n");
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, world.policy_text()).expect("written");
        let policy = crate::verify::policy::Policy::read(&path).expect("valid");
        let verdict = world.verdict_of(&policy);
        let wrong: &[&str] = if expected == Outcome::Holds {
            &[]
        } else {
            &["rego"]
        };
        assert_eq!(broken(&verdict), wrong, "{rules}");
        // Whatever it allows, it makes nothing hold that does not.
        world.require = "tier = 'full'".to_owned();
        std::fs::write(&path, world.policy_text()).expect("written");
        let policy = crate::verify::policy::Policy::read(&path).expect("valid");
        assert!(
            broken(&world.verdict_of(&policy)).contains(&"minimum-tier"),
            "{rules}"
        );
    }
}

#[test]
fn statements_of_others_do_not_count() {
    let mut world = World::sound();
    let other = Sha256Digest::of(b"other module");
    let subjects = vec![Subject::module("o.ko", other, SubjectForm::Payload, "o.ko")];
    let foreign = authenticated(
        Kind::Summary,
        subjects,
        json!({}),
        &Signed::by(key("nobody")),
    );
    world.others.push(foreign);
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn two_cells_with_the_very_same_module_do_not_get_in_each_others_way() {
    let mut world = World::sound();
    let mut other = World::sound();
    let id = CELL.replace("=6.12.1-1", "=6.12.1-2");
    other.provenance.build_definition.external_parameters["cell"] = json!(id);
    other.provenance.run_details.metadata.finished_on = at("2026-06-01T10:30:00Z");
    other.comparison.cell = cell(&id);
    other.summary.resource_uri = format!("urn:kmatrix:cell:{id}");
    world.others = other.attestations();
    let verdict = world.verdict();
    assert_eq!(broken(&verdict), Vec::<&str>::new());
    assert_eq!(verdict.cell, Some(cell(&id)), "the one that was built last");
    // A statement of a cell that has no provenance belongs to nothing.
    world.others.remove(0);
    assert_eq!(broken(&world.verdict()), ["same-cell", "summary-inputs"]);
}

#[test]
fn a_summary_says_passed_only_where_everything_holds_and_is_enforced() {
    use crate::verify::policy::{Artifact, Policy, summary};
    let world = World::sound();
    let of = |change: fn(&mut World), mode: &str, is_enforced: bool| {
        let mut world = World::sound();
        change(&mut world);
        let text = world
            .policy_text()
            .replace("schema = 1", &format!("schema = 1\nmode = '{mode}'"));
        let policy = Policy::parse("p.toml", text.as_bytes()).expect("valid");
        let verdict = world.verdict_of(&policy);
        let artifact = Artifact::read(&world.file);
        summary("m.ko", &artifact, &verdict, &policy, world.at, is_enforced).expect("it has a cell")
    };
    let passed = of(|_| {}, "enforce", true);
    assert_eq!(
        passed.predicate.verification_result,
        VerificationResult::Passed
    );
    assert_eq!(passed.predicate.verified_levels, levels(Tier::Constrained));
    assert_eq!(passed.predicate.input_attestations.len(), 3);
    assert_eq!(passed.subject[0].digest["sha256"], world.payload().to_hex());
    assert!(passed.predicate.exceptions.is_empty());
    let excepted = of(
        |w| {
            w.require = "tier = 'full'".to_owned();
            w.policy = exception("minimum-tier", &format!("cells = '{CELL}'"), "2026-12-31");
        },
        "enforce",
        true,
    );
    let because = excepted.predicate.label.because.expect("a reason");
    let others = Rule::ALL.len() - 1;
    let told = format!(
        "{others} rules of the policy hold, and 1 is excepted: minimum-tier (before 2027-01-01T00:00:00Z)"
    );
    assert_eq!(because, told);
    let [named] = &excepted.predicate.exceptions[..] else {
        panic!("{:?}", excepted.predicate.exceptions);
    };
    assert_eq!(
        (named.rule.as_str(), named.reason.as_str()),
        ("minimum-tier", "r")
    );
    let failing: fn(&mut World) = |w| w.require = "tier = 'full'".to_owned();
    for failed in [
        of(|_| {}, "audit", true),
        of(|_| {}, "enforce", false),
        of(failing, "enforce", true),
    ] {
        assert_eq!(
            failed.predicate.verification_result,
            VerificationResult::Failed
        );
        assert_eq!(failed.predicate.verified_levels, ["FAILED"]);
    }
}

/// Makes a comparison as an audit does: the vendor's attempt as the reference, and one of its own, from the
/// same spec.
fn audited(w: &World) -> crate::attest::RebuildComparison {
    let mut audited = w.comparison.clone();
    let mut own = audited.reference.clone();
    own.number = 1;
    own.platform = "audit".to_owned();
    let platform = audited.platforms["platform-1"].clone();
    audited.platforms.insert("audit".to_owned(), platform);
    audited.rebuilds = vec![own];
    let claimed = audited.label.rebuilds.as_mut().expect("it was rebuilt");
    claimed.made = 1;
    audited.label.vector.reproducibility = Grade::Independent;
    audited.label.reasons[0].grade = Grade::Independent;
    audited
}

#[test]
fn what_an_audit_says_counts_for_as_much_as_its_signature() {
    // Beside the vendor's own comparison, and without it.
    for left_out in [None, Some(Kind::RebuildComparison)] {
        let mut world = World::sound();
        world.require = "independent-rebuilders = 1".to_owned();
        world.left_out.extend(left_out);
        let comparison = value(&audited(&world));
        world.add(Kind::RebuildComparison, key("auditor"), comparison);
        assert_eq!(broken(&world.verdict()), Vec::<&str>::new(), "{left_out:?}");
    }
    // The same words, signed by the vendor's second key, show nothing that was varied.
    let mut world = World::sound();
    world.left_out.insert(Kind::RebuildComparison);
    let comparison = value(&audited(&world));
    world.add(Kind::RebuildComparison, key("second"), comparison);
    let verdict = world.verdict();
    assert_eq!(
        broken(&verdict),
        ["minimum-tier", "independence", "summary-levels"]
    );
    assert_eq!(verdict.tier, Some(Tier::Partial));
    // An audit that differs is told, whatever it calls itself.
    let mut world = World::sound();
    let mut differing = audited(&world);
    differing.rebuilds[0].modules[0].sha256 = Sha256Digest::of(b"other");
    world.add(Kind::RebuildComparison, key("auditor"), value(&differing));
    assert_eq!(
        broken(&world.verdict()),
        ["label", "minimum-tier", "independence"]
    );
}

#[test]
fn every_kind_of_statement_that_is_wanted_and_there_holds() {
    let mut world = World::sound();
    let kinds = "['provenance', 'comparison', 'summary', 'scai', 'scope', 'sbom']";
    world.require = format!("statements = {kinds}");
    assert_eq!(broken(&world.verdict()), ["scai", "scope", "sbom"]);
    let (report, payload) = (report(&world), world.payload());
    world.add(Kind::Scai, key("vendor"), report);
    world.add(
        Kind::Scope,
        key("vendor"),
        value(&scope("nightly", payload)),
    );
    world.others.push(sbom_of("image", "vendor"));
    let verdict = world.verdict();
    assert_eq!(broken(&verdict), Vec::<&str>::new());
    assert_eq!(verdict.statements.len(), 6);
    // What is said of the image is judged like every other statement.
    world.policy = deny(&format!("statement = '{}'", verdict.statements[5]));
    assert_eq!(broken(&world.verdict()), ["denied-statement"]);
}

#[test]
fn what_a_build_is_newer_by_is_said() {
    for (before, part) in [
        (known("other"), "the order rests on claims"),
        (
            Known {
                verified: Some(at("2026-06-01T11:59:59Z")),
                // A claim from the far future says nothing against a verified time.
                finished: at("2999-01-01T00:00:00Z"),
                ..known("other")
            },
            "both by verified times",
        ),
        (
            Known {
                version: Some("1.9".to_owned()),
                verified: Some(at("2026-12-01T00:00:00Z")),
                ..known("other")
            },
            "version 1.9 was verified here before",
        ),
        (
            // Nobody whom this policy believes signed it.
            Known {
                signers: vec![key("nobody")],
                finished: at("2999-01-01T00:00:00Z"),
                ..known("other")
            },
            "no build of this cell by these signers",
        ),
    ] {
        let mut world = World::sound();
        packaged(&mut world, "1.10");
        verified_before(&mut world, before);
        let verdict = world.verdict();
        assert_eq!(broken(&verdict), Vec::<&str>::new());
        let rule = verdict.rules.iter().find(|rule| rule.rule == "not-older");
        let because = &rule.expect("asked").because;
        assert!(because.contains(part), "{part}: {because}");
    }
}

#[test]
fn without_a_state_nothing_is_known_and_that_is_said() {
    let mut world = World::sound();
    world.expectation.known = None;
    let verdict = world.verdict();
    assert!(verdict.passes());
    let rule = verdict.rules.iter().find(|rule| rule.rule == "not-older");
    let because = &rule.expect("asked").because;
    assert!(
        because.contains("nothing is known of earlier builds"),
        "{because}"
    );
}

#[test]
fn least_versions_of_other_cells_ask_nothing() {
    let mut world = World::sound();
    version(&mut world, "2.0");
    for (cells, least) in [
        ("debian-12/**", "kernel = '9'"),
        ("debian-13/**", "kernel = '6.12.1-1'\nmodule = '2.0'"),
        ("**/wireguard", "module = '9'"),
    ] {
        world.policy += &format!("[[least-version]]\ncells = '{cells}'\n{least}\n");
    }
    assert_eq!(broken(&world.verdict()), Vec::<&str>::new());
}

#[test]
fn a_parameter_that_meets_nothing_is_told() {
    let mut world = World::sound();
    world.policy = "[[parameter]]\nname = 'preparation.make'\nvalues = ['CC=gcc']".to_owned();
    let verdict = world.verdict();
    assert!(verdict.passes());
    let rule = verdict.rules.iter().find(|rule| rule.rule == "parameters");
    let because = &rule.expect("asked").because;
    assert!(
        because.contains("none here is called `preparation.make`"),
        "{because}"
    );
}

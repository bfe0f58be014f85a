use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn suite(name: &str, date: &str) -> SuiteRecord {
    SuiteRecord {
        archive: "debian".parse().expect("an archive"),
        suite: name.parse().expect("a suite"),
        date: at(date),
        valid_until: None,
        arch: None,
        index: Sha256Digest::of(date.as_bytes()),
        signed_by: Vec::new(),
        exceptions: Vec::new(),
        unneeded: Vec::new(),
        passed_over: Vec::new(),
        signature: None,
    }
}

fn offered(name: &str, version: &str, architecture: &str) -> IndexedPackage {
    IndexedPackage {
        name: name.parse().expect("a name"),
        version: version.parse().expect("a version"),
        source: name.parse().expect("a name"),
        architecture: architecture.to_owned(),
        depends: Vec::new(),
        provides: Vec::new(),
        built: None,
        path: "pool/x.deb".to_owned(),
        bytes: 1,
        sha256: Sha256Digest::of(version.as_bytes()),
        signature: None,
    }
}

fn installed(name: &str, version: &str) -> InstalledPackage {
    InstalledPackage {
        name: name.to_owned(),
        version: version.parse().expect("a version"),
        architecture: "amd64".to_owned(),
        source: None,
        source_version: None,
    }
}

#[test]
fn a_missed_update_says_where_it_is_and_between_which_states_it_came() {
    let then = [
        suite("stable", "2026-11-01T00:00:00Z"),
        suite("stable-security", "2026-11-10T00:00:00Z"),
    ];
    let now = vec![
        (
            suite("stable", "2026-11-20T00:00:00Z"),
            vec![
                offered("libc6", "2.36-9", "amd64"),
                offered("make", "4.4-1", "amd64"),
                offered("make", "9", "arm64"),
                offered("cpp", "1:1.9", "amd64"),
            ],
        ),
        (
            suite("stable-security", "2026-11-21T00:00:00Z"),
            vec![offered("libc6", "2.36-9+deb1", "amd64")],
        ),
    ];
    let packages = [
        installed("libc6", "2.36-9"),
        installed("make", "4.3-1"),
        installed("cpp", "1:1.10"),
        installed("own", "1"),
    ];
    let security = ["stable-security".parse().expect("a suite")];
    let Updates::Looked {
        missed,
        security,
        gone,
        oldest,
        ..
    } = updates(&packages, &then, now, &security)
    else {
        panic!("somebody looked");
    };
    let words: Vec<String> = missed
        .iter()
        .map(|update| {
            format!(
                "{} {} -> {} ({}, security {})",
                update.package, update.installed, update.available, update.suite, update.security
            )
        })
        .collect();
    assert_eq!(
        words,
        [
            "libc6 2.36-9 -> 2.36-9+deb1 (stable-security, security true)",
            "make 4.3-1 -> 4.4-1 (stable, security false)",
        ]
    );
    assert_eq!(security, 1);
    assert_eq!(gone, ["own"]);
    assert_eq!(
        oldest,
        Some(Appeared {
            after: Some(at("2026-11-01T00:00:00Z")),
            by: at("2026-11-20T00:00:00Z"),
        })
    );
}

#[test]
fn the_worst_of_age_updates_and_tag_decides() {
    let days = |days: i64| SignedDuration::from_hours(days * 24);
    let lenient = FreshnessPolicy {
        ages: AgeLimits {
            warn_after: Some(days(14)),
            stale_after: days(30),
        },
        missed_updates: None,
        missed_security_updates: None,
    };
    let strict = FreshnessPolicy {
        missed_updates: Some(1),
        missed_security_updates: Some(0),
        ..lenient
    };
    let update = |number: u32, security| MissedUpdate {
        package: format!("p{number}"),
        architecture: "all".to_owned(),
        source: None,
        installed: "1".parse().expect("a version"),
        available: "2".parse().expect("a version"),
        suite: "stable".parse().expect("a suite"),
        security,
        appeared: Appeared {
            after: None,
            by: Timestamp::UNIX_EPOCH,
        },
    };
    let looked = |ordinary: u32, security: u32| Updates::Looked {
        suites: Vec::new(),
        missed: (0..ordinary + security)
            .map(|number| update(number, number < security))
            .collect(),
        security: security as usize,
        gone: Vec::new(),
        oldest: None,
    };
    let gone = Updates::Looked {
        suites: Vec::new(),
        missed: Vec::new(),
        security: 0,
        gone: vec!["own".to_owned()],
        oldest: None,
    };
    let nobody = Updates::Unknown {
        reason: "`--offline`".to_owned(),
    };
    let tag = "1".to_owned();
    let moved = TagStanding::Moved {
        tag: tag.clone(),
        to: Sha256Digest::of(b""),
    };
    let unseen = TagStanding::Unknown {
        tag: tag.clone(),
        reason: "x".to_owned(),
    };
    let same = TagStanding::Same { tag };
    let now = at("2026-11-21T00:00:00Z");
    let (young, old, older) = (
        Some(at("2026-11-20T00:00:00Z")),
        Some(at("2026-11-01T00:00:00Z")),
        Some(at("2026-10-01T00:00:00Z")),
    );
    let not = &TagStanding::NotGiven;
    let cases = [
        (young, looked(0, 0), not, &lenient, ImageFreshness::Fresh),
        (young, looked(0, 0), &same, &strict, ImageFreshness::Fresh),
        (young, looked(9, 0), not, &lenient, ImageFreshness::Fresh),
        (young, looked(1, 0), not, &strict, ImageFreshness::Fresh),
        (young, looked(2, 0), not, &strict, ImageFreshness::Stale),
        (young, looked(0, 1), not, &lenient, ImageFreshness::Ageing),
        (young, looked(0, 1), not, &strict, ImageFreshness::Stale),
        (
            young,
            looked(0, 0),
            &moved,
            &lenient,
            ImageFreshness::Ageing,
        ),
        (
            young,
            looked(0, 0),
            &unseen,
            &lenient,
            ImageFreshness::Unknown,
        ),
        (
            young,
            nobody.clone(),
            not,
            &lenient,
            ImageFreshness::Unknown,
        ),
        (old, looked(0, 0), not, &lenient, ImageFreshness::Ageing),
        (older, looked(0, 0), not, &lenient, ImageFreshness::Stale),
        (older, nobody.clone(), not, &lenient, ImageFreshness::Stale),
        (None, nobody.clone(), not, &lenient, ImageFreshness::Unknown),
        (None, looked(0, 0), not, &lenient, ImageFreshness::Fresh),
        (None, looked(0, 0), &moved, &lenient, ImageFreshness::Ageing),
        (None, looked(1, 0), not, &lenient, ImageFreshness::Stale),
        (None, looked(1, 0), not, &strict, ImageFreshness::Ageing),
        (None, looked(2, 0), not, &strict, ImageFreshness::Stale),
        (None, looked(0, 1), not, &strict, ImageFreshness::Stale),
        (None, gone.clone(), not, &lenient, ImageFreshness::Unknown),
        // What was made from a recorded state may have packages of its own.
        (young, gone, not, &lenient, ImageFreshness::Fresh),
    ];
    for (date, updates, tag, policy, expected) in cases {
        let (found, reasons) = judge(date, &updates, tag, policy, now);
        assert_eq!(found, expected, "{reasons:?}");
        assert!(reasons.len() >= 2, "{reasons:?}");
    }
}

use std::collections::BTreeSet;

use super::patterns::beginning;
use super::*;
use crate::catalog::dependency::parse_depends;
use crate::catalog::facts::{FlavourFacts, HeaderPackage, KernelFacts, Rewriting};
use crate::catalog::format::ArchiveFormat;
use crate::catalog::indexed_package::{IndexedPackage, Provided};
use crate::catalog::{Kernel, PackageRef};
use crate::digest::Sha256Digest;
use crate::name::{Arch, Target};
use crate::package::PackageFormat;

fn facts() -> KernelFacts {
    let flavour = |arch, flavour: &str, ending: &str| FlavourFacts {
        arch,
        flavour: flavour.parse().expect("a flavour"),
        headers: HeaderPackage::Named {
            pattern: "linux-headers-{release}".to_owned(),
            ending: ending.to_owned(),
            requires: "linux-kbuild-*".to_owned(),
        },
    };
    KernelFacts {
        follow: vec![
            "linux-headers-*-common*".to_owned(),
            "linux-kbuild-*".to_owned(),
        ],
        host: vec!["linux-kbuild-*".to_owned()],
        mounts: Vec::new(),
        build: String::new(),
        flavours: vec![
            flavour(Arch::Amd64, "generic", "-amd64"),
            flavour(Arch::Amd64, "cloud", "-cloud-amd64"),
            flavour(Arch::Arm64, "generic", "-arm64"),
        ],
    }
}

fn package(name: &str, version: &str, arch: &str, depends: &str) -> IndexedPackage {
    IndexedPackage {
        name: name.parse().expect(name),
        version: version.parse().expect(version),
        source: "linux".parse().expect("a name"),
        architecture: arch.to_owned(),
        depends: parse_depends(depends).expect(depends),
        provides: Vec::new(),
        signature: None,
        built: None,
        path: format!("pool/{name}_{version}_{arch}.deb"),
        bytes: 1,
        sha256: Sha256Digest::of(format!("{name} {version} {arch}").as_bytes()),
    }
}

fn offer(suite: &str, arch: Arch, packages: Vec<IndexedPackage>) -> Offer {
    Offer {
        archive: "debian".parse().expect("an archive"),
        suite: suite.parse().expect("a suite"),
        arch,
        format: PackageFormat::Deb,
        signers: Vec::new(),
        packages,
    }
}

/// The packages of one kernel of one version.
fn kernel(abi: &str, version: &str, arch: Arch) -> Vec<IndexedPackage> {
    let depends = format!(
        "linux-headers-{abi}-common (= {version}), linux-kbuild-6.1 (>= {version}), gcc-12, \
         linux-image-{abi}-{arch} (= {version}) | linux-image-{abi}-{arch}-unsigned"
    );
    vec![
        package(
            &format!("linux-headers-{abi}-{arch}"),
            version,
            arch.as_str(),
            &depends,
        ),
        package(&format!("linux-headers-{abi}-common"), version, "all", ""),
        package("linux-kbuild-6.1", version, arch.as_str(), "libc6"),
    ]
}

fn found(offers: &[Offer], archs: &[Arch]) -> Discovery {
    discover(
        &"debian".parse().expect("a distro"),
        &"12".parse().expect("a release"),
        &KernelPatterns::new(&facts(), ArchiveFormat::Apt).expect("patterns"),
        offers,
        &archs.iter().copied().collect(),
        Arch::Amd64,
    )
}

fn packages(kernel: &Kernel) -> Vec<String> {
    let of = |p: &PackageRef| format!("{} {} {} {}", p.name, p.version, p.architecture, p.suite);
    kernel.packages.iter().map(of).collect()
}

#[test]
fn globs_are_told_apart_by_what_they_begin_with() {
    for (pattern, begin) in [
        ("linux-kbuild-*", "linux-kbuild-"),
        ("linux-{a,b}", "linux-"),
        ("[kl]inux", ""),
        ("a\\*b", "a"),
        ("linux", "linux"),
    ] {
        assert_eq!(beginning(pattern), begin, "{pattern}");
    }
    let facts = KernelFacts {
        follow: vec!["{linux,kernel}-x*".to_owned(), "?-common".to_owned()],
        ..facts()
    };
    let patterns = KernelPatterns::new(&facts, ArchiveFormat::Apt).expect("patterns");
    for (name, wanted) in [
        ("kernel-xy", true),
        ("linux-x", true),
        ("a-common", true),
        ("ab-common", false),
        ("linux-kbuild-6.1", true),
        ("linux-image-6.1", false),
    ] {
        assert_eq!(patterns.wants(name), wanted, "{name}");
    }
}

#[test]
fn a_kernel_comes_with_the_packages_it_is_built_against() {
    let discovery = found(
        &[offer(
            "bookworm",
            Arch::Amd64,
            kernel("6.1.0-1", "6.1.1-1", Arch::Amd64),
        )],
        &[Arch::Amd64],
    );
    assert_eq!(discovery.unresolved, []);
    let [kernel] = &discovery.kernels[..] else {
        panic!("one kernel, not {}", discovery.kernels.len());
    };
    assert_eq!(kernel.target.kernel_release.as_str(), "6.1.0-1-amd64");
    assert_eq!(kernel.target.flavour.as_str(), "generic");
    assert_eq!(
        packages(kernel),
        [
            "linux-headers-6.1.0-1-amd64 6.1.1-1 amd64 bookworm",
            "linux-headers-6.1.0-1-common 6.1.1-1 all bookworm",
            "linux-kbuild-6.1 6.1.1-1 amd64 bookworm",
        ]
    );
}

#[test]
fn programs_that_run_during_the_build_are_the_build_machines() {
    let discovery = found(
        &[
            offer(
                "bookworm",
                Arch::Amd64,
                kernel("6.1.0-1", "6.1.1-1", Arch::Amd64),
            ),
            offer(
                "bookworm",
                Arch::Arm64,
                kernel("6.1.0-1", "6.1.1-1", Arch::Arm64),
            ),
        ],
        &[Arch::Arm64],
    );
    let [kernel] = &discovery.kernels[..] else {
        panic!("one kernel, not {}", discovery.kernels.len());
    };
    assert_eq!(
        packages(kernel),
        [
            "linux-headers-6.1.0-1-arm64 6.1.1-1 arm64 bookworm",
            "linux-headers-6.1.0-1-common 6.1.1-1 all bookworm",
            "linux-kbuild-6.1 6.1.1-1 amd64 bookworm",
        ]
    );
}

#[test]
fn the_newest_version_that_will_do_is_taken_and_of_one_version_the_first_suite() {
    let discovery = found(
        &[
            offer(
                "bookworm",
                Arch::Amd64,
                kernel("6.1.0-1", "6.1.9-1", Arch::Amd64),
            ),
            offer(
                "bookworm-security",
                Arch::Amd64,
                kernel("6.1.0-1", "6.1.9-1", Arch::Amd64),
            ),
            offer(
                "backports",
                Arch::Amd64,
                kernel("6.1.0-2", "6.1.10-1", Arch::Amd64),
            ),
        ],
        &[Arch::Amd64],
    );
    assert_eq!(discovery.kernels.len(), 2);
    assert_eq!(
        packages(&discovery.kernels[0]),
        [
            "linux-headers-6.1.0-1-amd64 6.1.9-1 amd64 bookworm",
            "linux-headers-6.1.0-1-common 6.1.9-1 all bookworm",
            "linux-kbuild-6.1 6.1.10-1 amd64 backports",
        ]
    );
}

#[test]
fn two_uploads_of_one_kernel_are_two() {
    let discovery = found(
        &[
            offer(
                "bookworm",
                Arch::Amd64,
                kernel("6.1.0-1", "6.1.9-1", Arch::Amd64),
            ),
            offer(
                "bookworm-security",
                Arch::Amd64,
                kernel("6.1.0-1", "6.1.10-1", Arch::Amd64),
            ),
        ],
        &[Arch::Amd64],
    );
    let common: Vec<&str> = discovery
        .kernels
        .iter()
        .map(|kernel| kernel.packages[1].version.as_str())
        .collect();
    assert_eq!(common, ["6.1.10-1", "6.1.9-1"]);
    assert!(
        discovery
            .kernels
            .iter()
            .all(|kernel| kernel.packages[1].version == kernel.target.package_version)
    );
}

#[test]
fn a_release_is_what_a_package_provides_or_what_its_version_becomes() {
    let mut facts = facts();
    let flavour = |flavour: &str, headers| FlavourFacts {
        arch: Arch::Amd64,
        flavour: flavour.parse().expect("a flavour"),
        headers,
    };
    let name = |name: &str| name.parse().expect("a name");
    facts.flavours = vec![
        flavour(
            "generic",
            HeaderPackage::Provides {
                name: name("kernel-devel"),
                capability: "kernel-devel-uname-r".to_owned(),
            },
        ),
        flavour(
            "arch",
            HeaderPackage::Version {
                name: name("linux-headers"),
                rewritings: [
                    (r"([0-9]+\.[0-9]+)\.(arch[0-9]+-[0-9]+)", "$1.0-$2"),
                    (r"(.+)\.(arch[0-9]+-[0-9]+)", "$1-$2"),
                ]
                .map(|(from, to)| Rewriting {
                    from: from.to_owned(),
                    to: to.to_owned(),
                })
                .to_vec(),
            },
        ),
    ];
    let mut devel = package("kernel-devel", "5.14.0-503.el9", "x86_64", "");
    devel.provides = vec![Provided {
        name: "kernel-devel-uname-r".to_owned(),
        version: Some("5.14.0-503.el9.x86_64".parse().expect("a version")),
    }];
    let mut other = devel.clone();
    other.name = name("kernel-debug-devel");
    let packages = vec![
        devel,
        other,
        package("linux-headers", "6.17.1.arch1-1", "x86_64", ""),
        package("linux-headers", "6.18.arch1-1", "x86_64", ""),
        package("linux-headers", "6.17.1.zen1-1", "x86_64", ""),
    ];
    let patterns = KernelPatterns::new(&facts, ArchiveFormat::RpmMd).expect("patterns");
    assert!(patterns.wants("linux-headers") && !patterns.wants("kernel-debug-devel"));
    assert!(patterns.wants_capability("kernel-devel-uname-r"));
    let discovery = discover(
        &"x".parse().expect("a distro"),
        &"1".parse().expect("a release"),
        &patterns,
        &[offer("base", Arch::Amd64, packages)],
        &BTreeSet::from([Arch::Amd64]),
        Arch::Amd64,
    );
    let found: Vec<(&str, &str)> = discovery
        .kernels
        .iter()
        .map(|kernel| {
            let Target {
                kernel_release,
                flavour,
                ..
            } = &kernel.target;
            (kernel_release.as_str(), flavour.as_str())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("5.14.0-503.el9.x86_64", "generic"),
            ("6.17.1-arch1-1", "arch"),
            ("6.18.0-arch1-1", "arch"),
        ]
    );
}

#[test]
fn a_release_and_version_of_two_flavours_is_not_taken() {
    let mut facts = facts();
    let flavour = |flavour: &str, name: &str| FlavourFacts {
        arch: Arch::Amd64,
        flavour: flavour.parse().expect("a flavour"),
        headers: HeaderPackage::Provides {
            name: name.parse().expect("a name"),
            capability: "uname-r".to_owned(),
        },
    };
    facts.flavours = vec![flavour("generic", "devel"), flavour("debug", "debug-devel")];
    let provides = |name: &str, release: &str| IndexedPackage {
        provides: vec![Provided {
            name: "uname-r".to_owned(),
            version: Some(release.parse().expect("a version")),
        }],
        built: Some(jiff::Timestamp::UNIX_EPOCH),
        ..package(name, "5.14.0-1", "x86_64", "")
    };
    let packages = vec![
        provides("devel", "5.14.0-1.x86_64"),
        provides("debug-devel", "5.14.0-1.x86_64"),
        provides("debug-devel", "5.14.0-1.x86_64+debug"),
    ];
    let discovery = discover(
        &"x".parse().expect("a distro"),
        &"1".parse().expect("a release"),
        &KernelPatterns::new(&facts, ArchiveFormat::RpmMd).expect("patterns"),
        &[offer("base", Arch::Amd64, packages)],
        &BTreeSet::from([Arch::Amd64]),
        Arch::Amd64,
    );
    let releases: Vec<&str> = discovery
        .kernels
        .iter()
        .map(|kernel| kernel.target.kernel_release.as_str())
        .collect();
    assert_eq!(releases, ["5.14.0-1.x86_64+debug"]);
    assert_eq!(
        discovery.kernels[0].built,
        Some(jiff::Timestamp::UNIX_EPOCH)
    );
    let [unresolved] = &discovery.unresolved[..] else {
        panic!("one kernel, not {}", discovery.unresolved.len());
    };
    assert_eq!(
        unresolved.reason,
        "the facts know it as several flavours (`debug` by `debug-devel`, `generic` by \
         `devel`), and release and version have to name one kernel alone"
    );
}

#[test]
fn the_longest_ending_decides_the_flavour_and_meta_packages_are_left_out() {
    let mut all = kernel("6.1.0-1", "6.1.1-1", Arch::Amd64);
    let mut cloud = all[0].clone();
    cloud.name = "linux-headers-6.1.0-1-cloud-amd64".parse().expect("a name");
    all.push(cloud);
    all.push(package(
        "linux-headers-cloud-amd64",
        "6.1.1-1",
        "amd64",
        "linux-headers-6.1.0-1-cloud-amd64 (= 6.1.1-1)",
    ));
    all.push(package(
        "linux-headers-6.1.0-1-riscv64",
        "6.1.1-1",
        "amd64",
        "linux-kbuild-6.1",
    ));
    let discovery = found(&[offer("bookworm", Arch::Amd64, all)], &[Arch::Amd64]);
    let flavours: Vec<&str> = discovery
        .kernels
        .iter()
        .map(|kernel| kernel.target.flavour.as_str())
        .collect();
    assert_eq!(flavours, ["generic", "cloud"]);
}

#[test]
fn a_kernel_that_lacks_a_package_is_told_of() {
    let mut without = kernel("6.1.0-1", "6.1.1-1", Arch::Amd64);
    without.remove(1);
    let mut older = kernel("6.1.0-2", "6.1.2-1", Arch::Amd64);
    older.remove(2);
    without.extend(older);
    let discovery = found(&[offer("bookworm", Arch::Amd64, without)], &[Arch::Amd64]);
    assert_eq!(discovery.kernels, []);
    let reasons: Vec<&str> = discovery
        .unresolved
        .iter()
        .map(|u| u.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "`linux-headers-6.1.0-1-amd64` needs `linux-headers-6.1.0-1-common (= 6.1.1-1)`, \
             but no suite has `linux-headers-6.1.0-1-common` for amd64",
            "`linux-headers-6.1.0-2-amd64` needs `linux-kbuild-6.1 (>= 6.1.2-1)`, \
             but the suites have `linux-kbuild-6.1` for amd64 in 6.1.1-1 only",
        ]
    );
}

#[test]
fn the_order_of_suites_packages_and_architectures_does_not_show() {
    let mut amd64 = kernel("6.1.0-1", "6.1.1-1", Arch::Amd64);
    amd64.extend(kernel("6.1.0-2", "6.1.2-1", Arch::Amd64));
    let arm64 = kernel("6.1.0-2", "6.1.2-1", Arch::Arm64);
    let mut reversed = amd64.clone();
    reversed.reverse();
    let one = found(
        &[
            offer("s", Arch::Amd64, amd64),
            offer("s", Arch::Arm64, arm64.clone()),
        ],
        &Arch::ALL,
    );
    let other = found(
        &[
            offer("s", Arch::Arm64, arm64),
            offer("s", Arch::Amd64, reversed),
        ],
        &Arch::ALL,
    );
    assert_eq!(one, other);
    assert_eq!(one.kernels.len(), 3);
}

#[test]
fn patterns_that_are_none_are_named() {
    let broken = |change: fn(&mut KernelFacts)| {
        let mut facts = facts();
        change(&mut facts);
        KernelPatterns::new(&facts, ArchiveFormat::Apt)
            .err()
            .expect("an error")
            .pattern
    };
    fn only(facts: &mut KernelFacts, headers: HeaderPackage) {
        facts.flavours.truncate(1);
        facts.flavours[0].headers = headers;
    }
    fn named(pattern: &str, requires: &str) -> HeaderPackage {
        HeaderPackage::Named {
            pattern: pattern.to_owned(),
            ending: String::new(),
            requires: requires.to_owned(),
        }
    }
    assert_eq!(
        broken(|f| only(f, named("linux-headers", "*"))),
        "linux-headers"
    );
    assert_eq!(broken(|f| only(f, named("x{release}", "a["))), "a[");
    let version = || HeaderPackage::Version {
        name: "x".parse().expect("a name"),
        rewritings: vec![Rewriting {
            from: "(".to_owned(),
            to: String::new(),
        }],
    };
    let mut facts = facts();
    only(&mut facts, version());
    assert!(KernelPatterns::new(&facts, ArchiveFormat::Pacman).is_err());
    assert_eq!(broken(|f| f.follow = vec!["b[".to_owned()]), "b[");
}

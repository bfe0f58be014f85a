//! The real archive, through this machine's own apt configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kmatrix::catalog::Fingerprint;
use kmatrix::catalog::facts::{
    ArchiveFacts, CheckedAgainst, DistroFacts, FlavourFacts, HeaderPackage, KernelFacts,
    SuiteFacts, SuiteLocation, Waivers,
};
use kmatrix::catalog::fetch::{FetchBounds, Fetcher};
use kmatrix::catalog::format::ArchiveFormat;
use kmatrix::catalog::package::fetch_package;
use kmatrix::catalog::read::read_distro;
use kmatrix::catalog::site::Site;
use kmatrix::catalog::surroundings::Surroundings;
use kmatrix::digest::Sha256Digest;
use kmatrix::name::{Arch, Series};
use kmatrix::store::Store;

const AUTOMATIC: &str = "B8B8 0B5B 623E AB6A D877  5C45 B7C5 D7D6 3509 47F8";
const SECURITY: &str = "05AB 9034 0C0C 5E79 7F44  A8C8 254C F3B5 AEC0 A8F0";
const STABLE: &str = "4D64 FEC1 19C2 0290 67D6  E791 F8D2 585B 8783 D481";

fn archive(name: &str, suite: &str, keys: &[&str], valid_until_required: bool) -> ArchiveFacts {
    let keyring = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/keys/debian-12.asc");
    let pinned = |key: &&str| key.parse::<Fingerprint>().expect("a fingerprint");
    ArchiveFacts {
        name: name.parse().expect("an archive"),
        suites: vec![SuiteFacts {
            suite: suite.parse().expect("a suite"),
            location: SuiteLocation::Dists {
                components: vec!["main".to_owned()],
            },
            archs: None,
            valid_until_required,
            waivers: Waivers::default(),
        }],
        keys: keys.iter().map(pinned).collect(),
        keyrings: vec![PathBuf::from(&keyring)],
    }
}

fn bookworm() -> DistroFacts {
    let flavour = |arch, flavour: &str, ending: &str| FlavourFacts {
        arch,
        flavour: flavour.parse().expect("a flavour"),
        headers: HeaderPackage::Named {
            pattern: "linux-headers-{release}".to_owned(),
            ending: ending.to_owned(),
            requires: "linux-kbuild-*".to_owned(),
        },
    };
    DistroFacts {
        distro: "debian".parse().expect("a distro"),
        distro_release: "12".parse().expect("a release"),
        format: ArchiveFormat::Apt,
        image: "debian-12".parse().expect("an image"),
        images: BTreeMap::new(),
        checked: jiff::civil::date(2026, 11, 21),
        checked_against: CheckedAgainst::Live,
        archives: vec![
            archive("debian", "bookworm", &[AUTOMATIC, STABLE], false),
            archive("debian-security", "bookworm-security", &[SECURITY], true),
        ],
        source: None,
        kernel: KernelFacts {
            follow: [
                "linux-headers-*-common*",
                "linux-kbuild-*",
                "linux-compiler-*",
            ]
            .map(str::to_owned)
            .to_vec(),
            host: vec!["linux-kbuild-*".to_owned()],
            mounts: Vec::new(),
            build: "/usr/src/linux-headers-{release}".to_owned(),
            flavours: vec![
                flavour(Arch::Amd64, "generic", "-amd64"),
                flavour(Arch::Amd64, "cloud", "-cloud-amd64"),
                flavour(Arch::Amd64, "rt", "-rt-amd64"),
                flavour(Arch::Arm64, "generic", "-arm64"),
                flavour(Arch::Arm64, "16k", "-arm64-16k"),
                flavour(Arch::Arm64, "cloud", "-cloud-arm64"),
                flavour(Arch::Arm64, "rt", "-rt-arm64"),
            ],
        },
        digest: Sha256Digest::of(b"written in a test"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_archive_holds_kernels_and_all_that_they_need() {
    let root = tempfile::tempdir().expect("a directory");
    let store = Store::open(root.path()).expect("a store");
    let site = Site::of_this_machine(Vec::new(), None);
    let fetcher = Fetcher::new(FetchBounds::default()).expect("a client");
    let mut at = Surroundings {
        site: &site,
        store: &store,
        fetcher: &fetcher,
        offline: false,
        now: jiff::Timestamp::now(),
        seen: &[],
    };
    let archs = BTreeSet::from([Arch::Amd64, Arch::Arm64]);
    let distro = read_distro(&bookworm(), &archs, Arch::Amd64, &at)
        .await
        .expect("the archive");
    assert_eq!(distro.unresolved, []);
    assert_eq!(distro.suites.len(), 2);
    for suite in &distro.suites {
        assert!(!suite.signed_by.is_empty());
        assert!(store.blob_path(&suite.index).is_some());
    }
    let series: Series = "6.1".parse().expect("a series");
    for arch in [Arch::Amd64, Arch::Arm64] {
        let kernels: Vec<_> = distro
            .kernels
            .iter()
            .filter(|kernel| kernel.target.arch == arch)
            .filter(|kernel| series.contains(&kernel.target.kernel_release))
            .collect();
        assert!(kernels.len() >= 2, "{} kernels for {arch}", kernels.len());
        for kernel in kernels {
            assert!(kernel.packages.len() >= 3, "{:?}", kernel.packages);
            let mut kbuild = kernel
                .packages
                .iter()
                .filter(|package| package.name.as_str().starts_with("linux-kbuild-"));
            let only = (kbuild.next(), kbuild.next());
            let (Some(package), None) = only else {
                panic!("one kbuild, not {only:?}");
            };
            assert_eq!(package.architecture, "amd64");
        }
    }
    // What was just seen is not rolled back when it is seen again.
    at.seen = &distro.suites;
    let again = read_distro(&bookworm(), &archs, Arch::Amd64, &at).await;
    assert_eq!(
        again.expect("the archive").kernels.len(),
        distro.kernels.len()
    );
    let smallest = distro
        .kernels
        .iter()
        .flat_map(|kernel| &kernel.packages)
        .min_by_key(|package| package.bytes)
        .expect("a package");
    fetch_package(&store, &site, &fetcher, smallest)
        .await
        .expect("a package");
    assert!(store.blob_path(&smallest.sha256).is_some());
}

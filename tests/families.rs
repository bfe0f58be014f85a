//! Reading the kernels of real repositories of the rpm, pacman and apk families, and checking their
//! packages: each was made and signed with its family's own tools.

#[allow(dead_code)]
mod family;
#[allow(dead_code)]
mod loopback;

use std::collections::{BTreeMap, BTreeSet};

use family::{Families, Repository};
use jiff::Timestamp;
use kmatrix::catalog::error::CatalogError;
use kmatrix::catalog::facts::DistroFacts;
use kmatrix::catalog::fetch::{FetchBounds, Fetcher};
use kmatrix::catalog::package::fetch_package;
use kmatrix::catalog::package_signature::verify_package;
use kmatrix::catalog::read::read_distro;
use kmatrix::catalog::site::{Site, SiteFile};
use kmatrix::catalog::surroundings::Surroundings;
use kmatrix::catalog::{DistroKernels, PackageRef};
use kmatrix::name::Arch;
use kmatrix::package::Limits;
use kmatrix::store::Store;
use loopback::Server;

const UNSIGNED_INDEX: &str = "accept-unsigned-index = { reason = \"only packages are signed\" }";
const SHA1: &str = "accept-sha1 = { reason = \"the family signs by nothing else\" }";

/// One real repository, served.
struct Scene {
    directory: tempfile::TempDir,
    facts: DistroFacts,
    store: Store,
    server: Server,
    site: Site,
}

impl Scene {
    async fn new(families: &Families, repository: Repository, of_suite: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory
            .path()
            .join(format!("{}-1.toml", repository.distro()));
        std::fs::write(&path, families.facts(repository, of_suite)).expect("a file");
        let facts = DistroFacts::read(path).unwrap_or_else(|problems| panic!("{problems}"));
        let server = Server::start(families.files(repository)).await;
        let flag = format!("{}={}", repository.distro(), server.url());
        Self {
            store: Store::open(&directory.path().join("store")).expect("a store"),
            site: Site {
                flags: vec![flag.parse().expect("a flag")],
                environment: BTreeMap::new(),
                file: SiteFile::Default(directory.path().join("absent.toml")),
                apt_root: directory.path().join("no-apt"),
            },
            directory,
            facts,
            server,
        }
    }

    async fn read(&self) -> Result<DistroKernels, CatalogError> {
        let at = Surroundings {
            site: &self.site,
            store: &self.store,
            fetcher: &fetcher(),
            offline: false,
            now: Timestamp::now(),
            seen: &[],
        };
        let archs = BTreeSet::from([Arch::Amd64]);
        read_distro(&self.facts, &archs, Arch::Amd64, &at).await
    }

    async fn fetch(&self, package: &PackageRef) {
        fetch_package(&self.store, &self.site, &fetcher(), package)
            .await
            .expect("a package");
    }

    fn verify(&self, package: &PackageRef) -> Result<(), CatalogError> {
        let facts = std::slice::from_ref(&self.facts);
        verify_package(&self.store, package, facts, Timestamp::now())
    }
}

fn fetcher() -> Fetcher {
    Fetcher::new(FetchBounds::default()).expect("a client")
}

#[tokio::test]
async fn real_repositories_are_read_and_their_packages_opened() {
    let families = Families::get();
    for (repository, of_suite, kernels, is_signed) in [
        (Repository::Rpm, "", 2, true),
        (Repository::RpmUnsigned, UNSIGNED_INDEX, 2, false),
        (Repository::Pacman, "", 1, true),
        (Repository::Apk, SHA1, 1, true),
        (Repository::ApkSha256, SHA1, 1, true),
    ] {
        let scene = Scene::new(&families, repository, of_suite).await;
        let distro = scene.read().await;
        let distro = distro.unwrap_or_else(|error| panic!("{repository:?}: {error}"));
        assert_eq!(distro.unresolved, [], "{repository:?}");
        assert_eq!(distro.kernels.len(), kernels, "{repository:?}");
        let suite = &distro.suites[0];
        assert_eq!(!suite.signed_by.is_empty(), is_signed, "{repository:?}");
        assert_eq!(suite.unneeded, Vec::<String>::new(), "{repository:?}");
        assert_eq!(
            suite.exceptions.is_empty(),
            of_suite.is_empty(),
            "{repository:?}: {:?}",
            suite.exceptions
        );
        for kernel in &distro.kernels {
            let release = kernel.target.kernel_release.as_str();
            assert_eq!(release, families.kernel_release(), "{repository:?}");
            let [package] = &kernel.packages[..] else {
                panic!("{repository:?}: one package");
            };
            scene.fetch(package).await;
            let verified = scene.verify(package);
            verified.unwrap_or_else(|error| panic!("{repository:?}: {error}"));
            let limits = Limits::default();
            let tree = scene
                .store
                .package_tree(&package.sha256, package.format, &limits);
            let tree = tree.unwrap_or_else(|error| panic!("{repository:?}: {error}"));
            assert_eq!(tree.identity.name, package.name, "{repository:?}");
            assert_eq!(tree.identity.version, package.version, "{repository:?}");
            assert!(
                tree.entries
                    .keys()
                    .any(|name| name.ends_with("/Module.symvers")),
                "{repository:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_real_repositories_do_not_sign_has_to_be_accepted() {
    let families = Families::get();
    for repository in [
        Repository::RpmUnsigned,
        Repository::Apk,
        Repository::ApkSha256,
    ] {
        let scene = Scene::new(&families, repository, "").await;
        let error = scene.read().await.expect_err("not signed as it should be");
        assert!(
            matches!(error, CatalogError::NoGoodState { .. }),
            "{repository:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_real_package_that_is_swapped_for_another_signed_one_is_refused() {
    let families = Families::get();
    let scene = Scene::new(&families, Repository::Rpm, "").await;
    let distro = scene.read().await.expect("a repository");
    let [first, second] = &distro.kernels[..] else {
        panic!("two uploads");
    };
    let (first, second) = (&first.packages[0], &second.packages[0]);
    scene.fetch(second).await;
    // Its bytes are signed by the very key, but it is another upload.
    let swapped = PackageRef {
        sha256: second.sha256,
        bytes: second.bytes,
        ..first.clone()
    };
    let error = scene.verify(&swapped).expect_err("another upload");
    assert!(
        matches!(error, CatalogError::OtherPackage { .. }),
        "{error}"
    );
    // And with the digest of the index it does not even get into the store.
    let second_bytes = families.files(Repository::Rpm)[&second.path].clone();
    scene.server.put(&first.path, second_bytes);
    let fetched = fetch_package(&scene.store, &scene.site, &fetcher(), first).await;
    assert!(fetched.is_err());
    assert_eq!(scene.store.blob_path(&first.sha256), None);
}

#[tokio::test]
async fn a_real_rpm_by_a_key_that_is_not_pinned_is_refused() {
    let families = Families::get();
    let mut scene = Scene::new(&families, Repository::Rpm, "").await;
    let distro = scene.read().await.expect("a repository");
    let package = &distro.kernels[0].packages[0];
    scene.fetch(package).await;
    scene.verify(package).expect("signed by a pinned key");
    // The facts pin the other family's key by now, and the lock names it too.
    let other = scene.directory.path().join("families-pacman-1.toml");
    std::fs::write(&other, families.facts(Repository::Pacman, "")).expect("a file");
    let other = DistroFacts::read(other).unwrap_or_else(|problems| panic!("{problems}"));
    let archive = &mut scene.facts.archives[0];
    archive.keys.clone_from(&other.archives[0].keys);
    archive.keyrings.clone_from(&other.archives[0].keyrings);
    let relocked = PackageRef {
        signers: archive.keys.clone(),
        ..package.clone()
    };
    for package in [package, &relocked] {
        let error = scene.verify(package).expect_err("another key");
        assert!(
            matches!(error, CatalogError::PackageNotAuthenticated { .. }),
            "{error}"
        );
    }
}

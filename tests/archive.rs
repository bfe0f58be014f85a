//! Reading the kernels of a signed archive that a loopback server holds, in good order and not.

#[allow(dead_code)]
mod loopback;
#[allow(dead_code)]
mod signing;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::time::Duration;

use kmatrix::catalog::DistroKernels;
use kmatrix::catalog::error::CatalogError;
use kmatrix::catalog::facts::{
    ArchiveFacts, CheckedAgainst, DistroFacts, FlavourFacts, HeaderPackage, KernelFacts,
    SuiteFacts, SuiteLocation, Waiver, Waivers,
};
use kmatrix::catalog::fetch::{FetchBounds, Fetcher};
use kmatrix::catalog::format::ArchiveFormat;
use kmatrix::catalog::package::fetch_package;
use kmatrix::catalog::read::read_distro;
use kmatrix::catalog::site::{Site, SiteFile};
use kmatrix::catalog::surroundings::Surroundings;
use kmatrix::digest::Sha256Digest;
use kmatrix::name::Arch;
use kmatrix::store::Store;
use loopback::{Misbehaviour, Server};
use signing::{Key, NOW, at, clear_sign};

/// Everything that one test needs: an archive, its key, its facts, and an empty store.
struct Scene {
    directory: tempfile::TempDir,
    key: Key,
    facts: DistroFacts,
    store: Store,
    server: Server,
    previous: Option<DistroKernels>,
}

/// The fields of a Release file that tests change.
#[derive(Clone)]
struct Release {
    codename: &'static str,
    date: &'static str,
    valid_until: Option<&'static str>,
    by_hash: bool,
}

const RELEASE: Release = Release {
    codename: "bookworm",
    date: "Fri, 20 Nov 2026 00:00:00 UTC",
    valid_until: Some("Fri, 27 Nov 2026 00:00:00 UTC"),
    by_hash: true,
};

fn stanza(name: &str, version: &str, arch: &str, depends: &str) -> String {
    let content = content(name, arch);
    let depends = if depends.is_empty() {
        String::new()
    } else {
        format!("Depends: {depends}\n")
    };
    format!(
        "Package: {name}\nSource: linux\nVersion: {version}\nArchitecture: {arch}\n{depends}\
         Filename: pool/main/l/linux/{name}_{arch}.deb\nSize: {}\nSHA256: {}\n\n",
        content.len(),
        Sha256Digest::of(&content).to_hex()
    )
}

fn content(name: &str, arch: &str) -> Vec<u8> {
    format!("the package {name} for {arch}").into_bytes()
}

fn index(arch: Arch) -> String {
    let depends = "linux-headers-6.1.0-1-common (= 6.1.1-1), linux-kbuild-6.1 (>= 6.1.1-1), gcc-12";
    [
        stanza("aardvark", "1", "all", ""),
        stanza(
            &format!("linux-headers-6.1.0-1-{arch}"),
            "6.1.1-1",
            arch.as_str(),
            depends,
        ),
        stanza("linux-headers-6.1.0-1-common", "6.1.1-1", "all", ""),
        stanza(
            &format!("linux-headers-{arch}"),
            "6.1.1-1",
            arch.as_str(),
            "linux-headers-6.1.0-1",
        ),
        stanza("linux-kbuild-6.1", "6.1.1-1", arch.as_str(), "libc6"),
    ]
    .concat()
}

/// What stands in an index behind this is of the component `contrib`.
const CONTRIB: &str = "# contrib\n";

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    liblzma::read::XzEncoder::new(bytes, 1)
        .read_to_end(&mut packed)
        .expect("memory");
    packed
}

/// Returns the files of an archive whose two indexes are these.
fn archive(
    release: &Release,
    key: &Key,
    index_of: impl Fn(Arch) -> String,
) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut list = String::new();
    let mut components = BTreeSet::new();
    for arch in [Arch::Amd64, Arch::Arm64] {
        let all = index_of(arch);
        for (component, text) in ["main", "contrib"].into_iter().zip(all.split(CONTRIB)) {
            components.insert(component);
            let plain = text.as_bytes();
            let packed = xz(plain);
            let directory = format!("{component}/binary-{arch}");
            let name = format!("{directory}/Packages");
            for (name, bytes) in [(name.clone(), plain), (format!("{name}.xz"), &packed)] {
                let digest = Sha256Digest::of(bytes).to_hex();
                list += &format!(" {digest} {} {name}\n", bytes.len());
            }
            let path = if release.by_hash {
                let digest = Sha256Digest::of(&packed).to_hex();
                format!("dists/bookworm/{directory}/by-hash/SHA256/{digest}")
            } else {
                format!("dists/bookworm/{name}.xz")
            };
            files.insert(path, packed);
        }
        for name in [
            format!("linux-headers-6.1.0-1-{arch}_{arch}"),
            format!("linux-kbuild-6.1_{arch}"),
        ] {
            let (package, arch) = name.split_once('_').expect("two parts");
            files.insert(
                format!("pool/main/l/linux/{name}.deb"),
                content(package, arch),
            );
        }
    }
    let Release { codename, date, .. } = release;
    let valid_until = release
        .valid_until
        .map_or(String::new(), |date| format!("Valid-Until: {date}\n"));
    let by_hash = if release.by_hash { "yes" } else { "no" };
    let components = components.into_iter().collect::<Vec<_>>().join(" ");
    let text = format!(
        "Origin: Test\nSuite: oldstable\nCodename: {codename}\nDate: {date}\n{valid_until}\
         Acquire-By-Hash: {by_hash}\nNo-Support-for-Architecture-all: Packages\n\
         Architectures: all amd64 arm64\nComponents: {components}\nSHA256:\n{list}"
    );
    files.insert(
        "dists/bookworm/InRelease".to_owned(),
        clear_sign(&text, &[key]),
    );
    files
}

impl Scene {
    async fn new() -> Self {
        Self::with(&RELEASE).await
    }

    async fn with(release: &Release) -> Self {
        Self::of(release, index).await
    }

    async fn of(release: &Release, index_of: impl Fn(Arch) -> String) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let key = Key::new();
        let flavour = |arch, ending: &str| FlavourFacts {
            arch,
            flavour: "generic".parse().expect("a flavour"),
            headers: HeaderPackage::Named {
                pattern: "linux-headers-{release}".to_owned(),
                ending: ending.to_owned(),
                requires: "linux-kbuild-*".to_owned(),
            },
        };
        let facts = DistroFacts {
            distro: "debian".parse().expect("a distro"),
            distro_release: "12".parse().expect("a release"),
            format: ArchiveFormat::Apt,
            image: "debian-12".parse().expect("an image"),
            images: BTreeMap::new(),
            checked: jiff::civil::date(2026, 11, 21),
            checked_against: CheckedAgainst::Fixture,
            archives: vec![ArchiveFacts {
                name: "debian".parse().expect("an archive"),
                suites: vec![SuiteFacts {
                    suite: "bookworm".parse().expect("a suite"),
                    location: SuiteLocation::Dists {
                        components: vec!["main".to_owned()],
                    },
                    archs: None,
                    valid_until_required: true,
                    waivers: Waivers::default(),
                }],
                keys: vec![key.fingerprint()],
                keyrings: vec![key.write_armoured(directory.path())],
            }],
            source: None,
            kernel: KernelFacts {
                follow: vec![
                    "linux-headers-*-common".to_owned(),
                    "linux-kbuild-*".to_owned(),
                ],
                host: vec!["linux-kbuild-*".to_owned()],
                mounts: Vec::new(),
                build: String::new(),
                flavours: vec![
                    flavour(Arch::Amd64, "-amd64"),
                    flavour(Arch::Arm64, "-arm64"),
                ],
            },
            digest: Sha256Digest::of(b"facts"),
        };
        let server = Server::start(archive(release, &key, index_of)).await;
        let store = Store::open(&directory.path().join("store")).expect("a store");
        Self {
            directory,
            key,
            facts,
            store,
            server,
            previous: None,
        }
    }

    fn suite(&mut self) -> &mut SuiteFacts {
        &mut self.facts.archives[0].suites[0]
    }

    fn site(&self, mirrors: &[&Server]) -> Site {
        let flag = |server: &&Server| format!("debian={}", server.url()).parse().expect("a flag");
        Site {
            flags: mirrors.iter().map(flag).collect(),
            environment: BTreeMap::new(),
            file: SiteFile::Default(self.directory.path().join("absent.toml")),
            apt_root: self.directory.path().join("no-apt"),
        }
    }

    async fn read(&self) -> Result<DistroKernels, CatalogError> {
        self.read_from(&[&self.server]).await
    }

    async fn read_from(&self, mirrors: &[&Server]) -> Result<DistroKernels, CatalogError> {
        let at = Surroundings {
            site: &self.site(mirrors),
            store: &self.store,
            fetcher: &fetcher(),
            offline: false,
            now: at(NOW),
            seen: self
                .previous
                .as_ref()
                .map_or(&[], |previous| previous.suites.as_slice()),
        };
        let archs = BTreeSet::from([Arch::Amd64, Arch::Arm64]);
        sendable(read_distro(&self.facts, &archs, Arch::Amd64, &at)).await
    }

    async fn refusal(&self) -> CatalogError {
        let error = self.read().await.expect_err("refused");
        assert!(error.hint().is_some(), "{error} has no hint");
        match error {
            CatalogError::NoGoodState { tried, because, .. } => {
                assert_eq!(tried.len(), 1, "one mirror");
                *because
            }
            other => other,
        }
    }
}

/// Holds what callers rely on: the work can move between threads.
fn sendable<F: Future + Send>(future: F) -> F {
    future
}

fn fetcher() -> Fetcher {
    Fetcher::new(FetchBounds {
        stall: Duration::from_millis(500),
        grace: Duration::from_secs(2),
        tries: 1,
        ..FetchBounds::default()
    })
    .expect("a client")
}

#[tokio::test]
async fn the_kernels_of_an_archive_are_found() {
    let scene = Scene::new().await;
    let distro = scene.read().await.expect("the archive");
    let kernels: Vec<String> = distro
        .kernels
        .iter()
        .map(|kernel| {
            let packages: Vec<String> = kernel
                .packages
                .iter()
                .map(|package| format!("{}:{}", package.name, package.architecture))
                .collect();
            format!("{} = {}", kernel.target.kernel_release, packages.join(" "))
        })
        .collect();
    assert_eq!(
        kernels,
        [
            "6.1.0-1-amd64 = linux-headers-6.1.0-1-amd64:amd64 linux-headers-6.1.0-1-common:all linux-kbuild-6.1:amd64",
            "6.1.0-1-arm64 = linux-headers-6.1.0-1-arm64:arm64 linux-headers-6.1.0-1-common:all linux-kbuild-6.1:amd64",
        ]
    );
    assert_eq!(distro.unresolved, []);
    let [suite] = &distro.suites[..] else {
        panic!("one suite");
    };
    assert_eq!(suite.signed_by, [scene.key.fingerprint()]);
    assert_eq!(suite.date, at("2026-11-20T00:00:00Z"));
    assert_eq!(suite.exceptions, Vec::<String>::new());
    assert!(scene.store.blob_path(&suite.index).is_some());
}

#[tokio::test]
async fn an_index_that_is_in_the_store_is_not_fetched_again() {
    let scene = Scene::new().await;
    let first = scene.read().await.expect("the archive");
    let asked = scene.server.requests().len();
    let second = scene.read().await.expect("the archive");
    assert_eq!(first, second);
    assert_eq!(scene.server.requests().len(), asked + 1);
    assert_eq!(scene.server.requests()[asked], "dists/bookworm/InRelease");
}

#[tokio::test]
async fn an_archive_without_by_hash_is_read_by_name() {
    let scene = Scene::with(&Release {
        by_hash: false,
        ..RELEASE
    })
    .await;
    assert_eq!(scene.read().await.expect("the archive").kernels.len(), 2);
}

#[tokio::test]
async fn an_expired_release_is_refused() {
    let scene = Scene::with(&Release {
        valid_until: Some("Fri, 20 Nov 2026 23:59:59 UTC"),
        ..RELEASE
    })
    .await;
    let error = scene.refusal().await;
    assert!(matches!(error, CatalogError::Expired { .. }), "{error}");
}

#[tokio::test]
async fn an_accepted_expiry_is_recorded_with_its_reason() {
    let mut scene = Scene::with(&Release {
        valid_until: Some("Fri, 20 Nov 2026 23:59:59 UTC"),
        ..RELEASE
    })
    .await;
    scene.suite().waivers.expired = Some(Waiver {
        reason: "the archive is frozen".to_owned(),
        until: Some(jiff::civil::date(2026, 11, 21)),
    });
    let distro = scene.read().await.expect("accepted");
    let [exception] = &distro.suites[0].exceptions[..] else {
        panic!("one exception");
    };
    assert!(exception.contains("the archive is frozen"), "{exception}");
}

#[tokio::test]
async fn a_release_that_never_expires_is_refused_where_it_should() {
    let mut scene = Scene::with(&Release {
        valid_until: None,
        ..RELEASE
    })
    .await;
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::NotPresentState { .. }),
        "{error}"
    );
    scene.suite().valid_until_required = false;
    assert_eq!(
        scene.read().await.expect("the archive").suites[0].valid_until,
        None
    );
}

#[tokio::test]
async fn a_rolled_back_release_is_refused() {
    let mut scene = Scene::new().await;
    let mut previous = scene.read().await.expect("the archive");
    scene.previous = Some(previous.clone());
    scene.read().await.expect("the same state again");
    previous.suites[0].date = at("2026-11-20T00:00:01Z");
    scene.previous = Some(previous);
    let error = scene.refusal().await;
    assert!(matches!(error, CatalogError::RolledBack { .. }), "{error}");
}

#[tokio::test]
async fn a_release_from_the_future_is_refused() {
    let scene = Scene::with(&Release {
        date: "Sat, 21 Nov 2026 00:10:00 UTC",
        ..RELEASE
    })
    .await;
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::NotPresentState { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_release_of_another_suite_is_refused() {
    let scene = Scene::with(&Release {
        codename: "trixie",
        ..RELEASE
    })
    .await;
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::NotPresentState { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_release_by_a_key_that_is_not_pinned_is_refused() {
    let scene = Scene::new().await;
    let files = archive(&RELEASE, &Key::new(), index);
    let path = "dists/bookworm/InRelease";
    scene.server.put(path, files[path].clone());
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::NotAuthenticated { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_page_of_html_instead_of_a_release_is_not_authenticated() {
    let scene = Scene::new().await;
    scene.server.misbehave(Misbehaviour::Html);
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::NotAuthenticated { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_mirror_with_a_bad_release_does_not_keep_the_next_from_being_asked() {
    let scene = Scene::new().await;
    for how in [
        Misbehaviour::Html,
        Misbehaviour::NotFound,
        Misbehaviour::Silence,
    ] {
        let broken = Server::start(BTreeMap::new()).await;
        broken.misbehave(how);
        let distro = scene.read_from(&[&broken, &scene.server]).await;
        let distro = distro.expect("the next mirror");
        assert_eq!(distro.kernels.len(), 2);
        // The mirror is asked for the indexes too, which any mirror may have by their digests.
        let passed_over = &distro.suites[0].passed_over;
        assert_eq!(passed_over[0].path, "dists/bookworm/InRelease", "{how:?}");
        for one in passed_over {
            assert_eq!(one.mirror, format!("{}/", broken.url()), "{how:?}");
            assert!(!one.why.is_empty(), "{how:?}");
        }
    }
}

#[tokio::test]
async fn an_archive_that_cannot_be_reached_is_unreachable() {
    let scene = Scene::new().await;
    scene.server.misbehave(Misbehaviour::Silence);
    let error = scene.refusal().await;
    assert!(matches!(error, CatalogError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_suite_that_no_mirror_has_is_told_as_missing() {
    let scene = Scene::new().await;
    scene.server.remove("dists/bookworm/InRelease");
    let error = scene.refusal().await;
    assert!(matches!(error, CatalogError::NoSuchFile { .. }), "{error}");
}

#[tokio::test]
async fn an_archive_that_nobody_knows_is_told_with_a_way_out() {
    let scene = Scene::new().await;
    let error = scene.read_from(&[]).await.expect_err("no mirror");
    assert!(matches!(error, CatalogError::Site(_)), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("--mirror debian=URL"))
    );
}

#[tokio::test]
async fn an_index_with_other_bytes_than_promised_is_refused() {
    let scene = Scene::new().await;
    let path = archive(&RELEASE, &scene.key, index)
        .into_keys()
        .find(|path| path.contains("by-hash"))
        .expect("an index");
    scene.server.put(&path, xz(b"Package: evil\n"));
    let error = scene.refusal().await;
    assert!(matches!(error, CatalogError::WrongHash { .. }), "{error}");
}

#[tokio::test]
async fn an_index_that_is_malformed_is_refused() {
    let broken = |arch| index(arch).replace("Filename: pool", "Filename: ../pool");
    let scene = Scene::of(&RELEASE, broken).await;
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::MalformedIndex { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_component_that_the_suite_lacks_is_told() {
    let mut scene = Scene::new().await;
    scene.suite().location = SuiteLocation::Dists {
        components: vec!["main".to_owned(), "contrib".to_owned()],
    };
    let error = scene.refusal().await;
    assert!(matches!(error, CatalogError::NoComponent { .. }), "{error}");
}

#[tokio::test]
async fn every_component_that_is_named_is_read() {
    let in_two = |arch| {
        let all = index(arch);
        let at = all.find("Package: linux-kbuild-6.1\n").expect("a stanza");
        let (main, contrib) = all.split_at(at);
        format!("{main}{CONTRIB}{contrib}")
    };
    let mut scene = Scene::of(&RELEASE, in_two).await;
    let distro = scene.read().await.expect("the archive");
    assert_eq!((distro.kernels.len(), distro.unresolved.len()), (0, 2));
    scene.suite().location = SuiteLocation::Dists {
        components: vec!["main".to_owned(), "contrib".to_owned()],
    };
    let distro = scene.read().await.expect("the archive");
    assert_eq!((distro.kernels.len(), distro.unresolved.len()), (2, 0));
    assert_eq!(distro.suites.len(), 1);

    // Each has to be there for every architecture.
    let in_one = |arch| match arch {
        Arch::Amd64 => in_two(arch),
        _ => index(arch),
    };
    let mut scene = Scene::of(&RELEASE, in_one).await;
    scene.suite().location = SuiteLocation::Dists {
        components: vec!["main".to_owned(), "contrib".to_owned()],
    };
    let error = scene.refusal().await;
    assert!(
        matches!(&error, CatalogError::NoIndex { component, .. } if component == "contrib"),
        "{error}"
    );
}

#[tokio::test]
async fn a_kernel_that_lacks_a_package_is_not_dropped_silently() {
    let lacking =
        |arch| index(arch).replace("Package: linux-headers-6.1.0-1-common", "Package: gone");
    let scene = Scene::of(&RELEASE, lacking).await;
    let distro = scene.read().await.expect("the archive");
    assert_eq!(distro.kernels, []);
    assert_eq!(distro.unresolved.len(), 2);
    assert!(
        distro.unresolved[0]
            .reason
            .contains("linux-headers-6.1.0-1-common")
    );
}

#[tokio::test]
async fn a_package_is_fetched_and_a_vanished_one_is_told_of() {
    let scene = Scene::new().await;
    let distro = scene.read().await.expect("the archive");
    let site = scene.site(&[&scene.server]);
    let packages = &distro.kernels[0].packages;
    let header = &packages[0];
    fetch_package(&scene.store, &site, &fetcher(), header)
        .await
        .expect("a package");
    assert_eq!(
        scene.store.read_blob(&header.sha256, 1000).expect("a blob"),
        content("linux-headers-6.1.0-1-amd64", "amd64")
    );
    // The common package is in the index, but no longer in the pool.
    let error = fetch_package(&scene.store, &site, &fetcher(), &packages[1])
        .await
        .expect_err("vanished");
    assert!(matches!(error, CatalogError::Vanished { .. }), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("kmatrix lock --update"))
    );
    scene.server.misbehave(Misbehaviour::WrongBytes);
    let error = fetch_package(&scene.store, &site, &fetcher(), &packages[2])
        .await
        .expect_err("wrong");
    assert!(matches!(error, CatalogError::WrongHash { .. }), "{error}");
}

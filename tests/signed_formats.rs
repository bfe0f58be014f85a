//! Reading the kernels of rpm-md, pacman and apk archives that a loopback server holds: who signed,
//! what is refused, and what is recorded.

#[allow(dead_code)]
mod loopback;
#[allow(dead_code)]
mod rsa_signing;
#[allow(dead_code)]
mod signing;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kmatrix::catalog::error::CatalogError;
use kmatrix::catalog::facts::{
    ArchiveFacts, CheckedAgainst, DistroFacts, FlavourFacts, HeaderPackage, KernelFacts, Rewriting,
    SuiteFacts, SuiteLocation, Waiver, Waivers,
};
use kmatrix::catalog::fetch::{FetchBounds, Fetcher};
use kmatrix::catalog::format::ArchiveFormat;
use kmatrix::catalog::package::fetch_package;
use kmatrix::catalog::package_signature::verify_package;
use kmatrix::catalog::read::read_distro;
use kmatrix::catalog::site::{Site, SiteFile};
use kmatrix::catalog::surroundings::Surroundings;
use kmatrix::catalog::{DistroKernels, Fingerprint, PackageRef, SuiteRecord};
use kmatrix::digest::Sha256Digest;
use kmatrix::name::Arch;
use kmatrix::store::Store;
use loopback::{Misbehaviour, Server};
use rsa_signing::{Hash, RsaKey, sha1};
use signing::{Key, NOW, at, detach_sign};

/// 2026-11-20, in seconds.
const MADE: i64 = 1_795_132_800;
const SIGNED_FORMATS: [ArchiveFormat; 3] = [
    ArchiveFormat::RpmMd,
    ArchiveFormat::Pacman,
    ArchiveFormat::Apk,
];

type Files = BTreeMap<String, Vec<u8>>;

/// The keys of an archive, of both kinds.
struct Keys {
    openpgp: Key,
    rsa: RsaKey,
}

/// What of an archive tests change.
#[derive(Clone)]
struct Making {
    signed: bool,
    hash: Hash,
    date: i64,
    /// The kernel's version.
    version: &'static str,
}

const MAKING: Making = Making {
    signed: true,
    hash: Hash::Sha256,
    date: MADE,
    version: "6.12.1",
};

/// Everything that one test needs: an archive, its facts, and an empty store.
struct Scene {
    directory: tempfile::TempDir,
    keys: Keys,
    facts: DistroFacts,
    store: Store,
    server: Server,
    seen: Vec<SuiteRecord>,
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::fast())
        .read_to_end(&mut packed)
        .expect("memory");
    packed
}

/// A tar archive; without its end if another member follows it.
fn tar(files: &[(&str, &[u8])], ended: bool) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, *content)
            .expect("memory");
    }
    let mut tar = builder.into_inner().expect("memory");
    if !ended {
        tar.truncate(tar.len() - 1024);
    }
    tar
}

/// Returns the files of an archive with one kernel.
fn archive(format: ArchiveFormat, making: &Making, keys: &Keys) -> Files {
    match format {
        ArchiveFormat::RpmMd => rpm_md(making, keys),
        ArchiveFormat::Pacman => pacman(making, keys),
        ArchiveFormat::Apk => apk(making, keys),
        ArchiveFormat::Apt | ArchiveFormat::Source => panic!("not signed so"),
    }
}

/// The path of the signed index.
fn index_path(format: ArchiveFormat) -> &'static str {
    match format {
        ArchiveFormat::RpmMd => "os/x86_64/repodata/repomd.xml",
        ArchiveFormat::Pacman => "os/x86_64/main.db",
        ArchiveFormat::Apk => "os/x86_64/APKINDEX.tar.gz",
        ArchiveFormat::Apt | ArchiveFormat::Source => panic!("not signed so"),
    }
}

fn rpm_md(making: &Making, keys: &Keys) -> Files {
    let version = making.version;
    let package = format!("the package of {version}").into_bytes();
    let digest = Sha256Digest::of(&package).to_hex();
    let entry = |name: &str, arch: &str, requires: &str, provides: &str| {
        format!(
            "<package type=\"rpm\"><name>{name}</name><arch>{arch}</arch>\
             <version epoch=\"0\" ver=\"{version}\" rel=\"1\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{digest}</checksum>\
             <time file=\"1\" build=\"{MADE}\"/><size package=\"{}\"/>\
             <location href=\"Packages/{name}-{version}-1.{arch}.rpm\"/>\
             <format><rpm:sourcerpm>kernel-{version}-1.src.rpm</rpm:sourcerpm>\
             <rpm:provides>{provides}</rpm:provides><rpm:requires>{requires}</rpm:requires></format>\
             </package>",
            package.len()
        )
    };
    let release = format!(
        "<rpm:entry name=\"kernel-devel-uname-r\" flags=\"EQ\" epoch=\"0\" ver=\"{version}\" rel=\"1.x86_64\"/>"
    );
    let needs = format!(
        "<rpm:entry name=\"kernel-tree\" flags=\"EQ\" epoch=\"0\" ver=\"{version}\"/>\
         <rpm:entry name=\"/bin/sh\"/><rpm:entry name=\"(a if b)\"/>"
    );
    let tree =
        format!("<rpm:entry name=\"kernel-tree\" flags=\"EQ\" epoch=\"0\" ver=\"{version}\"/>");
    let primary = format!(
        "<?xml version=\"1.0\"?><metadata packages=\"4\">{}{}{}{}</metadata>",
        entry("aardvark", "noarch", "", ""),
        entry("kernel-devel", "x86_64", &needs, &release),
        entry("kernel-devel", "i686", &needs, &release),
        entry("kernel-tree-files", "noarch", "", &tree),
    );
    let packed = zstd::encode_all(primary.as_bytes(), 1).expect("memory");
    let digest = Sha256Digest::of(&packed).to_hex();
    let repomd = format!(
        "<?xml version=\"1.0\"?><repomd><revision>1</revision><data type=\"primary\">\
         <checksum type=\"sha256\">{digest}</checksum>\
         <location href=\"repodata/{digest}-primary.xml.zst\"/><timestamp>{}</timestamp>\
         <size>{}</size><open-size>{}</open-size></data></repomd>",
        making.date,
        packed.len(),
        primary.len()
    )
    .into_bytes();
    let path = index_path(ArchiveFormat::RpmMd);
    let mut files = Files::new();
    if making.signed {
        files.insert(
            format!("{path}.asc"),
            detach_sign(&repomd, &[&keys.openpgp], true),
        );
    }
    files.insert(path.to_owned(), repomd);
    files.insert(
        format!("os/x86_64/repodata/{digest}-primary.xml.zst"),
        packed,
    );
    files.insert(
        format!("os/x86_64/Packages/kernel-devel-{version}-1.x86_64.rpm"),
        package,
    );
    files
}

fn pacman(making: &Making, keys: &Keys) -> Files {
    let version = making.version;
    let package = format!("the package of {version}").into_bytes();
    let file = format!("linux-headers-{version}-1-x86_64.pkg.tar.zst");
    let desc = format!(
        "%FILENAME%\n{file}\n\n%NAME%\nlinux-headers\n\n%BASE%\nlinux\n\n%VERSION%\n{version}-1\n\n\
         %CSIZE%\n{}\n\n%SHA256SUM%\n{}\n\n%ARCH%\nx86_64\n\n%BUILDDATE%\n{}\n\n%DEPENDS%\npahole\n\n",
        package.len(),
        Sha256Digest::of(&package).to_hex(),
        making.date
    );
    let name = format!("linux-headers-{version}-1/desc");
    let db = gzip(&tar(&[(&name, desc.as_bytes())], true));
    let path = index_path(ArchiveFormat::Pacman);
    let mut files = Files::new();
    if making.signed {
        files.insert(
            format!("{path}.sig"),
            detach_sign(&db, &[&keys.openpgp], false),
        );
    }
    files.insert(path.to_owned(), db);
    files.insert(
        format!("os/x86_64/{file}.sig"),
        detach_sign(&package, &[&keys.openpgp], false),
    );
    files.insert(format!("os/x86_64/{file}"), package);
    files
}

fn apk_signature(content: &[u8], making: &Making, key: &RsaKey) -> Vec<u8> {
    let name = match making.hash {
        Hash::Sha1 => ".SIGN.RSA.test.rsa.pub",
        Hash::Sha256 => ".SIGN.RSA256.test.rsa.pub",
    };
    let signature = key.sign(content, making.hash);
    gzip(&tar(&[(name, &signature)], false))
}

/// Returns a package and the checksum of its control part.
fn apk_package(making: &Making, key: &RsaKey) -> (Vec<u8>, String) {
    let data = gzip(&tar(&[("usr/src/linux/Makefile", b"all:\n")], true));
    let info = format!(
        "pkgname = linux-lts-dev\npkgver = {}-r0\narch = x86_64\ndatahash = {}\n",
        making.version,
        Sha256Digest::of(&data).to_hex()
    );
    let control = gzip(&tar(&[(".PKGINFO", info.as_bytes())], false));
    let checksum = format!("Q1{}", BASE64.encode(sha1(&control)));
    let signature = if making.signed {
        apk_signature(&control, making, key)
    } else {
        Vec::new()
    };
    ([signature, control, data].concat(), checksum)
}

fn apk(making: &Making, keys: &Keys) -> Files {
    let package_making = Making {
        signed: true,
        ..making.clone()
    };
    let (package, checksum) = apk_package(&package_making, &keys.rsa);
    apk_of(making, keys, package, &checksum)
}

fn apk_of(making: &Making, keys: &Keys, package: Vec<u8>, checksum: &str) -> Files {
    let version = making.version;
    let index = format!(
        "C:{checksum}\nP:linux-lts-dev\nV:{version}-r0\nA:x86_64\nS:{}\no:linux-lts\nt:{}\n\n",
        package.len(),
        making.date
    );
    let index = gzip(&tar(
        &[("DESCRIPTION", b"v3"), ("APKINDEX", index.as_bytes())],
        true,
    ));
    let signature = if making.signed {
        apk_signature(&index, making, &keys.rsa)
    } else {
        Vec::new()
    };
    Files::from([
        (
            index_path(ArchiveFormat::Apk).to_owned(),
            [signature, index].concat(),
        ),
        (format!("os/x86_64/linux-lts-dev-{version}-r0.apk"), package),
    ])
}

fn headers(format: ArchiveFormat) -> HeaderPackage {
    let version = |name: &str, from: &str, to: &str| HeaderPackage::Version {
        name: name.parse().expect("a name"),
        rewritings: vec![Rewriting {
            from: from.to_owned(),
            to: to.to_owned(),
        }],
    };
    match format {
        ArchiveFormat::RpmMd => HeaderPackage::Provides {
            name: "kernel-devel".parse().expect("a name"),
            capability: "kernel-devel-uname-r".to_owned(),
        },
        ArchiveFormat::Pacman => version("linux-headers", "(.*)-1", "$1-1-arch"),
        ArchiveFormat::Apk => version("linux-lts-dev", "(.*)-r([0-9]+)", "$1-$2-lts"),
        ArchiveFormat::Apt | ArchiveFormat::Source => panic!("not known so"),
    }
}

impl Scene {
    async fn new(format: ArchiveFormat) -> Self {
        Self::with(format, &MAKING).await
    }

    async fn with(format: ArchiveFormat, making: &Making) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let keys = Keys {
            openpgp: Key::new(),
            rsa: RsaKey::nth(0),
        };
        let (key, keyring) = match format {
            ArchiveFormat::Apk => (keys.rsa.fingerprint(), keys.rsa.write(directory.path())),
            _ => (
                keys.openpgp.fingerprint(),
                keys.openpgp.write_armoured(directory.path()),
            ),
        };
        let facts = DistroFacts {
            distro: "family".parse().expect("a distro"),
            distro_release: "1".parse().expect("a release"),
            format,
            image: "debian-12".parse().expect("an image"),
            images: BTreeMap::new(),
            checked: jiff::civil::date(2026, 11, 21),
            checked_against: CheckedAgainst::Fixture,
            archives: vec![ArchiveFacts {
                name: "family".parse().expect("an archive"),
                suites: vec![SuiteFacts {
                    suite: "main".parse().expect("a suite"),
                    location: SuiteLocation::Path("os/{arch}".to_owned()),
                    archs: None,
                    valid_until_required: false,
                    waivers: Waivers::default(),
                }],
                keys: vec![key],
                keyrings: vec![keyring],
            }],
            source: None,
            kernel: KernelFacts {
                follow: vec!["kernel-tree*".to_owned()],
                host: Vec::new(),
                mounts: Vec::new(),
                build: String::new(),
                flavours: vec![FlavourFacts {
                    arch: Arch::Amd64,
                    flavour: "generic".parse().expect("a flavour"),
                    headers: headers(format),
                }],
            },
            digest: Sha256Digest::of(b"facts"),
        };
        let server = Server::start(archive(format, making, &keys)).await;
        let store = Store::open(&directory.path().join("store")).expect("a store");
        Self {
            directory,
            keys,
            facts,
            store,
            server,
            seen: Vec::new(),
        }
    }

    fn waivers(&mut self) -> &mut Waivers {
        &mut self.facts.archives[0].suites[0].waivers
    }

    fn key(&self) -> Fingerprint {
        self.facts.archives[0].keys[0].clone()
    }

    fn site(&self, mirrors: &[&Server]) -> Site {
        let flag = |server: &&Server| format!("family={}", server.url()).parse().expect("a flag");
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
            seen: &self.seen,
        };
        let archs = BTreeSet::from([Arch::Amd64]);
        sendable(read_distro(&self.facts, &archs, Arch::Amd64, &at)).await
    }

    /// Returns why the one mirror's state is refused.
    async fn refusal(&self) -> CatalogError {
        let error = self.read().await.expect_err("refused");
        assert!(error.hint().is_some(), "{error} has no hint");
        match error {
            CatalogError::NoGoodState { tried, because, .. } => {
                assert_eq!(tried.len(), 1, "one mirror");
                assert!(tried[0].mirror.contains(self.server.url()));
                *because
            }
            other => other,
        }
    }

    fn verify(&self, package: &PackageRef) -> Result<(), CatalogError> {
        let facts = std::slice::from_ref(&self.facts);
        verify_package(&self.store, package, facts, at(NOW))
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

fn waiver() -> Option<Waiver> {
    Some(Waiver {
        reason: "nobody ever does".to_owned(),
        until: None,
    })
}

#[tokio::test]
async fn the_kernels_of_every_format_are_found() {
    for (format, release, packages) in [
        (
            ArchiveFormat::RpmMd,
            "6.12.1-1.x86_64",
            "kernel-devel kernel-tree-files",
        ),
        (ArchiveFormat::Pacman, "6.12.1-1-arch", "linux-headers"),
        (ArchiveFormat::Apk, "6.12.1-0-lts", "linux-lts-dev"),
    ] {
        let scene = Scene::new(format).await;
        let distro = scene.read().await.expect("an archive");
        let [kernel] = &distro.kernels[..] else {
            panic!("{format}: {:?} {:?}", distro.kernels, distro.unresolved);
        };
        assert_eq!(kernel.target.kernel_release.as_str(), release, "{format}");
        let names: Vec<&str> = kernel
            .packages
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names.join(" "), packages, "{format}");
        for package in &kernel.packages {
            assert_eq!(package.signers, [scene.key()], "{format}");
            assert_eq!(Some(package.format), format.package_format());
            assert!(package.path.starts_with("os/x86_64/"), "{}", package.path);
        }
        assert_eq!(distro.unresolved, [], "{format}");
        let [suite] = &distro.suites[..] else {
            panic!("{format}: one suite");
        };
        assert_eq!(suite.signed_by, [scene.key()], "{format}");
        assert_eq!(suite.date.as_second(), MADE, "{format}");
        assert_eq!(suite.arch, Some(Arch::Amd64), "{format}");
        assert!(
            suite.exceptions.is_empty()
                && suite.unneeded.is_empty()
                && suite.passed_over.is_empty()
        );
        assert!(scene.store.blob_path(&suite.index).is_some(), "{format}");
        if let Some(signature) = &suite.signature {
            assert!(scene.store.blob_path(signature).is_some(), "{format}");
        }
        // What is written can be read again.
        let json = serde_json::to_string(&distro).expect("JSON");
        assert_eq!(
            serde_json::from_str::<DistroKernels>(&json).expect("JSON"),
            distro
        );
    }
}

#[tokio::test]
async fn an_index_that_nobody_signed_is_refused_or_recorded() {
    let unsigned = Making {
        signed: false,
        ..MAKING
    };
    for format in SIGNED_FORMATS {
        let mut scene = Scene::with(format, &unsigned).await;
        let error = scene.refusal().await;
        assert!(
            matches!(error, CatalogError::NotAuthenticated { .. }),
            "{format}: {error}"
        );
        scene.waivers().unsigned_index = waiver();
        let distro = scene.read().await.expect("taken all the same");
        let suite = &distro.suites[0];
        assert_eq!(suite.signed_by, [], "{format}");
        let [exception] = &suite.exceptions[..] else {
            panic!("{format}: {:?}", suite.exceptions);
        };
        assert!(exception.contains("nobody ever does"), "{exception}");
        assert_eq!(suite.unneeded, Vec::<String>::new(), "{format}");
        // A decision that is over is none.
        scene.waivers().unsigned_index = Some(Waiver {
            reason: "for a while".to_owned(),
            until: Some(jiff::civil::date(2026, 11, 20)),
        });
        scene.refusal().await;
    }
}

#[tokio::test]
async fn a_decision_that_is_not_needed_any_more_is_told() {
    for format in SIGNED_FORMATS {
        let mut scene = Scene::new(format).await;
        scene.waivers().unsigned_index = waiver();
        let distro = scene.read().await.expect("an archive");
        let suite = &distro.suites[0];
        assert_eq!(suite.exceptions, Vec::<String>::new(), "{format}");
        assert_eq!(suite.signed_by, [scene.key()], "{format}");
        assert_eq!(
            suite.unneeded,
            ["accept-unsigned-index: the index is signed"],
            "{format}"
        );
    }
}

#[tokio::test]
async fn a_key_that_is_not_pinned_does_not_count_even_where_nobody_has_to_sign() {
    let others = Keys {
        openpgp: Key::new(),
        rsa: RsaKey::nth(1),
    };
    for format in SIGNED_FORMATS {
        let mut scene = Scene::new(format).await;
        for (path, bytes) in archive(format, &MAKING, &others) {
            scene.server.put(&path, bytes);
        }
        scene.waivers().unsigned_index = waiver();
        let error = scene.refusal().await;
        assert!(
            matches!(error, CatalogError::NotAuthenticated { .. }),
            "{format}: {error}"
        );
    }
}

#[tokio::test]
async fn a_changed_index_is_refused() {
    let other = Making {
        version: "6.12.2",
        ..MAKING
    };
    for format in [ArchiveFormat::RpmMd, ArchiveFormat::Pacman] {
        let scene = Scene::new(format).await;
        let path = index_path(format);
        let changed = archive(format, &other, &scene.keys);
        scene.server.put(path, changed[path].clone());
        let error = scene.refusal().await;
        assert!(
            matches!(error, CatalogError::NotAuthenticated { .. }),
            "{format}: {error}"
        );
    }
    let scene = Scene::new(ArchiveFormat::Apk).await;
    let path = index_path(ArchiveFormat::Apk);
    let mut changed = archive(ArchiveFormat::Apk, &MAKING, &scene.keys)[path].clone();
    let last = changed.len() - 9;
    changed[last] ^= 1;
    scene.server.put(path, changed);
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::NotAuthenticated { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn only_the_present_state_is_taken() {
    for format in SIGNED_FORMATS {
        let mut scene = Scene::new(format).await;
        let mut seen = scene.read().await.expect("an archive").suites;
        scene.seen.clone_from(&seen);
        scene.read().await.expect("the same state again");
        seen[0].date = at("2026-11-20T00:00:01Z");
        scene.seen.clone_from(&seen);
        let error = scene.refusal().await;
        assert!(
            matches!(error, CatalogError::RolledBack { .. }),
            "{format}: {error}"
        );
        // What was seen for another architecture says nothing about this one.
        seen[0].arch = Some(Arch::Arm64);
        scene.seen = seen;
        scene.read().await.expect("nothing newer was seen");
        let future = Making {
            date: MADE + 2 * 86400,
            ..MAKING
        };
        let scene = Scene::with(format, &future).await;
        let error = scene.refusal().await;
        assert!(
            matches!(error, CatalogError::NotPresentState { .. }),
            "{format}: {error}"
        );
    }
}

#[tokio::test]
async fn mirrors_that_fail_or_lie_are_passed_over_and_recorded() {
    for format in SIGNED_FORMATS {
        let scene = Scene::new(format).await;
        for how in [
            Misbehaviour::Html,
            Misbehaviour::NotFound,
            Misbehaviour::ServerError,
            Misbehaviour::Silence,
            Misbehaviour::Stall,
            Misbehaviour::Drip,
            Misbehaviour::Reset,
            Misbehaviour::Truncate,
            Misbehaviour::EndEarly,
            Misbehaviour::WrongBytes,
            Misbehaviour::RedirectLoop,
            Misbehaviour::Endless,
        ] {
            let broken = Server::start(archive(format, &MAKING, &scene.keys)).await;
            broken.misbehave(how);
            let distro = scene.read_from(&[&broken, &scene.server]).await;
            let distro = distro.unwrap_or_else(|error| panic!("{format} {how:?}: {error}"));
            assert_eq!(distro.kernels.len(), 1, "{format} {how:?}");
            let passed_over = &distro.suites[0].passed_over;
            assert_eq!(passed_over[0].path, index_path(format), "{how:?}");
            assert!(
                passed_over
                    .iter()
                    .all(|one| one.mirror.contains(broken.url())),
                "{format} {how:?}: {passed_over:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_error_names_every_place_that_was_tried() {
    for format in SIGNED_FORMATS {
        let scene = Scene::new(format).await;
        let (one, two) = (
            Server::start(Files::new()).await,
            Server::start(Files::new()).await,
        );
        two.misbehave(Misbehaviour::Html);
        let error = scene.read_from(&[&one, &two]).await.expect_err("no mirror");
        let text = error.to_string();
        for part in [
            one.url(),
            two.url(),
            index_path(format),
            "does not have the file",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn an_index_of_packages_with_other_bytes_than_signed_for_is_refused() {
    let scene = Scene::new(ArchiveFormat::RpmMd).await;
    let path = archive(ArchiveFormat::RpmMd, &MAKING, &scene.keys)
        .into_keys()
        .find(|path| path.contains("primary"))
        .expect("an index");
    let good = Server::start(archive(ArchiveFormat::RpmMd, &MAKING, &scene.keys)).await;
    scene.server.put(&path, b"other bytes".to_vec());
    let error = scene.refusal().await;
    assert!(matches!(error, CatalogError::WrongHash { .. }), "{error}");
    let distro = scene.read_from(&[&scene.server, &good]).await;
    let passed_over = &distro.expect("the next mirror").suites[0].passed_over;
    assert_eq!(passed_over.len(), 1, "{passed_over:?}");
    assert_eq!(passed_over[0].path, path);
}

#[tokio::test]
async fn signatures_over_sha1_are_refused_or_recorded() {
    let over_sha1 = Making {
        hash: Hash::Sha1,
        ..MAKING
    };
    let mut scene = Scene::with(ArchiveFormat::Apk, &over_sha1).await;
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::NotAuthenticated { .. }),
        "{error}"
    );
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("accept-sha1"))
    );
    scene.waivers().sha1 = waiver();
    let distro = scene.read().await.expect("taken all the same");
    let suite = &distro.suites[0];
    assert_eq!(suite.signed_by, [scene.key()]);
    assert_eq!(suite.exceptions.len(), 2, "{:?}", suite.exceptions);
    assert!(suite.exceptions[1].contains("linux-lts-dev-6.12.1-r0.apk"));
    let package = &distro.kernels[0].packages[0];
    scene.verify(package).expect("taken all the same");
    *scene.waivers() = Waivers::default();
    scene.verify(package).expect_err("no decision any more");
    // A decision that is not needed any more.
    let mut scene = Scene::new(ArchiveFormat::Apk).await;
    scene.waivers().sha1 = waiver();
    let distro = scene.read().await.expect("an archive");
    assert_eq!(distro.suites[0].exceptions, Vec::<String>::new());
    assert!(distro.suites[0].unneeded[0].starts_with("accept-sha1"));
}

#[tokio::test]
async fn an_apk_package_that_is_swapped_for_another_signed_one_is_refused() {
    let scene = Scene::new(ArchiveFormat::Apk).await;
    let (_, checksum) = apk_package(&MAKING, &scene.keys.rsa);
    let other = Making {
        version: "6.12.0",
        ..MAKING
    };
    let (older, _) = apk_package(&other, &scene.keys.rsa);
    for (path, bytes) in apk_of(&MAKING, &scene.keys, older, &checksum) {
        scene.server.put(&path, bytes);
    }
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::OtherPackage { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_apk_package_that_nobody_signed_is_refused_or_recorded() {
    let mut scene = Scene::new(ArchiveFormat::Apk).await;
    let unsigned = Making {
        signed: false,
        ..MAKING
    };
    let (package, checksum) = apk_package(&unsigned, &scene.keys.rsa);
    for (path, bytes) in apk_of(&MAKING, &scene.keys, package, &checksum) {
        scene.server.put(&path, bytes);
    }
    let error = scene.refusal().await;
    assert!(
        matches!(error, CatalogError::PackageNotAuthenticated { .. }),
        "{error}"
    );
    scene.waivers().unsigned_packages = waiver();
    let distro = scene.read().await.expect("taken all the same");
    let package = &distro.kernels[0].packages[0];
    assert_eq!(package.signers, []);
    assert!(distro.suites[0].exceptions[0].contains("nobody ever does"));
    scene.verify(package).expect("nobody has to sign");
}

#[tokio::test]
async fn the_signature_of_a_pacman_package_is_checked_each_time() {
    let mut scene = Scene::new(ArchiveFormat::Pacman).await;
    let distro = scene.read().await.expect("an archive");
    let package = distro.kernels[0].packages[0].clone();
    let site = scene.site(&[&scene.server]);
    fetch_package(&scene.store, &site, &fetcher(), &package)
        .await
        .expect("a package");
    scene.verify(&package).expect("signed by a pinned key");
    let other = PackageRef {
        signature: Some(BASE64.encode(detach_sign(b"another", &[&scene.keys.openpgp], false))),
        ..package.clone()
    };
    let error = scene.verify(&other).expect_err("of another package");
    assert!(error.hint().is_some());
    assert!(
        matches!(error, CatalogError::PackageNotAuthenticated { .. }),
        "{error}"
    );
    let none = PackageRef {
        signature: None,
        ..package.clone()
    };
    scene.verify(&none).expect_err("no signature");
    // The facts pin another key by now.
    let next = Key::new();
    scene.facts.archives[0].keys = vec![next.fingerprint()];
    scene.facts.archives[0].keyrings = vec![next.write_armoured(scene.directory.path())];
    let error = scene.verify(&package).expect_err("not pinned any more");
    assert!(
        matches!(error, CatalogError::PackageNotAuthenticated { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_pacman_package_without_a_signature_fails_the_list() {
    let scene = Scene::new(ArchiveFormat::Pacman).await;
    scene
        .server
        .remove("os/x86_64/linux-headers-6.12.1-1-x86_64.pkg.tar.zst.sig");
    let error = scene.read().await.expect_err("unsigned");
    assert!(
        matches!(error, CatalogError::PackageNotAuthenticated { .. }),
        "{error}"
    );
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("accept-unsigned-packages"))
    );
}

#[tokio::test]
async fn bytes_that_are_no_rpm_are_never_taken_as_signed() {
    let scene = Scene::new(ArchiveFormat::RpmMd).await;
    let distro = scene.read().await.expect("an archive");
    let package = &distro.kernels[0].packages[0];
    let site = scene.site(&[&scene.server]);
    fetch_package(&scene.store, &site, &fetcher(), package)
        .await
        .expect("a package");
    let error = scene.verify(package).expect_err("no RPM");
    assert!(
        matches!(error, CatalogError::MalformedPackage { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn archives_of_sources_are_not_read_as_packages() {
    let mut scene = Scene::new(ArchiveFormat::RpmMd).await;
    scene.facts.format = ArchiveFormat::Source;
    let error = scene.read().await.expect_err("no packages");
    assert!(matches!(error, CatalogError::NoReader { .. }), "{error}");
}

#[tokio::test]
async fn pinned_keys_have_to_be_in_the_keyrings() {
    for format in SIGNED_FORMATS {
        let mut scene = Scene::new(format).await;
        scene.facts.archives[0].keys.push(match format {
            ArchiveFormat::Apk => RsaKey::nth(2).fingerprint(),
            _ => Key::new().fingerprint(),
        });
        let error = scene.read().await.expect_err("a key is missing");
        assert!(
            matches!(error, CatalogError::Keys { .. }),
            "{format}: {error}"
        );
        assert!(error.hint().is_some());
    }
}

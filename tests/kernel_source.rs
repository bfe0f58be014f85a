//! Kernels that are prepared from source: the facts, the signed list of an archive, tarballs.

#[allow(dead_code)]
mod loopback;
#[allow(dead_code)]
mod signing;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kmatrix::catalog::DistroKernels;
use kmatrix::catalog::error::CatalogError;
use kmatrix::catalog::facts::{self, DistroFacts};
use kmatrix::catalog::fetch::{FetchBounds, Fetcher};
use kmatrix::catalog::fetch_source::fetch_source;
use kmatrix::catalog::kernel_source::{
    KernelOrigin, KernelSource, PinnedSource, PrepareLevel, Unanswered,
};
use kmatrix::catalog::keys::SignatureError;
use kmatrix::catalog::openpgp::OpenPgpError;
use kmatrix::catalog::read::read_distro;
use kmatrix::catalog::site::{Site, SiteFile};
use kmatrix::catalog::surroundings::Surroundings;
use kmatrix::digest::Sha256Digest;
use kmatrix::document::Problems;
use kmatrix::git::GitError;
use kmatrix::name::Arch;
use kmatrix::store::Store;
use kmatrix::tree::{self, WalkRules};
use loopback::{Misbehaviour, Server};
use signing::{Key, NOW, at, clear_sign, detach_sign};

const TARBALL: &[u8] = b"the bytes of a tarball";
const FOLDER: &str = "pub/linux/kernel/v6.x";

const KERNEL: &str = r#"
[kernel]
tarball = "linux-{version}.tar.xz"
[kernel.flavours.amd64]
tiny = { series = "6.12", config = "tiny.config", local-version = "-tiny", prepare = "modules" }
plain = { series = "6.12", config = "tiny.config", prepare = "headers", unanswered = "no", make = "CC=gcc-12" }
"#;

const TREE: &str = r#"
[[kernel.tree]]
tarball = "own.tar"
version = "6.13.1"
arch = "amd64"
flavour = "own"
config = "tiny.config"
prepare = "modules"
"#;

/// A folder of facts, an archive, and an empty store.
struct Scene {
    directory: tempfile::TempDir,
    key: Key,
    server: Server,
    store: Store,
    fetcher: Fetcher,
}

/// A list of digests as kernel.org signs it.
fn sums(names: &[&str]) -> String {
    let digest = Sha256Digest::of(TARBALL).to_hex();
    names
        .iter()
        .map(|name| format!("{digest}  {name}\n"))
        .collect()
}

impl Scene {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let key = Key::new();
        key.write_armoured(directory.path());
        fs::write(directory.path().join("tiny.config"), "CONFIG_MODULES=y\n").expect("a file");
        fs::write(directory.path().join("own.tar"), TARBALL).expect("a file");
        let list = sums(&[
            "linux-6.12.107.tar.xz",
            "linux-6.12.107.tar.gz",
            "linux-6.12.tar.xz",
            "linux-6.1.7.tar.xz",
            "patch-6.12.107.xz",
        ]);
        let files = BTreeMap::from([
            (
                format!("{FOLDER}/sha256sums.asc"),
                clear_sign(&list, &[&key]),
            ),
            (format!("{FOLDER}/linux-6.12.107.tar.xz"), TARBALL.to_vec()),
        ]);
        let store = Store::open(&directory.path().join("store")).expect("a store");
        Self {
            server: Server::start(files).await,
            directory,
            key,
            store,
            fetcher: fetcher(),
        }
    }

    fn facts(&self, rest: &str) -> Result<DistroFacts, Problems> {
        let archive = format!(
            "[[archive]]\nname = \"kernel\"\nkeys = [\"{}\"]\nkeyrings = [\"{}\"]\n\
             [[archive.suite]]\nname = \"v6.x\"\npath = \"{FOLDER}\"\n",
            self.key.fingerprint(),
            self.key.write_armoured(self.directory.path()).display()
        );
        let archive = if rest.contains("[kernel.flavours") {
            archive
        } else {
            String::new()
        };
        let text = format!(
            "schema = 1\ndistro = \"linux\"\nrelease = \"6\"\nformat = \"source\"\n\
             image = \"kernel\"\nchecked = 2026-11-21\nchecked-against = \"fixture\"\n{archive}{rest}"
        );
        let path = self.directory.path().join("linux-6.toml");
        fs::write(&path, text).expect("a file");
        DistroFacts::read(path)
    }

    fn tree(&self, digest: Sha256Digest) -> DistroFacts {
        let text = format!("{TREE}sha256 = \"{}\"\n", digest.to_hex());
        self.facts(&text)
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn site(&self) -> Site {
        let flag = format!("kernel={}", self.server.url());
        Site {
            flags: vec![flag.parse().expect("a flag")],
            environment: BTreeMap::new(),
            file: SiteFile::Default(self.directory.path().join("absent.toml")),
            apt_root: self.directory.path().join("no-apt"),
        }
    }

    async fn read(
        &self,
        facts: &DistroFacts,
        previous: Option<&DistroKernels>,
    ) -> Result<DistroKernels, CatalogError> {
        let site = self.site();
        let at = self.surroundings(&site, previous);
        read_distro(facts, &facts.archs(), Arch::Amd64, &at).await
    }

    fn surroundings<'s>(
        &'s self,
        site: &'s Site,
        previous: Option<&'s DistroKernels>,
    ) -> Surroundings<'s> {
        Surroundings {
            site,
            store: &self.store,
            fetcher: &self.fetcher,
            offline: false,
            now: at(NOW),
            seen: previous.map_or(&[], |previous| previous.suites.as_slice()),
        }
    }

    async fn fetch(&self, source: &KernelSource) -> Result<(), CatalogError> {
        let site = self.site();
        let facts = facts::read_all(self.directory.path()).expect("facts");
        fetch_source(source, &facts, &self.surroundings(&site, None)).await
    }

    async fn refusal(&self, previous: Option<&DistroKernels>) -> CatalogError {
        let facts = self.facts(KERNEL).expect("facts");
        match self.read(&facts, previous).await.expect_err("refused") {
            CatalogError::NoGoodState { because, .. } => *because,
            other => other,
        }
    }

    fn put_list(&self, bytes: Vec<u8>) {
        self.server.put(&format!("{FOLDER}/sha256sums.asc"), bytes);
    }
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
async fn every_tarball_of_the_series_in_the_signed_list_is_a_kernel() {
    let scene = Scene::new().await;
    let facts = scene
        .facts(KERNEL)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let list = scene.read(&facts, None).await.expect("a list");
    let releases: Vec<String> = list
        .kernels
        .iter()
        .map(|kernel| format!("{} {}", kernel.target.kernel_release, kernel.target.flavour))
        .collect();
    assert_eq!(
        releases,
        [
            "6.12.0 plain",
            "6.12.0-tiny tiny",
            "6.12.107 plain",
            "6.12.107-tiny tiny"
        ]
    );
    assert_eq!(list.suites[0].signed_by, [scene.key.fingerprint()]);
    assert_eq!(list.suites[0].date, at(signing::SIGNED));
    let plain = list.kernels[2].source.as_ref().expect("from source");
    assert_eq!(plain.level, PrepareLevel::Headers);
    assert_eq!(plain.unanswered, Unanswered::No);
    assert_eq!(plain.make, ["CC=gcc-12"]);
    let tarball = Sha256Digest::of(TARBALL);
    assert_eq!(plain.pinned, PinnedSource::Tarball(tarball));
    assert!(
        scene.store.blob_path(&plain.config).is_some(),
        "the configuration is kept"
    );
    assert!(
        scene.store.blob_path(&tarball).is_none(),
        "nobody needs it yet"
    );

    scene.fetch(plain).await.expect("fetched");
    assert!(scene.store.blob_path(&tarball).is_some());
}

#[tokio::test]
async fn a_tarball_with_other_bytes_than_the_list_says_is_refused() {
    let scene = Scene::new().await;
    let list = scene
        .read(&scene.facts(KERNEL).expect("facts"), None)
        .await
        .expect("a list");
    let source = list.kernels[2].source.clone().expect("from source");
    scene.server.put(
        &format!("{FOLDER}/linux-6.12.107.tar.xz"),
        b"other bytes, longer than those".to_vec(),
    );
    let fetched = scene.fetch(&source).await;
    assert!(
        matches!(fetched, Err(CatalogError::WrongHash { .. })),
        "{fetched:?}"
    );
    scene.server.misbehave(Misbehaviour::EndEarly);
    let fetched = scene.fetch(&source).await;
    assert!(fetched.is_err(), "half a tarball");
    assert!(scene.store.blob_path(&Sha256Digest::of(TARBALL)).is_none());
}

#[tokio::test]
async fn a_list_is_taken_only_if_a_pinned_key_signed_it() {
    let scene = Scene::new().await;
    let text = sums(&["linux-6.12.107.tar.xz"]);
    scene.put_list(text.clone().into_bytes());
    assert!(matches!(
        scene.refusal(None).await,
        CatalogError::NotAuthenticated { .. }
    ));
    scene.put_list(clear_sign(&text, &[&Key::new()]));
    assert!(matches!(
        scene.refusal(None).await,
        CatalogError::NotAuthenticated { .. }
    ));
    let signed = String::from_utf8(clear_sign(&text, &[&scene.key])).expect("text");
    scene.put_list(signed.replace("6.12.107", "6.12.108").into_bytes());
    assert!(matches!(
        scene.refusal(None).await,
        CatalogError::NotAuthenticated { .. }
    ));
    scene.put_list(clear_sign("<html>\n", &[&scene.key]));
    assert!(matches!(
        scene.refusal(None).await,
        CatalogError::MalformedIndex { .. }
    ));
    scene.server.misbehave(Misbehaviour::NotFound);
    assert!(matches!(
        scene.refusal(None).await,
        CatalogError::NoSuchFile { .. }
    ));
}

#[tokio::test]
async fn a_list_that_is_older_than_one_that_was_seen_is_refused() {
    let scene = Scene::new().await;
    let facts = scene.facts(KERNEL).expect("facts");
    let mut seen = scene.read(&facts, None).await.expect("a list");
    seen.suites[0].date = at(NOW);
    let refused = scene.refusal(Some(&seen)).await;
    assert!(
        matches!(refused, CatalogError::RolledBack { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn a_file_of_this_machine_is_a_kernel_if_it_has_its_digest() {
    let scene = Scene::new().await;
    let digest = Sha256Digest::of(TARBALL);
    let list = scene.read(&scene.tree(digest), None).await.expect("a list");
    assert_eq!(list.kernels.len(), 1);
    assert_eq!(list.kernels[0].target.kernel_release.as_str(), "6.13.1");
    let source = list.kernels[0].source.clone().expect("from source");
    assert!(matches!(&source.origin, KernelOrigin::File { path } if path.is_absolute()));
    assert!(scene.store.blob_path(&digest).is_some());

    let wanted = Sha256Digest::of(b"what was meant");
    let refused = scene
        .read(&scene.tree(wanted), None)
        .await
        .expect_err("refused");
    assert!(
        matches!(refused, CatalogError::OtherBytes { .. }),
        "{refused}"
    );
    assert!(refused.hint().is_some());
    fs::remove_file(scene.directory.path().join("own.tar")).expect("removed");
    let refused = scene
        .read(&scene.tree(wanted), None)
        .await
        .expect_err("refused");
    assert!(
        matches!(refused, CatalogError::LocalFile { .. }),
        "{refused}"
    );
    let kept = scene.read(&scene.tree(digest), None).await;
    assert!(kept.is_ok(), "the store has it");
}

const SIGNED_KERNEL: &str = r#"
[kernel]
tarball = "linux-{version}.tar.xz"
signature = "linux-{version}.tar.sign"
[kernel.flavours.amd64]
tiny = { series = "6.12", config = "tiny.config", prepare = "modules" }
"#;

/// A tar archive with one file, and the same compressed.
fn tarball(text: &str) -> (Vec<u8>, Vec<u8>) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "linux-6.12.107/Makefile", text.as_bytes())
        .expect("an entry");
    let archive = tar.into_inner().expect("an archive");
    let mut compressed = Vec::new();
    liblzma::read::XzEncoder::new(&archive[..], 1)
        .read_to_end(&mut compressed)
        .expect("memory");
    (archive, compressed)
}

/// A kernel whose tarball has a signature of its own, in an archive whose list somebody signed whose
/// key nobody has.
struct SignedScene {
    scene: Scene,
    archive: Vec<u8>,
}

impl SignedScene {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let (archive, compressed) = tarball("all:\n");
        let signature = detach_sign(&archive, &[&scene.key], true);
        let this = Self { scene, archive };
        this.put_tarball(compressed);
        this.put_signature(signature);
        this
    }

    fn put_tarball(&self, bytes: Vec<u8>) {
        let digest = Sha256Digest::of(&bytes).to_hex();
        let list = format!("{digest}  linux-6.12.107.tar.xz\n");
        self.scene.put_list(clear_sign(&list, &[&Key::new()]));
        let path = format!("{FOLDER}/linux-6.12.107.tar.xz");
        self.scene.server.put(&path, bytes);
    }

    fn put_signature(&self, bytes: Vec<u8>) {
        let path = format!("{FOLDER}/linux-6.12.107.tar.sign");
        self.scene.server.put(&path, bytes);
    }

    async fn source(&self) -> (DistroKernels, KernelSource) {
        let facts = self
            .scene
            .facts(SIGNED_KERNEL)
            .unwrap_or_else(|problems| panic!("{problems}"));
        let list = self.scene.read(&facts, None).await.expect("a list");
        let source = list.kernels[0].source.clone().expect("from source");
        (list, source)
    }

    async fn refusal(&self) -> SignatureError {
        let (_, source) = self.source().await;
        match self.scene.fetch(&source).await.expect_err("refused") {
            CatalogError::KernelNotAuthenticated { source, .. } => *source,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_tarball_is_taken_by_its_own_signature_whoever_made_the_list() {
    let signed = SignedScene::new().await;
    let (list, source) = signed.source().await;
    assert_eq!(list.suites[0].signed_by, []);
    let [exception] = &list.suites[0].exceptions[..] else {
        panic!("{:?}", list.suites[0].exceptions);
    };
    assert!(exception.contains("of which none is pinned"), "{exception}");
    let signature = source.origin.signature().expect("a signature");
    assert_eq!(signature.signers, [signed.scene.key.fingerprint()]);
    signed.scene.fetch(&source).await.expect("a good signature");

    // What was found good is kept, and looked at again.
    signed.scene.server.misbehave(Misbehaviour::NotFound);
    signed.scene.fetch(&source).await.expect("it was kept");
    let site = signed.scene.site();
    let at = signed.scene.surroundings(&site, None);
    let refused = fetch_source(&source, &[], &at).await.expect_err("refused");
    assert!(
        matches!(&refused, CatalogError::KernelNotAuthenticated { source, .. }
            if matches!(**source, SignatureError::NotPinned { .. })),
        "{refused}"
    );
}

#[tokio::test]
async fn a_tarball_that_no_pinned_key_signed_is_refused() {
    let signed = SignedScene::new().await;
    let key = &signed.scene.key;
    let other = Key::new();
    signed.put_signature(detach_sign(&signed.archive, &[&other], true));
    let refused = signed.refusal().await;
    assert!(
        matches!(
            refused,
            SignatureError::OpenPgp(OpenPgpError::UnknownKeys { .. })
        ),
        "another's: {refused}"
    );

    signed.put_signature(b"<html>".to_vec());
    let refused = signed.refusal().await;
    assert!(
        matches!(
            refused,
            SignatureError::OpenPgp(OpenPgpError::Malformed { .. })
        ),
        "none at all: {refused}"
    );

    let (_, swapped) = tarball("all: rootkit\n");
    signed.put_tarball(swapped.clone());
    for (what, signature) in [
        (
            "another tarball",
            detach_sign(&signed.archive, &[key], true),
        ),
        ("compressed bytes", detach_sign(&swapped, &[key], true)),
    ] {
        signed.put_signature(signature);
        let refused = signed.refusal().await;
        assert!(
            matches!(
                refused,
                SignatureError::OpenPgp(OpenPgpError::BadSignature { .. })
            ),
            "over {what}: {refused}"
        );
    }

    let path = format!("{FOLDER}/linux-6.12.107.tar.sign");
    signed.scene.server.remove(&path);
    let refused = signed.refusal().await;
    assert_eq!(refused, SignatureError::Unsigned);
}

#[tokio::test]
async fn a_list_that_a_pinned_key_signed_badly_is_refused_whatever_else_is_signed() {
    let signed = SignedScene::new().await;
    let text = sums(&["linux-6.12.107.tar.xz"]);
    let list = String::from_utf8(clear_sign(&text, &[&signed.scene.key])).expect("text");
    let changed = list.replace("6.12.107", "6.12.108");
    signed.scene.put_list(changed.into_bytes());
    let facts = signed.scene.facts(SIGNED_KERNEL).expect("facts");
    let refused = signed.scene.read(&facts, None).await;
    assert!(refused.is_err(), "{refused:?}");
    // A list that nobody signed says what there is, as one by an unknown key does.
    signed.scene.put_list(text.into_bytes());
    let list = signed.scene.read(&facts, None).await.expect("a list");
    assert_eq!(list.kernels.len(), 1);
    let [exception] = &list.suites[0].exceptions[..] else {
        panic!("{:?}", list.suites[0].exceptions);
    };
    assert!(exception.contains("nothing in it says that it is signed"));
}

/// A repository with one commit, which has a makefile, and the commit's id.
fn repository(folder: &Path) -> (PathBuf, String) {
    let repository = folder.join("linux");
    fs::create_dir_all(repository.join("scripts")).expect("a directory");
    fs::write(repository.join("Makefile"), "all:\n").expect("a file");
    fs::write(repository.join("scripts/x.sh"), "#!/bin/sh\n").expect("a file");
    let git = |args: &[&str]| {
        let ran = Command::new("git")
            .arg("-C")
            .arg(&repository)
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(args)
            .output()
            .expect("git runs");
        assert!(ran.status.success(), "git {args:?}");
        String::from_utf8(ran.stdout)
            .expect("text")
            .trim()
            .to_owned()
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    let commit = git(&["rev-parse", "HEAD"]);
    (repository, commit)
}

/// Facts of one kernel that is a commit.
fn commit_facts(repository: &str, commit: &str) -> String {
    let git = format!("git = \"{repository}\"\ncommit = \"{commit}\"");
    TREE.replace("tarball = \"own.tar\"", &git)
}

#[tokio::test]
async fn a_commit_is_a_kernel_by_its_whole_id() {
    let scene = Scene::new().await;
    let (repository, commit) = repository(scene.directory.path());
    let facts = scene
        .facts(&commit_facts("linux", &commit))
        .unwrap_or_else(|problems| panic!("{problems}"));
    let list = scene.read(&facts, None).await.expect("a list");
    assert_eq!(list.kernels.len(), 1);
    let source = list.kernels[0].source.clone().expect("from source");
    let rules = WalkRules {
        limit: 100,
        skip: &[".git"],
    };
    let entries = tree::read_directory(&repository, rules).expect("a tree");
    assert_eq!(source.pinned, PinnedSource::Tree(tree::digest(&entries)));
    assert!(source.origin.shown().contains(&commit));
    let text = serde_json::to_string(&source).expect("JSON");
    assert_eq!(
        serde_json::from_str::<KernelSource>(&text).expect("a source"),
        source
    );

    let gone = commit.replace(|_: char| true, "0");
    let facts = scene.facts(&commit_facts("linux", &gone)).expect("facts");
    let refused = scene.read(&facts, None).await.expect_err("refused");
    assert!(
        matches!(refused, CatalogError::KernelCommit { .. }),
        "{refused}"
    );
    assert!(refused.hint().is_some());

    fs::remove_dir_all(&repository).expect("removed");
    scene.fetch(&source).await.expect("the store has it");
    let mut other = source;
    other.pinned = PinnedSource::Tree(Sha256Digest::of(b"another tree"));
    let refused = scene.fetch(&other).await.expect_err("another tree");
    assert!(
        matches!(refused, CatalogError::KernelCommit { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn a_commit_elsewhere_is_fetched_unless_nothing_may_be() {
    let scene = Scene::new().await;
    let (repository, commit) = repository(scene.directory.path());
    let url = format!("file://{}", repository.display());
    let facts = scene.facts(&commit_facts(&url, &commit)).expect("facts");
    let site = scene.site();
    let mut surroundings = scene.surroundings(&site, None);
    surroundings.offline = true;
    let refused = read_distro(&facts, &facts.archs(), Arch::Amd64, &surroundings).await;
    let Err(CatalogError::KernelCommit { source, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(matches!(*source, GitError::Offline { .. }), "{source}");

    let list = scene.read(&facts, None).await.expect("a list");
    assert_eq!(list.kernels.len(), 1);
    let known = read_distro(&facts, &facts.archs(), Arch::Amd64, &surroundings).await;
    assert_eq!(known.expect("it is here now").kernels, list.kernels);
}

#[tokio::test]
async fn a_configuration_that_changes_makes_other_facts() {
    let scene = Scene::new().await;
    let before = scene.facts(KERNEL).expect("facts").digest;
    assert_eq!(scene.facts(KERNEL).expect("facts").digest, before);
    fs::write(
        scene.directory.path().join("tiny.config"),
        "CONFIG_MODULES=n\n",
    )
    .expect("a file");
    assert_ne!(scene.facts(KERNEL).expect("facts").digest, before);
}

#[tokio::test]
async fn facts_that_make_no_kernel_are_refused() {
    let scene = Scene::new().await;
    for (rest, problem) in [
        ("[kernel]\n".to_owned(), "there is no kernel"),
        (
            KERNEL.replace("tarball = \"linux-{version}.tar.xz\"\n", ""),
            "`tarball` and `flavours` stand together",
        ),
        (
            KERNEL.replace("linux-{version}.tar.xz", "../{version}"),
            "is not a name such as",
        ),
        (
            KERNEL.replace("tiny.config", "missing.config"),
            "cannot read the configuration",
        ),
        (
            KERNEL.replace("\"-tiny\"", "\"-ti ny\""),
            "cannot end a kernel release",
        ),
        (
            KERNEL.replace("\"headers\"", "\"all\""),
            "neither `modules` nor `headers`",
        ),
        (
            KERNEL.replace("CC=gcc-12", "M=/etc"),
            "is not a make variable",
        ),
        (
            KERNEL.replace("\"no\"", "\"maybe\""),
            "neither `default` nor `no`",
        ),
        (format!("{TREE}sha256 = \"12\"\n"), "sha256"),
        (
            TREE.to_owned(),
            "from a `tarball` with its `sha256`, or from a `commit`",
        ),
        (
            format!("{TREE}commit = \"{}\"\n", "a".repeat(40)),
            "from a `tarball` with its `sha256`, or from a `commit`",
        ),
        (
            format!(
                "[kernel]\nsignature = \"x-{{version}}.sign\"\n{TREE}sha256 = \"{}\"\n",
                "0".repeat(64)
            ),
            "`signature` is that of a `tarball`",
        ),
        (
            commit_facts("linux", "v6.13.1"),
            "is not the id of a commit",
        ),
        (
            commit_facts("ext::sh", &"a".repeat(40)),
            "the address of a repository begins with",
        ),
    ] {
        let problems = scene.facts(&rest).expect_err("a problem").to_string();
        assert!(problems.contains(problem), "{problems}");
    }
}

#[test]
fn a_source_is_written_and_read_back() {
    let source = KernelSource {
        origin: KernelOrigin::File {
            path: "/srv/linux.tar".into(),
        },
        pinned: PinnedSource::Tarball(Sha256Digest::of(TARBALL)),
        config: Sha256Digest::of(b"config"),
        unanswered: Unanswered::Default,
        level: PrepareLevel::Modules,
        make: Vec::new(),
    };
    let text = serde_json::to_string(&source).expect("JSON");
    assert!(
        text.contains(r#""origin":{"from":"file","path":"/srv/linux.tar"}"#),
        "{text}"
    );
    assert_eq!(
        serde_json::from_str::<KernelSource>(&text).expect("a source"),
        source
    );
}

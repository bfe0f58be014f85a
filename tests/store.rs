//! The store under concurrency, kills, full disks and corruption.

mod deb;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use deb::{Item, deb, file, tar};
use kmatrix::digest::{Sha256Digest, hash_file};
use kmatrix::package::{Limits, PackageError, PackageFormat, Strip};
use kmatrix::store::{Collection, ItemKind, PackageTree, Store, StoreError};
use kmatrix::tree::{self, Entries, Entry, WalkRules};

const RULES: WalkRules<'static> = WalkRules {
    limit: 1000,
    skip: &[],
};

fn open(root: &Path) -> Store {
    Store::open(root).expect("a store")
}

fn limits() -> Limits {
    Limits::default()
}

/// A package of a few hundred files, which takes long enough to unpack to be interrupted.
fn large_deb() -> Vec<u8> {
    let files: Vec<Item> = (0..400)
        .map(|n| file(format!("./usr/src/{}/{n}", n % 7), vec![b'a'; 10_000 + n]))
        .collect();
    deb(&files)
}

/// Every file below a directory of the store.
fn files_below(path: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(path)
        .into_iter()
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| !entry.file_type().is_dir())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

fn count_in(path: &Path) -> usize {
    fs::read_dir(path).expect("a directory").count()
}

/// Asserts that everything visible is complete: blobs have their digests, and trees their entries.
fn assert_whole(root: &Path) {
    for blob in files_below(&root.join("blobs")) {
        let digest = hash_file(&blob).expect("a blob").0;
        assert_eq!(
            blob.file_name().and_then(|n| n.to_str()),
            Some(&*digest.to_hex())
        );
    }
    let store = open(root);
    for tree in fs::read_dir(root.join("trees")).expect("a directory") {
        let name = tree.expect("an entry").file_name();
        let name = name.to_str().expect("UTF-8");
        let digits = name.strip_prefix("deb1-").expect("a package's tree");
        let deb = Sha256Digest::from_hex(digits).expect("a key");
        let tree = store
            .package_tree(&deb, PackageFormat::Deb, &limits())
            .expect("a tree");
        let found = tree::read_directory(&tree.directory, RULES).expect("a tree");
        assert_eq!(found, tree.entries);
    }
}

// Other processes are this program again, with the one test that has a task then.

/// Runs what `KMATRIX_STORE_CHILD` says, in a process of its own.
#[test]
fn child() {
    let Ok(task) = std::env::var("KMATRIX_STORE_CHILD") else {
        // This process is the one that runs all tests; it has no task of its own.
        return;
    };
    let root = PathBuf::from(std::env::var_os("KMATRIX_STORE_ROOT").expect("a root"));
    if task == "collect" {
        let store = collection(&root);
        println!("\nready");
        for item in store.items().expect("items") {
            store.remove(&item).expect("removed");
        }
        return;
    }
    let store = open(&root);
    match task.as_str() {
        "half-a-blob" => {
            let mut writer = store.blob_writer().expect("a writer");
            writer.write_all(&[7; 100_000]).expect("bytes");
            println!("\nready");
            thread::sleep(Duration::from_secs(600));
        }
        "put" => {
            println!("\nready");
            for n in 0..100_u8 {
                store.put(&vec![n; 10_000]).expect("a blob");
            }
        }
        "unpack" => {
            let deb = Sha256Digest::of(&large_deb());
            println!("\nready");
            store
                .package_tree(&deb, PackageFormat::Deb, &limits())
                .expect("a tree");
        }
        other => panic!("unknown task {other}"),
    }
}

fn start(task: &str, root: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child", "--nocapture"])
        .env("KMATRIX_STORE_CHILD", task)
        .env("KMATRIX_STORE_ROOT", root)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut lines = BufReader::new(child.stdout.as_mut().expect("its output")).lines();
    assert!(
        lines.any(|line| line.expect("a line") == "ready"),
        "the process never got ready"
    );
    child
}

fn kill(mut child: Child) {
    child.kill().expect("a kill");
    child.wait().expect("an end");
}

#[test]
fn blob_put_by_many_threads_is_one_blob() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let bytes = vec![1; 100_000];
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let digest = store.put(&bytes).expect("a blob");
                assert_eq!(store.read_blob(&digest, 100_000).expect("a blob"), bytes);
            });
        }
    });
    assert_eq!(files_below(&root.path().join("blobs")).len(), 1);
    assert_eq!(files_below(&root.path().join("tmp")).len(), 0);
    assert_whole(root.path());
}

#[test]
fn blobs_put_by_many_processes_are_whole() {
    let root = tempfile::tempdir().expect("a directory");
    let children: Vec<Child> = (0..3).map(|_| start("put", root.path())).collect();
    for mut child in children {
        assert!(child.wait().expect("an end").success());
    }
    assert_eq!(files_below(&root.path().join("blobs")).len(), 100);
    assert_eq!(count_in(&root.path().join("tmp")), 0);
    assert_whole(root.path());
}

#[test]
fn blob_that_is_not_what_was_expected_leaves_nothing() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let good = Sha256Digest::of(b"good");
    for (bytes, expected) in [(&b"evil"[..], (good, 4)), (b"good", (good, 5))] {
        let mut writer = store.blob_writer().expect("a writer");
        writer.write_all(bytes).expect("bytes");
        let error = writer.commit(Some(expected)).expect_err("a mismatch");
        assert!(matches!(error, StoreError::Mismatch { .. }), "{error}");
    }
    assert_eq!(files_below(&root.path().join("blobs")).len(), 0);
    assert_eq!(files_below(&root.path().join("tmp")).len(), 0);
    assert_eq!(store.blob_path(&good), None);
    let mut writer = store.blob_writer().expect("a writer");
    writer.write_all(b"good").expect("bytes");
    let committed = writer.commit(Some((good, 4))).expect("a blob");
    assert_eq!(committed, (good, 4));
    assert!(store.blob_path(&good).is_some());
}

#[test]
fn blob_that_is_corrupt_is_refused_and_named() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let package = deb(&[file("a", "text")]);
    let digest = store.put(&package).expect("a blob");
    let path = store.blob_path(&digest).expect("a blob");
    for change in [package.len() - 600, 0] {
        let mut corrupt = package.clone();
        corrupt[change] ^= 1;
        fs::remove_file(&path).expect("a blob");
        fs::write(&path, corrupt).expect("a file");
        for error in [
            store.read_blob(&digest, 1 << 20).expect_err("corrupt"),
            store
                .package_tree(&digest, PackageFormat::Deb, &limits())
                .expect_err("corrupt"),
        ] {
            assert!(
                matches!(error, StoreError::CorruptBlob { path: ref named, .. } if *named == path),
                "{error}"
            );
            let hint = error.hint().expect("a hint");
            assert!(hint.contains(path.to_str().expect("UTF-8")), "{hint}");
        }
    }
    assert_eq!(count_in(&root.path().join("trees")), 0);
    assert_eq!(store.put(&package).expect("a blob"), digest);
    store
        .package_tree(&digest, PackageFormat::Deb, &limits())
        .expect("mended");
}

#[test]
fn blob_readers_check_the_end_and_the_limit() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let digest = store.put(b"text").expect("a blob");
    assert_eq!(store.read_blob(&digest, 4).expect("a blob"), b"text");
    let error = store.read_blob(&digest, 3).expect_err("too large");
    assert!(
        matches!(error, StoreError::TooLarge { limit: 3, .. }),
        "{error}"
    );
    let missing = Sha256Digest::of(b"missing");
    let error = store.read_blob(&missing, 3).expect_err("missing");
    assert!(matches!(error, StoreError::NoBlob { .. }), "{error}");

    let path = store.blob_path(&digest).expect("a blob");
    fs::remove_file(&path).expect("a blob");
    fs::write(&path, "evil").expect("a file");
    let mut read = Vec::new();
    let mut reader = store.open_blob(&digest).expect("a blob");
    assert!(reader.read_to_end(&mut read).is_err());
}

#[test]
fn killed_writer_leaves_nothing_that_the_next_open_keeps() {
    let root = tempfile::tempdir().expect("a directory");
    kill(start("half-a-blob", root.path()));
    assert_eq!(files_below(&root.path().join("blobs")).len(), 0);
    assert_eq!(files_below(&root.path().join("tmp")).len(), 1);
    let store = open(root.path());
    assert_eq!(files_below(&root.path().join("tmp")).len(), 0);
    assert_eq!(count_in(&root.path().join("tmp")), 1);
    drop(store);
    assert_eq!(count_in(&root.path().join("tmp")), 0);
}

#[test]
fn killed_unpacker_leaves_a_whole_tree_or_none() {
    let root = tempfile::tempdir().expect("a directory");
    let deb = open(root.path()).put(&large_deb()).expect("a blob");
    let mut absent = 0;
    for after in 0..12 {
        let child = start("unpack", root.path());
        thread::sleep(Duration::from_millis(2 * after));
        kill(child);
        assert_whole(root.path());
        absent += usize::from(count_in(&root.path().join("trees")) == 0);
        assert_eq!(count_in(&root.path().join("tmp")), 0);
        let _ = fs::remove_dir_all(root.path().join("trees"));
    }
    assert!(absent > 0, "no process was killed in time");
    open(root.path())
        .package_tree(&deb, PackageFormat::Deb, &limits())
        .expect("a tree");
}

/// A package of its own, whose tree takes a moment to remove.
fn numbered_deb(n: usize) -> Vec<u8> {
    let files: Vec<Item> = (0..200)
        .map(|file_number| file(format!("./usr/src/{n}/{file_number}"), vec![b'a'; 100]))
        .collect();
    deb(&files)
}

/// Opens the store to remove something, after the clock of the file system has moved on.
fn collection(root: &Path) -> Collection {
    thread::sleep(Duration::from_millis(20));
    let collection = Collection::open(root).expect("a store");
    collection.expect("nobody else removes")
}

/// Removes what may be removed, and returns how much that was.
fn collect(root: &Path) -> usize {
    let collection = collection(root);
    let items = collection.items().expect("items");
    items
        .iter()
        .filter(|item| !collection.may_be_in_use(item))
        .filter(|item| collection.remove(item).expect("an answer"))
        .count()
}

#[test]
fn what_somebody_uses_who_has_the_store_open_stays() {
    let root = tempfile::tempdir().expect("a directory");
    let old = open(root.path());
    let [used, unused] = [&b"used"[..], b"unused"].map(|bytes| old.put(bytes).expect("a blob"));
    let deb = old.put(&numbered_deb(1)).expect("a blob");
    let tree = |store: &Store| store.package_tree_record(&deb, PackageFormat::Deb);
    old.package_tree(&deb, PackageFormat::Deb, &limits())
        .expect("a tree");
    thread::sleep(Duration::from_millis(20));
    let user = open(root.path());
    assert_eq!(collect(root.path()), 0, "it is from when `old` was open");
    drop(old);
    assert!(user.blob_path(&used).is_some());
    assert!(tree(&user).expect("an answer").is_some());
    let made = user.put(b"made").expect("a blob");
    assert_eq!(
        collect(root.path()),
        2,
        "the package's blob and the other one"
    );
    assert!(user.blob_path(&unused).is_none());
    for digest in [used, made] {
        user.read_blob(&digest, 10).expect("it stays");
    }
    assert!(tree(&user).expect("an answer").is_some());
    // A writer without its store is somebody, too.
    let writer = user.blob_writer().expect("a writer");
    drop(user);
    assert_eq!(collect(root.path()), 0);
    drop(writer);
    assert_eq!(collect(root.path()), 3);
}

#[test]
fn a_process_that_does_not_say_since_when_it_is_there_holds_everything() {
    let root = tempfile::tempdir().expect("a directory");
    open(root.path()).put(b"bytes").expect("a blob");
    let child = start("half-a-blob", root.path());
    let tmp = root.path().join("tmp");
    for entry in fs::read_dir(&tmp).expect("a directory") {
        let path = entry.expect("an entry").path();
        fs::rename(path, tmp.join("process-aBcDeF")).expect("renamed");
    }
    assert_eq!(collect(root.path()), 0);
    kill(child);
    assert_eq!(collect(root.path()), 1);
}

#[test]
fn what_comes_to_be_used_after_it_was_chosen_stays() {
    let root = tempfile::tempdir().expect("a directory");
    let digest = open(root.path()).put(b"bytes").expect("a blob");
    let collection = collection(root.path());
    let items = collection.items().expect("items");
    assert!(!collection.may_be_in_use(&items[0]));
    assert!(Collection::open(root.path()).expect("an answer").is_none());
    let store = open(root.path());
    assert!(store.blob_path(&digest).is_some());
    assert!(!collection.remove(&items[0]).expect("an answer"));
    store.read_blob(&digest, 10).expect("it stays");
}

#[test]
fn what_was_found_stays_however_much_is_removed_meanwhile() {
    let root = tempfile::tempdir().expect("a directory");
    let over = AtomicBool::new(false);
    let (found, removed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let debs: Vec<Vec<u8>> = (0..3).map(numbered_deb).collect();
    thread::scope(|scope| {
        let users: Vec<_> = (0..3)
            .map(|user| {
                let (root, debs, found) = (root.path(), &debs, &found);
                scope.spawn(move || {
                    for round in 0..60 {
                        let store = open(root);
                        let bytes = &debs[(user + round) % debs.len()];
                        let digest = Sha256Digest::of(bytes);
                        if store.blob_path(&digest).is_some() {
                            found.fetch_add(1, Ordering::Relaxed);
                        } else {
                            store.put(bytes).expect("a blob");
                        }
                        let tree = store.package_tree(&digest, PackageFormat::Deb, &limits());
                        let tree = tree.expect("a tree");
                        thread::sleep(Duration::from_millis(1));
                        let read = store.read_blob(&digest, 1 << 30).expect("it stays");
                        assert_eq!(&read, bytes);
                        let now = tree::read_directory(&tree.directory, RULES).expect("a tree");
                        assert_eq!(now, tree.entries);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let count = collect(root.path());
                removed.fetch_add(count, Ordering::Relaxed);
            }
        });
        let ends: Vec<_> = users.into_iter().map(|user| user.join()).collect();
        over.store(true, Ordering::Relaxed);
        for end in ends {
            end.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    assert!(found.into_inner() > 0, "nobody found anything");
    assert!(removed.into_inner() > 0, "nothing was removed");
    assert_whole(root.path());
}

#[test]
fn killed_collector_leaves_everything_whole_or_gone() {
    let root = tempfile::tempdir().expect("a directory");
    let mut halfway = 0;
    for after in 0..60 {
        // Enough of them, once it is proven that processes are killed in time.
        if after > 5 && halfway > 1 {
            break;
        }
        let store = open(root.path());
        for n in 0..6 {
            let deb = store.put(&numbered_deb(n)).expect("a blob");
            store
                .package_tree(&deb, PackageFormat::Deb, &limits())
                .expect("a tree");
        }
        drop(store);
        let child = start("collect", root.path());
        thread::sleep(Duration::from_millis(2 * after));
        kill(child);
        let (trees, blobs) = (
            count_in(&root.path().join("trees")),
            files_below(&root.path().join("blobs")).len(),
        );
        halfway += usize::from(trees + blobs > 0 && trees + blobs < 12);
        assert_whole(root.path());
        assert_eq!(count_in(&root.path().join("tmp")), 0);
    }
    assert!(halfway > 0, "no process was killed halfway");
}

#[test]
fn what_was_used_last_stands_last() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let deb = store.put(&numbered_deb(1)).expect("a blob");
    store
        .package_tree(&deb, PackageFormat::Deb, &limits())
        .expect("a tree");
    let other = store.put(b"other").expect("a blob");
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for path in [store.blob_path(&deb), store.blob_path(&other)]
        .into_iter()
        .flatten()
        .chain([root
            .path()
            .join(format!("trees/deb1-{}/tree.json", deb.to_hex()))])
    {
        let file = fs::File::open(path).expect("a file");
        file.set_modified(long_ago).expect("a time");
    }
    let is_old = |item: &kmatrix::store::Item| item.used.as_second() == 1_000_000_000;
    assert!(store.items().expect("items").iter().all(is_old));
    store
        .package_tree_record(&deb, PackageFormat::Deb)
        .expect("a tree")
        .expect("there");
    let items = store.items().expect("items");
    assert_eq!(items[2].kind, ItemKind::Tree("deb1".to_owned()));
    assert!(is_old(&items[0]) && is_old(&items[1]) && !is_old(&items[2]));
    store.read_blob(&other, 100).expect("a blob");
    let items = store.items().expect("items");
    assert!(is_old(&items[0]) && items[0].digest == deb);
}

#[test]
fn what_is_corrupt_is_named() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let trees: Vec<PackageTree> = (0..4)
        .map(|n| {
            let deb = store.put(&numbered_deb(n)).expect("a blob");
            store
                .package_tree(&deb, PackageFormat::Deb, &limits())
                .expect("a tree")
        })
        .collect();
    let blob = store.put(b"good").expect("a blob");
    let verification = store.verify().expect("an answer");
    assert_eq!((verification.count, verification.corrupt.len()), (9, 0));

    let path = store.blob_path(&blob).expect("a blob");
    fs::remove_file(&path).expect("removed");
    fs::write(&path, b"evil").expect("written");
    let changed = trees[0].directory.join("usr/src/0/7");
    fs::remove_file(&changed).expect("removed");
    fs::write(&changed, vec![b'b'; 100]).expect("written");
    fs::remove_file(trees[1].directory.join("usr/src/1/8")).expect("removed");
    fs::write(trees[2].directory.join("usr/more"), "").expect("written");
    let mut reasons: Vec<String> = store
        .verify()
        .expect("an answer")
        .corrupt
        .into_iter()
        .map(|(_, reason)| reason)
        .collect();
    reasons.sort();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert!(
        reasons[0].starts_with("`usr/more` does not belong to it"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("`usr/src/0/7` is not what it was"),
        "{reasons:?}"
    );
    assert!(
        reasons[2].starts_with("`usr/src/1/8` cannot be read"),
        "{reasons:?}"
    );
    assert!(
        reasons[3].starts_with("its bytes have sha256:"),
        "{reasons:?}"
    );
}

#[test]
fn living_writer_is_never_swept() {
    let root = tempfile::tempdir().expect("a directory");
    let first = open(root.path());
    let mut writer = first.blob_writer().expect("a writer");
    writer.write_all(b"first half, ").expect("bytes");
    drop(first);
    let child = start("half-a-blob", root.path());
    for _ in 0..10 {
        open(root.path());
    }
    assert_eq!(files_below(&root.path().join("tmp")).len(), 2);
    writer.write_all(b"second half").expect("bytes");
    let (digest, _) = writer.commit(None).expect("a blob");
    assert_eq!(digest, Sha256Digest::of(b"first half, second half"));
    kill(child);
}

#[test]
fn store_opened_and_dropped_by_many_threads_stays_usable() {
    let root = tempfile::tempdir().expect("a directory");
    thread::scope(|scope| {
        for n in 0..8_u8 {
            let root = root.path();
            scope.spawn(move || {
                for m in 0..20_u8 {
                    open(root).put(&[n, m]).expect("a blob");
                }
            });
        }
    });
    assert_eq!(files_below(&root.path().join("blobs")).len(), 160);
    assert_eq!(count_in(&root.path().join("tmp")), 0);
}

#[test]
fn package_unpacked_by_racing_threads_is_one_tree() {
    let root = tempfile::tempdir().expect("a directory");
    let deb = open(root.path()).put(&large_deb()).expect("a blob");
    let barrier = Barrier::new(4);
    let unpack = || {
        let store = open(root.path());
        barrier.wait();
        store
            .package_tree(&deb, PackageFormat::Deb, &limits())
            .expect("a tree")
    };
    let trees: Vec<PackageTree> = thread::scope(|scope| {
        let started: Vec<_> = (0..4).map(|_| scope.spawn(unpack)).collect();
        let ended = started.into_iter().map(|thread| thread.join());
        ended.map(|tree| tree.expect("no panic")).collect()
    });
    assert!(trees.iter().all(|tree| *tree == trees[0]));
    assert_eq!(count_in(&root.path().join("trees")), 1);
    assert_eq!(count_in(&root.path().join("tmp")), 0);
    assert_whole(root.path());
}

#[test]
fn package_unpacked_by_racing_processes_is_one_tree() {
    let root = tempfile::tempdir().expect("a directory");
    open(root.path()).put(&large_deb()).expect("a blob");
    let children: Vec<Child> = (0..3).map(|_| start("unpack", root.path())).collect();
    for mut child in children {
        assert!(child.wait().expect("an end").success());
    }
    assert_eq!(count_in(&root.path().join("trees")), 1);
    assert_eq!(count_in(&root.path().join("tmp")), 0);
    assert_whole(root.path());
}

#[test]
fn package_is_unpacked_once_and_then_opened() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let deb = store.put(&deb(&[file("./usr/a", "text")])).expect("a blob");
    assert_eq!(
        store
            .package_tree_record(&deb, PackageFormat::Deb)
            .expect("no error"),
        None
    );
    let tree = store
        .package_tree(&deb, PackageFormat::Deb, &limits())
        .expect("a tree");
    assert_eq!(tree.digest, tree::digest(&tree.entries));
    assert_eq!(
        fs::read(tree.directory.join("usr/a")).expect("a file"),
        b"text"
    );
    let record = store
        .package_tree_record(&deb, PackageFormat::Deb)
        .expect("no error");
    let record = record.expect("a tree");
    assert_eq!(record.digest, tree.digest);
    assert_eq!(record.directory, tree.directory);
    assert_eq!(record.identity, tree.identity);
    fs::remove_file(store.blob_path(&deb).expect("a blob")).expect("a file");
    assert_eq!(
        store
            .package_tree(&deb, PackageFormat::Deb, &limits())
            .expect("a tree"),
        tree
    );
}

#[test]
fn what_a_package_unpacks_to_is_known_without_a_look_at_its_files() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let deb = store
        .put(&deb(&[
            file("./usr/a", "text"),
            file("./usr/b", "more text"),
        ]))
        .expect("a blob");
    let bytes = || store.unpacked_bytes(&deb, PackageFormat::Deb);
    assert_eq!(bytes().expect("no error"), None);
    let tree = store
        .package_tree(&deb, PackageFormat::Deb, &limits())
        .expect("a tree");
    assert_eq!(bytes().expect("no error"), Some(13));

    // Trees that were made before this was written down have no such line, and are read for it.
    let manifest = tree.directory.with_file_name("tree.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let older = text.replace(r#""bytes":13,"#, "");
    assert_ne!(older, text);
    fs::write(&manifest, older).expect("a manifest");
    assert_eq!(bytes().expect("no error"), Some(13));
    fs::remove_file(manifest.with_file_name("entries.json")).expect("a file");
    bytes().expect_err("nothing says how much it is");
}

#[test]
fn a_blob_opened_as_another_format_is_refused_and_leaves_nothing() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let package = store.put(&deb(&[file("a", "text")])).expect("a blob");
    for format in PackageFormat::ALL {
        let tree = store.package_tree(&package, format, &limits());
        assert_eq!(tree.is_ok(), format == PackageFormat::Deb, "{format}");
        let record = store.package_tree_record(&package, format);
        let record = record.expect("no error");
        assert_eq!(record.is_some(), format == PackageFormat::Deb, "{format}");
    }
    assert_eq!(count_in(&root.path().join("trees")), 1);
}

#[test]
fn tarball_is_unpacked_once_with_and_once_without_its_top_directory() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let bytes = tar(&[file("m-1.0/Kbuild", "obj-m := m.o\n")]);
    let tarball = store.put(&bytes).expect("a blob");
    for (strip, name) in [
        (Strip::Nothing, "m-1.0/Kbuild"),
        (Strip::TopDirectory, "Kbuild"),
    ] {
        let limits = Limits::tarball();
        let tree = store.tarball_tree(&tarball, strip, &limits);
        let tree = tree.expect("a tree");
        assert!(tree.directory.join(name).is_file(), "{name}");
        assert_eq!(tree.digest, tree::digest(&tree.entries));
        let again = store.tarball_tree(&tarball, strip, &limits);
        assert_eq!(again.expect("a tree"), tree);
    }
    assert_eq!(count_in(&root.path().join("trees")), 2);
}

#[test]
fn package_that_is_refused_leaves_nothing() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let bad = deb(&[file("a", "text"), file("../b", "text")]);
    let digest = store.put(&bad).expect("a blob");
    let error = store
        .package_tree(&digest, PackageFormat::Deb, &limits())
        .expect_err("refused");
    let StoreError::Package { source, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(source, PackageError::Climbs { .. }), "{source}");
    assert_eq!(count_in(&root.path().join("trees")), 0);
    assert_eq!(files_below(&root.path().join("tmp")).len(), 0);
}

#[test]
fn tree_with_damaged_manifest_is_refused_and_named() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let deb = store.put(&deb(&[file("a", "text")])).expect("a blob");
    let tree = store
        .package_tree(&deb, PackageFormat::Deb, &limits())
        .expect("a tree");
    let place = tree.directory.parent().expect("the tree's own directory");
    type Damage = fn(&str) -> String;
    let damages: [(&str, Damage); 4] = [
        ("entries.json", |text| text.replace("\"a\"", "\"b\"")),
        ("entries.json", |text| text[..text.len() / 2].to_owned()),
        ("tree.json", |text| {
            text.replace("\"schemaVersion\":1", "\"schemaVersion\":9")
        }),
        ("tree.json", |_| String::new()),
    ];
    for (name, damage) in damages {
        let path = place.join(name);
        let good = fs::read_to_string(&path).expect("a manifest");
        assert_ne!(damage(&good), good);
        fs::write(&path, damage(&good)).expect("a manifest");
        let error = store
            .package_tree(&deb, PackageFormat::Deb, &limits())
            .expect_err("damaged");
        assert!(
            matches!(error, StoreError::CorruptTree { path: ref named, .. } if named == place),
            "{error}"
        );
        assert!(error.hint().is_some_and(|hint| hint.contains("delete")));
        fs::write(&path, good).expect("a manifest");
    }
    store
        .package_tree(&deb, PackageFormat::Deb, &limits())
        .expect("a tree");
}

/// A file system of one MiB, which is unmounted at the end. It takes root, as the tests here do.
struct TinyDisk {
    mounted: tempfile::TempDir,
}

impl TinyDisk {
    fn mount() -> Self {
        let mounted = tempfile::tempdir().expect("a directory");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(mounted.path())
            .status()
            .expect("mount starts");
        assert!(
            status.success(),
            "a tmpfs cannot be mounted: the tests need root"
        );
        Self { mounted }
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.mounted.path()).status();
    }
}

#[test]
fn full_disk_is_reported_as_that_and_leaves_nothing() {
    let disk = TinyDisk::mount();
    let root = disk.mounted.path().join("store");
    let store = open(&root);
    let error = store.put(&vec![1; 2 << 20]).expect_err("full");
    assert!(error.is_full(), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("full")));
    assert_eq!(files_below(&root.join("tmp")).len(), 0);

    let files: Vec<Item> = (0..4)
        .map(|n| file(format!("{n}"), vec![n; 150_000]))
        .collect();
    let package = store.put(&deb(&files)).expect("a blob");
    let error = store
        .package_tree(&package, PackageFormat::Deb, &limits())
        .expect_err("full");
    assert!(error.is_full(), "{error}");
    assert_eq!(files_below(&root.join("tmp")).len(), 0);
    assert_eq!(count_in(&root.join("trees")), 0);
    assert_whole(&root);

    let source = tempfile::tempdir().expect("a directory");
    fs::write(source.path().join("a"), vec![1; 600_000]).expect("a file");
    let entries = tree::read_directory(source.path(), RULES).expect("a tree");
    let error = store
        .source_tree(&entries, source.path())
        .expect_err("full");
    assert!(error.is_full(), "{error}");

    let small = store.put(&deb(&[file("a", "text")])).expect("a blob");
    store
        .package_tree(&small, PackageFormat::Deb, &limits())
        .expect("a tree");
}

/// A module's source with every kind of entry.
fn source() -> tempfile::TempDir {
    let source = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(source.path().join("src/empty")).expect("a directory");
    fs::write(source.path().join("src/module.c"), "int x;\n").expect("a file");
    fs::write(source.path().join("Makefile"), "obj-m := module.o\n").expect("a file");
    std::os::unix::fs::symlink("src/module.c", source.path().join("link")).expect("a link");
    source
}

#[test]
fn source_is_copied_once_and_stays_what_it_was() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let source = source();
    let entries = tree::read_directory(source.path(), RULES).expect("a tree");
    let copy = store.source_tree(&entries, source.path()).expect("a copy");
    assert_eq!(tree::read_directory(&copy, RULES).expect("a tree"), entries);
    fs::write(source.path().join("Makefile"), "changed").expect("a file");
    assert_eq!(
        store.source_tree(&entries, source.path()).expect("a copy"),
        copy
    );
    assert_eq!(tree::read_directory(&copy, RULES).expect("a tree"), entries);
}

#[test]
fn source_that_changes_while_it_is_copied_is_refused() {
    let makefile = |source: &Path| source.join("Makefile");
    let changes: [&dyn Fn(&Path); 6] = [
        &|source| fs::write(makefile(source), "obj-m := madule.o\n").expect("a file"),
        &|source| fs::remove_file(makefile(source)).expect("a file"),
        &|source| {
            fs::rename(makefile(source), source.join("other")).expect("a file");
            std::os::unix::fs::symlink("other", makefile(source)).expect("a link");
        },
        &|source| {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(makefile(source), mode).expect("a mode");
        },
        &|source| {
            fs::remove_file(source.join("link")).expect("a link");
            std::os::unix::fs::symlink("Makefile", source.join("link")).expect("a link");
        },
        &|source| {
            fs::remove_file(makefile(source)).expect("a file");
            let made = Command::new("mkfifo").arg(makefile(source)).status();
            assert!(made.expect("mkfifo starts").success());
        },
    ];
    for change in changes {
        let root = tempfile::tempdir().expect("a directory");
        let store = open(root.path());
        let source = source();
        let entries = tree::read_directory(source.path(), RULES).expect("a tree");
        change(source.path());
        let error = store
            .source_tree(&entries, source.path())
            .expect_err("changed");
        assert!(matches!(error, StoreError::Changed { .. }), "{error}");
        assert_eq!(count_in(&root.path().join("trees")), 0);
        assert_eq!(files_below(&root.path().join("tmp")).len(), 0);
    }
}

#[test]
fn source_entries_cannot_lead_out_of_the_store() {
    let root = tempfile::tempdir().expect("a directory");
    let store = open(root.path());
    let source = source();
    let entry = || Entry::File {
        digest: Sha256Digest::of(b"int x;\n"),
        bytes: 7,
        executable: false,
    };
    for name in ["../a", "/a", "a/../../b", ""] {
        let entries = Entries::from([(name.to_owned(), entry())]);
        let error = store.source_tree(&entries, source.path()).expect_err(name);
        assert!(
            matches!(error, StoreError::BadEntry { .. }),
            "{name}: {error}"
        );
    }
}

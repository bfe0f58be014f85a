//! Evidence archives judged by a policy, as they lie there.

use kmatrix::bundle::{ArchiveWriter, Index, Member, MemberPath, SCHEMA};

use super::*;

/// Writes an archive of files, by their places in it.
fn archive(place: &Place, name: &str, files: &BTreeMap<String, Vec<u8>>) -> PathBuf {
    let member = |(path, bytes): (&String, &Vec<u8>)| Member {
        path: MemberPath::new(path.as_str()).expect("a path"),
        bytes: bytes.len() as u64,
        sha256: Sha256Digest::of(bytes),
        kind: if path.ends_with(".ko") {
            kmatrix::bundle::Kind::Module
        } else {
            kmatrix::bundle::Kind::Attestation
        },
    };
    let index = Index {
        schema_version: SCHEMA,
        release: kmatrix::bundle::Release {
            name: "small".to_owned(),
            run: "r1".to_owned(),
            started: statements::at("2026-06-01T10:00:00Z"),
            plan: Sha256Digest::of(b"plan"),
            lock: Sha256Digest::of(b"lock"),
        },
        signed: false,
        inputs: Vec::new(),
        absent: Vec::new(),
        members: files.iter().map(member).collect(),
    };
    let mut writer = ArchiveWriter::new(Vec::new(), &index, None).expect("memory");
    for (member, bytes) in index.members.iter().zip(files.values()) {
        writer.add(member, &bytes[..]).expect("memory");
    }
    place.write(name, &writer.finish().expect("memory"))
}

/// Returns the files of a release of two cells, one of which has its statements in both forms.
fn release(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let sound = Release::sound(place);
    let mut other = Release::sound(place);
    other.cell = sound.cell.replace("6.12.1-1", "6.12.1-2");
    let mut files = BTreeMap::from([("blobs/00".to_owned(), b"log".to_vec())]);
    for release in [&sound, &other] {
        let folder = format!("release/{}", release.cell);
        files.insert(format!("{folder}/m.ko"), release.module.clone());
        for (kind, payload) in release.statements() {
            let bundle = place.key.bundle(&payload);
            files.insert(format!("{folder}/{kind}.sigstore.json"), bundle);
        }
    }
    for (kind, payload) in whole("small", &[&sound, &other]) {
        let name = format!("release/release.{kind}.sigstore.json");
        files.insert(name, place.key.bundle(&payload));
    }
    files
}

fn judge(place: &Place, arguments: &[&str]) -> Ran {
    let fixed = ["verify", "--policy", "policy.toml", "--format", "json"];
    place.run(&[&fixed[..], arguments].concat())
}

#[test]
fn every_module_of_an_archive_is_judged_where_it_lies() {
    let place = Place::new();
    fs::create_dir(place.path().join("state")).expect("a directory");
    let mut files = release(&place);
    archive(&place, "rel.tar", &files);
    let document = judge(&place, &["rel.tar"]).ends(0).json();
    let modules = document["modules"].as_array().expect("modules");
    assert_eq!(modules.len(), 2);
    for module in modules {
        let path = module["path"].as_str().expect("a path");
        assert!(path.starts_with("rel.tar/release/debian-13/"), "{path}");
        assert_eq!(module["passed"], true);
    }
    let state = fs::read_dir(place.path().join("state")).expect("a directory");
    for one in state {
        let name = one.expect("a file").file_name();
        let is_ledger = name.to_string_lossy().starts_with("ledger");
        assert!(is_ledger, "nothing else is taken in: {name:?}");
    }
    // The path is expected, and what is said of the whole counts for each.
    judge(&place, &["rel.tar", "--expect-kernel", "6.12.2-x"]).ends(41);
    judge(&place, &["rel.tar", "--expect-release", "small"]).ends(0);
    judge(&place, &["rel.tar", "--expect-release", "large"]).ends(41);
    let passed = |document: &Value| -> Vec<bool> {
        let modules = document["modules"].as_array().expect("modules").iter();
        modules.map(|one| one["passed"] == true).collect()
    };
    // What the release promises is missed.
    let cell = files.keys().find(|path| path.ends_with("m.ko")).cloned();
    let folder = cell.expect("a module").replace("m.ko", "");
    let mut fewer = files.clone();
    fewer.retain(|path, _| !path.starts_with(&folder));
    archive(&place, "fewer.tar", &fewer);
    let document = judge(&place, &["fewer.tar"]).ends(42).json();
    assert_eq!(passed(&document), [true]);
    assert_eq!(document["releases"][0]["passed"], false);

    let gone: Vec<String> = files
        .keys()
        .filter(|path| path.contains("comparison"))
        .cloned()
        .collect();
    files.remove(&gone[1]);
    archive(&place, "withheld.tar", &files);
    let ran = judge(&place, &["withheld.tar"]).ends(42);
    assert_eq!(passed(&ran.json()), [true, false]);
}

#[test]
fn an_archive_that_is_damaged_is_refused_and_that_is_recorded() {
    let place = Place::new();
    fs::create_dir(place.path().join("state")).expect("a directory");
    let path = archive(&place, "rel.tar", &release(&place));
    let mut bytes = fs::read(&path).expect("an archive");
    let end = bytes.len() - 2000;
    bytes[end] ^= 1;
    fs::write(&path, bytes).expect("written");
    judge(&place, &["rel.tar"]).ends(41);
    place
        .run(&["bundle", "verify", "rel.tar", "--unsigned"])
        .ends(41);
    let asked = ["query", "--verifications", "--format", "json"];
    let all = place.run(&asked).ends(0).json()["verifications"].clone();
    let broken: Vec<&Value> = all
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["broken"][0]["rule"] == "archive")
        .collect();
    assert_eq!(broken.len(), 2, "{all}");
    assert_eq!(broken[1]["command"], "bundle-verify");
    assert!(broken.iter().all(|one| one["passed"] == false));
}

#[test]
fn a_file_that_is_no_archive_is_called_that() {
    let place = Place::new();
    let other = Command::new("tar")
        .args(["--create", "--file", "other.tar", "policy.toml"])
        .current_dir(place.path())
        .status();
    assert!(other.expect("tar runs").success());
    place.write("text.tar", b"no tar");
    for (name, what) in [
        ("other.tar", "a tar of something else"),
        ("text.tar", "no tar"),
    ] {
        let ran = judge(&place, &[name]).ends(2);
        let stderr = String::from_utf8_lossy(&ran.0.stderr).into_owned();
        let said = format!("`{name}` is no evidence archive: it is {what}");
        assert!(stderr.contains(&said), "{stderr}");
    }
    for command in [
        &["verify", "none.tar", "--policy", "policy.toml"][..],
        &["bundle", "verify", "none.tar", "--unsigned"],
        &["bundle", "list", "none.tar"],
        &["bundle", "import", "none.tar", "--unsigned"],
        &[
            "audit",
            "none.tar",
            "--unsigned",
            "--no-sign",
            "--sample",
            "1",
        ],
        &["push", "none", "127.0.0.1:1/none"],
    ] {
        place.run(command).ends(21);
    }
    assert!(
        !place.path().join("state").exists(),
        "nothing is made for it"
    );
}

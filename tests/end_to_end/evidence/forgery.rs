//! Archives that are taken apart and put together again as their own maker could: every digest and every
//! check is right, and what they say is not.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::bundle::{ArchiveWriter, Index, Kind, Member, MemberPath};
use kmatrix::digest::Sha256Digest;
use serde_json::Value;

pub const LEDGER: &str = "ledger.jsonl";

/// An archive that is being changed.
#[derive(Clone)]
pub struct Forgery {
    pub index: Index,
    members: BTreeMap<String, (Kind, Vec<u8>)>,
}

impl Forgery {
    pub fn of(archive: &[u8]) -> Self {
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).expect("read");
            found.insert(path, contents);
        }
        let index: Index = serde_json::from_slice(&found["index.json"]).expect("an index");
        let members = index.members.iter().map(|member| {
            let path = member.path.to_string();
            let contents = found[&path].clone();
            (path, (member.kind, contents))
        });
        Self {
            members: members.collect(),
            index: Index {
                signed: false,
                ..index
            },
        }
    }

    /// Returns the archive, signed by nobody.
    pub fn bytes(&self) -> Vec<u8> {
        let mut index = self.index.clone();
        index.members = self
            .members
            .iter()
            .map(|(path, (kind, contents))| Member {
                path: MemberPath::new(path.as_str()).expect("a path"),
                bytes: contents.len() as u64,
                sha256: Sha256Digest::of(contents),
                kind: *kind,
            })
            .collect();
        let mut made = ArchiveWriter::new(Vec::new(), &index, None).expect("it begins");
        for member in &index.members {
            let (_, contents) = &self.members[member.path.as_str()];
            made.add(member, &contents[..]).expect("a member");
        }
        made.finish().expect("it ends")
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Returns the one path that begins and ends so.
    pub fn path(&self, begins: &str, ends: &str) -> String {
        let found: Vec<&str> = self
            .paths()
            .filter(|path| path.starts_with(begins) && path.ends_with(ends))
            .collect();
        let [path] = found[..] else {
            panic!("`{begins}…{ends}`: {found:?}");
        };
        path.to_owned()
    }

    pub fn contents(&self, path: &str) -> &[u8] {
        let found = self.members.get(path);
        &found.unwrap_or_else(|| panic!("there is no `{path}`")).1
    }

    pub fn put(&mut self, path: &str, kind: Kind, contents: &[u8]) {
        self.members
            .insert(path.to_owned(), (kind, contents.to_vec()));
    }

    /// Puts a file under its digest, which is returned.
    pub fn blob(&mut self, kind: Kind, contents: &[u8]) -> Sha256Digest {
        let digest = Sha256Digest::of(contents);
        self.put(&format!("blobs/{}", digest.to_hex()), kind, contents);
        digest
    }

    pub fn remove(&mut self, path: &str) -> Vec<u8> {
        let found = self.members.remove(path);
        found.unwrap_or_else(|| panic!("there is no `{path}`")).1
    }

    pub fn remove_kind(&mut self, unwanted: Kind) {
        self.members.retain(|_, (kind, _)| *kind != unwanted);
    }

    /// Changes a member as text.
    pub fn text(&mut self, path: &str, change: impl Fn(&str) -> String) {
        let text = String::from_utf8(self.contents(path).to_vec()).expect("text");
        let changed = change(&text);
        assert_ne!(changed, text, "something is changed in `{path}`");
        let (_, contents) = self.members.get_mut(path).expect("a member");
        *contents = changed.into_bytes();
    }

    /// Changes the records.
    pub fn rows(&mut self, change: impl Fn(&mut Vec<Value>)) {
        self.text(LEDGER, |text| {
            let mut rows: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).expect("a row"))
                .collect();
            change(&mut rows);
            rows.iter().map(|row| format!("{row}\n")).collect()
        });
    }

    /// Changes every record of a kind.
    pub fn each(&mut self, kind: &str, change: impl Fn(&mut Value)) {
        self.rows(|rows| {
            let wanted = rows.iter_mut().filter(|row| row["row"] == kind);
            let mut count = 0;
            for row in wanted {
                change(&mut row["record"]);
                count += 1;
            }
            assert!(count > 0, "there is no `{kind}`");
        });
    }

    /// Leaves out every record of these kinds.
    pub fn without(&mut self, kinds: &[&str]) {
        self.rows(|rows| {
            rows.retain(|row| !kinds.contains(&row["row"].as_str().expect("a kind")));
        });
    }

    /// Changes a statement of a kind, in both of its forms and in its record. No signature is right then.
    pub fn statement(&mut self, word: &str, change: impl Fn(&mut Value)) {
        let envelope = self.path("release/debian", &format!("/{word}.dsse.json"));
        let bundle = self.path("release/debian", &format!("/{word}.sigstore.json"));
        let digests = |forgery: &Self| {
            [&envelope, &bundle].map(|path| Sha256Digest::of(forgery.contents(path)))
        };
        let before = digests(self);
        let mut made: Value = serde_json::from_slice(self.contents(&envelope)).expect("JSON");
        let payload = made["payload"].as_str().expect("a payload").to_owned();
        let bytes = STANDARD.decode(&payload).expect("base64");
        let mut statement: Value = serde_json::from_slice(&bytes).expect("a statement");
        change(&mut statement);
        let bytes = serde_json::to_vec(&statement).expect("JSON");
        made["payload"] = STANDARD.encode(&bytes).into();
        let text = serde_json::to_vec(&made).expect("JSON");
        self.put(&envelope, Kind::Attestation, &text);
        let mut made: Value = serde_json::from_slice(self.contents(&bundle)).expect("JSON");
        made["dsseEnvelope"]["payload"] = STANDARD.encode(&bytes).into();
        let text = serde_json::to_vec(&made).expect("JSON");
        self.put(&bundle, Kind::Attestation, &text);
        let [of_envelope, of_bundle] = digests(self);
        let now = Sha256Digest::of(&bytes).to_string();
        self.rows(|rows| {
            let is_it = |row: &&mut Value| row["record"]["envelope"] == before[0].to_string();
            let row = rows.iter_mut().find(is_it).expect("a record");
            row["record"]["payload"] = now.clone().into();
            row["record"]["envelope"] = of_envelope.to_string().into();
            row["record"]["bundle"] = of_bundle.to_string().into();
        });
    }
}

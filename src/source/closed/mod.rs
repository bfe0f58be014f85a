//! Closed inputs: files among the sources that were compiled elsewhere, or that hide such bytes.
//!
//! [`look`] reads one file while it is hashed; [`find`] puts the looks of a tree together;
//! [`declare`] holds what was found against what the matrix declares. What is looked for is the one
//! table [`RULES`].

mod declared;
mod encoded;
mod look;
mod numbers;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::tree::{Entries, Entry};

pub use declared::{Declaration, DeclarationError, declare};
pub use look::{Look, look};
pub use rules::{Certainty, RULES, Rule};

/// A file among the sources that was compiled elsewhere, or that may hide such bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClosedInput {
    pub path: String,
    pub digest: Sha256Digest,
    /// The rule that found it, by its id; records of older versions name none.
    #[serde(default)]
    pub rule: String,
    #[serde(default)]
    pub certainty: Certainty,
    /// Why it counts as prebuilt.
    pub reason: String,
    /// The reason that the matrix gives for it, if it declares these very bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<String>,
}

/// Puts the looks at a tree's files together; ordered by path.
pub fn find(entries: &Entries, looks: &BTreeMap<String, Look>) -> Vec<ClosedInput> {
    let linked = linked_in(looks);
    looks
        .iter()
        .filter_map(|(path, look)| {
            let rule = look
                .rule
                .or_else(|| linked.contains(path.as_str()).then_some(&rules::LINKED_IN))
                .or(look.suspicion)?;
            let Some(Entry::File { digest, .. }) = entries.get(path) else {
                return None;
            };
            Some(ClosedInput {
                path: path.clone(),
                digest: *digest,
                rule: rule.id.to_owned(),
                certainty: rule.certainty,
                reason: rule.why.to_owned(),
                declared: None,
            })
        })
        .collect()
}

/// Returns the files that are no text and that a source names as bytes to take in as they are.
///
/// Where such a name is searched for depends on the build, so every file that it can mean counts.
fn linked_in(looks: &BTreeMap<String, Look>) -> BTreeSet<&str> {
    let mut by_last: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, look) in looks {
        if look.is_binary {
            let last = path.rsplit('/').next().unwrap_or(path);
            by_last.entry(last).or_default().push(path);
        }
    }
    let mut linked = BTreeSet::new();
    for name in looks.values().flat_map(|look| &look.links) {
        let wanted: Vec<&str> = name
            .split('/')
            .filter(|part| !matches!(*part, "" | "." | ".."))
            .collect();
        let Some(last) = wanted.last() else {
            continue;
        };
        let wanted = wanted.join("/");
        for path in by_last.get(last).into_iter().flatten() {
            if **path == wanted || path.ends_with(&format!("/{wanted}")) {
                linked.insert(*path);
            }
        }
    }
    linked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &[u8])]) -> Vec<(String, String)> {
        let mut entries = Entries::new();
        let mut looks = BTreeMap::new();
        for (name, bytes) in files {
            let entry = Entry::File {
                digest: Sha256Digest::of(bytes),
                bytes: bytes.len() as u64,
                executable: false,
            };
            entries.insert((*name).to_owned(), entry);
            let look = look(name, &mut &bytes[..]).expect("memory");
            looks.insert((*name).to_owned(), look);
        }
        find(&entries, &looks)
            .into_iter()
            .map(|input| (input.path, input.rule))
            .collect()
    }

    #[test]
    fn what_a_source_takes_in_as_it_is_is_found_wherever_it_stands() {
        let picture = b"\x89PNG\r\n\x1a\n\0\0";
        for code in [
            &b"\t.incbin \"fw/core.png\"\n"[..],
            b"asm(\".incbin \\\"fw/core.png\\\"\\n\");\n",
            b"static const u8 fw[] = {\n#embed \"../fw/core.png\"\n};\n",
            b"static FW: &[u8] = include_bytes!(\"core.png\");\n",
        ] {
            let files: [(&str, &[u8]); 3] = [
                ("src/fw.S", code),
                ("src/fw/core.png", picture),
                ("other.png", picture),
            ];
            assert_eq!(
                found(&files),
                [("src/fw/core.png".to_owned(), "linked-in".to_owned())],
                "{}",
                code.escape_ascii()
            );
        }
        let text: [(&str, &[u8]); 2] = [("fw.S", b".incbin \"a.txt\"\n"), ("a.txt", b"words\n")];
        assert_eq!(found(&text), [], "text is source");
    }

    #[test]
    fn records_of_older_versions_are_read() {
        let old = r#"{"path":"a.o","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","reason":"it is an ELF file"}"#;
        let input: ClosedInput = serde_json::from_str(old).expect("a record");
        assert_eq!(input.certainty, Certainty::Certain);
        assert_eq!(input.declared, None);
    }
}

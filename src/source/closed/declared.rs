//! What the matrix declares, held against what was found.

use super::ClosedInput;
use super::rules::Certainty;
use crate::digest::Sha256Digest;
use crate::document::Place;
use crate::tree::{Entries, Entry};

/// One closed input as a matrix declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Relative to the source.
    pub path: String,
    pub sha256: Sha256Digest,
    pub reason: String,
    /// Where it stands in the matrix.
    pub place: Place,
}

/// Says that a declaration does not hold any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    #[error("the closed input `{path}` is declared, and the source has no such file")]
    MatchesNothing { path: String, place: Place },
    #[error("the closed input `{path}` is declared with {declared}, and the file has {found}")]
    OtherBytes {
        path: String,
        declared: Sha256Digest,
        found: Sha256Digest,
        place: Place,
    },
}

impl DeclarationError {
    /// Returns where the declaration stands in the matrix.
    pub fn place(&self) -> Place {
        match self {
            Self::MatchesNothing { place, .. } | Self::OtherBytes { place, .. } => *place,
        }
    }

    /// Says what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::MatchesNothing { .. } => "remove the declaration, or correct its `path`",
            Self::OtherBytes { .. } => {
                "find out who changed the file, and declare the new digest only if you trust it"
            }
        }
    }
}

/// Marks what is declared, and returns every declaration that does not hold.
///
/// A declared file counts as a closed input even if no rule finds it: whoever declares it knows.
pub fn declare(
    found: &mut Vec<ClosedInput>,
    entries: &Entries,
    declarations: &[Declaration],
) -> Vec<DeclarationError> {
    let mut errors = Vec::new();
    for declaration in declarations {
        let path = &declaration.path;
        let Some(Entry::File { digest, .. }) = entries.get(path) else {
            errors.push(DeclarationError::MatchesNothing {
                path: path.clone(),
                place: declaration.place,
            });
            continue;
        };
        if *digest != declaration.sha256 {
            errors.push(DeclarationError::OtherBytes {
                path: path.clone(),
                declared: declaration.sha256,
                found: *digest,
                place: declaration.place,
            });
            continue;
        }
        let reason = Some(declaration.reason.clone());
        match found.iter_mut().find(|input| input.path == *path) {
            Some(input) => input.declared = reason,
            None => found.push(ClosedInput {
                path: path.clone(),
                digest: *digest,
                rule: "declared".to_owned(),
                certainty: Certainty::Certain,
                reason: "the matrix says so".to_owned(),
                declared: reason,
            }),
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(path: &str, bytes: &[u8]) -> Declaration {
        Declaration {
            path: path.to_owned(),
            sha256: Sha256Digest::of(bytes),
            reason: "the vendor's".to_owned(),
            place: Place { line: 4, column: 2 },
        }
    }

    fn entries() -> Entries {
        let file = |bytes: &[u8]| Entry::File {
            digest: Sha256Digest::of(bytes),
            bytes: bytes.len() as u64,
            executable: false,
        };
        Entries::from([
            ("core.o".to_owned(), file(b"\x7fELF")),
            ("main.c".to_owned(), file(b"int x;\n")),
            ("sub".to_owned(), Entry::Directory),
        ])
    }

    fn found() -> Vec<ClosedInput> {
        vec![ClosedInput {
            path: "core.o".to_owned(),
            digest: Sha256Digest::of(b"\x7fELF"),
            rule: "elf".to_owned(),
            certainty: Certainty::Certain,
            reason: "it is an ELF file".to_owned(),
            declared: None,
        }]
    }

    #[test]
    fn a_declaration_covers_the_very_bytes_and_no_others() {
        let mut inputs = found();
        let errors = declare(
            &mut inputs,
            &entries(),
            &[declaration("core.o", b"\x7fELF")],
        );
        assert_eq!(errors, []);
        assert_eq!(inputs[0].declared.as_deref(), Some("the vendor's"));

        let mut inputs = found();
        let errors = declare(&mut inputs, &entries(), &[declaration("core.o", b"other")]);
        assert!(matches!(errors[..], [DeclarationError::OtherBytes { .. }]));
        assert_eq!(inputs[0].declared, None);
    }

    #[test]
    fn a_declaration_that_matches_nothing_is_told() {
        for path in ["gone.o", "sub"] {
            let mut inputs = found();
            let errors = declare(&mut inputs, &entries(), &[declaration(path, b"")]);
            assert!(
                matches!(errors[..], [DeclarationError::MatchesNothing { .. }]),
                "{path}"
            );
            assert_eq!(inputs, found());
        }
    }

    #[test]
    fn what_is_declared_counts_though_no_rule_finds_it() {
        let mut inputs = found();
        let errors = declare(
            &mut inputs,
            &entries(),
            &[declaration("main.c", b"int x;\n")],
        );
        assert_eq!(errors, []);
        assert_eq!(inputs.len(), 2);
        assert_eq!(inputs[1].path, "main.c");
        assert!(inputs[1].declared.is_some());
    }
}

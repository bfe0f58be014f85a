//! What is looked for in ledgers: by source, image, package, signer, module, kernel and time.

use jiff::Timestamp;

use crate::digest::Sha256Digest;
use crate::ledger::{BuiltCell, CellAttestation, CellPackage, Origin, TimeFrom};

/// A package by name, by name and version, or by digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageWanted {
    Named(String),
    Version(String, String),
    Digest(Sha256Digest),
}

impl std::str::FromStr for PackageWanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(digest) = text.parse() {
            return Ok(Self::Digest(digest));
        }
        match text.split_once('=') {
            Some((name, version)) if !name.is_empty() && !version.is_empty() => {
                Ok(Self::Version(name.to_owned(), version.to_owned()))
            }
            None if !text.is_empty() && !text.starts_with("sha256:") => {
                Ok(Self::Named(text.to_owned()))
            }
            Some(_) | None => Err(format!(
                "`{text}` is none of a package's name, `name=version` and `sha256:` with 64 digits"
            )),
        }
    }
}

/// What is looked for. Everything that is named must hold; nothing named finds every cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// A commit, or at least seven digits that it begins with.
    pub commit: Option<String>,
    pub source_tree: Option<Sha256Digest>,
    /// An image's name, or the digest of its configuration.
    pub image: Option<String>,
    pub package: Option<PackageWanted>,
    /// Who signed a statement about the cell, or the archive that it came in: whole, or a part.
    pub signer: Option<String>,
    /// True if signers count too that records merely name.
    pub unverified: bool,
    /// A module's digest, as built or as shipped.
    pub module: Option<Sha256Digest>,
    /// A kernel release, whole.
    pub kernel: Option<String>,
    /// When it was signed if a signer is named, and otherwise when its run began.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Question {
    /// Returns true if nothing of what a cell was made from speaks against it.
    pub(super) fn holds_early(&self, cell: &BuiltCell) -> bool {
        let commit = self.commit.as_deref().is_none_or(|wanted| {
            let known = cell.commit.as_deref().unwrap_or_default();
            known == wanted || (wanted.len() >= 7 && known.starts_with(wanted))
        });
        let image = self
            .image
            .as_deref()
            .is_none_or(|wanted| wanted == cell.image_name || wanted.parse() == Ok(cell.image));
        let package = self
            .package
            .as_ref()
            .is_none_or(|wanted| cell.packages.iter().any(|package| wanted.is(package)));
        let kernel = self.kernel.as_deref();
        let tree = self.source_tree;
        let time = self.signer.is_some() || self.is_in_time(cell.started);
        commit
            && image
            && package
            && kernel.is_none_or(|wanted| cell.cell.kernel_release.as_str() == wanted)
            && tree.is_none_or(|wanted| cell.source_tree == wanted)
            && time
    }

    /// Returns true if nothing of what came of a cell speaks against it.
    pub(super) fn holds_late(&self, cell: &BuiltCell) -> bool {
        let module = self.module.is_none_or(|wanted| {
            let mut attestations = cell.attestations.iter();
            cell.modules.iter().any(|module| module.sha256 == wanted)
                || attestations.any(|one| one.subjects.contains(&wanted))
        });
        module && (self.signer.is_none() || self.signed(cell).next().is_some())
    }

    /// Returns by whose word a cell is in the window, the best if it is by several; `None` if no window
    /// is asked for.
    pub(super) fn in_window_by(&self, cell: &BuiltCell) -> Option<TimeFrom> {
        if self.since.is_none() && self.until.is_none() {
            return None;
        }
        match (&self.signer, &cell.origin) {
            (Some(_), _) => self.signed(cell).min(),
            (None, Origin::Own) => Some(TimeFrom::Observed),
            (None, Origin::Archive { .. }) => Some(TimeFrom::Claimed),
        }
    }

    /// Returns whose word the time of every signature is that was asked for and is in the window. When a
    /// run of somebody else began is what they say.
    fn signed(&self, cell: &BuiltCell) -> impl Iterator<Item = TimeFrom> {
        let wanted = |signer: &str| {
            let text = self.signer.as_deref();
            text.is_some_and(|text| signer.contains(text))
        };
        let is_asked =
            move |one: &CellAttestation| (one.verified || self.unverified) && wanted(&one.signer);
        let of_archive = match &cell.origin {
            Origin::Archive {
                signer: Some(signer),
                signed,
                ..
            } if wanted(signer) => Some(match signed {
                Some(signed) => (*signed, TimeFrom::Verified),
                None => (cell.started, TimeFrom::Claimed),
            }),
            Origin::Archive { .. } | Origin::Own => None,
        };
        cell.attestations
            .iter()
            .filter(move |one| is_asked(one))
            .map(|one| (one.signed, one.signed_by_word_of))
            .chain(of_archive)
            .filter(|(time, _)| self.is_in_time(*time))
            .map(|(_, from)| from)
    }

    fn is_in_time(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time <= until)
    }
}

impl PackageWanted {
    fn is(&self, package: &CellPackage) -> bool {
        match self {
            Self::Named(name) => package.name == *name,
            Self::Version(name, version) => package.name == *name && package.version == *version,
            Self::Digest(digest) => package.sha256 == *digest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{CellAttestation, CellModule};

    fn cell() -> BuiltCell {
        let time = "2026-11-20T00:00:00Z".parse().expect("a time");
        BuiltCell {
            origin: Origin::Archive {
                digest: Sha256Digest::of(b"archive"),
                release: "nightly".to_owned(),
                signer: Some("key:aa".to_owned()),
                signed: None,
            },
            run: "r1".to_owned(),
            started: time,
            matrix: "m.toml".to_owned(),
            cell: "debian-12/amd64/6.1.0-1-amd64=1/m".parse().expect("an id"),
            inputs: Sha256Digest::of(b"inputs"),
            source_tree: Sha256Digest::of(b"tree"),
            commit: Some("0123456789abcdef".to_owned()),
            image: Sha256Digest::of(b"image"),
            image_name: "bookworm".to_owned(),
            packages: vec![CellPackage {
                name: "linux-headers".to_owned(),
                version: "6.1-1".to_owned(),
                sha256: Sha256Digest::of(b"package"),
            }],
            modules: vec![CellModule {
                path: "m.ko".to_owned(),
                sha256: Sha256Digest::of(b"built"),
            }],
            attestations: vec![
                signed_by("key:bb", true, TimeFrom::Verified),
                signed_by("key:dd", false, TimeFrom::Claimed),
            ],
            in_window_by: None,
        }
    }

    fn signed_by(signer: &str, verified: bool, from: TimeFrom) -> CellAttestation {
        CellAttestation {
            predicate_type: "t".to_owned(),
            payload: Sha256Digest::of(b"payload"),
            signer: signer.to_owned(),
            verified,
            signed: "2026-11-21T00:00:00Z".parse().expect("a time"),
            signed_by_word_of: from,
            subjects: vec![Sha256Digest::of(b"shipped")],
        }
    }

    #[test]
    fn a_window_says_by_whose_word_a_cell_is_in_it() {
        let own = || BuiltCell {
            origin: Origin::Own,
            ..cell()
        };
        let timed = || {
            let mut cell = cell();
            if let Origin::Archive { signed, .. } = &mut cell.origin {
                *signed = Some("2026-11-21T01:00:00Z".parse().expect("a time"));
            }
            cell
        };
        for (cell, signer, unverified, by) in [
            (own(), None, false, Some(TimeFrom::Observed)),
            (cell(), None, false, Some(TimeFrom::Claimed)),
            (cell(), Some("key:bb"), false, Some(TimeFrom::Verified)),
            (cell(), Some("key:aa"), false, Some(TimeFrom::Claimed)),
            (timed(), Some("key:aa"), false, Some(TimeFrom::Verified)),
            (cell(), Some("key:dd"), true, Some(TimeFrom::Claimed)),
            (cell(), Some("key:dd"), false, None),
        ] {
            let question = Question {
                signer: signer.map(str::to_owned),
                unverified,
                since: Some("2026-11-19T00:00:00Z".parse().expect("a time")),
                ..Question::default()
            };
            assert_eq!(question.in_window_by(&cell), by, "{signer:?}");
            let always = Question {
                since: None,
                ..question
            };
            assert_eq!(always.in_window_by(&cell), None);
        }
    }

    #[test]
    fn every_condition_must_hold() {
        let text = |text: &str| Some(text.to_owned());
        let time = |text: &str| Some(text.parse().expect("a time"));
        let package = |text: &str| Some(text.parse().expect("a package"));
        let digest = |bytes: &[u8]| Some(Sha256Digest::of(bytes));
        let by_digest = Sha256Digest::of(b"package").to_string();
        type Ask<'a> = &'a dyn Fn(&mut Question);
        let rows: &[(Ask, bool)] = &[
            (&|_| {}, true),
            (&|q| q.commit = text("0123456"), true),
            (&|q| q.commit = text("012345"), false),
            (&|q| q.commit = text("123456789"), false),
            (&|q| q.source_tree = digest(b"tree"), true),
            (&|q| q.source_tree = digest(b"other"), false),
            (&|q| q.image = text("bookworm"), true),
            (&|q| q.image = text("book"), false),
            (&|q| q.package = package("linux-headers"), true),
            (&|q| q.package = package("linux-headers=6.1-1"), true),
            (&|q| q.package = package("linux-headers=6.1-2"), false),
            (&|q| q.package = package(&by_digest), true),
            (&|q| q.module = digest(b"built"), true),
            (&|q| q.module = digest(b"shipped"), true),
            (&|q| q.module = digest(b"other"), false),
            (&|q| q.kernel = text("6.1.0-1-amd64"), true),
            (&|q| q.kernel = text("6.1.0"), false),
            (&|q| q.signer = text("key:aa"), true),
            (&|q| q.signer = text("key:bb"), true),
            (&|q| q.signer = text("key:cc"), false),
            (&|q| q.signer = text("key:dd"), false),
            (
                &|q| {
                    q.signer = text("key:dd");
                    q.unverified = true;
                },
                true,
            ),
            (&|q| q.since = time("2026-11-21T00:00:00Z"), false),
            (&|q| q.until = time("2026-11-19T00:00:00Z"), false),
            (
                &|q| {
                    q.signer = text("key:bb");
                    q.since = time("2026-11-21T00:00:00Z");
                },
                true,
            ),
            (
                &|q| {
                    q.signer = text("key:bb");
                    q.until = time("2026-11-20T00:00:00Z");
                },
                false,
            ),
        ];
        for (ask, holds) in rows {
            let mut question = Question::default();
            ask(&mut question);
            let cell = cell();
            let found = question.holds_early(&cell) && question.holds_late(&cell);
            assert_eq!(found, *holds, "{question:?}");
        }
    }

    #[test]
    fn packages_are_named_in_three_ways_and_no_other() {
        for (text, good) in [
            ("linux-headers", true),
            ("linux-headers=6.1-1", true),
            ("", false),
            ("=1", false),
            ("a=", false),
            ("sha256:00", false),
        ] {
            assert_eq!(text.parse::<PackageWanted>().is_ok(), good, "{text}");
        }
    }
}

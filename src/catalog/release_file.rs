//! Release files (repository format of Debian's wiki, "Release files"): what a suite says of
//! itself, and whether that may be taken as its present state.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::deb822::{Stanza, StanzaError, StanzaLimits};
use super::facts::SuiteFacts;
use crate::digest::Sha256Digest;
use crate::name::Suite;

const MOST_BYTES: usize = 16 << 20;
const MOST_FILES: usize = 200_000;
const LIMITS: StanzaLimits = StanzaLimits {
    fields: 64,
    line: 4096,
};

/// How far an archive's clock may be ahead of this machine's.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a suite says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFile {
    pub origin: Option<String>,
    pub suite: Option<String>,
    pub codename: Option<String>,
    pub date: Timestamp,
    pub valid_until: Option<Timestamp>,
    /// Whether indexes can be had under their own digests.
    pub by_hash: bool,
    pub components: Vec<String>,
    pub architectures: Vec<String>,
    /// Whether packages of architecture `all` stand in an index of their own only.
    pub separate_all: bool,
    /// By path relative to the suite's directory.
    pub files: BTreeMap<String, IndexFile>,
}

/// One file that a Release file vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexFile {
    pub sha256: Sha256Digest,
    pub bytes: u64,
}

/// Says why a text is no Release file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseFileError {
    #[error("it has more than {MOST_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Stanza(#[from] StanzaError),
    #[error("`{field}` is no date: `{text}`")]
    Date { field: &'static str, text: String },
    #[error("`{field}` is neither `yes` nor `no`: `{text}`")]
    YesOrNo { field: &'static str, text: String },
    #[error("`SHA256` has the line `{line}`, which is no digest, size and path")]
    File { line: String },
    #[error("`SHA256` names `{path}` twice, with different digests")]
    TwoDigests { path: String },
    #[error("`SHA256` names more than {MOST_FILES} files")]
    TooManyFiles,
}

/// Says why a Release file, authentic as it is, is not the present state of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseRefused {
    #[error("it is of the suite `{found}`, not of `{wanted}`")]
    OtherSuite { wanted: Suite, found: String },
    #[error("it is dated {date}, in the future")]
    FromTheFuture { date: Timestamp },
    #[error("it was valid until {valid_until} only")]
    Expired { valid_until: Timestamp },
    #[error("it does not say until when it is valid")]
    NoValidUntil,
    #[error("it is dated {date}, older than the state of {seen} that was seen before")]
    RolledBack { date: Timestamp, seen: Timestamp },
}

/// The decisions that a state was taken by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Checks that were turned off, each with its reason.
    pub exceptions: Vec<String>,
    /// Decisions to turn a check off that would have passed.
    pub unneeded: Vec<String>,
}

impl ReleaseFile {
    /// Parses the signed text of a Release file.
    pub fn parse(text: &str) -> Result<Self, ReleaseFileError> {
        if text.len() > MOST_BYTES {
            return Err(ReleaseFileError::TooLarge);
        }
        let stanza = Stanza::parse(text, LIMITS)?;
        let owned = |field| stanza.get(field).map(str::to_owned);
        let words = |field| -> Vec<String> {
            let value = stanza.get(field).unwrap_or("");
            value.split_whitespace().map(str::to_owned).collect()
        };
        let architectures = words("Architectures");
        let without_all = words("No-Support-for-Architecture-all");
        Ok(Self {
            origin: owned("Origin"),
            suite: owned("Suite"),
            codename: owned("Codename"),
            date: date("Date", stanza.require("Date")?)?,
            valid_until: stanza
                .get("Valid-Until")
                .map(|text| date("Valid-Until", text))
                .transpose()?,
            by_hash: match stanza.get("Acquire-By-Hash") {
                None => false,
                Some("yes") => true,
                Some("no") => false,
                Some(text) => {
                    return Err(ReleaseFileError::YesOrNo {
                        field: "Acquire-By-Hash",
                        text: text.to_owned(),
                    });
                }
            },
            components: words("Components"),
            separate_all: architectures.iter().any(|arch| arch == "all")
                && !without_all.iter().any(|index| index == "Packages"),
            architectures,
            files: files(stanza.require("SHA256")?)?,
        })
    }

    /// Checks that this is the present state of the suite that was asked for.
    ///
    /// `seen` is the date of the state that was recorded before.
    pub fn check(
        &self,
        facts: &SuiteFacts,
        now: Timestamp,
        seen: Option<Timestamp>,
    ) -> Result<Checked, ReleaseRefused> {
        let named = |name: &Option<String>| name.as_deref() == Some(facts.suite.as_str());
        if !named(&self.codename) && !named(&self.suite) {
            let found = self.codename.as_ref().or(self.suite.as_ref());
            return Err(ReleaseRefused::OtherSuite {
                wanted: facts.suite.clone(),
                found: found.cloned().unwrap_or_default(),
            });
        }
        check_date(self.date, now, seen)?;
        let fresh = || Checked {
            exceptions: Vec::new(),
            unneeded: match &facts.waivers.expired {
                Some(_) => vec!["accept-expired: the Release file is not expired".to_owned()],
                None => Vec::new(),
            },
        };
        let Some(valid_until) = self.valid_until else {
            return if facts.valid_until_required {
                Err(ReleaseRefused::NoValidUntil)
            } else {
                Ok(fresh())
            };
        };
        if now <= valid_until {
            return Ok(fresh());
        }
        let today = TimeZone::UTC.to_datetime(now).date();
        match &facts.waivers.expired {
            Some(waiver) if waiver.holds(today) => Ok(Checked {
                exceptions: vec![format!(
                    "expired: valid until {valid_until} only, taken all the same: {}",
                    waiver.reason
                )],
                unneeded: Vec::new(),
            }),
            Some(_) | None => Err(ReleaseRefused::Expired { valid_until }),
        }
    }

    /// Returns true if the suite has a component, which some archives write with a prefix
    /// (`updates/main`).
    pub fn has_component(&self, wanted: &str) -> bool {
        self.components
            .iter()
            .any(|component| component.rsplit('/').next() == Some(wanted) || component == wanted)
    }
}

/// Checks that a state is not from the future, and not older than one that was seen before.
pub(super) fn check_date(
    date: Timestamp,
    now: Timestamp,
    seen: Option<Timestamp>,
) -> Result<(), ReleaseRefused> {
    if date.duration_since(now) > SKEW {
        return Err(ReleaseRefused::FromTheFuture { date });
    }
    match seen.filter(|seen| date < *seen) {
        Some(seen) => Err(ReleaseRefused::RolledBack { date, seen }),
        None => Ok(()),
    }
}

/// Parses a date such as `Sat, 11 Jul 2026 10:16:37 UTC`.
fn date(field: &'static str, text: &str) -> Result<Timestamp, ReleaseFileError> {
    let refused = || ReleaseFileError::Date {
        field,
        text: text.chars().take(80).collect(),
    };
    let local = ["UTC", "GMT", "+0000", "Z"]
        .iter()
        .find_map(|zone| text.strip_suffix(zone))
        .ok_or_else(refused)?;
    DateTime::strptime("%a, %d %b %Y %H:%M:%S", local.trim_end())
        .and_then(|date| TimeZone::UTC.to_timestamp(date))
        .map_err(|_| refused())
}

fn files(list: &str) -> Result<BTreeMap<String, IndexFile>, ReleaseFileError> {
    let mut files = BTreeMap::new();
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let refused = || ReleaseFileError::File {
            line: line.trim().chars().take(120).collect(),
        };
        let [digest, bytes, path] = words[..] else {
            return Err(refused());
        };
        let file = IndexFile {
            sha256: Sha256Digest::from_hex(digest).map_err(|_| refused())?,
            bytes: bytes.parse().map_err(|_| refused())?,
        };
        if files.len() == MOST_FILES {
            return Err(ReleaseFileError::TooManyFiles);
        }
        if files
            .insert(path.to_owned(), file)
            .is_some_and(|other| other != file)
        {
            return Err(ReleaseFileError::TwoDigests {
                path: path.to_owned(),
            });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::facts::{SuiteLocation, Waiver, Waivers};

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn text() -> String {
        format!(
            "Origin: Debian\nSuite: oldstable-security\nCodename: bookworm-security\n\
             Date: Wed, 18 Nov 2026 22:17:41 UTC\nValid-Until: Wed, 25 Nov 2026 22:17:41 UTC\n\
             Acquire-By-Hash: yes\nArchitectures: amd64 arm64\nComponents: updates/main\n\
             SHA256:\n {DIGEST}  0 main/binary-amd64/Packages\n"
        )
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn facts() -> SuiteFacts {
        SuiteFacts {
            suite: "bookworm-security".parse().expect("a suite"),
            location: SuiteLocation::Dists {
                components: vec!["main".to_owned()],
            },
            archs: None,
            valid_until_required: true,
            waivers: Waivers::default(),
        }
    }

    #[test]
    fn a_release_file_is_read() {
        let release = ReleaseFile::parse(&text()).expect("a Release file");
        assert_eq!(release.date, at("2026-11-18T22:17:41Z"));
        assert_eq!(release.valid_until, Some(at("2026-11-25T22:17:41Z")));
        assert!(release.by_hash && !release.separate_all);
        assert!(release.has_component("main") && !release.has_component("contrib"));
        assert_eq!(release.files["main/binary-amd64/Packages"].bytes, 0);
    }

    #[test]
    fn broken_release_files_are_refused() {
        let with = |from: &str, to: &str| ReleaseFile::parse(&text().replace(from, to)).is_err();
        assert!(
            with("Date: Wed, 18 Nov", "Date: Wed, 31 Nov"),
            "no such day"
        );
        assert!(with("Date: Wed", "Date: Thu"), "another weekday");
        assert!(with("22:17:41 UTC\nV", "22:17:41 CET\nV"), "another zone");
        assert!(with("Date:", "Dated:"), "no date");
        assert!(
            with("Acquire-By-Hash: yes", "Acquire-By-Hash: maybe"),
            "by-hash"
        );
        assert!(with("Suite:", "Codename:"), "a field twice");
        assert!(with(DIGEST, "e3b0"), "a short digest");
        assert!(with("  0 main", "  -1 main"), "a negative size");
        assert!(with("Packages\n", "Packages extra\n"), "a word too many");
        assert!(with("SHA256:", "SHA1:"), "no digests");
        let twice = format!(
            " {}  0 main/binary-amd64/Packages\n",
            DIGEST.replace('e', "f")
        );
        assert!(
            ReleaseFile::parse(&(text() + &twice)).is_err(),
            "two digests"
        );
        assert!(
            ReleaseFile::parse(&(text() + "\nOrigin: x\n")).is_err(),
            "two stanzas"
        );
    }

    #[test]
    fn only_the_present_state_of_the_right_suite_passes() {
        let release = ReleaseFile::parse(&text()).expect("a Release file");
        let now = at("2026-11-21T00:00:00Z");
        assert_eq!(release.check(&facts(), now, None), Ok(Checked::default()));
        assert_eq!(
            release.check(&facts(), now, Some(release.date)),
            Ok(Checked::default())
        );
        assert!(matches!(
            release.check(&facts(), now, Some(at("2026-11-19T00:00:00Z"))),
            Err(ReleaseRefused::RolledBack { .. })
        ));
        assert!(matches!(
            release.check(&facts(), at("2026-11-18T22:00:00Z"), None),
            Err(ReleaseRefused::FromTheFuture { .. })
        ));
        assert!(matches!(
            release.check(&facts(), at("2026-11-26T00:00:00Z"), None),
            Err(ReleaseRefused::Expired { .. })
        ));
        let other = SuiteFacts {
            suite: "bookworm".parse().expect("a suite"),
            ..facts()
        };
        assert!(matches!(
            release.check(&other, now, None),
            Err(ReleaseRefused::OtherSuite { .. })
        ));
    }

    #[test]
    fn an_expired_release_passes_only_while_the_decision_holds() {
        let release = ReleaseFile::parse(&text()).expect("a Release file");
        let facts = SuiteFacts {
            waivers: Waivers {
                expired: Some(Waiver {
                    reason: "the archive is frozen".to_owned(),
                    until: Some(jiff::civil::date(2026, 12, 1)),
                }),
                ..Waivers::default()
            },
            ..facts()
        };
        let exceptions = release
            .check(&facts, at("2026-12-01T23:00:00Z"), None)
            .expect("accepted");
        assert!(
            exceptions.exceptions[0].contains("the archive is frozen"),
            "{exceptions:?}"
        );
        assert_eq!(exceptions.unneeded, Vec::<String>::new());
        let unneeded = release
            .check(&facts, at("2026-11-20T00:00:00Z"), None)
            .expect("fresh")
            .unneeded;
        assert!(unneeded[0].starts_with("accept-expired"), "{unneeded:?}");
        assert!(matches!(
            release.check(&facts, at("2026-12-02T00:00:00Z"), None),
            Err(ReleaseRefused::Expired { .. })
        ));
    }

    #[test]
    fn a_missing_valid_until_is_refused_where_it_is_required() {
        let text: String = text()
            .lines()
            .filter(|line| !line.starts_with("Valid-Until"))
            .map(|line| format!("{line}\n"))
            .collect();
        let release = ReleaseFile::parse(&text).expect("a Release file");
        let now = at("2026-11-21T00:00:00Z");
        assert_eq!(
            release.check(&facts(), now, None),
            Err(ReleaseRefused::NoValidUntil)
        );
        let lenient = SuiteFacts {
            valid_until_required: false,
            ..facts()
        };
        assert_eq!(release.check(&lenient, now, None), Ok(Checked::default()));
    }
}

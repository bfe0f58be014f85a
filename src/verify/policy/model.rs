//! A policy as it is judged by.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use globset::GlobMatcher;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rule;
use crate::attest::PredicateType;
use crate::digest::Sha256Digest;
use crate::label::Tier;
use crate::name::PackageVersion;
use crate::verify::SignedBy;
use crate::verify::rego::Evaluator;

/// A valid policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The digest of the file's bytes.
    pub digest: Sha256Digest,
    pub mode: Mode,
    /// What every module needs, unless a class says otherwise.
    pub requirement: Requirement,
    /// What a caller has to say that it expects.
    pub expects: BTreeSet<Expected>,
    pub build_types: BTreeSet<String>,
    pub parameters: Vec<AllowedParameter>,
    pub sources: Vec<AllowedSource>,
    pub least_versions: Vec<LeastVersion>,
    pub classes: Vec<Class>,
    pub signers: Vec<PolicySigner>,
    pub denials: Vec<Denial>,
    pub exceptions: Vec<Exception>,
    pub rego: Vec<RegoFile>,
    /// Where these are evaluated; not a matter of the file.
    pub evaluator: Evaluator,
    pub trust_roots: Vec<TrustRootFile>,
}

/// What a failure leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The command fails.
    Enforce,
    /// It is told and recorded, and nothing is called passed.
    Audit,
}

/// What must be shown of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub tier: Tier,
    /// How many operators beside the vendor must have got the same bits.
    pub independent_rebuilders: u32,
    /// The most time that may have passed since a statement was signed, by verified times.
    pub maximum_age: Option<Duration>,
    /// True if the builder image must not have been stale, or of unknown age.
    pub fresh_image: bool,
    /// True if it must be known what was verified here before.
    pub history: bool,
    /// The kinds of statements that must be there.
    pub statements: BTreeSet<PredicateType>,
}

/// The least versions of some cells: of an older kernel or module, nothing is accepted.
#[derive(Debug, Clone)]
pub struct LeastVersion {
    /// A glob of cell ids.
    pub cells: GlobMatcher,
    /// Of the kernel's package.
    pub kernel: Option<PackageVersion>,
    /// Of the module: that of its source's package, or else the one in its `.modinfo`.
    pub module: Option<PackageVersion>,
}

/// Modules that matter more or less than others. What is not set is as for every module.
#[derive(Debug, Clone)]
pub struct Class {
    pub name: String,
    /// Globs of module names.
    pub modules: Vec<GlobMatcher>,
    pub tier: Option<Tier>,
    pub independent_rebuilders: Option<u32>,
    pub maximum_age: Option<Duration>,
    pub fresh_image: Option<bool>,
}

/// Who may sign what, for which builders, when, and how much may be claimed.
#[derive(Debug, Clone)]
pub struct PolicySigner {
    pub name: String,
    /// Who operates the platform behind it: two signers of one operator are not independent.
    pub operator: String,
    pub who: SignedBy,
    /// The public key's file, if it was given by that.
    pub pem: Option<String>,
    pub window: Window,
    /// The builder ids that provenance of this signer may name.
    pub builders: BTreeSet<String>,
    pub statements: BTreeSet<PredicateType>,
    pub most_tier: Tier,
    pub most_slsa_level: u32,
}

/// A time from its first moment to before its end; either may be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// A source that is accepted: everything that is set must match.
#[derive(Debug, Clone)]
pub struct AllowedSource {
    /// A glob of the URI, in which `*` does not cross a `/` and `**` does.
    pub uri: Option<GlobMatcher>,
    pub commits: BTreeSet<String>,
    pub trees: BTreeSet<Sha256Digest>,
}

/// Values that a parameter may have.
#[derive(Debug, Clone)]
pub struct AllowedParameter {
    /// A glob of the parameter's path, such as `module.make`.
    pub name: GlobMatcher,
    pub values: Vec<GlobMatcher>,
}

/// What is no longer believed, and why.
#[derive(Debug, Clone)]
pub struct Denial {
    pub denied: Denied,
    pub reason: String,
}

/// What a denial is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// What a key signed: at all, or in a window.
    Key { spki: Sha256Digest, window: Window },
    /// What an identity signed: at all, or in a window. Without an issuer, of every issuer.
    Identity {
        identity: String,
        issuer: Option<String>,
        window: Window,
    },
    /// A file, or the module in it.
    Artifact(Sha256Digest),
    /// A statement, by the digest of its payload.
    Statement(Sha256Digest),
    /// Everything that was signed in a window.
    Window(Window),
}

/// A failure that is let pass for some time.
#[derive(Debug, Clone)]
pub struct Exception {
    pub rule: Rule,
    pub scoped: Scoped,
    pub reason: String,
    pub ticket: Option<String>,
    /// The end of its last day (UTC).
    pub until: Timestamp,
}

/// What an exception is for.
#[derive(Debug, Clone)]
pub enum Scoped {
    Artifact(Sha256Digest),
    /// A glob of cell ids.
    Cells(GlobMatcher),
}

/// A Rego file, which can only deny.
#[derive(Debug, Clone)]
pub struct RegoFile {
    /// As it stands in the policy.
    pub name: String,
    pub text: String,
    /// The kinds of statements that it is asked about.
    pub statements: BTreeSet<PredicateType>,
}

/// A Sigstore trusted root that stands beside the policy.
#[derive(Debug, Clone)]
pub struct TrustRootFile {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Something that a caller may be made to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Expected {
    Source,
    Commit,
    Kernel,
    Arch,
    Module,
    Release,
    Cell,
    KernelVersion,
    Version,
}

impl Expected {
    /// Everything that can be expected.
    pub const ALL: [Self; 9] = [
        Self::Source,
        Self::Commit,
        Self::Kernel,
        Self::Arch,
        Self::Module,
        Self::Release,
        Self::Cell,
        Self::KernelVersion,
        Self::Version,
    ];

    /// Returns the word in the file, which is that of the flag behind `--expect-`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Commit => "commit",
            Self::Kernel => "kernel",
            Self::Arch => "arch",
            Self::Module => "module",
            Self::Release => "release",
            Self::Cell => "cell",
            Self::KernelVersion => "kernel-version",
            Self::Version => "version",
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|expected| expected.word() == text)
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|expected| expected.word()).collect();
                format!("`{text}` is none of {}", known.join(", "))
            })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Enforce => "enforce",
            Self::Audit => "audit",
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "audit" => Ok(Self::Audit),
            _ => Err(format!("`{text}` is none of enforce, audit")),
        }
    }
}

impl Window {
    /// Returns true if every moment is within it.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Returns true if a moment is within it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }

    /// Returns true if some moment is within both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let before = |end: Option<Timestamp>, start: Option<Timestamp>| match (end, start) {
            (Some(end), Some(start)) => end <= start,
            (None, _) | (_, None) => false,
        };
        !before(self.until, other.from) && !before(other.until, self.from)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.until) {
            (Some(from), Some(until)) => write!(f, "from {from} to before {until}"),
            (Some(from), None) => write!(f, "from {from}"),
            (None, Some(until)) => write!(f, "before {until}"),
            (None, None) => f.write_str("at any time"),
        }
    }
}

impl Requirement {
    /// Returns what a class makes of it.
    pub fn in_class(&self, class: &Class) -> Self {
        Self {
            tier: class.tier.unwrap_or(self.tier),
            independent_rebuilders: class
                .independent_rebuilders
                .unwrap_or(self.independent_rebuilders),
            maximum_age: class.maximum_age.or(self.maximum_age),
            fresh_image: class.fresh_image.unwrap_or(self.fresh_image),
            history: self.history,
            statements: self.statements.clone(),
        }
    }
}

impl Policy {
    /// Returns the first class that one of a module's names is in.
    pub fn class_of(&self, names: &[&str]) -> Option<&Class> {
        let has = |class: &&Class| {
            let mut globs = class.modules.iter();
            globs.any(|glob| names.iter().any(|name| glob.is_match(name)))
        };
        self.classes.iter().find(has)
    }

    /// Returns what is required of a module by its names; of one whose names are not known, the most
    /// that the policy requires of any.
    pub fn requirement_of(&self, names: &[&str]) -> Requirement {
        if names.is_empty() {
            return self.strictest();
        }
        match self.class_of(names) {
            Some(class) => self.requirement.in_class(class),
            None => self.requirement.clone(),
        }
    }

    fn strictest(&self) -> Requirement {
        let mut strictest = self.requirement.clone();
        for class in &self.classes {
            let other = self.requirement.in_class(class);
            strictest.tier = strictest.tier.max(other.tier);
            strictest.independent_rebuilders = strictest
                .independent_rebuilders
                .max(other.independent_rebuilders);
            strictest.maximum_age = match (strictest.maximum_age, other.maximum_age) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            };
            strictest.fresh_image |= other.fresh_image;
        }
        strictest
    }

    /// Returns the signer that signed, if the policy names it.
    pub fn signer(&self, who: &SignedBy) -> Option<&PolicySigner> {
        self.signers.iter().find(|signer| signer.who == *who)
    }

    /// Returns the public keys that stand beside the policy, as PEM.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.signers
            .iter()
            .filter_map(|signer| signer.pem.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: Option<i64>, until: Option<i64>) -> Window {
        let at = |second| Timestamp::from_second(second).expect("a time");
        Window {
            from: from.map(at),
            until: until.map(at),
        }
    }

    #[test]
    fn a_window_has_its_first_moment_and_not_its_end() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let found = window(Some(10), Some(20));
        for (second, expected) in [(9, false), (10, true), (19, true), (20, false)] {
            assert_eq!(found.has(at(second)), expected, "{second}");
        }
        assert!(window(None, None).has(at(0)) && window(None, None).is_open());
        assert!(!found.is_open());
    }

    #[test]
    fn windows_overlap_if_they_share_a_moment() {
        for (a, b, expected) in [
            (window(None, None), window(Some(1), Some(2)), true),
            (window(Some(1), Some(2)), window(Some(2), Some(3)), false),
            (window(Some(1), Some(3)), window(Some(2), Some(4)), true),
            (window(None, Some(2)), window(Some(2), None), false),
            (window(None, Some(3)), window(Some(2), None), true),
        ] {
            assert_eq!(a.overlaps(&b), expected, "{a} / {b}");
            assert_eq!(b.overlaps(&a), expected, "{b} / {a}");
        }
    }
}

//! The index of an archive: what it holds, byte by byte. What is signed is this.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bundle::format::{Limits, MemberPath};
use crate::bundle::read::Damage;
use crate::digest::Sha256Digest;

/// The version of the format.
pub const SCHEMA: u32 = 1;

/// Everything that an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Index {
    pub schema_version: u32,
    pub release: Release,
    /// True if a signature follows the index.
    pub signed: bool,
    /// What was asked to be put in beside the evidence, so that cells can be built again from the
    /// archive alone.
    pub inputs: Vec<InputKind>,
    /// What records name and the store that they are from no longer had: the logs of attempts that
    /// others have taken the place of.
    pub absent: Vec<Sha256Digest>,
    /// Ordered by path.
    pub members: Vec<Member>,
}

/// Which run of which matrix an archive is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Release {
    /// The name of the matrix's file, without its ending.
    pub name: String,
    pub run: String,
    pub started: Timestamp,
    pub plan: Sha256Digest,
    /// The digest of the lock's bytes, as they are in the archive.
    pub lock: Sha256Digest,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    pub path: MemberPath,
    pub bytes: u64,
    pub sha256: Sha256Digest,
    pub kind: Kind,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A module, of the reference or of a rebuild.
    Module,
    /// A signed statement, as a Sigstore bundle or a DSSE envelope.
    Attestation,
    /// The records of the ledger, one per line.
    Ledger,
    Lock,
    Matrix,
    Policy,
    /// Keys and roots that the vendor hands out. What is in the archive itself is no reason to trust it.
    Trust,
    Report,
    /// A build spec.
    Spec,
    /// What a build printed.
    Log,
    /// What archives signed for their packages.
    Signed,
    /// A package that a cell was built from.
    Package,
    /// A builder image's root file system.
    Image,
    /// The list of a source tree, or one of its files.
    Source,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Module,
        Self::Attestation,
        Self::Ledger,
        Self::Lock,
        Self::Matrix,
        Self::Policy,
        Self::Trust,
        Self::Report,
        Self::Spec,
        Self::Log,
        Self::Signed,
        Self::Package,
        Self::Image,
        Self::Source,
    ];

    /// Returns the word that the index has.
    pub fn word(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Attestation => "attestation",
            Self::Ledger => "ledger",
            Self::Lock => "lock",
            Self::Matrix => "matrix",
            Self::Policy => "policy",
            Self::Trust => "trust",
            Self::Report => "report",
            Self::Spec => "spec",
            Self::Log => "log",
            Self::Signed => "signed",
            Self::Package => "package",
            Self::Image => "image",
            Self::Source => "source",
        }
    }
}

/// Inputs that an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    Images,
    Packages,
    Sources,
}

impl InputKind {
    /// Every kind, in order.
    pub const ALL: [Self; 3] = [Self::Images, Self::Packages, Self::Sources];

    /// Returns the word that commands use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Packages => "packages",
            Self::Sources => "sources",
        }
    }
}

impl std::str::FromStr for InputKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| format!("`{text}` is none of images, packages, sources"))
    }
}

impl Index {
    /// Returns the one form of the index: JSON without white space, fields in order, and a line's end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("plain values serialise");
        bytes.push(b'\n');
        bytes
    }

    /// Reads an index, which must be in its one form: that leaves no room for keys that stand twice, or
    /// for anything that one reader sees and another does not. `at` is where its bytes begin.
    pub(super) fn read(bytes: &[u8], at: u64, limits: &Limits) -> Result<Self, Damage> {
        let wrong = |position: usize, why: String| Damage::index(at, position, bytes.len(), why);
        let index: Self = serde_json::from_slice(bytes).map_err(|error| {
            // The form has one line, so that the column is the place.
            let column = error.column().saturating_sub(1).min(bytes.len());
            wrong(column, error.to_string())
        })?;
        let written = index.to_bytes();
        if let Some(position) = first_difference(bytes, &written) {
            return Err(wrong(position, "it is not in its one form".to_owned()));
        }
        let refuse = |why: String| wrong(0, why);
        if index.schema_version != SCHEMA {
            let found = index.schema_version;
            return Err(refuse(format!(
                "it has schema {found}, and this program knows {SCHEMA}"
            )));
        }
        if index.members.len() > limits.members {
            return Err(refuse(format!(
                "it has more than {} members",
                limits.members
            )));
        }
        if let Some(pair) = index.members.windows(2).find(|m| m[0].path >= m[1].path) {
            let path = &pair[1].path;
            return Err(refuse(format!("`{path}` is not in the order of paths")));
        }
        if !index.inputs.windows(2).all(|two| two[0] < two[1]) {
            return Err(refuse("its inputs are not in order".to_owned()));
        }
        let mut total = 0_u64;
        for member in &index.members {
            total = total.saturating_add(member.bytes);
            if member.bytes > limits.member || total > limits.total {
                let path = &member.path;
                return Err(refuse(format!("`{path}` is larger than is read")));
            }
        }
        Ok(index)
    }

    /// Returns the members of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(move |member| member.kind == kind)
    }

    /// Returns the bytes of all members.
    pub fn bytes(&self) -> u64 {
        self.members.iter().map(|member| member.bytes).sum()
    }
}

/// Returns where two texts differ first, which is the end of the shorter one if it begins the longer.
pub(super) fn first_difference(one: &[u8], two: &[u8]) -> Option<usize> {
    let common = one.iter().zip(two).take_while(|(a, b)| a == b).count();
    (common < one.len().max(two.len())).then_some(common)
}

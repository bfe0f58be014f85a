//! The kinds of statements, by the URIs that name them.

use std::fmt;
use std::str::FromStr;

/// What a statement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PredicateType {
    /// SLSA Provenance v1 of a cell's modules.
    Provenance,
    /// What rebuilds of a cell showed; this project's own.
    RebuildComparison,
    /// SCAI attribute report v0.3, with the attribute `REPRODUCIBLE`.
    Scai,
    /// SLSA Verification Summary v1, of a cell or of a release.
    Summary,
    /// What a release promised, built, excluded and lacks; this project's own.
    Scope,
    /// CycloneDX 1.6 of a builder image.
    Sbom,
}

impl PredicateType {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Provenance,
        Self::RebuildComparison,
        Self::Scai,
        Self::Summary,
        Self::Scope,
        Self::Sbom,
    ];

    /// Returns the URI that stands in the statement.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Provenance => "https://slsa.dev/provenance/v1",
            Self::RebuildComparison => "urn:kmatrix:rebuild-comparison:v1",
            Self::Scai => "https://in-toto.io/attestation/scai/v0.3",
            Self::Summary => "https://slsa.dev/verification_summary/v1",
            Self::Scope => "urn:kmatrix:release-scope:v1",
            Self::Sbom => "https://cyclonedx.org/bom",
        }
    }

    /// Returns the word that files and commands use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Provenance => "provenance",
            Self::RebuildComparison => "comparison",
            Self::Scai => "scai",
            Self::Summary => "summary",
            Self::Scope => "scope",
            Self::Sbom => "sbom",
        }
    }

    /// Returns the kind that a URI names exactly, if it is one of these.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}

impl fmt::Display for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for PredicateType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.word()).collect();
                format!("`{text}` is none of {}", known.join(", "))
            })
    }
}

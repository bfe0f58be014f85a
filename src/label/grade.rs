//! The axes, their grades and the tiers, each ordered from worst to best.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum $type { $($(#[$variant_doc])* $variant,)+ }

        impl $type {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the word that records and messages use.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("`{text}` is none of {}", known.join(", "))
                })
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.as_str().to_owned()
            }
        }

        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    };
}

words!(
    /// How much of a result is proven, worst first.
    Tier {
        /// Rebuilt, and the bits differ.
        Irreproducible = "irreproducible",
        /// Built, but something that a better tier needs was not shown.
        Unverified = "unverified",
        /// Reproducible only under fixed variations or after a normalised comparison.
        Partial = "partial",
        /// Reproducible, on an interface, inputs or tools that are pinned but not traced to source.
        Constrained = "constrained",
        /// Reproducible from source and matched tools, with nothing held back.
        Full = "full",
    }
);

words!(
    /// What is graded.
    Axis {
        Reproducibility = "reproducibility",
        Metadata = "metadata",
        Interface = "interface",
        ClosedInputs = "closed-inputs",
        Toolchain = "toolchain",
        Isolation = "isolation",
        Source = "source",
        Signing = "signing",
    }
);

words!(
    /// A grade of some axis. Those of one axis stand together, worst first.
    Grade {
        Unattempted = "unattempted",
        Differs = "differs",
        Normalised = "normalised",
        Fixed = "fixed",
        Varied = "varied",
        Independent = "independent",

        MetadataDiffers = "metadata-differs",
        MetadataEqual = "metadata-equal",

        InterfaceUnpinned = "interface-unpinned",
        Locked = "locked",
        Signed = "signed",
        Traced = "traced",
        FromSource = "from-source",

        Undeclared = "undeclared",
        Declared = "declared",
        NoClosedInputs = "no-closed-inputs",

        ToolchainUnpinned = "toolchain-unpinned",
        Pinned = "pinned",
        Matched = "matched",

        Open = "open",
        Sealed = "sealed",

        Dirty = "dirty",
        Archived = "archived",
        Committed = "committed",

        Unsigned = "unsigned",
        Keyless = "keyless",
        External = "external",
    }
);

impl From<crate::matrix::RequiredTier> for Tier {
    fn from(tier: crate::matrix::RequiredTier) -> Self {
        match tier {
            crate::matrix::RequiredTier::Unverified => Self::Unverified,
            crate::matrix::RequiredTier::Partial => Self::Partial,
            crate::matrix::RequiredTier::Constrained => Self::Constrained,
            crate::matrix::RequiredTier::Full => Self::Full,
        }
    }
}

impl Tier {
    /// Returns true if this tier says more for a cell than another.
    ///
    /// `irreproducible` and `unverified` say nothing for it, neither more than the other: whether bits
    /// differ is told by rebuilds alone, and everything else that `unverified` stands for is told by
    /// the other axes. An order that had one of them above would let a difference raise a label, or
    /// the hiding of one.
    pub fn says_more_than(self, other: Self) -> bool {
        self > other && self > Self::Unverified
    }
}

impl Axis {
    /// Returns the axis's grades, worst first.
    ///
    /// `unattempted` ranks below `differs` as the lowest grade of the axis: nothing was observed.
    /// A tier that refuses a difference says so by name, not by rank.
    pub fn grades(self) -> &'static [Grade] {
        match self {
            Self::Reproducibility => &[
                Grade::Unattempted,
                Grade::Differs,
                Grade::Normalised,
                Grade::Fixed,
                Grade::Varied,
                Grade::Independent,
            ],
            Self::Metadata => &[Grade::MetadataDiffers, Grade::MetadataEqual],
            Self::Interface => &[
                Grade::InterfaceUnpinned,
                Grade::Locked,
                Grade::Signed,
                Grade::Traced,
                Grade::FromSource,
            ],
            Self::ClosedInputs => &[Grade::Undeclared, Grade::Declared, Grade::NoClosedInputs],
            Self::Toolchain => &[Grade::ToolchainUnpinned, Grade::Pinned, Grade::Matched],
            Self::Isolation => &[Grade::Open, Grade::Sealed],
            Self::Source => &[Grade::Dirty, Grade::Archived, Grade::Committed],
            Self::Signing => &[Grade::Unsigned, Grade::Keyless, Grade::External],
        }
    }
}

/// A grade for every axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Vector {
    pub reproducibility: Grade,
    pub metadata: Grade,
    pub interface: Grade,
    pub closed_inputs: Grade,
    pub toolchain: Grade,
    pub isolation: Grade,
    pub source: Grade,
    pub signing: Grade,
}

impl Vector {
    /// Returns the vector in which nothing was observed.
    pub fn lowest() -> Self {
        let worst = |axis: Axis| axis.grades()[0];
        Self {
            reproducibility: worst(Axis::Reproducibility),
            metadata: worst(Axis::Metadata),
            interface: worst(Axis::Interface),
            closed_inputs: worst(Axis::ClosedInputs),
            toolchain: worst(Axis::Toolchain),
            isolation: worst(Axis::Isolation),
            source: worst(Axis::Source),
            signing: worst(Axis::Signing),
        }
    }

    /// Returns the grade of one axis.
    pub fn get(&self, axis: Axis) -> Grade {
        match axis {
            Axis::Reproducibility => self.reproducibility,
            Axis::Metadata => self.metadata,
            Axis::Interface => self.interface,
            Axis::ClosedInputs => self.closed_inputs,
            Axis::Toolchain => self.toolchain,
            Axis::Isolation => self.isolation,
            Axis::Source => self.source,
            Axis::Signing => self.signing,
        }
    }

    /// Sets the grade of one axis.
    pub fn set(&mut self, axis: Axis, grade: Grade) {
        let slot = match axis {
            Axis::Reproducibility => &mut self.reproducibility,
            Axis::Metadata => &mut self.metadata,
            Axis::Interface => &mut self.interface,
            Axis::ClosedInputs => &mut self.closed_inputs,
            Axis::Toolchain => &mut self.toolchain,
            Axis::Isolation => &mut self.isolation,
            Axis::Source => &mut self.source,
            Axis::Signing => &mut self.signing,
        };
        *slot = grade;
    }
}

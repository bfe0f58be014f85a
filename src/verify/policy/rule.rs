//! The rules, each with its id, what it asks and what it does when a policy says nothing of it.

use std::fmt;
use std::str::FromStr;

macro_rules! rules {
    (
        $(#[$doc:meta])* $name:ident:
        $($variant:ident, $id:literal, $excepted:ident, $asks:literal, $default:literal;)+
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $(#[doc = $asks] $variant,)+ }

        impl $name {
            /// Every rule, in the order in which they are asked and printed.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the name that policies, verdicts and messages use.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// Returns what is asked.
            pub fn asks(self) -> &'static str {
                match self { $(Self::$variant => $asks,)+ }
            }

            /// Returns what is asked where a policy says nothing of it.
            pub fn by_default(self) -> &'static str {
                match self { $(Self::$variant => $default,)+ }
            }

            /// Returns true if an exception may let a failure pass. Who signed, what was signed and what
            /// is denied have none: to let those pass is to change the policy.
            pub fn may_be_excepted(self) -> bool {
                match self { $(Self::$variant => excepted!($excepted),)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.id())
            }
        }
    };
}

macro_rules! excepted {
    (never) => {
        false
    };
    (may) => {
        true
    };
}

rules! {
    /// One thing that is asked of every module.
    Rule:
    Readable, "readable", never,
        "every attestation that was handed in could be read and authenticated",
        "always asked";
    Signer, "signer", never,
        "every statement about the module is by a signer that the policy names",
        "always asked; `[[signer]]` names them";
    SignerStatements, "signer-statements", never,
        "every signer signed only the kinds of statements that it may sign",
        "a signer may sign every kind, unless its `statements` lists some";
    SignerWindow, "signer-window", may,
        "every statement was signed within its signer's window, by a verified time",
        "a signer without `not-before` and `not-after` may sign at any time";
    SignerLevel, "signer-level", may,
        "no signer claims a better tier or SLSA level than the policy believes it",
        "`most-tier` is full and `most-slsa-level` is 1";
    DeniedKey, "denied-key", never,
        "no statement is by a key that is denied, at all or at its time",
        "no key is denied";
    DeniedIdentity, "denied-identity", never,
        "no statement is by an identity that is denied, at all or at its time",
        "no identity is denied";
    DeniedArtifact, "denied-artifact", never,
        "neither the file nor the module in it is denied",
        "no artifact is denied";
    DeniedStatement, "denied-statement", never,
        "no statement about the module is denied",
        "no statement is denied";
    DeniedWindow, "denied-window", never,
        "no statement was signed in a time that is denied for everybody",
        "no time is denied";
    Provenance, "provenance", never,
        "SLSA provenance is there, and can be read, that has this file as its subject",
        "always asked";
    Payload, "payload", never,
        "the module in the file, without its signature and unpacked, is the one that was built",
        "always asked";
    SameCell, "same-cell", never,
        "all statements about the module speak of the same cell",
        "always asked";
    Builder, "builder", never,
        "the builder that the provenance names is one that its signer may speak for",
        "always asked; `builders` of the signer names them";
    BuildType, "build-type", never,
        "the provenance is of a build type that the policy accepts",
        "this program's own build type";
    Parameters, "parameters", may,
        "the build's parameters are known ones, with values that the policy accepts",
        "the parameters of the build type, with any value";
    Inputs, "inputs", may,
        "every input of the build is named with a digest",
        "always asked";
    Source, "source", never,
        "the module's source, its commit and its tree are among those that the policy accepts",
        "always asked; `[[source]]` names them";
    Expectations, "expectations", never,
        "the caller says all that the policy wants it to expect",
        "kernel and arch";
    ExpectedSource, "expected-source", never,
        "the source is the one that the caller expects",
        "asked if the caller expects one";
    ExpectedCommit, "expected-commit", never,
        "the source's commit is the one that the caller expects",
        "asked if the caller expects one";
    ExpectedKernel, "expected-kernel", never,
        "the module was built for the kernel release that the caller expects",
        "asked if the caller expects one";
    ExpectedArch, "expected-arch", never,
        "the module was built for the architecture that the caller expects",
        "asked if the caller expects one";
    ExpectedModule, "expected-module", never,
        "the module is the one that the caller expects",
        "asked if the caller expects one";
    ExpectedRelease, "expected-release", never,
        "a scope statement of the release that the caller expects lists the module",
        "asked if the caller expects one";
    ExpectedCell, "expected-cell", never,
        "the module's cell is the one that the caller expects, such as by where it lies in a release",
        "asked if the caller expects one";
    ExpectedKernelVersion, "expected-kernel-version", never,
        "the kernel's package has the version that the caller expects",
        "asked if the caller expects one";
    ExpectedVersion, "expected-version", never,
        "the module, or its source's package, has the version that the caller expects",
        "asked if the caller expects one";
    Vermagic, "vermagic", never,
        "the module itself says the kernel release and has the machine that its cell names",
        "always asked";
    Comparison, "comparison", may,
        "a rebuild comparison is there, and can be read, whose reference is this module",
        "asked if `statements` has it, which is the default";
    Label, "label", may,
        "each label has its reasons, and follows from its attempts and vector by this program's rules",
        "always asked";
    MinimumTier, "minimum-tier", may,
        "the tier, computed again and as far as its signers are believed, is at least the required one",
        "constrained";
    Independence, "independence", may,
        "`independent` is said only where another operator's signer vouches for the same bits",
        "always asked";
    IndependentRebuilders, "independent-rebuilders", may,
        "as many operators beside the builder's own vouch for the same bits as are required",
        "0";
    Summary, "summary", may,
        "a verification summary is there, and the newest of every signer says PASSED",
        "asked if `statements` has it, which is the default";
    SummaryLevels, "summary-levels", may,
        "the summary's levels are those of its tier, and the comparisons bear that tier out",
        "always asked";
    SummaryInputs, "summary-inputs", may,
        "the summary rests on the very statements that are there",
        "always asked";
    Scai, "scai", may,
        "a SCAI report is there, and says no more than the comparisons show",
        "asked if `statements` has it";
    Scope, "scope", may,
        "a scope statement lists the module for its cell, with the provenance that is there",
        "asked if `statements` has it";
    Sbom, "sbom", may,
        "it is told what is in the builder image that the provenance names",
        "asked if `statements` has it";
    MaximumAge, "maximum-age", may,
        "no statement was signed longer ago than the policy accepts, nor after now",
        "any age";
    ImageFreshness, "image-freshness", may,
        "the builder image was not stale, and its age was known",
        "not asked";
    NotOlder, "not-older", may,
        "the build is not older than one of the same cell that was verified here before: by version, then by \
         verified times, then by claims",
        "asked where a ledger is at hand, which `history` demands";
    LeastVersion, "least-version", may,
        "module and kernel have at least the versions that the policy accepts",
        "no least version";
    Rego, "rego", never,
        "no Rego file of the policy denies a statement about the module",
        "no Rego file";
}

rules! {
    /// One thing that is asked of a release as a whole, beside the rules about signers, denials and ages.
    ReleaseRule:
    Scope, "release-scope", never,
        "one scope statement is there, by a signer of the policy, that adds up",
        "asked of every directory and archive";
    Expected, "release-expected", never,
        "the release is the one that the caller expects",
        "asked if the caller expects one";
    Cells, "release-cells", never,
        "every cell that the release promises is built, and every module of it is there",
        "always asked";
    Modules, "release-modules", never,
        "every module that is there is one that the release lists for its cell",
        "always asked";
    Statements, "release-statements", never,
        "of every cell the provenance and the comparison are there that the release names",
        "always asked";
    Tier, "release-tier", never,
        "the release's tier follows from its cells, which bear theirs out, and is one that is required",
        "what is required of the modules";
    Summary, "release-summary", never,
        "a summary of the release is there, the newest of every signer says PASSED and rests on the scope",
        "asked if `statements` has it, which is the default";
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|rule| rule.id() == text)
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|rule| rule.id()).collect();
                let hint = crate::document::suggest(text, &known);
                format!("`{text}` is no rule; {hint}")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_and_stand_once() {
        for rule in Rule::ALL {
            assert_eq!(rule.id().parse(), Ok(*rule));
        }
        let of_modules = Rule::ALL.iter().map(|rule| rule.id());
        let of_releases = ReleaseRule::ALL.iter().map(|rule| rule.id());
        let mut ids: Vec<&str> = of_modules.chain(of_releases).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Rule::ALL.len() + ReleaseRule::ALL.len());
        let problem = "minimum-tire".parse::<Rule>().expect_err("no rule");
        assert!(problem.contains("`minimum-tier`"), "{problem}");
    }
}

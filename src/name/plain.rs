//! Names that are one word: letters, digits, and a few signs that need no quoting anywhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::refusal::{ParseNameError, refuse};

/// Returns true if `text` can stand in a path, a label and a cell id without any quoting.
///
/// The set is that of Debian package versions and `uname -r` strings, and what a kind of name has
/// `besides`. It has no `/`, no white space and no control characters, and a name never begins with
/// a dot or a dash.
fn is_plain(text: &str, most: usize, besides: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.len() <= most
        && bytes.all(|b| {
            b.is_ascii_alphanumeric() || b"._+~:-".contains(&b) || besides.as_bytes().contains(&b)
        })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $most:literal, $wanted:literal) => {
        name!($(#[$doc])* $type, $most, $wanted, with "", without "");
    };
    ($(#[$doc:meta])* $type:ident, $most:literal, $wanted:literal, with $besides:literal) => {
        name!($(#[$doc])* $type, $most, $wanted, with $besides, without "");
    };
    ($(#[$doc:meta])* $type:ident, $most:literal, $wanted:literal, without $banned:literal) => {
        name!($(#[$doc])* $type, $most, $wanted, with "", without $banned);
    };
    (
        $(#[$doc:meta])* $type:ident, $most:literal, $wanted:literal,
        with $besides:literal, without $banned:literal
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Returns the name as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if is_plain(text, $most, $besides) && !text.contains(|c| $banned.contains(c)) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(refuse(text, $wanted))
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = ParseNameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// A distribution, such as `debian`.
    Distro, 32, "a distribution's name (letters, digits, `._+-`)"
);
name!(
    /// A release of a distribution, such as `12`. It has no dash, so that `debian-12` reads one way.
    DistroRelease, 32, "a distribution release (letters, digits, `._+`)", without "-"
);
name!(
    /// What `uname -r` prints, such as `6.1.0-56-cloud-amd64`. It is never split to compare: which
    /// of two is newer is answered by their package versions.
    KernelRelease, 64, "a kernel release as `uname -r` prints it"
);
name!(
    /// The version of the package that carries the headers, such as `6.1.192-2`. RPM has `^` in
    /// versions, for snapshots behind a release.
    PackageVersion, 128, "a package version", with "^"
);
name!(
    /// The name of a package, such as `linux-headers-6.1.0-56-cloud-amd64`. pacman has `@` in
    /// names, RPM `^`.
    PackageName, 128, "a package name", with "@^"
);
name!(
    /// A kernel's flavour, such as `generic`, `cloud` or `rt`.
    Flavour, 32, "a kernel flavour (letters, digits, `._+-`)"
);
name!(
    /// A module to build, such as `workload-identity`; the `.ko` may be called otherwise.
    ModuleName, 64, "a module name (letters, digits, `._+-`)"
);
name!(
    /// A package archive as facts files call it; where it lives is site configuration.
    ArchiveName, 64, "an archive name (letters, digits, `._+-`)"
);
name!(
    /// A suite of an archive, such as `bookworm-security`.
    Suite, 64, "a suite name (letters, digits, `._+-`)"
);
name!(
    /// A builder image recipe, such as `debian-12`.
    ImageName, 64, "an image name (letters, digits, `._+-`)"
);
name!(
    /// A kernel series, such as `6.1`: the releases that begin with it and then `.` or `-` or `+`.
    Series, 32, "a kernel series such as `6.1`"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_a_path_or_a_line() {
        for text in ["", ".", "..", "-rf", "a/b", "a b", "a\n", "a\0", "é", "*"] {
            assert!(text.parse::<KernelRelease>().is_err(), "{text:?}");
        }
        assert!("a".repeat(65).parse::<KernelRelease>().is_err());
    }

    #[test]
    fn names_and_versions_of_every_package_format_are_taken() {
        for text in [
            "kernel-devel",
            "linux-lts-headers",
            "linux6@dev",
            "nodejs^20",
        ] {
            let name: PackageName = text.parse().expect(text);
            assert_eq!(name.to_string(), text);
        }
        for text in [
            "6.1.192-2",
            "1:6.4.0~rc3-150600.21.1",
            "6.11.4^20241018git1234567-301.fc41",
            "6.12.1.arch1-1",
            "6.6.58-r0",
        ] {
            let version: PackageVersion = text.parse().expect(text);
            assert_eq!(version.to_string(), text);
        }
        for text in ["", "@a", "^1", "a/b", "..", "a b", "a%2f", "a\n"] {
            assert!(text.parse::<PackageName>().is_err(), "{text:?}");
            assert!(text.parse::<PackageVersion>().is_err(), "{text:?}");
        }
        assert!("6.1^a".parse::<KernelRelease>().is_err());
        assert!("6.1@a".parse::<PackageVersion>().is_err());
    }
}

//! How statements name what has no digest of its own to be named by, and packages by what others call
//! them.

use std::fmt::Write as _;

use crate::digest::Sha256Digest;
use crate::name::{CellId, Distro};
use crate::package::PackageFormat;

/// The builder of runs in containers of an engine, of which nothing more is known: neither whose the
/// machine is, nor who else reaches it.
pub const LOCAL_BUILDER: &str = "urn:kmatrix:builder:local-container:v1";

/// The builder of runs in containers whose every attempt was made in the very CI job whose provider says
/// who signs.
pub const CI_BUILDER: &str = "urn:kmatrix:builder:ci-job:v1";

/// The builder of an audit, which builds what somebody else claims to have built.
pub const AUDIT_BUILDER: &str = "urn:kmatrix:builder:audit-rebuild:v1";

/// Who writes summaries: this program, by the evidence of a ledger.
pub const VERIFIER: &str = "urn:kmatrix:verifier:ledger:v1";

/// Returns the URI of a cell.
pub fn cell_uri(cell: &CellId) -> String {
    format!("urn:kmatrix:cell:{cell}")
}

/// Returns the URI of a release, which has its matrix's name.
pub fn release_uri(release: &str) -> String {
    format!("urn:kmatrix:release:{}", encoded(release))
}

/// Returns the URI of a table of rules for labels.
pub fn rules_uri(version: u32) -> String {
    format!("urn:kmatrix:label-rules:v{version}")
}

/// Returns the URI of a statement, by the digest of its payload.
pub fn statement_uri(payload: Sha256Digest) -> String {
    format!("urn:kmatrix:statement:{payload}")
}

/// Returns the package URL of a package (package-url, `PURL-SPECIFICATION.rst` and
/// `PURL-TYPES.rst`), such as `pkg:deb/debian/make@4.3-4.1?arch=amd64`.
pub fn package_url(
    format: PackageFormat,
    distro: &Distro,
    name: &str,
    version: &str,
    architecture: &str,
) -> String {
    let kind = match format {
        PackageFormat::Deb => "deb",
        PackageFormat::Rpm => "rpm",
        PackageFormat::Pacman => "alpm",
        PackageFormat::Apk => "apk",
    };
    let distro = distro.as_str().to_ascii_lowercase();
    // An epoch is no part of an RPM's version there.
    let (epoch, version) = match (format, version.split_once(':')) {
        (PackageFormat::Rpm, Some((epoch, rest))) => (Some(epoch), rest),
        (PackageFormat::Deb | PackageFormat::Pacman | PackageFormat::Apk, _)
        | (PackageFormat::Rpm, None) => (None, version),
    };
    let mut url = format!(
        "pkg:{kind}/{}/{}@{}?arch={}",
        encoded(&distro),
        encoded(name),
        encoded(version),
        encoded(architecture)
    );
    if let Some(epoch) = epoch {
        url.push_str(&format!("&epoch={}", encoded(epoch)));
    }
    url
}

/// Percent-encodes all but what a URI never reserves (RFC 3986, section 2.3) and the colon, which
/// package URLs leave as it is.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes it");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_the_urls_that_others_give_them() {
        let of = |format, distro: &str, name, version, arch| {
            package_url(
                format,
                &distro.parse().expect("a name"),
                name,
                version,
                arch,
            )
        };
        for (url, expected) in [
            (
                of(
                    PackageFormat::Deb,
                    "debian",
                    "gcc-12",
                    "12.2.0-14+deb12u1",
                    "amd64",
                ),
                "pkg:deb/debian/gcc-12@12.2.0-14%2Bdeb12u1?arch=amd64",
            ),
            (
                of(PackageFormat::Deb, "debian", "libstdc++6", "1:2~rc1", "all"),
                "pkg:deb/debian/libstdc%2B%2B6@1:2~rc1?arch=all",
            ),
            (
                of(
                    PackageFormat::Rpm,
                    "fedora",
                    "make",
                    "1:4.4.1-3.fc39",
                    "x86_64",
                ),
                "pkg:rpm/fedora/make@4.4.1-3.fc39?arch=x86_64&epoch=1",
            ),
            (
                of(
                    PackageFormat::Pacman,
                    "Arch",
                    "linux-headers",
                    "6.12.arch1-1",
                    "any",
                ),
                "pkg:alpm/arch/linux-headers@6.12.arch1-1?arch=any",
            ),
            (
                of(
                    PackageFormat::Apk,
                    "alpine",
                    "linux-lts-dev",
                    "6.6.1-r0",
                    "x86_64",
                ),
                "pkg:apk/alpine/linux-lts-dev@6.6.1-r0?arch=x86_64",
            ),
        ] {
            assert_eq!(url, expected);
        }
    }

    #[test]
    fn a_release_with_an_odd_name_is_still_one_word() {
        assert_eq!(release_uri("nightly"), "urn:kmatrix:release:nightly");
        assert_eq!(release_uri("a b/ü"), "urn:kmatrix:release:a%20b%2F%C3%BC");
    }
}

//! What a Debian package says it is (deb-control(5)).

use super::error::PackageError;
use super::identity::PackageIdentity;

/// Reads the three fields out of a `control` file.
pub(super) fn parse(control: &[u8]) -> Result<PackageIdentity, PackageError> {
    let refuse = |why: String| PackageError::Control { why };
    let text = std::str::from_utf8(control).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
    if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        return Err(refuse("it has control characters".to_owned()));
    }
    if text.trim_end().contains("\n\n") {
        return Err(refuse("it has more than one paragraph".to_owned()));
    }
    let field = |wanted: &str| {
        let mut values = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        });
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(refuse(format!("it has no field `{wanted}`"))),
            (Some(_), Some(_)) => Err(refuse(format!("it has the field `{wanted}` twice"))),
        }
    };
    PackageIdentity::parse(field("Package")?, field("Version")?, field("Architecture")?)
        .map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_fields_are_read() {
        let identity = parse(
            b"Package: linux-headers\nversion:  1:6.1-2 \nArchitecture: all\nDescription: a\n Version: b\n",
        )
        .expect("an identity");
        assert_eq!(identity.name.as_str(), "linux-headers");
        assert_eq!(identity.version.as_str(), "1:6.1-2");
        assert_eq!(identity.architecture, "all");
    }

    #[test]
    fn unclear_control_files_are_refused() {
        for control in [
            &b""[..],
            b"Package: a\nVersion: 1\n",
            b"Package: a\nPackage: b\nVersion: 1\nArchitecture: all\n",
            b"Package: a\nVersion: 1\nArchitecture: all\n\nPackage: b\n",
            b"Package: ../a\nVersion: 1\nArchitecture: all\n",
            b"Package: a\nVersion: 1\nArchitecture: a b\n",
            b"Package: a\nVersion: 1\nArchitecture: all\nMaintainer: \xff\n",
            b"Package: a\x1b[1m\nVersion: 1\nArchitecture: all\n",
        ] {
            assert!(parse(control).is_err(), "{}", control.escape_ascii());
        }
    }
}

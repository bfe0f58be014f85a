//! Paths inside an archive, as indexes name them and as URLs are made of them.

/// Says that a path may not be asked of an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a plain relative path inside an archive")]
pub struct ArchivePathError(String);

/// Checks that a path stays inside the archive and means the same in a URL as in an index.
///
/// # Security
///
/// Indexes and locks are data from elsewhere. Nothing that a URL parser, a proxy or a file system
/// would read otherwise gets through: no empty segment, no segment that begins with a dot, no `%`,
/// `?`, `#`, `\`, white space or control character.
pub fn check_archive_path(path: &str) -> Result<(), ArchivePathError> {
    let plain = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._+~:-".contains(&b))
    };
    // A colon in the first segment would read as a scheme.
    let scheme = path
        .split('/')
        .next()
        .is_some_and(|first| first.contains(':'));
    if path.len() <= 1024 && !scheme && path.split('/').all(plain) {
        Ok(())
    } else {
        Err(ArchivePathError(path.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_real_archives_pass() {
        for path in [
            "pool/main/l/linux/linux-headers-6.1.0-47-common_6.1.170-3_all.deb",
            "pool/updates/main/l/linux-6.12/linux-kbuild-6.12.115+deb12_6.12.115-2~deb12u1_amd64.deb",
            "dists/bookworm/InRelease",
        ] {
            assert_eq!(check_archive_path(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn paths_that_leave_the_archive_are_refused() {
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "pool/../../x",
            "pool/./x",
            "pool//x",
            "pool/x/",
            "http://elsewhere/x",
            "a:b/c",
            "pool/%2e%2e/x",
            "pool\\x",
            "pool/x?y",
            "pool/x#y",
            "pool/x y",
            "pool/x\n",
        ] {
            assert!(check_archive_path(path).is_err(), "{path}");
        }
    }
}

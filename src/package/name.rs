//! Which names and link targets of an archive are taken.

use super::error::{PackageError, shown};
use super::limits::Limits;
use super::unpack::Links;

/// The longest part of a path that Linux file systems hold (`NAME_MAX`).
const PART_BYTES: usize = 255;

/// Checks an entry's name and returns it relative to the package's root; the root itself (`.` or
/// `./`) is empty. One leading `./` and one trailing `/` are taken off; nothing else is cleaned up,
/// since two readers may clean up differently.
pub(super) fn relative(raw: &[u8], limits: &Limits) -> Result<String, PackageError> {
    let text = text(raw, limits)?;
    let name = || shown(raw);
    if text == "." || text == "./" {
        return Ok(String::new());
    }
    let plain = text.strip_prefix("./").unwrap_or(text);
    if plain.starts_with('/') {
        return Err(PackageError::Absolute { name: name() });
    }
    let plain = plain.strip_suffix('/').unwrap_or(plain);
    let mut depth = 0;
    for part in plain.split('/') {
        match part {
            ".." => return Err(PackageError::Climbs { name: name() }),
            "" | "." => return Err(PackageError::NotPlain { name: name() }),
            part if part.len() > PART_BYTES => {
                return Err(PackageError::TooLong {
                    name: name(),
                    limit: PART_BYTES,
                });
            }
            _ => depth += 1,
        }
    }
    if depth > limits.depth {
        return Err(PackageError::TooDeep {
            name: name(),
            limit: limits.depth,
        });
    }
    Ok(plain.to_owned())
}

/// Checks a symbolic link's target, which is kept as it is written.
///
/// # Security
///
/// `..` may stand at the target's front only. The directories above a link are real directories, so
/// such a `..` climbs exactly one level, and by induction over the links on the way no chain of them
/// leaves the package. A `..` behind a name may climb from wherever a link of that name leads.
/// An absolute target means the package's own root, which is where it is mounted; in a tree that
/// has no place of its own it leaves.
pub(super) fn target(
    name: &str,
    raw: &[u8],
    links: Links,
    limits: &Limits,
) -> Result<String, PackageError> {
    let target = text(raw, limits)?;
    let leaves = || PackageError::LinkLeaves {
        name: name.to_owned(),
        target: target.to_owned(),
    };
    let mut depth = match links {
        Links::Package if target.starts_with('/') => 0,
        Links::Tree if target.starts_with('/') => return Err(leaves()),
        Links::Package | Links::Tree => name.matches('/').count(),
    };
    let mut descended = false;
    for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." && descended {
            return Err(PackageError::LinkUnclear {
                name: name.to_owned(),
                target: target.to_owned(),
            });
        } else if part == ".." {
            depth = depth.checked_sub(1).ok_or_else(leaves)?;
        } else {
            descended = true;
        }
    }
    Ok(target.to_owned())
}

fn text<'a>(raw: &'a [u8], limits: &Limits) -> Result<&'a str, PackageError> {
    let name = || shown(raw);
    if raw.len() > limits.path_bytes {
        return Err(PackageError::TooLong {
            name: name(),
            limit: limits.path_bytes,
        });
    }
    let text = std::str::from_utf8(raw).map_err(|_| PackageError::NotUtf8 { name: name() })?;
    if text.contains(char::is_control) {
        return Err(PackageError::ControlCharacters { name: name() });
    }
    if text.is_empty() {
        return Err(PackageError::NotPlain { name: name() });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_root() {
        for (raw, name) in [
            ("./", ""),
            (".", ""),
            ("./usr/", "usr"),
            ("usr/src", "usr/src"),
            ("./...", "..."),
        ] {
            let limits = Limits::default();
            assert_eq!(relative(raw.as_bytes(), &limits).expect(raw), name);
        }
    }

    #[test]
    fn names_that_need_cleaning_up_are_refused() {
        for raw in [
            "", "/", "//", ".//", "././a", "a//b", "a/./b", "a//", "./.", "a/.",
        ] {
            assert!(
                relative(raw.as_bytes(), &Limits::default()).is_err(),
                "{raw}"
            );
        }
    }

    #[test]
    fn link_targets_cannot_climb_out_alone_or_together() {
        let limits = Limits::default();
        for (name, raw, taken) in [
            ("a", "b", true),
            ("d/a", "../b", true),
            ("d/a", "../../b", false),
            ("a", "..", false),
            ("d/a", "..", true),
            ("d/e/a", "./..//../b", true),
            ("a", "/usr/src/b", true),
            ("a", "/../b", false),
            ("a", "/b/../c", false),
            ("x/y/a", "b/../../c", false),
        ] {
            let links = |links| target(name, raw.as_bytes(), links, &limits).is_ok();
            assert_eq!(links(Links::Package), taken, "{name} -> {raw}");
            let inside = taken && !raw.starts_with('/');
            assert_eq!(links(Links::Tree), inside, "{name} -> {raw}");
        }
    }
}

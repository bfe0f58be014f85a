//! Where a build leaves a module.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The path of a `.ko` file below the module's source, such as `drivers/net/foo.ko`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModulePath(String);

/// Says why a string cannot be the path of a module file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path of a `.ko` file below the module's source")]
pub struct ParseModulePathError(String);

impl ModulePath {
    /// Returns the path, relative to the source.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl FromStr for ModulePath {
    type Err = ParseModulePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_part = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
        };
        let is_module = text
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".ko"))
            .is_some_and(|stem| !stem.is_empty());
        if is_module && text.len() <= 256 && text.split('/').all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseModulePathError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_path_stays_below_the_source() {
        for text in ["a.ko", "drivers/net/foo-bar.ko"] {
            assert_eq!(text.parse::<ModulePath>().expect(text).to_string(), text);
        }
        for text in [
            "", ".ko", "a", "a.o", "/a.ko", "../a.ko", "a//b.ko", "./a.ko", "a b.ko",
        ] {
            assert!(text.parse::<ModulePath>().is_err(), "{text}");
        }
    }
}

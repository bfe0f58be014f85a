//! A variable for `make` that a matrix may set.

use std::fmt;
use std::str::FromStr;

/// A variable for `make`, such as `V=1`.
///
/// # Security
///
/// A matrix cannot set what decides where a build happens or which tools make the bits: the recipe
/// owns those, and a label speaks about them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MakeVariable {
    name: String,
    value: String,
}

/// Says why a string cannot be a variable for `make`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseMakeVariableError {
    #[error("`{0}` is not a make variable of the form `NAME=value`")]
    Form(String),
    #[error("the make variable `{0}` belongs to the recipe and cannot be set")]
    Owned(String),
}

/// Names that the recipe owns, or that would replace its tools.
const OWNED: [&str; 31] = [
    "AR",
    "ARCH",
    "AS",
    "CC",
    "CPP",
    "CROSS_COMPILE",
    "HOSTCC",
    "HOSTCXX",
    "HOSTLD",
    "KAFLAGS",
    "KCFLAGS",
    "KCPPFLAGS",
    "KDIR",
    "KERNELDIR",
    "KERNELRELEASE",
    "LD",
    "LLVM",
    "LLVM_IAS",
    "M",
    "MAKE",
    "MAKEFILES",
    "MAKEFLAGS",
    "MFLAGS",
    "MO",
    "NM",
    "O",
    "OBJCOPY",
    "PAHOLE",
    "PATH",
    "SHELL",
    "STRIP",
];

/// Beginnings of names that the recipe owns.
const OWNED_PREFIXES: [&str; 3] = ["KBUILD_", "DEBIAN_KERNEL_", "RESOLVE_BTFIDS"];

impl MakeVariable {
    /// Returns the variable's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the value, which may be empty.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for MakeVariable {
    type Err = ParseMakeVariableError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseMakeVariableError::Form(text.chars().take(80).collect());
        let (name, value) = text.split_once('=').ok_or_else(refuse)?;
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let is_line = value.len() <= 1024 && !value.contains(char::is_control);
        if !(starts_well && is_word && is_line && name.len() <= 64) {
            return Err(refuse());
        }
        if OWNED.contains(&name) || OWNED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Err(ParseMakeVariableError::Owned(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl fmt::Display for MakeVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_parse_and_print_as_inverses() {
        for text in ["V=1", "CONFIG_FOO=m", "EXTRA_CFLAGS=-DX=1 -DY", "_A="] {
            let variable: MakeVariable = text.parse().expect(text);
            assert_eq!(variable.to_string(), text);
        }
    }

    #[test]
    fn what_the_recipe_owns_cannot_be_set() {
        for text in [
            "M=/x",
            "ARCH=arm64",
            "CC=clang",
            "O=out",
            "KBUILD_BUILD_USER=me",
            "SHELL=/bin/x",
        ] {
            assert!(
                matches!(
                    text.parse::<MakeVariable>(),
                    Err(ParseMakeVariableError::Owned(_))
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "", "V", "=1", "1V=1", "V =1", "-j=9", "V:=1", "V=a\nb", "clean",
        ] {
            assert!(
                matches!(
                    text.parse::<MakeVariable>(),
                    Err(ParseMakeVariableError::Form(_))
                ),
                "{text}"
            );
        }
    }
}

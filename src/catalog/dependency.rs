//! Dependencies between packages, as Debian (Policy, section 7.1), pacman and apk write them.

use std::fmt;

use super::version_order::VersionOrder;
use crate::name::{PackageName, PackageVersion, ParseNameError};

const MOST_ALTERNATIVES: usize = 10_000;

/// One dependency, which any of its alternatives satisfies; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub alternatives: Vec<Alternative>,
}

/// One package that satisfies a dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    pub name: PackageName,
    pub constraint: Option<Constraint>,
}

/// Which versions will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    pub relation: Relation,
    pub version: PackageVersion,
}

/// How a version has to stand to the one that a constraint names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Earlier,
    EarlierOrEqual,
    Equal,
    LaterOrEqual,
    Later,
}

/// Says why a dependency cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DependencyError {
    #[error("the dependency `{0}` cannot be read")]
    Malformed(String),
    #[error(transparent)]
    Name(#[from] ParseNameError),
    #[error("there are more than {MOST_ALTERNATIVES} dependencies")]
    TooMany,
}

/// Parses a `Depends` field.
pub fn parse_depends(field: &str) -> Result<Vec<Dependency>, DependencyError> {
    let mut count = 0;
    let mut dependencies = Vec::new();
    for group in field.split(',') {
        // Continuation lines and a comma at the end leave empty groups behind.
        if group.trim().is_empty() {
            continue;
        }
        let mut alternatives = Vec::new();
        for text in group.split('|') {
            count += 1;
            if count > MOST_ALTERNATIVES {
                return Err(DependencyError::TooMany);
            }
            alternatives.push(parse_alternative(text)?);
        }
        dependencies.push(Dependency { alternatives });
    }
    Ok(dependencies)
}

/// Parses `name[:arch] [(relation version)]`.
fn parse_alternative(text: &str) -> Result<Alternative, DependencyError> {
    let text = text.trim();
    let malformed = || DependencyError::Malformed(text.chars().take(120).collect());
    let (name, constraint) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => {
            let inside = rest.strip_suffix(')').ok_or_else(malformed)?.trim();
            let version_at = inside
                .find(|c| !matches!(c, '<' | '=' | '>'))
                .ok_or_else(malformed)?;
            let (relation, version) = inside.split_at(version_at);
            let relation = Relation::parse(relation).ok_or_else(malformed)?;
            let constraint = Constraint {
                relation,
                version: version.trim().parse()?,
            };
            (name.trim_end(), Some(constraint))
        }
    };
    // `:any` and the like choose an architecture, which the follower of dependencies does itself.
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    Ok(Alternative {
        name: name.parse()?,
        constraint,
    })
}

impl Dependency {
    /// A dependency that only one name satisfies, in a version that has this relation to another.
    pub fn single(
        name: &str,
        constraint: Option<(Relation, String)>,
    ) -> Result<Self, DependencyError> {
        let constraint = match constraint {
            None => None,
            Some((relation, version)) => Some(Constraint {
                relation,
                version: version.parse()?,
            }),
        };
        Ok(Self {
            alternatives: vec![Alternative {
                name: name.parse()?,
                constraint,
            }],
        })
    }
}

/// Parses `name[relation version]` as pacman and apk write it, if the name is one that is followed.
///
/// # Errors
///
/// A dependency that is followed but has a relation that is not known here, such as apk's `~`.
pub fn parse_requirement(
    text: &str,
    follows: impl Fn(&str) -> bool,
) -> Result<Option<Dependency>, DependencyError> {
    let end = text.find(['<', '=', '>', '~']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if !follows(name) {
        return Ok(None);
    }
    let constraint = match rest.find(|c| !matches!(c, '<' | '=' | '>' | '~')) {
        None if rest.is_empty() => None,
        None => return Err(DependencyError::Malformed(text.chars().take(120).collect())),
        Some(version_at) => {
            let (relation, version) = rest.split_at(version_at);
            let relation = match relation {
                "<" => Relation::Earlier,
                "<=" => Relation::EarlierOrEqual,
                "=" => Relation::Equal,
                ">=" => Relation::LaterOrEqual,
                ">" => Relation::Later,
                _ => return Err(DependencyError::Malformed(text.chars().take(120).collect())),
            };
            Some((relation, version.to_owned()))
        }
    };
    Dependency::single(name, constraint).map(Some)
}

impl Relation {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "<<" => Some(Self::Earlier),
            "<=" => Some(Self::EarlierOrEqual),
            "=" => Some(Self::Equal),
            ">=" => Some(Self::LaterOrEqual),
            ">>" => Some(Self::Later),
            _ => None,
        }
    }
}

impl Constraint {
    /// Returns true if a version will do.
    pub fn admits(&self, version: &PackageVersion, order: VersionOrder) -> bool {
        let order = order.compare(version, &self.version);
        match self.relation {
            Relation::Earlier => order.is_lt(),
            Relation::EarlierOrEqual => order.is_le(),
            Relation::Equal => order.is_eq(),
            Relation::LaterOrEqual => order.is_ge(),
            Relation::Later => order.is_gt(),
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, alternative) in self.alternatives.iter().enumerate() {
            let between = if index == 0 { "" } else { " | " };
            write!(f, "{between}{alternative}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.constraint {
            None => write!(f, "{}", self.name),
            Some(Constraint { relation, version }) => {
                write!(f, "{} ({relation} {version})", self.name)
            }
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_print_as_they_were_written() {
        let text = "linux-base (>= 4.12~), linux-image-6.12 (= 6.12.107-1~deb12u1) | linux-image-6.12-unsigned, gcc-12";
        let dependencies = parse_depends(text).expect("dependencies");
        let printed: Vec<String> = dependencies.iter().map(ToString::to_string).collect();
        assert_eq!(printed.join(", "), text);
    }

    #[test]
    fn other_spellings_mean_the_same() {
        for text in ["a(=1)", "a ( = 1 )", "a:any (= 1)", "\n a (=\n 1),\n"] {
            let dependencies = parse_depends(text).expect(text);
            assert_eq!(dependencies.len(), 1, "{text}");
            assert_eq!(dependencies[0].to_string(), "a (= 1)", "{text}");
        }
        assert_eq!(parse_depends("").expect("none"), []);
    }

    #[test]
    fn broken_dependencies_are_refused() {
        for text in [
            "a (= 1",
            "a (1)",
            "a (=)",
            "a (== 1)",
            "a (> 1)",
            "a b",
            "| a",
            "a (= 1) b",
        ] {
            assert!(parse_depends(text).is_err(), "{text}");
        }
    }

    #[test]
    fn requirements_are_read_if_they_are_followed() {
        let follows = |name: &str| name.starts_with("linux");
        let cases = [
            ("linux", Some("linux")),
            ("linux=6.1-1", Some("linux (= 6.1-1)")),
            ("linux>=1:6", Some("linux (>= 1:6)")),
            ("linux<7", Some("linux (<< 7)")),
            ("glibc>=2", None),
            ("so:libc.musl-x86_64.so.1", None),
            ("/bin/sh", None),
        ];
        for (text, printed) in cases {
            let read = parse_requirement(text, follows).expect(text);
            let read = read.map(|dependency| dependency.to_string());
            assert_eq!(read.as_deref(), printed, "{text}");
        }
        for text in ["linux~6", "linux=", "linux><6", "linux==6", "linux a"] {
            assert!(parse_requirement(text, follows).is_err(), "{text}");
        }
    }

    #[test]
    fn constraints_admit_by_dpkg_order() {
        let cases = [
            ("a (= 1.0)", "1.0", true),
            ("a (= 1.0)", "1.0-1", false),
            ("a (>= 6.1.170-3)", "6.1.192-2", true),
            ("a (>= 6.1.170-3)", "6.1.99-1", false),
            ("a (>> 1.0)", "1.0", false),
            ("a (>= 1.0~)", "1.0~rc1", true),
            ("a (<< 1.0)", "1.0~rc1", true),
            ("a (<= 1.0)", "1:0.1", false),
        ];
        for (text, version, admitted) in cases {
            let dependency = &parse_depends(text).expect(text)[0];
            let constraint = dependency.alternatives[0].constraint.as_ref().expect(text);
            let version = version.parse().expect(version);
            assert_eq!(
                constraint.admits(&version, VersionOrder::Deb),
                admitted,
                "{text} on {version}"
            );
        }
    }
}

//! What a rebuild changes on purpose.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that a rebuild changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    BuildPath,
    HostName,
    User,
    Locale,
    TimeZone,
    Umask,
    Environment,
    Cpus,
}

impl Axis {
    /// Every axis, in the order in which they are printed.
    pub const ALL: [Self; 8] = [
        Self::BuildPath,
        Self::HostName,
        Self::User,
        Self::Locale,
        Self::TimeZone,
        Self::Umask,
        Self::Environment,
        Self::Cpus,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::BuildPath => "build path",
            Self::HostName => "host name",
            Self::User => "user",
            Self::Locale => "locale",
            Self::TimeZone => "time zone",
            Self::Umask => "umask",
            Self::Environment => "environment",
            Self::Cpus => "CPU count",
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The surroundings of one attempt. Attempt 0 is the reference; the rest are rebuilds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Variation {
    /// The attempt's number, which salts the spec: two attempts are never one build.
    pub attempt: u32,
    /// Where the sources are built, below the work directory.
    pub build_path: String,
    pub host_name: String,
    pub domain_name: String,
    pub user: u32,
    pub group: u32,
    pub user_name: String,
    pub locale: String,
    /// A POSIX `TZ` string (POSIX.1-2017, section 8.3), so that no zone file is needed.
    pub time_zone: String,
    /// In octal, as `umask` takes it.
    pub umask: String,
    /// Variables that no build should look at.
    pub noise: Vec<(String, String)>,
    /// The CPUs that the attempt may use, and `make -j`. Zero stands for all of the machine's.
    pub cpus: u32,
}

impl Variation {
    /// Returns the surroundings of an attempt: 0 for the reference, and for every other number
    /// different ones in which every axis differs from the reference's.
    pub fn of_attempt(attempt: u32) -> Self {
        if attempt == 0 {
            return Self {
                attempt,
                build_path: "module".to_owned(),
                host_name: "reference".to_owned(),
                domain_name: "kmatrix.invalid".to_owned(),
                user: 1000,
                group: 1000,
                user_name: "build".to_owned(),
                locale: "C.UTF-8".to_owned(),
                time_zone: "UTC0".to_owned(),
                umask: "022".to_owned(),
                noise: Vec::new(),
                cpus: 0,
            };
        }
        Self {
            attempt,
            build_path: format!("rebuild-{attempt}/a/longer/path/to/the-same.source"),
            host_name: format!("rebuild-{attempt}"),
            domain_name: format!("elsewhere-{attempt}.invalid"),
            user: 20_000 + attempt % 10_000,
            group: 30_000 + attempt % 10_000,
            user_name: format!("rebuilder{attempt}"),
            // Turkish folds case as no other locale does: `i` and `I` are not one letter there.
            locale: if attempt % 2 == 1 { "tr_TR.UTF-8" } else { "C" }.to_owned(),
            // Half an hour off, and on the other side of the date line for most of the day.
            time_zone: if attempt % 2 == 1 {
                "KMX-13:30"
            } else {
                "KMX+11:30"
            }
            .to_owned(),
            umask: if attempt % 2 == 1 { "077" } else { "002" }.to_owned(),
            noise: vec![
                ("KMATRIX_NOISE".to_owned(), format!("attempt {attempt}")),
                ("CDPATH".to_owned(), String::new()),
                ("BUILD_NUMBER".to_owned(), (4711 + attempt).to_string()),
            ],
            cpus: 1,
        }
    }

    /// Returns the axes on which this attempt differs from another.
    ///
    /// The number of CPUs differs only if the machine has more than one, which the caller knows.
    pub fn differs_from(&self, other: &Self, machine_cpus: u32) -> Vec<Axis> {
        let cpus = |v: &Self| if v.cpus == 0 { machine_cpus } else { v.cpus };
        Axis::ALL
            .into_iter()
            .filter(|axis| match axis {
                Axis::BuildPath => self.build_path != other.build_path,
                Axis::HostName => {
                    (&self.host_name, &self.domain_name) != (&other.host_name, &other.domain_name)
                }
                Axis::User => {
                    (self.user, self.group, &self.user_name)
                        != (other.user, other.group, &other.user_name)
                }
                Axis::Locale => self.locale != other.locale,
                Axis::TimeZone => self.time_zone != other.time_zone,
                Axis::Umask => self.umask != other.umask,
                Axis::Environment => self.noise != other.noise,
                Axis::Cpus => cpus(self) != cpus(other),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rebuild_differs_from_the_reference_on_every_axis() {
        let reference = Variation::of_attempt(0);
        for attempt in 1..50 {
            let rebuild = Variation::of_attempt(attempt);
            assert_eq!(rebuild.differs_from(&reference, 2), Axis::ALL, "{attempt}");
        }
        assert_eq!(reference.differs_from(&reference, 2), []);
    }

    #[test]
    fn one_cpu_cannot_be_varied() {
        let [reference, rebuild] = [0, 1].map(Variation::of_attempt);
        assert!(!rebuild.differs_from(&reference, 1).contains(&Axis::Cpus));
    }
}

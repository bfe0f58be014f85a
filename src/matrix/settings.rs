//! How cells are built, and what is asked of the results.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use crate::document::{ByteSize, ProblemCode, Read, Table, Value};
use crate::variation::{Axis, Profile};

/// How every cell of a matrix is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSettings {
    /// How often a cell is built again after the reference; with 0 nothing is proven.
    pub rebuilds: u32,
    /// How much a rebuild changes of its surroundings.
    pub variation: Profile,
    /// Axes that are held although the profile varies them.
    pub hold: BTreeSet<Axis>,
    /// Axes that are varied although the profile holds them.
    pub vary: BTreeSet<Axis>,
    pub limits: Limits,
    /// What preparing a kernel from its source may use.
    pub preparation: PreparationSettings,
}

/// What one preparation of a kernel may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreparationSettings {
    pub limits: Limits,
    /// The most CPUs; all of the machine's if absent.
    pub cpus: Option<NonZeroU32>,
}

/// What one attempt may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub memory: ByteSize,
    /// Processes and threads at one time.
    pub processes: NonZeroU32,
    /// From start to end.
    pub time: Duration,
    /// What the work directory may grow to, outputs included.
    pub disk: ByteSize,
    /// How much a build may print before it is stopped.
    pub log: ByteSize,
    /// How large all modules of a build may be together.
    pub output: ByteSize,
}

/// What is asked of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicySettings {
    /// The lowest tier that a cell may have, where one is asked for.
    pub require: Option<RequiredTier>,
    /// The age of a builder image's archive state, at build time, from which it is stale.
    pub stale_after: Duration,
    /// The age from which it is ageing, which fails nothing; at most `stale_after`.
    pub warn_after: Duration,
    /// How many updates an image may have missed before it is stale, where that is asked for.
    pub missed_updates: Option<u32>,
    /// The same of those in security suites.
    pub missed_security_updates: Option<u32>,
    pub fail_when_stale: bool,
}

/// A tier that can be asked for; nobody asks for `irreproducible`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequiredTier {
    Unverified,
    Partial,
    Constrained,
    Full,
}

/// Says why a string is no tier that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tier (`full`, `constrained`, `partial`, `unverified`)")]
pub struct ParseTierError(String);

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for BuildSettings {
    fn default() -> Self {
        Self {
            rebuilds: 1,
            variation: Profile::default(),
            hold: BTreeSet::new(),
            vary: BTreeSet::new(),
            limits: Limits::default(),
            preparation: PreparationSettings::default(),
        }
    }
}

impl Default for PreparationSettings {
    /// Enough for a distribution's kernel with its modules and without debug information, which takes
    /// 5 GB.
    fn default() -> Self {
        Self {
            limits: Limits {
                memory: ByteSize::mebibytes(16 << 10),
                processes: NonZeroU32::new(4096).unwrap_or(NonZeroU32::MIN),
                time: 240 * MINUTE,
                disk: ByteSize::mebibytes(12 << 10),
                log: ByteSize::mebibytes(64),
                output: ByteSize::mebibytes(1 << 10),
            },
            cpus: None,
        }
    }
}

impl BuildSettings {
    /// Returns the axes on which rebuilds are varied.
    pub fn axes(&self) -> BTreeSet<Axis> {
        &(&self.variation.axes() | &self.vary) - &self.hold
    }

    /// Returns how often a cell is rebuilt: as often as asked for, and if at all, as often as the
    /// profile wants.
    pub fn least_rebuilds(&self) -> u32 {
        match self.rebuilds {
            0 => 0,
            asked => asked.max(self.variation.least_rebuilds()),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::mebibytes(2048),
            processes: NonZeroU32::new(512).unwrap_or(NonZeroU32::MIN),
            time: 10 * MINUTE,
            disk: ByteSize::mebibytes(1024),
            log: ByteSize::mebibytes(8),
            output: ByteSize::mebibytes(256),
        }
    }
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            require: None,
            stale_after: 30 * DAY,
            warn_after: 14 * DAY,
            missed_updates: None,
            missed_security_updates: None,
            fail_when_stale: false,
        }
    }
}

impl RequiredTier {
    /// Every tier that can be asked for, lowest first.
    pub const ALL: [Self; 4] = [
        Self::Unverified,
        Self::Partial,
        Self::Constrained,
        Self::Full,
    ];

    /// Returns the tier's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Partial => "partial",
            Self::Constrained => "constrained",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for RequiredTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RequiredTier {
    type Err = ParseTierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.as_str() == text)
            .ok_or_else(|| ParseTierError(text.chars().take(40).collect()))
    }
}

/// Reads `[build]`.
pub(super) fn read_build(table: &Table<'_>) -> Read<BuildSettings> {
    let defaults = BuildSettings::default();
    let rebuilds = table.or("rebuilds", defaults.rebuilds, Value::count);
    let variation = table.or("variation", defaults.variation, Value::parse);
    let vary = table.or("vary", BTreeSet::new(), axes);
    let hold = table.or("hold", BTreeSet::new(), |value| {
        let hold = axes(value)?;
        match vary
            .as_ref()
            .ok()
            .and_then(|vary| hold.intersection(vary).next())
        {
            Some(axis) => {
                let message = format!("`{axis}` is in `hold` and in `vary`");
                Err(value.refuse(ProblemCode::Conflict, message, None))
            }
            None => Ok(hold),
        }
    });
    let limits = read_limits(table, defaults.limits);
    let preparation = table.or("preparation", defaults.preparation, |value| {
        value.table(read_preparation)
    });
    Ok(BuildSettings {
        rebuilds: rebuilds?,
        variation: variation?,
        hold: hold?,
        vary: vary?,
        limits: limits?,
        preparation: preparation?,
    })
}

/// Reads `[build.preparation]`.
fn read_preparation(table: &Table<'_>) -> Read<PreparationSettings> {
    let defaults = PreparationSettings::default();
    let limits = read_limits(table, defaults.limits);
    let cpus = table.optional("cpus", Value::positive);
    let limits = limits?;
    if limits.disk > limits.memory {
        let message = "`disk` is more than `memory`, which holds the work directory";
        let hint = "raise `memory`, or lower `disk`".to_owned();
        return Err(table.refuse(ProblemCode::Conflict, message, Some(hint)));
    }
    Ok(PreparationSettings {
        limits,
        cpus: cpus?,
    })
}

fn read_limits(table: &Table<'_>, limits: Limits) -> Read<Limits> {
    let memory = table.or("memory", limits.memory, size);
    let processes = table.or("processes", limits.processes, Value::positive);
    let time = table.or("time", limits.time, duration);
    let disk = table.or("disk", limits.disk, size);
    let log = table.or("log", limits.log, size);
    let output = table.or("output", limits.output, size);
    Ok(Limits {
        memory: memory?,
        processes: processes?,
        time: time?,
        disk: disk?,
        log: log?,
        output: output?,
    })
}

/// Reads `[policy]`.
pub(super) fn read_policy(table: &Table<'_>) -> Read<PolicySettings> {
    let defaults = PolicySettings::default();
    let require = table.optional("require", Value::parse);
    let stale_after = table.or("stale-after", defaults.stale_after, duration);
    let warn_after = table.optional("warn-after", |value| {
        let warn_after = duration(value)?;
        match stale_after {
            Ok(stale_after) if warn_after > stale_after => {
                let message = "`warn-after` is longer than `stale-after`, so it never warns";
                Err(value.refuse(ProblemCode::Conflict, message, None))
            }
            Ok(_) | Err(_) => Ok(warn_after),
        }
    });
    let missed_updates = table.optional("missed-updates", Value::count);
    let missed_security_updates = table.optional("missed-security-updates", Value::count);
    let fail_when_stale = table.or("fail-when-stale", defaults.fail_when_stale, Value::boolean);
    let stale_after = stale_after?;
    Ok(PolicySettings {
        require: require?,
        stale_after,
        warn_after: warn_after?.unwrap_or(defaults.warn_after.min(stale_after)),
        missed_updates: missed_updates?,
        missed_security_updates: missed_security_updates?,
        fail_when_stale: fail_when_stale?,
    })
}

fn axes(value: Value<'_>) -> Read<BTreeSet<Axis>> {
    value
        .list(Value::parse)
        .map(|axes: Vec<Axis>| axes.into_iter().collect())
}

fn size(value: Value<'_>) -> Read<ByteSize> {
    let size: ByteSize = value.parse()?;
    if size.bytes() > 0 {
        return Ok(size);
    }
    Err(value.refuse(ProblemCode::BadValue, "a limit of 0 lets nothing run", None))
}

fn duration(value: Value<'_>) -> Read<Duration> {
    let duration = value.duration()?;
    if duration >= Duration::from_secs(1) {
        return Ok(duration);
    }
    let message = "a duration here is at least one second";
    Err(value.refuse(ProblemCode::BadValue, message, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn policy(text: &str) -> Result<PolicySettings, String> {
        let document = Document::from_bytes("matrix/x.toml", text.as_bytes())
            .map_err(|problems| problems.to_string())?;
        document
            .decode(read_policy)
            .map_err(|problems| problems.to_string())
    }

    fn build(text: &str) -> Result<BuildSettings, String> {
        let document = Document::from_bytes("matrix/x.toml", text.as_bytes())
            .map_err(|problems| problems.to_string())?;
        document
            .decode(read_build)
            .map_err(|problems| problems.to_string())
    }

    #[test]
    fn preparing_a_kernel_has_limits_of_its_own() {
        let settings = build("memory = '1GiB'").expect("limits of attempts");
        assert_eq!(settings.preparation, PreparationSettings::default());
        let settings =
            build("[preparation]\nmemory = '20GiB'\ndisk = '18GiB'\ntime = '9h'\ncpus = 3")
                .expect("limits of preparations");
        assert_eq!(settings.limits, Limits::default());
        let PreparationSettings { limits, cpus } = settings.preparation;
        assert_eq!(limits.memory, ByteSize::mebibytes(20 << 10));
        assert_eq!(limits.time, Duration::from_secs(9 * 3600));
        assert_eq!(limits.processes.get(), 4096, "what is not named stays");
        assert_eq!(cpus.map(NonZeroU32::get), Some(3));
        for (text, problem) in [
            (
                "[preparation]\nmemory = '8GiB'",
                "`disk` is more than `memory`",
            ),
            ("[preparation]\nmemory = '0MiB'", "a limit of 0"),
            ("[preparation]\ntime = '0s'", "at least one second"),
            ("[preparation]\ncpus = 0", "`cpus` must be at least 1"),
            (
                "[preparation]\nprocesses = 0",
                "`processes` must be at least 1",
            ),
            ("[preparation]\nmemroy = '1GiB'", "unknown key `memroy`"),
            ("cpus = 2", "unknown key `cpus`"),
        ] {
            let error = build(text).expect_err(text);
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn an_image_begins_to_age_before_it_is_stale() {
        let ages = |text: &str| {
            let policy = policy(text).expect(text);
            (policy.warn_after / 86_400, policy.stale_after / 86_400)
        };
        let days = |warn, stale| (Duration::from_secs(warn), Duration::from_secs(stale));
        assert_eq!(ages(""), days(14, 30));
        assert_eq!(ages("stale-after = '7d'"), days(7, 7));
        assert_eq!(ages("warn-after = '20d'"), days(20, 30));
        assert_eq!(ages("warn-after = '1d'\nstale-after = '2d'"), days(1, 2));
        let error = policy("warn-after = '8d'\nstale-after = '7d'").expect_err("never warns");
        assert!(error.contains("`warn-after` is longer"), "{error}");
        assert_eq!(policy("").expect("defaults").missed_updates, None);
        let strict = policy("missed-updates = 5\nmissed-security-updates = 0").expect("numbers");
        assert_eq!(
            (strict.missed_updates, strict.missed_security_updates),
            (Some(5), Some(0))
        );
    }
}

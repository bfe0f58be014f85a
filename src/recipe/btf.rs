//! Whether a kernel's makefiles let pahole put BTF in an order that is not steady.
//!
//! pahole 1.22 to 1.28 writes types in the order in which its threads end when it is run with `-j`;
//! from 1.27 `--btf_features=reproducible_build` keeps it from that (Linux, `scripts/Makefile.btf`;
//! dwarves' changes for v1.27 and v1.29).

use serde::{Deserialize, Serialize};

/// The versions of pahole, as the kernel writes them, whose threads change the order.
const UNSTEADY: std::ops::Range<u32> = 122..129;
/// The first version that can be asked not to.
const CAN_BE_ASKED: u32 = 127;
/// The version from which upstream's makefile sets `-j` again, whatever it set before.
const SETS_IT_AGAIN: u32 = 126;

/// Returns true if the threads of this pahole change the order, unless it is asked not to let them.
pub fn threads_change_order(pahole: u32) -> bool {
    UNSTEADY.contains(&pahole)
}

/// How a kernel's makefiles call pahole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BtfJobs {
    /// Nothing of the header packages tells.
    #[default]
    Unknown,
    Never,
    /// Only if `KBUILD_BUILD_TIMESTAMP` is not set, as far as pahole can be asked for a steady order.
    UnlessStamped,
    Always,
}

impl BtfJobs {
    /// Reads `scripts/Makefile.btf`, or `scripts/pahole-flags.sh` of kernels before 6.10.
    pub fn read(script: &str) -> Self {
        let lines = || {
            let lines = script.lines().map(str::trim);
            lines.filter(|line| !line.starts_with('#'))
        };
        let jobs = |line: &str| {
            let mut words = line.split(|c: char| c.is_whitespace() || matches!(c, '"' | '='));
            words.any(|word| word == "-j" || word.starts_with("--jobs"))
        };
        if !lines().any(jobs) {
            Self::Never
        } else if lines().any(|line| line.contains("KBUILD_BUILD_TIMESTAMP")) {
            Self::UnlessStamped
        } else {
            Self::Always
        }
    }

    /// Returns true if this pahole, run as the makefiles run it with a timestamp set, may write
    /// another order each time.
    pub fn may_shuffle(self, pahole: u32) -> bool {
        threads_change_order(pahole)
            && match self {
                Self::Never => false,
                Self::UnlessStamped => (SETS_IT_AGAIN..CAN_BE_ASKED).contains(&pahole),
                Self::Unknown | Self::Always => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_makefiles_do_is_read_from_them() {
        let stamped = "# -j\nifeq ($(KBUILD_BUILD_TIMESTAMP),)\n\
                       flags-$(call test-ge, $(pahole-ver), 122) += -j\nendif\n";
        let always = "if [ \"${pahole_ver}\" -ge \"122\" ]; then\n\
                      \textra=\"${extra} -j\"\nfi\n";
        let with_count = "flags = --jobs=4 --btf\n";
        let never = "# pahole has -j\nflags-y += --btf_gen_floats\n";
        for (script, expected) in [
            (stamped, BtfJobs::UnlessStamped),
            (always, BtfJobs::Always),
            (with_count, BtfJobs::Always),
            (never, BtfJobs::Never),
        ] {
            assert_eq!(BtfJobs::read(script), expected, "{script}");
        }
    }

    #[test]
    fn only_some_versions_shuffle() {
        for (jobs, pahole, shuffles) in [
            (BtfJobs::Always, 121, false),
            (BtfJobs::Always, 124, true),
            (BtfJobs::Always, 128, true),
            (BtfJobs::Always, 129, false),
            (BtfJobs::UnlessStamped, 124, false),
            (BtfJobs::UnlessStamped, 126, true),
            (BtfJobs::UnlessStamped, 128, false),
            (BtfJobs::Never, 124, false),
            (BtfJobs::Unknown, 124, true),
        ] {
            assert_eq!(jobs.may_shuffle(pahole), shuffles, "{jobs:?} {pahole}");
        }
    }
}

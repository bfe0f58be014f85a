//! Which compiler and which pahole a kernel was built with, by the kernel's own record.
//!
//! The record is read where the kernel build system puts it (Linux, `init/Kconfig`:
//! `CC_VERSION_TEXT`, `GCC_VERSION`, `CC_IS_CLANG`, `PAHOLE_VERSION`; Debian's `.kernelvariables`
//! names the program). A table by kernel release would go wrong.

use serde::{Deserialize, Serialize};

use crate::ko::BtfBase;
use crate::recipe::BtfJobs;

/// Options that let GCC draw random numbers where a command has no `-frandom-seed` (Linux,
/// `scripts/gcc-plugins/Kconfig`, `kernel/gcov/Kconfig`).
const RANDOM_OPTIONS: [&str; 2] = [
    "CONFIG_GCC_PLUGIN_LATENT_ENTROPY",
    "CONFIG_GCOV_PROFILE_ALL",
];

/// What a kernel says of the tools that it was built with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelToolchain {
    /// `CONFIG_CC_VERSION_TEXT` without the program's name, such as
    /// `(Debian 12.2.0-14+deb12u1) 12.2.0`.
    pub compiler: Option<String>,
    /// The compiler program that the kernel's makefiles call, without a cross prefix, such as
    /// `gcc-12`.
    pub program: Option<String>,
    /// True if the kernel was built by clang.
    pub clang: bool,
    /// True if a module's build makes BTF: the kernel has it, and the header tree ships the
    /// `vmlinux` that it is made from.
    pub makes_btf: bool,
    /// `CONFIG_PAHOLE_VERSION`, such as `124` for 1.24.
    pub pahole: Option<u32>,
    /// How its makefiles call pahole.
    #[serde(default)]
    pub btf_jobs: BtfJobs,
    /// Options of its configuration with which the compiler draws random numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub random_options: Vec<String>,
    /// Where the kernel's own types end in the `vmlinux` that a module's BTF goes on from; `None` in
    /// records of before it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub btf_base: Option<BtfBase>,
}

/// Reads the record from a header tree's `.config` and, where there is one, `.kernelvariables`.
pub fn read_record(
    config: &str,
    kernel_variables: Option<&str>,
    has_vmlinux: bool,
) -> KernelToolchain {
    let value = |name: &str| {
        config.lines().find_map(|line| {
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('='))
                .map(|value| value.trim().trim_matches('"'))
        })
    };
    let text = value("CONFIG_CC_VERSION_TEXT");
    let named = kernel_variables.and_then(|text| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(name, _)| matches!(name.trim().trim_start_matches("override "), "CC"))
            .and_then(|(_, value)| value.rsplit(['/', ' ', ')']).next())
            .map(str::to_owned)
    });
    KernelToolchain {
        compiler: text.map(|text| identification(text).to_owned()),
        program: named.or_else(|| {
            text.and_then(|text| text.split_whitespace().next())
                .map(|program| without_triplet(program).to_owned())
        }),
        clang: value("CONFIG_CC_IS_CLANG") == Some("y"),
        makes_btf: has_vmlinux
            && value("CONFIG_DEBUG_INFO_BTF") == Some("y")
            && value("CONFIG_DEBUG_INFO_BTF_MODULES") == Some("y"),
        pahole: value("CONFIG_PAHOLE_VERSION").and_then(|digits| digits.parse().ok()),
        btf_jobs: BtfJobs::Unknown,
        random_options: RANDOM_OPTIONS
            .iter()
            .filter(|option| value(option) == Some("y"))
            .map(|&option| option.to_owned())
            .collect(),
        btf_base: None,
    }
}

/// Reads what a pahole says of its version, such as `v1.24`, as the kernel writes it: 124.
pub fn pahole_version(said: &str) -> Option<u32> {
    let (major, minor) = said.trim().trim_start_matches('v').split_once('.')?;
    let minor: u32 = minor.parse().ok()?;
    let major = major.parse::<u32>().ok()?;
    major.checked_mul(100)?.checked_add(minor)
}

/// Returns a version line without the program's name: `gcc-12 (Debian 12.2.0-14) 12.2.0` and
/// `x86_64-linux-gnu-gcc-12 (Debian 12.2.0-14) 12.2.0` name one compiler.
pub fn identification(version_line: &str) -> &str {
    let line = version_line.trim();
    match line.find('(') {
        Some(at) if !line.starts_with('(') => line[at..].trim(),
        Some(_) | None => line,
    }
}

/// Returns true if a line of a module's `.comment` section was written by the compiler that the
/// kernel's record identifies. GCC writes `GCC: (Debian 12.2.0-14) 12.2.0`; clang its version line.
pub fn comment_matches(comment: &str, recorded: &str) -> bool {
    let written = comment.strip_prefix("GCC: ").unwrap_or(comment);
    identification(written) == identification(recorded)
}

fn without_triplet(program: &str) -> &str {
    ["gcc", "clang"]
        .iter()
        .find_map(|name| program.rfind(name).map(|at| &program[at..]))
        .unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "CONFIG_CC_VERSION_TEXT=\"x86_64-linux-gnu-gcc-12 (Debian \
                          12.2.0-14+deb12u1) 12.2.0\"\nCONFIG_CC_IS_GCC=y\n\
                          CONFIG_PAHOLE_VERSION=124\nCONFIG_DEBUG_INFO_BTF=y\n\
                          CONFIG_DEBUG_INFO_BTF_MODULES=y\n";

    #[test]
    fn the_kernels_own_record_is_read() {
        let variables = "override ARCH = x86\nCCACHE = ccache\n\
                         CC = $(if $(DEBIAN_KERNEL_USE_CCACHE),$(CCACHE)) $(CROSS_COMPILE)gcc-12\n";
        let record = read_record(CONFIG, Some(variables), true);
        assert_eq!(record.program.as_deref(), Some("gcc-12"));
        assert_eq!(
            record.compiler.as_deref(),
            Some("(Debian 12.2.0-14+deb12u1) 12.2.0")
        );
        assert_eq!(record.pahole, Some(124));
        assert!(record.makes_btf && !record.clang);
        assert!(!read_record(CONFIG, None, false).makes_btf);
        assert!(record.random_options.is_empty());
        let entropy = format!("{CONFIG}CONFIG_GCC_PLUGIN_LATENT_ENTROPY=y\n");
        assert_eq!(
            read_record(&entropy, None, false).random_options,
            ["CONFIG_GCC_PLUGIN_LATENT_ENTROPY"]
        );
        assert_eq!(
            read_record(CONFIG, None, false).program.as_deref(),
            Some("gcc-12")
        );
        assert_eq!(read_record("", None, true), KernelToolchain::default());
    }

    #[test]
    fn a_comment_matches_only_the_same_compiler() {
        let recorded = "(Debian 12.2.0-14+deb12u1) 12.2.0";
        for (comment, matches) in [
            ("GCC: (Debian 12.2.0-14+deb12u1) 12.2.0", true),
            ("GCC: (Debian 12.2.0-14) 12.2.0", false),
            ("GCC: (Debian 11.4.0-1) 11.4.0", false),
            ("Debian clang version 14.0.6", false),
            ("", false),
        ] {
            assert_eq!(comment_matches(comment, recorded), matches, "{comment}");
        }
        assert!(comment_matches(
            "Debian clang version 14.0.6",
            "Debian clang version 14.0.6"
        ));
    }
}

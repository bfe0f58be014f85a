//! Something else was built: for another kernel, or from other sources.

use super::{Entry, Tried};
use crate::compare::cause::Cause;

pub(super) const ENTRIES: [Entry; 5] = [
    Entry {
        cause: Cause::SymversDrift,
        id: "symvers-drift",
        noun: "another `Module.symvers`",
        bytes: "other CRCs in `__versions`, or other `depends`",
        build: "`Module.symvers` of the headers, `KBUILD_EXTRA_SYMBOLS`",
        axis: None,
        rules: &[],
        fix: "build against headers of one package version, pinned by digest",
        tried: Tried::ByTools,
    },
    Entry {
        cause: Cause::ConfigurationDrift,
        id: "configuration-drift",
        noun: "another configuration of the kernel",
        bytes: "vermagic's flags differ, or sections that a configuration adds",
        build: "`.config` and `include/generated/autoconf.h` of the headers",
        axis: None,
        rules: &[],
        fix: "build against headers of one package version, pinned by digest",
        tried: Tried::ByTools,
    },
    Entry {
        cause: Cause::KernelDrift,
        id: "kernel-drift",
        noun: "another kernel release",
        bytes: "the first word of vermagic differs",
        build: "`include/generated/utsrelease.h` of the headers",
        axis: None,
        rules: &[],
        fix: "build against headers of one kernel release, pinned by digest",
        tried: Tried::ByTools,
    },
    Entry {
        cause: Cause::SourceDrift,
        id: "source-drift",
        noun: "other sources",
        bytes: "srcversion differs, or symbols that only one has",
        build: "the sources themselves, and what generates some of them",
        axis: None,
        rules: &[],
        fix: "build from one commit; `git diff` between the two says what changed",
        tried: Tried::ByCompiler,
    },
    Entry {
        cause: Cause::OtherMachine,
        id: "other-machine",
        noun: "another architecture",
        bytes: "the ELF header names another machine, width or byte order",
        build: "`ARCH`, `CROSS_COMPILE`",
        axis: None,
        rules: &[],
        fix: "hold modules of one architecture against each other",
        tried: Tried::ByCompiler,
    },
];

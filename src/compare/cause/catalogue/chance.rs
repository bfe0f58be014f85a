//! What is thrown anew, or comes of a seed.

use super::{Entry, Tried};
use crate::compare::cause::Cause;

pub(super) const ENTRIES: [Entry; 3] = [
    Entry {
        cause: Cause::RandomBytes,
        id: "random-bytes",
        noun: "random bytes",
        bytes: "as many bytes in both, of no known meaning, with nothing else different",
        build: "`/dev/urandom`, `$RANDOM`, `uuidgen`, `mktemp` or `openssl rand` in a makefile or script",
        axis: None,
        rules: &["random"],
        fix: "put a constant in its place, or make it of the source's digest",
        tried: Tried::ByCompiler,
    },
    Entry {
        cause: Cause::RandstructSeed,
        id: "randstruct-seed",
        noun: "the seed of the layout of structures",
        bytes: "`RANDSTRUCT` in vermagic with another digest",
        build: "`scripts/basic/randstruct.seed` or `randomize_layout_seed.h` of the kernel, under `CONFIG_RANDSTRUCT`",
        axis: None,
        rules: &[],
        fix: "build against the kernel's own headers with its seed; a kernel that is prepared again makes a new one unless the seed is kept",
        tried: Tried::ByTools,
    },
    Entry {
        cause: Cause::LatentEntropySeed,
        id: "latent-entropy-seed",
        noun: "the seed of the plugin for latent entropy",
        bytes: "constants in code of a module that wants `latent_entropy`",
        build: "`CONFIG_GCC_PLUGIN_LATENT_ENTROPY`; no `-frandom-seed` on the compiler's line",
        axis: None,
        rules: &[],
        fix: "give the plugin a seed of the file's name: `ccflags-y += -frandom-seed=$(notdir $@)`",
        tried: Tried::ByTools,
    },
];

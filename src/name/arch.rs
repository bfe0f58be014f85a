//! Machine architectures, and what each is called elsewhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::refusal::{ParseNameError, refuse};

/// A machine architecture, by Debian's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    Amd64,
    Arm64,
    Armhf,
    Ppc64el,
    Riscv64,
    S390x,
}

impl Arch {
    /// Every architecture, in the order of their names.
    pub const ALL: [Self; 6] = [
        Self::Amd64,
        Self::Arm64,
        Self::Armhf,
        Self::Ppc64el,
        Self::Riscv64,
        Self::S390x,
    ];

    /// Returns Debian's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Armhf => "armhf",
            Self::Ppc64el => "ppc64el",
            Self::Riscv64 => "riscv64",
            Self::S390x => "s390x",
        }
    }

    /// Returns the architecture of the machine that this program runs on, or `None` where modules
    /// cannot be built.
    pub fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// Returns the kernel build system's `ARCH=`.
    pub fn kbuild(self) -> &'static str {
        match self {
            Self::Amd64 => "x86",
            Self::Arm64 => "arm64",
            Self::Armhf => "arm",
            Self::Ppc64el => "powerpc",
            Self::Riscv64 => "riscv",
            Self::S390x => "s390",
        }
    }

    /// Returns the GNU triplet, whose tools a cross build uses.
    pub fn gnu_triplet(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
            Self::Armhf => "arm-linux-gnueabihf",
            Self::Ppc64el => "powerpc64le-linux-gnu",
            Self::Riscv64 => "riscv64-linux-gnu",
            Self::S390x => "s390x-linux-gnu",
        }
    }

    /// Returns ELF's `e_machine` (System V ABI, "Machine" table).
    pub fn elf_machine(self) -> u16 {
        match self {
            Self::Amd64 => 62,
            Self::Arm64 => 183,
            Self::Armhf => 40,
            Self::Ppc64el => 21,
            Self::Riscv64 => 243,
            Self::S390x => 22,
        }
    }

    /// Returns OCI's name (image-spec, config.md, `architecture`, from Go's `GOARCH`).
    pub fn oci(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Armhf => "arm",
            Self::Ppc64el => "ppc64le",
            Self::Riscv64 => "riscv64",
            Self::S390x => "s390x",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Arch {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|arch| arch.as_str() == text)
            .ok_or_else(|| {
                refuse(
                    text,
                    "an architecture (`amd64`, `arm64`, `armhf`, `ppc64el`, `riscv64`, `s390x`)",
                )
            })
    }
}

//! The causes by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalogue::{CATALOGUE, Entry};
use crate::variation::Axis;

/// Why two modules differ. What each is stands in the [`CATALOGUE`], in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    BuildPathCode,
    BuildPathDebug,
    BuildPathGenerated,
    HeaderPath,
    HostName,
    User,
    Home,
    Locale,
    TimeZone,
    ClockCode,
    ClockGenerated,
    ClockArchive,
    Environment,
    KernelOfTheMachine,
    Umask,
    CpuCount,
    PathOrder,
    Terminal,
    UninitialisedMemory,
    RandomBytes,
    RandstructSeed,
    LatentEntropySeed,
    LinkOrderWildcard,
    LinkOrderReaddir,
    LinkOrderParallel,
    LinkOrder,
    RepositoryState,
    NetworkContent,
    BtfOrder,
    BtfPresence,
    PaholeVersion,
    CompilerVersion,
    BinutilsVersion,
    CompilerFlags,
    SignaturePresence,
    SignatureKey,
    SignatureEcdsa,
    Compression,
    Strip,
    BuildIdAlone,
    Layout,
    SymversDrift,
    ConfigurationDrift,
    KernelDrift,
    SourceDrift,
    OtherMachine,
    /// None of the others.
    Unexplained,
}

impl Cause {
    /// Returns what is known of it.
    pub fn entry(self) -> &'static Entry {
        &CATALOGUE[self as usize]
    }

    /// Returns the name that records and messages use.
    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// Returns the cause that an axis stands for where no bytes say more.
    pub fn of_axis(axis: Axis) -> Self {
        match axis {
            Axis::BuildPath => Self::BuildPathGenerated,
            Axis::HeaderPath => Self::HeaderPath,
            Axis::HostName => Self::HostName,
            Axis::User => Self::User,
            Axis::Home => Self::Home,
            Axis::Locale => Self::Locale,
            Axis::TimeZone => Self::TimeZone,
            Axis::Clock => Self::ClockGenerated,
            Axis::Umask => Self::Umask,
            Axis::Environment => Self::Environment,
            Axis::Cpus => Self::CpuCount,
            Axis::FileOrder => Self::LinkOrderReaddir,
            Axis::Kernel => Self::KernelOfTheMachine,
            Axis::PathOrder => Self::PathOrder,
            Axis::Terminal => Self::Terminal,
            Axis::Memory => Self::UninitialisedMemory,
        }
    }

    /// Returns true if differences all over a module follow from it, so that no single place of code
    /// has to be accounted for beside it.
    pub(super) fn changes_all_code(self) -> bool {
        match self {
            Self::RandstructSeed
            | Self::LinkOrderWildcard
            | Self::LinkOrderReaddir
            | Self::LinkOrderParallel
            | Self::LinkOrder
            | Self::CompilerVersion
            | Self::BinutilsVersion
            | Self::CompilerFlags
            | Self::ConfigurationDrift
            | Self::KernelDrift
            | Self::SourceDrift
            | Self::OtherMachine => true,
            Self::BuildPathCode
            | Self::BuildPathDebug
            | Self::BuildPathGenerated
            | Self::HeaderPath
            | Self::HostName
            | Self::User
            | Self::Home
            | Self::Locale
            | Self::TimeZone
            | Self::ClockCode
            | Self::ClockGenerated
            | Self::ClockArchive
            | Self::Environment
            | Self::KernelOfTheMachine
            | Self::Umask
            | Self::CpuCount
            | Self::PathOrder
            | Self::Terminal
            | Self::UninitialisedMemory
            | Self::RandomBytes
            | Self::LatentEntropySeed
            | Self::RepositoryState
            | Self::NetworkContent
            | Self::BtfOrder
            | Self::BtfPresence
            | Self::PaholeVersion
            | Self::SignaturePresence
            | Self::SignatureKey
            | Self::SignatureEcdsa
            | Self::Compression
            | Self::Strip
            | Self::BuildIdAlone
            | Self::Layout
            | Self::SymversDrift
            | Self::Unexplained => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

//! Exit statuses, and which one counts when several apply.

/// How a command ends. The numbers are a public interface: see `docs/exit-status.md`.
///
/// The order is the order of precedence: when several apply, the first of them here counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    /// The program was asked to stop, and did.
    Interrupted,
    /// The program is wrong, or its state directory cannot be written.
    Internal,
    /// The command line is wrong, or the state directory is in use.
    Usage,
    /// A matrix, kernels, images or policy file is wrong.
    Invalid,
    /// The matrix asks for nothing.
    NoCells,
    /// The container engine cannot be used.
    EngineUnavailable,
    /// An input cannot be had or authenticated.
    InputUnavailable,
    /// There are fewer kernels than are recorded, or older ones, or some that cannot be resolved.
    FewerKernels,
    /// A signature could not be made.
    SigningFailed,
    /// A signature or a claim does not hold.
    VerificationFailed,
    /// Evidence that was asked for is not there.
    EvidenceMissing,
    /// Cells made no module.
    CellsFailed,
    /// A rebuild gave other bits.
    RebuildDiffers,
    /// A cell is below the required tier.
    BelowTier,
    /// A builder image is stale, or its age is unknown.
    Stale,
    /// All that was asked for holds.
    Success,
}

impl Exit {
    /// Every status, in the order of precedence.
    pub const ALL: [Self; 16] = [
        Self::Interrupted,
        Self::Internal,
        Self::Usage,
        Self::Invalid,
        Self::NoCells,
        Self::EngineUnavailable,
        Self::InputUnavailable,
        Self::FewerKernels,
        Self::SigningFailed,
        Self::VerificationFailed,
        Self::EvidenceMissing,
        Self::CellsFailed,
        Self::RebuildDiffers,
        Self::BelowTier,
        Self::Stale,
        Self::Success,
    ];

    /// Returns the number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Usage => 2,
            Self::Invalid => 10,
            Self::NoCells => 11,
            Self::EngineUnavailable => 20,
            Self::InputUnavailable => 21,
            Self::FewerKernels => 22,
            Self::CellsFailed => 30,
            Self::RebuildDiffers => 31,
            Self::BelowTier => 32,
            Self::Stale => 33,
            Self::SigningFailed => 40,
            Self::VerificationFailed => 41,
            Self::EvidenceMissing => 42,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }

    /// Returns the one of two that counts.
    pub fn or(self, other: Self) -> Self {
        self.min(other)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_status_counts() {
        assert_eq!(Exit::Success.or(Exit::Stale), Exit::Stale);
        assert_eq!(
            Exit::RebuildDiffers.or(Exit::CellsFailed),
            Exit::CellsFailed
        );
        assert_eq!(Exit::Interrupted.or(Exit::Internal), Exit::Interrupted);
        let mut ordered = Exit::ALL;
        ordered.sort();
        assert_eq!(ordered, Exit::ALL);
    }
}

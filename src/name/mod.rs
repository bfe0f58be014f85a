//! The names of things: each a type of its own, whose `parse` and `Display` are exact inverses.

mod arch;
mod cell_id;
mod plain;
mod refusal;
mod series;
mod target;

pub use arch::Arch;
pub use cell_id::CellId;
pub use plain::{
    ArchiveName, Distro, DistroRelease, Flavour, ImageName, KernelRelease, ModuleName, PackageName,
    PackageVersion, Series, Suite,
};
pub use refusal::ParseNameError;
pub use target::Target;

//! From a locked cell to the values that are built: toolchain, determinism profile, variations.
//! Nothing here does any I/O.

mod inputs;
mod spec;
pub mod toolchain;
mod variation;

pub use inputs::{CellInputs, Executed, RECIPE};
pub use spec::{BuildSpec, Expected, Input, Limits, Mount, SOURCE_AT, WORK_AT, build_spec};
pub use variation::{Axis, Variation};

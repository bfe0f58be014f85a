//! From a locked cell to the values that are built: toolchain, determinism profile, variations.
//! Nothing here does any I/O.

mod btf;
mod built_by;
mod inputs;
mod preparation;
mod spec;
mod steps;
pub mod toolchain;

pub use btf::{BtfJobs, threads_change_order};
pub use built_by::{BuiltBy, NeededModule};
pub use inputs::{CellInputs, Executed, RECIPE};
pub use preparation::{
    CONFIG_NAME, KERNEL_BUILD_AT, KERNEL_SOURCE_AT, PREPARATION, Preparation, preparation_spec,
};
pub use spec::{
    BuildSpec, COMMANDS, EXPORTS, Expected, Input, Limits, MAX_SPEC, Mount, NEEDS_AT, SOURCE_AT,
    WORK_AT, build_spec,
};
pub use steps::built_at;

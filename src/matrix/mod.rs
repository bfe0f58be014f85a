//! What is asked for: modules, and the kernels that they are to be built for.
//!
//! A matrix file is read into a valid [`Matrix`], or into every problem that it has. Nothing here
//! knows which kernels exist; that is for the plan. `matrix/reference.toml` shows every key.

mod definition;
mod dkms_name;
mod file;
mod make_variable;
mod module_path;
mod needs;
mod recipe;
mod scaffold;
mod settings;
mod source;

pub use definition::{
    Axis, Exclude, Include, KernelPick, KernelSelector, Latest, Matrix, ModuleEntry, Produces,
    TargetSelector,
};
pub use dkms_name::written_out;
pub use make_variable::{MakeVariable, ParseMakeVariableError};
pub use module_path::{ModulePath, ParseModulePathError};
pub use recipe::{CommandLine, Recipe};
pub use scaffold::{Origin, Scaffold};
pub use settings::{
    BuildSettings, Limits, ParseTierError, PolicySettings, PreparationSettings, RequiredTier,
};

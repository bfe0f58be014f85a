//! What the tests work with: a place of their own, the program, the engine.

mod engine;
mod place;
mod program;
mod registry;
mod shared;

pub use engine::{OwnEngine, docker};
pub use place::{Place, matrix};
pub use program::{Ran, Running};
pub use registry::{Registry, push_small_image};
pub use shared::SharedState;

use std::path::{Path, PathBuf};

/// Returns the project's directory.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns where tests put their own directories: on the file system of the build, because the
/// engine mounts from them.
pub fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// Calls until the answer is yes. Bounded, so that a test fails instead of hanging; the bound says
/// nothing about how fast anything has to be.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_800 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("waited in vain: {what}");
}

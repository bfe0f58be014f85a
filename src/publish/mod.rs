//! A release as it lies in a directory, put where others find it: which modules there are, which
//! attestations speak of which, and how they are laid out in a registry.

mod layout;
mod push;

pub use layout::{LayoutError, Release, ReleaseBundle, ReleaseFile, ReleaseModule};
pub use push::{PushError, Pushed, PushedModule, push};

//! Modules in a registry: what is pushed, as bytes that are the same every time, and the registry that
//! takes them (OCI image-spec v1.1 and distribution-spec v1.1).
//!
//! A module is an artifact of its own, and its manifest says nothing that the module does not: no time,
//! no host. So its digest is known before anything is pushed, and the statements that are made of the
//! module can name it, which is what `cosign verify-attestation` looks for.

mod manifest;
mod registry;

pub use manifest::{
    BUNDLE_TYPE, Entry, MODULE_TYPE, Manifest, RELEASE_TYPE, fallback_tag, with_referrer,
};
pub use registry::{
    Access, Credentials, ParseRepositoryError, Put, Registry, RegistryError, Repository,
};

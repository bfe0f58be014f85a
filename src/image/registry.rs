//! What a registry's refusal means.
//!
//! The engine hands a registry's answer on as text with one status for all of them. The words below
//! are the registry's own error codes (OCI distribution-spec, "Error codes") and the engine's, and
//! only the explanation and the hint depend on them, never what is done.

use std::fmt;

use crate::engine::EngineFailure;

/// Why a registry did not give an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryRefusal {
    /// It does not know us, or does not let us.
    Credentials,
    /// It has not got it, or not any more.
    Gone,
    /// It has it for other machines only.
    Platform,
    /// It cannot be reached.
    Unreachable,
    /// Something else; the engine's words say what.
    Other,
}

impl RegistryRefusal {
    /// Reads it out of what the engine says.
    pub fn of(failure: &EngineFailure) -> Self {
        let EngineFailure::Refused { message } = failure else {
            return Self::Other;
        };
        let message = message.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if says(&[
            "no matching manifest for",
            "does not match the specified platform",
        ]) {
            Self::Platform
        } else if says(&[
            "unauthorized",
            "no basic auth credentials",
            "authentication required",
            "access to the resource is denied",
            "denied:",
        ]) {
            Self::Credentials
        } else if says(&["manifest unknown", "name unknown", "not found"]) {
            Self::Gone
        } else if says(&[
            "dial tcp",
            "connection refused",
            "no such host",
            "i/o timeout",
        ]) {
            Self::Unreachable
        } else {
            Self::Other
        }
    }

    /// Says what to do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Credentials => {
                "log in with `docker login REGISTRY`, or name a configuration that has with \
                 `DOCKER_CONFIG`"
            }
            Self::Gone => {
                "push the image there again, or correct `reference` and `digest` in the image's \
                 definition under `images/`; nothing else is taken for it"
            }
            Self::Platform => "name the digest of an image for this machine's architecture",
            Self::Unreachable => "check the registry's address, and that it runs",
            Self::Other => {
                "correct `reference` and `digest` in the image's definition under `images/`"
            }
        }
    }
}

impl fmt::Display for RegistryRefusal {
    /// Writes it as the end of a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => ": the registry does not accept the credentials, or wants some",
            Self::Gone => ": the registry does not have it",
            Self::Platform => ": the registry has it for other machines only",
            Self::Unreachable => ": the registry cannot be reached",
            Self::Other => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_told_apart() {
        use RegistryRefusal::{Credentials, Gone, Other, Platform, Unreachable};
        let cases = [
            (
                "Head \"http://127.0.0.1:1/v2/a/manifests/sha256:0\": no basic auth credentials",
                Credentials,
            ),
            ("unauthorized: authentication required", Credentials),
            (
                "manifest for 127.0.0.1:1/a@sha256:0 not found: manifest unknown: manifest unknown",
                Gone,
            ),
            (
                "no matching manifest for linux/amd64 in the manifest list entries",
                Platform,
            ),
            (
                "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
                Unreachable,
            ),
            ("something else", Other),
        ];
        for (message, expected) in cases {
            let failure = EngineFailure::Refused {
                message: message.to_owned(),
            };
            assert_eq!(RegistryRefusal::of(&failure), expected, "{message}");
        }
        assert_eq!(RegistryRefusal::of(&EngineFailure::Vanished), Other);
    }
}

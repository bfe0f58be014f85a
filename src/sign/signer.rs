//! Who signs statements.

use crate::attest::{PAYLOAD_TYPE, pre_authentication_encoding};
use crate::label::Grade;
use crate::sign::signed_statement::key_name;
use crate::sign::{
    CiJob, DigestAlgorithm, KeylessSigner, PrivateKey, PublicKey, SignedStatement, SigningCommand,
    SigningError, TimestampAuthority,
};

/// One who signs statements.
#[derive(Debug)]
pub enum Signer {
    /// A key that this process holds.
    Key(KeySigner),
    /// A key that another program holds.
    Command(CommandSigner),
    /// A key that is made for one signature, and an identity that vouches for it.
    Keyless(Box<KeylessSigner>),
}

/// Signs with a key of a file.
#[derive(Debug)]
pub struct KeySigner {
    key: PrivateKey,
    timestamps: Option<TimestampAuthority>,
}

/// Signs by a command.
#[derive(Debug)]
pub struct CommandSigner {
    command: SigningCommand,
    timestamps: Option<TimestampAuthority>,
}

impl KeySigner {
    /// Returns one that has its signatures timestamped if there is an authority.
    pub fn new(key: PrivateKey, timestamps: Option<TimestampAuthority>) -> Self {
        Self { key, timestamps }
    }
}

impl CommandSigner {
    /// Returns one that has its signatures timestamped if there is an authority.
    pub fn new(command: SigningCommand, timestamps: Option<TimestampAuthority>) -> Self {
        Self {
            command,
            timestamps,
        }
    }
}

impl Signer {
    /// Returns who signs, as records name them: `key:` and the SHA-256 of the public key, or
    /// `identity:` and `issuer:`. Of an identity the certificate has the last word, which
    /// [`SignedStatement::signer`] repeats.
    pub fn name(&self) -> String {
        match self {
            Self::Key(_) | Self::Command(_) => self.public().map(key_name).unwrap_or_default(),
            Self::Keyless(signer) => signer.name(),
        }
    }

    /// Returns what signatures are checked with; nothing for an identity, whose keys are made when
    /// they are needed.
    pub fn public(&self) -> Option<&PublicKey> {
        match self {
            Self::Key(signer) => Some(signer.key.public()),
            Self::Command(signer) => Some(signer.command.public()),
            Self::Keyless(_) => None,
        }
    }

    /// Returns the CI job whose provider says who this is.
    pub fn job(&self) -> Option<&CiJob> {
        match self {
            Self::Key(_) | Self::Command(_) => None,
            Self::Keyless(signer) => signer.job(),
        }
    }

    /// Returns how far keys are from builds. Builds run in containers that see neither files, nor
    /// environment, nor processes of this one.
    pub fn grade(&self) -> Grade {
        match self {
            Self::Key(_) | Self::Command(_) => Grade::External,
            Self::Keyless(_) => Grade::Keyless,
        }
    }

    /// Signs an in-toto payload: one signature, in both forms. It has been verified before it is
    /// returned.
    ///
    /// # Errors
    ///
    /// No signature, or none that verifies.
    pub async fn sign(&self, payload: &[u8]) -> Result<SignedStatement, SigningError> {
        let message = || pre_authentication_encoding(PAYLOAD_TYPE, payload);
        match self {
            Self::Key(KeySigner { key, timestamps }) => {
                let signature = key
                    .sign(DigestAlgorithm::Sha256, &message())
                    .ok_or_else(|| SigningError::SignatureRefused {
                        signer: self.name(),
                    })?;
                stamped(payload, key.public(), &signature, timestamps.as_ref()).await
            }
            Self::Command(CommandSigner {
                command,
                timestamps,
            }) => {
                let signature = command.sign(DigestAlgorithm::Sha256, &message()).await?;
                stamped(payload, command.public(), &signature, timestamps.as_ref()).await
            }
            Self::Keyless(signer) => signer.sign(payload).await,
        }
    }
}

async fn stamped(
    payload: &[u8],
    public: &PublicKey,
    signature: &[u8],
    timestamps: Option<&TimestampAuthority>,
) -> Result<SignedStatement, SigningError> {
    let timestamp = match timestamps {
        Some(authority) => Some(authority.over(signature).await?),
        None => None,
    };
    Ok(SignedStatement::by_key(
        payload,
        public,
        signature,
        timestamp.as_deref(),
    ))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::attest::Envelope;
    use crate::sign::testing::private;

    #[tokio::test]
    async fn one_signature_stands_in_both_forms_and_verifies() {
        for name in ["p256.pem", "ed25519.pem", "rsa-2048.pem"] {
            let signer = Signer::Key(KeySigner::new(private(name), None));
            let public = signer.public().expect("a key").clone();
            let signed = signer.sign(b"{\"a\":1}").await.expect(name);
            let envelope: Envelope = serde_json::from_slice(&signed.envelope).expect("DSSE");
            let bundle: serde_json::Value = serde_json::from_slice(&signed.bundle).expect("JSON");
            let inner: Envelope =
                serde_json::from_value(bundle["dsseEnvelope"].clone()).expect("DSSE");
            assert_eq!(envelope.signatures[0].sig, inner.signatures[0].sig);
            assert_eq!(inner.signatures[0].keyid, "");
            let signature = STANDARD.decode(&inner.signatures[0].sig).expect("base64");
            let message = pre_authentication_encoding(PAYLOAD_TYPE, &signed.payload);
            assert!(public.verifies(DigestAlgorithm::Sha256, &message, &signature));
            assert_eq!(signed.signer, signer.name());
            assert_eq!(signer.grade(), Grade::External);
        }
    }

    #[tokio::test]
    async fn a_timestamp_that_cannot_be_had_leaves_nothing_signed() {
        // A port that nobody listens on any more.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let authority = TimestampAuthority::at(url);
        let signer = Signer::Key(KeySigner::new(private("p256.pem"), Some(authority)));
        let error = signer.sign(b"{}").await;
        assert!(
            matches!(error, Err(SigningError::Timestamp { .. })),
            "{error:?}"
        );
    }
}

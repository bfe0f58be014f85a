//! Signing without a key of one's own: an identity token, for which a certificate authority (Fulcio)
//! certifies a key that is made for one signature; a transparency log (Rekor v1 or v2) that has it; and a
//! timestamp authority that says when. The only file that knows `sigstore-sign`, beside timestamps,
//! and `ambient-id`.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sigstore_sign::crypto::parse_certificate_info;
use sigstore_sign::oidc::IdentityToken;
use sigstore_sign::rekor::RekorApiVersion;
use sigstore_sign::trust_root::{SigningConfig, TrustedRoot};
use sigstore_sign::types::{Bundle, Sha256Hash, SignatureContent};
use sigstore_sign::{SigningContext, SigningServices, SigstoreInstance};
use sigstore_verify::{VerificationPolicy, verify};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::attest::{PAYLOAD_TYPE, Statement, pre_authentication_encoding};
use crate::sign::error::Service;
use crate::sign::{CiJob, DigestAlgorithm, PublicKey, SignedStatement, SigningError};

/// The variable that cosign and its kin read a token from.
const TOKEN_VARIABLE: &str = "SIGSTORE_ID_TOKEN";
/// Whom tokens are for: what Fulcio asks for.
const AUDIENCE: &str = "sigstore";
const MOST_TOKEN: u64 = 64 << 10;
/// A token that ends sooner is asked for again before it is used.
const TOKEN_MARGIN: Duration = Duration::from_secs(20);
/// How long one signature may take, whatever the services do.
const LIMIT: Duration = Duration::from_secs(120);

/// Which services take part.
#[derive(Debug, Clone)]
pub enum KeylessServices {
    /// The public instance, as its signing configuration is now (by TUF).
    Public,
    /// Those of a signing configuration (`signing_config.v0.2.json`).
    Config(String),
    /// These.
    At {
        fulcio: String,
        rekor: String,
        rekor_version: RekorVersion,
        timestamps: Option<String>,
    },
}

/// The version of a transparency log's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RekorVersion {
    V1,
    V2,
}

/// Where the identity token comes from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// A file, which is read again when the token has run out.
    File(PathBuf),
    /// `SIGSTORE_ID_TOKEN`, or else the CI provider that this runs at.
    Surroundings,
}

/// Signs with keys that live for one signature.
pub struct KeylessSigner {
    context: SigningContext,
    source: TokenSource,
    token: Mutex<Arc<IdentityToken>>,
    /// Who the first token says it is.
    name: String,
    /// The CI job whose provider gave that token.
    job: Option<CiJob>,
    /// What bundles are verified with before they leave; without it only the signature is.
    root: Option<TrustedRoot>,
}

/// Where a token was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FoundIn {
    File,
    Variable,
    Provider,
}

impl fmt::Debug for KeylessSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeylessSigner")
            .field("services", self.context.services())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl KeylessSigner {
    /// Looks for a token and for the services. `trusted_root` is that of a private instance, in JSON.
    ///
    /// # Errors
    ///
    /// No token or one that has run out, or services that cannot be used.
    pub async fn new(
        services: KeylessServices,
        source: TokenSource,
        trusted_root: Option<&str>,
    ) -> Result<Self, SigningError> {
        let unusable = |why: String| SigningError::Services { why };
        let root = trusted_root
            .map(|json| TrustedRoot::from_json(json).map_err(|error| unusable(error.to_string())))
            .transpose()?;
        let (found_in, token) = source.token().await?;
        let context = services.context().await?;
        context
            .services()
            .validate()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            context,
            source,
            name: identity_name(token.identity(), token.issuer()),
            token: Mutex::new(Arc::new(token)),
            job: found_in.job(),
            root,
        })
    }

    /// Returns who the identity token says it is. The authority may write it in another way into the
    /// certificate, which [`SignedStatement::signer`] has.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// Returns the CI job that this runs in, if the token is one that its provider gave it.
    pub fn job(&self) -> Option<&CiJob> {
        self.job.as_ref()
    }

    /// Signs an in-toto payload.
    ///
    /// # Errors
    ///
    /// A service fails or takes too long, or what they made together does not verify.
    pub async fn sign(&self, payload: &[u8]) -> Result<SignedStatement, SigningError> {
        let token = self.valid_token().await?;
        let signer = self.context.signer((*token).clone());
        let made = tokio::time::timeout(LIMIT, signer.sign_raw_statement(payload)).await;
        let bundle = made
            .map_err(|_| SigningError::Services {
                why: format!("they made no bundle within {} s", LIMIT.as_secs()),
            })?
            .map_err(failed)?;
        self.check(payload, &bundle)
            .map_err(|why| SigningError::BundleRefused { why })
    }

    async fn valid_token(&self) -> Result<Arc<IdentityToken>, SigningError> {
        let mut token = self.token.lock().await;
        if runs_out(&token) {
            let (_, new) = self.source.token().await?;
            *token = Arc::new(new);
        }
        Ok(Arc::clone(&token))
    }

    /// Returns what was signed if the bundle is over this payload, and holds.
    fn check(&self, payload: &[u8], bundle: &Bundle) -> Result<SignedStatement, String> {
        let SignatureContent::DsseEnvelope(envelope) = &bundle.content else {
            return Err("it has no envelope".to_owned());
        };
        if envelope.payload_type != PAYLOAD_TYPE || envelope.payload.as_bytes() != payload {
            return Err("it is over another payload".to_owned());
        }
        let certificate = bundle
            .signing_certificate()
            .ok_or("it has no certificate")?;
        let facts = parse_certificate_info(certificate).map_err(|error| error.to_string())?;
        let public = PublicKey::from_spki(facts.public_key.as_bytes().to_vec())?;
        let signature = envelope.signature.sig.as_bytes();
        let message = pre_authentication_encoding(PAYLOAD_TYPE, payload);
        if !public.verifies(DigestAlgorithm::Sha256, &message, signature) {
            return Err("the signature is not the certified key's".to_owned());
        }
        if let Some(root) = &self.root {
            verify_with(root, payload, bundle)?;
        }
        let identity = facts.identity.ok_or("its certificate names nobody")?;
        let issuer = facts.issuer.ok_or("its certificate names no issuer")?;
        let json = bundle.to_json().map_err(|error| error.to_string())?;
        Ok(SignedStatement::with_bundle(
            payload,
            &public,
            signature,
            json.into_bytes(),
            identity_name(identity.as_str(), &issuer),
        ))
    }
}

/// Verifies everything but who signed.
fn verify_with(root: &TrustedRoot, payload: &[u8], bundle: &Bundle) -> Result<(), String> {
    let statement: Statement<serde::de::IgnoredAny> =
        serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    let digest = statement
        .subject
        .iter()
        .find_map(|subject| subject.digest.get("sha256"))
        .ok_or("it has no subject with a SHA-256")?;
    let digest = Sha256Hash::from_hex(digest).map_err(|error| error.to_string())?;
    let mut policy = VerificationPolicy::any_identity();
    if root.ctlogs.is_empty() {
        // A private authority may log its certificates nowhere.
        policy = policy.skip_sct();
    }
    verify(digest, bundle, &policy, root)
        .map(drop)
        .map_err(|error| error.to_string())
}

impl KeylessServices {
    async fn context(self) -> Result<SigningContext, SigningError> {
        let unusable = |error: &dyn fmt::Display| SigningError::Services {
            why: error.to_string(),
        };
        match self {
            Self::Public => SigningContext::for_instance(SigstoreInstance::PublicGood)
                .await
                .map_err(|error| unusable(&error)),
            Self::Config(json) => {
                let config = SigningConfig::from_json(&json).map_err(|error| unusable(&error))?;
                SigningServices::from_signing_config(&config)
                    .map(SigningContext::new)
                    .map_err(|error| unusable(&error))
            }
            Self::At {
                fulcio,
                rekor,
                rekor_version,
                timestamps,
            } => {
                let version = match rekor_version {
                    RekorVersion::V1 => RekorApiVersion::V1,
                    RekorVersion::V2 => RekorApiVersion::V2,
                };
                let services = SigningServices::new(fulcio, &rekor).with_rekor(rekor, version);
                Ok(SigningContext::new(match timestamps {
                    Some(url) => services.with_tsa_url(url),
                    None => services,
                }))
            }
        }
    }
}

impl FoundIn {
    fn job(self) -> Option<CiJob> {
        let is_given = |job: &CiJob| match self {
            Self::File => false,
            Self::Variable => job.provider().gives_by_variable(),
            Self::Provider => true,
        };
        CiJob::current().filter(is_given)
    }
}

impl TokenSource {
    async fn token(&self) -> Result<(FoundIn, IdentityToken), SigningError> {
        let (found_in, from, token) = match self {
            Self::File(path) => {
                let from = format!("`{}`", path.display());
                let mut text = Zeroizing::new(String::with_capacity(MOST_TOKEN as usize));
                File::open(path)
                    .and_then(|file| file.take(MOST_TOKEN).read_to_string(&mut text))
                    .map_err(|error| SigningError::Token {
                        from: from.clone(),
                        why: error.to_string(),
                    })?;
                (FoundIn::File, from, Some(text))
            }
            Self::Surroundings => {
                let set = std::env::var(TOKEN_VARIABLE).ok().map(Zeroizing::new);
                let found_in = match set {
                    Some(_) => FoundIn::Variable,
                    None => FoundIn::Provider,
                };
                (found_in, format!("`{TOKEN_VARIABLE}`"), set)
            }
        };
        let refused = |why: String| SigningError::Token {
            from: from.clone(),
            why,
        };
        let token = match token {
            Some(text) => {
                IdentityToken::from_jwt(text.trim()).map_err(|error| refused(error.to_string()))?
            }
            None => provided().await?,
        };
        if runs_out(&token) {
            return Err(refused(format!("it has run out at {}", token.expiration())));
        }
        Ok((found_in, token))
    }
}

/// Asks the CI provider that this runs at.
async fn provided() -> Result<IdentityToken, SigningError> {
    let refused = |error: &dyn Error| SigningError::Token {
        from: "the CI provider".to_owned(),
        why: chain(error),
    };
    let found = ambient_id::Detector::new().detect(AUDIENCE).await;
    let token = found
        .map_err(|error| refused(&error))?
        .ok_or(SigningError::NoToken)?;
    IdentityToken::from_jwt(token.reveal()).map_err(|error| refused(&error))
}

/// Returns an error's message with those of its causes.
fn chain(error: &dyn Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    // Some repeat their cause in their own words.
    causes.dedup_by(|cause, above| above.contains(&**cause));
    causes.join(": ")
}

fn runs_out(token: &IdentityToken) -> bool {
    token.expiration() <= Timestamp::now() + TOKEN_MARGIN
}

fn identity_name(identity: &str, issuer: &str) -> String {
    format!("identity:{identity} issuer:{issuer}")
}

fn failed(error: sigstore_sign::Error) -> SigningError {
    let why = error.to_string();
    let service = match error {
        sigstore_sign::Error::Oidc(_) => Service::IdentityProvider,
        sigstore_sign::Error::Fulcio(_) => Service::CertificateAuthority,
        sigstore_sign::Error::Rekor(_) => Service::TransparencyLog,
        sigstore_sign::Error::Tsa(_) => Service::TimestampAuthority,
        _ => return SigningError::Services { why },
    };
    SigningError::Service { service, why }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    /// A token as a provider would give it, but for its signature, which only Fulcio looks at.
    fn token(expires: Timestamp) -> tempfile::NamedTempFile {
        let claims = json!({
            "iss": "http://127.0.0.1:1", "sub": "somebody", "aud": "sigstore",
            "iat": 0, "exp": expires.as_second(), "email": "somebody@example.org",
            "email_verified": true,
        });
        let file = tempfile::NamedTempFile::new().expect("a file");
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!(
            "{}.{}.c2ln\n",
            part(&json!({ "alg": "ES256" })),
            part(&claims)
        );
        std::fs::write(file.path(), text).expect("written");
        file
    }

    fn soon() -> Timestamp {
        Timestamp::now() + Duration::from_secs(300)
    }

    fn services(url: &str, rekor_version: RekorVersion, timestamps: bool) -> KeylessServices {
        KeylessServices::At {
            fulcio: url.to_owned(),
            rekor: url.to_owned(),
            rekor_version,
            timestamps: timestamps.then(|| url.to_owned()),
        }
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_used_is_refused_before_any_service_is_asked() {
        let nowhere = || services("http://127.0.0.1:1", RekorVersion::V2, true);
        let file = token(Timestamp::now());
        let source = TokenSource::File(file.path().to_owned());
        let error = KeylessSigner::new(nowhere(), source, None).await;
        assert!(
            matches!(&error, Err(SigningError::Token { why, .. }) if why.starts_with("it has run out")),
            "{error:?}"
        );
        std::fs::write(file.path(), "rubbish").expect("written");
        for path in [file.path().to_owned(), "/nonexistent/token".into()] {
            let error = KeylessSigner::new(nowhere(), TokenSource::File(path), None).await;
            assert!(
                matches!(error, Err(SigningError::Token { .. })),
                "{error:?}"
            );
        }
    }

    #[tokio::test]
    async fn services_that_can_make_no_bundle_that_verifies_are_refused() {
        let file = token(soon());
        for (services, root) in [
            // Rekor v2 says no times.
            (
                services("http://127.0.0.1:1", RekorVersion::V2, false),
                None,
            ),
            (KeylessServices::Config("{}".to_owned()), None),
            (
                services("http://127.0.0.1:1", RekorVersion::V2, true),
                Some("rubbish"),
            ),
        ] {
            let source = TokenSource::File(file.path().to_owned());
            let error = KeylessSigner::new(services, source, root).await;
            assert!(
                matches!(error, Err(SigningError::Services { .. })),
                "{error:?}"
            );
        }
    }

    /// Made by `tests/keyless`.
    #[test]
    fn what_a_real_sigstore_made_verifies_with_its_root_and_no_other() {
        let file = |name: &str| {
            let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sigstore");
            std::fs::read_to_string(directory.join(name)).expect(name)
        };
        let bundle = Bundle::from_json(&file("keyless.sigstore.json")).expect("a bundle");
        let SignatureContent::DsseEnvelope(envelope) = &bundle.content else {
            panic!("it has no envelope");
        };
        let payload = envelope.payload.as_bytes();
        let root: serde_json::Value =
            serde_json::from_str(&file("trusted_root.json")).expect("JSON");
        let with = |root: &serde_json::Value| {
            let root = TrustedRoot::from_json(&root.to_string()).expect("a root");
            verify_with(&root, payload, &bundle)
        };
        with(&root).expect("it holds");
        for part in ["certificateAuthorities", "tlogs", "timestampAuthorities"] {
            let mut less = root.clone();
            less[part] = json!([]);
            assert!(with(&less).is_err(), "without {part}");
        }
    }

    #[tokio::test]
    async fn a_service_that_does_not_answer_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let file = token(soon());
        let source = TokenSource::File(file.path().to_owned());
        let services = services(&url, RekorVersion::V1, false);
        let signer = KeylessSigner::new(services, source, None)
            .await
            .expect("a signer");
        assert_eq!(
            signer.name(),
            "identity:somebody@example.org issuer:http://127.0.0.1:1"
        );
        let payload = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x","predicate":{}}"#;
        let error = signer.sign(payload).await;
        assert!(
            matches!(
                error,
                Err(SigningError::Service {
                    service: Service::CertificateAuthority,
                    ..
                })
            ),
            "{error:?}"
        );
    }
}

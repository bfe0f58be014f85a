//! The registry that takes manifests and blobs. The only file that knows `oci-client` and where a
//! container tool keeps its credentials.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

use crate::digest::Sha256Digest;
use crate::oci::manifest::{Manifest, fallback_tag, with_referrer};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONNECT: Duration = Duration::from_secs(20);
/// Without a byte for this long, a registry is lost.
const SILENT: Duration = Duration::from_secs(60);
/// Bytes of the file with credentials.
const MAX_CONFIGURATION: u64 = 1 << 20;

/// Where modules go: `REGISTRY/NAME` or `REGISTRY/NAME:TAG`. The registry is always written out, so
/// that nothing goes to a public one by a slip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository(Reference);

/// Says why a string is no repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseRepositoryError {
    #[error("`{0}` is not of the form `REGISTRY/NAME` or `REGISTRY/NAME:TAG`")]
    Form(String),
    #[error("`{0}` names no registry before its first `/`")]
    NoRegistry(String),
    #[error("`{0}` has a digest, but what is pushed has its own")]
    Digest(String),
}

impl FromStr for Repository {
    type Err = ParseRepositoryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names_registry = text.split_once('/').is_some_and(|(registry, _)| {
            registry.contains(['.', ':']) || registry == "localhost" || registry.starts_with('[')
        });
        if !names_registry {
            return Err(ParseRepositoryError::NoRegistry(text.to_owned()));
        }
        let reference =
            Reference::from_str(text).map_err(|_| ParseRepositoryError::Form(text.to_owned()))?;
        if reference.digest().is_some() {
            return Err(ParseRepositoryError::Digest(text.to_owned()));
        }
        Ok(Self(reference))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.registry(), self.0.repository())
    }
}

impl Repository {
    /// Returns the tag that a release gets; `latest` if none was given.
    pub fn tag(&self) -> &str {
        self.0.tag().unwrap_or("latest")
    }

    /// Returns the name by which a manifest is had.
    pub fn at(&self, digest: Sha256Digest) -> String {
        format!("{self}@{digest}")
    }

    /// Returns true for a registry of this machine, which may speak without TLS as it does for every
    /// other client.
    fn is_on_loopback(&self) -> bool {
        let registry = self.0.registry();
        let host = registry
            .rsplit_once(':')
            .map_or(registry, |(host, _)| host)
            .trim_start_matches('[')
            .trim_end_matches(']');
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// With TLS, save on the loopback.
    Usual,
    /// Without TLS, as somebody asked for.
    Plain,
}

/// What a registry is told of who we are.
pub struct Credentials(RegistryAuth);

impl Credentials {
    /// Reads what `docker login` and its like wrote: `config.json` in `DOCKER_CONFIG` or
    /// `~/.docker`, through the credential helper that it names.
    ///
    /// # Errors
    ///
    /// If there is something of this registry and it cannot be read. That there is nothing is none.
    ///
    /// # Security
    ///
    /// What a helper printed is never repeated: it may be the secret.
    pub fn of(repository: &Repository) -> Result<Self, RegistryError> {
        use CredentialRetrievalError as Why;
        let directory = std::env::var_os("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
        let Some(directory) = directory else {
            return Ok(Self(RegistryAuth::Anonymous));
        };
        let file = match File::open(directory.join("config.json")) {
            Ok(file) => file.take(MAX_CONFIGURATION),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self(RegistryAuth::Anonymous));
            }
            Err(error) => {
                let why = format!("`config.json` cannot be read: {error}");
                return Err(RegistryError::Credentials(why));
            }
        };
        let registry = repository.0.registry();
        let words = match docker_credential::get_credential_from_reader(file, registry) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                return Ok(Self(RegistryAuth::Basic(user, password)));
            }
            Ok(DockerCredential::IdentityToken(token)) => {
                return Ok(Self(RegistryAuth::Bearer(token)));
            }
            Err(Why::NoCredentialConfigured | Why::ConfigNotFound) => {
                return Ok(Self(RegistryAuth::Anonymous));
            }
            Err(Why::HelperCommunicationError) => "the credential helper cannot be started".into(),
            Err(Why::MalformedHelperResponse) => "the credential helper's answer is no JSON".into(),
            Err(Why::HelperFailure { helper, .. }) => format!("the helper `{helper}` failed"),
            Err(Why::CredentialDecodingError) => "`auth` cannot be decoded".into(),
            Err(Why::CredentialMismatchError) => "`auth` disagrees with `username`".into(),
            Err(Why::ConfigReadError) => "`config.json` is not what `docker login` writes".into(),
        };
        Err(RegistryError::Credentials(words))
    }
}

/// Says why a registry did not take something.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It does not know us, or does not let us.
    #[error("the registry does not let us: {0}")]
    Credentials(String),
    /// It cannot be reached, or fell silent.
    #[error("the registry cannot be reached: {0}")]
    Unreachable(String),
    /// It answered otherwise than the specification says.
    #[error("the registry refused: {0}")]
    Refused(String),
    /// It has something else under a digest than what was pushed.
    #[error("the registry has {found} where {wanted} was pushed")]
    OtherBytes { wanted: Sha256Digest, found: String },
}

impl RegistryError {
    /// Says what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Credentials(_) => {
                "log in with `docker login REGISTRY`, or name a configuration that has with \
                 `DOCKER_CONFIG`"
            }
            Self::Unreachable(_) => {
                "check the registry's address, and that it runs; one without TLS that is not on this \
                 machine needs `--plain-http`"
            }
            Self::Refused(_) => {
                "check that the registry takes OCI artifacts (image-spec v1.1) and that you may push"
            }
            Self::OtherBytes { .. } => "do not use this registry: it changes what it is given",
        }
    }

    fn of(error: OciDistributionError) -> Self {
        match error {
            OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::RegistryTokenDecodeError(_) => {
                Self::Credentials("it wants other credentials".to_owned())
            }
            OciDistributionError::RegistryError { envelope, .. }
                if envelope.errors.iter().any(|one| {
                    matches!(one.code, OciErrorCode::Unauthorized | OciErrorCode::Denied)
                }) =>
            {
                Self::Credentials(envelope.to_string())
            }
            OciDistributionError::RequestError(error) => match error.status() {
                Some(status) if matches!(status.as_u16(), 401 | 403) => {
                    Self::Credentials(status.to_string())
                }
                Some(status) => Self::Refused(status.to_string()),
                None => Self::Unreachable(chain(&error)),
            },
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Returns the last cause of an error, which is the one that says something.
fn chain(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// Whether something had to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    Sent,
    AlreadyThere,
}

/// One repository of a registry.
pub struct Registry {
    client: Client,
    repository: Repository,
    auth: RegistryAuth,
}

impl Registry {
    /// Returns one that nothing has been asked of yet.
    pub fn new(repository: Repository, access: Access, credentials: Credentials) -> Self {
        let protocol = if access == Access::Plain || repository.is_on_loopback() {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        };
        let client = Client::new(ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT),
            read_timeout: Some(SILENT),
            user_agent: concat!("kmatrix/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        });
        Self {
            client,
            repository,
            auth: credentials.0,
        }
    }

    /// Puts a blob there, unless it is there already.
    pub async fn put_blob(&self, digest: Sha256Digest, bytes: Bytes) -> Result<Put, RegistryError> {
        self.know_us().await;
        let (reference, name) = (&self.repository.0, digest.to_string());
        let there = self.client.blob_exists(reference, &name).await;
        if there.map_err(RegistryError::of)? {
            return Ok(Put::AlreadyThere);
        }
        let pushed = self.client.push_blob(reference, bytes, &name).await;
        pushed.map(|_| Put::Sent).map_err(RegistryError::of)
    }

    /// Puts a manifest there, by its digest or under a tag.
    pub async fn put_manifest(
        &self,
        manifest: &Manifest,
        tag: Option<&str>,
    ) -> Result<(), RegistryError> {
        self.know_us().await;
        let reference = match tag {
            Some(tag) => self.tagged(tag),
            None => self.by_digest(manifest.digest()),
        };
        self.push(&reference, manifest.bytes().to_vec(), manifest.media_type())
            .await?;
        let found = self.client.fetch_manifest_digest(&reference, &self.auth);
        let found = found.await.map_err(RegistryError::of)?;
        if found == manifest.digest().to_string() {
            Ok(())
        } else {
            let wanted = manifest.digest();
            Err(RegistryError::OtherBytes { wanted, found })
        }
    }

    /// Makes a manifest that was put here, and whose subject is another, findable from that one: by
    /// the referrers API where the registry has it, or under the fallback tag (distribution-spec,
    /// "Pushing Manifests with Subject"). What others attached stays.
    pub async fn refer(
        &self,
        subject: &Manifest,
        referrer: &Manifest,
    ) -> Result<(), RegistryError> {
        self.know_us().await;
        let reference = self.by_digest(subject.digest());
        let listed = self.client.pull_referrers(&reference, None).await;
        let listed = listed.map_err(RegistryError::of)?;
        let digest = referrer.digest().to_string();
        if listed.manifests.iter().any(|entry| entry.digest == digest) {
            return Ok(());
        }
        let tagged = self.tagged(&fallback_tag(subject.digest()));
        // Only an answer that there is none means none: anything else would lose what others wrote.
        let index = match self.pull_index(&tagged).await {
            Ok(bytes) => Some(bytes),
            Err(OciDistributionError::RegistryError { envelope, .. })
                if envelope.errors.iter().any(|one| is_absence(&one.code)) =>
            {
                None
            }
            Err(OciDistributionError::ServerError { code: 404, .. }) => None,
            Err(other) => return Err(RegistryError::of(other)),
        };
        let added = with_referrer(index.as_deref(), referrer).map_err(RegistryError::Refused)?;
        match added {
            Some(bytes) => self.push(&tagged, bytes, INDEX).await,
            None => Ok(()),
        }
    }

    async fn pull_index(&self, tagged: &Reference) -> Result<Vec<u8>, OciDistributionError> {
        let (bytes, _) = self
            .client
            .pull_manifest_raw(tagged, &self.auth, &[INDEX])
            .await?;
        Ok(bytes.to_vec())
    }

    async fn push(
        &self,
        reference: &Reference,
        bytes: Vec<u8>,
        media_type: &'static str,
    ) -> Result<(), RegistryError> {
        let media_type = media_type
            .parse()
            .map_err(|_| RegistryError::Refused(format!("`{media_type}` is no media type")))?;
        let pushed = self.client.push_manifest_raw(reference, bytes, media_type);
        pushed.await.map(drop).map_err(RegistryError::of)
    }

    async fn know_us(&self) {
        let registry = self.repository.0.resolve_registry();
        self.client.store_auth_if_needed(registry, &self.auth).await;
    }

    fn tagged(&self, tag: &str) -> Reference {
        let (registry, name) = (self.repository.0.registry(), self.repository.0.repository());
        Reference::with_tag(registry.to_owned(), name.to_owned(), tag.to_owned())
    }

    fn by_digest(&self, digest: Sha256Digest) -> Reference {
        let (registry, name) = (self.repository.0.registry(), self.repository.0.repository());
        Reference::with_digest(registry.to_owned(), name.to_owned(), digest.to_string())
    }
}

fn is_absence(code: &OciErrorCode) -> bool {
    matches!(
        code,
        OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_names_its_registry() {
        let cases = [
            (
                "127.0.0.1:5000/vendor/modules",
                "127.0.0.1:5000/vendor/modules",
                "latest",
                true,
            ),
            ("localhost/modules:v1", "localhost/modules", "v1", true),
            ("registry.example/a/b:2", "registry.example/a/b", "2", false),
        ];
        for (text, name, tag, loopback) in cases {
            let repository: Repository = text.parse().expect("a repository");
            assert_eq!(repository.to_string(), name);
            assert_eq!(repository.tag(), tag);
            assert_eq!(repository.is_on_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn what_is_no_repository_says_why() {
        use ParseRepositoryError as E;
        let digest = format!("registry.example/a@{}", Sha256Digest::of(b""));
        let cases = [
            ("modules", E::NoRegistry("modules".into())),
            ("vendor/modules", E::NoRegistry("vendor/modules".into())),
            ("registry.example/UP", E::Form("registry.example/UP".into())),
            (digest.as_str(), E::Digest(digest.clone())),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Repository>(), Err(error), "{text}");
        }
    }
}

//! Who we are to a registry, by the conventions of the engine's own client (`docker login`,
//! "Credential stores", "Default behavior").
//!
//! Looked at in this order: `DOCKER_AUTH_CONFIG` (the content of a configuration),
//! `$DOCKER_CONFIG/config.json`, `~/.docker/config.json`. In a configuration `credHelpers` and
//! `credsStore` name a program that keeps them, and `auths` has them in itself.
//!
//! # Security
//!
//! What is read here goes into one header of one call to the engine, and is never printed: errors
//! name the file and the registry, and no content.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{CALL_SECONDS, refusal};
use crate::engine::EngineFailure;

/// What the client calls the registry that names without a registry mean.
const DEFAULT_REGISTRY: &str = "index.docker.io";
/// The user name that stands for a token instead of a password.
const TOKEN_USER: &str = "<token>";
/// The most bytes that a configuration may have.
const MAX_CONFIGURATION: u64 = 1 << 20;

/// A client's configuration, as far as it bears on registries.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    #[serde(default)]
    auths: HashMap<String, Entry>,
    #[serde(default)]
    creds_store: String,
    #[serde(default)]
    cred_helpers: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// What a program that keeps credentials answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    username: String,
    secret: String,
}

/// Returns what to tell the registry of this reference; `None` if nobody has logged in there.
pub(super) async fn of_registry(
    reference: &str,
) -> Result<Option<DockerCredentials>, EngineFailure> {
    let registry = registry_of(reference);
    let Some(configuration) = configuration()? else {
        return Ok(None);
    };
    let helper = configuration
        .cred_helpers
        .iter()
        .find(|(key, _)| host_of(key) == registry)
        .map(|(_, helper)| helper.as_str())
        .or(Some(configuration.creds_store.as_str()))
        .filter(|helper| !helper.is_empty());
    if let Some(helper) = helper
        && let Some(kept) = ask(helper, registry).await?
    {
        return Ok(Some(kept));
    }
    let entry = configuration
        .auths
        .iter()
        .find(|(key, _)| host_of(key) == registry);
    entry.map_or(Ok(None), |(_, entry)| of_entry(entry, registry))
}

/// Returns the registry of a reference: its first part, if that looks like a host.
fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => match host {
            "docker.io" => DEFAULT_REGISTRY,
            host => host,
        },
        Some(_) | None => DEFAULT_REGISTRY,
    }
}

/// Returns the host that a key of a configuration means, which may be a whole address.
fn host_of(key: &str) -> &str {
    let bare = key.split_once("://").map_or(key, |(_, rest)| rest);
    let host = bare.split('/').next().unwrap_or(bare);
    match host {
        "docker.io" => DEFAULT_REGISTRY,
        host => host,
    }
}

fn configuration() -> Result<Option<Configuration>, EngineFailure> {
    if let Some(text) = std::env::var_os("DOCKER_AUTH_CONFIG").filter(|text| !text.is_empty()) {
        let text = text.to_string_lossy();
        return parse(text.as_bytes(), "`DOCKER_AUTH_CONFIG`").map(Some);
    }
    let directory = std::env::var_os("DOCKER_CONFIG")
        .filter(|directory| !directory.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".docker")));
    let Some(path) = directory.map(|directory| directory.join("config.json")) else {
        return Ok(None);
    };
    let place = format!("`{}`", path.display());
    match read(&path) {
        Ok(bytes) => parse(&bytes, &place).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refusal(format!("cannot read {place}: {error}"))),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_CONFIGURATION)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: &[u8], place: &str) -> Result<Configuration, EngineFailure> {
    // The parser's own message may quote what stands there.
    serde_json::from_slice(bytes)
        .map_err(|error| refusal(format!("{place} is not valid at line {}", error.line())))
}

fn of_entry(entry: &Entry, registry: &str) -> Result<Option<DockerCredentials>, EngineFailure> {
    let (mut username, mut password) = (entry.username.clone(), entry.password.clone());
    if !entry.auth.is_empty() {
        let decoded = STANDARD.decode(&entry.auth).ok();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = text.as_deref().and_then(|text| text.split_once(':'));
        let (user, secret) = pair.ok_or_else(|| {
            refusal(format!(
                "the credentials for `{registry}` are not what `docker login` writes"
            ))
        })?;
        // Clients of old times padded with zero bytes.
        (username, password) = (user.to_owned(), secret.trim_end_matches('\0').to_owned());
    }
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let credentials = DockerCredentials {
        username: given(username),
        password: given(password),
        identitytoken: given(entry.identitytoken.clone()),
        registrytoken: given(entry.registrytoken.clone()),
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    };
    let says_something = credentials.username.is_some()
        || credentials.identitytoken.is_some()
        || credentials.registrytoken.is_some();
    Ok(Some(credentials).filter(|_| says_something))
}

/// Asks a program that keeps credentials (docker-credential-helpers, "Development"). One that fails
/// knows nothing of the registry.
async fn ask(helper: &str, registry: &str) -> Result<Option<DockerCredentials>, EngineFailure> {
    let plain = helper
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !plain {
        return Err(refusal(
            "the name of the program that keeps credentials is none".to_owned(),
        ));
    }
    let program = format!("docker-credential-{helper}");
    let asking = async {
        let mut child = Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(registry.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let answer = tokio::time::timeout(Duration::from_secs(CALL_SECONDS), asking)
        .await
        .map_err(|_| refusal(format!("`{program}` does not answer")))?
        .map_err(|error| refusal(format!("cannot run `{program}`: {error}")))?;
    if !answer.status.success() {
        return Ok(None);
    }
    let kept: Kept = serde_json::from_slice(&answer.stdout)
        .map_err(|_| refusal(format!("`{program}` does not answer as it has to")))?;
    let is_token = kept.username == TOKEN_USER;
    let secret = Some(kept.secret);
    Ok(Some(DockerCredentials {
        username: Some(kept.username).filter(|_| !is_token),
        password: secret.clone().filter(|_| !is_token),
        identitytoken: secret.filter(|_| is_token),
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_and_a_configuration_mean_the_same_registry() {
        let cases = [
            ("registry.test:5000/a/b", "registry.test:5000"),
            ("localhost/a", "localhost"),
            ("127.0.0.1:5000/a", "127.0.0.1:5000"),
            ("library/debian", DEFAULT_REGISTRY),
            ("debian", DEFAULT_REGISTRY),
            ("docker.io/library/debian", DEFAULT_REGISTRY),
        ];
        for (reference, registry) in cases {
            assert_eq!(registry_of(reference), registry, "{reference}");
        }
        let keys = [
            ("https://index.docker.io/v1/", DEFAULT_REGISTRY),
            ("docker.io", DEFAULT_REGISTRY),
            ("http://127.0.0.1:5000", "127.0.0.1:5000"),
            ("registry.test:5000", "registry.test:5000"),
            ("https://registry.test/v2/", "registry.test"),
        ];
        for (key, registry) in keys {
            assert_eq!(host_of(key), registry, "{key}");
        }
    }

    #[test]
    fn entries_are_read_as_the_client_writes_them() {
        let entry = |text: &str| serde_json::from_str::<Entry>(text).expect(text);
        // `me:pass:word`
        let read = of_entry(&entry(r#"{"auth":"bWU6cGFzczp3b3Jk"}"#), "r")
            .expect("an entry")
            .expect("credentials");
        assert_eq!(read.username.as_deref(), Some("me"));
        assert_eq!(read.password.as_deref(), Some("pass:word"));
        let token = of_entry(&entry(r#"{"identitytoken":"t"}"#), "r")
            .expect("an entry")
            .expect("credentials");
        assert_eq!(token.identitytoken.as_deref(), Some("t"));
        assert!(of_entry(&entry("{}"), "r").expect("an entry").is_none());
        for text in [r#"{"auth":"%"}"#, r#"{"auth":"bWU="}"#] {
            let error = of_entry(&entry(text), "r").expect_err(text).to_string();
            assert!(!error.contains("bWU"), "{error}");
        }
    }

    #[test]
    fn a_broken_configuration_is_told_without_its_content() {
        let error = parse(br#"{"auths": "secret"}"#, "`x`")
            .err()
            .expect("an error");
        let text = error.to_string();
        assert!(text.contains("`x` is not valid at line 1"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

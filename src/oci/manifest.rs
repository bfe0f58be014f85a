//! Manifests: of a module, of a bundle that speaks of one, and of a release that lists them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::digest::Sha256Digest;

/// The artifact type of a kernel module.
pub const MODULE_TYPE: &str = "application/vnd.kmatrix.module.v1";
/// The artifact type of a release: an index of modules.
pub const RELEASE_TYPE: &str = "application/vnd.kmatrix.release.v1";
/// The artifact type and the layer type of a Sigstore bundle (sigstore's `BUNDLE_SPEC`, v0.3).
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The content that stands for none (image-spec, "Guidance for an Empty Descriptor").
const EMPTY_CONTENT: &[u8] = b"{}";
const MODULE_LAYER: &str = "application/octet-stream";
const TITLE: &str = "org.opencontainers.image.title";

/// The bytes of a manifest, made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    bytes: Vec<u8>,
    digest: Sha256Digest,
    media_type: &'static str,
    artifact_type: &'static str,
    annotations: BTreeMap<String, String>,
}

/// One manifest as an index lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub manifest: &'a Manifest,
    /// The place of the module in its release.
    pub place: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageManifest<'a> {
    schema_version: u8,
    media_type: &'a str,
    artifact_type: &'a str,
    config: Descriptor<'a>,
    layers: [Descriptor<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageIndex<'a> {
    schema_version: u8,
    media_type: &'a str,
    artifact_type: &'a str,
    manifests: Vec<Descriptor<'a>>,
}

impl Manifest {
    /// Returns the manifest of a module by its file's name, digest and size in bytes. Nothing else
    /// goes in, so the statements about the module can name the manifest before it is pushed.
    pub fn of_module(file_name: &str, file: Sha256Digest, size: u64) -> Self {
        let layer = Descriptor {
            annotations: annotations(&[(TITLE, file_name)]),
            ..Descriptor::plain(MODULE_LAYER, file, size)
        };
        Self::with_layer(MODULE_TYPE, layer, None, BTreeMap::new())
    }

    /// Returns the manifest of a Sigstore bundle by its digest and size, as a referrer of what it
    /// speaks of; the annotations are the ones that cosign writes, less the time.
    pub fn of_bundle(
        bundle: Sha256Digest,
        size: u64,
        predicate_type: &str,
        subject: &Self,
    ) -> Self {
        Self::with_layer(
            BUNDLE_TYPE,
            Descriptor::plain(BUNDLE_TYPE, bundle, size),
            Some(subject.descriptor()),
            annotations(&[
                ("dev.sigstore.bundle.content", "dsse-envelope"),
                ("dev.sigstore.bundle.predicateType", predicate_type),
            ]),
        )
    }

    /// Returns the index of a release, in the order given.
    pub fn of_release(entries: &[Entry<'_>]) -> Self {
        let manifests = entries
            .iter()
            .map(|entry| Descriptor {
                annotations: annotations(&[(TITLE, &entry.place)]),
                ..entry.manifest.descriptor()
            })
            .collect();
        let index = ImageIndex {
            schema_version: 2,
            media_type: INDEX,
            artifact_type: RELEASE_TYPE,
            manifests,
        };
        Self::new(INDEX, RELEASE_TYPE, BTreeMap::new(), &index)
    }

    /// Returns the content that every manifest here has for its configuration.
    pub fn empty_content() -> (Sha256Digest, &'static [u8]) {
        (Sha256Digest::of(EMPTY_CONTENT), EMPTY_CONTENT)
    }

    /// Returns the bytes to push.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the digest of the bytes: the name by which the artifact is had.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Returns the media type to push it as.
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    fn with_layer(
        artifact_type: &'static str,
        layer: Descriptor<'_>,
        subject: Option<Descriptor<'_>>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        let (empty, content) = Self::empty_content();
        let manifest = ImageManifest {
            schema_version: 2,
            media_type: MANIFEST,
            artifact_type,
            config: Descriptor::plain(EMPTY, empty, content.len() as u64),
            layers: [layer],
            subject,
            annotations: annotations.clone(),
        };
        Self::new(MANIFEST, artifact_type, annotations, &manifest)
    }

    fn new(
        media_type: &'static str,
        artifact_type: &'static str,
        annotations: BTreeMap<String, String>,
        content: &impl Serialize,
    ) -> Self {
        let bytes = serde_json::to_vec(content).expect("plain values serialise");
        Self {
            digest: Sha256Digest::of(&bytes),
            bytes,
            media_type,
            artifact_type,
            annotations,
        }
    }

    fn descriptor(&self) -> Descriptor<'_> {
        Descriptor {
            artifact_type: Some(self.artifact_type),
            ..Descriptor::plain(self.media_type, self.digest, self.bytes.len() as u64)
        }
    }
}

impl<'a> Descriptor<'a> {
    fn plain(media_type: &'a str, digest: Sha256Digest, size: u64) -> Self {
        Self {
            media_type,
            digest: digest.to_string(),
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }
}

fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Returns the tag under which a registry without the referrers API has what refers to a manifest
/// (distribution-spec, "Referrers Tag Schema").
pub fn fallback_tag(subject: Sha256Digest) -> String {
    format!("sha256-{}", subject.to_hex())
}

/// Returns the index of referrers with one more, or nothing if it is there already. What others wrote
/// stays as it is. `index` is what the fallback tag has now, if there is one.
///
/// # Errors
///
/// Says what is there in place of an index.
pub fn with_referrer(index: Option<&[u8]>, referrer: &Manifest) -> Result<Option<Vec<u8>>, String> {
    let mut index = match index {
        None => json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}),
        Some(bytes) => serde_json::from_slice(bytes).map_err(|error| error.to_string())?,
    };
    let listed = index
        .get_mut("manifests")
        .and_then(Value::as_array_mut)
        .ok_or("it is no index")?;
    let digest = referrer.digest.to_string();
    if listed.iter().any(|entry| entry["digest"] == digest) {
        return Ok(None);
    }
    let mut descriptor = referrer.descriptor();
    descriptor.annotations.clone_from(&referrer.annotations);
    listed.push(serde_json::to_value(descriptor).expect("plain values serialise"));
    Ok(Some(
        serde_json::to_vec(&index).expect("plain values serialise"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module() -> Manifest {
        Manifest::of_module("m.ko.xz", Sha256Digest::of(b"module"), 6)
    }

    #[test]
    fn a_modules_manifest_says_only_what_the_module_says() {
        let file = Sha256Digest::of(b"module");
        assert_eq!(
            String::from_utf8_lossy(module().bytes()),
            format!(
                "{{\"schemaVersion\":2,\"mediaType\":\"{MANIFEST}\",\"artifactType\":\"{MODULE_TYPE}\",\
                 \"config\":{{\"mediaType\":\"{EMPTY}\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e\
                 8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2}},\"layers\":[{{\"mediaType\":\
                 \"{MODULE_LAYER}\",\"digest\":\"{file}\",\"size\":6,\"annotations\":{{\"{TITLE}\":\
                 \"m.ko.xz\"}}}}]}}"
            )
        );
        assert_eq!(module().digest(), Sha256Digest::of(module().bytes()));
        let cases = [
            ("name", Manifest::of_module("n.ko.xz", file, 6)),
            ("size", Manifest::of_module("m.ko.xz", file, 7)),
            (
                "file",
                Manifest::of_module("m.ko.xz", Sha256Digest::of(b"other"), 6),
            ),
        ];
        for (what, other) in cases {
            assert_ne!(other.digest(), module().digest(), "{what}");
        }
    }

    #[test]
    fn a_bundle_refers_to_its_module() {
        let bundle = Manifest::of_bundle(Sha256Digest::of(b"bundle"), 6, "type", &module());
        let read: Value = serde_json::from_slice(bundle.bytes()).expect("JSON");
        assert_eq!(read["subject"]["digest"], module().digest().to_string());
        assert_eq!(read["subject"]["size"], module().bytes().len());
        assert_eq!(read["artifactType"], BUNDLE_TYPE);
        assert_eq!(read["layers"][0]["mediaType"], BUNDLE_TYPE);
        assert_eq!(
            read["annotations"]["dev.sigstore.bundle.predicateType"],
            "type"
        );
    }

    #[test]
    fn referrers_are_added_once_and_take_nothing_away() {
        let first = Manifest::of_bundle(Sha256Digest::of(b"1"), 1, "type", &module());
        let second = Manifest::of_bundle(Sha256Digest::of(b"2"), 1, "type", &module());
        let one = with_referrer(None, &first).expect("an index").expect("new");
        assert_eq!(with_referrer(Some(&one), &first), Ok(None));
        let two = with_referrer(Some(&one), &second)
            .expect("an index")
            .expect("new");
        let read: Value = serde_json::from_slice(&two).expect("JSON");
        let digests: Vec<&Value> = read["manifests"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| &entry["digest"])
            .collect();
        assert_eq!(
            digests,
            [&first.digest().to_string(), &second.digest().to_string()]
        );
        assert!(with_referrer(Some(b"{}"), &first).is_err());
        assert!(with_referrer(Some(b"no JSON"), &first).is_err());
    }
}

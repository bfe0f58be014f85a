//! Writing an image as the archive that engines load.
//!
//! The configuration and the layer decide the image's digest, and both are fixed by the root file
//! system's bytes: loading the same root twice gives the same image.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};

use crate::digest::Sha256Digest;
use crate::name::Arch;

/// Writes the configuration of an image of one layer (OCI image-spec, config.md), without a
/// creation time and without an environment.
///
/// `layer` is the digest of the uncompressed layer, its `diff_id`.
pub fn configuration(arch: Arch, layer: &Sha256Digest) -> Vec<u8> {
    serde_json::json!({
        "architecture": arch.oci(),
        "os": "linux",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [layer.to_string()] },
    })
    .to_string()
    .into_bytes()
}

/// Writes an image archive of one layer: its configuration, the layer's bytes from a file, and the
/// manifest, as a stream that never holds the layer in memory.
pub fn image_archive(
    tag: &str,
    configuration: Vec<u8>,
    layer: &Path,
    layer_bytes: u64,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let id = Sha256Digest::of(&configuration).to_hex();
    let manifest = serde_json::json!([{
        "Config": format!("{id}.json"),
        "RepoTags": [tag],
        "Layers": ["layer.tar"],
    }])
    .to_string()
    .into_bytes();
    let mut start = Vec::new();
    for (name, bytes) in [
        (format!("{id}.json"), configuration),
        ("manifest.json".to_owned(), manifest),
    ] {
        start.extend(archive_header(&name, bytes.len() as u64));
        start.extend(&bytes);
        start.resize(start.len().next_multiple_of(512), 0);
    }
    start.extend(archive_header("layer.tar", layer_bytes));
    let padding = layer_bytes.next_multiple_of(512) - layer_bytes + 1024;
    let end = Bytes::from(vec![0; padding as usize]);

    futures_util::stream::once(async move { Ok(Bytes::from(start)) })
        .chain(file_chunks(layer.to_owned()))
        .chain(futures_util::stream::once(async move { Ok(end) }))
}

/// Reads a file as a stream that never holds it in memory.
pub fn file_chunks(
    file: PathBuf,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    futures_util::stream::once(async move { tokio::fs::File::open(file).await })
        .map_ok(|file| {
            futures_util::stream::try_unfold(file, |mut file| async move {
                let mut buffer = bytes::BytesMut::with_capacity(1 << 20);
                let count = tokio::io::AsyncReadExt::read_buf(&mut file, &mut buffer).await?;
                Ok((count > 0).then(|| (buffer.freeze(), file)))
            })
        })
        .try_flatten()
}

fn archive_header(name: &str, bytes: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).expect("a short plain name");
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}

//! Building an image from a Dockerfile through the engine's own builder.

use std::time::Duration;

use bollard::query_parameters::{BuildImageOptionsBuilder, TagImageOptionsBuilder};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::{Docker, IMAGE_SECONDS, bounded, failure, refusal};
use crate::digest::Sha256Digest;
use crate::engine::{BuildNetwork, EngineFailure, UnbuiltImage};

/// How much of what a build printed last is kept.
const SAID: usize = 4 << 10;

impl Docker {
    /// Builds an image from a context that holds the Dockerfile, and returns its digest.
    ///
    /// Nothing is taken from earlier builds, so the record says what was run. The builder is the
    /// classic one: it looks nothing up that the Dockerfile does not name.
    pub async fn build<S>(
        &self,
        context: S,
        dockerfile: &str,
        network: BuildNetwork,
    ) -> Result<Sha256Digest, UnbuiltImage>
    where
        S: Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    {
        let options = BuildImageOptionsBuilder::new()
            .dockerfile(dockerfile)
            .nocache(true)
            .rm(true)
            .forcerm(true)
            .networkmode(match network {
                BuildNetwork::None => "none",
                BuildNetwork::Open => "default",
            })
            .build();
        let mut said = String::new();
        let api = self.patient();
        let reading = async {
            let body = bollard::body_try_stream(context);
            let mut answers = Box::pin(api.build_image(options, None, Some(body)));
            let mut id = None;
            while let Some(answer) = answers.next().await {
                let answer = answer.map_err(failure)?;
                if let Some(text) = answer.stream {
                    keep_end(&mut said, &text);
                }
                if let Some(message) = answer.error_detail.and_then(|detail| detail.message) {
                    return Err(refusal(message));
                }
                if let Some(image) = answer.aux.and_then(|aux| aux.id) {
                    id = Some(image);
                }
            }
            let id = id.and_then(|id| id.parse().ok());
            id.ok_or_else(|| refusal("the build ended without an image".to_owned()))
        };
        let limit = Duration::from_secs(IMAGE_SECONDS);
        let built =
            tokio::time::timeout(limit, reading)
                .await
                .unwrap_or(Err(EngineFailure::NoAnswer {
                    seconds: IMAGE_SECONDS,
                }));
        built.map_err(|failure| UnbuiltImage { failure, said })
    }

    /// Gives an image a name, so that the engine does not count it as garbage.
    pub async fn name(
        &self,
        id: &Sha256Digest,
        repository: &str,
        tag: &str,
    ) -> Result<(), EngineFailure> {
        let options = TagImageOptionsBuilder::new()
            .repo(repository)
            .tag(tag)
            .build();
        bounded(self.api.tag_image(&id.to_string(), Some(options))).await
    }
}

/// Appends what a build printed, without what a terminal would act on, and forgets the beginning.
fn keep_end(said: &mut String, text: &str) {
    said.extend(text.chars().filter(|c| *c == '\n' || !c.is_control()));
    if said.len() > SAID {
        let mut cut = said.len() - SAID;
        while !said.is_char_boundary(cut) {
            cut += 1;
        }
        said.drain(..cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_was_said_is_kept_without_control_characters() {
        let mut said = String::new();
        keep_end(&mut said, "\u{1b}[31mStep 1\r\n");
        assert_eq!(said, "[31mStep 1\n");
        for _ in 0..SAID {
            keep_end(&mut said, "\u{e4}\u{e4}\u{e4}");
        }
        assert!(said.len() <= SAID);
        assert!(said.chars().all(|c| c == '\u{e4}'));
    }
}

//! Having builder images: recorded, loaded again, or made.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use super::{Inputs, Renewal, locked};
use crate::cli::Refusal;
use crate::engine::Docker;
use crate::exit::Exit;
use crate::image::definition::ImageDefinition;
use crate::image::{self, ImageRecord};
use crate::name::ImageName;
use crate::state;

impl Inputs<'_> {
    /// Has every image that these facts name: recorded, loaded again, or made.
    pub(crate) async fn images(
        &self,
        names: &BTreeSet<ImageName>,
        docker: &Docker,
        renewal: Renewal,
    ) -> Result<BTreeMap<ImageName, ImageRecord>, Refusal> {
        let mut records = BTreeMap::new();
        let mut to_make = Vec::new();
        for name in names {
            let path = self.common.images.join(format!("{name}.toml"));
            if !path.exists() {
                return Err(Refusal::new(
                    Exit::Invalid,
                    format!("there is no image `{name}`, which facts of kernels name"),
                )
                .hint(format!(
                    "write `{}`: docs/kernels.md says what is in it",
                    path.display()
                )));
            }
            let definition = ImageDefinition::read(&path)?;
            match self.image(&definition, docker, renewal).await? {
                Some(record) => {
                    records.insert(name.clone(), record);
                }
                None => to_make.push(definition),
            }
        }
        for record in self.make_images(&to_make, docker, renewal).await? {
            records.insert(record.name.clone(), record);
        }
        Ok(records)
    }

    /// Returns an image that is recorded and can be had; `None` if it has to be made.
    async fn image(
        &self,
        definition: &ImageDefinition,
        docker: &Docker,
        renewal: Renewal,
    ) -> Result<Option<ImageRecord>, Refusal> {
        let known: Option<ImageRecord> = state::read_json(&self.state.image(&definition.name))?;
        match known {
            Some(record) if renewal != Renewal::Update => {
                let had = image::have(definition, record.clone(), docker, &self.store).await?;
                if let Some(completed) = had.as_ref().filter(|had| **had != record) {
                    state::write_json(&self.state.image(&definition.name), completed)?;
                }
                Ok(had)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Makes images side by side, and records each.
    async fn make_images(
        &self,
        definitions: &[ImageDefinition],
        docker: &Docker,
        renewal: Renewal,
    ) -> Result<Vec<ImageRecord>, Refusal> {
        if definitions.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = definitions
            .iter()
            .map(|definition| definition.name.to_string())
            .collect();
        let names = names.join(", ");
        if renewal == Renewal::Locked {
            return Err(locked(&format!("the image {names}")));
        }
        self.online(&format!("the image {names}"))?;
        let seen = self.seen()?;
        let at = self.surroundings(&seen);
        let known = self.known_images()?;
        self.status
            .begin_spinner("Making", &format!("image {names}"));
        let made = join_all(
            definitions
                .iter()
                .map(|definition| image::make(definition, &known, docker, &at)),
        )
        .await;
        self.status.end_bar();
        let mut records = Vec::new();
        let mut failed = None;
        for made in made {
            match made {
                Ok(record) => {
                    state::write_json(&self.state.image(&record.name), &record)?;
                    self.status.done(
                        "Made",
                        &format!(
                            "image {} {} ({} packages)",
                            record.name,
                            record.id.short(),
                            record.packages.len()
                        ),
                    );
                    records.push(record);
                }
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(records),
        }
    }

    /// Returns images that are recorded as they are defined now, without an engine.
    pub(super) fn recorded_images(
        &self,
        names: &BTreeSet<ImageName>,
    ) -> Result<BTreeMap<ImageName, ImageRecord>, Refusal> {
        let mut records = BTreeMap::new();
        for name in names {
            let path = self.common.images.join(format!("{name}.toml"));
            let definition = ImageDefinition::read(&path)?;
            let known: Option<ImageRecord> = state::read_json(&self.state.image(name))?;
            let record = known
                .filter(|record| record.definition == definition.digest)
                .ok_or_else(|| locked(&format!("the image {name}")))?;
            records.insert(name.clone(), record);
        }
        Ok(records)
    }

    /// Returns the records of all images that were ever made here.
    pub(super) fn known_images(&self) -> Result<Vec<ImageRecord>, Refusal> {
        let mut known = Vec::new();
        for path in self.state.all_images()? {
            let image: Option<ImageRecord> = state::read_json(&path)?;
            known.extend(image);
        }
        Ok(known)
    }
}

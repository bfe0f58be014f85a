//! Listing kernels: as they were listed last, or by asking the archives.

use super::{Inputs, Renewal, build_arch, locked};
use crate::catalog::DistroKernels;
use crate::catalog::change::Change;
use crate::catalog::error::CatalogError;
use crate::catalog::facts::DistroFacts;
use crate::catalog::look::Look;
use crate::catalog::read::read_distro;
use crate::cli::Refusal;
use crate::state;

/// Why the archives could not be asked.
#[derive(Debug)]
pub(crate) enum LookError {
    /// An archive cannot be read, or does not hold.
    Catalog(CatalogError),
    /// The archives were not asked at all.
    Refused(Refusal),
}

impl From<CatalogError> for LookError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

impl From<Refusal> for LookError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<LookError> for Refusal {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Catalog(error) => error.into(),
            LookError::Refused(refusal) => refusal,
        }
    }
}

impl Inputs<'_> {
    /// Lists the kernels of one distribution release, from the record or from its archives.
    pub(crate) async fn kernels(
        &self,
        facts: &DistroFacts,
        renewal: Renewal,
    ) -> Result<DistroKernels, Refusal> {
        let name = facts.name();
        let place = self.state.kernels(&name);
        let known: Option<Look> = state::read_versioned(&place)?;
        let known = known.map(|look| look.list);
        let usable = known
            .as_ref()
            .filter(|known| known.facts == facts.digest && renewal != Renewal::Update);
        if let Some(known) = usable {
            return Ok(known.clone());
        }
        if renewal == Renewal::Locked {
            return Err(locked(&format!("the list of kernels of {name}")));
        }
        let look = self.look(facts).await?;
        if let Some(known) = &known {
            self.warn_of_fewer(&name, known, &look.list);
        }
        self.record(&look)?;
        Ok(look.list)
    }

    /// Asks the archives of a distribution release which kernels they hold now, and records nothing.
    pub(crate) async fn look(&self, facts: &DistroFacts) -> Result<Look, LookError> {
        let name = facts.name();
        if !facts.archives.is_empty() {
            self.online(&format!("the list of kernels of {name}"))?;
        }
        self.status.busy("Listing", &format!("kernels of {name}"));
        let archs = facts.archs();
        let build_arch = build_arch()?;
        let seen = self.seen()?;
        let at = self.surroundings(&seen);
        let list = read_distro(facts, &archs, build_arch, &at).await?;
        Ok(Look::new(at.now, list))
    }

    /// Returns the last look that is recorded.
    pub(crate) fn last_look(&self, facts: &DistroFacts) -> Result<Option<Look>, Refusal> {
        Ok(state::read_versioned(&self.state.kernels(&facts.name()))?)
    }

    /// Records a look in the place of the last one.
    pub(crate) fn record(&self, look: &Look) -> Result<(), Refusal> {
        let list = &look.list;
        let name = format!("{}-{}", list.distro, list.distro_release);
        Ok(state::write_json(&self.state.kernels(&name), look)?)
    }

    fn warn_of_fewer(&self, name: &str, known: &DistroKernels, now: &DistroKernels) {
        let gone: Vec<String> = Change::between(&known.kernels, now)
            .gone
            .iter()
            .map(|gone| gone.kernel.target.kernel_release.to_string())
            .collect();
        if !gone.is_empty() {
            self.status.warn(&format!(
                "{} of {} kernels of {name} have gone since the last look: {}",
                gone.len(),
                known.kernels.len(),
                gone.join(", ")
            ));
        }
    }
}

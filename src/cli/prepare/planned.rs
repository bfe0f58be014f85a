//! Expanding a matrix over the kernels of the distribution releases that it names.

use std::collections::BTreeSet;

use super::{Inputs, Renewal};
use crate::catalog::DistroKernels;
use crate::catalog::facts::DistroFacts;
use crate::catalog::look::Look;
use crate::cli::Refusal;
use crate::matrix::Matrix;
use crate::plan::{Plan, plan};

impl Inputs<'_> {
    /// Expands a matrix over the kernels of the distribution releases that it names.
    pub(crate) async fn plan(
        &self,
        matrix: &Matrix,
        renewal: Renewal,
    ) -> Result<(Plan, Vec<DistroFacts>, Vec<DistroKernels>), Refusal> {
        let wanted = wanted(matrix);
        let mut all_facts = Vec::new();
        let mut kernels = Vec::new();
        // Not read, but a plan that refuses a release names those that there are.
        let mut others = Vec::new();
        for facts in self.facts()? {
            if !wanted.contains(&facts.name()) {
                others.push(DistroKernels::unread(&facts));
                continue;
            }
            let list = self.kernels(&facts, renewal).await?;
            if let Some(first) = list.unresolved.first() {
                self.status.warn(&format!(
                    "{} kernels of {} cannot be built for, such as {}: {}",
                    list.unresolved.len(),
                    facts.name(),
                    first.kernel_release,
                    first.reason
                ));
            }
            kernels.push(list);
            all_facts.push(facts);
        }
        let today = jiff::Zoned::now().date();
        others.extend_from_slice(&kernels);
        let plan = plan(matrix, &others, today)?;
        Ok((plan, all_facts, kernels))
    }

    /// Expands a matrix over what the archives hold now, and records nothing.
    pub(crate) async fn plan_of_now(&self, matrix: &Matrix) -> Result<(Plan, Vec<Look>), Refusal> {
        let wanted = wanted(matrix);
        let mut lists = Vec::new();
        let mut looks = Vec::new();
        for facts in self.facts()? {
            if wanted.contains(&facts.name()) {
                let look = self.look(&facts).await?;
                lists.push(look.list.clone());
                looks.push(look);
            } else {
                lists.push(DistroKernels::unread(&facts));
            }
        }
        let plan = plan(matrix, &lists, jiff::Zoned::now().date())?;
        Ok((plan, looks))
    }
}

/// Returns the names of the distribution releases that a matrix asks for.
fn wanted(matrix: &Matrix) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for target in &matrix.targets {
        for release in &target.distro_releases {
            names.insert(format!("{}-{}", target.distro.value, release.value));
        }
    }
    for include in &matrix.includes {
        names.insert(format!(
            "{}-{}",
            include.distro.value, include.distro_release.value
        ));
    }
    names
}

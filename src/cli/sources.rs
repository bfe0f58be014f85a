//! The sources of a matrix's modules: had from wherever they come, read, and held against what the
//! matrix declares.

use std::collections::BTreeMap;

use crate::catalog::apt::find_package;
use crate::catalog::facts::find;
use crate::catalog::{PackageRef, SuiteRecord};
use crate::cli::Refusal;
use crate::cli::prepare::{Inputs, Renewal, build_arch, locked};
use crate::document::{Problem, ProblemCode, Problems};
use crate::exit::Exit;
use crate::lock::Lock;
use crate::matrix::{Matrix, ModuleEntry, Recipe};
use crate::name::{ModuleName, PackageName, PackageVersion};
use crate::run::blocking;
use crate::source::{self, DeclarationError, Origin, Repository, Source, WantedSource};
use crate::state;

impl Inputs<'_> {
    /// Reads the source of every module of a matrix.
    pub(crate) async fn sources(
        &self,
        matrix: &Matrix,
        renewal: Renewal,
    ) -> Result<BTreeMap<ModuleName, Source>, Refusal> {
        let known: Option<Lock> = state::read_json(&self.state.lock(&matrix.path))?;
        let mut sources = BTreeMap::new();
        let mut problems = Vec::new();
        for module in &matrix.modules {
            let mut source = self.source(module, known.as_ref(), renewal).await?;
            for error in source.declare(&module.closed_inputs) {
                problems.push(problem(matrix, &error));
            }
            sources.insert(module.name.clone(), source);
        }
        match Problems::from_vec(problems) {
            Some(problems) => Err(problems.into()),
            None => Ok(sources),
        }
    }

    async fn source(
        &self,
        module: &ModuleEntry,
        known: Option<&Lock>,
        renewal: Renewal,
    ) -> Result<Source, Refusal> {
        let (name, store) = (module.name.clone(), self.store.clone());
        let read = match module.source.clone() {
            WantedSource::Directory(directory) => {
                blocking(move || source::read(&name, &directory)).await
            }
            WantedSource::Commit {
                repository,
                commit,
                path,
            } => {
                if let Repository::Url(url) = &repository {
                    let offline = self.common.offline;
                    self.status.busy("Fetching", &format!("{url}"));
                    source::fetch_commit(&name, url, &commit, &store, offline).await?;
                }
                blocking(move || {
                    source::read_commit(&name, &repository, &commit, path.as_ref(), &store)
                })
                .await
            }
            WantedSource::Tarball {
                file,
                sha256,
                strip,
                path,
            } => {
                blocking(move || {
                    source::read_tarball(&name, &file, &sha256, strip, path.as_ref(), &store)
                })
                .await
            }
            WantedSource::Package {
                name: package,
                from,
                version,
                path,
            } => {
                let known = known.and_then(|lock| lock.sources.get(&name));
                let known = known.map(|record| &record.origin);
                let (package, vouched) = self
                    .package(&package, &from, version.as_ref(), known, renewal)
                    .await?;
                blocking(move || {
                    source::read_package(&name, package, vouched, from, path.as_ref(), &store)
                })
                .await
            }
            WantedSource::Dsc { file, sha256, path } => {
                blocking(move || source::read_dsc(&name, &file, &sha256, path.as_ref(), &store))
                    .await
            }
            WantedSource::SourceRpm {
                file,
                sha256,
                tarball,
                path,
            } => {
                blocking(move || {
                    source::read_source_rpm(&name, &file, &sha256, &tarball, path.as_ref(), &store)
                })
                .await
            }
        };
        let read = read?;
        match module.recipe {
            Recipe::Kbuild => read.has_makefile()?,
            Recipe::Dkms => read.has_dkms_conf()?,
            // What it takes, only the command knows.
            Recipe::Command { .. } => {}
        }
        Ok(read)
    }

    /// Returns a package that carries a source, and brings it into the store: the one that is
    /// locked, as long as the matrix asks for it, or the one that the archive has today.
    async fn package(
        &self,
        name: &PackageName,
        from: &str,
        version: Option<&PackageVersion>,
        known: Option<&Origin>,
        renewal: Renewal,
    ) -> Result<(PackageRef, SuiteRecord), Refusal> {
        let known = match known {
            Some(Origin::Package {
                package,
                vouched,
                from: locked_from,
                ..
            }) if renewal != Renewal::Update
                && package.name == *name
                && locked_from == from
                && version.is_none_or(|version| *version == package.version) =>
            {
                Some((package.clone(), SuiteRecord::clone(vouched)))
            }
            Some(_) | None => None,
        };
        let found = match known {
            Some(found) => found,
            None => {
                let what = format!("the package `{name}` of {from}");
                if renewal == Renewal::Locked {
                    return Err(locked(&what));
                }
                let facts = self.facts()?;
                let facts = find(&facts, from).ok_or_else(|| {
                    let known: Vec<String> = facts.iter().map(|facts| facts.name()).collect();
                    Refusal::new(Exit::Invalid, format!("there are no facts of `{from}`"))
                        .hint(format!("`from` is one of {}", known.join(", ")))
                })?;
                self.online(&what)?;
                self.status.busy("Looking", &format!("for {name}"));
                let seen = self.seen()?;
                let at = self.surroundings(&seen);
                find_package(facts, name, version, build_arch()?, &at).await?
            }
        };
        if self.store.blob_path(&found.0.sha256).is_none() {
            self.packages()?.fetch(&found.0).await?;
        }
        Ok(found)
    }
}

/// Places a declaration that does not hold in the matrix.
fn problem(matrix: &Matrix, error: &DeclarationError) -> Problem {
    Problem {
        code: match error {
            DeclarationError::MatchesNothing { .. } => ProblemCode::Unmatched,
            DeclarationError::OtherBytes { .. } => ProblemCode::OtherDigest,
        },
        message: error.to_string(),
        path: matrix.path.clone(),
        place: Some(error.place()),
        hint: Some(error.hint().to_owned()),
    }
}

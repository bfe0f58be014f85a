//! How the kernel of a cell was prepared, for people.

use std::io::{self, Write};

use crate::catalog::kernel_source::{KernelSource, PinnedSource, PrepareLevel, Unanswered};
use crate::digest::Sha256Digest;
use crate::ledger::PreparationRecord;
use crate::outcome::PreparationOutcome;
use crate::recipe::Preparation;
use crate::report::size;

/// Returns the file that what a preparation printed is laid out in.
pub fn preparation_log_name(number: u32) -> String {
    format!("preparation-{number}.log")
}

/// Prints what the kernel is prepared from.
pub(super) fn print_kernel_source(
    to: &mut impl Write,
    source: &KernelSource,
    preparation: &Preparation,
) -> io::Result<()> {
    writeln!(to, "  kernel prepared from {}", source.origin.shown())?;
    match &source.pinned {
        PinnedSource::Tarball(digest) => writeln!(to, "    tarball {digest}")?,
        PinnedSource::Tree(digest) => writeln!(to, "    tree {digest}")?,
    }
    if let Some(signature) = source.origin.signature() {
        writeln!(to, "    signature {}", signature.path)?;
        for key in &signature.signers {
            writeln!(to, "      may be by {key}")?;
        }
    }
    let others = match source.unanswered {
        Unanswered::Default => "the kernel's defaults",
        Unanswered::No => "no",
    };
    writeln!(to, "    configuration {}", source.config)?;
    writeln!(to, "      options that it does not name: {others}")?;
    let level = match source.level {
        PrepareLevel::Headers => "what modules include and call, without symbols",
        PrepareLevel::Modules => "the kernel and its modules, with their symbols",
    };
    writeln!(to, "    built: {level}")?;
    for variable in &source.make {
        writeln!(to, "    make {variable}")?;
    }
    let limits = &preparation.limits;
    let cpus = match preparation.cpus {
        Some(1) => "1 CPU".to_owned(),
        Some(count) => format!("{count} CPUs"),
        None => "all CPUs".to_owned(),
    };
    writeln!(
        to,
        "    limits: {cpus}, {} of memory, {} of disk, {} processes, {} s, {} printed, {} handed out",
        size(limits.memory_bytes),
        size(limits.disk_bytes),
        limits.processes,
        limits.seconds,
        size(limits.log_bytes),
        size(limits.output_bytes),
    )
}

/// Prints each preparation with its digest, and whether the same came out again. `place` says where
/// what one printed is.
pub(super) fn print_preparations(
    to: &mut impl Write,
    preparations: &[PreparationRecord],
    place: &impl Fn(&str, &Sha256Digest) -> Option<String>,
) -> io::Result<()> {
    let reference = preparations.iter().find(|record| record.number == 0);
    let reference = reference.and_then(|record| tree(&record.outcome));
    for record in preparations {
        let name = match record.number {
            0 => "kernel".to_owned(),
            number => format!("kernel, again ({number})"),
        };
        let engine = &record.engine;
        writeln!(
            to,
            "\n{name}: {} in {:.1} s by {} {} ({})",
            record.outcome_word(),
            record.wall.as_secs_f64(),
            engine.name,
            engine.version,
            record.started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        )?;
        match &record.outcome {
            PreparationOutcome::Prepared { kernel } => {
                writeln!(to, "  tree {}", kernel.tree)?;
                let symbols = if kernel.has_symbols {
                    "with the kernel's symbols"
                } else {
                    "without the kernel's symbols"
                };
                writeln!(to, "    {} files, {symbols}", kernel.files)?;
            }
            PreparationOutcome::Failed { failure } => {
                writeln!(to, "  {failure}")?;
                writeln!(to, "  hint: {}", failure.hint())?;
            }
        }
        if record.number > 0
            && let (Some(reference), Some(again)) = (reference, tree(&record.outcome))
        {
            if reference == again {
                writeln!(to, "  every file is the same")?;
            } else {
                writeln!(to, "  not the same as {reference}")?;
                for file in &record.differing {
                    writeln!(to, "    differs: {file}")?;
                }
            }
        }
        let variation = &record.variation;
        writeln!(
            to,
            "  host {}.{}, user {}:{}, umask {}",
            variation.host_name,
            variation.domain_name,
            variation.user,
            variation.group,
            variation.umask
        )?;
        match &record.observed {
            Some(observed) if observed.is_sealed() => {
                writeln!(to, "  sealed, CPUs {}", observed.cpus)?;
            }
            Some(observed) => writeln!(to, "  not sealed, CPUs {}", observed.cpus)?,
            None => writeln!(to, "  how closed it was is not recorded")?,
        }
        writeln!(to, "  spec {}", record.spec)?;
        match place(&preparation_log_name(record.number), &record.log) {
            Some(place) => writeln!(to, "  log {place}")?,
            None => writeln!(to, "  log {} (not in the store)", record.log)?,
        }
    }
    Ok(())
}

fn tree(outcome: &PreparationOutcome) -> Option<Sha256Digest> {
    match outcome {
        PreparationOutcome::Prepared { kernel } => Some(kernel.tree),
        PreparationOutcome::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::catalog::kernel_source::KernelOrigin;
    use crate::engine::{EngineIdentity, Observed, Steps};
    use crate::name::Arch;
    use crate::outcome::{PreparationFailure, PreparedKernel};
    use crate::recipe::{Limits, PREPARATION};
    use crate::variation::Variation;

    fn record(number: u32, outcome: PreparationOutcome, differing: &[&str]) -> PreparationRecord {
        PreparationRecord {
            number,
            run: "r1".to_owned(),
            spec: Sha256Digest::of(b"spec"),
            variation: Variation::of_preparation(number),
            started: jiff::Timestamp::UNIX_EPOCH,
            wall: Duration::from_millis(61_500),
            steps: Steps::default(),
            engine: EngineIdentity {
                name: "docker".to_owned(),
                version: "1".to_owned(),
                api_version: "1.41".to_owned(),
                kernel: "6.1".to_owned(),
                cpus: 2,
            },
            reached: crate::outcome::Reached::default(),
            observed: (number < 2).then(|| Observed {
                image: None,
                no_network: true,
                read_only_root: true,
                read_only_inputs: true,
                unprivileged: number == 0,
                no_new_privileges: true,
                user: "1000:1000".to_owned(),
                host_name: "build".to_owned(),
                cpus: "0-1".to_owned(),
            }),
            outcome,
            differing: differing.iter().map(ToString::to_string).collect(),
            log: Sha256Digest::of(b"log"),
        }
    }

    fn prepared(tree: &[u8], has_symbols: bool) -> PreparationOutcome {
        PreparationOutcome::Prepared {
            kernel: PreparedKernel {
                tarball: Sha256Digest::of(b"handed out"),
                tree: Sha256Digest::of(tree),
                files: 1234,
                has_symbols,
            },
        }
    }

    #[test]
    fn both_digests_and_what_differs_are_shown() {
        let source = KernelSource {
            origin: KernelOrigin::File {
                path: "/srv/linux-6.12.1.tar.xz".into(),
            },
            pinned: PinnedSource::Tarball(Sha256Digest::of(b"tarball")),
            config: Sha256Digest::of(b"config"),
            unanswered: Unanswered::No,
            level: PrepareLevel::Modules,
            make: vec!["CC=gcc-12".to_owned()],
        };
        let preparation = Preparation {
            recipe: PREPARATION,
            source: source.pinned,
            signers: Vec::new(),
            config: source.config,
            unanswered: source.unanswered,
            level: source.level,
            arch: Arch::Amd64,
            cross: None,
            kernel_release: "6.12.1".parse().expect("a release"),
            make: source.make.clone(),
            image: Sha256Digest::of(b"image"),
            limits: Limits {
                memory_bytes: 16 << 30,
                processes: 4096,
                seconds: 4 * 60 * 60,
                disk_bytes: 12 << 30,
                log_bytes: 64 << 20,
                output_bytes: 1 << 30,
            },
            cpus: Some(2),
        };
        let failure = PreparationFailure::KernelCompile { code: 2 };
        let records = [
            record(0, prepared(b"one", true), &[]),
            record(1, prepared(b"other", true), &["include/generated/host.h"]),
            record(2, PreparationOutcome::Failed { failure }, &[]),
            record(3, prepared(b"one", false), &[]),
        ];
        let mut text = Vec::new();
        let place = |name: &str, _: &Sha256Digest| {
            (name != "preparation-3.log").then(|| format!("out/{name}"))
        };
        print_kernel_source(&mut text, &source, &preparation).expect("memory");
        print_preparations(&mut text, &records, &place).expect("memory");
        insta::assert_snapshot!(String::from_utf8(text).expect("UTF-8"));
    }
}

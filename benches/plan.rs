//! Plans 100,000 cells and prints them as JSON, beside bare `serde_json` over as many strings.
//!
//! Each is measured in a process of its own, started by this one, so that the peak of resident memory
//! (`VmHWM`, proc(5)) is that of the one alone: `cargo bench --bench plan`.

use std::io::{self, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

use kmatrix::catalog::{DistroKernels, Kernel};
use kmatrix::digest::{Hashing, Sha256Digest};
use kmatrix::document::Document;
use kmatrix::matrix::Matrix;
use kmatrix::name::{Arch, ParseNameError, Target};
use kmatrix::plan::{PlanDocument, plan};

const KERNELS: usize = 1000;
const MODULES: usize = 100;
const CELLS: usize = KERNELS * MODULES;
/// The strings that a cell has in the JSON form.
const STRINGS: usize = 8;

/// What is to be reached: seconds and MiB.
const TARGET: (f64, f64) = (1.0, 300.0);

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    match std::env::args().nth(1).as_deref() {
        Some("bare") => tell(bare_json()?),
        Some("plan") => tell(plan_json()?),
        // Cargo's own `--bench`, or nothing.
        Some(_) | None => print_table(&measured("bare")?, &measured("plan")?),
    }
}

fn print_table(bare: &Measured, plan: &Measured) -> Result<(), Failure> {
    let profile = if cfg!(debug_assertions) {
        "an UNOPTIMISED build"
    } else {
        "a release build"
    };
    let verdict = if plan.seconds < TARGET.0 && plan.peak_mib < TARGET.1 {
        "met"
    } else {
        "MISSED"
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{CELLS} cells, {profile}, a process each")?;
    for (name, measured) in [("bare serde_json", bare), ("plan and JSON", plan)] {
        let Measured {
            seconds,
            peak_mib,
            json_mib,
        } = measured;
        writeln!(
            out,
            "{name:<16} {seconds:>6.3} s  peak {peak_mib:>4.0} MiB  {json_mib:>3.0} MiB of JSON"
        )?;
    }
    writeln!(
        out,
        "time ratio {:.2}, memory ratio {:.2}; target under {} s and {} MiB: {verdict}",
        plan.seconds / bare.seconds,
        plan.peak_mib / bare.peak_mib,
        TARGET.0,
        TARGET.1
    )?;
    Ok(())
}

/// What one process says of itself.
struct Measured {
    seconds: f64,
    peak_mib: f64,
    json_mib: f64,
}

/// Runs this program again to measure one of the two.
fn measured(what: &str) -> Result<Measured, Failure> {
    let output = Command::new(std::env::current_exe()?).arg(what).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [seconds, peak_mib, json_mib] = numbers[..] else {
        return Err(format!("`{what}` printed `{text}`").into());
    };
    Ok(Measured {
        seconds,
        peak_mib,
        json_mib,
    })
}

fn tell((time, bytes): (Duration, u64)) -> Result<(), Failure> {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (peak, written) = (mib(peak_kib()? << 10), mib(bytes));
    writeln!(io::stdout(), "{} {peak} {written}", time.as_secs_f64())?;
    Ok(())
}

/// Reads the matrix, expands it and serialises the plan.
fn plan_json() -> Result<(Duration, u64), Failure> {
    let catalogs = [catalog()?];
    let start = Instant::now();
    let matrix = Matrix::from_document(&Document::from_bytes("bench.toml", matrix().as_bytes())?)?;
    let plan = plan(&matrix, &catalogs, jiff::civil::date(2026, 11, 20))?;
    let mut sink = Hashing::new(io::sink());
    PlanDocument::from(&plan).write(&mut sink)?;
    let time = start.elapsed();
    assert_eq!(plan.cells.len(), CELLS);
    Ok((time, sink.bytes()))
}

/// Makes and serialises as many strings of the usual length.
fn bare_json() -> Result<(Duration, u64), Failure> {
    let start = Instant::now();
    let lists: Vec<Vec<String>> = (0..CELLS)
        .map(|cell| {
            (0..STRINGS)
                .map(|n| format!("6.1.0-{cell}-amd64-{n}"))
                .collect()
        })
        .collect();
    let mut sink = Hashing::new(io::sink());
    serde_json::to_writer(&mut sink, &lists)?;
    Ok((start.elapsed(), sink.bytes()))
}

fn matrix() -> String {
    let modules = (0..MODULES).map(|n| format!("[[module]]\nname = 'm{n}'\nsource = 'm{n}'\n"));
    format!(
        "schema = 1\n{}[[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\n",
        modules.collect::<String>()
    )
}

fn catalog() -> Result<DistroKernels, ParseNameError> {
    let kernels: Result<Vec<Kernel>, ParseNameError> = (0..KERNELS).map(kernel).collect();
    Ok(DistroKernels {
        format: kmatrix::catalog::format::ArchiveFormat::Apt,
        distro: "debian".parse()?,
        distro_release: "12".parse()?,
        facts: Sha256Digest::of(b"bench"),
        suites: Vec::new(),
        kernels: kernels?,
        unresolved: Vec::new(),
    })
}

fn kernel(abi: usize) -> Result<Kernel, ParseNameError> {
    Ok(Kernel {
        target: Target {
            distro: "debian".parse()?,
            distro_release: "12".parse()?,
            arch: Arch::Amd64,
            kernel_release: format!("6.1.0-{abi}-amd64").parse()?,
            package_version: format!("6.1.{abi}-1").parse()?,
            flavour: "generic".parse()?,
        },
        built: None,
        packages: Vec::new(),
        source: None,
    })
}

/// Reads the most memory that this process has had resident.
fn peak_kib() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kib.and_then(|text| text.parse().ok())
        .ok_or_else(|| io::Error::other("no `VmHWM` in the process status"))
}

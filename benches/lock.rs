//! Checks a lock of 100 cells with the program itself, offline, beside bare `serde_json` over the same
//! files: `cargo bench --bench lock`.
//!
//! The state directory is made here: 120 kernels of four packages each in the list, an image of 400
//! packages, and the lock that follows from them. That the check passes proves that all of it was
//! read and compared.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kmatrix::catalog::facts::DistroFacts;
use kmatrix::catalog::format::ArchiveFormat;
use kmatrix::catalog::look::Look;
use kmatrix::catalog::{DistroKernels, Kernel, PackageRef};
use kmatrix::digest::Sha256Digest;
use kmatrix::image::ImageRecord;
use kmatrix::image::definition::ImageDefinition;
use kmatrix::lock::lock;
use kmatrix::matrix::Matrix;
use kmatrix::name::{Arch, Target};
use kmatrix::package::PackageFormat;
use kmatrix::plan::plan;
use kmatrix::source::{self, WantedSource};
use kmatrix::state::{State, write_json};

const CELLS: usize = 100;
const KERNELS: usize = 120;
const ROUNDS: usize = 11;
/// What is to be reached, in seconds.
const TARGET: f64 = 1.0;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let files = prepare(directory.path())?;
    let check = median(|| check(directory.path()))?;
    let bare = median(|| read(&files))?;
    let profile = if cfg!(debug_assertions) {
        "an UNOPTIMISED build"
    } else {
        "a release build"
    };
    let verdict = if check < TARGET { "met" } else { "MISSED" };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "lock --check of {CELLS} cells, {profile}, median of {ROUNDS}"
    )?;
    writeln!(
        out,
        "the whole command    {check:>7.4} s  target under {TARGET} s: {verdict}"
    )?;
    writeln!(
        out,
        "bare serde_json      {bare:>7.4} s  the same files as values, in this process"
    )?;
    writeln!(out, "ratio                {:>7.1}", check / bare)?;
    Ok(())
}

fn median(mut once: impl FnMut() -> Result<Duration, Failure>) -> Result<f64, Failure> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(once()?.as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}

fn check(directory: &Path) -> Result<Duration, Failure> {
    let start = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_kmatrix"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(directory)
        .args([
            "lock",
            "matrix.toml",
            "--check",
            "--offline",
            "--state",
            "state",
        ])
        .arg("--kernels")
        .arg(project().join("kernels"))
        .arg("--images")
        .arg(project().join("images"))
        .output()?;
    let time = start.elapsed();
    if output.status.success() {
        return Ok(time);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

fn read(files: &[PathBuf]) -> Result<Duration, Failure> {
    let start = Instant::now();
    for file in files {
        let value: serde_json::Value = serde_json::from_slice(&fs::read(file)?)?;
        assert!(value.is_object());
    }
    Ok(start.elapsed())
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Makes the state directory, and returns the files that a check reads from it.
fn prepare(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let source = directory.join("module");
    fs::create_dir(&source)?;
    fs::write(source.join("Makefile"), "obj-m := m.o\n")?;
    fs::write(source.join("m.c"), "// nothing\n".repeat(1000))?;
    let file = directory.join("matrix.toml");
    fs::write(
        &file,
        format!(
            "schema = 1\n[[module]]\nname = 'm'\nsource = 'module'\n\
             [[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\n\
             kernel = {{ latest = {CELLS} }}\n"
        ),
    )?;
    let matrix = Matrix::read(&file)?;
    let facts = DistroFacts::read(project().join("kernels/debian-12.toml"))?;
    let definition = ImageDefinition::read(project().join("images/debian-12.toml"))?;
    let state = State::open(&directory.join("state"))?;
    let kernels = list(&facts)?;
    let image = image(&definition)?;
    let plan = plan(
        &matrix,
        std::slice::from_ref(&kernels),
        jiff::Zoned::now().date(),
    )?;
    let sources = matrix
        .modules
        .iter()
        .map(|module| {
            Ok((
                module.name.clone(),
                match &module.source {
                    WantedSource::Directory(path) => source::read(&module.name, path)?.record,
                    other => {
                        return Err(format!("this bench reads directories, not {other:?}").into());
                    }
                },
            ))
        })
        .collect::<Result<BTreeMap<_, _>, Failure>>()?;
    let lock = lock(
        plan.digest,
        plan.cells.iter().map(|cell| (&cell.id, &*cell.target)),
        std::slice::from_ref(&facts),
        std::slice::from_ref(&kernels),
        BTreeMap::from([(image.name.clone(), image.clone())]),
        sources,
    )?;
    assert_eq!(lock.cells.len(), CELLS);
    let places = [
        state.lock(&file),
        state.kernels("debian-12"),
        state.image(&image.name),
    ];
    write_json(&places[0], &lock)?;
    write_json(&places[1], &Look::new(Timestamp::now(), kernels))?;
    write_json(&places[2], &image)?;
    Ok(places.to_vec())
}

fn list(facts: &DistroFacts) -> Result<DistroKernels, Failure> {
    let kernels: Result<Vec<Kernel>, Failure> = (0..KERNELS).map(kernel).collect();
    Ok(DistroKernels {
        distro: facts.distro.clone(),
        distro_release: facts.distro_release.clone(),
        format: ArchiveFormat::Apt,
        facts: facts.digest,
        suites: Vec::new(),
        kernels: kernels?,
        unresolved: Vec::new(),
    })
}

fn kernel(abi: usize) -> Result<Kernel, Failure> {
    let package = |name: String| -> Result<PackageRef, Failure> {
        Ok(PackageRef {
            sha256: Sha256Digest::of(name.as_bytes()),
            format: PackageFormat::Deb,
            signers: Vec::new(),
            signature: None,
            path: format!("pool/main/l/linux/{name}_6.1.{abi}-1_amd64.deb"),
            name: name.parse()?,
            version: format!("6.1.{abi}-1").parse()?,
            architecture: "amd64".to_owned(),
            archive: "debian".parse()?,
            suite: "bookworm".parse()?,
            bytes: 1_000_000,
        })
    };
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
        packages: ["headers", "common", "kbuild", "compiler"]
            .iter()
            .map(|part| package(format!("linux-{part}-6.1.0-{abi}")))
            .collect::<Result<_, _>>()?,
        source: None,
    })
}

/// Makes a record by way of its JSON form, as the state directory has it.
fn image(definition: &ImageDefinition) -> Result<ImageRecord, Failure> {
    let packages: Vec<serde_json::Value> = (0..400)
        .map(|n| serde_json::json!({ "name": format!("package-{n}"), "version": "1.0-1", "architecture": "amd64" }))
        .collect();
    let record = serde_json::json!({
        "name": definition.name,
        "definition": definition.digest,
        "id": Sha256Digest::of(b"image"),
        "root": null,
        "pulled": null,
        "suites": [],
        "archiveDate": null,
        "made": Timestamp::UNIX_EPOCH,
        "packages": packages,
        "tools": {},
    });
    Ok(serde_json::from_value(record)?)
}

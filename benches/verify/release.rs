//! A release as `kmatrix attest --out` lays one out, of as many cells as are wanted, each with a module
//! and a key's four statements about it that a policy passes.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use kmatrix::attest::{
    AttributeReport, LabelledCell, PredicateType, ResourceDescriptor, Statement, Subject,
    SubjectForm,
};
use kmatrix::digest::Sha256Digest;
use kmatrix::name::{Arch, CellId};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::Failure;
use super::authority::bundles::{keyed, to_bytes};
use super::authority::keys::Key;
use super::statements::{self, value};

/// What the modules' kernel release is before each gets its own, which has as many letters.
const KERNEL: &str = "6.12.000000-x";

/// The bytes of each module beside what its facts take.
const FILLING: usize = 48 << 10;

/// The name of the release.
pub const NAME: &str = "small";

/// Writes `policy.toml`, its key, and a release in `out`.
pub fn lay_out(folder: &Path, cells: usize) -> Result<(), Failure> {
    let key = Key::generate();
    write(&folder.join("keys/vendor.pem"), key.pem().as_bytes())?;
    let policy = fs::read("src/verify/policy/default.toml")?;
    write(&folder.join("policy.toml"), &policy)?;
    let template = template(folder)?;
    let listed: Vec<LabelledCell> = (0..cells)
        .into_par_iter()
        .map(|number| {
            cell(&folder.join("out"), &key, &template, number).map_err(|error| error.to_string())
        })
        .collect::<Result<_, String>>()?;
    let first = listed.first().ok_or("a release has a cell")?;
    let mut scope = statements::scope(NAME, first.modules[0]);
    (scope.scope.promised, scope.scope.built) = (cells, cells);
    scope.cells = listed;
    let payload = of_release(PredicateType::Scope, value(&scope));
    let summed = statements::release_summary(&scope, Sha256Digest::of(&payload));
    let summed = of_release(PredicateType::Summary, value(&summed));
    for (kind, payload) in [("scope", payload), ("summary", summed)] {
        let path = folder.join(format!("out/release.{kind}.sigstore.json"));
        write(&path, &to_bytes(&keyed(&key, &payload)))?;
    }
    Ok(())
}

fn of_release(kind: PredicateType, predicate: Value) -> Vec<u8> {
    Statement::new(kind, statements::of_release(), predicate).to_bytes()
}

/// Makes a module with the compiler, for a kernel release that is put in later.
fn template(folder: &Path) -> Result<Vec<u8>, Failure> {
    let (from, to) = (folder.join("module.c"), folder.join("module.o"));
    let modinfo = "__attribute__((section(\".modinfo\"), used)) static const char";
    let source = format!(
        "{modinfo} a[] = \"name=m\";\n\
         {modinfo} b[] = \"vermagic={KERNEL} SMP mod_unload \";\n\
         __attribute__((used)) static char filling[{FILLING}] = {{ 1 }};\n\
         int m_entry(void) {{ return 1; }}\n"
    );
    write(&from, source.as_bytes())?;
    let status = Command::new("cc")
        .arg("-c")
        .arg(&from)
        .arg("-o")
        .arg(&to)
        .status()?;
    if !status.success() {
        return Err("the compiler made no module".into());
    }
    Ok(fs::read(to)?)
}

/// Writes one cell and returns what the release's scope says of it.
fn cell(out: &Path, key: &Key, template: &[u8], number: usize) -> Result<LabelledCell, Failure> {
    let kernel = format!("6.12.{number:06}-x");
    let arch = Arch::of_this_machine().ok_or("no module is built here")?;
    let id: CellId = format!("debian-13/{arch}/{kernel}=6.12.1-1/m").parse()?;
    let mut module = template.to_vec();
    let mut places = template.windows(KERNEL.len());
    let at = places
        .position(|text| text == KERNEL.as_bytes())
        .ok_or("no vermagic")?;
    module[at..at + KERNEL.len()].copy_from_slice(kernel.as_bytes());
    let folder = out.join(id.to_string());
    write(&folder.join("m.ko"), &module)?;

    let digest = Sha256Digest::of(&module);
    let payload = |kind, predicate: Value| {
        let subject = Subject::module("m.ko", digest, SubjectForm::Payload, "m.ko");
        Statement::new(kind, vec![subject], predicate).to_bytes()
    };
    let mut built = statements::provenance();
    built.build_definition.external_parameters["cell"] = json!(id.to_string());
    built
        .build_definition
        .resolved_dependencies
        .extend(inputs(number));
    let mut compared = statements::comparison(digest);
    compared.cell = id.clone();
    let mut summed = statements::summary(&compared.label);
    summed.resource_uri = format!("urn:kmatrix:cell:{id}");
    let tier = compared.label.tier;
    let (provenance, comparison) = (PredicateType::Provenance, PredicateType::RebuildComparison);
    let mut all = vec![
        (provenance, payload(provenance, value(&built))),
        (comparison, payload(comparison, value(&compared))),
    ];
    let inputs = all
        .iter()
        .map(|(kind, payload)| ResourceDescriptor::named(kind.word(), Sha256Digest::of(payload)));
    summed.input_attestations = inputs.collect();
    let shown_by = Sha256Digest::of(&all[1].1);
    let report = AttributeReport::of(&compared.label, shown_by, statements::BUILDER);
    let report = report.ok_or("the label is not reproducible")?;
    all.push((
        PredicateType::Summary,
        payload(PredicateType::Summary, value(&summed)),
    ));
    all.push((
        PredicateType::Scai,
        payload(PredicateType::Scai, value(&report)),
    ));
    for (kind, payload) in &all {
        let path = folder.join(format!("{kind}.sigstore.json"));
        write(&path, &to_bytes(&keyed(key, payload)))?;
    }
    let attestations = all
        .iter()
        .map(|(kind, payload)| (kind.word().to_owned(), Sha256Digest::of(payload)));
    Ok(LabelledCell {
        cell: id,
        tier,
        word: tier.to_string(),
        modules: vec![digest],
        attestations: attestations.collect(),
    })
}

/// Returns forty inputs, as packaged headers are.
fn inputs(cell: usize) -> impl Iterator<Item = ResourceDescriptor> {
    (0..40).map(move |number| {
        let name = format!("linux-headers-{cell}-{number}");
        let digest = Sha256Digest::of(name.as_bytes());
        let mut input = ResourceDescriptor::named(&name, digest);
        input.uri = Some(format!("pkg:deb/debian/{name}@6.12.1-1?arch=amd64"));
        input
            .annotations
            .insert("archive".to_owned(), json!("trixie"));
        input
    })
}

/// Fills the ledger of a state directory with as many verifications that passed, of other cells.
pub fn fill(state: &Path, count: usize) -> Result<(), Failure> {
    use kmatrix::ledger::{Ledger, VerificationRecord, VerifyingCommand};
    use kmatrix::verify::policy::Rule;
    fs::create_dir_all(state)?;
    let mut ledger = Ledger::open(&state.join("ledger.sqlite"))?;
    let rule =
        |rule: &Rule| json!({ "rule": rule.id(), "outcome": "holds", "because": rule.asks() });
    let rules: Vec<Value> = Rule::ALL.iter().map(rule).collect();
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(500) {
        let record = |number: &usize| {
            let artifact = Sha256Digest::of(&number.to_be_bytes());
            let known =
                json!({ "finished": statements::at("2026-06-01T10:01:00Z"), "payload": artifact });
            VerificationRecord {
                at: Timestamp::UNIX_EPOCH,
                by: "somebody".to_owned(),
                command: VerifyingCommand::Verify,
                artifact,
                policy: Some(Sha256Digest::of(b"policy")),
                passed: true,
                warn_only: false,
                attestations: vec![artifact; 4],
                verdict: json!({
                    "cell": format!("debian-12/amd64/6.1.{number}-x=6.1/m"),
                    "known": known,
                    "rules": rules,
                }),
            }
        };
        ledger.add_verifications(&some.iter().map(record).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create(path)?;
    Ok(file.write_all(bytes)?)
}

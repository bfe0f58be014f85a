//! Changes that several rows make.

use serde_json::{Value, json};

use crate::attest::{
    AttributeReport, PredicateType as Kind, ResourceDescriptor, Subject, SubjectForm, levels,
};
use crate::digest::Sha256Digest;
use crate::ko::testing::{Form, pieces};
use crate::label::{Axis as LabelAxis, Grade, Tier};
use crate::verify::policy::Known;
use crate::verify::policy::tests::world::{
    BUILDER, CELL, Signed, World, at, authenticated, cell, key, summary, value,
};
use crate::verify::{Authenticated, SignedBy};

pub(in super::super) fn deny(what: &str) -> String {
    format!("[[deny]]\nreason = 'r'\n{what}\n")
}

pub(in super::super) fn exception(rule: &str, of: &str, until: &str) -> String {
    format!("[[exception]]\nrule = '{rule}'\n{of}\nreason = 'r'\nuntil = {until}\n")
}

pub(in super::super) fn spki(name: &str) -> Sha256Digest {
    let SignedBy::Key { spki } = key(name) else {
        panic!("it is a key");
    };
    spki
}

/// Hands out the module compressed, with the shipped form as a subject too.
pub(in super::super) fn ship(w: &mut World) {
    w.file = zstd::encode_all(&w.file[..], 3).expect("memory");
    let shipped = Sha256Digest::of(&w.file);
    w.subjects.push(Subject::module(
        "m.ko.zst",
        shipped,
        SubjectForm::Shipped,
        "m.ko",
    ));
}

/// Puts another module in the place of the sound one, everywhere.
pub(in super::super) fn replace_module(w: &mut World, modinfo: &[u8], form: Form) {
    let mut all = pieces(form);
    let own = all.iter_mut().find(|piece| piece.name == ".modinfo");
    own.expect("it is there").data = modinfo.to_vec();
    w.file = form.file(&all);
    let digest = Sha256Digest::of(&w.file);
    w.subjects = vec![Subject::module(
        "m.ko",
        digest,
        SubjectForm::Payload,
        "m.ko",
    )];
    w.comparison.reference.modules[0].sha256 = digest;
    for rebuild in &mut w.comparison.rebuilds {
        rebuild.modules[0].sha256 = digest;
    }
}

/// Sets a grade with its reason.
pub(in super::super) fn set_grade(w: &mut World, axis: LabelAxis, grade: Grade) {
    let label = &mut w.comparison.label;
    label.vector.set(axis, grade);
    let reason = label.reasons.iter_mut().find(|reason| reason.axis == axis);
    reason.expect("it has one").grade = grade;
}

/// Makes a summary that is sound in itself, of another tier.
pub(in super::super) fn set_summary(w: &mut World, tier: Tier) {
    let mut label = w.comparison.label.clone();
    label.tier = tier;
    w.summary = summary(&label);
    assert_eq!(w.summary.verified_levels.len(), levels(tier).len() + 1);
}

/// Returns a build that passed before: of no version and no verified time, built long ago by its own claim.
pub(in super::super) fn known(name: &str) -> Known {
    Known {
        payload: Sha256Digest::of(name.as_bytes()),
        version: None,
        verified: None,
        finished: at("2026-01-01T00:00:00Z"),
        signers: vec![key("vendor")],
    }
}

/// Has a build of the module's cell been verified before.
pub(in super::super) fn verified_before(w: &mut World, build: Known) {
    let known = w.expectation.known.get_or_insert_default();
    known.entry(cell(CELL)).or_default().push(build);
}

/// Wants statements of further kinds.
pub(in super::super) fn want(w: &mut World, kind: &str) {
    w.require = format!("statements = ['provenance', 'comparison', 'summary', '{kind}']");
}

/// Returns what is in the sound module's builder image, signed by somebody.
pub(in super::super) fn sbom_of(image: &str, by: &str) -> Authenticated {
    let subject = Subject::plain("debian-13", Sha256Digest::of(image.as_bytes()));
    let predicate = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6" });
    authenticated(Kind::Sbom, vec![subject], predicate, &Signed::by(key(by)))
}

/// Returns the report that a sound comparison makes.
pub(in super::super) fn report(w: &World) -> Value {
    let digest = Sha256Digest::of(b"comparison");
    value(&AttributeReport::of(&w.comparison.label, digest, BUILDER).expect("it is reproducible"))
}

/// Gives the module a version in its `.modinfo`.
pub(in super::super) fn version(w: &mut World, version: &str) {
    let modinfo = format!("license=GPL\0name=x\0version={version}\0vermagic=6.12.1-x SMP \0");
    replace_module(w, modinfo.as_bytes(), Form::AMD64);
}

/// Has the source been taken out of a package of some version.
pub(in super::super) fn packaged(w: &mut World, version: &str) {
    let mut archive = ResourceDescriptor::named("m-dkms", Sha256Digest::of(b"archive"));
    let annotations = &mut archive.annotations;
    annotations.insert("role".to_owned(), json!("source-archive"));
    annotations.insert("version".to_owned(), json!(version));
    let dependencies = &mut w.provenance.build_definition.resolved_dependencies;
    dependencies.push(archive);
}

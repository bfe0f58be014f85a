//! From what differs to causes.

use super::named::Found;
use super::{
    Cause, Confidence, Evidence, Lines, Named, Surroundings, blame, commands, open, order, texts,
};
use crate::compare::{Answer, Difference, Differences, Layer, ModuleView, Normalisation};
use crate::ko::AppendedSignature;
use crate::outcome::{Changed, Sign};

/// What is known of two builds beside what they made; nothing of it has to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    pub surroundings: Option<(&'a Surroundings, &'a Surroundings)>,
    /// Where what they take in may stand.
    pub lines: Lines<'a>,
    /// In what their commands differ.
    pub commands: &'a [Changed],
    /// What the commands of each let in.
    pub signs: [&'a [Sign]; 2],
    /// True if both are from one source tree, by digest.
    pub same_source: bool,
    /// True if the builds could reach a network.
    pub open: bool,
    /// What an inquiry came to.
    pub answer: Option<&'a Answer>,
}

/// Returns the causes for which two modules differ, the most certain first; nothing if they are the
/// same.
pub fn causes(pair: &Differences, context: &Context<'_>) -> Vec<Named> {
    let mut found = Found::default();
    wrapping(pair, &mut found);
    let layer = pair.agreement.as_ref().map(|agreement| agreement.layer);
    if layer.is_none_or(|layer| layer > Layer::Unsigned) {
        inside(pair, context, &mut found);
    }
    let named = found.in_order(&context.lines);
    match context.answer {
        Some(answer) => blame(named, answer, &context.lines),
        None => named,
    }
}

/// Finds what differs around the module itself.
fn wrapping(pair: &Differences, found: &mut Found) {
    let (a, b) = (&pair.first, &pair.second);
    let is_packed_otherwise = pair.agreement.as_ref().is_some_and(|agreement| {
        let all = &agreement.normalisations;
        all.contains(&Normalisation::Compression)
    });
    if is_packed_otherwise || a.compression != b.compression {
        let shown = |view: &ModuleView| {
            let name = match view.compression {
                Some(compression) => format!("{compression:?}").to_lowercase(),
                None => "not compressed".to_owned(),
            };
            Some(format!("{name}, {} bytes", view.bytes))
        };
        let evidence = Evidence::values("file", shown(a), shown(b));
        found.add(Cause::Compression, Confidence::Certain, evidence);
    }
    if a.signature != b.signature {
        let evidence = Evidence::values(
            "signature",
            a.signature.as_ref().map(signature_shown),
            b.signature.as_ref().map(signature_shown),
        );
        let is_below = pair.agreement.as_ref().is_some_and(|agreement| {
            let all = &agreement.normalisations;
            all.contains(&Normalisation::Signature)
        });
        match (&a.signature, &b.signature) {
            (Some(one), Some(two)) => {
                let algorithm = |signature: &AppendedSignature| {
                    let signers = signature.signers.iter().flatten();
                    signers
                        .map(|signer| signer.signature_algorithm.clone())
                        .collect::<Vec<_>>()
                };
                // `ecdsa-with-SHA*` (RFC 3279, section 2.2.3; RFC 5758, section 3.2).
                let is_ecdsa = algorithm(one)
                    .iter()
                    .any(|id| id.starts_with("1.2.840.10045.4."));
                if one.signers != two.signers {
                    found.add(Cause::SignatureKey, Confidence::Certain, evidence);
                } else if is_ecdsa && is_below {
                    found.add(Cause::SignatureEcdsa, Confidence::Certain, evidence);
                } else if is_below {
                    found.add(Cause::SignatureKey, Confidence::Likely, evidence);
                }
                // Else other bytes were signed, and the signature follows.
            }
            (Some(_), None) | (None, Some(_)) | (None, None) => {
                found.add(Cause::SignaturePresence, Confidence::Certain, evidence);
            }
        }
    }
}

fn signature_shown(signature: &AppendedSignature) -> String {
    let signer = signature.signers.iter().flatten().next();
    match signer {
        Some(signer) => format!(
            "{} by {}{}",
            signature.digest.short(),
            signer.key,
            signer
                .issuer
                .as_ref()
                .map_or_else(String::new, |issuer| format!(" of {issuer}"))
        ),
        None => signature.digest.short().to_string(),
    }
}

/// Finds what differs in the module itself.
fn inside(pair: &Differences, context: &Context<'_>, found: &mut Found) {
    tools(pair, found);
    commands::options(pair, context, found);
    types(pair, found);
    let mut left: Vec<Difference> = Vec::new();
    for place in &pair.places {
        if let Some((cause, confidence)) = named_by_itself(pair, place, found) {
            found.add(cause, confidence, Evidence::of(place));
        } else if !matches!(place, Difference::Text { .. }) {
            left.push(place.clone());
        }
    }
    if let Some(evidence) = order::reordered(pair) {
        let cause = open::order_of(&context.lines);
        for evidence in evidence {
            found.add(cause, Confidence::Likely, evidence);
        }
    }
    left.extend(texts::name(pair, context, found));
    open::name(pair, context, left, found);
    if found.0.is_empty() {
        alone(pair, found);
    }
    commands::bear_out(context, found);
}

/// Finds tools that name themselves.
fn tools(pair: &Differences, found: &mut Found) {
    let (Some(one), Some(two)) = (&pair.first.facts, &pair.second.facts) else {
        return;
    };
    if one.compilers != two.compilers {
        let shown = |all: &[String]| (!all.is_empty()).then(|| all.join(", "));
        let evidence = Evidence::values(".comment", shown(&one.compilers), shown(&two.compilers));
        found.add(Cause::CompilerVersion, Confidence::Certain, evidence);
    }
    let words = |text: &Option<String>| -> Vec<String> {
        let words = text.as_deref().unwrap_or_default().split_whitespace();
        words.map(str::to_owned).collect()
    };
    let (a, b) = (words(&one.vermagic), words(&two.vermagic));
    if a == b {
        return;
    }
    let evidence = Evidence::values("vermagic", one.vermagic.clone(), two.vermagic.clone());
    if a.first() != b.first() {
        found.add(Cause::KernelDrift, Confidence::Certain, evidence);
        return;
    }
    // `MODULE_RANDSTRUCT` (Linux, `include/linux/vermagic.h`).
    let (seeds, others): (Vec<_>, Vec<_>) = a
        .iter()
        .filter(|word| !b.contains(word))
        .chain(b.iter().filter(|word| !a.contains(word)))
        .partition(|word| word.starts_with("RANDSTRUCT"));
    if seeds.len() == 2 {
        found.add(Cause::RandstructSeed, Confidence::Certain, evidence.clone());
    }
    if seeds.len() == 1 || !others.is_empty() {
        found.add(Cause::ConfigurationDrift, Confidence::Certain, evidence);
    }
}

/// Finds types that differ by themselves.
fn types(pair: &Differences, found: &mut Found) {
    let Some(section) = pair.sections.iter().find(|section| section.name == ".BTF") else {
        return;
    };
    let evidence = Evidence::values(
        ".BTF",
        pair.first.btf_types.map(|types| format!("{types} types")),
        pair.second.btf_types.map(|types| format!("{types} types")),
    );
    let (one, two) = (section.reference_bytes, section.rebuild_bytes);
    if one.is_none() || two.is_none() {
        found.add(Cause::BtfPresence, Confidence::Certain, evidence);
        return;
    }
    if section.normalised {
        found.add(Cause::BtfOrder, Confidence::Certain, evidence);
        return;
    }
    // Types of other code follow from it.
    let is_alone = pair
        .sections
        .iter()
        .all(|section| is_of_types(&section.name) || section.normalised);
    let is_as_many = one == two && pair.first.btf_types == pair.second.btf_types;
    let is_ordered = pair.first.btf_base.is_some() && pair.second.btf_base.is_some();
    match (is_alone, is_as_many && !is_ordered) {
        (true, true) => found.add(Cause::BtfOrder, Confidence::Likely, evidence),
        (true, false) => found.add(Cause::PaholeVersion, Confidence::Likely, evidence),
        (false, _) => {}
    }
}

fn is_of_types(section: &str) -> bool {
    section.starts_with(".BTF") || section == ".note.gnu.build-id" || is_table(section)
}

pub(super) fn is_table(section: &str) -> bool {
    matches!(
        section,
        ".symtab" | ".strtab" | ".shstrtab" | ".symtab_shndx"
    )
}

pub(super) fn is_debug(section: &str) -> bool {
    let rest = [".rela", ".rel"]
        .iter()
        .find_map(|before| section.strip_prefix(before));
    rest.unwrap_or(section).starts_with(".debug")
}

/// Returns the cause that a place names by what it is, whatever else differs.
fn named_by_itself(
    pair: &Differences,
    place: &Difference,
    found: &Found,
) -> Option<(Cause, Confidence)> {
    let is_drift =
        found.has(|cause| cause == Cause::KernelDrift || cause == Cause::ConfigurationDrift);
    match place {
        Difference::Header { field, .. } if !field.starts_with("bytes ") => {
            Some((Cause::OtherMachine, Confidence::Certain))
        }
        Difference::Section {
            name,
            first,
            second,
        } if first.is_none() || second.is_none() => {
            if is_debug(name) || is_table(name) {
                Some((Cause::Strip, Confidence::Certain))
            } else if name == ".BTF.base" && !found.has(|cause| cause == Cause::BtfPresence) {
                Some((Cause::PaholeVersion, Confidence::Likely))
            } else if name.starts_with("__version") && !is_drift {
                Some((Cause::ConfigurationDrift, Confidence::Likely))
            } else {
                None
            }
        }
        // Symbols that are only for debuggers are cut away with nothing else.
        Difference::Symbol {
            name,
            first,
            second,
        } if !name.starts_with('.') => {
            let only = match (first, second) {
                (Some(only), None) | (None, Some(only)) => only,
                (Some(_), Some(_)) | (None, None) => return None,
            };
            let is_code_same = !pair
                .sections
                .iter()
                .any(|section| section.name.starts_with(".text") && !section.normalised);
            let is_cut = is_code_same && only.contains("binding 0");
            (is_cut && !order::goes_with_section(pair, only))
                .then_some((Cause::Strip, Confidence::Likely))
        }
        Difference::Version { .. } if !is_drift => Some((Cause::SymversDrift, Confidence::Certain)),
        Difference::Modinfo { key, .. } if key == "depends" && !is_drift => {
            Some((Cause::SymversDrift, Confidence::Likely))
        }
        Difference::Modinfo { key, .. } if key == "retpoline" || key == "intree" => {
            Some((Cause::ConfigurationDrift, Confidence::Likely))
        }
        Difference::Header { .. }
        | Difference::Section { .. }
        | Difference::Bytes { .. }
        | Difference::Text { .. }
        | Difference::Relocation { .. }
        | Difference::Symbol { .. }
        | Difference::Modinfo { .. }
        | Difference::Version { .. } => None,
    }
}

/// Says what is left where only consequences differ.
fn alone(pair: &Differences, found: &mut Found) {
    let view = |view: &ModuleView| view.build_id.clone();
    let is_layout = pair.sections.is_empty() && pair.agreement.is_some();
    let only_id = pair.first.build_id != pair.second.build_id
        && pair
            .sections
            .iter()
            .all(|section| section.name == ".note.gnu.build-id" || is_table(&section.name));
    if only_id {
        let evidence =
            Evidence::values(".note.gnu.build-id", view(&pair.first), view(&pair.second));
        found.add(Cause::BuildIdAlone, Confidence::Certain, evidence);
    } else if is_layout {
        let bytes = |view: &ModuleView| Some(format!("{} bytes", view.bytes));
        let evidence = Evidence::values("file", bytes(&pair.first), bytes(&pair.second));
        found.add(Cause::Layout, Confidence::Likely, evidence);
    } else {
        let evidence = pair.places.iter().map(Evidence::of);
        let mut any = false;
        for evidence in evidence {
            any = true;
            found.add(Cause::Unexplained, Confidence::Certain, evidence);
        }
        if !any {
            let bytes = |view: &ModuleView| Some(format!("{} bytes", view.bytes));
            let evidence = Evidence::values("file", bytes(&pair.first), bytes(&pair.second));
            found.add(Cause::Unexplained, Confidence::Certain, evidence);
        }
    }
}

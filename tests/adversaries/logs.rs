//! Entries of transparency logs that are missing, forged, swapped, there twice, or vouched for by another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use kmatrix::digest::Sha256Digest;
use kmatrix::verify::{Trust, Why, authenticate};
use serde_json::{Value, json};

use crate::authority::bundles::{
    base64, keyed_logged, keyless_v1, keyless_v2, message, payload, signature, to_bytes, verifier,
};
use crate::authority::instance::{checkpoint, proof};
use crate::authority::keys::Key;
use crate::stage::{Answer, Row, Stage};

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

fn without(value: &mut Value, key: &str) {
    assert!(
        value
            .as_object_mut()
            .expect("an object")
            .remove(key)
            .is_some()
    );
}

/// Reads with a trust root in which something else holds.
fn with_root(s: &Stage, bundle: &Value, edit: impl FnOnce(&mut Value)) -> Answer {
    let mut root = s.instance.trusted_root();
    edit(&mut root);
    authenticate(&to_bytes(bundle), &Trust::root(&to_bytes(&root))?)
}

fn body_text(entry: &Value) -> String {
    String::from_utf8(base64(&entry["canonicalizedBody"])).expect("UTF-8")
}

/// Puts a forged checkpoint over a true proof.
fn recheckpoint(entry: &mut Value, log: &Key, signer: &Key) {
    let root = base64(&entry["inclusionProof"]["rootHash"]);
    let root = Sha256Digest::from_hex(&hex::encode(root)).expect("32 bytes");
    entry["inclusionProof"]["checkpoint"]["envelope"] = json!(checkpoint(2, root, log, signer));
}

pub const ROWS: &[Row] = &[
    ("no_log_entry_fail", Why::Log, |s| {
        s.v1(|b| b["verificationMaterial"]["tlogEntries"] = json!([]))
    }),
    ("log_entries_missing_fail", Why::Log, |s| {
        s.v2(|b| without(&mut b["verificationMaterial"], "tlogEntries"))
    }),
    ("log_entry_of_another_bundle_fail", Why::Log, |s| {
        let mut other = keyless_v1(&s.instance, &payload());
        s.v1(|b| *entry(b) = entry(&mut other).take())
    }),
    ("log_entry_v2_of_another_bundle_fail", Why::Log, |s| {
        let mut other = keyless_v2(&s.instance, &payload());
        s.v2(|b| *entry(b) = entry(&mut other).take())
    }),
    ("log_entry_of_another_key_fail", Why::Log, |s| {
        let mut other = keyed_logged(&s.instance, &s.stranger, &payload());
        s.logged(|b| *entry(b) = entry(&mut other).take())
    }),
    ("log_entry_of_another_payload_fail", Why::Log, |s| {
        s.logged(|b| {
            let signature = signature(b);
            *entry(b) = s.instance.entry_v1(b"{}", &signature, &s.key.pem());
        })
    }),
    ("log_entry_of_another_signature_fail", Why::Log, |s| {
        s.logged(|b| {
            let again = s.key.sign(&message(&payload()));
            *entry(b) = s.instance.entry_v1(&payload(), &again, &s.key.pem());
        })
    }),
    ("log_entry_twice_fail", Why::Log, |s| {
        s.v1(|b| {
            let one = entry(b).clone();
            b["verificationMaterial"]["tlogEntries"] = json!([one, one]);
        })
    }),
    ("log_entry_twice_at_two_places_fail", Why::Log, |s| {
        s.v1(|b| {
            let one = entry(b).clone();
            let mut two = one.clone();
            two["logIndex"] = json!("1001");
            b["verificationMaterial"]["tlogEntries"] = json!([one, two]);
        })
    }),
    ("second_log_entry_without_proof_fail", Why::Log, |s| {
        s.v1(|b| {
            let one = entry(b).clone();
            let mut two = one.clone();
            without(&mut two, "inclusionProof");
            b["verificationMaterial"]["tlogEntries"] = json!([one, two]);
        })
    }),
    ("log_entry_without_proof_fail", Why::Log, |s| {
        s.v1(|b| without(entry(b), "inclusionProof"))
    }),
    ("log_entry_without_checkpoint_fail", Why::Log, |s| {
        s.v1(|b| without(&mut entry(b)["inclusionProof"], "checkpoint"))
    }),
    ("log_entry_with_an_empty_checkpoint_fail", Why::Log, |s| {
        s.v1(|b| entry(b)["inclusionProof"]["checkpoint"]["envelope"] = json!(""))
    }),
    ("checkpoint_of_noise_fail", Why::Malformed, |s| {
        s.v1(|b| entry(b)["inclusionProof"]["checkpoint"]["envelope"] = json!("noise\n\nnoise"))
    }),
    ("checkpoint_with_a_second_part_fail", Why::Log, |s| {
        s.v1(|b| {
            let note = entry(b)["inclusionProof"]["checkpoint"]["envelope"]
                .as_str()
                .expect("text");
            let note = format!("{note}\nsomething else\n");
            entry(b)["inclusionProof"]["checkpoint"]["envelope"] = json!(note);
        })
    }),
    ("checkpoint_of_a_stranger_fail", Why::Log, |s| {
        s.v1(|b| recheckpoint(entry(b), &s.instance.log_v1, &s.stranger))
    }),
    ("checkpoint_of_a_strange_log_fail", Why::Log, |s| {
        s.v1(|b| recheckpoint(entry(b), &s.stranger, &s.stranger))
    }),
    ("checkpoint_of_another_trusted_log_fail", Why::Log, |s| {
        s.v1(|b| recheckpoint(entry(b), &s.instance.log_v2, &s.instance.log_v2))
    }),
    ("entry_v2_by_another_trusted_log_fail", Why::Log, |s| {
        s.v2(|b| {
            let signature = signature(b);
            let certificate = base64(&b["verificationMaterial"]["certificate"]["rawBytes"]);
            *entry(b) = s.instance.entry_v2_by(
                &s.instance.log_v1,
                &message(&payload()),
                &signature,
                verifier(&certificate),
            );
        })
    }),
    ("unknown_log_fail", Why::Log, |s| {
        s.v1(|b| entry(b)["logId"]["keyId"] = json!(STANDARD.encode([7; 32])))
    }),
    ("unknown_log_v2_fail", Why::Log, |s| {
        s.v2(|b| entry(b)["logId"]["keyId"] = json!(STANDARD.encode([7; 32])))
    }),
    ("log_id_too_short_fail", Why::Malformed, |s| {
        s.v1(|b| entry(b)["logId"]["keyId"] = json!(STANDARD.encode([7; 31])))
    }),
    ("promise_of_a_stranger_fail", Why::Log, |s| {
        s.v1(|b| {
            entry(b)["inclusionPromise"]["signedEntryTimestamp"] =
                json!(STANDARD.encode(s.stranger.sign(b"a promise")));
        })
    }),
    ("time_of_the_entry_changed_fail", Why::Log, |s| {
        s.v1(|b| {
            let earlier = s.instance.at - SignedDuration::from_secs(60);
            entry(b)["integratedTime"] = json!(earlier.as_second().to_string());
        })
    }),
    ("index_of_the_entry_changed_fail", Why::Log, |s| {
        s.v1(|b| entry(b)["logIndex"] = json!("1001"))
    }),
    ("index_of_the_entry_negative_fail", Why::Malformed, |s| {
        s.v1(|b| entry(b)["logIndex"] = json!("-1"))
    }),
    ("index_of_the_entry_with_zeros_fail", Why::Malformed, |s| {
        s.v1(|b| entry(b)["logIndex"] = json!("01000"))
    }),
    ("index_of_the_proof_changed_fail", Why::Log, |s| {
        s.v1(|b| entry(b)["inclusionProof"]["logIndex"] = json!("1"))
    }),
    ("index_of_the_proof_v2_changed_fail", Why::Log, |s| {
        s.v2(|b| entry(b)["inclusionProof"]["logIndex"] = json!("1"))
    }),
    ("index_outside_of_the_tree_fail", Why::Log, |s| {
        s.v1(|b| entry(b)["inclusionProof"]["logIndex"] = json!("2"))
    }),
    ("size_of_the_tree_changed_fail", Why::Log, |s| {
        s.v1(|b| entry(b)["inclusionProof"]["treeSize"] = json!("3"))
    }),
    ("size_of_the_tree_v2_changed_fail", Why::Log, |s| {
        s.v2(|b| entry(b)["inclusionProof"]["treeSize"] = json!("3"))
    }),
    ("root_of_the_tree_changed_fail", Why::Log, |s| {
        s.v1(|b| entry(b)["inclusionProof"]["rootHash"] = json!(STANDARD.encode([0; 32])))
    }),
    ("root_of_the_tree_v2_changed_fail", Why::Log, |s| {
        s.v2(|b| entry(b)["inclusionProof"]["rootHash"] = json!(STANDARD.encode([0; 32])))
    }),
    ("hash_of_the_proof_changed_fail", Why::Log, |s| {
        s.v1(|b| entry(b)["inclusionProof"]["hashes"][0] = json!(STANDARD.encode([0; 32])))
    }),
    ("hash_of_the_proof_missing_fail", Why::Log, |s| {
        s.v1(|b| entry(b)["inclusionProof"]["hashes"] = json!([]))
    }),
    ("hash_of_the_proof_too_many_fail", Why::Log, |s| {
        s.v2(|b| {
            let hash = entry(b)["inclusionProof"]["hashes"][0].clone();
            entry(b)["inclusionProof"]["hashes"] = json!([hash, hash]);
        })
    }),
    ("hash_of_the_proof_too_short_fail", Why::Malformed, |s| {
        s.v1(|b| entry(b)["inclusionProof"]["hashes"][0] = json!(STANDARD.encode([0; 31])))
    }),
    ("body_of_the_entry_changed_fail", Why::Log, |s| {
        s.v1(|b| {
            let body = body_text(entry(b)).replace("sha256", "sha512");
            entry(b)["canonicalizedBody"] = json!(STANDARD.encode(body));
        })
    }),
    ("body_of_another_kind_fail", Why::Log, |s| {
        s.v1(|b| {
            let body = body_text(entry(b)).replace("\"dsse\"", "\"rpm\"");
            *entry(b) = s.instance.entry_v1_of(body.as_bytes(), s.instance.at);
        })
    }),
    ("body_of_another_version_fail", Why::Log, |s| {
        s.v1(|b| {
            let body = body_text(entry(b)).replace("\"0.0.1\"", "\"0.0.9\"");
            *entry(b) = s.instance.entry_v1_of(body.as_bytes(), s.instance.at);
        })
    }),
    ("body_with_another_field_fail", Why::Malformed, |s| {
        s.v1(|b| {
            let body = body_text(entry(b)).replacen('{', "{\"note\":1,", 1);
            *entry(b) = s.instance.entry_v1_of(body.as_bytes(), s.instance.at);
        })
    }),
    ("body_with_two_signatures_fail", Why::Log, |s| {
        s.v1(|b| {
            let mut body: Value = serde_json::from_str(&body_text(entry(b))).expect("JSON");
            let one = body["spec"]["signatures"][0].clone();
            body["spec"]["signatures"] = json!([one, one]);
            *entry(b) = s.instance.entry_v1_of(&to_bytes(&body), s.instance.at);
        })
    }),
    ("proof_of_another_body_fail", Why::Log, |s| {
        s.v2(|b| {
            entry(b)["inclusionProof"] = proof(b"another body", &s.instance.log_v2, 0);
        })
    }),
    ("entry_v2_with_a_promise_fail", Why::Log, |s| {
        s.v2(|b| {
            entry(b)["inclusionPromise"] =
                json!({ "signedEntryTimestamp": STANDARD.encode(s.instance.log_v2.sign(b"x")) });
        })
    }),
    ("entry_v2_with_a_time_fail", Why::Log, |s| {
        s.v2(|b| entry(b)["integratedTime"] = json!("1748779200"))
    }),
    ("key_of_the_log_past_its_window_fail", Why::Log, |s| {
        let bundle = keyless_v1(&s.instance, &payload());
        with_root(s, &bundle, |root| {
            root["tlogs"][0]["publicKey"]["validFor"]["end"] =
                json!(s.instance.at - SignedDuration::from_secs(1));
        })
    }),
    ("key_of_the_log_v2_past_its_window_fail", Why::Log, |s| {
        let bundle = keyless_v2(&s.instance, &payload());
        with_root(s, &bundle, |root| {
            root["tlogs"][1]["publicKey"]["validFor"]["end"] =
                json!(s.instance.at - SignedDuration::from_secs(1));
        })
    }),
    ("key_of_the_log_v2_before_its_window_fail", Why::Log, |s| {
        let bundle = keyless_v2(&s.instance, &payload());
        with_root(s, &bundle, |root| {
            root["tlogs"][1]["publicKey"]["validFor"]["start"] =
                json!(s.instance.at + SignedDuration::from_secs(1));
        })
    }),
    ("keyed_entry_where_no_root_is_trusted_fail", Why::Log, |s| {
        let bundle = keyed_logged(&s.instance, &s.key, &payload());
        authenticate(&to_bytes(&bundle), &Trust::keys([s.key.pem()])?)
    }),
    ("keyed_entry_of_a_strange_log_fail", Why::Log, |s| {
        s.logged(|b| recheckpoint(entry(b), &s.stranger, &s.stranger))
    }),
    ("no_log_is_trusted_fail", Why::Log, |s| {
        let bundle = keyless_v2(&s.instance, &payload());
        with_root(s, &bundle, |root| root["tlogs"] = json!([]))
    }),
    ("entry_before_the_certificate_fail", Why::Certificate, |s| {
        s.v1(|b| {
            let body = base64(&entry(b)["canonicalizedBody"]);
            let early = s.instance.at - SignedDuration::from_hours(1);
            *entry(b) = s.instance.entry_v1_of(&body, early);
        })
    }),
    ("entry_in_the_future_fail", Why::Log, |s| {
        s.v1(|b| {
            let body = base64(&entry(b)["canonicalizedBody"]);
            let late = s.instance.at + SignedDuration::from_hours(24 * 3650);
            *entry(b) = s.instance.entry_v1_of(&body, late);
        })
    }),
];

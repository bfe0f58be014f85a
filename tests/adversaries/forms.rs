//! Documents of another kind or version, or with parts that exclude each other.

use kmatrix::verify::Why;
use serde_json::{Value, json};

use crate::authority::bundles::{keyless_v1, payload};
use crate::stage::{Answer, Row, Stage};

fn media_type(s: &Stage, media_type: &str) -> Answer {
    s.keyed(|b| b["mediaType"] = json!(media_type))
}

fn payload_type(s: &Stage, payload_type: &str) -> Answer {
    s.keyed(|b| b["dsseEnvelope"]["payloadType"] = json!(payload_type))
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

pub const ROWS: &[Row] = &[
    ("bundle_v01_fail", Why::UnknownType, |s| {
        media_type(s, "application/vnd.dev.sigstore.bundle+json;version=0.1")
    }),
    ("bundle_v02_fail", Why::UnknownType, |s| {
        media_type(s, "application/vnd.dev.sigstore.bundle+json;version=0.2")
    }),
    (
        "bundle_v03_in_its_old_spelling_fail",
        Why::UnknownType,
        |s| media_type(s, "application/vnd.dev.sigstore.bundle+json;version=0.3"),
    ),
    ("bundle_v04_fail", Why::UnknownType, |s| {
        media_type(s, "application/vnd.dev.sigstore.bundle.v0.4+json")
    }),
    ("media_type_in_capitals_fail", Why::UnknownType, |s| {
        media_type(s, "application/vnd.dev.Sigstore.bundle.v0.3+json")
    }),
    ("media_type_with_space_fail", Why::UnknownType, |s| {
        media_type(s, "application/vnd.dev.sigstore.bundle.v0.3+json ")
    }),
    ("no_media_type_fail", Why::Malformed, |s| {
        s.keyed(|b| without(b, "mediaType"))
    }),
    ("media_type_null_fail", Why::Malformed, |s| {
        s.keyed(|b| b["mediaType"] = Value::Null)
    }),
    ("payload_type_other_fail", Why::UnknownType, |s| {
        payload_type(s, "application/json")
    }),
    ("payload_type_in_capitals_fail", Why::UnknownType, |s| {
        payload_type(s, "application/vnd.in-toto+JSON")
    }),
    ("payload_type_with_parameter_fail", Why::UnknownType, |s| {
        payload_type(s, "application/vnd.in-toto+json; charset=utf-8")
    }),
    ("payload_type_of_envelope_fail", Why::UnknownType, |s| {
        s.envelope(|e| e["payloadType"] = json!("text/plain"))
    }),
    ("log_entry_of_unknown_kind_fail", Why::UnknownType, |s| {
        s.v1(|b| b["verificationMaterial"]["tlogEntries"][0]["kindVersion"]["kind"] = json!("rpm"))
    }),
    ("log_entry_of_unknown_version_fail", Why::UnknownType, |s| {
        s.v1(|b| {
            b["verificationMaterial"]["tlogEntries"][0]["kindVersion"]["version"] = json!("0.0.3");
        })
    }),
    ("both_contents_fail", Why::Content, |s| {
        s.keyed(|b| b["messageSignature"] = json!({ "signature": "AAAA" }))
    }),
    ("both_contents_one_null_fail", Why::Content, |s| {
        s.keyed(|b| b["messageSignature"] = Value::Null)
    }),
    ("no_content_fail", Why::Content, |s| {
        s.keyed(|b| without(b, "dsseEnvelope"))
    }),
    ("message_signature_fail", Why::Content, |s| {
        s.keyed(|b| {
            without(b, "dsseEnvelope");
            b["messageSignature"] = json!({ "signature": "AAAA" });
        })
    }),
    ("key_and_certificate_fail", Why::Content, |s| {
        let keyless = keyless_v1(&s.instance, &payload());
        s.keyed(|b| {
            b["verificationMaterial"]["certificate"] =
                keyless["verificationMaterial"]["certificate"].clone();
        })
    }),
    ("no_key_and_no_certificate_fail", Why::Content, |s| {
        s.keyed(|b| without(&mut b["verificationMaterial"], "publicKey"))
    }),
    ("certificate_chain_fail", Why::Content, |s| {
        s.v1(|b| {
            let certificate = b["verificationMaterial"]["certificate"].take();
            without(&mut b["verificationMaterial"], "certificate");
            b["verificationMaterial"]["x509CertificateChain"] =
                json!({ "certificates": [certificate] });
        })
    }),
    ("no_material_fail", Why::Malformed, |s| {
        s.keyed(|b| without(b, "verificationMaterial"))
    }),
    ("no_signature_fail", Why::SignatureCount, |s| {
        s.keyed(|b| b["dsseEnvelope"]["signatures"] = json!([]))
    }),
    ("signatures_missing_fail", Why::SignatureCount, |s| {
        s.keyed(|b| without(&mut b["dsseEnvelope"], "signatures"))
    }),
    ("same_signature_twice_fail", Why::SignatureCount, |s| {
        s.keyed(|b| {
            let signature = b["dsseEnvelope"]["signatures"][0].clone();
            b["dsseEnvelope"]["signatures"] = json!([signature, signature]);
        })
    }),
    (
        "second_signature_of_a_stranger_fail",
        Why::SignatureCount,
        |s| {
            s.keyed(|b| {
                let signature = b["dsseEnvelope"]["signatures"][0].clone();
                b["dsseEnvelope"]["signatures"] = json!([signature, { "sig": "AAAA" }]);
            })
        },
    ),
    (
        "envelope_without_signature_fail",
        Why::SignatureCount,
        |s| s.envelope(|e| e["signatures"] = json!([])),
    ),
    (
        "envelope_with_two_signatures_fail",
        Why::SignatureCount,
        |s| {
            s.envelope(|e| {
                let signature = e["signatures"][0].clone();
                e["signatures"] = json!([signature, signature]);
            })
        },
    ),
];

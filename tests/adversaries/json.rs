//! Bytes that are not one JSON document with one meaning.

use kmatrix::verify::Why;
use serde_json::json;

use crate::authority::bundles::{keyed, keyed_logged, keyless_v1, message, payload, to_bytes};
use crate::stage::Row;

pub const ROWS: &[Row] = &[
    ("nothing_fail", Why::Malformed, |s| s.read(b"")),
    ("no_json_fail", Why::Malformed, |s| s.read(b"-----BEGIN")),
    ("list_fail", Why::Malformed, |s| s.read(b"[]")),
    ("no_fields_fail", Why::Malformed, |s| s.read(b"{}")),
    ("byte_order_mark_fail", Why::Malformed, |s| {
        let bundle = to_bytes(&keyed(&s.key, &payload()));
        s.read(&[b"\xef\xbb\xbf", &bundle[..]].concat())
    }),
    ("utf_16_fail", Why::Malformed, |s| {
        let text = keyed(&s.key, &payload()).to_string();
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        s.read(&utf16)
    }),
    ("second_document_fail", Why::Malformed, |s| {
        let bundle = to_bytes(&keyed(&s.key, &payload()));
        s.read(&[&bundle[..], b"\n", &bundle].concat())
    }),
    ("trailing_nul_fail", Why::Malformed, |s| {
        let bundle = to_bytes(&keyed(&s.key, &payload()));
        s.read(&[&bundle[..], b"\0"].concat())
    }),
    ("cut_short_fail", Why::Malformed, |s| {
        let bundle = to_bytes(&keyed(&s.key, &payload()));
        s.read(&bundle[..bundle.len() - 1])
    }),
    ("too_large_fail", Why::Limit, |s| {
        let mut bundle = to_bytes(&keyed(&s.key, &payload()));
        bundle.resize(32 << 20, b' ');
        s.read(&bundle)
    }),
    ("million_brackets_fail", Why::Limit, |s| {
        s.read(&vec![b'['; 1 << 20])
    }),
    ("million_objects_fail", Why::Limit, |s| {
        s.read("{\"a\":".repeat(1 << 18).as_bytes())
    }),
    ("million_values_fail", Why::Limit, |s| {
        s.read(format!("{{\"a\":[{}0]}}", "0,".repeat(1 << 20)).as_bytes())
    }),
    ("too_many_log_entries_fail", Why::Limit, |s| {
        s.logged(|b| {
            let entry = b["verificationMaterial"]["tlogEntries"][0].clone();
            b["verificationMaterial"]["tlogEntries"] = json!(vec![entry; 65]);
        })
    }),
    ("too_many_signatures_fail", Why::Limit, |s| {
        s.keyed(|b| {
            let signature = b["dsseEnvelope"]["signatures"][0].clone();
            b["dsseEnvelope"]["signatures"] = json!(vec![signature; 65]);
        })
    }),
    ("signature_too_large_fail", Why::Limit, |s| {
        s.keyed(|b| b["dsseEnvelope"]["signatures"][0]["sig"] = json!("A".repeat(1 << 20)))
    }),
    ("certificate_too_large_fail", Why::Limit, |s| {
        s.v1(|b| {
            b["verificationMaterial"]["certificate"]["rawBytes"] = json!("A".repeat(1 << 20));
        })
    }),
    ("timestamp_too_large_fail", Why::Limit, |s| {
        s.stamped(|b| {
            b["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0] =
                json!({ "signedTimestamp": "A".repeat(1 << 20) });
        })
    }),
    ("checkpoint_too_large_fail", Why::Limit, |s| {
        s.v2(|b| {
            b["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"] =
                json!({ "envelope": "\n".repeat(1 << 20) });
        })
    }),
    ("hint_too_long_fail", Why::Limit, |s| {
        s.keyed(|b| b["verificationMaterial"]["publicKey"]["hint"] = json!("A".repeat(1 << 20)))
    }),
    ("log_body_too_large_fail", Why::Limit, |s| {
        let body = format!("{{\"kind\":\"{}\"}}", "x".repeat(2 << 20));
        let entry = s.instance.entry_v1_of(body.as_bytes(), s.instance.at);
        s.logged(|b| b["verificationMaterial"]["tlogEntries"] = json!([entry]))
    }),
    ("key_twice_in_bundle_fail", Why::DuplicateKey, |s| {
        s.keyed_text("\"mediaType\":", "\"mediaType\":\"x\",\"mediaType\":")
    }),
    ("key_twice_in_envelope_fail", Why::DuplicateKey, |s| {
        s.keyed_text("\"payload\":", "\"payload\":\"e30=\",\"payload\":")
    }),
    ("key_twice_in_signature_fail", Why::DuplicateKey, |s| {
        s.keyed_text("\"sig\":", "\"sig\":\"AAAA\",\"sig\":")
    }),
    ("key_twice_in_material_fail", Why::DuplicateKey, |s| {
        s.keyed_text(
            "\"publicKey\":",
            "\"publicKey\":{\"hint\":\"\"},\"publicKey\":",
        )
    }),
    ("key_twice_in_log_entry_fail", Why::DuplicateKey, |s| {
        let bundle = keyed_logged(&s.instance, &s.key, &payload());
        s.text(
            &bundle,
            "\"integratedTime\":",
            "\"integratedTime\":\"1\",\"integratedTime\":",
        )
    }),
    ("key_twice_in_proof_fail", Why::DuplicateKey, |s| {
        let bundle = keyless_v1(&s.instance, &payload());
        s.text(&bundle, "\"treeSize\":", "\"treeSize\":\"9\",\"treeSize\":")
    }),
    ("key_twice_in_log_body_fail", Why::DuplicateKey, |s| {
        let body = br#"{"apiVersion":"0.0.1","kind":"dsse","kind":"dsse","spec":{}}"#;
        let entry = s.instance.entry_v1_of(body, s.instance.at);
        s.logged(|b| b["verificationMaterial"]["tlogEntries"] = json!([entry]))
    }),
    ("key_twice_escaped_fail", Why::DuplicateKey, |s| {
        s.keyed_text("\"payload\":", "\"pay\\u006coad\":\"e30=\",\"payload\":")
    }),
    ("key_in_two_cases_in_bundle_fail", Why::DuplicateKey, |s| {
        s.keyed_text("\"mediaType\":", "\"MediaType\":\"x\",\"mediaType\":")
    }),
    (
        "key_in_two_cases_in_envelope_fail",
        Why::DuplicateKey,
        |s| s.keyed_text("\"payload\":", "\"PAYLOAD\":\"e30=\",\"payload\":"),
    ),
    ("key_with_long_s_fail", Why::DuplicateKey, |s| {
        s.keyed_text("\"sig\":", "\"\u{17f}ig\":\"AAAA\",\"sig\":")
    }),
    ("key_with_kelvin_sign_fail", Why::DuplicateKey, |s| {
        let bundle = keyless_v1(&s.instance, &payload());
        s.text(&bundle, "\"kind\":", "\"\u{212a}ind\":\"x\",\"kind\":")
    }),
    ("key_in_another_case_fail", Why::Malformed, |s| {
        s.keyed_text("\"payloadType\":", "\"payloadtype\":")
    }),
    ("envelope_key_in_another_case_fail", Why::Malformed, |s| {
        s.envelope(|e| e["Extra"] = json!(1)).and_then(|_| {
            s.envelope(|e| {
                let signatures = e["signatures"].take();
                e.as_object_mut().expect("an object").remove("signatures");
                e["Signatures"] = signatures;
            })
        })
    }),
    ("unknown_field_in_bundle_fail", Why::Malformed, |s| {
        s.keyed(|b| b["comment"] = json!("trust me"))
    }),
    ("unknown_field_in_material_fail", Why::Malformed, |s| {
        s.keyed(|b| b["verificationMaterial"]["trust"] = json!(true))
    }),
    ("unknown_field_in_signature_fail", Why::Malformed, |s| {
        s.keyed(|b| b["dsseEnvelope"]["signatures"][0]["cert"] = json!("x"))
    }),
    ("unknown_field_in_log_entry_fail", Why::Malformed, |s| {
        s.logged(|b| b["verificationMaterial"]["tlogEntries"][0]["note"] = json!("x"))
    }),
    ("base64_without_padding_fail", Why::Malformed, |s| {
        let mut payload = payload();
        while payload.len().is_multiple_of(3) {
            payload.push(b'\n');
        }
        let mut bundle = keyed(&s.key, &payload);
        let text = bundle["dsseEnvelope"]["payload"].as_str().expect("text");
        bundle["dsseEnvelope"]["payload"] = json!(text.trim_end_matches('='));
        s.read(&to_bytes(&bundle))
    }),
    ("base64_with_white_space_fail", Why::Malformed, |s| {
        s.keyed(|b| {
            let text = b["dsseEnvelope"]["payload"].as_str().expect("text");
            b["dsseEnvelope"]["payload"] = json!(format!("{text}\n"));
        })
    }),
    ("base64_for_urls_fail", Why::Malformed, |s| {
        s.keyed(|b| b["dsseEnvelope"]["signatures"][0]["sig"] = json!("__-_"))
    }),
    ("base64_with_idle_bits_fail", Why::Malformed, |s| {
        let mut payload = payload();
        while payload.len() % 3 != 1 {
            payload.push(b'\n');
        }
        assert!(s.signed(&payload).is_ok());
        let mut bundle = keyed(&s.key, &payload);
        let text = bundle["dsseEnvelope"]["payload"].as_str().expect("text");
        let idle = text.replacen("g==", "h==", 1).replacen("Q==", "R==", 1);
        assert_ne!(text, idle);
        bundle["dsseEnvelope"]["payload"] = json!(idle);
        s.read(&to_bytes(&bundle))
    }),
    ("payload_no_string_fail", Why::Malformed, |s| {
        s.keyed(|b| b["dsseEnvelope"]["payload"] = json!([message(b"x")]))
    }),
];

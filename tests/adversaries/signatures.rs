//! Signatures that are not over this, not by whom they should be, or by nobody who is trusted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kmatrix::verify::{Trust, Why, authenticate};
use serde_json::json;

use crate::authority::bundles::{
    base64, envelope, keyed, keyless_v1, message, payload, signature, statement, to_bytes,
};
use crate::authority::keys::{EdKey, Key};
use crate::stage::{Answer, Row, Stage};

/// The vendor's bundle with another signature of the vendor's key.
fn signature_over(s: &Stage, message: &[u8]) -> Answer {
    with_signature(s, &s.key.sign(message))
}

fn with_signature(s: &Stage, signature: &[u8]) -> Answer {
    s.keyed(|b| b["dsseEnvelope"]["signatures"][0]["sig"] = json!(STANDARD.encode(signature)))
}

/// Another statement than the one that was signed.
fn other_payload() -> String {
    let mut statement = statement();
    statement["subject"][0]["name"] = json!("rootkit.ko");
    STANDARD.encode(to_bytes(&statement))
}

pub const ROWS: &[Row] = &[
    ("payload_of_bundle_changed_fail", Why::Signature, |s| {
        s.keyed(|b| b["dsseEnvelope"]["payload"] = json!(other_payload()))
    }),
    ("payload_of_envelope_changed_fail", Why::Signature, |s| {
        s.envelope(|e| e["payload"] = json!(other_payload()))
    }),
    (
        "payload_of_keyless_bundle_changed_fail",
        Why::Signature,
        |s| s.v1(|b| b["dsseEnvelope"]["payload"] = json!(other_payload())),
    ),
    ("payload_with_another_space_fail", Why::Signature, |s| {
        s.keyed(|b| {
            let mut payload = payload();
            payload.push(b' ');
            b["dsseEnvelope"]["payload"] = json!(STANDARD.encode(payload));
        })
    }),
    ("signature_with_a_flipped_bit_fail", Why::Signature, |s| {
        let mut signature = s.key.sign(&message(&payload()));
        *signature.last_mut().expect("bytes") ^= 1;
        with_signature(s, &signature)
    }),
    ("signature_with_a_byte_more_fail", Why::Signature, |s| {
        let mut signature = s.key.sign(&message(&payload()));
        signature.push(0);
        with_signature(s, &signature)
    }),
    ("signature_of_zeros_fail", Why::Signature, |s| {
        with_signature(s, &[0x30, 6, 2, 1, 0, 2, 1, 0])
    }),
    ("empty_signature_fail", Why::Signature, |s| {
        with_signature(s, &[])
    }),
    ("signature_over_bare_payload_fail", Why::Signature, |s| {
        signature_over(s, &payload())
    }),
    ("signature_over_base64_fail", Why::Signature, |s| {
        signature_over(s, &message(STANDARD.encode(payload()).as_bytes()))
    }),
    ("signature_over_another_type_fail", Why::Signature, |s| {
        let payload = payload();
        let head = format!("DSSEv1 10 text/plain {} ", payload.len());
        signature_over(s, &[head.as_bytes(), &payload].concat())
    }),
    ("signature_over_another_length_fail", Why::Signature, |s| {
        let mut message = message(&payload());
        message.push(b' ');
        signature_over(s, &message)
    }),
    ("signature_of_another_statement_fail", Why::Signature, |s| {
        signature_over(s, &message(b"{}"))
    }),
    (
        "keyless_signature_of_the_vendor_fail",
        Why::Signature,
        |s| {
            s.v1(|b| {
                let signature = s.key.sign(&message(&payload()));
                b["dsseEnvelope"]["signatures"][0]["sig"] = json!(STANDARD.encode(signature));
            })
        },
    ),
    (
        "keyless_certificate_of_somebody_else_fail",
        Why::Signature,
        |s| {
            let other = keyless_v1(&s.instance, &payload());
            s.v1(|b| {
                b["verificationMaterial"]["certificate"] =
                    other["verificationMaterial"]["certificate"].clone();
            })
        },
    ),
    (
        "strangers_signature_under_the_vendors_hint_fail",
        Why::Signature,
        |s| with_signature(s, &s.stranger.sign(&message(&payload()))),
    ),
    (
        "strangers_envelope_under_the_vendors_key_id_fail",
        Why::Signature,
        |s| {
            let mut forged = envelope(&s.stranger, &payload());
            forged["signatures"][0]["keyid"] = json!(s.key.digest().to_hex());
            s.read(&to_bytes(&forged))
        },
    ),
    ("strangers_bundle_fail", Why::UntrustedSigner, |s| {
        s.read(&to_bytes(&keyed(&s.stranger, &payload())))
    }),
    ("strangers_envelope_fail", Why::UntrustedSigner, |s| {
        s.read(&to_bytes(&envelope(&s.stranger, &payload())))
    }),
    (
        "strangers_bundle_without_hint_fail",
        Why::UntrustedSigner,
        |s| {
            let mut forged = keyed(&s.stranger, &payload());
            forged["verificationMaterial"]["publicKey"] = json!({});
            s.read(&to_bytes(&forged))
        },
    ),
    (
        "changed_payload_without_hint_fail",
        Why::UntrustedSigner,
        |s| {
            s.keyed(|b| {
                b["verificationMaterial"]["publicKey"] = json!({});
                b["dsseEnvelope"]["payload"] = json!(other_payload());
            })
        },
    ),
    ("key_of_another_kind_fail", Why::UntrustedSigner, |s| {
        let trust = Trust::keys([EdKey::generate().pem()])?;
        authenticate(&to_bytes(&keyed(&s.key, &payload())), &trust)
    }),
    ("nobody_is_trusted_fail", Why::UntrustedSigner, |s| {
        authenticate(&to_bytes(&keyed(&s.key, &payload())), &Trust::default())
    }),
    (
        "key_where_only_a_root_is_trusted_fail",
        Why::UntrustedSigner,
        |s| {
            let trust = Trust::root(&to_bytes(&s.instance.trusted_root()))?;
            authenticate(&to_bytes(&keyed(&s.key, &payload())), &trust)
        },
    ),
    (
        "certificate_where_only_a_key_is_trusted_fail",
        Why::UntrustedSigner,
        |s| {
            let trust = Trust::keys([s.key.pem()])?;
            authenticate(&to_bytes(&keyless_v1(&s.instance, &payload())), &trust)
        },
    ),
    ("signature_as_two_bare_numbers_fail", Why::Signature, |s| {
        // IEEE P1363's form, which some signers write; DSSE has the one in DER.
        let bundle = keyed(&s.key, &payload());
        let der = signature(&bundle);
        let (first, rest) = (der[3] as usize, &der[4..]);
        let number = |bytes: &[u8]| {
            let mut number = vec![0; 32_usize.saturating_sub(bytes.len())];
            number.extend(&bytes[bytes.len().saturating_sub(32)..]);
            number
        };
        let bare = [number(&rest[..first]), number(&rest[first + 2..])].concat();
        assert_eq!(bare.len(), 64);
        with_signature(s, &bare)
    }),
    ("same_key_in_another_bundle_fail", Why::Signature, |s| {
        let other = keyed(&s.key, b"{\"_type\":\"https://in-toto.io/Statement/v1\"}");
        s.keyed(|b| {
            b["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"].clone();
            assert!(!base64(&b["dsseEnvelope"]["payload"]).is_empty());
        })
    }),
    ("key_of_another_instance_fail", Why::UntrustedSigner, |s| {
        let trust = Trust::keys([Key::generate().pem(), Key::generate().pem()])?;
        authenticate(&to_bytes(&envelope(&s.key, &payload())), &trust)
    }),
];

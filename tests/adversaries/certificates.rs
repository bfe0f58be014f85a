//! Certificates that name nobody, two at once, or whom no authority vouched for at that time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use kmatrix::verify::Why;
use serde_json::json;

use crate::authority::bundles::{keyless_v1, keyless_v1_with, payload, to_bytes};
use crate::authority::certificates::{ADDRESS, Certificate, DNS, TIME_STAMPING, URI};
use crate::authority::instance::{IDENTITY, ISSUER, Instance};
use crate::authority::keys::Key;
use crate::stage::Row;

pub const ROWS: &[Row] = &[
    (
        "certificate_of_another_authority_fail",
        Why::Certificate,
        |s| {
            let key = Key::generate();
            let certificate = Instance::new().certificate(&key);
            let bundle = keyless_v1_with(&s.instance, &key, &certificate, &payload());
            s.read(&to_bytes(&bundle))
        },
    ),
    ("certificate_signed_by_itself_fail", Why::Certificate, |s| {
        let key = Key::generate();
        let certificate = Certificate::signer(IDENTITY, ISSUER, s.instance.at).issue(
            &key,
            "test signing authority",
            &key,
        );
        let bundle = keyless_v1_with(&s.instance, &key, &certificate, &payload());
        s.read(&to_bytes(&bundle))
    }),
    ("certificate_had_run_out_fail", Why::Certificate, |s| {
        s.certified(|c| c.not_after = s.instance.at - SignedDuration::from_secs(1))
    }),
    ("certificate_not_valid_yet_fail", Why::Certificate, |s| {
        s.certified(|c| c.not_before = s.instance.at + SignedDuration::from_secs(1))
    }),
    ("certificate_for_another_use_fail", Why::Certificate, |s| {
        s.certified(|c| c.usage = Some(TIME_STAMPING))
    }),
    ("certificate_for_no_use_fail", Why::Certificate, |s| {
        s.certified(|c| c.usage = None)
    }),
    ("certificate_of_an_authority_fail", Why::Certificate, |s| {
        s.certified(|c| c.is_authority = true)
    }),
    (
        "certificate_not_for_signatures_fail",
        Why::Certificate,
        |s| s.certified(|c| c.digital_signature = false),
    ),
    ("certificate_without_identity_fail", Why::Certificate, |s| {
        s.certified(|c| c.names.clear())
    }),
    (
        "certificate_with_two_identities_fail",
        Why::Certificate,
        |s| {
            s.certified(|c| {
                c.names
                    .push((ADDRESS, "somebody@vendor.example".to_owned()))
            })
        },
    ),
    (
        "certificate_with_its_identity_twice_fail",
        Why::Certificate,
        |s| s.certified(|c| c.names.push((URI, IDENTITY.to_owned()))),
    ),
    ("certificate_of_a_host_fail", Why::Certificate, |s| {
        s.certified(|c| c.names = vec![(DNS, "vendor.example".to_owned())])
    }),
    (
        "certificate_with_a_line_break_fail",
        Why::Certificate,
        |s| s.certified(|c| c.names = vec![(URI, format!("{IDENTITY}\nx"))]),
    ),
    (
        "certificate_with_an_empty_identity_fail",
        Why::Certificate,
        |s| s.certified(|c| c.names = vec![(URI, String::new())]),
    ),
    ("certificate_without_issuer_fail", Why::Certificate, |s| {
        s.certified(|c| c.fulcio.clear())
    }),
    ("certificate_with_two_issuers_fail", Why::Certificate, |s| {
        s.certified(|c| c.fulcio[0].1 = b"https://token.other.example".to_vec())
    }),
    (
        "certificate_with_its_issuer_twice_fail",
        Why::Certificate,
        |s| {
            s.certified(|c| {
                let other = c.fulcio[1].clone();
                c.fulcio.push((8, [&[12, 1], &b"x"[..]].concat()));
                assert_eq!(other.0, 8);
            })
        },
    ),
    (
        "certificate_with_a_broken_issuer_fail",
        Why::Certificate,
        |s| s.certified(|c| c.fulcio[1].1 = vec![12, 40, b'x']),
    ),
    ("certificate_of_noise_fail", Why::Certificate, |s| {
        s.v1(|b| {
            b["verificationMaterial"]["certificate"]["rawBytes"] =
                json!(STANDARD.encode([0x30, 3, 1, 1, 0]));
        })
    }),
    (
        "certificate_with_something_behind_fail",
        Why::Certificate,
        |s| {
            let bundle = keyless_v1(&s.instance, &payload());
            let text = bundle["verificationMaterial"]["certificate"]["rawBytes"]
                .as_str()
                .expect("text")
                .to_owned();
            let mut der = STANDARD.decode(text).expect("base64");
            der.push(0);
            s.v1(|b| {
                b["verificationMaterial"]["certificate"]["rawBytes"] = json!(STANDARD.encode(der));
            })
        },
    ),
];

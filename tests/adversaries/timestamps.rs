//! Timestamps that are missing, swapped, forged, or of a time at which they mean nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use kmatrix::verify::{Trust, Why, authenticate};
use serde_json::{Value, json};

use crate::authority::bundles::{keyed_stamped, keyless_v2, payload, signature, stamped, to_bytes};
use crate::stage::{Answer, Row, Stage};

fn stamps(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["timestampVerificationData"]
}

fn restamped(s: &Stage, offset: SignedDuration) -> Answer {
    s.v2(|b| {
        let signature = signature(b);
        *stamps(b) = stamped(&s.instance.timestamp(&signature, s.instance.at + offset));
    })
}

/// Reads a bundle of the vendor's key with a trust root in which something else holds.
fn with_root(s: &Stage, edit: impl FnOnce(&mut Value)) -> Answer {
    let mut root = s.instance.trusted_root();
    edit(&mut root);
    let trust = Trust::keys([s.key.pem()])?.with_root(&to_bytes(&root))?;
    let bundle = keyed_stamped(&s.instance, &s.key, &payload());
    authenticate(&to_bytes(&bundle), &trust)
}

pub const ROWS: &[Row] = &[
    ("keyless_v2_without_timestamp_fail", Why::Timestamp, |s| {
        s.v2(|b| *stamps(b) = json!({ "rfc3161Timestamps": [] }))
    }),
    ("keyless_v1_without_any_time_fail", Why::Timestamp, |s| {
        s.v1(|b| {
            let entry = &mut b["verificationMaterial"]["tlogEntries"][0];
            entry
                .as_object_mut()
                .expect("an object")
                .remove("inclusionPromise");
        })
    }),
    ("timestamp_of_another_signature_fail", Why::Timestamp, |s| {
        let mut other = keyless_v2(&s.instance, &payload());
        s.v2(|b| *stamps(b) = stamps(&mut other).take())
    }),
    (
        "keyed_timestamp_of_another_signature_fail",
        Why::Timestamp,
        |s| {
            let mut other = keyed_stamped(&s.instance, &s.key, &payload());
            s.stamped(|b| *stamps(b) = stamps(&mut other).take())
        },
    ),
    ("timestamp_of_a_stranger_fail", Why::Timestamp, |s| {
        s.v2(|b| {
            let signature = signature(b);
            let stamp = s
                .instance
                .timestamp_by(&s.stranger, &signature, s.instance.at);
            *stamps(b) = stamped(&stamp);
        })
    }),
    ("keyed_timestamp_of_a_stranger_fail", Why::Timestamp, |s| {
        s.stamped(|b| {
            let signature = signature(b);
            let stamp = s
                .instance
                .timestamp_by(&s.stranger, &signature, s.instance.at);
            *stamps(b) = stamped(&stamp);
        })
    }),
    ("second_timestamp_of_a_stranger_fail", Why::Timestamp, |s| {
        s.v2(|b| {
            let signature = signature(b);
            let stamp = s
                .instance
                .timestamp_by(&s.stranger, &signature, s.instance.at);
            let one = stamps(b)["rfc3161Timestamps"][0].clone();
            *stamps(b) = json!({ "rfc3161Timestamps":
                [one, { "signedTimestamp": STANDARD.encode(stamp) }] });
        })
    }),
    ("timestamp_twice_fail", Why::Timestamp, |s| {
        s.v2(|b| {
            let one = stamps(b)["rfc3161Timestamps"][0].clone();
            *stamps(b) = json!({ "rfc3161Timestamps": [one, one] });
        })
    }),
    ("timestamp_of_noise_fail", Why::Timestamp, |s| {
        s.v2(|b| *stamps(b) = stamped(b"noise"))
    }),
    ("timestamp_that_was_not_granted_fail", Why::Timestamp, |s| {
        s.v2(|b| {
            let signature = signature(b);
            let mut stamp = s.instance.timestamp(&signature, s.instance.at);
            let granted = [0x30, 3, 2, 1, 0];
            let at = stamp
                .windows(granted.len())
                .position(|window| window == granted)
                .expect("a status");
            stamp[at + 4] = 2;
            *stamps(b) = stamped(&stamp);
        })
    }),
    (
        "timestamp_before_the_certificate_fail",
        Why::Certificate,
        |s| restamped(s, SignedDuration::from_mins(-6)),
    ),
    (
        "timestamp_after_the_certificate_fail",
        Why::Certificate,
        |s| restamped(s, SignedDuration::from_mins(6)),
    ),
    (
        "timestamp_before_its_authoritys_window_fail",
        Why::Timestamp,
        |s| restamped(s, SignedDuration::from_hours(-48)),
    ),
    (
        "timestamp_after_its_authoritys_window_fail",
        Why::Timestamp,
        |s| {
            with_root(s, |root| {
                root["timestampAuthorities"][0]["validFor"]["end"] =
                    json!(s.instance.at - SignedDuration::from_secs(1));
            })
        },
    ),
    (
        "timestamp_before_its_certificate_fail",
        Why::Timestamp,
        |s| {
            let mut root = s.instance.trusted_root();
            root["timestampAuthorities"][0]["validFor"] = Value::Null;
            let trust = Trust::keys([s.key.pem()])?.with_root(&to_bytes(&root))?;
            let mut bundle = keyed_stamped(&s.instance, &s.key, &payload());
            let early = s.instance.at - SignedDuration::from_hours(24 * 3650);
            let signature = signature(&bundle);
            *stamps(&mut bundle) = stamped(&s.instance.timestamp(&signature, early));
            authenticate(&to_bytes(&bundle), &trust)
        },
    ),
    (
        "timestamp_where_no_root_is_trusted_fail",
        Why::Timestamp,
        |s| {
            let bundle = keyed_stamped(&s.instance, &s.key, &payload());
            authenticate(&to_bytes(&bundle), &Trust::keys([s.key.pem()])?)
        },
    ),
    (
        "timestamp_of_an_authority_that_is_not_trusted_fail",
        Why::Timestamp,
        |s| with_root(s, |root| root["timestampAuthorities"] = json!([])),
    ),
    ("unknown_field_in_timestamps_fail", Why::Malformed, |s| {
        s.v2(|b| stamps(b)["more"] = json!([]))
    }),
];

//! Trust that cannot be used. Roots that are expired, rolled back or foreign in a repository of roots are in
//! `tests/trust_root.rs`.

use kmatrix::digest::Sha256Digest;
use kmatrix::verify::{Trust, Why, authenticate};
use serde_json::{Value, json};

use crate::authority::bundles::{keyless_v1, payload, to_bytes};
use crate::authority::instance::Instance;
use crate::stage::{Answer, Row, Stage};

/// Reads a keyless bundle with these bytes as the trust root.
fn rooted(s: &Stage, root: &[u8]) -> Answer {
    let trust = Trust::root(root)?;
    authenticate(&to_bytes(&keyless_v1(&s.instance, &payload())), &trust)
}

fn edited(s: &Stage, edit: impl FnOnce(&mut Value)) -> Answer {
    let mut root = s.instance.trusted_root();
    edit(&mut root);
    rooted(s, &to_bytes(&root))
}

fn pem(s: &Stage, pem: &str) -> Answer {
    let trust = Trust::keys([pem])?;
    authenticate(&to_bytes(&keyless_v1(&s.instance, &payload())), &trust)
}

pub const ROWS: &[Row] = &[
    ("root_of_another_instance_fail", Why::Log, |s| {
        rooted(s, &to_bytes(&Instance::new().trusted_root()))
    }),
    (
        "root_with_another_digest_than_pinned_fail",
        Why::TrustRoot,
        |s| {
            let root = to_bytes(&s.instance.trusted_root());
            let trust = Trust::pinned_root(&root, Sha256Digest::of(b"another"))?;
            authenticate(&to_bytes(&keyless_v1(&s.instance, &payload())), &trust)
        },
    ),
    ("root_of_noise_fail", Why::TrustRoot, |s| {
        rooted(s, b"noise")
    }),
    ("root_without_authorities_fail", Why::TrustRoot, |s| {
        rooted(
            s,
            br#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#,
        )
    }),
    ("root_of_another_media_type_fail", Why::TrustRoot, |s| {
        edited(s, |root| root["mediaType"] = json!("application/json"))
    }),
    ("root_with_a_key_twice_fail", Why::TrustRoot, |s| {
        let root = s.instance.trusted_root().to_string();
        rooted(
            s,
            root.replacen("\"tlogs\":", "\"tlogs\":[],\"tlogs\":", 1)
                .as_bytes(),
        )
    }),
    ("root_too_large_fail", Why::TrustRoot, |s| {
        let mut root = to_bytes(&s.instance.trusted_root());
        root.resize(5 << 20, b' ');
        rooted(s, &root)
    }),
    ("root_with_a_log_twice_fail", Why::TrustRoot, |s| {
        edited(s, |root| {
            let log = root["tlogs"][0].clone();
            root["tlogs"] = json!([log, log]);
        })
    }),
    (
        "root_with_a_window_that_ends_first_fail",
        Why::TrustRoot,
        |s| {
            edited(s, |root| {
                root["tlogs"][0]["publicKey"]["validFor"]["end"] = json!("1999-01-01T00:00:00Z");
            })
        },
    ),
    ("root_with_a_broken_certificate_fail", Why::TrustRoot, |s| {
        edited(s, |root| {
            root["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"] =
                json!("AAAA");
        })
    }),
    ("root_with_a_broken_key_fail", Why::TrustRoot, |s| {
        edited(s, |root| {
            root["tlogs"][0]["publicKey"]["rawBytes"] = json!("AAAA")
        })
    }),
    ("authority_past_its_window_fail", Why::Certificate, |s| {
        edited(s, |root| {
            root["certificateAuthorities"][0]["validFor"] = json!({
                "start": "2020-01-01T00:00:00Z",
                "end": "2021-01-01T00:00:00Z",
            });
        })
    }),
    (
        "no_authority_for_certificates_fail",
        Why::Certificate,
        |s| edited(s, |root| root["certificateAuthorities"] = json!([])),
    ),
    (
        "certificate_log_that_knows_nothing_fail",
        Why::Certificate,
        |s| {
            // A root with logs of certificates asks for a promise of one of them.
            edited(s, |root| root["ctlogs"] = json!([root["tlogs"][0].clone()]))
        },
    ),
    ("key_of_noise_fail", Why::TrustRoot, |s| pem(s, "noise")),
    ("key_with_noise_inside_fail", Why::TrustRoot, |s| {
        pem(
            s,
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        )
    }),
    ("private_key_as_public_fail", Why::TrustRoot, |s| {
        pem(s, &s.key.pem().replace("PUBLIC", "PRIVATE"))
    }),
    ("two_keys_in_one_file_fail", Why::TrustRoot, |s| {
        pem(s, &(s.key.pem() + &s.stranger.pem()))
    }),
    ("weak_rsa_key_fail", Why::TrustRoot, |s| pem(s, WEAK_RSA)),
];

/// RSA of 1024 bits.
const WEAK_RSA: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDqzuUUBACIpmjFWtrRLNSN9CDv
Wjya40Bp16yk9ofa3kvfip5d9eJkKMjWQnNiFzG2alOVHHuZKg08sINmkz4l0B/y
HGE1ghWOsllB4yD0xeS8ezCcreh4N8EUtdJ5BBGzV71ChDi7P3ub9bN1HUV18fqZ
IKMTuEo440eYUlrHSwIDAQAB
-----END PUBLIC KEY-----";

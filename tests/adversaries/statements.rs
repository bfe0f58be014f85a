//! Payloads that the vendor himself signed, and that are read by nobody all the same.

use kmatrix::digest::Sha256Digest;
use kmatrix::verify::Why;
use serde_json::{Value, json};

use crate::authority::bundles::{payload, statement};
use crate::stage::{Answer, Row, Stage};

fn digests(s: &Stage, digests: Value) -> Answer {
    s.statement(|statement| statement["subject"][0]["digest"] = digests)
}

fn hex() -> String {
    Sha256Digest::of(b"module").to_hex()
}

pub const ROWS: &[Row] = &[
    ("statement_v02_fail", Why::UnknownType, |s| {
        s.statement(|t| t["_type"] = json!("https://in-toto.io/Statement/v0.2"))
    }),
    ("statement_v11_fail", Why::UnknownType, |s| {
        s.statement(|t| t["_type"] = json!("https://in-toto.io/Statement/v1.1"))
    }),
    ("statement_type_in_capitals_fail", Why::UnknownType, |s| {
        s.statement(|t| t["_type"] = json!("https://in-toto.io/statement/v1"))
    }),
    ("no_statement_type_fail", Why::Malformed, |s| {
        s.statement_text("\"_type\":", "\"type\":")
    }),
    ("no_predicate_type_fail", Why::Malformed, |s| {
        s.statement_text("\"predicateType\":", "\"kind\":")
    }),
    ("empty_predicate_type_fail", Why::Malformed, |s| {
        s.statement(|t| t["predicateType"] = json!(""))
    }),
    ("statement_key_in_another_case_fail", Why::Malformed, |s| {
        s.statement_text("\"subject\":", "\"Subject\":")
    }),
    ("subject_key_in_another_case_fail", Why::Malformed, |s| {
        s.statement(|t| {
            let digest = t["subject"][0]["digest"].take();
            t["subject"][0] = json!({ "name": "module.ko", "Digest": digest });
        })
    }),
    ("key_twice_in_statement_fail", Why::DuplicateKey, |s| {
        s.statement_text("\"predicate\":", "\"predicate\":{},\"predicate\":")
    }),
    ("subject_twice_in_statement_fail", Why::DuplicateKey, |s| {
        s.statement_text("\"subject\":", "\"subject\":[],\"subject\":")
    }),
    ("subject_in_two_cases_fail", Why::DuplicateKey, |s| {
        s.statement_text("\"subject\":", "\"SUBJECT\":[],\"subject\":")
    }),
    ("key_twice_in_digest_fail", Why::DuplicateKey, |s| {
        s.statement_text("\"sha256\":", "\"sha256\":\"00\",\"sha256\":")
    }),
    ("digest_in_two_cases_fail", Why::DuplicateKey, |s| {
        s.statement_text("\"sha256\":", "\"SHA256\":\"00\",\"sha256\":")
    }),
    ("key_twice_in_predicate_fail", Why::DuplicateKey, |s| {
        s.statement_text("\"buildType\":", "\"buildType\":\"x\",\"buildType\":")
    }),
    ("key_twice_deep_in_predicate_fail", Why::DuplicateKey, |s| {
        s.statement_text("\"id\":", "\"id\":\"x\",\"id\":")
    }),
    (
        "key_in_two_cases_in_predicate_fail",
        Why::DuplicateKey,
        |s| s.statement_text("\"builder\":", "\"Builder\":{},\"builder\":"),
    ),
    ("key_twice_in_annotations_fail", Why::DuplicateKey, |s| {
        s.statement_text("\"form\":", "\"form\":\"shipped\",\"form\":")
    }),
    ("digest_in_capitals_fail", Why::Subject, |s| {
        digests(s, json!({ "sha256": hex().to_uppercase() }))
    }),
    ("digest_too_short_fail", Why::Subject, |s| {
        digests(s, json!({ "sha256": &hex()[..62] }))
    }),
    ("digest_too_long_fail", Why::Subject, |s| {
        digests(s, json!({ "sha256": hex() + "00" }))
    }),
    ("digest_with_its_algorithm_fail", Why::Subject, |s| {
        digests(s, json!({ "sha256": format!("sha256:{}", hex()) }))
    }),
    ("digest_with_space_fail", Why::Subject, |s| {
        digests(s, json!({ "sha256": format!(" {}", &hex()[1..]) }))
    }),
    ("digest_under_capitals_fail", Why::Subject, |s| {
        digests(s, json!({ "SHA256": hex() }))
    }),
    (
        "digest_of_another_algorithm_alone_fail",
        Why::Subject,
        |s| digests(s, json!({ "sha512": "0".repeat(128) })),
    ),
    ("second_digest_in_capitals_fail", Why::Subject, |s| {
        digests(s, json!({ "sha256": hex(), "sha512": "A".repeat(128) }))
    }),
    ("digest_no_string_fail", Why::Subject, |s| {
        digests(s, json!({ "sha256": [hex()] }))
    }),
    ("no_digest_fail", Why::Subject, |s| digests(s, json!({}))),
    ("digests_no_object_fail", Why::Subject, |s| {
        digests(s, json!(hex()))
    }),
    ("no_subject_fail", Why::Subject, |s| {
        s.statement(|t| t["subject"] = json!([]))
    }),
    ("subject_missing_fail", Why::Subject, |s| {
        s.statement(|t| {
            t.as_object_mut().expect("an object").remove("subject");
        })
    }),
    (
        "one_of_two_subjects_without_digest_fail",
        Why::Subject,
        |s| {
            s.statement(|t| {
                let subject = t["subject"][0].clone();
                t["subject"] = json!([subject, { "name": "other.ko", "digest": {} }]);
            })
        },
    ),
    ("subject_no_object_fail", Why::Malformed, |s| {
        s.statement(|t| t["subject"] = json!([hex()]))
    }),
    (
        "digest_in_predicate_in_capitals_fail",
        Why::Malformed,
        |s| {
            s.statement(|t| {
                t["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"] =
                    json!({ "sha256": hex().to_uppercase() });
            })
        },
    ),
    ("payload_not_utf_8_fail", Why::Malformed, |s| {
        let mut payload = payload();
        let at = payload.len() - 3;
        payload[at] = 0xff;
        s.signed(payload)
    }),
    ("payload_with_byte_order_mark_fail", Why::Malformed, |s| {
        s.signed([b"\xef\xbb\xbf", &payload()[..]].concat())
    }),
    ("payload_with_something_behind_fail", Why::Malformed, |s| {
        s.signed([&payload()[..], b"{}"].concat())
    }),
    ("payload_no_object_fail", Why::Malformed, |s| s.signed("[]")),
    ("payload_empty_fail", Why::Malformed, |s| s.signed("")),
    ("payload_too_deep_fail", Why::Limit, |s| {
        s.statement(|t| {
            let mut deep = json!(0);
            for _ in 0..70 {
                deep = json!([deep]);
            }
            t["predicate"] = deep;
        })
    }),
    ("payload_of_many_values_fail", Why::Limit, |s| {
        s.statement(|t| t["predicate"] = json!(vec![0; 300_000]))
    }),
    ("payload_with_a_long_string_fail", Why::Limit, |s| {
        s.statement(|t| t["predicate"] = json!("x".repeat((1 << 20) + 1)))
    }),
    ("payload_too_large_fail", Why::Limit, |s| {
        let mut payload = statement().to_string();
        payload.push_str(&" ".repeat(16 << 20));
        s.signed(payload)
    }),
];

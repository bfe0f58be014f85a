//! What is accepted, and as what.

use kmatrix::digest::Sha256Digest;
use kmatrix::verify::{SignedBy, TimeSource, Trust, authenticate, authenticate_all};
use serde_json::{Value, json};

use crate::authority::bundles::{
    envelope, keyed, keyed_logged, keyed_stamped, keyless_v1, keyless_v2, payload, statement,
    to_bytes,
};
use crate::authority::instance::{IDENTITY, ISSUER};
use crate::authority::keys::{EdKey, Key};
use crate::stage::Stage;

#[test]
fn every_genuine_form_is_accepted_with_its_signer_and_its_times() {
    let s = Stage::new();
    let payload = payload();
    let key = || SignedBy::Key {
        spki: s.key.digest(),
    };
    let identity = || SignedBy::Identity {
        identity: IDENTITY.to_owned(),
        issuer: ISSUER.to_owned(),
    };
    let (stamp, log) = (TimeSource::TimestampAuthority, TimeSource::TransparencyLog);
    let both = {
        let mut bundle = keyed_logged(&s.instance, &s.key, &payload);
        let signature = crate::authority::bundles::signature(&bundle);
        bundle["verificationMaterial"]["timestampVerificationData"] =
            crate::authority::bundles::stamped(&s.instance.timestamp(&signature, s.instance.at));
        bundle
    };
    let forms: [(&str, Value, SignedBy, &[TimeSource]); 7] = [
        ("envelope", envelope(&s.key, &payload), key(), &[]),
        ("keyed", keyed(&s.key, &payload), key(), &[]),
        (
            "keyed and stamped",
            keyed_stamped(&s.instance, &s.key, &payload),
            key(),
            &[stamp],
        ),
        (
            "keyed and logged",
            keyed_logged(&s.instance, &s.key, &payload),
            key(),
            &[log],
        ),
        ("keyed, logged and stamped", both, key(), &[stamp, log]),
        (
            "keyless, Rekor v1",
            keyless_v1(&s.instance, &payload),
            identity(),
            &[log],
        ),
        (
            "keyless, Rekor v2",
            keyless_v2(&s.instance, &payload),
            identity(),
            &[stamp],
        ),
    ];
    for (name, value, signed_by, times) in forms {
        for bytes in [to_bytes(&value), format!("{value:#}\n").into_bytes()] {
            let found = authenticate(&bytes, &s.trust)
                .unwrap_or_else(|refused| panic!("{name}: {:?} {refused}", refused.why));
            assert_eq!(found.signed_by(), &signed_by, "{name}");
            assert_eq!(found.payload(), Sha256Digest::of(&payload), "{name}");
            let from: Vec<TimeSource> = found.times().iter().map(|time| time.from).collect();
            assert_eq!(from, times, "{name}");
            assert!(
                found.times().iter().all(|time| time.at == s.instance.at),
                "{name}"
            );
            assert_eq!(
                serde_json::to_value(found.statement()).expect("JSON"),
                statement(),
                "{name}"
            );
        }
    }
}

#[test]
fn a_hint_that_names_nobody_says_nothing() {
    let s = Stage::new();
    for hint in ["", "release key 7", "00", &"00".repeat(32)] {
        let mut bundle = keyed(&s.key, &payload());
        bundle["verificationMaterial"]["publicKey"]["hint"] = json!(hint);
        assert!(s.read(&to_bytes(&bundle)).is_ok(), "{hint}");
        let mut envelope = envelope(&s.key, &payload());
        envelope["signatures"][0]["keyid"] = json!(hint);
        assert!(s.read(&to_bytes(&envelope)).is_ok(), "{hint}");
    }
}

#[test]
fn the_right_one_of_many_keys_is_named() {
    let s = Stage::new();
    let keys: Vec<Key> = (0..5).map(|_| Key::generate()).collect();
    let trust = Trust::keys(keys.iter().map(Key::pem)).expect("trust");
    assert_eq!(trust.key_digests().count(), 5);
    for key in &keys {
        let mut bundle = keyed(key, &payload());
        bundle["verificationMaterial"]["publicKey"] = json!({});
        let found = authenticate(&to_bytes(&bundle), &trust).expect("authenticated");
        assert_eq!(found.signed_by(), &SignedBy::Key { spki: key.digest() });
    }
    assert!(authenticate(&to_bytes(&keyed(&s.key, &payload())), &trust).is_err());
}

#[test]
fn ed25519_signs_as_well() {
    let key = EdKey::generate();
    let payload = payload();
    let envelope = kmatrix::attest::Envelope::signed(
        &payload,
        String::new(),
        &key.sign(&crate::authority::bundles::message(&payload)),
    );
    let trust = Trust::keys([key.pem()]).expect("trust");
    let bytes = serde_json::to_vec(&envelope).expect("JSON");
    assert!(authenticate(&bytes, &trust).is_ok());
}

#[test]
fn the_authorities_of_two_roots_are_not_mixed() {
    let (one, two) = (Stage::new(), Stage::new());
    let trust = Trust::root(&to_bytes(&one.instance.trusted_root()))
        .and_then(|trust| trust.with_root(&to_bytes(&two.instance.trusted_root())))
        .expect("trust");
    assert_eq!(trust.root_digests().count(), 2);
    for stage in [&one, &two] {
        let bundle = to_bytes(&keyless_v2(&stage.instance, &payload()));
        assert!(authenticate(&bundle, &trust).is_ok());
    }
    // A certificate of the one, in a log of the other.
    let key = Key::generate();
    let certificate = one.instance.certificate(&key);
    let mixed =
        crate::authority::bundles::keyless_v1_with(&two.instance, &key, &certificate, &payload());
    assert!(authenticate(&to_bytes(&mixed), &trust).is_err());
}

#[test]
fn many_are_answered_in_their_order() {
    let s = Stage::new();
    let good = to_bytes(&keyed(&s.key, &payload()));
    let bad = to_bytes(&keyed(&s.stranger, &payload()));
    let mixed: Vec<&[u8]> = (0..100)
        .map(|number| if number % 7 == 0 { &bad[..] } else { &good[..] })
        .collect();
    let answers = authenticate_all(&mixed, &s.trust, |_, answer| answer.is_ok());
    for (number, accepted) in answers.into_iter().enumerate() {
        assert_eq!(accepted, number % 7 != 0, "{number}");
    }
}

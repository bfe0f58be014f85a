//! Which clear-signed texts are taken as signed, and which are not.

#[allow(dead_code)]
mod signing;

use std::path::PathBuf;
use std::time::Duration;

use kmatrix::catalog::Fingerprint;
use kmatrix::catalog::openpgp::{OpenPgpError, PinnedKeys, SignedText, verify};
use sequoia_openpgp::types::HashAlgorithm;
use signing::{Key, NOW, at, clear_sign, clear_sign_over};

const TEXT: &str = "Origin: Test\nSuite: bookworm\n-- dashes\nSHA256:\n a b c\n";

/// Verifies with exactly one key pinned.
fn verified(file: &[u8], key: &Key) -> Result<SignedText, OpenPgpError> {
    let directory = tempfile::tempdir().expect("a directory");
    let keyring = key.write_armoured(directory.path());
    let keys = PinnedKeys::read(&[keyring], &[key.fingerprint()])?;
    verify(file, &keys, at(NOW))
}

#[test]
fn the_signed_text_comes_out_as_it_went_in() {
    let key = Key::new();
    let signed = verified(&clear_sign(TEXT, &[&key]), &key).expect("signed");
    assert_eq!(signed.text.trim_end(), TEXT.trim_end());
    assert_eq!(signed.signed_by, [key.fingerprint()]);
}

#[test]
fn sha1_counts_for_what_a_certificate_says_of_itself_and_for_nothing_else() {
    let old = Key::bound_by_sha1();
    let signed = verified(&clear_sign(TEXT, &[&old]), &old).expect("signed");
    assert_eq!(signed.signed_by, [old.fingerprint()]);
    for key in [old, Key::new()] {
        let file = clear_sign_over(HashAlgorithm::SHA1, TEXT, &[&key]);
        let error = verified(&file, &key).expect_err("a weak digest");
        assert!(
            matches!(
                error,
                OpenPgpError::BadSignature { .. } | OpenPgpError::UnusableKey { .. }
            ),
            "{error}"
        );
    }
}

#[test]
fn one_good_signature_by_a_pinned_key_is_enough() {
    let (pinned, other) = (Key::new(), Key::new());
    let signed = verified(&clear_sign(TEXT, &[&other, &pinned]), &pinned).expect("signed");
    assert_eq!(signed.signed_by, [pinned.fingerprint()]);
}

#[test]
fn a_key_that_is_not_pinned_is_refused() {
    let (pinned, other) = (Key::new(), Key::new());
    let directory = tempfile::tempdir().expect("a directory");
    // The keyring holds both, which must not matter.
    let keyrings = [
        pinned.write_armoured(directory.path()),
        other.write_binary(directory.path()),
    ];
    let keys = PinnedKeys::read(&keyrings, &[pinned.fingerprint()]).expect("keys");
    let error = verify(&clear_sign(TEXT, &[&other]), &keys, at(NOW)).expect_err("not pinned");
    let OpenPgpError::UnknownKeys { issuers } = error else {
        panic!("{error}");
    };
    assert_eq!(issuers.len(), 1);
}

#[test]
fn a_pinned_key_that_no_keyring_holds_is_told_of() {
    let (held, missing) = (Key::new(), Key::new());
    let directory = tempfile::tempdir().expect("a directory");
    let keyring = held.write_armoured(directory.path());
    let pinned = [held.fingerprint(), missing.fingerprint()];
    assert_eq!(
        PinnedKeys::read(&[keyring], &pinned).expect_err("missing"),
        OpenPgpError::PinnedKeyMissing {
            key: missing.fingerprint()
        }
    );
}

#[test]
fn a_keyring_that_is_none_is_told_of() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.asc");
    for content in [
        None,
        Some("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nnonsense\n"),
    ] {
        if let Some(content) = content {
            std::fs::write(&path, content).expect("a file");
        }
        assert!(matches!(
            PinnedKeys::read(std::slice::from_ref(&path), &[]),
            Err(OpenPgpError::Keyring { .. })
        ));
    }
}

#[test]
fn a_keyring_may_hold_several_armoured_blocks_with_comments() {
    let (one, two) = (Key::new(), Key::new());
    let directory = tempfile::tempdir().expect("a directory");
    let mut content = "# what this is\n\n".to_owned();
    for key in [&one, &two] {
        let path = key.write_armoured(directory.path());
        content += "# a key\n";
        content += &std::fs::read_to_string(path).expect("a file");
    }
    let keyring = directory.path().join("all.asc");
    std::fs::write(&keyring, content).expect("a file");
    let pinned = [one.fingerprint(), two.fingerprint()];
    let keys = PinnedKeys::read(&[keyring], &pinned).expect("both keys");
    verify(&clear_sign(TEXT, &[&two]), &keys, at(NOW)).expect("signed");
}

#[test]
fn the_committed_keyrings_hold_the_keys_they_say() {
    for (name, keys) in [
        (
            "debian-11",
            [
                "1F89983E0081FDE018F3CC9673A4F27B8DD47936",
                "AC530D520F2F3269F5E98313A48449044AAD5C5D",
                "A4285295FC7B1A81600062A9605C66F00D6C9793",
            ],
        ),
        (
            "debian-12",
            [
                "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
                "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
                "4D64FEC119C2029067D6E791F8D2585B8783D481",
            ],
        ),
        (
            "debian-13",
            [
                "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
                "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
                "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
            ],
        ),
    ] {
        let path = format!("{}/kernels/keys/{name}.asc", env!("CARGO_MANIFEST_DIR"));
        let keys = keys.map(|key| key.parse::<Fingerprint>().expect("a fingerprint"));
        PinnedKeys::read(&[PathBuf::from(path)], &keys).expect(name);
    }
}

#[test]
fn a_text_that_was_changed_is_refused() {
    let key = Key::new();
    let file = String::from_utf8(clear_sign(TEXT, &[&key])).expect("text");
    let changed = file.replace("Suite: bookworm", "Suite: trixie");
    assert!(matches!(
        verified(changed.as_bytes(), &key),
        Err(OpenPgpError::BadSignature { .. })
    ));
}

#[test]
fn text_outside_the_signed_block_is_never_read() {
    let key = Key::new();
    let file = String::from_utf8(clear_sign(TEXT, &[&key])).expect("text");
    for changed in [
        format!("Origin: Evil\n{file}"),
        format!("\n{file}"),
        format!("{}\nOrigin: Evil\n", file.trim_end()),
        format!("{file}\n"),
        format!("{file}{file}"),
    ] {
        assert_eq!(
            verified(changed.as_bytes(), &key),
            Err(OpenPgpError::TextOutside),
            "{changed}"
        );
    }
}

#[test]
fn text_smuggled_into_the_frame_is_refused() {
    let key = Key::new();
    let file = String::from_utf8(clear_sign(TEXT, &[&key])).expect("text");
    let begin_signature = "-----BEGIN PGP SIGNATURE-----";
    for changed in [
        file.replacen("MESSAGE-----\n", "MESSAGE-----\nOrigin: Evil\n", 1),
        file.replacen("- -- dashes", "-- dashes", 1),
        file.replacen(
            begin_signature,
            &format!("{begin_signature}\n\nxx\n{begin_signature}"),
            1,
        ),
        file.replacen(begin_signature, &format!("{begin_signature} "), 1),
    ] {
        assert_ne!(changed, file);
        assert!(
            matches!(
                verified(changed.as_bytes(), &key),
                Err(OpenPgpError::NotClearSigned { .. })
            ),
            "{changed}"
        );
    }
}

#[test]
fn a_text_without_a_signature_is_refused() {
    let key = Key::new();
    for file in ["", TEXT, "<html>please log in</html>"] {
        assert!(matches!(
            verified(file.as_bytes(), &key),
            Err(OpenPgpError::NotClearSigned { .. })
        ));
    }
    let file = String::from_utf8(clear_sign(TEXT, &[&key])).expect("text");
    let cut = &file[..file.find("-----BEGIN PGP SIGNATURE").expect("a signature")];
    assert_eq!(
        verified(cut.as_bytes(), &key),
        Err(OpenPgpError::NoSignature)
    );
    assert!(verified(&file.as_bytes()[..file.len() / 2], &key).is_err());
    let empty = format!("{cut}-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n");
    assert!(verified(empty.as_bytes(), &key).is_err());
}

#[test]
fn a_key_that_has_expired_since_is_refused() {
    // Made on the first of January, alive when it signed in November, dead one day later.
    let key = Key::valid_for(Some(Duration::from_secs(323 * 86_400 + 3600)));
    let error = verified(&clear_sign(TEXT, &[&key]), &key).expect_err("expired");
    assert!(matches!(error, OpenPgpError::UnusableKey { .. }), "{error}");
}

#[test]
fn a_revoked_key_is_refused() {
    let key = Key::new();
    let file = clear_sign(TEXT, &[&key]);
    let error = verified(&file, &key.revoked()).expect_err("revoked");
    assert!(matches!(error, OpenPgpError::UnusableKey { .. }), "{error}");
    assert!(error.to_string().contains("revoked"), "{error}");
}

#[test]
fn a_signature_from_the_future_is_refused() {
    let key = Key::new();
    let directory = tempfile::tempdir().expect("a directory");
    let keyring = key.write_binary(directory.path());
    let keys = PinnedKeys::read(&[keyring], &[key.fingerprint()]).expect("keys");
    let before = at("2026-11-19T00:00:00Z");
    assert!(verify(&clear_sign(TEXT, &[&key]), &keys, before).is_err());
}

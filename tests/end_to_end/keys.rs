//! `kmatrix keys`, and what is said when nothing can be signed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use kmatrix::sign::PublicKey;

use crate::common::{Place, Ran, project};

const PASSWORD: &str = "a password";

fn run(place: &Place, arguments: &[&str], password: Option<&str>) -> Ran {
    let mut command = place.command(arguments);
    if let Some(password) = password {
        command.env("KMATRIX_KEY_PASSWORD", password);
    }
    Ran::of(command)
}

#[test]
fn a_key_is_made_shown_and_tried() {
    let place = Place::empty();
    for kind in ["ecdsa-p256", "ed25519", "rsa"] {
        let made = run(
            &place,
            &["keys", "new", "--output", kind, "--kind", kind],
            Some(PASSWORD),
        );
        let fingerprint = made.expect(0).stdout.trim().to_owned();
        let file = |ending: &str| place.path().join(format!("{kind}.{ending}"));
        let mode = fs::metadata(file("key"))
            .expect("a key")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let pem = fs::read_to_string(file("pub")).expect("a public key");
        let public = PublicKey::from_pem(pem.as_bytes()).expect("a public key");
        assert_eq!(public.fingerprint().to_hex(), fingerprint);

        let printed = run(
            &place,
            &["keys", "public", &format!("{kind}.key")],
            Some(PASSWORD),
        );
        assert_eq!(printed.expect(0).stdout, pem);
        let shown = run(
            &place,
            &["keys", "show", &format!("{kind}.pub"), "--format", "json"],
            None,
        );
        let shown = shown.expect(0).json();
        assert_eq!(shown["sha256"], fingerprint.as_str());
        assert_eq!(shown["hint"], public.hint().as_str());
        assert_eq!(shown["algorithm"], kind);

        let tried = run(
            &place,
            &["keys", "try", "--sign-key", &format!("{kind}.key")],
            Some(PASSWORD),
        );
        let tried = tried.expect(0);
        assert_eq!(tried.stdout, "");
        assert!(tried.stderr.contains(&fingerprint), "{tried}");
    }
    // What is there stays.
    let again = run(&place, &["keys", "new", "--output", "rsa"], Some(PASSWORD)).expect(2);
    assert!(again.stderr.contains("never overwritten"), "{again}");
}

#[test]
fn what_cannot_sign_ends_with_40_and_says_what_to_do() {
    let place = Place::empty();
    let keys = project().join("tests/keys");
    let copy = |name: &str, mode: u32| {
        let to = place.path().join(name);
        fs::copy(keys.join(name), &to).expect("a copy");
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    copy("p256.pem", 0o644);
    copy("p256-encrypted.pem", 0o600);
    copy("rsa-2048.pem", 0o600);
    copy("p256.pub", 0o644);
    copy("rsa-2048.crt", 0o644);
    for (arguments, password, message, hint) in [
        (
            &["--sign-key", "p256.pem"][..],
            None,
            "can be used by others than its owner (mode 0644)",
            "run `chmod 600 p256.pem`",
        ),
        (
            &["--sign-key", "none.pem"],
            None,
            "cannot read the key `none.pem`",
            "kmatrix keys new",
        ),
        (
            &["--sign-key", "p256.pub"],
            None,
            "can be used by others",
            "chmod 600",
        ),
        (
            &["--sign-key", "p256-encrypted.pem"],
            None,
            "is encrypted, and there is no password",
            "KMATRIX_KEY_PASSWORD",
        ),
        (
            &["--sign-key", "p256-encrypted.pem"],
            Some("another"),
            "the password does not open the key",
            "COSIGN_PASSWORD",
        ),
        (
            &["--sign-command", "false", "--sign-public-key", "p256.pub"],
            None,
            "the signing command `false` failed with exit status: 1",
            "docs/signing.md",
        ),
        (
            &[
                "--sign-command",
                "sleep",
                "--sign-argument",
                "600",
                "--sign-timeout",
                "1",
                "--sign-public-key",
                "p256.pub",
            ],
            None,
            "did not end within 1 s",
            "--sign-timeout",
        ),
        (
            &["--keyless"],
            None,
            "there is no identity token",
            "--identity-token",
        ),
        (
            &["--keyless", "--offline"],
            None,
            "`--offline` forbids it",
            "--sign-key",
        ),
        (
            &[
                "--offline",
                "--sign-key",
                "rsa-2048.pem",
                "--timestamp-url",
                "http://127.0.0.1:1",
            ],
            None,
            "signing with a timestamp needs the network",
            "without `--offline`",
        ),
        (
            &[
                "--sign-key",
                "rsa-2048.pem",
                "--timestamp-url",
                "http://127.0.0.1:1",
            ],
            None,
            "gave no timestamp",
            "nothing was signed",
        ),
        (
            &[
                "--module-key",
                "p256-encrypted.pem",
                "--module-certificate",
                "rsa-2048.crt",
            ],
            Some(PASSWORD),
            "this key is ecdsa-p256",
            "openssl req",
        ),
        (
            &[
                "--module-key",
                "rsa-2048.pem",
                "--module-certificate",
                "p256.pub",
            ],
            None,
            "cannot use the certificate `p256.pub`",
            "--module-certificate",
        ),
    ] {
        let all = [&["keys", "try"][..], arguments].concat();
        let ran = run(&place, &all, password).expect(40);
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains(message), "{ran}");
        assert!(ran.stderr.contains(hint), "{ran}");
        assert!(!ran.stderr.contains(PASSWORD), "{ran}");
    }
    run(&place, &["keys", "try"], None).expect(2);
    let shipped = [
        "keys",
        "try",
        "--module-key",
        "rsa-2048.pem",
        "--module-certificate",
        "rsa-2048.crt",
        "--compress",
        "zstd",
    ];
    run(&place, &shipped, None).expect(0);
}

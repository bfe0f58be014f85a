//! Where the adversaries appear: an instance, a vendor's key, and somebody who trusts both.

use kmatrix::verify::{Authenticated, Refused, Trust, Why, authenticate};
use serde_json::Value;

use crate::authority::bundles::{
    envelope, keyed, keyed_logged, keyed_stamped, keyless_v1, keyless_v1_with, keyless_v2, payload,
    statement, to_bytes,
};
use crate::authority::certificates::Certificate;
use crate::authority::instance::{IDENTITY, ISSUER, Instance};
use crate::authority::keys::Key;

pub type Answer = Result<Authenticated, Refused>;

/// Name, the word it must be refused with, and the attempt.
pub type Row = (&'static str, Why, fn(&Stage) -> Answer);

pub struct Stage {
    pub instance: Instance,
    /// The vendor's key, which is trusted.
    pub key: Key,
    /// Somebody's.
    pub stranger: Key,
    pub trust: Trust,
}

impl Stage {
    pub fn new() -> Self {
        let instance = Instance::new();
        let key = Key::generate();
        let trust = Trust::keys([key.pem()])
            .and_then(|trust| trust.with_root(&to_bytes(&instance.trusted_root())))
            .expect("trust");
        Self {
            instance,
            key,
            stranger: Key::generate(),
            trust,
        }
    }

    pub fn read(&self, bytes: &[u8]) -> Answer {
        authenticate(bytes, &self.trust)
    }

    fn edited(&self, mut value: Value, edit: impl FnOnce(&mut Value)) -> Answer {
        let before = value.clone();
        edit(&mut value);
        assert_ne!(value, before, "the adversary changed nothing");
        self.read(&to_bytes(&value))
    }

    /// A bundle of the vendor's key, edited afterwards.
    pub fn keyed(&self, edit: impl FnOnce(&mut Value)) -> Answer {
        self.edited(keyed(&self.key, &payload()), edit)
    }

    pub fn envelope(&self, edit: impl FnOnce(&mut Value)) -> Answer {
        self.edited(envelope(&self.key, &payload()), edit)
    }

    pub fn stamped(&self, edit: impl FnOnce(&mut Value)) -> Answer {
        self.edited(keyed_stamped(&self.instance, &self.key, &payload()), edit)
    }

    pub fn logged(&self, edit: impl FnOnce(&mut Value)) -> Answer {
        self.edited(keyed_logged(&self.instance, &self.key, &payload()), edit)
    }

    pub fn v1(&self, edit: impl FnOnce(&mut Value)) -> Answer {
        self.edited(keyless_v1(&self.instance, &payload()), edit)
    }

    pub fn v2(&self, edit: impl FnOnce(&mut Value)) -> Answer {
        self.edited(keyless_v2(&self.instance, &payload()), edit)
    }

    /// A keyless bundle with an edited certificate.
    pub fn certified(&self, edit: impl FnOnce(&mut Certificate)) -> Answer {
        let mut certificate = Certificate::signer(IDENTITY, ISSUER, self.instance.at);
        edit(&mut certificate);
        let key = Key::generate();
        let certificate = self.instance.issue(&certificate, &key);
        let bundle = keyless_v1_with(&self.instance, &key, &certificate, &payload());
        self.read(&to_bytes(&bundle))
    }

    /// A bundle whose text is changed where it says `from`.
    pub fn text(&self, bundle: &Value, from: &str, to: &str) -> Answer {
        let text = bundle.to_string();
        assert!(text.contains(from), "`{from}` is not in it");
        self.read(text.replacen(from, to, 1).as_bytes())
    }

    pub fn keyed_text(&self, from: &str, to: &str) -> Answer {
        self.text(&keyed(&self.key, &payload()), from, to)
    }

    /// What the vendor himself signed.
    pub fn signed(&self, payload: impl AsRef<[u8]>) -> Answer {
        self.read(&to_bytes(&keyed(&self.key, payload.as_ref())))
    }

    /// A statement that the vendor himself signed.
    pub fn statement(&self, edit: impl FnOnce(&mut Value)) -> Answer {
        let mut statement = statement();
        edit(&mut statement);
        self.signed(to_bytes(&statement))
    }

    /// A statement that the vendor himself signed, changed as text.
    pub fn statement_text(&self, from: &str, to: &str) -> Answer {
        let text = statement().to_string();
        assert!(text.contains(from), "`{from}` is not in it");
        self.signed(text.replacen(from, to, 1))
    }
}

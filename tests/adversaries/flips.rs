//! Whatever byte of an attestation is changed, it is refused, or it says exactly what it said.

use kmatrix::digest::Sha256Digest;
use kmatrix::verify::{Trust, authenticate};
use proptest::prelude::*;
use rayon::prelude::*;

use crate::authority::bundles::{
    envelope, keyed, keyed_logged, keyed_stamped, keyless_v1, keyless_v2, payload, to_bytes,
};
use crate::stage::Stage;

/// Counts the changes that are accepted; each of them must still be the same statement of the same signer.
fn accepted(bytes: &[u8], trust: &Trust, changes: &[u8]) -> usize {
    let genuine = authenticate(bytes, trust).expect("genuine");
    (0..bytes.len())
        .into_par_iter()
        .map(|at| {
            let mut changed = bytes.to_vec();
            changes
                .iter()
                .filter(|change| {
                    changed[at] = bytes[at] ^ **change;
                    authenticate(&changed, trust).is_ok_and(|found| {
                        assert_eq!(found.payload(), genuine.payload(), "byte {at}");
                        assert_eq!(found.signed_by(), genuine.signed_by(), "byte {at}");
                        assert_eq!(found.statement(), genuine.statement(), "byte {at}");
                        true
                    })
                })
                .count()
        })
        .sum()
}

#[test]
fn no_flipped_bit_makes_another_statement() {
    let s = Stage::new();
    let payload = payload();
    let bits: Vec<u8> = (0..8).map(|bit| 1 << bit).collect();
    for (name, value) in [
        ("envelope", envelope(&s.key, &payload)),
        ("keyed", keyed(&s.key, &payload)),
        (
            "keyed and stamped",
            keyed_stamped(&s.instance, &s.key, &payload),
        ),
        (
            "keyed and logged",
            keyed_logged(&s.instance, &s.key, &payload),
        ),
        ("keyless, Rekor v1", keyless_v1(&s.instance, &payload)),
        ("keyless, Rekor v2", keyless_v2(&s.instance, &payload)),
    ] {
        let bytes = to_bytes(&value);
        let accepted = accepted(&bytes, &s.trust, &bits);
        let tried = bytes.len() * bits.len();
        println!("{name}: {tried} changes, of which {accepted} say the same");
        // A key id or a hint is not signed; all else is.
        assert!(accepted * 20 < tried, "{name}: {accepted} of {tried}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_edit_makes_another_statement(
        at in any::<prop::sample::Index>(),
        remove in 0..8usize,
        insert in prop::collection::vec(any::<u8>(), 0..8),
        form in 0..3usize,
    ) {
        let s = Stage::new();
        let value = match form {
            0 => envelope(&s.key, &payload()),
            1 => keyed_stamped(&s.instance, &s.key, &payload()),
            _ => keyless_v2(&s.instance, &payload()),
        };
        let mut bytes = to_bytes(&value);
        let start = at.index(bytes.len());
        let end = (start + remove).min(bytes.len());
        bytes.splice(start..end, insert);
        if let Ok(found) = authenticate(&bytes, &s.trust) {
            prop_assert_eq!(found.payload(), Sha256Digest::of(&payload()));
        }
    }
}

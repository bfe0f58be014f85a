//! Types in an order that does not depend on the order in which they were written.
//!
//! Each type gets a number from what it is and from what it refers to and is referred to by, until
//! numbers tell no more types apart (colour refinement); types that are still alike are told apart one
//! by one. Types are then written in the order of their numbers, with names spelled out and
//! references by place. Two forms are equal only if some renumbering makes the one the other: the
//! numbers decide only in which order it is looked for, so that an unlucky one can hide an equality,
//! and never a difference.

use super::btf::{Btf, BtfBase, BtfError, Role};

/// How many words are looked at, over all rounds.
const MOST_WORK: usize = 40_000_000;

/// A word of a type, with where it leads.
#[derive(Clone, Copy)]
enum Meaning<'a> {
    Plain(u32),
    Name(&'a [u8]),
    /// Of the kernel: a string's offset, or a type's id.
    KernelName(u32),
    KernelType(u32),
    /// A type of the module, by its place.
    Own(usize),
}

/// Writes types in their canonical form.
pub fn canonical_btf(btf: &Btf<'_>, base: BtfBase) -> Result<Vec<u8>, BtfError> {
    let words = meanings(btf, base)?;
    let places = order(btf, &words)?;
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_unstable_by_key(|of| places[*of]);

    let mut form = vec![
        btf.version,
        btf.flags,
        u8::from(btf.order == super::ByteOrder::BigEndian),
    ];
    form.extend((places.len() as u64).to_le_bytes());
    for place in order {
        let of = btf.types[place];
        for word in &words[of.first..of.first + of.count] {
            let (tag, value) = match word {
                Meaning::Plain(value) => (0, *value),
                Meaning::Name(text) => (1, text.len() as u32),
                Meaning::KernelName(value) => (2, *value),
                Meaning::KernelType(value) => (3, *value),
                Meaning::Own(place) => (4, places[*place] as u32),
            };
            form.push(tag);
            form.extend(value.to_le_bytes());
            if let Meaning::Name(text) = word {
                form.extend_from_slice(text);
            }
        }
    }
    // Strings that nothing names are bytes too.
    let mut strings: Vec<&[u8]> = btf.strings.split(|byte| *byte == 0).collect();
    strings.sort_unstable();
    for text in strings {
        form.extend((text.len() as u64).to_le_bytes());
        form.extend_from_slice(text);
    }
    form.extend_from_slice(&btf.rest);
    Ok(form)
}

fn meanings<'a>(btf: &Btf<'a>, base: BtfBase) -> Result<Vec<Meaning<'a>>, BtfError> {
    let of = |(role, value): &(Role, u32)| match role {
        Role::Plain => Ok(Meaning::Plain(*value)),
        Role::Name if *value < base.strings => Ok(Meaning::KernelName(*value)),
        Role::Name => {
            let rest = btf.strings.get((value - base.strings) as usize..);
            let rest = rest.ok_or(BtfError::NoTarget)?;
            let end = memchr::memchr(0, rest).ok_or(BtfError::NoTarget)?;
            Ok(Meaning::Name(&rest[..end]))
        }
        Role::Type if *value < base.types => Ok(Meaning::KernelType(*value)),
        Role::Type => {
            let place = (value - base.types) as usize;
            let is_there = place < btf.types.len();
            is_there
                .then_some(Meaning::Own(place))
                .ok_or(BtfError::NoTarget)
        }
    };
    // Names may share their ends; that they are long and many at once is no types of C.
    let mut left = MOST_WORK;
    btf.words
        .iter()
        .map(|word| {
            let meaning = of(word)?;
            if let Meaning::Name(text) = meaning {
                left = left.checked_sub(text.len()).ok_or(BtfError::TooEntangled)?;
            }
            Ok(meaning)
        })
        .collect()
}

/// Returns the place of each type in the canonical order.
fn order(btf: &Btf<'_>, words: &[Meaning<'_>]) -> Result<Vec<usize>, BtfError> {
    let count = btf.types.len();
    let mut colours: Vec<u64> = btf
        .types
        .iter()
        .map(|of| {
            let own = &words[of.first..of.first + of.count];
            own.iter().fold(SEED, |colour, word| match word {
                Meaning::Plain(value) => mix(colour, 1 << 32 | u64::from(*value)),
                Meaning::Name(text) => text
                    .iter()
                    .fold(mix(colour, 2 << 32), |c, byte| mix(c, u64::from(*byte))),
                Meaning::KernelName(value) => mix(colour, 3 << 32 | u64::from(*value)),
                Meaning::KernelType(value) => mix(colour, 4 << 32 | u64::from(*value)),
                Meaning::Own(_) => mix(colour, 5 << 32),
            })
        })
        .collect();
    let mut left = MOST_WORK;
    let mut told_apart = distinct(&colours);
    let mut chosen = 0;
    while told_apart < count {
        left = left
            .checked_sub(words.len() + count * 8)
            .ok_or(BtfError::TooEntangled)?;
        let next = refine(btf, words, &colours);
        let now = distinct(&next);
        if now > told_apart {
            (colours, told_apart) = (next, now);
            continue;
        }
        chosen += 1;
        let alike = first_of_the_alike(&colours);
        colours[alike] = mix(colours[alike], 6 << 32 | chosen);
        told_apart = distinct(&colours);
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_unstable_by_key(|of| colours[*of]);
    let mut places = vec![0; count];
    for (place, of) in order.into_iter().enumerate() {
        places[of] = place;
    }
    Ok(places)
}

/// Mixes into each type's number the numbers of those that it refers to and is referred to by.
fn refine(btf: &Btf<'_>, words: &[Meaning<'_>], colours: &[u64]) -> Vec<u64> {
    let mut next = colours.to_vec();
    // Who refers to a type has no order, so their sum is taken.
    let mut by = vec![0_u64; colours.len()];
    for (place, of) in btf.types.iter().enumerate() {
        let own = &words[of.first..of.first + of.count];
        for (slot, word) in own.iter().enumerate() {
            if let Meaning::Own(target) = word {
                next[place] = mix(next[place], colours[*target]);
                let reference = mix(colours[place], slot as u64);
                by[*target] = by[*target].wrapping_add(reference);
            }
        }
    }
    for (colour, by) in next.iter_mut().zip(by) {
        *colour = mix(*colour, by);
    }
    next
}

fn distinct(colours: &[u64]) -> usize {
    let mut all = colours.to_vec();
    all.sort_unstable();
    all.dedup();
    all.len()
}

/// Returns the first type of those with the least number that several have.
fn first_of_the_alike(colours: &[u64]) -> usize {
    let mut all: Vec<(u64, usize)> = colours.iter().copied().zip(0..).collect();
    all.sort_unstable();
    let alike = all.windows(2).find(|pair| pair[0].0 == pair[1].0);
    alike.map_or(0, |pair| pair[0].1)
}

/// Any number would do that is the same in every version of this program.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 over both.
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a
        .rotate_left(5)
        .wrapping_add(b)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 30).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::btf::tests::{KERNEL, Word, Written, info, small};
    use super::*;

    fn form(written: &Written, order: &[usize]) -> Vec<u8> {
        let bytes = written.bytes(order, KERNEL);
        let btf = Btf::parse(&bytes).expect("types");
        canonical_btf(&btf, KERNEL).expect("a form")
    }

    fn orders(count: usize) -> impl Strategy<Value = Vec<usize>> {
        Just((0..count).collect::<Vec<usize>>()).prop_shuffle()
    }

    /// Two structures that are alike, each in a ring of pointers: nothing but a choice tells them
    /// apart.
    fn twins() -> Written {
        use Word::{Name, Own, Plain};
        let ring = |other: usize| {
            vec![
                Name("ring"),
                info(4, 1),
                Plain(8),
                Name("next"),
                Own(other),
                Plain(0),
            ]
        };
        let pointer = |to: usize| vec![Plain(0), info(2, 0), Own(to)];
        Written {
            types: vec![ring(1), pointer(2), ring(3), pointer(0)],
        }
    }

    proptest! {
        #[test]
        fn the_order_of_types_and_strings_does_not_matter(order in orders(7)) {
            let written = small();
            prop_assert_eq!(form(&written, &order), form(&written, &[0, 1, 2, 3, 4, 5, 6]));
        }

        #[test]
        fn types_that_are_alike_do_not_hide_the_equality(order in orders(4)) {
            let written = twins();
            prop_assert_eq!(form(&written, &order), form(&written, &[0, 1, 2, 3]));
        }

        #[test]
        fn any_other_word_is_a_difference(order in orders(7), of in 0..7_usize, at in 0..9_usize) {
            let written = small();
            let mut other = written.clone();
            let words = &mut other.types[of];
            let at = at % words.len();
            words[at] = match words[at] {
                // The count of members, and the kind, decide how the rest is read.
                Word::Plain(value) if at == 1 => Word::Plain(value | 1 << 31),
                Word::Plain(value) => Word::Plain(value ^ 64),
                Word::Name(_) => Word::Name("another"),
                Word::Own(place) => Word::Own((place + 1) % 7),
                Word::Base(value) => Word::Base(value + 1),
            };
            prop_assert_ne!(form(&other, &order), form(&written, &[0, 1, 2, 3, 4, 5, 6]));
        }

        #[test]
        fn no_bytes_do_harm(mut bytes in proptest::collection::vec(any::<u8>(), 24..200)) {
            bytes[..8].copy_from_slice(&[0x9f, 0xeb, 1, 0, 24, 0, 0, 0]);
            bytes[8..12].fill(0);
            let length = (bytes.len() - 24) as u32 / 8 * 4;
            bytes[12..16].copy_from_slice(&length.to_le_bytes());
            bytes[16..20].copy_from_slice(&length.to_le_bytes());
            bytes[20..24].copy_from_slice(&4_u32.to_le_bytes());
            // Kinds that there are, so that more than the first type is read.
            for word in bytes[24..].chunks_exact_mut(4) {
                word[3] &= 0x83;
                word[1] = 0;
                word[0] &= 7;
            }
            if let Ok(btf) = Btf::parse(&bytes) {
                let _ = btf.inferred_base();
                let _ = canonical_btf(&btf, BtfBase { types: 1, strings: 0 });
            }
        }
    }

    #[test]
    fn a_string_that_nothing_names_is_a_difference() {
        let order = [0, 1, 2, 3, 4, 5, 6];
        let mut bytes = small().bytes(&order, KERNEL);
        let end = bytes.len() as u32;
        bytes.extend(b"hidden\0");
        let strings = u32::from_le_bytes(bytes[20..24].try_into().expect("four"));
        bytes[20..24].copy_from_slice(&(strings + 7).to_le_bytes());
        assert!(end > 0);
        let btf = Btf::parse(&bytes).expect("types");
        let form_of_it = canonical_btf(&btf, KERNEL).expect("a form");
        assert_ne!(form_of_it, form(&small(), &order));
    }

    #[test]
    fn many_types_that_are_alike_are_given_up_in_bounded_time() {
        let written = Written {
            types: vec![vec![Word::Plain(0), info(2, 0), Word::Base(0)]; 20_000],
        };
        let order: Vec<usize> = (0..20_000).collect();
        let bytes = written.bytes(&order, KERNEL);
        let btf = Btf::parse(&bytes).expect("types");
        assert_eq!(canonical_btf(&btf, KERNEL), Err(BtfError::TooEntangled));
    }
}

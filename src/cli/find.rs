//! What a person means by a name: the whole of it, the name without its package version, or any part.

use std::fmt::Display;

use crate::cli::Refusal;
use crate::exit::Exit;

/// Finds what is meant: whoever is called exactly so, else so without a package version, else whose
/// name has the text in it. `short` names one without its package version.
pub(crate) fn meant<'a, T: Display>(
    text: &str,
    all: &'a [T],
    short: impl Fn(&T) -> String,
) -> Vec<&'a T> {
    let whole: Vec<&T> = all.iter().filter(|one| one.to_string() == text).collect();
    if !whole.is_empty() {
        return whole;
    }
    let shortened: Vec<&T> = all.iter().filter(|one| short(one) == text).collect();
    if !shortened.is_empty() {
        return shortened;
    }
    all.iter()
        .filter(|one| one.to_string().contains(text) || short(one).contains(text))
        .collect()
}

/// Says that a text means several, and which.
pub(crate) fn ambiguous<T: Display>(text: &str, noun: &str, found: &[&T]) -> Refusal {
    let mut names: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|one| format!("`{one}`"))
        .collect();
    if found.len() > SHOWN {
        names.push(format!("{} more", found.len() - SHOWN));
    }
    Refusal::new(
        Exit::Usage,
        format!("`{text}` names {} {noun}", found.len()),
    )
    .hint(format!("say more; there are {}", names.join(", ")))
}

/// How many names a hint has.
const SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::CellId;

    #[test]
    fn the_more_exact_name_counts() {
        let ids: Vec<CellId> = [
            "debian-12/amd64/6.1.0-5-amd64=6.1.1-1/m",
            "debian-12/amd64/6.1.0-5-amd64=6.1.1-10/m",
            "debian-12/amd64/6.1.0-5-amd64=6.1.1-10/m2",
            "debian-12/amd64/6.1.0-6-amd64=6.1.2-1/m",
        ]
        .iter()
        .map(|text| text.parse().expect("an id"))
        .collect();
        for (text, expected) in [
            ("debian-12/amd64/6.1.0-5-amd64=6.1.1-1/m", &[0][..]),
            ("debian-12/amd64/6.1.0-6-amd64/m", &[3]),
            ("debian-12/amd64/6.1.0-5-amd64/m", &[0, 1]),
            ("6.1.0-5-amd64/m2", &[2]),
            ("=6.1.1-10", &[1, 2]),
            ("debian-13", &[]),
        ] {
            let found = meant(text, &ids, CellId::without_version);
            let expected: Vec<&CellId> = expected.iter().map(|index| &ids[*index]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}

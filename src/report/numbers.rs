//! Lists of attempts by their numbers.

/// Writes numbers in order, runs of three and more as one: `1, 2, 4 to 9`.
pub(super) fn numbers(numbers: impl IntoIterator<Item = u32>) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            Some(_) | None => runs.push((number, number)),
        }
    }
    let shown: Vec<String> = runs
        .iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first} to {last}"),
        })
        .collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_one() {
        for (given, expected) in [
            (&[][..], ""),
            (&[3], "3"),
            (&[1, 2], "1, 2"),
            (&[1, 2, 3, 5, 7, 8, 9, 10], "1 to 3, 5, 7 to 10"),
            (&[1, 3, 5], "1, 3, 5"),
            (&[u32::MAX], "4294967295"),
        ] {
            assert_eq!(numbers(given.iter().copied()), expected);
        }
    }
}

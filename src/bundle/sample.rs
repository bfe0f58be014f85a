//! Which cells of a release are rebuilt: a random sample, or one drawn from every stratum. Pure.
//!
//! Cells are ranked by a digest over the seed, the release and their names, and the first are taken. So
//! whoever has the seed can draw the sample again, on any machine; and a vendor who does not know the
//! seed when the release is made cannot tell which cells will be looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::name::{Arch, CellId, Distro, Series};

/// Names the way in which samples are drawn, so that no other use of the same digest is one.
const DOMAIN: &str = "kmatrix sample 1";

/// How many cells are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleSize {
    All,
    Cells(u64),
}

impl FromStr for SampleSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse()) {
            ("all", _) => Ok(Self::All),
            (_, Ok(count)) if count > 0 => Ok(Self::Cells(count)),
            (_, Ok(_) | Err(_)) => Err(format!("`{text}` is neither `all` nor a number above 0")),
        }
    }
}

/// What makes a sample one of its own: any text, to be chosen after the release was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(String);

impl Seed {
    /// Makes a seed of random bytes.
    pub fn of(random: [u8; 16]) -> Self {
        Self(hex::encode(random))
    }
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control);
        if plain {
            Ok(Self(text.to_owned()))
        } else {
            Err("a seed is a text of 1 to 128 bytes without control characters".to_owned())
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Cells that are alike in how they are built.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stratum {
    pub distro: Distro,
    pub arch: Arch,
    /// `None` where a kernel release begins with no number.
    pub series: Option<Series>,
}

impl Stratum {
    /// Returns the stratum of a cell.
    pub fn of(cell: &CellId) -> Self {
        Self {
            distro: cell.distro.clone(),
            arch: cell.arch,
            series: Series::of(&cell.kernel_release),
        }
    }
}

impl fmt::Display for Stratum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series = self.series.as_ref().map_or("other", Series::as_str);
        write!(f, "{}/{}/{series}", self.distro, self.arch)
    }
}

/// One group of cells, and those that were drawn from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// `None` where the sample was drawn from all cells at once.
    pub stratum: Option<Stratum>,
    pub cells: u64,
    /// In the order of their names.
    pub sample: Vec<CellId>,
}

/// Says why no sample can be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    #[error("there is no cell to draw from")]
    NoCells,
    #[error("{wanted} cells cannot be drawn from {strata} strata, at least one from each")]
    FewerThanStrata { wanted: u64, strata: usize },
}

/// Draws a sample without replacement: from all cells at once, or from every stratum in proportion to
/// its cells, and at least one from each. A sample of more cells than there are is all of them.
pub fn draw(
    cells: &[CellId],
    release: &Sha256Digest,
    seed: &Seed,
    size: SampleSize,
    stratified: bool,
) -> Result<Vec<Drawn>, SampleError> {
    if cells.is_empty() {
        return Err(SampleError::NoCells);
    }
    let mut groups: BTreeMap<Option<Stratum>, Vec<CellId>> = BTreeMap::new();
    for cell in cells {
        let stratum = stratified.then(|| Stratum::of(cell));
        groups.entry(stratum).or_default().push(cell.clone());
    }
    let sizes: Vec<u64> = groups.values().map(|group| group.len() as u64).collect();
    let shares = match size {
        SampleSize::All => sizes,
        SampleSize::Cells(wanted) if wanted < groups.len() as u64 => {
            let strata = groups.len();
            return Err(SampleError::FewerThanStrata { wanted, strata });
        }
        SampleSize::Cells(wanted) => shares(&sizes, wanted),
    };
    Ok(groups
        .into_iter()
        .zip(shares)
        .map(|((stratum, mut group), share)| {
            let cells = group.len() as u64;
            group.sort_by_cached_key(|cell| rank(seed, release, cell));
            group.truncate(usize::try_from(share).unwrap_or(usize::MAX));
            group.sort();
            Drawn {
                stratum,
                cells,
                sample: group,
            }
        })
        .collect())
}

fn rank(seed: &Seed, release: &Sha256Digest, cell: &CellId) -> Sha256Digest {
    Sha256Digest::of(format!("{DOMAIN}\n{seed}\n{release}\n{cell}\n").as_bytes())
}

/// Shares out `wanted` places: one to each group, and the rest by the highest averages
/// (Webster/Sainte-Lague), to no group more than it has.
fn shares(sizes: &[u64], wanted: u64) -> Vec<u64> {
    let mut shares: Vec<u64> = sizes.iter().map(|size| (*size).min(1)).collect();
    let all: u64 = sizes.iter().sum();
    let mut left = wanted.min(all) - shares.iter().sum::<u64>().min(wanted.min(all));
    while left > 0 {
        let average = |index: usize| sizes[index] as f64 / (2 * shares[index] + 1) as f64;
        let open = (0..sizes.len()).filter(|index| shares[*index] < sizes[*index]);
        // Of equal ones the first.
        let Some(next) = open
            .rev()
            .max_by(|a, b| average(*a).total_cmp(&average(*b)))
        else {
            break;
        };
        shares[next] += 1;
        left -= 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(count: usize) -> Vec<CellId> {
        (0..count)
            .map(|number| {
                let arch = if number % 4 == 3 { "arm64" } else { "amd64" };
                let series = if number % 2 == 0 { "6.1" } else { "6.12" };
                let id = format!("debian-12/{arch}/{series}.0-{number}-x={series}-1/m");
                id.parse().expect("an id")
            })
            .collect()
    }

    fn seed(text: &str) -> Seed {
        text.parse().expect("a seed")
    }

    fn of_release(
        cells: &[CellId],
        seed: &Seed,
        size: SampleSize,
        stratified: bool,
    ) -> Result<Vec<Drawn>, SampleError> {
        draw(cells, &Sha256Digest::of(b"release"), seed, size, stratified)
    }

    #[test]
    fn the_same_seed_draws_the_same_cells_in_whatever_order_they_come() {
        let cells = cells(50);
        let mut shuffled = cells.clone();
        shuffled.reverse();
        let size = SampleSize::Cells(7);
        let first = of_release(&cells, &seed("a"), size, false).expect("a sample");
        let again = of_release(&shuffled, &seed("a"), size, false).expect("a sample");
        assert_eq!(first, again);
        assert_eq!((first[0].sample.len(), first[0].cells), (7, 50));
        let other = of_release(&cells, &seed("b"), size, false).expect("a sample");
        assert_ne!(first, other, "another seed draws others");
        let release = Sha256Digest::of(b"another release");
        let other = draw(&cells, &release, &seed("a"), size, false).expect("a sample");
        assert_ne!(
            first, other,
            "the same seed draws others of another release"
        );
    }

    #[test]
    fn every_cell_is_drawn_as_often_as_any_other() {
        let cells = cells(20);
        let mut counts: BTreeMap<CellId, u32> = BTreeMap::new();
        for number in 0..2_000 {
            let size = SampleSize::Cells(5);
            let drawn = of_release(&cells, &seed(&number.to_string()), size, false);
            for cell in &drawn.expect("a sample")[0].sample {
                *counts.entry(cell.clone()).or_default() += 1;
            }
        }
        // 500 are expected of each, with a standard deviation of 19.
        assert_eq!(counts.len(), 20);
        assert!(counts.values().all(|count| (400..600).contains(count)));
    }

    #[test]
    fn every_stratum_is_looked_at() {
        let drawn = of_release(&cells(40), &seed("s"), SampleSize::Cells(6), true);
        let drawn = drawn.expect("a sample");
        let found: Vec<(String, u64, usize)> = drawn
            .iter()
            .map(|one| {
                let stratum = one.stratum.as_ref().expect("a stratum").to_string();
                (stratum, one.cells, one.sample.len())
            })
            .collect();
        let of = |name: &str, cells, sampled| (name.to_owned(), cells, sampled);
        assert_eq!(
            found,
            [
                of("debian/amd64/6.1", 20, 3),
                of("debian/amd64/6.12", 10, 2),
                of("debian/arm64/6.12", 10, 1),
            ]
        );
        for one in &drawn {
            let is_of = |cell: &CellId| Some(Stratum::of(cell)) == one.stratum;
            assert!(one.sample.iter().all(is_of));
        }
        let few = of_release(&cells(40), &seed("s"), SampleSize::Cells(2), true);
        let (wanted, strata) = (2, 3);
        assert_eq!(few, Err(SampleError::FewerThanStrata { wanted, strata }));
    }

    #[test]
    fn places_are_shared_in_proportion() {
        for (sizes, wanted, expected) in [
            (&[100, 100][..], 10, &[5, 5][..]),
            (&[98, 1, 1], 10, &[8, 1, 1]),
            (&[10, 20, 30], 6, &[1, 2, 3]),
            (&[3, 3], 100, &[3, 3]),
            (&[2, 50], 52, &[2, 50]),
        ] {
            assert_eq!(shares(sizes, wanted), expected, "{wanted} of {sizes:?}");
        }
    }

    #[test]
    fn more_than_there_are_is_all_of_them() {
        for size in [SampleSize::All, SampleSize::Cells(99)] {
            let drawn = of_release(&cells(9), &seed("s"), size, false).expect("a sample");
            assert_eq!(drawn[0].sample.len(), 9);
        }
        let none = of_release(&[], &seed("s"), SampleSize::All, false);
        assert_eq!(none, Err(SampleError::NoCells));
    }

    #[test]
    fn sizes_and_seeds_are_read_strictly() {
        assert_eq!("all".parse(), Ok(SampleSize::All));
        assert_eq!("12".parse(), Ok(SampleSize::Cells(12)));
        for text in ["", "0", "-1", "All", "1.5"] {
            assert!(text.parse::<SampleSize>().is_err(), "{text}");
        }
        assert!("".parse::<Seed>().is_err());
        assert!("a\nb".parse::<Seed>().is_err());
    }
}

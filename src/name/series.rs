//! Which kernel releases a series has.

use super::{KernelRelease, Series};

impl Series {
    /// Names the series of a release: its first two numbers, such as `6.1` of `6.1.0-56-amd64`.
    ///
    /// This groups kernels where nobody names a series; it says nothing about which is newer. The
    /// series contains the release.
    pub fn of(release: &KernelRelease) -> Option<Self> {
        let text = release.as_str();
        let number = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let first = number(text);
        let after = &text[first..];
        let second = after.strip_prefix('.').map_or(0, number);
        let end = if second == 0 {
            first
        } else {
            first + 1 + second
        };
        let series: Self = text[..end].parse().ok()?;
        series.contains(release).then_some(series)
    }

    /// Returns true if the release belongs to this series.
    pub fn contains(&self, release: &KernelRelease) -> bool {
        release
            .as_str()
            .strip_prefix(self.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '+']))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_the_first_two_numbers() {
        for (release, series) in [
            ("6.1.0-56-cloud-amd64", Some("6.1")),
            ("6.12.117+deb12-amd64", Some("6.12")),
            ("5.14.0-503.el9.x86_64", Some("5.14")),
            ("7-rc1", Some("7")),
            ("6.1", Some("6.1")),
            ("6.x", Some("6")),
            ("6rc.1", None),
            ("linux", None),
        ] {
            let release: KernelRelease = release.parse().expect("a release");
            let found = Series::of(&release);
            assert_eq!(found.as_ref().map(Series::as_str), series, "{release}");
        }
    }

    #[test]
    fn a_series_is_not_a_string_prefix() {
        let series: Series = "6.1".parse().expect("a series");
        let release = |text: &str| text.parse::<KernelRelease>().expect("a release");
        assert!(series.contains(&release("6.1.0-56-amd64")));
        assert!(series.contains(&release("6.1-rc1")));
        assert!(!series.contains(&release("6.12.117+deb12-amd64")));
    }
}

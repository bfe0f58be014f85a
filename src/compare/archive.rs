//! Which bytes are the time in the header of an archive that stands inside of a section.

use std::ops::Range;

/// A format, by its magic and by where its time stands behind the begin of that.
struct Format {
    name: &'static str,
    magic: &'static [u8],
    /// Where the magic stands in the header, and the time.
    magic_at: usize,
    time: Range<usize>,
    /// Where a sum over the header ends that stands behind the time and follows from it, or the time.
    end: usize,
}

/// gzip (RFC 1952, 2.3), tar (POSIX.1-2017, `pax`, ustar header), cpio (Linux,
/// `Documentation/driver-api/early-userspace/buffer-format.rst`), ar (ar(5)) and zip (APPNOTE.TXT,
/// 4.3.7).
const FORMATS: [Format; 5] = [
    Format {
        name: "gzip",
        magic: &[0x1f, 0x8b, 8],
        magic_at: 0,
        time: 4..8,
        end: 8,
    },
    Format {
        name: "tar",
        magic: b"ustar",
        magic_at: 257,
        time: 136..148,
        end: 156,
    },
    Format {
        name: "cpio",
        magic: b"070701",
        magic_at: 0,
        time: 46..54,
        end: 54,
    },
    Format {
        name: "ar",
        magic: b"`\n",
        magic_at: 58,
        time: 16..28,
        end: 28,
    },
    Format {
        name: "zip",
        magic: b"PK\x03\x04",
        magic_at: 0,
        time: 10..14,
        end: 14,
    },
];

/// Returns the format of the archive if a run of bytes that differs lies in the time of its header, or
/// in the sum over a header whose time differs.
pub(super) fn time_of(first: &[u8], second: &[u8], run: Range<usize>) -> Option<&'static str> {
    let length = run.end.saturating_sub(run.start);
    let is_time = |format: &&Format| {
        let last = format.end.saturating_sub(length);
        let headers =
            (format.time.start..=last).filter_map(|in_header| run.start.checked_sub(in_header));
        let mut archives = headers.filter(|header| {
            let magic = first.get(header + format.magic_at..);
            magic.is_some_and(|found| found.starts_with(format.magic))
        });
        archives.any(|header| {
            let time = header + format.time.start..header + format.time.end;
            first.get(time.clone()) != second.get(time)
        })
    };
    FORMATS.iter().find(is_time).map(|format| format.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_the_headers_of_archives_are_told_from_their_contents() {
        let mut gzip = vec![7; 5];
        gzip.extend([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 0, 3, 9, 9]);
        let mut tar = vec![0; 1024];
        tar[257..262].copy_from_slice(b"ustar");
        let ar = b"!<arch>\nx.o/            1763711000  0     0     100644  4         `\nabcd";
        for (data, run, expected) in [
            (&gzip[..], 9..13, Some("gzip")),
            (&gzip, 11..12, Some("gzip")),
            (&gzip, 15..17, None),
            (&gzip, 9..14, None),
            (&tar, 140..147, Some("tar")),
            (&tar, 600..604, None),
            (ar, 30..34, Some("ar")),
            (ar, 70..72, None),
            (&[], 0..4, None),
        ] {
            let mut other = data.to_vec();
            for byte in other.iter_mut().skip(run.start).take(run.len()) {
                *byte ^= 1;
            }
            assert_eq!(time_of(data, &other, run.clone()), expected, "{run:?}");
        }
        // The sum follows from the time, and from the mode.
        for (field, expected) in [(140, Some("tar")), (104, None)] {
            let mut other = tar.clone();
            other[field] = 1;
            assert_eq!(time_of(&tar, &other, 150..153), expected, "{field}");
        }
    }
}

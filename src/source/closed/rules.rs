//! The table of what counts as a closed input.

use serde::{Deserialize, Serialize};

use super::encoded;
use super::look::Seen;

/// How sure it is that a file is a closed input. Both keep a label down: what may be one and is not
/// declared is not shown to be none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Certainty {
    #[default]
    Certain,
    /// It looks like one, and may be something that people wrote.
    Suspected,
}

/// One thing that is looked for.
#[derive(Debug)]
pub struct Rule {
    pub id: &'static str,
    /// What it looks like, for people.
    pub looks: &'static str,
    /// Why it counts, after "it".
    pub why: &'static str,
    pub certainty: Certainty,
    pub(super) matches: fn(&Seen<'_>) -> bool,
}

/// Endings by which the kernel build system and vendors mark prebuilt objects
/// (Linux, `Documentation/kbuild/makefiles.rst`, "$(obj)/%: $(src)/%_shipped").
const OBJECT_ENDINGS: [&str; 7] = ["_shipped", ".o_binary", ".o", ".a", ".ko", ".so", ".bc"];

/// Endings that firmware comes with.
const FIRMWARE_ENDINGS: [&str; 12] = [
    ".bin", ".fw", ".ucode", ".mbn", ".rom", ".img", ".blob", ".mcs", ".hex", ".ihex", ".dat",
    ".cis",
];

/// Pictures and documents, which stand among sources and are told by their first bytes.
const PICTURES: [&[u8]; 6] = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"%PDF-",
    b"\0\0\x01\0",
    b"RIFF",
];

/// Bytes written out as numbers from which they are no table that people write: the tables of
/// CRC-32 by eight bytes, which are among the largest, have just as many.
pub(super) const MOST_NUMBERS: u64 = 8 * 1024;

/// Every rule, in the order in which they are asked; the first that applies names the finding.
/// Suspicions come last.
pub static RULES: [Rule; 16] = [
    Rule {
        id: "elf",
        looks: "begins with `\\x7fELF`",
        why: "it is an ELF file",
        certainty: Certainty::Certain,
        matches: |seen| seen.head.starts_with(b"\x7fELF"),
    },
    Rule {
        id: "archive",
        looks: "begins with `!<arch>` or `!<thin>`",
        why: "it is an archive of objects",
        certainty: Certainty::Certain,
        matches: |seen| seen.head.starts_with(b"!<arch>\n") || seen.head.starts_with(b"!<thin>\n"),
    },
    Rule {
        id: "bitcode",
        looks: "begins as LLVM bitcode or its wrapper does",
        why: "it is LLVM bitcode",
        certainty: Certainty::Certain,
        matches: |seen| {
            seen.head.starts_with(b"BC\xc0\xde") || seen.head.starts_with(b"\xde\xc0\x17\x0b")
        },
    },
    Rule {
        id: "pe",
        looks: "begins with `MZ` and has a `PE` header",
        why: "it is a PE file",
        certainty: Certainty::Certain,
        matches: |seen| is_pe(seen.head),
    },
    Rule {
        id: "compressed-object",
        looks: "gzip, xz or zstd whose first bytes are those of an object",
        why: "it is a compressed object",
        certainty: Certainty::Certain,
        matches: |seen| encoded::holds_object(seen.head),
    },
    Rule {
        id: "object-name",
        looks: "a name that ends in `_shipped`, `.o_binary`, `.o`, `.a`, `.ko`, `.so` or `.bc`",
        why: "its name is that of a prebuilt object",
        certainty: Certainty::Certain,
        matches: |seen| {
            OBJECT_ENDINGS
                .iter()
                .any(|ending| seen.name.ends_with(ending))
                || seen.name.contains(".so.") && seen.is_binary
        },
    },
    Rule {
        id: "intel-hex",
        looks: "lines of Intel HEX with right checksums",
        why: "it is Intel HEX, which firmware comes in",
        certainty: Certainty::Certain,
        matches: |seen| encoded::is_intel_hex(seen.head),
    },
    Rule {
        id: "s-record",
        looks: "lines of Motorola S-records with right checksums",
        why: "it is made of S-records, which firmware comes in",
        certainty: Certainty::Certain,
        matches: |seen| encoded::is_s_record(seen.head),
    },
    Rule {
        id: "firmware-name",
        looks: "a name such as `*.bin`, `*.fw` or `*.hex`, and bytes that are no text",
        why: "its name is that of firmware, and it is no text",
        certainty: Certainty::Certain,
        matches: |seen| {
            seen.is_binary
                && FIRMWARE_ENDINGS
                    .iter()
                    .any(|ending| seen.name.ends_with(ending))
        },
    },
    LINKED_IN,
    Rule {
        id: "encoded-object",
        looks: "the first bytes of an object or a compressed file, in Base64",
        why: "it has what may be an object in Base64",
        certainty: Certainty::Suspected,
        matches: |seen| seen.text.has_base64_object,
    },
    Rule {
        id: "hex-object",
        looks: "the first bytes of an ELF file in hexadecimal digits",
        why: "it has what may be an object in hexadecimal digits",
        certainty: Certainty::Suspected,
        matches: |seen| seen.text.has_hex_object,
    },
    Rule {
        id: "uuencoded",
        looks: "a `begin 644 name` line and a full line of uuencode behind it",
        why: "it has uuencoded bytes",
        certainty: Certainty::Suspected,
        matches: |seen| seen.text.has_uuencode,
    },
    Rule {
        id: "byte-array",
        looks: "more than 8 KiB of bytes one after the other as numbers or escapes, as `xxd -i` and `bin2c` write them",
        why: "it has an array of bytes that may be a program",
        certainty: Certainty::Suspected,
        matches: |seen| seen.numbers.longest() > MOST_NUMBERS,
    },
    Rule {
        id: "linked-by-computed-name",
        looks: "code with `.incbin`, `#embed` or `include_bytes!` of a name that is not written there",
        why: "it takes in a file whose name is not written in it",
        certainty: Certainty::Suspected,
        matches: |seen| seen.text.links_computed && is_code(seen.name),
    },
    Rule {
        id: "binary",
        looks: "bytes that are no text, and no picture or document",
        why: "it is no text",
        certainty: Certainty::Suspected,
        matches: |seen| {
            seen.is_binary && !PICTURES.iter().any(|magic| seen.head.starts_with(magic))
        },
    },
];

/// The only rule that needs two files: [`super::find`] applies it.
pub(super) const LINKED_IN: Rule = Rule {
    id: "linked-in",
    looks: "no text, and named by `.incbin`, `#embed` or `include_bytes!` of another file",
    why: "it is no text, and a source takes it in as it is",
    certainty: Certainty::Certain,
    matches: |_| false,
};

fn is_code(name: &str) -> bool {
    [
        ".c", ".h", ".S", ".s", ".inc", ".cc", ".cpp", ".hpp", ".asm", ".rs",
    ]
    .iter()
    .any(|ending| name.ends_with(ending))
}

/// Returns true for a PE file (Microsoft, "PE Format", "MS-DOS Stub" and "Signature").
fn is_pe(head: &[u8]) -> bool {
    let at = head
        .get(0x3c..0x40)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes);
    let signature = at.and_then(|at| head.get(at as usize..)?.get(..4));
    head.starts_with(b"MZ") && signature == Some(b"PE\0\0")
}

/// Applies the rules of one certainty to a file.
pub(super) fn first(seen: &Seen<'_>, certainty: Certainty) -> Option<&'static Rule> {
    RULES
        .iter()
        .filter(|rule| rule.certainty == certainty)
        .find(|rule| (rule.matches)(seen))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::{Read, Write};

    use super::super::look::look;
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        liblzma::read::XzEncoder::new(bytes, 1)
            .read_to_end(&mut packed)
            .expect("memory");
        packed
    }

    fn object() -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(4096, 0);
        bytes
    }

    fn pe() -> Vec<u8> {
        let mut bytes = b"MZ".to_vec();
        bytes.resize(0x3c, 0);
        bytes.extend(0x40_u32.to_le_bytes());
        bytes.extend(b"PE\0\0");
        bytes
    }

    /// Writes bytes as `xxd -i` does.
    fn xxd(count: usize) -> Vec<u8> {
        let mut text = "unsigned char fw[] = {\n".to_owned();
        for n in 0..count {
            let separator = if n % 12 == 11 { ",\n " } else { ", " };
            write!(text, "0x{:02x}{separator}", n % 251).expect("memory");
        }
        text.push_str("};\n");
        text.into_bytes()
    }

    fn escapes(count: usize) -> Vec<u8> {
        let line = format!("  \"{}\"\n", "\\x7f\\105L\\x00".repeat(4));
        format!("const char fw[] =\n{};\n", line.repeat(count / 12 + 1)).into_bytes()
    }

    fn assembled(count: usize) -> Vec<u8> {
        let line = "\t.byte 0x7f,0x45,0x4c,0x46 /* 0010 */\n";
        format!("fw:\n{}", line.repeat(count / 4 + 1)).into_bytes()
    }

    fn uu() -> Vec<u8> {
        format!("words\nbegin 644 core.o\nM{}\n", "A".repeat(60)).into_bytes()
    }

    fn in_base64() -> Vec<u8> {
        format!("const char *fw = \"f0VMRgIB{}\";\n", "A".repeat(100)).into_bytes()
    }

    #[test]
    fn every_rule_finds_what_it_is_for() {
        let examples: Vec<(&str, &str, Vec<u8>)> = vec![
            ("elf", "innocent.c", object()),
            ("archive", "lib.txt", b"!<arch>\nrest".to_vec()),
            ("archive", "lib.txt", b"!<thin>\nrest".to_vec()),
            ("bitcode", "m", b"BC\xc0\xde\x35".to_vec()),
            ("bitcode", "m", b"\xde\xc0\x17\x0b\x00".to_vec()),
            ("pe", "driver.sys", pe()),
            ("compressed-object", "m.ko.gz", gzip(&object())),
            ("compressed-object", "m.ko.xz", xz(&object())),
            (
                "compressed-object",
                "m.ko.zst",
                zstd::encode_all(&object()[..], 1).expect("memory"),
            ),
            ("compressed-object", "lib", gzip(b"!<arch>\n")),
            ("object-name", "core.o_shipped", b"text".to_vec()),
            ("object-name", "core.o_binary", b"text".to_vec()),
            ("object-name", "sub/core.o", b"".to_vec()),
            ("object-name", "libx.so.1", b"\0\x01".to_vec()),
            (
                "intel-hex",
                "fw.txt",
                b":10010000214601360121470136007EFE09D2190140\n:00000001FF\n".to_vec(),
            ),
            (
                "s-record",
                "fw.txt",
                b"S00600004844521B\nS1137AF00A0A0D0000000000000000000000000061\n".to_vec(),
            ),
            ("firmware-name", "fw/a.bin", b"\x01\0\x02".to_vec()),
            ("encoded-object", "fw.h", in_base64()),
            (
                "encoded-object",
                "fw.h",
                format!("\"H4sI{}\"", "A".repeat(100)).into_bytes(),
            ),
            (
                "hex-object",
                "fw.txt",
                format!("7F454C46{}\n", "0".repeat(64)).into_bytes(),
            ),
            ("uuencoded", "fw.uu", uu()),
            ("byte-array", "fw.h", xxd(9000)),
            ("byte-array", "fw.c", escapes(9000)),
            ("byte-array", "fw.S", assembled(9000)),
            (
                "linked-by-computed-name",
                "fw.S",
                b"asm(\".incbin \\\"\" FW \"\\\"\");\n".to_vec(),
            ),
            ("binary", "table", b"a\0b".to_vec()),
            ("binary", "docs.tar.gz", gzip(b"words")),
        ];
        for (id, name, bytes) in &examples {
            let look = look(name, &mut &bytes[..]).expect("memory");
            let found = look.rule.or(look.suspicion).map(|rule| rule.id);
            assert_eq!(found, Some(*id), "{name}");
        }
        for rule in &RULES {
            assert!(
                rule.id == LINKED_IN.id || examples.iter().any(|(id, ..)| *id == rule.id),
                "no example shows `{}`",
                rule.id
            );
        }
    }

    #[test]
    fn what_people_write_is_not_found() {
        let register_table = "\t{ 0x3008, 0x82 },\n".repeat(4000);
        let crc_table = xxd(MOST_NUMBERS as usize);
        for (name, bytes) in [
            ("main.c", &b"int x = 0x7f;\n"[..]),
            ("empty", b""),
            ("latin1.txt", b"na\xefve\n"),
            ("logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            ("notes.hex", b":colons begin\n:these lines\n"),
            ("S1.txt", b"S1 is a sentence\n"),
            ("README", b"`.incbin` takes files in\n"),
            ("begin.txt", b"begin 644 things\nthat are not encoded\n"),
            ("mention.c", b"/* f0VMR is how Base64 of it begins */\n"),
            ("sensor.c", register_table.as_bytes()),
            ("crc.h", &crc_table),
            ("x.so.c", b"int x;\n"),
        ] {
            let look = look(name, &mut &bytes[..]).expect("memory");
            let found = look.rule.or(look.suspicion).map(|rule| rule.id);
            assert_eq!(found, None, "{name}");
        }
    }

    #[test]
    fn ids_are_unique_and_suspicions_stand_last() {
        for (index, rule) in RULES.iter().enumerate() {
            assert!(RULES[..index].iter().all(|other| other.id != rule.id));
        }
        assert!(RULES.is_sorted_by_key(|rule| rule.certainty == Certainty::Suspected));
    }

    #[test]
    fn every_rule_is_documented() {
        let documented = include_str!("../../../docs/formats.md");
        for rule in &RULES {
            let id = format!("`{}`", rule.id);
            assert!(documented.contains(&id), "{id} is not in docs/formats.md");
        }
    }

    /// Gives few bytes at a time, so that boundaries fall everywhere.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(7);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn findings_do_not_depend_on_how_the_bytes_arrive() {
        for (name, bytes) in [
            ("fw.h", in_base64()),
            ("fw.uu", uu()),
            ("a.h", xxd(9000)),
            ("b.c", escapes(9000)),
            ("c.S", assembled(9000)),
            ("d.gz", gzip(&object())),
        ] {
            let far = [b"/* */\n".repeat(60_000), bytes.clone()].concat();
            let whole = look(name, &mut &bytes[..]).expect("memory");
            let dripped = look(name, &mut Dripping(&bytes)).expect("memory");
            let id = |look: &super::super::Look| look.rule.or(look.suspicion).map(|rule| rule.id);
            assert!(id(&whole).is_some(), "{name}");
            assert_eq!(id(&whole), id(&dripped), "{name}");
            if !name.ends_with(".gz") {
                let behind = look(name, &mut &far[..]).expect("memory");
                assert_eq!(id(&whole), id(&behind), "{name} behind other text");
            }
        }
    }
}

//! The types that a module describes to the kernel's BPF programs.
//!
//! Format: BTF (Linux, `Documentation/bpf/btf.rst`, `include/uapi/linux/btf.h`). A module's is split:
//! the kernel's own types come first, and ids and string offsets go on where those end. How many there
//! are stands in the kernel's `vmlinux`, or in `.BTF.base` where pahole wrote one.

use super::ByteOrder;

/// `BTF_MAGIC`.
const MAGIC: u16 = 0xeb9f;
const HEADER: usize = 24;
const MAX_TYPES: usize = 1_000_000;

/// Why types cannot be read, or not be put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    #[error("its header is none")]
    NoHeader,
    #[error("its parts lie outside of it or over each other")]
    OutOfPlace,
    #[error("its type {0} is cut")]
    CutType(u32),
    #[error("its type {0} is of a kind that is not known")]
    UnknownKind(u32),
    #[error("it has more than {MAX_TYPES} types")]
    TooManyTypes,
    #[error("a type or a name that it refers to is not there")]
    NoTarget,
    #[error("where the kernel's own types end is not known")]
    UnknownBase,
    #[error("its types are too alike to be put in order")]
    TooEntangled,
}

/// Where the types of the kernel end and those of a module begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BtfBase {
    /// The id of the module's first type; 1 if there are no others.
    pub types: u32,
    /// The offset of the module's first string.
    pub strings: u32,
}

/// What a word of a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    /// An offset among the strings.
    Name,
    /// The id of a type.
    Type,
}

/// One type: where its words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BtfType {
    /// `BTF_KIND_*`.
    pub kind: u8,
    pub(super) first: usize,
    pub(super) count: usize,
}

/// Types taken apart.
#[derive(Debug, Clone)]
pub struct Btf<'a> {
    pub(super) order: ByteOrder,
    pub(super) version: u8,
    pub(super) flags: u8,
    pub types: Vec<BtfType>,
    pub(super) words: Vec<(Role, u32)>,
    pub(super) strings: &'a [u8],
    /// What is in none of the parts.
    pub(super) rest: Vec<u8>,
}

pub(super) const INT: u8 = 1;
const PTR: u8 = 2;
pub(super) const ARRAY: u8 = 3;
const STRUCT: u8 = 4;
const UNION: u8 = 5;
const ENUM: u8 = 6;
pub(super) const FWD: u8 = 7;
const TYPEDEF: u8 = 8;
const VOLATILE: u8 = 9;
const CONST: u8 = 10;
const RESTRICT: u8 = 11;
pub(super) const FUNC: u8 = 12;
pub(super) const FUNC_PROTO: u8 = 13;
pub(super) const VAR: u8 = 14;
pub(super) const DATASEC: u8 = 15;
const FLOAT: u8 = 16;
pub(super) const DECL_TAG: u8 = 17;
const TYPE_TAG: u8 = 18;
const ENUM64: u8 = 19;

/// Returns where the kernel's own types end, from its `vmlinux`; `None` if that has no types that can
/// be read.
pub fn btf_base_of_kernel(vmlinux: &[u8]) -> Option<BtfBase> {
    let types = super::elf::section_of_any(vmlinux, b".BTF")?;
    Btf::parse(types).ok().map(|btf| btf.as_base())
}

impl<'a> Btf<'a> {
    /// Reads a `.BTF` section.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let order = match bytes.get(..2) {
            Some(magic) if magic == MAGIC.to_le_bytes() => ByteOrder::LittleEndian,
            Some(magic) if magic == MAGIC.to_be_bytes() => ByteOrder::BigEndian,
            Some(_) | None => return Err(BtfError::NoHeader),
        };
        let word = |at: usize| {
            let word = order.u32_at(bytes, at).ok_or(BtfError::NoHeader)?;
            Ok(word as usize)
        };
        let header = word(4)?;
        if header < HEADER || header > bytes.len() {
            return Err(BtfError::NoHeader);
        }
        // Both are counted from the end of the header.
        let part = |at: usize, length: usize| {
            let from = header.checked_add(at).ok_or(BtfError::OutOfPlace)?;
            let to = from.checked_add(length).ok_or(BtfError::OutOfPlace)?;
            (to <= bytes.len())
                .then_some(from..to)
                .ok_or(BtfError::OutOfPlace)
        };
        let types = part(word(8)?, word(12)?)?;
        let strings = part(word(16)?, word(20)?)?;
        if types.end > strings.start {
            return Err(BtfError::OutOfPlace);
        }
        let rest = [
            &bytes[HEADER..header],
            &bytes[header..types.start],
            &bytes[types.end..strings.start],
            &bytes[strings.end..],
        ]
        .concat();
        let mut read = Self {
            order,
            version: bytes[2],
            flags: bytes[3],
            types: Vec::new(),
            words: Vec::new(),
            strings: &bytes[strings],
            rest,
        };
        read.read_types(&bytes[types])?;
        Ok(read)
    }

    fn read_types(&mut self, bytes: &[u8]) -> Result<(), BtfError> {
        use Role::{Name, Plain, Type};
        let mut at = 0;
        while at < bytes.len() {
            if self.types.len() == MAX_TYPES {
                return Err(BtfError::TooManyTypes);
            }
            let number = self.types.len() as u32;
            let first = self.words.len();
            let info = self
                .order
                .u32_at(bytes, at + 4)
                .ok_or(BtfError::CutType(number))?;
            let (count, kind) = ((info & 0xffff) as usize, (info >> 24 & 0x1f) as u8);
            let last = match kind {
                PTR | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNC | FUNC_PROTO | VAR
                | DECL_TAG | TYPE_TAG => Type,
                INT | ARRAY | STRUCT | UNION | ENUM | FWD | DATASEC | FLOAT | ENUM64 => Plain,
                _ => return Err(BtfError::UnknownKind(number)),
            };
            let (behind, times): (&[Role], usize) = match kind {
                INT | VAR | DECL_TAG => (&[Plain], 1),
                ARRAY => (&[Type, Type, Plain], 1),
                STRUCT | UNION => (&[Name, Type, Plain], count),
                ENUM => (&[Name, Plain], count),
                FUNC_PROTO => (&[Name, Type], count),
                DATASEC => (&[Type, Plain, Plain], count),
                ENUM64 => (&[Name, Plain, Plain], count),
                _ => (&[], 0),
            };
            let roles = [Name, Plain, last];
            let all = roles
                .iter()
                .chain(std::iter::repeat_n(behind, times).flatten());
            for role in all {
                let word = self.order.u32_at(bytes, at);
                let word = word.ok_or(BtfError::CutType(number))?;
                self.words.push((*role, word));
                at += 4;
            }
            self.types.push(BtfType {
                kind,
                first,
                count: self.words.len() - first,
            });
        }
        Ok(())
    }

    /// Returns the strings, each ended by a zero.
    pub fn strings(&self) -> &'a [u8] {
        self.strings
    }

    /// Returns where the types of a module begin that these are the base of.
    pub fn as_base(&self) -> BtfBase {
        BtfBase {
            types: self.types.len() as u32 + 1,
            strings: self.strings.len() as u32,
        }
    }

    /// Finds where these types begin, from nothing but themselves; `None` if it can be in several
    /// places.
    ///
    /// That the types are not split is certain. Otherwise it rests on what pahole and libbpf write:
    /// every string is used, and every reference is to a kind that C allows there.
    pub fn inferred_base(&self) -> Option<BtfBase> {
        let all = self.words.iter();
        let most = |role: Role| {
            let of = all.clone().filter(|word| word.0 == role);
            of.map(|word| word.1).max()
        };
        let (names, types) = (most(Role::Name)?, most(Role::Type).unwrap_or(0));
        let count = self.types.len() as u32;
        if self.strings.first() == Some(&0)
            && (names as usize) < self.strings.len()
            && types <= count
        {
            return Some(BtfBase {
                types: 1,
                strings: 0,
            });
        }
        Some(BtfBase {
            types: self.first_type(types)?,
            strings: self.first_string(names)?,
        })
    }

    /// The last string is used, and so is every other.
    fn first_string(&self, most: u32) -> Option<u32> {
        let [rest @ .., 0] = self.strings else {
            return self.strings.is_empty().then(|| most.checked_add(1))?;
        };
        let last = memchr::memrchr(0, rest).map_or(0, |at| at + 1) as u32;
        let first = most.checked_sub(last)?;
        let mut used: Vec<u32> = self
            .words
            .iter()
            .filter(|(role, at)| *role == Role::Name && *at >= first)
            .map(|(_, at)| at - first)
            .collect();
        used.sort_unstable();
        used.dedup();
        let starts = std::iter::once(0).chain(memchr::memchr_iter(0, rest).map(|at| at as u32 + 1));
        starts.eq(used).then_some(first)
    }

    fn first_type(&self, most: u32) -> Option<u32> {
        /// How many pairs of a candidate and a reference are looked at.
        const MOST_WORK: usize = 100_000_000;
        let count = self.types.len() as u32;
        let mut references: Vec<(u32, u8, usize)> = Vec::new();
        for of in &self.types {
            let words = &self.words[of.first..of.first + of.count];
            for (slot, (role, to)) in words.iter().enumerate() {
                if *role == Role::Type && *to != 0 {
                    references.push((*to, of.kind, slot));
                }
            }
        }
        // What refers to the last types is looked at first: it refutes most candidates.
        references.sort_unstable_by_key(|(to, ..)| std::cmp::Reverse(*to));
        let end = most.checked_add(1)?;
        let from = end.saturating_sub(count).max(1);
        if (end - from) as usize >= MOST_WORK / references.len().max(1) {
            return None;
        }
        let mut fitting = (from..=end).filter(|first| self.fits(*first, &references));
        let found = fitting.next()?;
        fitting.next().is_none().then_some(found)
    }

    /// Returns true if every reference to a type of the module is to one that C allows there, and
    /// every signature is somebody's.
    fn fits(&self, first: u32, references: &[(u32, u8, usize)]) -> bool {
        let mut has_owner = vec![false; self.types.len()];
        for (to, kind, slot) in references.iter().take_while(|(to, ..)| *to >= first) {
            let Some(target) = self.types.get((to - first) as usize) else {
                return false;
            };
            if !allows(*kind, *slot, target.kind) {
                return false;
            }
            has_owner[(to - first) as usize] = true;
        }
        let mut all = self.types.iter().zip(has_owner);
        all.all(|(of, has_owner)| of.kind != FUNC_PROTO || has_owner)
    }
}

/// Returns true if a type of one kind may refer to one of another at this word.
fn allows(kind: u8, slot: usize, target: u8) -> bool {
    let is_value = !matches!(target, FUNC | FUNC_PROTO | VAR | DATASEC | DECL_TAG | FWD);
    match kind {
        FUNC => target == FUNC_PROTO,
        DATASEC => target == VAR,
        DECL_TAG => matches!(target, STRUCT | UNION | TYPEDEF | FUNC | VAR),
        // The type of an index.
        ARRAY if slot == 4 => target == INT,
        ARRAY | STRUCT | UNION | FUNC_PROTO | VAR => is_value,
        _ => is_value || matches!(target, FUNC_PROTO | FWD),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Writes types from words, with what is referred to by name.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Written {
        pub types: Vec<Vec<Word>>,
    }

    #[derive(Debug, Clone, Copy)]
    pub(crate) enum Word {
        Plain(u32),
        /// Text of the module's own strings.
        Name(&'static str),
        /// A type of the module, by its place in `types`.
        Own(usize),
        /// A type or a string of the kernel.
        Base(u32),
    }

    impl Written {
        /// Writes the types in another order: `order[n]` is the place of what comes n-th. The strings
        /// follow the types' order.
        pub fn bytes(&self, order: &[usize], base: BtfBase) -> Vec<u8> {
            let mut strings: Vec<u8> = Vec::new();
            if base.strings == 0 {
                strings.push(0);
            }
            let mut known: Vec<(&str, u32)> = vec![];
            let mut types = Vec::new();
            for place in order {
                for word in &self.types[*place] {
                    let word = match *word {
                        Word::Plain(word) | Word::Base(word) => word,
                        Word::Name("") => 0,
                        Word::Name(text) => match known.iter().find(|(name, _)| *name == text) {
                            Some((_, at)) => *at,
                            None => {
                                let at = base.strings + strings.len() as u32;
                                known.push((text, at));
                                strings.extend(text.bytes().chain([0]));
                                at
                            }
                        },
                        Word::Own(place) => {
                            let now = order.iter().position(|other| *other == place);
                            base.types + now.expect("it is in the order") as u32
                        }
                    };
                    types.extend(word.to_le_bytes());
                }
            }
            let mut bytes = vec![0x9f, 0xeb, 1, 0];
            for word in [HEADER, 0, types.len(), types.len(), strings.len()] {
                bytes.extend((word as u32).to_le_bytes());
            }
            bytes.extend(types);
            bytes.extend(strings);
            bytes
        }
    }

    pub(crate) const KERNEL: BtfBase = BtfBase {
        types: 1000,
        strings: 9000,
    };

    pub(crate) fn info(kind: u8, count: u32) -> Word {
        Word::Plain(u32::from(kind) << 24 | count)
    }

    /// A structure that holds a pointer to itself and an integer of the kernel, a function over it,
    /// and another function.
    pub(crate) fn small() -> Written {
        use Word::{Base, Name, Own, Plain};
        Written {
            types: vec![
                vec![
                    Name("state"),
                    info(STRUCT, 2),
                    Plain(16),
                    Name("next"),
                    Own(1),
                    Plain(0),
                    Name("count"),
                    Base(7),
                    Plain(64),
                ],
                vec![Plain(0), info(PTR, 0), Own(0)],
                vec![Plain(0), info(FUNC_PROTO, 1), Base(7), Name("of"), Own(1)],
                vec![Name("grow"), info(FUNC, 0), Own(2)],
                vec![Plain(0), info(FUNC_PROTO, 0), Base(7)],
                vec![Name("begin"), info(FUNC, 0), Own(4)],
                vec![Plain(0), info(CONST, 0), Own(0)],
            ],
        }
    }

    #[test]
    fn types_are_read_with_their_references() {
        let bytes = small().bytes(&[0, 1, 2, 3, 4, 5, 6], KERNEL);
        let btf = Btf::parse(&bytes).expect("types");
        let kinds: Vec<u8> = btf.types.iter().map(|of| of.kind).collect();
        assert_eq!(
            kinds,
            [STRUCT, PTR, FUNC_PROTO, FUNC, FUNC_PROTO, FUNC, CONST]
        );
        assert!(btf.rest.is_empty());
        for end in 0..bytes.len() {
            assert!(Btf::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn where_a_modules_types_begin_is_found_or_not_said() {
        for order in [[0, 1, 2, 3, 4, 5, 6], [2, 3, 6, 0, 1, 4, 5]] {
            let bytes = small().bytes(&order, KERNEL);
            let btf = Btf::parse(&bytes).expect("types");
            if let Some(found) = btf.inferred_base() {
                assert_eq!(found, KERNEL, "{order:?}");
            }
        }
        let whole = BtfBase {
            types: 1,
            strings: 0,
        };
        let bytes = Written {
            types: vec![vec![
                Word::Name("int"),
                info(INT, 0),
                Word::Plain(4),
                Word::Plain(32),
            ]],
        }
        .bytes(&[0], whole);
        let btf = Btf::parse(&bytes).expect("types");
        assert_eq!(btf.inferred_base(), Some(whole));
        assert_eq!(
            btf.as_base(),
            BtfBase {
                types: 2,
                strings: 5
            }
        );
    }
}

//! Writing small ELF files, for tests.

/// How an ELF file of an architecture is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub wide: bool,
    pub big: bool,
    pub machine: u16,
}

/// One section to be written.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub name: &'static str,
    pub kind: u32,
    pub flags: u32,
    pub link: u32,
    pub info: u32,
    pub entry: u32,
    pub data: Vec<u8>,
}

impl Piece {
    /// A section of plain bytes.
    pub fn plain(name: &'static str, data: impl Into<Vec<u8>>) -> Self {
        Self {
            name,
            kind: 1,
            flags: 0,
            link: 0,
            info: 0,
            entry: 0,
            data: data.into(),
        }
    }

    pub fn flags(mut self, flags: u64) -> Self {
        self.flags = u32::try_from(flags).expect("small");
        self
    }
}

impl Form {
    pub const AMD64: Self = Self {
        wide: true,
        big: false,
        machine: 62,
    };
    /// Both widths in both byte orders.
    pub const ALL: [Self; 4] = [
        Self::AMD64,
        Self {
            wide: true,
            big: true,
            machine: 22,
        },
        Self {
            wide: false,
            big: false,
            machine: 40,
        },
        Self {
            wide: false,
            big: true,
            machine: 8,
        },
    ];

    pub fn half(self, value: u16) -> Vec<u8> {
        if self.big {
            value.to_be_bytes().to_vec()
        } else {
            value.to_le_bytes().to_vec()
        }
    }

    pub fn word(self, value: u32) -> Vec<u8> {
        if self.big {
            value.to_be_bytes().to_vec()
        } else {
            value.to_le_bytes().to_vec()
        }
    }

    /// An address, offset or size, which has the width of the class.
    pub fn long(self, value: u32) -> Vec<u8> {
        match (self.wide, self.big) {
            (true, true) => u64::from(value).to_be_bytes().to_vec(),
            (true, false) => u64::from(value).to_le_bytes().to_vec(),
            (false, _) => self.word(value),
        }
    }

    /// Writes a relocatable with these sections, all plain bytes.
    pub fn relocatable(self, sections: &[(&'static str, &[u8])]) -> Vec<u8> {
        let pieces: Vec<Piece> = sections
            .iter()
            .map(|(name, data)| Piece::plain(name, *data))
            .collect();
        self.file(&pieces)
    }

    /// Writes a relocatable with these sections (System V ABI, "ELF Header", "Sections"). The names
    /// stand last.
    pub fn file(self, pieces: &[Piece]) -> Vec<u8> {
        let (header, entry) = if self.wide { (64, 64) } else { (52, 40) };
        let mut names = vec![0];
        let mut body = Vec::new();
        // Piece, name, offset, size.
        let mut table = vec![(
            Piece {
                kind: 0,
                ..Piece::plain("", [])
            },
            0,
            0,
            0,
        )];
        let number = |n: usize| u32::try_from(n).expect("small");
        for piece in pieces {
            let at = number(names.len());
            names.extend(piece.name.bytes().chain([0]));
            let size = number(piece.data.len());
            body.resize(body.len().next_multiple_of(8), 0);
            table.push((piece.clone(), at, number(header + body.len()), size));
            body.extend_from_slice(&piece.data);
        }
        let at = number(names.len());
        names.extend(b".shstrtab\0");
        let last = Piece {
            kind: 3,
            ..Piece::plain("", [])
        };
        table.push((last, at, number(header + body.len()), number(names.len())));
        body.extend_from_slice(&names);
        body.resize(body.len().next_multiple_of(8), 0);

        let mut file = b"\x7fELF".to_vec();
        file.extend([1 + u8::from(self.wide), 1 + u8::from(self.big), 1]);
        file.resize(16, 0);
        file.extend(self.half(1));
        file.extend(self.half(self.machine));
        file.extend(self.word(1));
        file.extend(self.long(0));
        file.extend(self.long(0));
        file.extend(self.long(number(header + body.len())));
        file.extend(self.word(0));
        let halves = [
            number(header),
            0,
            0,
            entry,
            number(table.len()),
            number(table.len() - 1),
        ];
        for half in halves {
            file.extend(self.half(u16::try_from(half).expect("small")));
        }
        assert_eq!(file.len(), header);
        file.extend_from_slice(&body);
        for (piece, name, offset, size) in table {
            file.extend(self.word(name));
            file.extend(self.word(piece.kind));
            file.extend(self.long(piece.flags));
            file.extend(self.long(0));
            file.extend(self.long(offset));
            file.extend(self.long(size));
            file.extend(self.word(piece.link));
            file.extend(self.word(piece.info));
            file.extend(self.long(1));
            file.extend(self.long(piece.entry));
        }
        file
    }

    /// Writes one entry of a symbol table (System V ABI, "Symbol Table").
    pub fn symbol(self, name: u32, info: u8, section: u16, value: u32) -> Vec<u8> {
        let mut entry = self.word(name);
        if self.wide {
            entry.extend([info, 0]);
            entry.extend(self.half(section));
            entry.extend(self.long(value));
            entry.extend(self.long(0));
        } else {
            entry.extend(self.long(value));
            entry.extend(self.long(0));
            entry.extend([info, 0]);
            entry.extend(self.half(section));
        }
        entry
    }

    /// Writes one relocation with an addend (System V ABI, "Relocation").
    pub fn relocation(self, at: u32, symbol: u32, kind: u32) -> Vec<u8> {
        let mut entry = self.long(at);
        match (self.wide, self.big) {
            (true, true) => {
                entry.extend(self.word(symbol));
                entry.extend(self.word(kind));
            }
            (true, false) => {
                entry.extend(self.word(kind));
                entry.extend(self.word(symbol));
            }
            (false, _) => entry.extend(self.word(symbol << 8 | kind)),
        }
        entry.extend(self.long(16));
        entry
    }
}

/// What a small module is made of; tests change one thing of it.
pub(crate) fn pieces(form: Form) -> Vec<Piece> {
    let names = b"\0start\0printk\0".to_vec();
    let mut symbols = form.symbol(0, 0, 0, 0);
    symbols.extend(form.symbol(0, 3, 1, 0));
    symbols.extend(form.symbol(1, 0x12, 1, 0));
    symbols.extend(form.symbol(7, 0x10, 0, 0));
    let modinfo = b"license=GPL\0name=x\0vermagic=6.12.1-x SMP mod_unload \0";
    let (width, relocation) = if form.wide { (24, 24) } else { (16, 12) };
    vec![
        Piece::plain(".text", *b"\x90\x90\x90\x90\0\0\0\0\xc3").flags(6),
        Piece {
            kind: 4,
            link: 6,
            info: 1,
            entry: relocation,
            ..Piece::plain(".rela.text", form.relocation(4, 3, 2))
        },
        Piece::plain(".rodata.str1.1", *b"hello\0world\0").flags(0x32),
        Piece::plain(".modinfo", *modinfo).flags(2),
        Piece::plain(".comment", *b"\0GCC: (Debian 14.2.0-19) 14.2.0\0"),
        Piece::plain(".note.gnu.build-id", build_id_note(form, &[1; 20])),
        Piece {
            kind: 2,
            link: 7,
            info: 2,
            entry: width,
            ..Piece::plain(".symtab", symbols)
        },
        Piece {
            kind: 3,
            ..Piece::plain(".strtab", names)
        },
    ]
    .into_iter()
    .map(|mut piece| {
        // The table of symbols is the seventh section, and its names the eighth.
        match piece.kind {
            2 => piece.link = 8,
            4 => piece.link = 7,
            _ => {}
        }
        piece
    })
    .collect()
}

/// Writes that module.
pub(crate) fn module(form: Form) -> Vec<u8> {
    form.file(&pieces(form))
}

/// Writes the note of a build id.
pub(crate) fn build_id_note(form: Form, id: &[u8]) -> Vec<u8> {
    let length = u32::try_from(id.len()).expect("small");
    let mut note = [form.word(4), form.word(length), form.word(3)].concat();
    note.extend(b"GNU\0");
    note.extend(id);
    note
}

//! How numbers are written in a file.

/// How wide addresses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Width {
    #[serde(rename = "32")]
    Bits32,
    #[serde(rename = "64")]
    Bits64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByteOrder {
    LittleEndian,
    BigEndian,
}

impl ByteOrder {
    /// Reads 32 bits at a place; `None` beyond the end.
    pub fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self {
            Self::LittleEndian => u32::from_le_bytes(word),
            Self::BigEndian => u32::from_be_bytes(word),
        })
    }

    /// Reads 64 bits at a place; `None` beyond the end.
    pub fn u64_at(self, bytes: &[u8], at: usize) -> Option<u64> {
        let word: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(match self {
            Self::LittleEndian => u64::from_le_bytes(word),
            Self::BigEndian => u64::from_be_bytes(word),
        })
    }
}

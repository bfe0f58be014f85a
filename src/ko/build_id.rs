//! The build id: a note that the linker makes of a digest of what it wrote.

use super::{ByteOrder, Part};

/// `NT_GNU_BUILD_ID` (binutils, `include/elf/common.h`).
const NT_GNU_BUILD_ID: u32 = 3;

/// Returns the build id, if a section is nothing but the note that holds one.
///
/// A note is `namesz`, `descsz`, `type`, the name and the description, each padded to 4 bytes (System
/// V ABI, "Note Section").
pub fn build_id<'a>(order: ByteOrder, part: &Part<'a>) -> Option<&'a [u8]> {
    let data = part.data;
    let (name, length, kind) = (
        order.u32_at(data, 0)?,
        order.u32_at(data, 4)?,
        order.u32_at(data, 8)?,
    );
    if name != 4 || kind != NT_GNU_BUILD_ID || data.get(12..16)? != b"GNU\0" {
        return None;
    }
    let id = data.get(16..16_usize.checked_add(length as usize)?)?;
    (data.len() == 16 + id.len().next_multiple_of(4)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::super::Module;
    use super::super::testing::{Form, build_id_note};
    use super::*;

    #[test]
    fn only_a_section_that_is_one_build_id_has_one() {
        for form in Form::ALL {
            let note = build_id_note(form, &[7; 20]);
            let mut other = note.clone();
            other[12] = b'X';
            let longer = [&note[..], &note[..]].concat();
            for (data, expected) in [
                (&note[..], Some(&[7; 20][..])),
                (&note[..35], None),
                (&longer, None),
                (&other, None),
                (&[], None),
            ] {
                let bytes = form.relocatable(&[(".note.gnu.build-id", data)]);
                let module = Module::parse(&bytes).expect("a module");
                let part = module.part(".note.gnu.build-id").expect("a section");
                assert_eq!(build_id(module.order, part), expected, "{form:?}");
            }
        }
    }
}

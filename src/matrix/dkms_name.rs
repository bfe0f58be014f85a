//! The name in a `dkms.conf`, read as text.

/// Returns the value of a variable of a `dkms.conf` where it is written out: on a line of its own, and
/// without anything that a shell would expand.
///
/// # Security
///
/// A `dkms.conf` is a bash script that came with somebody's source, and nothing on this machine runs
/// it. What this cannot read stays unread; builds evaluate the file inside their container.
pub fn written_out<'t>(text: &'t str, variable: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let value = line
            .trim_start()
            .strip_prefix(variable)?
            .strip_prefix('=')?;
        let value = match value.chars().next()? {
            quote @ ('"' | '\'') => {
                let (value, rest) = value[1..].split_once(quote)?;
                let rest = rest.trim_start();
                (rest.is_empty() || rest.starts_with('#')).then_some(value)?
            }
            _ => {
                let (value, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
                let rest = rest.trim_start();
                (rest.is_empty() || rest.starts_with('#')).then_some(value)?
            }
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+~:-".contains(c);
        (!value.is_empty() && value.chars().all(is_plain)).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_out_is_read() {
        for (text, expected) in [
            ("PACKAGE_NAME=\"v4l2loopback\"", Some("v4l2loopback")),
            ("PACKAGE_NAME='a-b'  # a comment", Some("a-b")),
            ("  PACKAGE_NAME=a.b\t# a comment", Some("a.b")),
            ("PACKAGE_NAME=a\r\nMAKE=b", Some("a")),
            ("# PACKAGE_NAME=a\nPACKAGE_NAME=b", Some("b")),
            ("PACKAGE_NAME=$(reboot)", None),
            ("PACKAGE_NAME=\"$NAME\"", None),
            ("PACKAGE_NAME=`name`", None),
            ("PACKAGE_NAME=\"a\"b", None),
            ("PACKAGE_NAME=a reboot", None),
            ("PACKAGE_NAME=a;reboot", None),
            ("PACKAGE_NAME=\"a", None),
            ("PACKAGE_NAME=", None),
            ("PACKAGE_NAME_OTHER=a", None),
            ("MY_PACKAGE_NAME=a", None),
            ("", None),
        ] {
            assert_eq!(written_out(text, "PACKAGE_NAME"), expected, "{text}");
        }
    }
}

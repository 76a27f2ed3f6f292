//! Observed bytes -> printable ASCII text, once, at the border.
//!
//! Promises: whatever the bytes, the text is printable ASCII, and two different byte strings give two different texts (the
//! escape character escapes itself). Refuses: guessing an encoding; nothing here decodes UTF-8 or punycode.

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends one DNS label: ASCII lower-case; `.`, `\`, space and what is not printable ASCII as `\DDD` (RFC 1035 5.1).
pub fn dns_label_into(label: &[u8], out: &mut String) {
    for &byte in label {
        match byte {
            b'.' | b'\\' => decimal_into(byte, out),
            0x21..=0x7e => out.push(char::from(byte.to_ascii_lowercase())),
            _ => decimal_into(byte, out),
        }
    }
}

/// Appends a DNS character-string in quotes: `"` and `\` behind a backslash, what is not printable ASCII as `\DDD`.
pub fn quoted_into(bytes: &[u8], out: &mut String) {
    out.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            0x20..=0x7e => out.push(char::from(byte)),
            _ => decimal_into(byte, out),
        }
    }
    out.push('"');
}

/// The bytes with what is not printable ASCII, and the backslash, as `\xNN` (two lower-case hex digits).
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => escaped_into(byte, &mut out),
            0x20..=0x7e => out.push(char::from(byte)),
            _ => escaped_into(byte, &mut out),
        }
    }
    out
}

/// A host name from SNI, Host or a request target: ASCII lower-case, one trailing dot stripped, then as [`printable`].
#[must_use]
pub fn hostname(bytes: &[u8]) -> String {
    let bare = bytes.strip_suffix(b".").unwrap_or(bytes);
    printable(&bare.to_ascii_lowercase())
}

/// The bytes as lower-case hex digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    hex_into(bytes, &mut out);
    out
}

/// Appends the bytes as lower-case hex digits.
pub fn hex_into(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
    }
}

/// Appends the bytes in base64 with padding (RFC 4648 4).
pub fn base64_into(bytes: &[u8], out: &mut String) {
    for group in bytes.chunks(3) {
        let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            if place <= group.len() {
                out.push(char::from(BASE64[(word >> (18 - 6 * place) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
}

/// Appends the bytes in base32 with the extended hex alphabet, lower-case and without padding (RFC 4648 7).
pub fn base32hex_into(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let (mut word, mut bits) = (0_u32, 0);
    for &byte in bytes {
        word = word << 8 | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(DIGITS[(word >> bits & 31) as usize]));
        }
        word &= 31;
    }
    if bits > 0 {
        out.push(char::from(DIGITS[(word << (5 - bits) & 31) as usize]));
    }
}

fn escaped_into(byte: u8, out: &mut String) {
    out.push_str("\\x");
    hex_into(&[byte], out);
}

fn decimal_into(byte: u8, out: &mut String) {
    out.push('\\');
    for unit in [100, 10, 1] {
        out.push(char::from(b'0' + byte / unit % 10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn label(bytes: &[u8]) -> String {
        let mut out = String::new();
        dns_label_into(bytes, &mut out);
        out
    }

    #[test]
    fn every_byte_gives_printable_ascii_and_its_own_text() {
        let texts: HashSet<String> = (0..=255u8).map(|b| printable(&[b])).collect();
        assert_eq!(texts.len(), 256);
        let labels: HashSet<String> = (0..=255u8).map(|b| label(&[b])).collect();
        assert_eq!(labels.len(), 256 - 26, "only the letters fold");
        assert!(texts.iter().chain(&labels).all(|t| t.bytes().all(|b| (0x20..0x7f).contains(&b))));
    }

    #[test]
    fn a_dot_inside_a_label_is_never_a_separator() {
        assert_eq!(label(b"A.b c\\d\0\xff"), r"a\046b\032c\092d\000\255");
    }

    #[test]
    fn a_host_loses_one_dot_and_its_capitals() {
        assert_eq!(hostname(b"Results.Example."), "results.example");
        assert_eq!(hostname(b"a.."), "a.");
        assert_eq!(hostname(b"\xc3\xa9\\x"), r"\xc3\xa9\x5cx");
    }

    #[test]
    fn quoted_strings_escape_quote_and_backslash() {
        let mut out = String::new();
        quoted_into(b"a \"b\" \\ \n", &mut out);
        assert_eq!(out, "\"a \\\"b\\\" \\\\ \\010\"");
    }

    #[test]
    fn base64_of_the_rfc_4648_vectors() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            let mut out = String::new();
            base64_into(bytes.as_bytes(), &mut out);
            assert_eq!(out, text);
        }
    }
}

//! Record data as presentation text (RFC 1035 5.1, RFC 9460 2.1); what is not known or not sound as RFC 3597 `\# length hex`.
//!
//! Names inside the data are written as everywhere: lower-case, no trailing dot.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::name;
use crate::recognise::Cursor;
use crate::text::{base64_into, hex_into, quoted_into};

const IN: u16 = 1;
/// mDNS uses the top bit of the class for itself (RFC 6762 10.2).
const CLASS_BITS: u16 = 0x7fff;

/// One record's data: where it lies in its message, since names in it may point backward.
#[derive(Clone, Copy)]
pub struct Rdata<'a> {
    pub message: &'a [u8],
    pub start: usize,
    pub end: usize,
}

impl<'a> Rdata<'a> {
    /// Appends the data of a record of this type and class as text; false where it was not sound and is shown as hex.
    pub fn text_into(self, rtype: u16, rclass: u16, out: &mut String) -> bool {
        let before = out.len();
        let known = match rtype {
            1 | 28 | 64 | 65 if rclass & CLASS_BITS != IN => Some(false),
            1 => self.ipv4(out).map(|()| true),
            28 => self.ipv6(out).map(|()| true),
            2 | 5 | 12 | 39 => self.names(0, 1, out).map(|()| true),
            15 => self.names(1, 1, out).map(|()| true),
            33 => self.names(3, 1, out).map(|()| true),
            6 => self.soa(out).map(|()| true),
            16 | 99 => self.strings(out).map(|()| true),
            64 | 65 => self.service(out).map(|()| true),
            257 => self.caa(out).map(|()| true),
            _ => Some(false),
        };
        if known != Some(true) {
            out.truncate(before);
            self.unknown(out);
        }
        known.is_some()
    }

    fn bytes(self) -> &'a [u8] {
        self.message.get(self.start..self.end).unwrap_or_default()
    }

    fn unknown(self, out: &mut String) {
        let bytes = self.bytes();
        let _ = write!(out, "\\# {}", bytes.len());
        if !bytes.is_empty() {
            out.push(' ');
            hex_into(bytes, out);
        }
    }

    fn ipv4(self, out: &mut String) -> Option<()> {
        let octets: [u8; 4] = self.bytes().try_into().ok()?;
        write!(out, "{}", Ipv4Addr::from(octets)).ok()
    }

    fn ipv6(self, out: &mut String) -> Option<()> {
        let octets: [u8; 16] = self.bytes().try_into().ok()?;
        write!(out, "{}", Ipv6Addr::from(octets)).ok()
    }

    /// `numbers` 16-bit numbers and then `names` names, to the end of the data.
    fn names(self, numbers: usize, names: usize, out: &mut String) -> Option<()> {
        let at = self.numbers_and_names(numbers, names, out)?;
        (at == self.end).then_some(())
    }

    fn numbers_and_names(self, numbers: usize, names: usize, out: &mut String) -> Option<usize> {
        let mut cursor = Cursor::new(self.bytes());
        for _ in 0..numbers {
            write!(out, "{} ", cursor.u16()?).ok()?;
        }
        let mut at = self.end - cursor.rest().len();
        for i in 0..names {
            if i > 0 {
                out.push(' ');
            }
            at = name::read_into(self.message.get(..self.end)?, at, out).ok()?;
        }
        Some(at)
    }

    fn soa(self, out: &mut String) -> Option<()> {
        let at = self.numbers_and_names(0, 2, out)?;
        let mut cursor = Cursor::new(self.message.get(at..self.end)?);
        for _ in 0..5 {
            write!(out, " {}", cursor.u32()?).ok()?;
        }
        cursor.is_empty().then_some(())
    }

    fn strings(self, out: &mut String) -> Option<()> {
        let mut cursor = Cursor::new(self.bytes());
        loop {
            quoted_into(cursor.counted8()?, out);
            if cursor.is_empty() {
                return Some(());
            }
            out.push(' ');
        }
    }

    fn caa(self, out: &mut String) -> Option<()> {
        let mut cursor = Cursor::new(self.bytes());
        write!(out, "{} ", cursor.u8()?).ok()?;
        let tag = cursor.counted8()?;
        if tag.is_empty() || !tag.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        out.extend(tag.iter().copied().map(char::from));
        out.push(' ');
        quoted_into(cursor.rest(), out);
        Some(())
    }

    /// SVCB and HTTPS (RFC 9460 2.2): keys in strictly rising order.
    fn service(self, out: &mut String) -> Option<()> {
        let at = self.numbers_and_names(1, 1, out)?;
        let mut cursor = Cursor::new(self.message.get(at..self.end)?);
        let mut last = None;
        while !cursor.is_empty() {
            let key = cursor.u16()?;
            if last.is_some_and(|before| before >= key) {
                return None;
            }
            last = Some(key);
            out.push(' ');
            parameter(key, cursor.counted16()?, out)?;
        }
        Some(())
    }
}

fn parameter(key: u16, value: &[u8], out: &mut String) -> Option<()> {
    key_into(key, out);
    if value.is_empty() {
        return Some(());
    }
    out.push('=');
    let mut cursor = Cursor::new(value);
    match key {
        0 => listed(&mut cursor, out, |c, out| {
            key_into(c.u16()?, out);
            Some(())
        }),
        1 | 10 => protocols(&mut cursor, out),
        3 => {
            write!(out, "\"{}\"", cursor.u16()?).ok()?;
            cursor.is_empty().then_some(())
        }
        4 => listed(&mut cursor, out, |c, out| {
            let octets: [u8; 4] = c.take(4)?.try_into().ok()?;
            write!(out, "{}", Ipv4Addr::from(octets)).ok()
        }),
        5 => {
            out.push('"');
            base64_into(value, out);
            out.push('"');
            Some(())
        }
        6 => listed(&mut cursor, out, |c, out| {
            let octets: [u8; 16] = c.take(16)?.try_into().ok()?;
            write!(out, "{}", Ipv6Addr::from(octets)).ok()
        }),
        _ => {
            quoted_into(value, out);
            Some(())
        }
    }
}

fn key_into(key: u16, out: &mut String) {
    let word = match key {
        0 => "mandatory",
        1 => "alpn",
        2 => "no-default-alpn",
        3 => "port",
        4 => "ipv4hint",
        5 => "ech",
        6 => "ipv6hint",
        7 => "dohpath",
        8 => "ohttp",
        10 => "docpath",
        _ => {
            let _ = write!(out, "key{key}");
            return;
        }
    };
    out.push_str(word);
}

type Each = fn(&mut Cursor<'_>, &mut String) -> Option<()>;

fn listed(cursor: &mut Cursor<'_>, out: &mut String, each: Each) -> Option<()> {
    out.push('"');
    loop {
        each(cursor, out)?;
        if cursor.is_empty() {
            out.push('"');
            return Some(());
        }
        out.push(',');
    }
}

/// Counted strings as one quoted list; a comma or backslash inside one is escaped twice (RFC 9460 A.1).
fn protocols(cursor: &mut Cursor<'_>, out: &mut String) -> Option<()> {
    let mut list = Vec::new();
    while !cursor.is_empty() {
        if !list.is_empty() {
            list.push(b',');
        }
        for &byte in cursor.counted8()? {
            if matches!(byte, b',' | b'\\') {
                list.push(b'\\');
            }
            list.push(byte);
        }
    }
    quoted_into(&list, out);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rtype: u16, data: &[u8]) -> String {
        let message = [&b"\0\0\0\0\0\0\0\0\0\0\0\0\x07example\x00"[..], data].concat();
        let mut out = String::new();
        let rdata = Rdata { message: &message, start: 21, end: message.len() };
        rdata.text_into(rtype, 1, &mut out);
        out
    }

    #[test]
    fn each_known_type_reads_as_in_a_zone_file() {
        for (rtype, data, expected) in [
            (1, &[192, 0, 2, 1][..], "192.0.2.1"),
            (28, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], "2001:db8::7"),
            (5, b"\x03Www\xc0\x0c", "www.example"),
            (15, b"\x00\x0a\x02mx\xc0\x0c", "10 mx.example"),
            (33, b"\x00\x01\x00\x02\x01\xbb\xc0\x0c", "1 2 443 example"),
            (6, b"\xc0\x0c\x00\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05", "example . 1 2 3 4 5"),
            (16, b"\x03a\"b\x00\x01\xff", r#""a\"b" "" "\255""#),
            (257, b"\x00\x05issueca.example", r#"0 issue "ca.example""#),
            (
                65,
                b"\x00\x01\x00\0\x01\0\x06\x02h2\x02h3\0\x04\0\x04\xc0\x00\x02\x01",
                r#"1 . alpn="h2,h3" ipv4hint="192.0.2.1""#,
            ),
            (
                64,
                b"\x00\x02\xc0\x0c\0\0\0\x02\0\x03\0\x03\0\x02\x20\xfb\x02\x9a\0\0",
                r#"2 example mandatory="port" port="8443" key666"#,
            ),
            (48, b"\x01\x02", "\\# 2 0102"),
            (10, b"", "\\# 0"),
        ] {
            assert_eq!(text(rtype, data), expected, "type {rtype}");
        }
    }

    #[test]
    fn unsound_data_is_shown_as_hex() {
        for (rtype, data) in [
            (1, &[192, 0, 2][..]),
            (28, &[0; 15]),
            (5, b"\xc0\x0c\x00"),
            (16, b""),
            (16, b"\x05ab"),
            (6, b"\xc0\x0c\xc0\x0c\0"),
        ] {
            assert!(text(rtype, data).starts_with("\\# "), "type {rtype}");
        }
    }

    #[test]
    fn an_address_of_another_class_is_not_an_address() {
        let message = [0; 16];
        let mut out = String::new();
        assert!(Rdata { message: &message, start: 12, end: 16 }.text_into(1, 3, &mut out));
        assert_eq!(out, "\\# 4 00000000");
    }
}

//! Record data as presentation text (RFC 1035 5.1, RFC 9460 2.1, and each type's own), bytes in one piece; what is not known or not sound as RFC 3597 `\# length hex`.
//!
//! Names inside the data are written as everywhere: lower-case, no trailing dot.

mod layout;
mod special;

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use self::layout::Field;
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
            29 => self.place(out).map(|()| true),
            42 => self.prefixes(out).map(|()| true),
            45 => self.key_of_gateway(out).map(|()| true),
            55 => self.host_identity(out).map(|()| true),
            64 | 65 => self.service(out).map(|()| true),
            260 => self.relay(out).map(|()| true),
            _ => match layout::fields(rtype) {
                Some(fields) => self.fields(fields, out).map(|()| true),
                None => Some(false),
            },
        };
        // What would be no text at all (a digest of no bytes) is told as what it is.
        if known != Some(true) || out.len() == before {
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

    /// SVCB and HTTPS (RFC 9460 2.2): keys in strictly rising order.
    fn service(self, out: &mut String) -> Option<()> {
        let at = self.some_fields(&[Field::Short, Field::Name], out)?;
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
            (13, b"\x03cpu\x02os", r#""cpu" "os""#),
            (17, b"\x01a\xc0\x0c\x00", "a.example ."),
            (
                29,
                b"\0\x12\x16\x13\x8b\x0d\x27\x98\x80\x11\x36\xd8\0\x98\x95\xb8",
                "51 30 11.480 N 0 18 48.152 E -2.00m",
            ),
            (35, b"\0\x01\0\x02\x01u\x03E2U\x02!a\0", r#"1 2 "u" "E2U" "!a" ."#),
            (42, b"\0\x01\x18\x03\xc0\0\x02\0\x02\x20\x84\x20\x01\x0d\xb8", "1:192.0.2.0/24 !2:2001:db8::/32"),
            (43, b"\0\x07\x08\x02\xab\xcd", "7 8 2 abcd"),
            (45, b"\x0a\x01\x02\xc0\0\x02\x01\xab", "10 1 2 192.0.2.1 qw=="),
            (
                46,
                b"\0\x01\x08\x02\0\0\0\x3c\x6b\x02\xdb\x70\x38\x6d\x43\x80\0\x07\xc0\x0c\xab",
                "A 8 2 60 20261122120920 20000101000000 7 example qw==",
            ),
            (47, b"\x01b\xc0\x0c\0\x06\x40\x01\0\0\0\x03\x01\x01\x40", "b.example A MX RRSIG NSEC CAA"),
            (48, b"\x01\0\x03\x08\xab", "256 3 8 qw=="),
            (50, b"\x01\0\0\x0a\0\x05\xff\0\xff\0\xff\0\x01\x40", "1 0 10 - vs0fu07v A"),
            (52, b"\x03\x01\x01\xab\xcd", "3 1 1 abcd"),
            (55, b"\x02\x02\0\x01\xab\xcd\xab\xc0\x0c", "2 abcd qw== example"),
            (108, b"\0\x11\x22\x33\x44\x55", "00-11-22-33-44-55"),
            (104, b"\0\x0a\0\x14\x4f\xff\xff\x20\xee\x64", "10 0014:4fff:ff20:ee64"),
            (256, b"\0\x01\0\x02https://a/", r#"1 2 "https://a/""#),
            (260, b"\x0a\x80", "10 1 0 ."),
            (10, b"", "\\# 0"),
            (49, b"", "\\# 0"),
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
            (47, b"\x00\0\0"),
            (47, b"\x00\x01\x01\x40\x01\x01\x40"),
            (45, b"\x0a\x04\x02"),
            (29, b"\x01\x12\x16\x13\x8b\x0d\x2c\x8c\x7f\xf8\xfc\xa5\0\x98\x95\x18"),
            (42, b"\0\x01\x21\x03\xc0\0\x02"),
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

//! Record data that is a row of fields: what each type has, and how each field is written.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Rdata;
use crate::recognise::Cursor;
use crate::recognise::dns::{name, type_text};
use crate::text::{base32hex_into, base64_into, hex_into, quoted_into};

/// One field. Those up to the end of the data come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Byte,
    Short,
    Long,
    V4,
    V6,
    /// A gateway that there is not (RFC 4025 2.5): a dot, of no bytes.
    Nowhere,
    Name,
    /// A counted string in quotes.
    Text,
    /// A counted word of letters and digits, without quotes (CAA).
    Word,
    /// The mnemonic of a type.
    Type,
    /// Seconds since 1970 as `YYYYMMDDHHMMSS` (RFC 4034 3.2).
    Time,
    /// A counted salt in hex, `-` where there is none (RFC 5155 3.3).
    Salt,
    /// A counted digest in base32hex without padding (RFC 5155 3.3).
    Digest,
    /// Bytes behind a two-byte length, in base64; `""` where there are none.
    Base64,
    /// The same, left out where there are none.
    MoreBase64,
    /// Mnemonic of a kind of certificate (RFC 4398 2.1).
    CertificateKind,
    /// Mnemonic of a DNSSEC algorithm.
    Algorithm,
    /// This many bytes in hex, two digits between dashes (RFC 7043).
    Dashed(usize),
    /// Eight bytes in hex, four digits between colons (RFC 6742).
    Groups,
    /// Every string that is left, at least one.
    Texts,
    /// What is left as one string, at least a byte.
    Rest,
    /// What is left as one string, if it is nothing.
    RestOrNothing,
    RestHex,
    RestBase64,
    /// The types of a bit map (RFC 4034 4.1.2).
    Types,
}

/// The fields of a type; none where it is no row of fields.
pub(super) fn fields(rtype: u16) -> Option<&'static [Field]> {
    use Field::*;
    Some(match rtype {
        1 => &[V4],
        28 => &[V6],
        2 | 5 | 12 | 23 | 39 => &[Name],
        6 => &[Name, Name, Long, Long, Long, Long, Long],
        13 => &[Text, Text],
        15 | 18 | 21 | 36 | 107 => &[Short, Name],
        16 | 20 | 56 | 99 | 258 | 261 | 262 => &[Texts],
        17 => &[Name, Name],
        19 => &[Text],
        24 | 46 => &[Type, Byte, Byte, Long, Time, Time, Short, Name, RestBase64],
        25 | 48 | 60 => &[Short, Byte, Byte, RestBase64],
        26 => &[Short, Name, Name],
        33 => &[Short, Short, Short, Name],
        35 => &[Short, Short, Text, Text, Text, Name],
        37 => &[CertificateKind, Short, Algorithm, RestBase64],
        43 | 59 | 32769 => &[Short, Byte, Byte, RestHex],
        44 => &[Byte, Byte, RestHex],
        47 => &[Name, Types],
        49 | 61 => &[RestBase64],
        50 => &[Byte, Byte, Short, Salt, Digest, Types],
        51 => &[Byte, Byte, Short, Salt],
        52 | 53 => &[Byte, Byte, Byte, RestHex],
        62 => &[Long, Short, Types],
        63 => &[Long, Byte, Byte, RestHex],
        104 | 106 => &[Short, Groups],
        105 => &[Short, V4],
        108 => &[Dashed(6)],
        109 => &[Dashed(8)],
        249 => &[Name, Long, Long, Short, Short, Base64, MoreBase64],
        256 => &[Short, Short, Rest],
        257 => &[Byte, Word, RestOrNothing],
        _ => return None,
    })
}

impl Rdata<'_> {
    /// Writes these fields, which are all of the data.
    pub(super) fn fields(self, fields: &[Field], out: &mut String) -> Option<()> {
        (self.some_fields(fields, out)? == self.end).then_some(())
    }

    /// Writes these fields and gives the offset behind them.
    pub(super) fn some_fields(self, fields: &[Field], out: &mut String) -> Option<usize> {
        let mut at = self.start;
        for (place, field) in fields.iter().enumerate() {
            if place > 0 {
                out.push(' ');
            }
            let before = out.len();
            at = self.field(*field, at, out)?;
            if out.len() == before && place > 0 {
                out.pop();
            }
        }
        Some(at)
    }

    fn field(self, field: Field, at: usize, out: &mut String) -> Option<usize> {
        if field == Field::Name {
            return name::read_into(self.message.get(..self.end)?, at, out).ok();
        }
        let mut cursor = Cursor::new(self.message.get(at..self.end)?);
        plain(field, &mut cursor, out)?;
        Some(self.end - cursor.rest().len())
    }
}

/// Writes a field that stands by itself.
fn plain(field: Field, cursor: &mut Cursor<'_>, out: &mut String) -> Option<()> {
    match field {
        Field::Byte => write!(out, "{}", cursor.u8()?).ok()?,
        Field::Short => write!(out, "{}", cursor.u16()?).ok()?,
        Field::Long => write!(out, "{}", cursor.u32()?).ok()?,
        Field::V4 => write!(out, "{}", Ipv4Addr::from(cursor.u32()?)).ok()?,
        Field::V6 => write!(out, "{}", Ipv6Addr::from(<[u8; 16]>::try_from(cursor.take(16)?).ok()?)).ok()?,
        Field::Nowhere => out.push('.'),
        Field::Type => out.push_str(&type_text(cursor.u16()?)),
        Field::Time => moment_into(cursor.u32()?, out),
        Field::CertificateKind => certificate_kind_into(cursor.u16()?, out),
        Field::Algorithm => algorithm_into(cursor.u8()?, out),
        Field::Dashed(count) => grouped_into(cursor.take(count)?, 1, '-', out),
        Field::Groups => grouped_into(cursor.take(8)?, 2, ':', out),
        Field::Types => types_into(cursor, out)?,
        _ => bytes(field, cursor, out)?,
    }
    Some(())
}

/// Writes a field that is a string of bytes.
fn bytes(field: Field, cursor: &mut Cursor<'_>, out: &mut String) -> Option<()> {
    match field {
        Field::Text => quoted_into(cursor.counted8()?, out),
        Field::Word => word_into(cursor.counted8()?, out)?,
        Field::Salt => match cursor.counted8()? {
            [] => out.push('-'),
            salt => hex_into(salt, out),
        },
        Field::Digest => base32hex_into(cursor.counted8()?, out),
        Field::Base64 => match cursor.counted16()? {
            [] => out.push_str("\"\""),
            bytes => base64_into(bytes, out),
        },
        Field::MoreBase64 => base64_into(cursor.counted16()?, out),
        Field::Texts => texts_into(cursor, out)?,
        Field::Rest if cursor.is_empty() => return None,
        Field::Rest | Field::RestOrNothing => quoted_into(cursor.rest_taken(), out),
        Field::RestHex => hex_into(cursor.rest_taken(), out),
        _ => base64_into(cursor.rest_taken(), out),
    }
    Some(())
}

fn texts_into(cursor: &mut Cursor<'_>, out: &mut String) -> Option<()> {
    loop {
        quoted_into(cursor.counted8()?, out);
        if cursor.is_empty() {
            return Some(());
        }
        out.push(' ');
    }
}

fn word_into(word: &[u8], out: &mut String) -> Option<()> {
    if word.is_empty() || !word.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    out.extend(word.iter().copied().map(char::from));
    Some(())
}

fn grouped_into(bytes: &[u8], size: usize, between: char, out: &mut String) {
    for (place, group) in bytes.chunks(size).enumerate() {
        if place > 0 {
            out.push(between);
        }
        hex_into(group, out);
    }
}

/// The types of a bit map: windows in rising order, each of 1 to 32 bytes.
fn types_into(cursor: &mut Cursor<'_>, out: &mut String) -> Option<()> {
    let (mut last, mut is_first) = (None, true);
    while !cursor.is_empty() {
        let window = cursor.u8()?;
        let bits = cursor.counted8().filter(|bits| (1..=32).contains(&bits.len()))?;
        if last.is_some_and(|before| before >= window) {
            return None;
        }
        last = Some(window);
        for place in (0..bits.len() * 8).filter(|place| bits[place / 8] & (0x80 >> (place % 8)) != 0) {
            if !std::mem::take(&mut is_first) {
                out.push(' ');
            }
            out.push_str(&type_text(u16::from(window) << 8 | place as u16));
        }
    }
    Some(())
}

/// Year, month and day from days since 1970 (Hinnant, "chrono-compatible low-level date algorithms").
fn moment_into(seconds: u32, out: &mut String) {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u32::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _ = write!(out, "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
}

fn certificate_kind_into(code: u16, out: &mut String) {
    out.push_str(match code {
        1 => "PKIX",
        2 => "SPKI",
        3 => "PGP",
        4 => "IPKIX",
        5 => "ISPKI",
        6 => "IPGP",
        7 => "ACPKIX",
        8 => "IACPKIX",
        253 => "URI",
        254 => "OID",
        _ => {
            let _ = write!(out, "{code}");
            return;
        }
    });
}

fn algorithm_into(code: u8, out: &mut String) {
    out.push_str(match code {
        1 => "RSAMD5",
        2 => "DH",
        3 => "DSA",
        4 => "ECC",
        5 => "RSASHA1",
        6 => "DSANSEC3SHA1",
        7 => "RSASHA1NSEC3SHA1",
        8 => "RSASHA256",
        10 => "RSASHA512",
        12 => "ECCGOST",
        13 => "ECDSAP256SHA256",
        14 => "ECDSAP384SHA384",
        15 => "ED25519",
        16 => "ED448",
        252 => "INDIRECT",
        253 => "PRIVATEDNS",
        254 => "PRIVATEOID",
        _ => {
            let _ = write!(out, "{code}");
            return;
        }
    });
}

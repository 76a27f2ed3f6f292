//! Record data of a form of its own: where a field says what the next ones are.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Rdata;
use super::layout::Field;
use crate::recognise::Cursor;
use crate::recognise::dns::name;
use crate::text::{base64_into, hex_into};

/// The equator, and the prime meridian (RFC 1876 2).
const MIDDLE: u32 = 1 << 31;
/// Thousandths of a second of arc in a degree.
const DEGREE: u32 = 3_600_000;
/// Centimetres below the reference that altitudes count from.
const BELOW: i64 = 10_000_000;
/// Size and precisions that are left out: 1 m, 10 km and 10 m.
const USUAL: [u64; 3] = [100, 1_000_000, 1000];
/// Servers of one HIP record; compressed names can blow it up.
const MOST_SERVERS: usize = 32;

impl Rdata<'_> {
    /// LOC (RFC 1876).
    pub(super) fn place(self, out: &mut String) -> Option<()> {
        let mut cursor = Cursor::new(self.bytes());
        if cursor.u8()? != 0 {
            return None;
        }
        let sizes = [length(cursor.u8()?)?, length(cursor.u8()?)?, length(cursor.u8()?)?];
        angle_into(cursor.u32()?, 90, ['N', 'S'], out)?;
        out.push(' ');
        angle_into(cursor.u32()?, 180, ['E', 'W'], out)?;
        let altitude = i64::from(cursor.u32()?) - BELOW;
        let sign = if altitude < 0 { "-" } else { "" };
        write!(out, " {sign}{}.{:02}m", altitude.abs() / 100, altitude.abs() % 100).ok()?;
        if sizes != USUAL {
            for size in sizes {
                write!(out, " {}.{:02}m", size / 100, size % 100).ok()?;
            }
        }
        cursor.is_empty().then_some(())
    }

    /// APL (RFC 3123): prefixes of each family (of one that is not known in hex), `!` before one that is excluded.
    pub(super) fn prefixes(self, out: &mut String) -> Option<()> {
        let mut cursor = Cursor::new(self.bytes());
        let mut is_first = true;
        while !cursor.is_empty() {
            if !std::mem::take(&mut is_first) {
                out.push(' ');
            }
            let (family, prefix, length) = (cursor.u16()?, cursor.u8()?, cursor.u8()?);
            let part = cursor.take(usize::from(length & 0x7f))?;
            out.push_str(if length & 0x80 == 0 { "" } else { "!" });
            match family {
                1 if prefix <= 32 => write!(out, "1:{}/{prefix}", Ipv4Addr::from(filled::<4>(part)?)).ok()?,
                2 if prefix <= 128 => write!(out, "2:{}/{prefix}", Ipv6Addr::from(filled::<16>(part)?)).ok()?,
                1 | 2 => return None,
                _ => {
                    write!(out, "{family}:").ok()?;
                    hex_into(part, out);
                    write!(out, "/{prefix}").ok()?;
                }
            }
        }
        Some(())
    }

    /// HIP (RFC 8005 5).
    pub(super) fn host_identity(self, out: &mut String) -> Option<()> {
        let mut cursor = Cursor::new(self.bytes());
        let (tag, algorithm, key) = (cursor.u8()?, cursor.u8()?, cursor.u16()?);
        write!(out, "{algorithm} ").ok()?;
        hex_into(cursor.take(usize::from(tag))?, out);
        out.push(' ');
        base64_into(cursor.take(usize::from(key))?, out);
        let mut at = self.end - cursor.rest().len();
        for _ in 0..MOST_SERVERS {
            if at == self.end {
                return Some(());
            }
            out.push(' ');
            at = name::read_into(self.message.get(..self.end)?, at, out).ok()?;
        }
        (at == self.end).then_some(())
    }

    /// IPSECKEY (RFC 4025 2).
    pub(super) fn key_of_gateway(self, out: &mut String) -> Option<()> {
        let kind = *self.bytes().get(1)?;
        self.fields(&[Field::Byte, Field::Byte, Field::Byte, gateway(kind)?, Field::RestBase64], out)
    }

    /// AMTRELAY (RFC 8777 4).
    pub(super) fn relay(self, out: &mut String) -> Option<()> {
        let &[precedence, kind, ..] = self.bytes() else { return None };
        write!(out, "{precedence} {} {} ", kind >> 7, kind & 0x7f).ok()?;
        Rdata { start: self.start + 2, ..self }.fields(&[gateway(kind & 0x7f)?], out)
    }
}

/// What a gateway of this kind is.
fn gateway(kind: u8) -> Option<Field> {
    Some(match kind {
        0 => Field::Nowhere,
        1 => Field::V4,
        2 => Field::V6,
        3 => Field::Name,
        _ => return None,
    })
}

/// Digit and power of ten, in centimetres.
fn length(byte: u8) -> Option<u64> {
    let (digit, power) = (byte >> 4, byte & 15);
    (digit <= 9 && power <= 9).then(|| u64::from(digit) * 10_u64.pow(u32::from(power)))
}

fn angle_into(angle: u32, most: u32, words: [char; 2], out: &mut String) -> Option<()> {
    let from = angle.abs_diff(MIDDLE);
    let word = words[usize::from(angle < MIDDLE)];
    let (degrees, rest) = (from / DEGREE, from % DEGREE);
    let (minutes, seconds, thousandths) = (rest / 60_000, rest / 1000 % 60, rest % 1000);
    write!(out, "{degrees} {minutes} {seconds}.{thousandths:03} {word}").ok()?;
    (from <= most * DEGREE).then_some(())
}

/// An address of which the zeros at the end were left out.
fn filled<const N: usize>(part: &[u8]) -> Option<[u8; N]> {
    let mut whole = [0; N];
    whole.get_mut(..part.len())?.copy_from_slice(part);
    Some(whole)
}

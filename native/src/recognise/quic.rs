//! QUIC long headers, and the CRYPTO frames of a client's Initials (RFC 8999, RFC 9000, RFC 9001, RFC 9369).
//!
//! Promises: a packet is told by the invariants and a version that is known; an Initial is opened with the keys that its
//! connection id gives to everybody, and only what authenticates is believed. Refuses: what later keys seal, and what Google
//! sent before it sealed Initials ([`super::gquic`]).

mod keys;

use super::Cursor;
use keys::Secret;

/// Octets of a connection id (RFC 9000 17.2).
const MOST_ID: usize = 20;
/// Initials of one datagram that are tried; a client has no reason to send more than two.
const MOST_INITIALS: usize = 16;
/// Octets of the tag behind a sealed payload.
const TAG: usize = 16;

/// What differs between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    salt: &'static [u8; 20],
    labels: keys::Labels,
    /// Bits of the packet types Initial and Retry.
    initial: u8,
    retry: u8,
}

/// One packet with a long header.
#[derive(Debug, Clone, Copy)]
struct Packet<'a> {
    version: Version,
    is_initial: bool,
    /// Connection id of the receiver.
    to: &'a [u8],
    /// Header and payload.
    bytes: &'a [u8],
    /// Where the packet number begins.
    number_at: usize,
}

/// The connection id whose keys seal a client's Initials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    version: Version,
    id: [u8; MOST_ID],
    length: usize,
}

/// What the Initials of a datagram told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// No Initial of a client could be opened.
    Nothing,
    /// They go on under the same keys.
    More,
    /// They begin under new ones: what was told before them is told again.
    Anew(Origin),
}

/// Whether a datagram begins with a long header of a version that is known.
#[must_use]
#[inline]
pub fn is_long(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0x80 != 0) && first_packet(datagram).is_some()
}

/// Opens the client's Initials in a datagram, with the keys of `origin` or of their own connection id; `crypto` gets
/// offset and bytes of each CRYPTO frame, behind a word on a change of keys.
pub fn open(datagram: &[u8], origin: Option<&Origin>, mut crypto: impl FnMut(bool, u64, &[u8])) -> Opened {
    let mut told = Opened::Nothing;
    let mut origin = origin.copied();
    for packet in packets(datagram).filter(|packet| packet.is_initial).take(MOST_INITIALS) {
        let own = Origin::of(&packet);
        let known = origin.and_then(|origin| payload(&packet, &origin));
        let is_new = known.is_none();
        let Some(frames) = known.or_else(|| payload(&packet, &own)) else { continue };
        if is_new {
            (origin, told) = (Some(own), Opened::Anew(own));
        } else if told == Opened::Nothing {
            told = Opened::More;
        }
        let mut first = is_new;
        each_crypto(&frames, |offset, bytes| crypto(std::mem::take(&mut first), offset, bytes));
    }
    told
}

impl Origin {
    fn of(packet: &Packet<'_>) -> Self {
        let mut id = [0; MOST_ID];
        let length = packet.to.len().min(MOST_ID);
        id[..length].copy_from_slice(&packet.to[..length]);
        Self { version: packet.version, id, length }
    }

    fn secret(&self) -> Secret {
        Secret::of_client(self.version.salt, &self.id[..self.length], self.version.labels)
    }
}

/// The packets with long headers that stand behind one another.
fn packets(datagram: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let packet = first_packet(rest)?;
        rest = rest.get(packet.bytes.len()..).unwrap_or_default();
        Some(packet)
    })
}

/// The packet at the front, if it has a long header of a known version that holds to the form.
fn first_packet(datagram: &[u8]) -> Option<Packet<'_>> {
    let mut cursor = Cursor::new(datagram);
    let first = cursor.u8().filter(|first| first & 0x80 != 0)?;
    let version = version(cursor.u32()?)?;
    let to = cursor.counted8().filter(|id| id.len() <= MOST_ID)?;
    cursor.counted8().filter(|id| id.len() <= MOST_ID)?;
    let kind = first >> 4 & 3;
    let is_initial = kind == version.initial;
    let mut length = 0;
    if is_initial {
        let token = varint(&mut cursor)?;
        cursor.take(usize::try_from(token).ok()?)?;
    }
    if kind != version.retry {
        length = usize::try_from(varint(&mut cursor)?).ok()?;
    }
    let number_at = datagram.len() - cursor.rest().len();
    // A capture may have cut the end; a Retry reaches to the end of its datagram.
    let end = if kind == version.retry { datagram.len() } else { number_at.saturating_add(length) };
    let bytes = datagram.get(..end).unwrap_or(datagram);
    Some(Packet { version, is_initial, to, bytes, number_at })
}

/// The frames of an Initial; none where it does not authenticate.
fn payload(packet: &Packet<'_>, origin: &Origin) -> Option<Vec<u8>> {
    if packet.bytes.len() < packet.number_at + 4 + TAG {
        return None;
    }
    origin.secret().open(packet.bytes, packet.number_at)
}

/// Hands on each CRYPTO frame up to the first frame that may not stand in an Initial (RFC 9000 12.4).
fn each_crypto(frames: &[u8], mut each: impl FnMut(u64, &[u8])) {
    let mut cursor = Cursor::new(frames);
    while let Some(kind) = varint(&mut cursor) {
        let read = match kind {
            0 | 1 => Some(()),
            2 | 3 => acknowledgement(&mut cursor, kind == 3),
            6 => crypto(&mut cursor).map(|(offset, bytes)| each(offset, bytes)),
            _ => None,
        };
        if read.is_none() {
            return;
        }
    }
}

fn crypto<'a>(cursor: &mut Cursor<'a>) -> Option<(u64, &'a [u8])> {
    let offset = varint(cursor)?;
    let length = varint(cursor)?;
    Some((offset, cursor.take(usize::try_from(length).ok()?)?))
}

/// Passes over an ACK frame (RFC 9000 19.3).
fn acknowledgement(cursor: &mut Cursor<'_>, counted: bool) -> Option<()> {
    varint(cursor)?;
    varint(cursor)?;
    let ranges = varint(cursor)?;
    varint(cursor)?;
    let counts = if counted { 3 } else { 0 };
    (0..ranges.saturating_mul(2).saturating_add(counts)).try_for_each(|_| varint(cursor).map(drop))
}

/// A variable-length integer (RFC 9000 16).
fn varint(cursor: &mut Cursor<'_>) -> Option<u64> {
    let first = cursor.u8()?;
    let more = cursor.take((1 << (first >> 6)) - 1)?;
    Some(more.iter().fold(u64::from(first & 0x3f), |sum, byte| sum << 8 | u64::from(*byte)))
}

/// What is known of a version: 1 and 2, the drafts 22 to 34, those of mvfst, and of Google those that seal what they carry.
fn version(number: u32) -> Option<Version> {
    use keys::{DRAFT_22, DRAFT_23, DRAFT_29, GOOGLE_50, GOOGLE_51, GOOGLE_Q50, Labels, ONE, TWO};
    let salt = match number {
        1 | 0xff00_0021..=0xff00_0022 => ONE,
        0x6b33_43cf => return Some(Version { salt: TWO, labels: Labels::Two, initial: 1, retry: 0 }),
        0xff00_001d..=0xff00_0020 => DRAFT_29,
        0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e => DRAFT_23,
        0xff00_0016 | 0xface_b001 => DRAFT_22,
        0x5130_3530 => GOOGLE_Q50,
        0x5430_3530 => GOOGLE_50,
        0x5430_3531 => GOOGLE_51,
        _ => return None,
    };
    Some(Version { salt, labels: Labels::One, initial: 0, retry: 3 })
}

#[cfg(test)]
mod tests;

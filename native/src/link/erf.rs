//! What a record of the Extensible Record Format carries: Ethernet, PPP, cHDLC, IP, or nothing that is read here.
//!
//! Source: Endace ERF Types Reference Guide (EDM11-01), types 1 to 48; their names are Endace's. The header is 16 bytes,
//! then 8 for each extension, then what a type puts before the packet.

/// Bytes of the header without extensions.
pub const HEADER: usize = 16;
/// LINKTYPE_ERF.
pub const LINK: u16 = 197;

const ETHERNET: u16 = 1;
const PPP: u16 = 50;
const CISCO: u16 = 104;
const LLC_SNAP: u16 = 100;
const IPV4: u16 = 228;
const IPV6: u16 = 229;

const EXTENDED: u8 = 0x80;
/// TYPE_PAD: bytes that fill up, no record of anything.
const PAD: u8 = 48;
/// Types whose loss counter holds a colour or a hash.
const COLOURED: [u8; 7] = [10, 11, 15, 16, 17, 19, 20];

/// One record taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// ns since 1970.
    pub time: i64,
    /// Packets lost before it.
    pub lost: u16,
    /// What it carries.
    pub payload: Payload<'a>,
}

/// What a record carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A frame of that link type: its bytes, and its length on the wire.
    Frame(u16, &'a [u8], u32),
    /// What the recording machine says of itself (TYPE_META).
    Meta,
    /// Nothing: the record fills up (TYPE_PAD).
    Padding,
    /// A type that is not read, or one too short for what it must hold.
    Unread,
}

/// The fixed part of a record's header: its type, its length and the packet's.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// Type without the flag for extensions.
    pub kind: u8,
    /// Bytes of the record, header included.
    pub length: u16,
    /// Bytes of the packet on the wire.
    pub wire: u16,
    /// Seconds since 1970.
    pub seconds: u32,
}

impl Header {
    /// Reads it; none where the bytes are too few.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER>()?;
        let short = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Some(Self {
            kind: bytes[8] & !EXTENDED,
            length: short(10),
            wire: short(14),
            seconds: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        })
    }
}

/// Takes a whole record apart; none where it has no header.
#[must_use]
pub fn open(record: &[u8]) -> Option<Record<'_>> {
    let header = Header::of(record)?;
    let fraction = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
    let time = i64::from(header.seconds) * 1_000_000_000 + ((i64::from(fraction) * 1_000_000_000) >> 32);
    let counts = !COLOURED.contains(&header.kind) && header.kind != PAD;
    let lost = if counts { u16::from_be_bytes([record[12], record[13]]) } else { 0 };
    let payload = extended(record).and_then(|rest| payload(header, rest)).unwrap_or(Payload::Unread);
    Some(Record { time, lost, payload })
}

/// What follows the header and its extensions, each of which says whether another follows.
fn extended(record: &[u8]) -> Option<&[u8]> {
    let mut more = record[8] & EXTENDED != 0;
    let mut rest = &record[HEADER..];
    while more {
        more = rest.first()? & EXTENDED != 0;
        rest = rest.get(8..)?;
    }
    Some(rest)
}

fn payload(header: Header, rest: &[u8]) -> Option<Payload<'_>> {
    let (link, before) = match header.kind {
        2 | 11 | 16 | 20 => (ETHERNET, 2),
        1 | 10 | 15 | 19 => (hdlc(rest)?, 0),
        5 | 17 => (hdlc(rest.get(4..)?)?, 4),
        // AAL5: four bytes of the cell's header, then LLC; channelled ones have four more.
        4 => (LLC_SNAP, 4),
        9 => (LLC_SNAP, 8),
        22 => (IPV4, 0),
        23 => (IPV6, 0),
        27 => return Some(Payload::Meta),
        PAD => return Some(Payload::Padding),
        _ => return None,
    };
    let bytes = rest.get(before..)?;
    // The length on the wire counts what the type puts before the packet only where that was on it.
    let wire = usize::from(header.wire).saturating_sub(if matches!(header.kind, 4 | 5 | 9 | 17) { before } else { 0 });
    Some(Payload::Frame(link, &bytes[..bytes.len().min(wire)], wire as u32))
}

/// PPP or Cisco's framing, by the address and control bytes.
fn hdlc(frame: &[u8]) -> Option<u16> {
    match frame {
        [0xff, 0x03, ..] => Some(PPP),
        [0x0f | 0x8f, 0x00, ..] => Some(CISCO),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of that type with these extensions, that loss counter and what follows.
    fn record(kind: u8, extensions: &[[u8; 8]], lost: u16, rest: &[u8], wire: u16) -> Vec<u8> {
        let mut out = 0x8000_0000_u32.to_le_bytes().to_vec();
        out.extend(7_u32.to_le_bytes());
        let length = (HEADER + extensions.len() * 8 + rest.len()) as u16;
        out.extend([kind, 4]);
        [length, lost, wire].iter().for_each(|field| out.extend(field.to_be_bytes()));
        out.extend(extensions.concat());
        out.extend_from_slice(rest);
        out
    }

    #[test]
    fn every_type_with_a_frame_gives_it() {
        let cases: [(u8, &[u8], Payload<'_>); 9] = [
            (2, b"\x05\0frame...", Payload::Frame(ETHERNET, b"frame", 5)),
            (20, b"\0\0frame", Payload::Frame(ETHERNET, b"frame", 5)),
            (1, b"\xff\x03\0!x", Payload::Frame(PPP, b"\xff\x03\0!x", 5)),
            (5, b"\0\0\0\0\x0f\0\x08\0x", Payload::Frame(CISCO, b"\x0f", 1)),
            (4, b"\0\0\0\0\xaa", Payload::Frame(LLC_SNAP, b"\xaa", 1)),
            (22, b"E....", Payload::Frame(IPV4, b"E....", 5)),
            (23, b"`....", Payload::Frame(IPV6, b"`....", 5)),
            (27, b"", Payload::Meta),
            (3, b"\0\0\0\0cell", Payload::Unread),
        ];
        for (kind, rest, payload) in cases {
            let bytes = record(kind, &[], 3, rest, 5);
            let found = open(&bytes).unwrap();
            assert_eq!((found.time, found.payload), (7_500_000_000, payload), "type {kind}");
            assert_eq!(found.lost, if kind == 20 { 0 } else { 3 });
        }
    }

    #[test]
    fn extensions_are_passed_over_to_the_last() {
        let (more, last) = ([0x81, 0, 0, 0, 0, 0, 0, 0], [0x01, 0, 0, 0, 0, 0, 0, 0]);
        let bytes = record(2 | EXTENDED, &[more, more, last], 0, b"\0\0frame", 5);
        assert_eq!(open(&bytes).unwrap().payload, Payload::Frame(ETHERNET, b"frame", 5));
        let cut = record(2 | EXTENDED, &[more], 0, b"", 5);
        assert_eq!(open(&cut).unwrap().payload, Payload::Unread);
        assert_eq!(open(&cut[..15]), None);
    }
}

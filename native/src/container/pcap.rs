//! Classic pcap: both byte orders, micro- and nanoseconds, and the "modified" format with longer record headers.
//!
//! Source: draft-ietf-opsawg-pcap; libpcap `sf-pcap.c` for the modified format and old versions.

use super::{Facts, Frame, Step};

/// Bytes of the file header.
pub(super) const HEADER: usize = 24;
/// Longest record that is believed: what libpcap itself accepts.
const LONGEST: u32 = 262_144;
/// The same for link types whose "packets" are longer (USB, D-Bus).
const LONGEST_BUS: u32 = 16 << 20;

/// How the magic number says the rest is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    big: bool,
    nanoseconds: bool,
    modified: bool,
}

impl Order {
    /// Reads the magic number.
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        let (big, magic) = match magic[0] {
            0xa1 => (true, u32::from_be_bytes(magic)),
            _ => (false, u32::from_le_bytes(magic)),
        };
        let (nanoseconds, modified) = match magic {
            0xa1b2_c3d4 => (false, false),
            0xa1b2_3c4d => (true, false),
            0xa1b2_cd34 => (false, true),
            _ => return None,
        };
        Some(Self { big, nanoseconds, modified })
    }
}

/// A pcap file after its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pcap {
    order: Order,
    version: (u16, u16),
    link: u16,
    longest: u32,
}

impl Pcap {
    /// Reads the file header.
    pub(super) fn new(order: Order, header: &[u8; HEADER], facts: &mut Facts) -> Self {
        let short = |at| if order.big { be16(header, at) } else { le16(header, at) };
        let long = |at| if order.big { be32(header, at) } else { le32(header, at) };
        // The upper half of the field holds the length of the frame check sequence.
        let link = (long(20) & 0xffff) as u16;
        facts.links.insert(link);
        facts.snaplen = long(16);
        let longest = if matches!(link, 186 | 189 | 220 | 231 | 249 | 266) { LONGEST_BUS } else { LONGEST };
        Self { order, version: (short(4), short(6)), link, longest }
    }

    /// The record at the front of `bytes`.
    #[inline]
    pub(super) fn step<'a>(&self, bytes: &'a [u8]) -> Step<'a> {
        let header = if self.order.modified { 24 } else { 16 };
        if bytes.len() < header {
            return Step::Need(header);
        }
        let long = |at| if self.order.big { be32(bytes, at) } else { le32(bytes, at) };
        let (seconds, fraction) = (long(0), long(4));
        let (captured, wire) = self.lengths(long(8), long(12));
        if captured > self.longest {
            return Step::Bad(format!("a record of {captured} bytes is longer than {} allowed", self.longest));
        }
        let total = header + captured as usize;
        let Some(packet) = bytes.get(header..total) else {
            return Step::Need(total);
        };
        let unit = if self.order.nanoseconds { 1 } else { 1000 };
        let time = i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * unit;
        Step::Packet(total, Frame { time: Some(time), link: Some(self.link), wire, bytes: packet })
    }

    /// (captured, on the wire): files before version 2.3 have them the other way round, files of 2.3 either way.
    #[inline]
    fn lengths(&self, first: u32, second: u32) -> (u32, u32) {
        let swapped = self.version < (2, 3) || (self.version == (2, 3) && first > second);
        if swapped { (second, first) } else { (first, second) }
    }
}

pub(super) fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[inline]
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[inline]
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cut_everywhere, read, same_for_every_piece};
    use super::*;

    const MICRO: u32 = 0xa1b2_c3d4;
    const NANO: u32 = 0xa1b2_3c4d;
    const MODIFIED: u32 = 0xa1b2_cd34;

    /// A file with the packets `abc` (3 of 10 bytes kept) and nothing.
    fn file(magic: u32, big: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let mut long = |value: u32, width: usize| {
            if big {
                out.extend_from_slice(&value.to_be_bytes()[4 - width..]);
            } else {
                out.extend_from_slice(&value.to_le_bytes()[..width]);
            }
        };
        long(magic, 4);
        long(2, 2);
        long(4, 2);
        long(0, 4);
        long(0, 4);
        long(65535, 4);
        long(0x1400_0001, 4); // with a frame check sequence
        for (packet, wire) in [(&b"abc"[..], 10), (b"", 0)] {
            for value in [4_000_000_000, 7, packet.len() as u32, wire] {
                long(value, 4);
            }
            if magic == MODIFIED {
                long(1, 4);
                long(0, 4);
            }
            packet.iter().for_each(|byte| long(u32::from(*byte), 1));
        }
        out
    }

    #[test]
    fn both_orders_and_every_magic_number_say_the_same() {
        for (magic, unit) in [(MICRO, 1000), (NANO, 1), (MODIFIED, 1000)] {
            for big in [false, true] {
                let (packets, container) = same_for_every_piece(&file(magic, big));
                let time = Some(4_000_000_000 * 1_000_000_000 + 7 * unit);
                let second = if magic == MODIFIED { 24 + 27 } else { 24 + 19 };
                assert_eq!(packets[0], (1, 24, time, Some(1), b"abc".to_vec()));
                assert_eq!(packets[1], (2, second, time, Some(1), Vec::new()));
                assert_eq!(packets.len(), 2);
                assert_eq!(container.end(), (None, 0));
                assert_eq!(container.facts().snaplen, 65535);
            }
        }
    }

    #[test]
    fn a_cut_file_keeps_what_was_before() {
        cut_everywhere(&file(MICRO, false), &[24, 43, 59]);
    }

    #[test]
    fn a_length_beyond_belief_stops_with_its_offset() {
        let mut bytes = file(MICRO, false);
        bytes[43 + 8..43 + 12].copy_from_slice(&(LONGEST + 1).to_le_bytes());
        bytes.extend_from_slice(b"more");
        let (packets, container) = read(&bytes, 9).unwrap();
        let (stop, trailing) = container.end();
        let stop = stop.unwrap();
        assert_eq!((packets.len(), stop.code, stop.offset, trailing), (1, "bad_record", 43, 20));
    }

    #[test]
    fn lengths_of_old_versions_are_swapped() {
        let order = Order::of(MICRO.to_le_bytes()).unwrap();
        let of = |version| Pcap { order, version, link: 1, longest: LONGEST }.lengths(9, 5);
        assert_eq!((of((2, 2)), of((2, 3)), of((2, 4))), ((5, 9), (5, 9), (9, 5)));
    }
}

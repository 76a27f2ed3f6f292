//! Classic pcap: both byte orders, micro- and nanoseconds, and what others made of it: longer record headers
//! (Kuznetzov's patches, which some wrote with the magic number of files that have none; Nokia), AIX, DG/UX, Ixia.
//!
//! Which header the records of a file have is told by the first of them, where its magic number does not say.
//! Source: draft-ietf-opsawg-pcap; libpcap `sf-pcap.c` for old versions, Wireshark's `libpcap.c` for the variants.

use super::{Facts, Frame, Step, joined};

/// Bytes of the file header.
pub(super) const HEADER: usize = 24;
/// Longest record that is believed: what libpcap itself accepts.
const LONGEST: u32 = 262_144;
/// The same for link types whose "packets" are longer (USB, D-Bus).
const LONGEST_BUS: u32 = 16 << 20;
/// Longest packet on a wire that is believed of a record whose header is not known yet.
const LONGEST_WIRE: u32 = 128 << 20;

/// Record headers of files with the usual magic number: the usual, Kuznetzov's first patch, Nokia.
const USUAL: [usize; 3] = [16, 24, 20];
/// Record headers of files with the magic number of Kuznetzov's later patches.
const MODIFIED: [usize; 2] = [24, 28];

/// Major version of DG/UX.
const DG_UX: u16 = 543;

/// How the magic number says the rest is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    big: bool,
    nanoseconds: bool,
    /// The record headers that there may be, the likeliest first.
    headers: &'static [usize],
    /// Bytes of the file header.
    header: usize,
}

impl Order {
    /// Reads the magic number.
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        let (big, magic) = match magic[0] {
            0xa1 | 0x1c => (true, u32::from_be_bytes(magic)),
            _ => (false, u32::from_le_bytes(magic)),
        };
        let (nanoseconds, headers, header): (_, &[usize], _) = match magic {
            0xa1b2_c3d4 => (false, &USUAL, HEADER),
            0xa1b2_3c4d => (true, &USUAL[..1], HEADER),
            0xa1b2_cd34 => (false, &MODIFIED, HEADER),
            // Ixia: the length of all records stands behind the file header.
            0x1c00_01ab | 0x1c00_01ac => (false, &USUAL[..1], HEADER + 4),
            _ => return None,
        };
        Some(Self { big, nanoseconds, headers, header })
    }

    /// Whether the bytes behind the magic number are a file header's.
    pub(super) fn is_header(self, bytes: &[u8]) -> bool {
        let short = |at| if self.big { be16(bytes, at) } else { le16(bytes, at) };
        bytes.len() >= 8 && short(4) == 2 && short(6) <= 4
    }
}

/// A pcap file after its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pcap {
    order: Order,
    version: (u16, u16),
    link: u16,
    longest: u32,
    /// Bytes of a record header.
    header: usize,
}

/// What the first records say of a header they may have.
enum Fit {
    Yes,
    No,
    /// More bytes are needed to say.
    Need,
}

impl Pcap {
    /// Reads the file header and, where there is more than one way to read them, the first records; `last` says that
    /// there are no more bytes than these. Gives the bytes of the file header, or `Step::Need`, or `Step::Bad`.
    pub(super) fn begin<'a>(order: Order, bytes: &'a [u8], last: bool, facts: &mut Facts) -> Result<Self, Step<'a>> {
        if bytes.len() < order.header {
            return Err(Step::Need);
        }
        let mut pcap = Self::new(order, bytes);
        if pcap.version.0 < 2 {
            return Err(Step::Bad(format!("pcap of version {}.{}", pcap.version.0, pcap.version.1)));
        }
        (facts.format, facts.snaplen) = ("pcap", pcap.long(bytes, 16));
        facts.links.insert(pcap.link);
        pcap.header = pcap.record_header(&bytes[order.header..], last).ok_or(Step::Need)?;
        Ok(pcap)
    }

    /// Bytes of the file header.
    pub(super) fn file_header(&self) -> usize {
        self.order.header
    }

    fn new(mut order: Order, header: &[u8]) -> Self {
        let short = |at| if order.big { be16(header, at) } else { le16(header, at) };
        let long = |at| if order.big { be32(header, at) } else { le32(header, at) };
        let version = (short(4), short(6));
        // The upper half of the field holds the length of the frame check sequence.
        let mut link = (long(20) & 0xffff) as u16;
        if version == (2, 2)
            && order.headers.len() == USUAL.len()
            && let Some(of_aix) = aix(link)
        {
            link = of_aix;
            (order.nanoseconds, order.headers) = (true, &USUAL[..1]);
        }
        let longest = if matches!(link, 186 | 189 | 220 | 231 | 249 | 266) { LONGEST_BUS } else { LONGEST };
        Self { order, version, link, longest, header: order.headers[0] }
    }

    /// The record header that the first records have; the likeliest where none fits. None where more
    /// bytes are needed to say.
    fn record_header(&self, records: &[u8], last: bool) -> Option<usize> {
        for header in self.order.headers.iter().take(if self.order.headers.len() == 1 { 0 } else { usize::MAX }) {
            match self.fits(records, *header, last) {
                Fit::Yes => return Some(*header),
                Fit::No => {}
                Fit::Need => return None,
            }
        }
        Some(self.order.headers[0])
    }

    /// Whether the first records read well with such headers: two with the likeliest, which may be cut short, or more
    /// with others.
    fn fits(&self, records: &[u8], header: usize, last: bool) -> Fit {
        let likeliest = header == self.order.headers[0];
        let mut at = 0;
        for before in 0..if likeliest { 2 } else { 4 } {
            let Some(head) = records.get(at..at + header) else {
                let enough = likeliest || records.len() == at || before + usize::from(records.len() > at) > 2;
                return match (last, enough) {
                    (false, _) => Fit::Need,
                    (true, true) => Fit::Yes,
                    (true, false) => Fit::No,
                };
            };
            let (captured, wire) = self.lengths(self.long(head, 8), self.long(head, 12));
            let fraction = self.long(head, 4);
            if fraction >= 1_000_000 || captured > self.longest || wire > LONGEST_WIRE || captured > wire {
                return Fit::No;
            }
            at += header + captured as usize;
        }
        Fit::Yes
    }

    /// The record at the front of `bytes`.
    #[inline]
    pub(super) fn step<'a>(&self, bytes: &'a [u8]) -> Step<'a> {
        let header = self.header;
        if bytes.len() < header {
            return Step::Need;
        }
        let long = |at| if self.order.big { be32(bytes, at) } else { le32(bytes, at) };
        let (seconds, fraction) = (long(0), long(4));
        let (captured, wire) = self.lengths(long(8), long(12));
        if captured == 0
            && let Some(message) = joined(bytes)
        {
            return Step::Bad(message.into());
        }
        if captured > self.longest {
            return Step::Bad(self.too_long(bytes, captured));
        }
        let total = header + captured as usize;
        let Some(packet) = bytes.get(header..total) else {
            return Step::Need;
        };
        let unit = if self.order.nanoseconds { 1 } else { 1000 };
        let time = i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * unit;
        Step::Packet(total, Frame { time: Some(time), link: Some(self.link), wire, bytes: packet })
    }

    #[cold]
    fn too_long(&self, bytes: &[u8], captured: u32) -> String {
        let long = || format!("a record of {captured} bytes is longer than {} allowed", self.longest);
        joined(bytes).map_or_else(long, str::to_owned)
    }

    /// (captured, on the wire): files before version 2.3, and DG/UX, have them the other way round, files of 2.3 either way.
    #[inline]
    fn lengths(&self, first: u32, second: u32) -> (u32, u32) {
        let swapped = self.version < (2, 3) || (self.version == (2, 3) && first > second) || self.version.0 == DG_UX;
        if swapped { (second, first) } else { (first, second) }
    }

    fn long(&self, bytes: &[u8], at: usize) -> u32 {
        if self.order.big { be32(bytes, at) } else { le32(bytes, at) }
    }
}

/// The link type that AIX means, which writes interface types (RFC 1573) and nanoseconds in files of version 2.2.
fn aix(link: u16) -> Option<u16> {
    match link {
        6 => Some(1),
        9 => Some(6),
        15 => Some(10),
        24 => Some(0),
        _ => None,
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
        let of = |version| Pcap { order, version, link: 1, longest: LONGEST, header: 16 }.lengths(9, 5);
        assert_eq!((of((2, 2)), of((2, 3)), of((2, 4)), of((543, 0))), ((5, 9), (5, 9), (9, 5), (5, 9)));
    }

    /// A file of that magic number whose record headers have more bytes than the usual 16.
    fn with_headers(magic: u32, bytes: usize, packets: &[&[u8]]) -> Vec<u8> {
        let mut out = file(magic, false)[..HEADER].to_vec();
        for packet in packets {
            for value in [1_700_000_000, 7, packet.len() as u32, 60] {
                out.extend(u32::to_le_bytes(value));
            }
            out.resize(out.len() + bytes - 16, 3);
            out.extend_from_slice(packet);
        }
        out
    }

    #[test]
    fn longer_record_headers_are_told_by_the_records() {
        for (magic, bytes) in [(MICRO, 16), (MICRO, 24), (MICRO, 20), (MODIFIED, 24), (MODIFIED, 28)] {
            for packets in [&[&b"a packet that is longer"[..], b"another", b""][..], &[b"the only one"], &[]] {
                if packets.len() == 1 && bytes != if magic == MICRO { 16 } else { 24 } {
                    continue; // not to be told from a usual file cut short, which it is taken for
                }
                let (found, container) = same_for_every_piece(&with_headers(magic, bytes, packets));
                let found: Vec<_> = found.iter().map(|packet| packet.4.as_slice()).collect();
                assert_eq!((found.as_slice(), container.end()), (packets, (None, 0)), "{magic:x} with {bytes}");
            }
        }
    }

    #[test]
    fn a_file_with_longer_headers_cut_anywhere_gives_a_prefix() {
        for (magic, bytes) in [(MICRO, 16), (MICRO, 24), (MODIFIED, 28)] {
            let file = with_headers(magic, bytes, &[b"first packet", b"second packet", b"third"]);
            let (whole, _) = read(&file, 9).unwrap();
            let decided = HEADER + 2 * bytes + 12 + 13;
            for cut in decided..file.len() {
                let (packets, container) = read(&file[..cut], 9).unwrap();
                assert_eq!(packets[..], whole[..packets.len()], "cut at {cut}");
                let (stop, trailing) = container.end();
                assert_eq!(stop.is_none(), trailing == 0, "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_others_made_of_the_format() {
        let mut aix = with_headers(MICRO, 16, &[b"abc"]);
        (aix[6], aix[20]) = (2, 6);
        aix[HEADER + 8..HEADER + 16].rotate_left(4);
        let (packets, container) = same_for_every_piece(&aix);
        assert_eq!(packets, [(1, 24, Some(1_700_000_000_000_000_007), Some(1), b"abc".to_vec())]);
        assert_eq!(container.facts().links.into_iter().collect::<Vec<_>>(), [1]);
        for magic in [0x1c00_01ab_u32, 0x1c00_01ac] {
            let mut ixia = with_headers(MICRO, 16, &[b"abc"]);
            ixia[..4].copy_from_slice(&magic.to_le_bytes());
            ixia.splice(HEADER..HEADER, 19_u32.to_le_bytes());
            let (packets, _) = same_for_every_piece(&ixia);
            assert_eq!(packets[0].2, Some(1_700_000_000_000_007_000));
        }
        let mut first = with_headers(MICRO, 16, &[]);
        first[4] = 1;
        assert!(matches!(read(&first, 9), Err(crate::error::Error::NotACapture { .. })));
    }

    #[test]
    fn a_file_behind_a_file_is_said_to_be_one() {
        let first = file(MICRO, false);
        let section = b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0";
        let others = [file(MICRO, false), file(NANO, true), file(MODIFIED, true), section.to_vec()];
        for second in &others {
            for (ahead, packets) in [(first.as_slice(), 2), (&section[..], 0)] {
                if ahead == section && second == section {
                    continue; // sections may follow one another
                }
                let (found, container) = same_for_every_piece(&[ahead, second].concat());
                let stop = container.end().0.unwrap();
                assert_eq!((found.len(), stop.code, stop.offset), (packets, "bad_record", ahead.len() as u64));
                assert!(stop.message.starts_with("another capture file begins here"), "{}", stop.message);
            }
        }
    }
}

//! ERF, the format of Endace's cards: records without a file header, each with its time and a count of those lost.
//!
//! Having no magic number it is told by [`ENOUGH`] records in a row that could be such, or by fewer that fill the file.
//! Source: as [`crate::link::erf`].

use super::{Facts, Frame, Step};
use crate::link::erf::{self, Header, Payload};

/// Records that must follow one another in a file that has as many.
const ENOUGH: usize = 3;
/// TYPE_META.
const META: u8 = 27;
/// Seconds by which one record may be older than the one before, and newer.
const OLDER: u32 = 60;
const NEWER: u32 = 7 * 24 * 3600;
/// Bytes by which a record may be longer than its packet: header, some extensions, what a type adds, padding.
const AROUND: u16 = 16 + 8 * 8 + 8 + 56;

/// Whether bytes are ERF.
pub(super) enum Is {
    Erf,
    No,
    /// There are too few to say.
    Unsure,
}

/// Tells ERF from the first records; `last` says that there are no more bytes than these.
pub(super) fn is(bytes: &[u8], last: bool) -> Is {
    let (mut at, mut before) = (0, None);
    for _ in 0..ENOUGH {
        let Some(header) = Header::of(&bytes[at..]) else {
            return match (last, at) {
                (true, 0) => Is::No,
                (true, at) if at == bytes.len() => Is::Erf,
                _ => Is::Unsure,
            };
        };
        if !could_follow(header, before) {
            return Is::No;
        }
        at += usize::from(header.length);
        before = Some(header);
        if at > bytes.len() {
            return Is::Unsure;
        }
    }
    Is::Erf
}

/// Whether a record could be one, and could come after another.
fn could_follow(header: Header, before: Option<Header>) -> bool {
    let known = matches!(header.kind, 1..=28 | 48);
    let fits = usize::from(header.length) > erf::HEADER && header.length <= header.wire.saturating_add(AROUND);
    // What a machine says of itself may have no time.
    let in_time = before.filter(|before| before.seconds > 0).is_none_or(|before| {
        header.seconds.saturating_add(OLDER) >= before.seconds && header.seconds <= before.seconds.saturating_add(NEWER)
    });
    known && fits && (header.kind == META || in_time && header.seconds > 0)
}

/// An ERF file.
#[derive(Debug, Default)]
pub(super) struct Erf {
    drops: u64,
    /// The link type that was noted last.
    link: Option<u16>,
}

impl Erf {
    /// A file of which nothing was read.
    pub(super) fn new(facts: &mut Facts) -> Self {
        facts.format = "erf";
        Self::default()
    }

    /// Packets lost, as the records say.
    pub(super) fn drops(&self) -> u64 {
        self.drops
    }

    /// The record at the front of `bytes`.
    pub(super) fn step<'a>(&mut self, bytes: &'a [u8], facts: &mut Facts) -> Step<'a> {
        let Some(header) = Header::of(bytes) else { return Step::Need };
        let total = usize::from(header.length);
        if total < erf::HEADER {
            return Step::Bad(format!("a record cannot be {total} bytes long"));
        }
        let Some(whole) = bytes.get(..total) else { return Step::Need };
        let Some(record) = erf::open(whole) else { return Step::Need };
        self.drops += u64::from(record.lost);
        let (link, packet, wire) = match record.payload {
            Payload::Padding => return Step::Other(total),
            Payload::Frame(link, packet, wire) => (link, packet, wire),
            // Left to the link type, which says why there is nothing to read.
            Payload::Meta | Payload::Unread => (erf::LINK, whole, total as u32),
        };
        if self.link != Some(link) {
            self.link = Some(link);
            facts.links.insert(link);
        }
        Step::Packet(total, Frame { time: Some(record.time), link: Some(link), wire, bytes: packet })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, same_for_every_piece};
    use crate::error::Error;

    /// A record of Ethernet (type 2) or another, `seconds` after 1970, in 8-byte steps.
    fn record(kind: u8, seconds: u32, lost: u16, packet: &[u8]) -> Vec<u8> {
        let length = (18 + packet.len()).next_multiple_of(8);
        let mut out = [[0; 4], seconds.to_le_bytes()].concat();
        out.extend([kind, 4]);
        [length as u16, lost, packet.len() as u16].iter().for_each(|field| out.extend(field.to_be_bytes()));
        out.extend([0, 0]);
        out.extend_from_slice(packet);
        out.resize(length, 0);
        out
    }

    fn file() -> Vec<u8> {
        [
            record(2, 9, 0, b"abc"),
            record(48, 9, 0, b""),
            record(2, 9, 4, b""),
            record(3, 10, 1, b"cell"),
            record(2, 10, 2, b"d"),
        ]
        .concat()
    }

    #[test]
    fn packets_with_their_times_and_losses_and_without_padding() {
        let (packets, container) = same_for_every_piece(&file());
        let seen: Vec<_> = packets.iter().map(|p| (p.1, p.2.unwrap() / 1_000_000_000, p.3.unwrap())).collect();
        assert_eq!(seen, [(0, 9, 1), (48, 9, 1), (72, 10, 197), (96, 10, 1)]);
        assert_eq!((packets[0].4.as_slice(), packets[3].4.as_slice()), (&b"abc"[..], &b"d"[..]));
        assert_eq!((container.end(), container.facts().drops, container.facts().format), ((None, 0), 7, "erf"));
    }

    #[test]
    fn a_cut_file_keeps_what_was_before() {
        let (file, (whole, _)) = (file(), read(&file(), 64).unwrap());
        let ends = [24, 48, 72, 96];
        for cut in 0..file.len() {
            match read(&file[..cut], 5) {
                Ok((packets, container)) => {
                    assert_eq!(packets[..], whole[..packets.len()]);
                    assert_eq!(container.end().0.is_none(), ends.contains(&cut), "cut at {cut}");
                }
                Err(_) => assert!(cut < 72 && !ends.contains(&cut), "cut at {cut}"),
            }
        }
    }

    #[test]
    fn what_could_not_be_records_is_none() {
        let none = [
            [record(2, 9, 0, b"abc"), record(2, 9, 0, b"abc"), b"and no third one that is".to_vec()].concat(),
            [record(2, 9, 0, b"abc"), record(0, 9, 0, b"abc")].concat(),
            [record(2, 9, 0, b"abc"), record(2, 9_000_000, 0, b"abc")].concat(),
            [record(2, 99, 0, b"abc"), record(2, 9, 0, b"abc")].concat(),
            record(2, 0, 0, b"abc"),
            record(2, 9, 0, b"abc")[..20].to_vec(),
        ];
        for bytes in none {
            assert!(matches!(read(&bytes, 7), Err(Error::NotACapture { .. })));
        }
        assert_eq!(read(&record(2, 9, 0, b"abc"), 7).unwrap().0.len(), 1);
    }

    #[test]
    fn a_length_that_cannot_be_stops_the_reading() {
        let bytes = [file(), vec![1; 16]].concat();
        let mut broken = bytes.clone();
        broken[120 + 10..120 + 12].copy_from_slice(&[0, 3]);
        let stop = read(&broken, 9).unwrap().1.end().0.unwrap();
        assert_eq!((stop.code, stop.offset), ("bad_record", 120));
        let stop = read(&bytes, 9).unwrap().1.end().0.unwrap();
        assert_eq!((stop.code, stop.offset), ("truncated", 120));
    }
}

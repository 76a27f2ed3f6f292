//! snoop, the format of Solaris: Ethernet and IEEE 802.3 frames with microseconds, lost packets told by each record.
//!
//! Refuses other versions and other links. Source: RFC 1761.

use super::pcap::be32;
use super::{Facts, Frame, Step};

/// The first bytes of a file.
pub(super) const MAGIC: [u8; 4] = *b"snoo";
/// Bytes of the file header.
pub(super) const HEADER: usize = 16;
const RECORD: usize = 24;
/// Longest record that is believed.
const LONGEST: u32 = 262_144 + 64;
const ETHERNET: u16 = 1;

/// A snoop file after its header.
#[derive(Debug)]
pub(super) struct Snoop {
    drops: u64,
}

impl Snoop {
    /// Reads the file header; or gives `Step::Need`, or `Step::Bad`.
    pub(super) fn begin<'a>(bytes: &'a [u8], facts: &mut Facts) -> Result<Self, Step<'a>> {
        let Some(header) = bytes.get(..HEADER) else { return Err(Step::Need) };
        let (version, link) = (be32(header, 8), be32(header, 12));
        if header[..8] != *b"snoop\0\0\0" {
            return Err(Step::Bad("what begins as a snoop file is none".into()));
        }
        if version != 2 {
            return Err(Step::Bad(format!("snoop of version {version}")));
        }
        // 0 is IEEE 802.3, 4 Ethernet: the field after the addresses tells them apart, as it does on the wire.
        if !matches!(link, 0 | 4) {
            return Err(Step::Bad(format!("snoop of a link (type {link}) that is no Ethernet")));
        }
        facts.format = "snoop";
        facts.links.insert(ETHERNET);
        Ok(Self { drops: 0 })
    }

    /// Packets lost, as the last record says.
    pub(super) fn drops(&self) -> u64 {
        self.drops
    }

    /// The record at the front of `bytes`.
    pub(super) fn step<'a>(&mut self, bytes: &'a [u8]) -> Step<'a> {
        if bytes.len() < RECORD {
            return Step::Need;
        }
        let [wire, captured, total, lost, seconds, fraction] = [0, 4, 8, 12, 16, 20].map(|at| be32(bytes, at));
        // A record has its header, and so an end behind its beginning.
        if !(RECORD as u32..=LONGEST).contains(&total) || captured > total - RECORD as u32 {
            return Step::Bad(format!("a record of {total} bytes with {captured} of a packet"));
        }
        let total = total as usize;
        if bytes.len() < total {
            return Step::Need;
        }
        self.drops = self.drops.max(u64::from(lost));
        let time = i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * 1000;
        let packet = &bytes[RECORD..RECORD + captured as usize];
        Step::Packet(total, Frame { time: Some(time), link: Some(ETHERNET), wire, bytes: packet })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cut_everywhere, read, same_for_every_piece};
    use crate::error::Error;

    /// A file with the packets `abc` (3 of 10 bytes kept) and nothing, after which 7 were lost.
    fn file(version: u32, link: u32) -> Vec<u8> {
        let mut out = b"snoop\0\0\0".to_vec();
        let mut long = |values: &[u32]| values.iter().for_each(|value| out.extend(value.to_be_bytes()));
        long(&[version, link, 10, 3, 28, 5, 4_000_000_000, 7]);
        long(&[u32::from_be_bytes(*b"abc\0"), 0, 0, 24, 7, 4_000_000_000, 8]);
        out
    }

    #[test]
    fn packets_with_their_times_and_losses() {
        let (packets, container) = same_for_every_piece(&file(2, 4));
        let time = 4_000_000_000 * 1_000_000_000 + 7000;
        assert_eq!(packets[0], (1, 16, Some(time), Some(1), b"abc".to_vec()));
        assert_eq!(packets[1], (2, 44, Some(time + 1000), Some(1), Vec::new()));
        assert_eq!((packets.len(), container.end(), container.facts().drops), (2, (None, 0), 7));
        assert_eq!(container.facts().format, "snoop");
    }

    #[test]
    fn a_cut_file_keeps_what_was_before() {
        cut_everywhere(&file(2, 0), &[16, 44]);
    }

    #[test]
    fn lengths_that_contradict_stop_the_reading() {
        for (at, value) in [(24, u32::MAX), (24, 26), (20, 5), (24, 20)] {
            let mut bytes = file(2, 4);
            bytes[at..at + 4].copy_from_slice(&u32::to_be_bytes(value));
            let (packets, container) = read(&bytes, 9).unwrap();
            let stop = container.end().0.unwrap();
            assert_eq!((packets.len(), stop.code, stop.offset), (0, "bad_record", 16));
        }
    }

    #[test]
    fn a_record_shorter_than_its_header_stops_the_reading() {
        for total in [0_u32, 23] {
            let mut bytes = file(2, 4);
            bytes[52..56].copy_from_slice(&total.to_be_bytes());
            let (packets, container) = read(&bytes, 9).unwrap();
            let stop = container.end().0.unwrap();
            assert_eq!((packets.len(), stop.code, stop.offset), (1, "bad_record", 44));
        }
    }

    #[test]
    fn other_versions_and_links_are_refused_in_words() {
        for (bytes, told) in [
            (file(1, 4), "snoop of version 1"),
            (file(2, 8), "snoop of a link (type 8) that is no Ethernet"),
            (b"snoop of the neighbours".to_vec(), "what begins as a snoop file is none"),
        ] {
            match read(&bytes, 64) {
                Err(Error::NotACapture { message, .. }) => assert_eq!(message, told),
                other => panic!("{other:?}"),
            }
        }
    }
}

//! Capture files as records: each packet with its number, offset, time, link type and bytes.
//!
//! The caller feeds bytes in pieces of any size, each in front of the next the rest that held no whole record. A damaged record stops the reading with its offset; all before it stands.

mod pcap;
mod pcapng;

use crate::coverage::Stop;
use crate::error::Error;

/// One packet as the file keeps it.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Number of the packet in the file, from 1.
    pub number: u64,
    /// Byte offset of its record header.
    pub offset: u64,
    /// What the record says.
    pub frame: Frame<'a>,
}

/// What a packet record says, wherever it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// ns since 1970; none where the record has no time or one that does not fit.
    pub time: Option<i64>,
    /// Link type; none where the record contradicts the file (no such interface, length beyond its block).
    pub link: Option<u16>,
    /// Length on the wire.
    pub wire: u32,
    /// Bytes kept.
    pub bytes: &'a [u8],
}

/// What stands at the front of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    /// More bytes are needed: this many at least.
    Need(usize),
    /// A packet in a record of this length.
    Packet(usize, Frame<'a>),
    /// A record of this length without a packet.
    Other(usize),
    /// No record: the reading ends here.
    Bad(String),
}

/// What a file says of itself.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `pcap` or `pcapng`.
    pub format: &'static str,
    /// Link types of its interfaces.
    pub links: std::collections::BTreeSet<u16>,
    /// Largest snapshot length.
    pub snaplen: u32,
    /// Packets lost, as the writer says.
    pub drops: u64,
    /// Blocks of a type that is not read.
    pub unknown_blocks: u64,
    /// Interfaces beyond the limit.
    pub refused_interfaces: u64,
}

#[derive(Debug)]
enum Format {
    Unknown,
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

/// A capture file being read.
#[derive(Debug)]
pub struct Container {
    format: Format,
    facts: Facts,
    offset: u64,
    records: u64,
    stop: Option<Stop>,
    trailing: u64,
}

impl Default for Container {
    fn default() -> Self {
        Self::new()
    }
}

impl Container {
    /// A file of which nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self { format: Format::Unknown, facts: Facts::default(), offset: 0, records: 0, stop: None, trailing: 0 }
    }

    /// Gives out every packet that is whole in these bytes; returns how many of them are done with. What is left stands
    /// in front of the next call's.
    ///
    /// # Errors
    /// The file does not begin as a capture does.
    pub fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(Record<'_>)) -> Result<usize, Error> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty() && self.stop.is_none()) {
            let taken = match &mut self.format {
                Format::Unknown => self.begin(rest)?,
                Format::Pcap(_) => self.walk_pcap(rest, each),
                Format::Pcapng(_) => self.walk_pcapng(rest, each),
            };
            if taken == 0 {
                break;
            }
            at += taken;
        }
        if self.stop.is_some() {
            self.trailing += (bytes.len() - at) as u64;
            at = bytes.len();
        }
        Ok(at)
    }

    /// Says how the file ended, with these bytes left of the last call.
    ///
    /// # Errors
    /// The file is too short to be a capture.
    pub fn finish(&mut self, left: &[u8]) -> Result<(), Error> {
        if matches!(self.format, Format::Unknown) && self.stop.is_none() {
            let message = if left.is_empty() { "empty file" } else { "too short" };
            return Err(Error::NotACapture { offset: left.len() as u64, message: message.into() });
        }
        if !left.is_empty() {
            self.trailing += left.len() as u64;
            self.stop("truncated", format!("the last record is cut short: {} bytes of it are there", left.len()));
        }
        Ok(())
    }

    /// True once the file header was read.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        !matches!(self.format, Format::Unknown)
    }

    /// Ends the reading for a reason from outside (a read error, a broken compression).
    pub fn stop(&mut self, code: &'static str, message: String) {
        self.stop.get_or_insert(Stop { code, offset: self.offset, message });
    }

    /// What the file says of itself, so far.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let mut facts = self.facts.clone();
        if let Format::Pcapng(section) = &self.format {
            facts.drops += section.drops();
        }
        facts
    }

    /// Why the reading ended early, and how many bytes were left unread.
    #[must_use]
    pub fn end(&self) -> (Option<Stop>, u64) {
        (self.stop.clone(), self.trailing)
    }

    fn walk_pcap(&mut self, bytes: &[u8], each: &mut impl FnMut(Record<'_>)) -> usize {
        let Format::Pcap(pcap) = &self.format else { return 0 };
        let pcap = *pcap;
        self.walk(bytes, each, |_, rest| pcap.step(rest))
    }

    fn walk_pcapng(&mut self, bytes: &[u8], each: &mut impl FnMut(Record<'_>)) -> usize {
        let Format::Pcapng(mut section) = std::mem::replace(&mut self.format, Format::Unknown) else { return 0 };
        let taken = self.walk(bytes, each, |facts, rest| section.step(rest, facts));
        self.format = Format::Pcapng(section);
        taken
    }

    /// Gives out the records at the front of `bytes`; returns how many bytes they took.
    #[inline]
    fn walk<'a>(
        &mut self,
        bytes: &'a [u8],
        each: &mut impl FnMut(Record<'a>),
        mut step: impl FnMut(&mut Facts, &'a [u8]) -> Step<'a>,
    ) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let length = match step(&mut self.facts, rest) {
                Step::Packet(length, frame) => {
                    self.records += 1;
                    each(Record { number: self.records, offset: self.offset, frame });
                    length
                }
                Step::Other(length) => length,
                Step::Need(_) => break,
                Step::Bad(message) => {
                    self.stop("bad_record", message);
                    break;
                }
            };
            self.offset += length as u64;
            at += length;
        }
        at
    }

    /// Tells the format from the first bytes; returns how many are done with, none where there are too few.
    fn begin(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let Some(magic) = bytes.first_chunk::<4>() else { return Ok(0) };
        let taken = if *magic == pcapng::SECTION {
            self.begin_section(bytes)?
        } else if let Some(order) = pcap::Order::of(*magic) {
            self.begin_pcap(order, bytes)
        } else {
            return Err(Error::NotACapture { offset: 0, message: format!("unknown first bytes {}", hex(magic)) });
        };
        self.offset += taken as u64;
        Ok(taken)
    }

    fn begin_section(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.facts.format = "pcapng";
        let mut section = pcapng::Pcapng::default();
        match section.step(bytes, &mut self.facts) {
            Step::Bad(message) => Err(Error::NotACapture { offset: 0, message }),
            Step::Other(length) => {
                self.format = Format::Pcapng(section);
                Ok(length)
            }
            _ => Ok(0),
        }
    }

    fn begin_pcap(&mut self, order: pcap::Order, bytes: &[u8]) -> usize {
        let Some(header) = bytes.first_chunk::<{ pcap::HEADER }>() else { return 0 };
        self.facts.format = "pcap";
        self.format = Format::Pcap(pcap::Pcap::new(order, header, &mut self.facts));
        pcap::HEADER
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The packets of a file fed in pieces of `piece` bytes: (number, offset, time, link, bytes), and the end.
    type Packet = (u64, u64, Option<i64>, Option<u16>, Vec<u8>);

    pub(crate) fn read(file: &[u8], piece: usize) -> Result<(Vec<Packet>, Container), Error> {
        let mut packets = Vec::new();
        let mut container = Container::new();
        let mut held = Vec::new();
        for block in file.chunks(piece) {
            held.extend_from_slice(block);
            let taken = container.feed(&held, &mut |r| {
                packets.push((r.number, r.offset, r.frame.time, r.frame.link, r.frame.bytes.to_vec()));
            })?;
            held.drain(..taken);
        }
        container.finish(&held)?;
        Ok((packets, container))
    }

    pub(crate) fn same_for_every_piece(file: &[u8]) -> (Vec<Packet>, Container) {
        let (whole, container) = read(file, file.len()).unwrap();
        for piece in [1, 2, 3, 7, 16, 17, 64, 1000] {
            let (packets, other) = read(file, piece).unwrap();
            assert_eq!(packets, whole, "in pieces of {piece}");
            assert_eq!(other.end(), container.end(), "in pieces of {piece}");
        }
        (whole, container)
    }

    /// A file cut at any byte gives a prefix of the packets and says so, unless the cut is between two records.
    pub(crate) fn cut_everywhere(file: &[u8], records: &[u64]) {
        let (whole, _) = read(file, file.len()).unwrap();
        for cut in 0..file.len() {
            let Ok((packets, container)) = read(&file[..cut], 5) else {
                assert!(cut < 28, "only the header may be missed");
                continue;
            };
            assert_eq!(packets[..], whole[..packets.len()]);
            let (stop, trailing) = container.end();
            assert_eq!(stop.is_none(), records.contains(&(cut as u64)), "cut at {cut}: {stop:?}");
            if let Some(stop) = stop {
                assert_eq!(stop.code, "truncated");
                assert_eq!(stop.offset + trailing, cut as u64);
            }
        }
    }

    #[test]
    fn what_is_no_capture_is_told() {
        for (bytes, message) in
            [(&b""[..], "empty file"), (b"abc", "too short"), (b"abcdefgh", "unknown first bytes 61626364")]
        {
            match read(bytes, 4) {
                Err(Error::NotACapture { message: told, .. }) => assert_eq!(told, message),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn any_bytes_never_panic() {
        let mut random = crate::dice::dice();
        let heads: [&[u8]; 3] = [&[0x0a, 0x0d, 0x0d, 0x0a], &[0xd4, 0xc3, 0xb2, 0xa1], b""];
        for round in 0..3000 {
            let mut bytes = heads[round % 3].to_vec();
            // Small numbers make lengths that fit, so that more than the first check is reached.
            bytes.extend(
                (0..random() % 200)
                    .map(|_| if random().is_multiple_of(3) { random() as u8 } else { random() as u8 % 5 }),
            );
            let _ = read(&bytes, 1 + (random() % 40) as usize);
        }
    }
}

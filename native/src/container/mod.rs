//! Capture files as records: each packet with its number, offset, time, link type and bytes.
//!
//! The caller feeds bytes in pieces of any size, each in front of the next the rest that held no whole record. A damaged
//! record stops the reading with its offset; all before it stands.

mod erf;
pub mod names;
mod pcap;
mod pcapng;
mod snoop;

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
    /// More bytes are needed.
    Need,
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
    /// `pcap`, `pcapng`, `snoop` or `erf`.
    pub format: &'static str,
    /// Link types of its interfaces.
    pub links: std::collections::BTreeSet<u16>,
    /// Largest snapshot length.
    pub snaplen: u32,
    /// Packets lost, as the writer says.
    pub drops: u64,
    /// Blocks of pcapng by what they are.
    pub blocks: std::collections::BTreeMap<&'static str, u64>,
    /// Blocks of a type that is not read.
    pub unknown_blocks: u64,
    /// Names that the writer of the file resolved.
    pub names: names::Names,
    /// Interfaces beyond the limit.
    pub refused_interfaces: u64,
}

#[derive(Debug)]
enum Format {
    Unknown,
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
    Snoop(snoop::Snoop),
    Erf(erf::Erf),
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
    /// No bytes follow those that are fed.
    last: bool,
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
        Self {
            format: Format::Unknown,
            facts: Facts::default(),
            offset: 0,
            records: 0,
            stop: None,
            trailing: 0,
            last: false,
        }
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
                Format::Unknown => self.begin(rest, each)?,
                Format::Pcap(_) => self.walk_pcap(rest, each),
                Format::Pcapng(_) => self.walk_pcapng(rest, each),
                Format::Snoop(_) => self.walk_snoop(rest, each),
                Format::Erf(_) => self.walk_erf(rest, each),
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

    /// Says that no bytes follow those left of the last call, which are to be fed once more: some wait to see what comes
    /// after them. False where that was said before.
    pub fn settle(&mut self) -> bool {
        !std::mem::replace(&mut self.last, true)
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
        match &self.format {
            Format::Pcapng(section) => {
                facts.drops = facts.drops.saturating_add(section.drops());
                let others: u64 = ["SPB", "OPB"].iter().filter_map(|name| facts.blocks.get(name)).sum();
                if self.records > others {
                    facts.blocks.insert("EPB", self.records - others);
                }
            }
            Format::Snoop(snoop) => facts.drops = snoop.drops(),
            Format::Erf(erf) => facts.drops = erf.drops(),
            Format::Pcap(_) | Format::Unknown => {}
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

    fn walk_snoop(&mut self, bytes: &[u8], each: &mut impl FnMut(Record<'_>)) -> usize {
        let Format::Snoop(mut snoop) = std::mem::replace(&mut self.format, Format::Unknown) else { return 0 };
        let taken = self.walk(bytes, each, |_, rest| snoop.step(rest));
        self.format = Format::Snoop(snoop);
        taken
    }

    fn walk_erf(&mut self, bytes: &[u8], each: &mut impl FnMut(Record<'_>)) -> usize {
        let Format::Erf(mut erf) = std::mem::replace(&mut self.format, Format::Unknown) else { return 0 };
        let taken = self.walk(bytes, each, |facts, rest| erf.step(rest, facts));
        self.format = Format::Erf(erf);
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
                Step::Need => break,
                Step::Bad(message) => {
                    self.stop("bad_record", message);
                    break;
                }
            };
            debug_assert!(length > 0, "a record without an end would be read for ever");
            self.offset += length as u64;
            at += length;
        }
        at
    }

    /// Tells the format from the first bytes; returns how many are done with, none where there are too few.
    fn begin(&mut self, bytes: &[u8], each: &mut impl FnMut(Record<'_>)) -> Result<usize, Error> {
        let Some(magic) = bytes.first_chunk::<4>() else { return Ok(0) };
        let taken = if *magic == pcapng::SECTION {
            self.begin_section(bytes)?
        } else if let Some(order) = pcap::Order::of(*magic) {
            self.begin_pcap(order, bytes)?
        } else if *magic == snoop::MAGIC {
            self.begin_snoop(bytes)?
        } else {
            return match erf::is(bytes, self.last) {
                erf::Is::Erf => {
                    self.format = Format::Erf(erf::Erf::new(&mut self.facts));
                    Ok(self.walk_erf(bytes, each)) // there is no file header
                }
                erf::Is::Unsure => Ok(0),
                erf::Is::No => Err(refused(format!("unknown first bytes {}", hex(magic)))),
            };
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

    fn begin_pcap(&mut self, order: pcap::Order, bytes: &[u8]) -> Result<usize, Error> {
        match pcap::Pcap::begin(order, bytes, self.last, &mut self.facts) {
            Ok(pcap) => {
                self.format = Format::Pcap(pcap);
                Ok(pcap.file_header())
            }
            Err(step) => waits(step),
        }
    }

    fn begin_snoop(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        match snoop::Snoop::begin(bytes, &mut self.facts) {
            Ok(snoop) => {
                self.format = Format::Snoop(snoop);
                Ok(snoop::HEADER)
            }
            Err(step) => waits(step),
        }
    }
}

/// What is no file header: too little of one, or none.
fn waits(step: Step<'_>) -> Result<usize, Error> {
    match step {
        Step::Bad(message) => Err(refused(message)),
        _ => Ok(0),
    }
}

fn refused(message: String) -> Error {
    Error::NotACapture { offset: 0, message }
}

/// Says so where the header of another file stands between the records of one.
fn joined(bytes: &[u8]) -> Option<&'static str> {
    let magic = *bytes.first_chunk::<4>()?;
    let begins = match pcap::Order::of(magic) {
        Some(order) => order.is_header(bytes),
        None => magic == pcapng::SECTION && pcapng::is_section(bytes),
    };
    begins.then_some(
        "another capture file begins here: files put one behind the other are read up to the second; \
         give them one by one, or join them with mergecap",
    )
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
        if container.settle() {
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
    fn a_length_of_four_gigabytes_is_refused() {
        let pcap = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0";
        let section = b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0";
        let snoop = b"snoop\0\0\0\0\0\0\x02\0\0\0\x04\0\0\0\x01\0\0\0\x01";
        for head in [&pcap[..], &[&section[..], b"\x06\0\0\0"].concat(), snoop] {
            let mut container = Container::new();
            for block in [&[head, &[0xff; 4096]].concat()].into_iter().chain([&vec![0xff; 4096]; 1000]) {
                let taken = container.feed(block, &mut |_| panic!("no packet")).unwrap();
                assert_eq!(taken, block.len(), "nothing is kept for a record that is not believed");
            }
            assert_eq!(container.end().0.unwrap().code, "bad_record");
            assert!(container.end().1 > 4_096_000);
        }
    }

    #[test]
    fn any_bytes_never_panic() {
        let mut random = crate::dice::dice();
        let heads: [&[u8]; 6] = [
            &[0x0a, 0x0d, 0x0d, 0x0a],
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            &[0x34, 0xcd, 0xb2, 0xa1, 2, 0, 4, 0],
            b"snoop\0\0\0\0\0\0\x02\0\0\0\x04",
            b"\0\0\0\0\x09\0\0\0\x02\x04\0\x12\0\0\0\x02\0\0\0\0\0\0\x09\0\0\0\x82\x04\0\x18\0\0\0\x02",
            b"",
        ];
        for round in 0..6000 {
            let mut bytes = heads[round % heads.len()].to_vec();
            // Small numbers make lengths that fit, so that more than the first check is reached.
            bytes.extend(
                (0..random() % 200)
                    .map(|_| if random().is_multiple_of(3) { random() as u8 } else { random() as u8 % 5 }),
            );
            let _ = read(&bytes, 1 + (random() % 40) as usize);
        }
    }
}

//! What was read, what was not, and why: the law is `records = used + sum(skipped)`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::AddAssign;

use crate::unpack::Compression;

/// Why a record is in no flow. The text is the key in `Coverage.skipped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// A known protocol without IP: ARP, LLDP, spanning tree, EAPOL, ...
    NoIp,
    /// An EtherType (or its equivalent) this version does not know.
    UnknownEthertype,
    /// The capture cut a header that is needed.
    TruncatedHeader,
    /// A header contradicts itself.
    BadHeader,
    /// A later fragment whose first fragment was not seen.
    FragmentWithoutFirst,
    /// A record without bytes.
    Empty,
    /// The link encrypts or compresses what it carries (802.11, MACsec, PPP).
    Protected,
    /// A part of a frame that the link cut up: the header is in another.
    LinkFragment,
    /// Traffic of a USB bus.
    Usb,
    /// The link type is not read by this version.
    UnsupportedLinkType(u16),
}

impl Skip {
    /// The stable name of the reason.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::NoIp => "no_ip".into(),
            Self::UnknownEthertype => "unknown_ethertype".into(),
            Self::TruncatedHeader => "truncated_header".into(),
            Self::BadHeader => "bad_header".into(),
            Self::FragmentWithoutFirst => "fragment_without_first".into(),
            Self::Empty => "empty".into(),
            Self::Protected => "protected".into(),
            Self::LinkFragment => "link_fragment".into(),
            Self::Usb => "usb".into(),
            Self::UnsupportedLinkType(number) => format!("unsupported_link_type:{number}"),
        }
    }
}

/// Why reading stopped before the end of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// A stable word: `truncated`, `bad_record`, `bad_compression`, `read_error`.
    pub code: &'static str,
    /// Byte offset, in the unpacked input, of the record that could not be read.
    pub offset: u64,
    /// One line for a person.
    pub message: String,
}

/// Everything said of one source besides its rows.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// `pcap`, `pcapng`, `snoop` or `erf`.
    pub format: &'static str,
    /// Link types declared by the file (LINKTYPE numbers).
    pub link_types: BTreeSet<u16>,
    /// Largest snapshot length declared; 0 where the file says "no limit".
    pub snaplen: u32,
    /// Bytes of the input as stored.
    pub size: u64,
    /// SHA-256 of them, lower-case hexadecimal; none without digest or before the end.
    pub sha256: Option<String>,
    /// How the input is compressed, and how many bytes were unpacked; none where it is not.
    pub unpacked: Option<(Compression, u64)>,
    /// Packets in the file.
    pub records: u64,
    /// Packets that belong to a flow.
    pub used: u64,
    /// Packets that do not, by reason.
    pub skipped: BTreeMap<Skip, u64>,
    /// Bytes on the wire of all records, as their record headers say.
    pub bytes: u64,
    /// Earliest time of a record, ns since 1970.
    pub first_time: Option<i64>,
    /// Latest time of a record, ns since 1970.
    pub last_time: Option<i64>,
    /// Records of which the capture kept fewer bytes than were on the wire.
    pub truncated_records: u64,
    /// Packets the writer says it lost (pcapng statistics and packets, snoop and ERF records).
    pub interface_drops: u64,
    /// Records older than the one before.
    pub out_of_order: u64,
    /// Records without a time (pcapng simple packets).
    pub untimed: u64,
    /// Bytes at the end that are no record.
    pub trailing_bytes: u64,
    /// Blocks of pcapng of a type this version does not read.
    pub unknown_blocks: u64,
    /// Blocks of pcapng by the names the draft gives them (`SHB`, `EPB`, ...); others are `other`.
    pub blocks: BTreeMap<&'static str, u64>,
    /// Addresses and names that the writer of a pcapng file resolved, some of them; they prove nothing.
    pub resolved_names: BTreeSet<(IpAddr, String)>,
    /// IP datagrams in fragments that did not all come.
    pub incomplete_datagrams: u64,
    /// IP fragments that overlap others of their datagram and say something else; the first was believed.
    pub fragment_overlaps: u64,
    /// What the conversations came to.
    pub tally: Tally,
    /// Why reading stopped early, if it did.
    pub error: Option<Stop>,
    last_seen: Option<i64>,
}

/// What one shard counted of one source.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Rows of FLOWS.
    pub flows: u64,
    /// Rows of LOOKUPS.
    pub lookups: u64,
    /// Flows with packets from one side only.
    pub one_way_flows: u64,
    /// Certificates of servers that hold to no form: of these only the digest is told.
    pub unreadable_certificates: u64,
    /// Flows that are tunnels whose inside cannot be read.
    pub opaque_tunnels: u64,
    /// DNS messages that give no row of LOOKUPS of their own.
    pub rowless: Rowless,
    /// Limits that were hit, how often.
    pub limits: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds to the count of a limit; nothing is noted for zero.
    pub fn limit(&mut self, name: &'static str, count: u64) {
        if count > 0 {
            *self.limits.entry(name).or_default() += count;
        }
    }
}

/// DNS messages that were read and give no row of their own, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rowless {
    /// A question asked again with the same id: one row, the first time.
    pub repeated: u64,
    /// Neither a query nor its response (NOTIFY, UPDATE).
    pub other_opcodes: u64,
    /// No question and no answer in it.
    pub nameless: u64,
    /// Sent to the mDNS group, with records that nobody was seen to ask for.
    pub announced: u64,
}

impl AddAssign for Rowless {
    fn add_assign(&mut self, other: Self) {
        self.repeated += other.repeated;
        self.other_opcodes += other.other_opcodes;
        self.nameless += other.nameless;
        self.announced += other.announced;
    }
}

impl Coverage {
    /// Counts one record by the facts of its record header.
    #[inline]
    pub fn record(&mut self, time: Option<i64>, captured: usize, wire: u32) {
        self.records += 1;
        self.bytes += u64::from(wire);
        self.truncated_records += u64::from(captured < wire as usize);
        let Some(time) = time else {
            self.untimed += 1;
            return;
        };
        self.out_of_order += u64::from(self.last_seen.is_some_and(|last| time < last));
        self.last_seen = Some(time);
        self.first_time = Some(self.first_time.map_or(time, |first| first.min(time)));
        self.last_time = Some(self.last_time.map_or(time, |last| last.max(time)));
    }

    /// Counts one record that is in no flow.
    #[inline]
    pub fn skip(&mut self, reason: Skip) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// Counts records that were taken for used and are in no flow after all.
    #[cold]
    pub fn take_back(&mut self, count: u64, reason: Skip) {
        self.used = self.used.saturating_sub(count);
        *self.skipped.entry(reason).or_default() += count;
    }

    /// Adds what a shard counted.
    pub fn add(&mut self, shard: &Tally) {
        let tally = &mut self.tally;
        tally.flows += shard.flows;
        tally.lookups += shard.lookups;
        tally.one_way_flows += shard.one_way_flows;
        tally.unreadable_certificates += shard.unreadable_certificates;
        tally.opaque_tunnels += shard.opaque_tunnels;
        tally.rowless += shard.rowless;
        shard.limits.iter().for_each(|(name, count)| tally.limit(name, *count));
    }

    /// True when every record is accounted for.
    #[must_use]
    pub fn is_lawful(&self) -> bool {
        self.records == self.used + self.skipped.values().sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_from_the_earliest_to_the_latest() {
        let mut coverage = Coverage::default();
        for time in [Some(5), Some(3), None, Some(9)] {
            coverage.record(time, 10, 12);
        }
        assert_eq!((coverage.first_time, coverage.last_time), (Some(3), Some(9)));
        assert_eq!((coverage.records, coverage.out_of_order, coverage.untimed), (4, 1, 1));
        assert_eq!((coverage.truncated_records, coverage.bytes), (4, 48));
    }

    #[test]
    fn the_law_needs_every_record() {
        let mut coverage = Coverage::default();
        coverage.record(Some(1), 1, 1);
        assert!(!coverage.is_lawful());
        coverage.skip(Skip::UnsupportedLinkType(147));
        assert!(coverage.is_lawful());
        assert_eq!(coverage.skipped.keys().next().unwrap().text(), "unsupported_link_type:147");
    }
}

//! The conversations that are open: bounded, keyed, closed by silence, by a new opening, or for want of room.
//!
//! Silence is told by the packets' own times, when a packet comes or when the table is swept; a sweep looks at every
//! conversation, so it waits for twice as many packets as there are conversations.

use ahash::RandomState;
use hashbrown::HashTable;

use super::direction::{self, Basis};
use super::key::{Key, Side, other};
use super::slots::Slots;
use super::tcp::Half;
use crate::link::Vlans;
use crate::talk::{Facts, Talk};
use crate::transport::{Segment, TCP};
use crate::tunnel::Layer;

/// Conversations kept at once.
pub const MOST: usize = 1 << 20;
/// Packets between two sweeps, at least.
const SWEEP: usize = 1 << 12;
const SECOND: i64 = 1_000_000_000;
/// Silence after which a TCP conversation is over.
const IDLE_TCP: i64 = 3600 * SECOND;
/// Silence after which a closed one is over.
const IDLE_CLOSED: i64 = 5 * SECOND;
/// Silence after which any other conversation is over.
const IDLE: i64 = 120 * SECOND;

/// What one end sent.
#[derive(Debug, Default)]
pub struct Sum {
    /// Packets.
    pub packets: u64,
    /// IP bytes.
    pub bytes: u64,
    /// Payload bytes recorded; for TCP each once.
    pub payload: u64,
    /// TCP numbers of this direction.
    pub tcp: Half,
}

/// Where and when a packet was recorded.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Index of the source.
    pub source: u32,
    /// Number of the record, from 1.
    pub record: u64,
    /// Byte offset of the record.
    pub offset: u64,
    /// ns since 1970, where the record has a time.
    pub time: Option<i64>,
}

/// What a packet travelled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    /// VLAN tags of the frame.
    pub vlans: Vlans,
    /// Encapsulations, outer to inner.
    pub layers: Box<[Layer]>,
}

/// One packet as its conversation takes it in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The conversation.
    pub key: Key,
    /// Digest of `key` by the table's hasher.
    pub hash: u64,
    /// Which end sent it.
    pub sender: Side,
    /// Where and when it was recorded.
    pub place: Place,
    /// IP bytes.
    pub length: u32,
    /// What it carries.
    pub segment: Segment<'a>,
    /// What it travelled in, where that was anything.
    pub carrier: Option<&'a Carrier>,
}

/// One conversation.
#[derive(Debug)]
pub struct Flow {
    /// The two ends.
    pub key: Key,
    /// Index of the source of the first record.
    pub source: u32,
    /// Index of the source of the last record.
    last_source: u32,
    /// Sources that hold records of it.
    pub parts: u16,
    /// Number of the first record.
    pub first_record: u64,
    /// Byte offset of it.
    pub first_offset: u64,
    /// Who sent it.
    first_sender: u8,
    /// Time of the earliest record.
    pub start: Option<i64>,
    /// Number of the last record in that source.
    pub last_record: u64,
    /// Time of the latest record.
    pub end: Option<i64>,
    /// What each end sent.
    pub sums: [Sum; 2],
    /// Which end opened.
    src: u8,
    /// How that is known.
    pub basis: Basis,
    /// Type and code of the first ICMP message.
    pub message: Option<(u8, u8)>,
    /// What the first record travelled in, where that was anything.
    pub carrier: Option<Box<Carrier>>,
    /// What was recognised.
    pub facts: Option<Box<Facts>>,
    /// The recognition, while it goes on.
    pub talk: Talk,
}

impl Flow {
    fn new(arrival: &Arrival<'_>) -> Self {
        let Arrival { key, sender, place, segment, carrier, .. } = arrival;
        let (from_sender, basis) = direction::of_first(key.proto, segment);
        Self {
            key: *key,
            source: place.source,
            last_source: place.source,
            parts: 1,
            first_record: place.record,
            first_offset: place.offset,
            first_sender: *sender as u8,
            start: place.time,
            last_record: place.record,
            end: place.time,
            sums: [Sum::default(), Sum::default()],
            src: (if from_sender { *sender } else { other(*sender) }) as u8,
            basis,
            message: segment.message,
            carrier: carrier.map(|carrier| Box::new(carrier.clone())),
            facts: None,
            talk: Talk::default(),
        }
    }

    /// Names the initiator by what was said, unless a handshake told it.
    pub fn asked_by(&mut self, side: Side) {
        if self.basis > Basis::Request {
            self.src = side as u8;
            self.basis = Basis::Request;
        }
    }

    /// The end that opened.
    #[must_use]
    pub fn src(&self) -> Side {
        self.src.into()
    }

    /// The end that was opened to.
    #[must_use]
    pub fn dst(&self) -> Side {
        other(self.src())
    }

    /// The end that sent the first record.
    #[must_use]
    pub fn first_sender(&self) -> Side {
        self.first_sender.into()
    }

    /// Takes in one packet; returns the position of its payload in its direction.
    #[inline]
    fn count(&mut self, arrival: &Arrival<'_>) -> Counted {
        let Arrival { sender, place, length, segment, .. } = arrival;
        if place.source == self.source {
            if place.record >= self.last_record {
                self.last_record = place.record;
            } else {
                self.began_with(arrival);
            }
        } else if place.source != self.last_source {
            self.last_source = place.source;
            self.parts = self.parts.saturating_add(1);
        }
        self.message = self.message.or(segment.message);
        if self.end < place.time {
            self.end = place.time;
        } else if place.time.is_some() && place.time < self.start {
            self.start = place.time;
        }
        let [low, high] = &mut self.sums;
        let (mine, theirs) = if *sender == super::key::LOW { (low, high) } else { (high, low) };
        mine.packets += 1;
        mine.bytes += u64::from(*length);
        let Some(tcp) = &segment.tcp else {
            // A segment cut short has no number: what it carried shows as acknowledged.
            mine.payload += if self.key.proto == TCP { 0 } else { u64::from(segment.length) };
            return Counted::default();
        };
        let sent = mine.tcp.send(tcp, segment.length, theirs.tcp.is_shut());
        mine.payload += sent.fresh;
        theirs.payload += theirs.tcp.acknowledge(tcp, mine.tcp.has_fin());
        Counted { position: sent.position, overflow: sent.overflow }
    }

    /// Takes in a record that comes late, as those of fragments do.
    #[cold]
    fn began_with(&mut self, arrival: &Arrival<'_>) {
        if arrival.place.record < self.first_record {
            self.first_record = arrival.place.record;
            self.first_offset = arrival.place.offset;
            self.first_sender = arrival.sender as u8;
        }
    }

    /// Sorts conversations by how long they have been silent.
    fn age(&self) -> (Option<i64>, u32, u64) {
        (self.end, self.last_source, self.last_record)
    }

    fn idle_limit(&self) -> i64 {
        let [a, b] = &self.sums;
        let closed = a.tcp.has_rst() || b.tcp.has_rst() || (a.tcp.has_fin() && b.tcp.has_fin());
        match self.key.proto {
            TCP if closed => IDLE_CLOSED,
            TCP => IDLE_TCP,
            _ => IDLE,
        }
    }

    fn is_over(&self, now: Option<i64>) -> bool {
        let (Some(now), Some(end)) = (now, self.end) else { return false };
        let silence = now.saturating_sub(end);
        silence > IDLE_CLOSED && silence > self.idle_limit()
    }

    /// True when a SYN of `sender` cannot belong to this conversation: its number is new.
    fn is_reopened(&self, sender: Side, segment: &Segment<'_>) -> bool {
        let Some(tcp) = segment.tcp.filter(|_| direction::opens(self.key.proto, segment)) else {
            return false;
        };
        let (mine, theirs) = (&self.sums[sender], &self.sums[other(sender)]);
        let same_number = mine.tcp.opened_with(tcp.seq);
        if !tcp.flags.ack() {
            // Both may open at once, before either has answered.
            return !same_number || (mine.packets == 0 && !theirs.tcp.has_only_opened());
        }
        let answers_this_opening = theirs.tcp.has_syn() && theirs.tcp.opened_with(tcp.ack.wrapping_sub(1));
        let may_change = answers_this_opening && mine.tcp.has_only_opened();
        !(same_number || may_change)
    }
}

/// What counting a packet told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Position of the first payload byte in its direction (TCP).
    pub position: i64,
    /// A gap of the direction had to be given up.
    pub overflow: bool,
}

/// The open conversations.
#[derive(Debug)]
pub struct Table {
    index: HashTable<u32>,
    slots: Slots,
    hasher: RandomState,
    most: usize,
    since_sweep: usize,
    evicted: u64,
}

impl Table {
    /// An empty table that keeps `most` conversations, whose digests are of `hasher`.
    #[must_use]
    pub fn new(most: usize, hasher: RandomState) -> Self {
        Self {
            index: HashTable::new(),
            slots: Slots::default(),
            hasher,
            most: most.max(16),
            since_sweep: 0,
            evicted: 0,
        }
    }

    /// Conversations closed for want of room since the last call.
    pub fn evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Counts a packet in its conversation, which is opened if need be; `over` gets those that end by it.
    #[inline]
    pub fn take(&mut self, arrival: &Arrival<'_>, over: &mut Vec<Flow>) -> (&mut Flow, Counted) {
        self.since_sweep += 1;
        if self.since_sweep >= SWEEP.max(2 * self.index.len()) {
            self.sweep(arrival.place.time, over);
        }
        let slot = match self.index.find(arrival.hash, |&slot| is_at(&self.slots, slot, &arrival.key)) {
            Some(&slot) => {
                self.renew(slot, arrival, over);
                slot
            }
            None => self.insert(arrival.hash, Flow::new(arrival), over),
        };
        let flow = self.slots.get_mut(slot);
        let counted = flow.count(arrival);
        (flow, counted)
    }

    /// Some of those that are still open, which are taken out; none at the end.
    pub fn drain(&mut self) -> Option<impl Iterator<Item = Flow> + use<>> {
        self.index.clear();
        self.slots.drain()
    }

    /// Puts a new conversation in the place of one that is over.
    #[inline]
    fn renew(&mut self, slot: u32, arrival: &Arrival<'_>, over: &mut Vec<Flow>) {
        let flow = self.slots.get_mut(slot);
        if flow.is_over(arrival.place.time) || flow.is_reopened(arrival.sender, &arrival.segment) {
            over.push(std::mem::replace(flow, Flow::new(arrival)));
        }
    }

    fn insert(&mut self, hash: u64, flow: Flow, over: &mut Vec<Flow>) -> u32 {
        if self.index.len() >= self.most {
            self.evict(over);
        }
        let slot = self.slots.put(flow);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, slot, |&slot| hash_at(slots, hasher, slot));
        slot
    }

    /// Closes what has been silent for too long, if the table was not looked through lately.
    pub fn tidy(&mut self, now: Option<i64>, over: &mut Vec<Flow>) {
        if self.since_sweep * 16 >= self.index.len() {
            self.sweep(now, over);
        }
    }

    /// Closes what has been silent for too long.
    fn sweep(&mut self, now: Option<i64>, over: &mut Vec<Flow>) {
        self.since_sweep = 0;
        self.close_where(|flow| flow.is_over(now), over);
    }

    /// Closes the sixteenth that has been silent longest.
    fn evict(&mut self, over: &mut Vec<Flow>) {
        let mut ends: Vec<_> = self.slots.iter().map(Flow::age).collect();
        let (_, &mut oldest, _) = ends.select_nth_unstable(self.most / 16);
        let before = over.len();
        self.close_where(|flow| flow.age() < oldest, over);
        self.evicted += (over.len() - before) as u64;
    }

    fn close_where(&mut self, is_over: impl Fn(&Flow) -> bool, over: &mut Vec<Flow>) {
        let Self { index, hasher, slots, .. } = self;
        slots.take_where(is_over, |slot, flow| {
            if let Ok(entry) = index.find_entry(hasher.hash_one(flow.key), |&other| other == slot) {
                entry.remove();
            }
            over.push(flow);
        });
    }
}

#[inline]
fn is_at(slots: &Slots, slot: u32, key: &Key) -> bool {
    slots.get(slot).is_some_and(|flow| flow.key == *key)
}

fn hash_at(slots: &Slots, hasher: &RandomState, slot: u32) -> u64 {
    slots.get(slot).map_or(0, |flow| hasher.hash_one(flow.key))
}

#[cfg(test)]
mod tests;

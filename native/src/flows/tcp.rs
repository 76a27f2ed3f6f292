//! One direction of a TCP conversation counted by sequence numbers: what was sent, acknowledged, and never captured.
//!
//! A byte counts once however often it was sent. Positions run from 0 at the first payload byte (after the SYN), or
//! from the first number seen where the opening was not recorded; they are 64 bits wide, so a conversation may be
//! longer than the sequence space. Keep-alives (a byte already acknowledged, sent again) and zero-window probes (a
//! byte beyond a closed window) add nothing. Source: RFC 9293 3.4, 3.8.4, 3.8.6.1.

use crate::transport::Tcp;

/// Gaps kept of one direction.
const MOST_HOLES: usize = 64;
/// The largest window TCP can announce (RFC 7323): an acknowledgement further ahead is not believed.
const WINDOW: i64 = 1 << 30;
/// The most that is believed to have been in flight when the recording began.
const IN_FLIGHT: i64 = 1 << 24;

/// What is known of a direction, one bit each.
mod bit {
    /// Position 0 is known.
    pub const PLACED: u16 = 1;
    /// Position 0 is the first byte of the conversation.
    pub const START: u16 = 1 << 1;
    /// A SYN without ACK was sent.
    pub const SYN: u16 = 1 << 2;
    /// A SYN with ACK was sent.
    pub const SYN_ACK: u16 = 1 << 3;
    pub const FIN: u16 = 1 << 4;
    pub const RST: u16 = 1 << 5;
    /// An acknowledgement of this direction was seen.
    pub const ACKED: u16 = 1 << 6;
    /// The sender's own last window was zero.
    pub const SHUT: u16 = 1 << 7;
    /// The byte at `next` was sent as a probe and is not counted yet.
    pub const PROBE: u16 = 1 << 8;
    /// The last acknowledgement took in exactly one more position.
    pub const BY_ONE: u16 = 1 << 9;
    /// Acknowledgements grew with or after the acknowledger's own FIN.
    pub const AFTER_FIN: u16 = 1 << 10;
}

/// Gaps between the bytes that were seen, in order.
#[derive(Debug, Default)]
struct Holes {
    ranges: Vec<(i64, i64)>,
    /// Bytes of gaps that were dropped for want of room: they count as missing.
    given_up: u64,
}

/// One direction: its sender's numbers and what the other side acknowledged of them.
#[derive(Debug, Default)]
pub struct Half {
    base: u32,
    bits: u16,
    /// Lowest position known to have been sent in the recording.
    low: i64,
    /// Position after the highest byte seen.
    next: i64,
    /// Highest position acknowledged.
    acked: i64,
    holes: Option<Box<Holes>>,
}

/// What one segment added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Payload bytes not seen before.
    pub fresh: u64,
    /// Position of the first payload byte.
    pub position: i64,
    /// A gap had to be given up.
    pub overflow: bool,
}

impl Half {
    fn is(&self, bits: u16) -> bool {
        self.bits & bits != 0
    }

    /// Position of a sequence number: the nearest to the highest seen.
    #[inline]
    fn position(&self, seq: u32) -> i64 {
        let near = self.next.max(self.acked);
        let distance = seq.wrapping_sub(self.base.wrapping_add(near as u32)) as i32;
        near + i64::from(distance)
    }

    fn place(&mut self, seq: u32, bits: u16) {
        self.base = seq;
        self.bits |= bit::PLACED | bits;
        (self.low, self.next, self.acked) = (0, 0, 0);
    }

    /// Takes in a segment of this direction; `shut` says that the other side's window is closed.
    #[inline]
    pub fn send(&mut self, tcp: &Tcp, length: u32, shut: bool) -> Sent {
        let flags = tcp.flags;
        let first = tcp.seq.wrapping_add(u32::from(flags.syn()));
        if flags.syn() && !flags.rst() {
            self.open(first, if flags.ack() { bit::SYN_ACK } else { bit::SYN });
        } else if !self.is(bit::PLACED) {
            // A lone byte that nobody hurries is a keep-alive: its byte was sent before.
            let alive = length == 1 && !flags.psh() && !flags.rst();
            self.place(first.wrapping_add(u32::from(alive)), 0);
            if alive {
                return Sent { fresh: 0, position: -1, overflow: false };
            }
        }
        let start = self.position(first);
        let sent = self.bytes(start, i64::from(length), shut);
        if flags.fin() {
            self.finish(start + i64::from(length));
        }
        self.bits |= if flags.rst() { bit::RST } else { 0 };
        if !flags.rst() {
            self.bits = if tcp.window == 0 { self.bits | bit::SHUT } else { self.bits & !bit::SHUT };
        }
        sent
    }

    /// A SYN: position 0 is the byte after it.
    fn open(&mut self, first: u32, kind: u16) {
        if !self.is(bit::PLACED) || (self.low == self.next && self.position(first) != self.low) {
            self.place(first, 0);
        }
        if self.position(first) == self.low {
            self.bits |= bit::START;
        }
        self.bits |= kind;
    }

    fn finish(&mut self, position: i64) {
        if !self.is(bit::FIN) && position >= self.next && position - self.next < WINDOW {
            self.settle_probe(position);
            self.gap(position);
            self.next = position;
        }
        self.bits |= bit::FIN;
    }

    /// Counts `length` bytes at `start`.
    #[inline]
    fn bytes(&mut self, start: i64, length: i64, shut: bool) -> Sent {
        let mut sent = Sent { fresh: 0, position: start, overflow: false };
        if length == 0 {
            return sent;
        }
        let end = start + length;
        if start == self.next && !shut && !self.is(bit::PROBE | bit::FIN) {
            self.next = end;
            sent.fresh = length as u64;
            return sent;
        }
        if length == 1 && start == self.next && shut {
            self.bits |= bit::PROBE;
            return sent;
        }
        sent.fresh += self.settle_probe(end);
        sent.fresh += self.before(start, end);
        sent.fresh += self.fill(start, end);
        if end > self.next && !self.is(bit::FIN) {
            sent.overflow = start > self.next && self.gap(start);
            sent.fresh += (end - start.max(self.next)) as u64;
            self.next = end;
        }
        sent
    }

    /// A probe's byte counts once the conversation went on past it.
    fn settle_probe(&mut self, reached: i64) -> u64 {
        if !self.is(bit::PROBE) || reached <= self.next {
            return 0;
        }
        self.bits &= !bit::PROBE;
        self.next += 1;
        1
    }

    /// Bytes below the lowest position, in a conversation whose opening was not seen.
    fn before(&mut self, start: i64, end: i64) -> u64 {
        if start >= self.low || self.is(bit::START) || self.low - start > WINDOW {
            return 0;
        }
        let keep_alive = end == self.low && end - start == 1;
        if keep_alive {
            return 0;
        }
        let top = end.min(self.low);
        if top < self.low {
            self.holes.get_or_insert_default().ranges.insert(0, (top, self.low));
        }
        self.low = start;
        (top - start) as u64
    }

    /// Bytes that fall into gaps.
    fn fill(&mut self, start: i64, end: i64) -> u64 {
        let Some(holes) = self.holes.as_deref_mut() else { return 0 };
        let mut fresh = 0;
        let mut left = Vec::with_capacity(holes.ranges.len() + 1);
        for &(from, to) in &holes.ranges {
            let (cut, resume) = (start.clamp(from, to), end.clamp(from, to));
            fresh += resume.saturating_sub(cut) as u64;
            left.extend([(from, cut), (resume, to)].into_iter().filter(|(a, b)| a < b));
        }
        if fresh > 0 {
            holes.ranges = left;
        }
        fresh
    }

    /// A gap from the highest byte seen to `start`; true when another had to be given up for it.
    fn gap(&mut self, start: i64) -> bool {
        if start <= self.next {
            return false;
        }
        let holes = self.holes.get_or_insert_default();
        holes.ranges.push((self.next, start));
        if holes.ranges.len() <= MOST_HOLES {
            return false;
        }
        let (from, to) = holes.ranges.remove(0);
        let known = (self.acked.min(to) - from).max(0);
        holes.given_up += known as u64;
        true
    }

    /// Takes in an acknowledgement of this direction by the other side, whose own FIN may have been sent (`fin`).
    ///
    /// Returns the bytes that count as seen because of it (a probe that was taken).
    #[inline]
    pub fn acknowledge(&mut self, tcp: &Tcp, fin: bool) -> u64 {
        if !tcp.flags.ack() {
            return 0;
        }
        if !self.is(bit::PLACED) {
            if tcp.flags.rst() {
                return 0;
            }
            self.place(tcp.ack, if tcp.flags.syn() { bit::START } else { 0 });
        }
        let position = self.position(tcp.ack);
        if position > self.next && (tcp.flags.rst() || position - self.next.max(self.acked) > WINDOW) {
            return 0;
        }
        if !self.is(bit::ACKED) {
            self.first_acknowledgement(position);
        }
        let fresh = self.settle_probe(position);
        if position > self.acked {
            let by_one = position == self.acked + 1;
            self.bits &= !bit::BY_ONE;
            self.bits |= if by_one { bit::BY_ONE } else { 0 } | if fin { bit::AFTER_FIN } else { 0 };
            self.acked = position;
        }
        fresh
    }

    /// What was in flight when the recording began counts as known from the first acknowledgement on.
    fn first_acknowledgement(&mut self, position: i64) {
        self.bits |= bit::ACKED;
        if self.is(bit::START) {
            return;
        }
        if position < self.low && self.low - position <= IN_FLIGHT {
            self.holes.get_or_insert_default().ranges.insert(0, (position, self.low));
            self.low = position;
        }
        self.acked = self.acked.min(position);
    }

    /// Position up to which payload was acknowledged: a FIN takes one number and is no payload.
    fn acknowledged(&self) -> i64 {
        if self.is(bit::FIN) {
            return self.acked.min(self.next);
        }
        let unseen_fin = self.acked > self.next && self.is(bit::AFTER_FIN | bit::BY_ONE);
        self.acked - i64::from(unseen_fin)
    }

    /// Payload bytes that the other side acknowledged.
    #[must_use]
    pub fn acked_bytes(&self) -> u64 {
        (self.acknowledged() - self.low).max(0) as u64
    }

    /// Payload bytes acknowledged but never captured.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let acked = self.acknowledged();
        let beyond = (acked - self.next).max(0) as u64;
        let Some(holes) = self.holes.as_deref() else { return beyond };
        let inside: i64 = holes.ranges.iter().map(|(from, to)| (acked.min(*to) - from).max(0)).sum();
        beyond + inside as u64 + holes.given_up
    }

    /// True when it is known what this direction sent, though none of its packets were recorded: the `other` side
    /// acknowledged some of it, or opened and never acknowledged anything.
    #[must_use]
    pub fn is_told_by(&self, other: &Self) -> bool {
        if !self.is(bit::ACKED) {
            return other.is(bit::START);
        }
        self.is(bit::START) || self.acked > self.low || other.is(bit::START)
    }

    /// True when this `seq` is the number of the SYN that opened this direction, or nothing speaks against it.
    #[must_use]
    pub fn opened_with(&self, seq: u32) -> bool {
        !self.is(bit::PLACED) || self.position(seq.wrapping_add(1)) == self.low
    }

    /// Position at which this direction ended, once its FIN was sent.
    #[must_use]
    pub fn end(&self) -> Option<i64> {
        self.is(bit::FIN).then_some(self.next)
    }

    /// True when a number of this direction was seen.
    #[must_use]
    pub fn is_placed(&self) -> bool {
        self.is(bit::PLACED)
    }

    /// True when position 0 is the first byte of the conversation.
    #[must_use]
    pub fn is_from_start(&self) -> bool {
        self.is(bit::START)
    }

    /// True when this direction sent nothing but its opening.
    #[must_use]
    pub fn has_only_opened(&self) -> bool {
        self.low == self.next && !self.is(bit::FIN | bit::RST)
    }

    /// A SYN without ACK was sent.
    #[must_use]
    pub fn has_syn(&self) -> bool {
        self.is(bit::SYN)
    }

    /// A SYN with ACK was sent.
    #[must_use]
    pub fn has_syn_ack(&self) -> bool {
        self.is(bit::SYN_ACK)
    }

    /// A FIN was sent.
    #[must_use]
    pub fn has_fin(&self) -> bool {
        self.is(bit::FIN)
    }

    /// A RST was sent.
    #[must_use]
    pub fn has_rst(&self) -> bool {
        self.is(bit::RST)
    }

    /// The window this sender announces is closed.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.is(bit::SHUT)
    }
}

#[cfg(test)]
mod tests;

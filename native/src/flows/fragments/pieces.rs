//! The pieces of one datagram: every byte kept once, whoever said it first.
//!
//! What is kept grows with what was captured, never with what a header claims. A byte that comes again is not replaced,
//! as RFC 815 has it; RFC 5722 and most hosts drop such datagrams, so a piece that says other bytes is told.

use std::collections::BTreeMap;

/// Bytes a datagram's fragments can hold (RFC 791 3.1, RFC 8200 4.5).
const LONGEST: u32 = 65_535;
/// What a piece costs beside its bytes, about.
const OVERHEAD: usize = 64;

/// Where captured bytes of a piece lie in the store.
#[derive(Debug, Clone, Copy)]
struct Stored {
    at: usize,
    length: u32,
}

/// The pieces that have come so far.
#[derive(Debug, Default)]
pub struct Pieces {
    /// Captured bytes of all pieces in the order they came.
    store: Vec<u8>,
    /// By offset, where captured bytes lie.
    stored: BTreeMap<u32, Stored>,
    /// Ranges that have come, by start, apart from one another.
    covered: BTreeMap<u32, u32>,
    /// Length of the datagram, once its last fragment said so.
    length: Option<u32>,
}

/// One piece of a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// Where it belongs.
    pub offset: u32,
    /// Its length by its header.
    pub length: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Others follow.
    pub more: bool,
}

impl Pieces {
    /// Takes in one piece; true where it overlaps others and is no repetition of them, or reaches beyond the end.
    pub fn add(&mut self, piece: Piece<'_>) -> bool {
        let claimed = piece.offset.saturating_add(piece.length);
        if !piece.more && self.length.is_none() && claimed <= LONGEST {
            self.length = Some(claimed);
        }
        let end = claimed.min(self.length.unwrap_or(LONGEST));
        if piece.offset >= end {
            return claimed > end;
        }
        let bytes = piece.bytes.get(..(end - piece.offset) as usize).unwrap_or(piece.bytes);
        let contradicts = self.contradicts(piece.offset, bytes);
        let mut fresh = 0;
        for (from, to) in self.cover(piece.offset, end) {
            fresh += to - from;
            self.keep(from, part(bytes, from - piece.offset, to - piece.offset));
        }
        let partly = fresh > 0 && fresh < end - piece.offset;
        contradicts || partly || claimed > end
    }

    /// Marks a range as having come; what of it had not before.
    fn cover(&mut self, start: u32, end: u32) -> Vec<(u32, u32)> {
        let (mut low, mut high, mut at) = (start, end, start);
        let mut fresh = Vec::new();
        let before = self.covered.range(..start).next_back().filter(|(_, to)| **to >= start);
        let touched: Vec<(u32, u32)> =
            before.into_iter().chain(self.covered.range(start..=end)).map(|(from, to)| (*from, *to)).collect();
        for (from, to) in touched {
            self.covered.remove(&from);
            if at < from.min(end) {
                fresh.push((at, from.min(end)));
            }
            (low, high, at) = (low.min(from), high.max(to), at.max(to));
        }
        if at < end {
            fresh.push((at, end));
        }
        self.covered.insert(low, high);
        fresh
    }

    fn keep(&mut self, offset: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.stored.insert(offset, Stored { at: self.store.len(), length: bytes.len() as u32 });
            self.store.extend_from_slice(bytes);
        }
    }

    /// True where bytes at this offset are known to be others.
    fn contradicts(&self, offset: u32, bytes: &[u8]) -> bool {
        let end = offset + bytes.len() as u32;
        let before = self.stored.range(..offset).next_back();
        before.into_iter().chain(self.stored.range(offset..end)).any(|(&from, known)| {
            let (low, high) = (from.max(offset), (from + known.length).min(end));
            low < high
                && part(&self.store[known.at..], low - from, high - from) != part(bytes, low - offset, high - offset)
        })
    }

    /// True when every byte up to the end has come.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.length.is_some_and(|length| length == 0 || self.covered.get(&0).is_some_and(|to| *to >= length))
    }

    /// True when the front has come.
    #[must_use]
    pub fn has_front(&self) -> bool {
        self.covered.contains_key(&0)
    }

    /// Length of the datagram as far as the pieces tell.
    #[must_use]
    pub fn length(&self) -> u32 {
        let reached = self.covered.last_key_value().map_or(0, |(_, to)| *to);
        self.length.unwrap_or(reached).max(reached)
    }

    /// Bytes that have come.
    #[must_use]
    pub fn seen(&self) -> u32 {
        self.covered.iter().map(|(from, to)| to - from).sum()
    }

    /// What this costs to keep.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.store.len() + OVERHEAD * (self.stored.len() + self.covered.len())
    }

    /// The captured bytes from the front up to the first that is not there.
    #[must_use]
    pub fn front(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.store.len());
        for (&offset, known) in &self.stored {
            if offset as usize != out.len() {
                break;
            }
            out.extend_from_slice(part(&self.store[known.at..], 0, known.length));
        }
        out
    }
}

/// A range of bytes, as much of it as is there.
fn part(bytes: &[u8], from: u32, to: u32) -> &[u8] {
    let to = (to as usize).min(bytes.len());
    bytes.get(from as usize..to).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::any_bytes::Dice;

    fn piece(offset: u32, bytes: &[u8], more: bool) -> Piece<'_> {
        Piece { offset, length: bytes.len() as u32, bytes, more }
    }

    #[test]
    fn in_any_order_the_bytes_are_the_same() {
        let whole: Vec<u8> = (0..=255).collect();
        let mut parts: Vec<Piece<'_>> =
            whole.chunks(24).zip(0..).map(|(bytes, at)| piece(at * 24, bytes, at < 10)).collect();
        let mut dice = Dice(7);
        for _ in 0..200 {
            for at in (1..parts.len()).rev() {
                parts.swap(at, dice.below(at + 1));
            }
            let mut pieces = Pieces::default();
            for (count, part) in parts.iter().enumerate() {
                assert!(!pieces.is_whole(), "{count}");
                assert!(!pieces.add(*part));
                assert!(!pieces.add(*part), "a repetition is no overlap");
            }
            assert!(pieces.is_whole());
            assert_eq!((pieces.front(), pieces.length(), pieces.seen()), (whole.clone(), 256, 256));
        }
    }

    #[test]
    fn the_first_to_say_a_byte_wins() {
        let mut pieces = Pieces::default();
        assert!(!pieces.add(piece(8, b"BBBBBBBB", true)));
        assert!(pieces.add(piece(0, b"aaaaaaaaaaaa", true)));
        assert!(pieces.add(piece(8, b"bbbbbbbb", true)));
        assert!(pieces.add(piece(12, b"cccccccccccc", false)));
        assert!(pieces.is_whole());
        assert_eq!(pieces.front(), b"aaaaaaaaBBBBBBBBcccccccc");
    }

    #[test]
    fn nothing_lies_beyond_the_end_or_the_longest_datagram() {
        let mut pieces = Pieces::default();
        assert!(!pieces.add(piece(8, b"end", false)));
        assert!(pieces.add(piece(16, b"beyond", true)));
        assert!(pieces.add(piece(0, b"front and more", true)));
        assert!(pieces.is_whole());
        assert_eq!(pieces.front(), b"front anend");
        let mut death = Pieces::default();
        assert!(death.add(piece(65_528, &[7; 100], false)));
        assert!(!death.is_whole());
        assert_eq!((death.length(), death.seen()), (65_535, 7));
        assert!(death.add(Piece { offset: u32::MAX, length: u32::MAX, bytes: &[], more: true }));
    }

    #[test]
    fn a_cut_piece_counts_by_its_header_and_ends_the_front() {
        let mut pieces = Pieces::default();
        pieces.add(Piece { offset: 0, length: 8, bytes: b"cut", more: true });
        pieces.add(piece(8, b"rest", false));
        assert!(pieces.is_whole());
        assert_eq!((pieces.front(), pieces.length()), (b"cut".to_vec(), 12));
    }

    #[test]
    fn what_is_kept_is_bounded_by_what_came() {
        let mut dice = Dice(3);
        for _ in 0..300 {
            let mut pieces = Pieces::default();
            let mut came = 0;
            for _ in 0..60 {
                let length = dice.below(40);
                let bytes = dice.bytes(length);
                let claimed = if dice.below(3) == 0 { dice.below(70_000) as u32 } else { length as u32 };
                let places = [20, 20, 20, 9000][dice.below(4)];
                let offset = dice.below(places) as u32 * 8;
                pieces.add(Piece {
                    offset,
                    length: claimed.max(length as u32),
                    bytes: &bytes,
                    more: dice.below(9) > 0,
                });
                came += length;
                assert!(pieces.store.len() <= came && pieces.seen() <= pieces.length());
                assert!(pieces.length() <= LONGEST && pieces.front().len() <= pieces.length() as usize);
                let apart: Vec<_> = pieces.covered.iter().collect();
                assert!(apart.windows(2).all(|pair| pair[0].1 < pair[1].0));
            }
        }
    }
}

//! Literal byte patterns looked for in payload: which of them a direction carried, told by their ids.
//!
//! Promises: a pattern is found however its bytes are spread over segments, in time linear in the payload. Refuses:
//! everything behind the first [`MOST`] bytes of a direction, and opening what is encrypted, compressed or encoded.

use std::collections::BTreeMap;
use std::sync::Arc;

use aho_corasick::automaton::{Automaton, Candidate, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind, Span};

/// Payload bytes of one direction that are looked at.
pub const MOST: i64 = 64 * 1024;

/// Header lines that say that a body is compressed: its bytes are not those that were meant.
const ENCODED: [&[u8]; 3] = [b"\nContent-Encoding:", b"\ncontent-encoding:", b"\nContent-encoding:"];

/// The patterns, and the ids they stand for.
#[derive(Debug)]
pub struct Markers {
    automaton: NFA,
    start: StateID,
    /// Sorted, each once.
    ids: Vec<Arc<str>>,
    /// By pattern: the index of its id; for [`ENCODED`] the one behind the last.
    of: Vec<u32>,
}

/// How far the search of one direction is, and what it found.
#[derive(Debug, Default)]
pub struct Scan {
    state: Option<StateID>,
    /// By index of the id: where its first pattern ended.
    found: BTreeMap<u32, i64>,
}

impl Markers {
    /// The automaton of all patterns; none where there is nothing to look for. Several patterns may share an id.
    ///
    /// # Errors
    /// A pattern is empty, or all together are too large; in words.
    pub fn new(patterns: &[(String, Vec<u8>)]) -> Result<Option<Self>, String> {
        if patterns.is_empty() {
            return Ok(None);
        }
        if let Some((id, _)) = patterns.iter().find(|(_, bytes)| bytes.is_empty()) {
            return Err(format!("the pattern of marker {id} is empty"));
        }
        let bytes = patterns.iter().map(|(_, bytes)| bytes.as_slice()).chain(ENCODED);
        let automaton =
            NFA::builder().match_kind(MatchKind::Standard).build(bytes).map_err(|error| error.to_string())?;
        let start = automaton.start_state(Anchored::No).map_err(|error| error.to_string())?;
        let mut ids: Vec<&str> = patterns.iter().map(|(id, _)| id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let place = |id: &str| ids.partition_point(|other| *other < id);
        let of = patterns.iter().map(|(id, _)| place(id)).chain([ids.len(); ENCODED.len()]);
        let of = of.map(|place| place as u32).collect();
        let ids = ids.into_iter().map(Arc::from).collect();
        Ok(Some(Self { automaton, start, ids, of }))
    }

    /// Stands for [`ENCODED`] where ids are counted.
    fn encoded(&self) -> u32 {
        self.ids.len() as u32
    }

    /// The first place from `next` on where a pattern may begin, its end perhaps behind these bytes.
    fn skipped(&self, bytes: &[u8], next: usize) -> usize {
        let sure = bytes.len().saturating_sub(self.automaton.max_pattern_len() - 1);
        let Some(filter) = self.automaton.prefilter().filter(|_| next < sure) else { return next };
        match filter.find_in(bytes, Span::from(next..bytes.len())) {
            Candidate::None => sure,
            Candidate::Match(found) => found.start().min(sure),
            Candidate::PossibleStartOfMatch(place) => place.min(sure),
        }
    }

    /// The ids of what was found, sorted.
    #[must_use]
    pub fn names(&self, scan: &Scan) -> Vec<Arc<str>> {
        scan.found.keys().filter_map(|id| self.ids.get(*id as usize)).cloned().collect()
    }
}

impl Scan {
    /// Reads on: `bytes` lie at position `at` of the direction, behind those of the last call unless it was [`Self::break_off`].
    pub fn read(&mut self, markers: &Markers, at: i64, bytes: &[u8]) {
        let mut state = self.state.unwrap_or(markers.start);
        let mut next = 0;
        while let Some(byte) = bytes.get(next) {
            if state == markers.start {
                let skipped = markers.skipped(bytes, next);
                if skipped > next {
                    next = skipped;
                    continue;
                }
            }
            next += 1;
            state = markers.automaton.next_state(Anchored::No, state, *byte);
            if markers.automaton.is_match(state) {
                self.note(markers, state, at + next as i64);
            }
        }
        self.state = Some(state);
    }

    /// What is read next does not follow what was read last.
    pub fn break_off(&mut self) {
        self.state = None;
    }

    /// Drops what was found only behind position `at`.
    pub fn forget_from(&mut self, at: i64) {
        self.found.retain(|_, end| *end <= at);
    }

    /// Whether no more can be found.
    #[must_use]
    pub fn is_complete(&self, markers: &Markers) -> bool {
        self.found.range(..markers.encoded()).count() == markers.ids.len()
    }

    /// Whether some of what was read is compressed, so that nothing found means nothing.
    #[must_use]
    pub fn is_encoded(&self, markers: &Markers) -> bool {
        self.found.contains_key(&markers.encoded())
    }

    fn note(&mut self, markers: &Markers, state: StateID, end: i64) {
        for index in 0..markers.automaton.match_len(state) {
            let pattern = markers.automaton.match_pattern(state, index);
            if let Some(id) = markers.of.get(pattern.as_usize()) {
                self.found.entry(*id).or_insert(end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::any_bytes::Dice;

    fn markers(patterns: &[(&str, &[u8])]) -> Markers {
        let owned: Vec<_> = patterns.iter().map(|(id, bytes)| ((*id).to_owned(), bytes.to_vec())).collect();
        Markers::new(&owned).unwrap().unwrap()
    }

    fn found(markers: &Markers, pieces: &[&[u8]]) -> Vec<String> {
        let (mut scan, mut at) = (Scan::default(), 0);
        for piece in pieces {
            scan.read(markers, at, piece);
            at += piece.len() as i64;
        }
        markers.names(&scan).iter().map(ToString::to_string).collect()
    }

    /// Patterns that share few or many first bytes, and a payload of which some lie in it.
    fn drawn(dice: &mut Dice, letters: usize) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
        let mut text = |most: usize| -> Vec<u8> { (0..=dice.below(most)).map(|_| dice.below(letters) as u8).collect() };
        let mut patterns: Vec<_> = (0..4).map(|id| (format!("m{}", id / 2), text(6))).collect();
        let mut payload = text(100);
        payload.splice(..0, patterns[3].1.iter().copied());
        payload.extend_from_slice(&patterns[0].1);
        patterns.truncate(1 + dice.below(4));
        (patterns, payload)
    }

    #[test]
    fn the_ids_are_those_of_a_plain_search_however_the_payload_is_cut() {
        let mut dice = Dice(7);
        for round in 0..6000 {
            let (patterns, payload) = drawn(&mut dice, [2, 4, 250][round % 3]);
            let holds = |pattern: &[u8]| payload.windows(pattern.len()).any(|window| window == pattern);
            let mut expected: Vec<&str> =
                patterns.iter().filter(|(_, pattern)| holds(pattern)).map(|(id, _)| id.as_str()).collect();
            expected.sort_unstable();
            expected.dedup();
            let (first, rest) = payload.split_at(dice.below(payload.len() + 1));
            let (second, third) = rest.split_at(dice.below(rest.len() + 1));
            let markers = Markers::new(&patterns).unwrap().unwrap();
            assert_eq!(found(&markers, &[first, second, third]), expected, "{patterns:?} in {payload:?}");
        }
    }

    #[test]
    fn nothing_is_joined_over_a_gap() {
        let markers = markers(&[("a", b"abcd")]);
        let mut scan = Scan::default();
        scan.read(&markers, 0, b"ab");
        scan.break_off();
        scan.read(&markers, 9, b"cd");
        assert!(markers.names(&scan).is_empty());
        scan.read(&markers, 11, b"abcdx");
        assert!(scan.is_complete(&markers));
        scan.forget_from(15);
        assert!(scan.is_complete(&markers));
        scan.forget_from(14);
        assert!(markers.names(&scan).is_empty());
    }

    #[test]
    fn what_is_compressed_is_told() {
        let markers = markers(&[("a", b"abcd"), ("b", b"Content")]);
        for (head, encoded) in [("Content-Encoding: gzip", true), ("Accept-Encoding: gzip", false)] {
            let mut scan = Scan::default();
            scan.read(&markers, 0, format!("POST / HTTP/1.1\r\n{head}\r\n\r\nabcd").as_bytes());
            assert_eq!((scan.is_encoded(&markers), scan.is_complete(&markers)), (encoded, encoded));
            assert_eq!(markers.names(&scan).len(), if encoded { 2 } else { 1 });
        }
    }

    #[test]
    fn nothing_to_look_for_and_nothing_that_could_be_found() {
        assert!(Markers::new(&[]).unwrap().is_none());
        assert_eq!(Markers::new(&[("x".into(), vec![])]).unwrap_err(), "the pattern of marker x is empty");
    }
}

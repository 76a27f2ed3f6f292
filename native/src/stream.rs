//! The bytes of one TCP direction in order, as far as somebody wants to read them.
//!
//! Segments may come out of order, twice or overlapping (the first wins). Nothing is copied while segments come in
//! order and are read at once. What waits is bounded; a reader that knows how many bytes it will pass over (the body
//! of a request) says so, and they are passed over whether they were captured or not.

/// Bytes that may wait in one direction: the largest hello, head or message, and what came after a gap.
pub const MOST_HELD: usize = 80 * 1024;
/// Segments that may wait behind a gap.
const MOST_PENDING: usize = 128;

/// What a reader made of the bytes it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// It is done with this many bytes (more than it was shown, if it will pass over what follows) and wants more.
    On(u64),
    /// It is done with this many bytes and needs at least so many more before it is shown the rest again.
    Wait(u64, usize),
    /// It wants no more.
    Done,
}

/// One direction.
#[derive(Debug, Default)]
pub struct Window {
    /// Position of the next byte in order, once one is known.
    next: Option<i64>,
    /// Bytes in order that the reader has seen and still wants.
    front: Vec<u8>,
    /// Bytes after `front` that the reader passes over.
    skip: u64,
    /// Bytes that must come before the reader is shown `front` again.
    wanted: usize,
    /// Segments behind a gap, by position.
    pending: Vec<(i64, Vec<u8>)>,
}

impl Window {
    /// Bytes in order that were not consumed.
    #[must_use]
    pub fn front(&self) -> &[u8] {
        &self.front
    }

    /// Bytes that wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.front.len() + self.pending.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    /// Whether nothing waits behind a gap.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.pending.is_empty()
    }

    /// Position up to which the bytes were shown, once one is known.
    #[must_use]
    pub fn reached(&self) -> Option<i64> {
        self.next
    }

    /// Says that the direction begins at position 0.
    pub fn begin(&mut self) {
        self.next.get_or_insert(0);
    }

    /// Takes in a segment and shows `reader` what is in order; false when the direction cannot be read on.
    ///
    /// `length` is the segment's length on the wire: what the capture cut of it is a gap.
    pub fn push(&mut self, position: i64, bytes: &[u8], length: u32, reader: &mut impl FnMut(&[u8]) -> Read) -> bool {
        let next = *self.next.get_or_insert(position);
        if position > next && !self.pass_over(position) {
            return self.keep(position, bytes, length);
        }
        self.in_order(position, bytes, reader) && self.cut(position + i64::from(length)) && self.catch_up(reader)
    }

    /// Gives up the gap before what waits, or before `to` where that comes first; returns where it ended. Bytes that
    /// wait there are in order now: [`Self::catch_up`] shows them.
    pub fn leap(&mut self, to: i64) -> i64 {
        self.front.clear();
        (self.skip, self.wanted) = (0, 0);
        let first = self.pending.first().map_or(to, |(position, _)| to.min(*position));
        let next = self.next.map_or(first, |next| next.max(first));
        self.next = Some(next);
        next
    }

    /// Passes over `count` bytes that come next, whether they were captured or not.
    pub fn pass(&mut self, count: u64) {
        self.front.clear();
        (self.skip, self.wanted) = (count, 0);
    }

    /// Shows what waited and is in order now; false when the direction cannot be read on.
    pub fn catch_up(&mut self, reader: &mut impl FnMut(&[u8]) -> Read) -> bool {
        while let Some((position, _)) = self.pending.first() {
            let position = *position;
            if self.next.is_some_and(|next| position > next) && !self.pass_over(position) {
                return true;
            }
            let (_, bytes) = self.pending.remove(0);
            if !self.in_order(position, &bytes, reader) {
                return false;
            }
        }
        true
    }

    /// Shows once more what the reader still wants, where it may know more by now.
    pub fn show_again(&mut self, reader: &mut impl FnMut(&[u8]) -> Read) {
        let front = std::mem::take(&mut self.front);
        self.wanted = 0;
        if !front.is_empty() {
            self.show(&front, reader);
        }
    }

    /// Gives back what is held; the direction is read no more.
    pub fn clear(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }

    /// Moves on to `position` if all before it is passed over anyway.
    fn pass_over(&mut self, position: i64) -> bool {
        let Some(next) = self.next else { return false };
        let gap = (position - next).max(0) as u64;
        if gap > self.skip {
            return false;
        }
        self.skip -= gap;
        self.next = Some(next.max(position));
        true
    }

    /// After a segment that ends at `end`: what is missing up to there was cut by the capture.
    fn cut(&mut self, end: i64) -> bool {
        self.next.is_some_and(|next| next >= end) || self.pass_over(end)
    }

    fn in_order(&mut self, position: i64, bytes: &[u8], reader: &mut impl FnMut(&[u8]) -> Read) -> bool {
        let next = self.next.unwrap_or(position);
        let known = usize::try_from(next - position).unwrap_or(0);
        let Some(fresh) = bytes.get(known..).filter(|fresh| !fresh.is_empty()) else { return true };
        self.next = Some(next + fresh.len() as i64);
        let passed = self.skip.min(fresh.len() as u64);
        self.skip -= passed;
        let fresh = &fresh[passed as usize..];
        fresh.is_empty() || self.show(fresh, reader)
    }

    fn show(&mut self, fresh: &[u8], reader: &mut impl FnMut(&[u8]) -> Read) -> bool {
        self.wanted = self.wanted.saturating_sub(fresh.len());
        if self.wanted > 0 {
            self.front.extend_from_slice(fresh);
        } else if self.front.is_empty() {
            let Some(done) = self.told(reader(fresh)) else { return false };
            self.front.extend_from_slice(fresh.get(done as usize..).unwrap_or(&[]));
            self.skip = done.saturating_sub(fresh.len() as u64);
        } else {
            self.front.extend_from_slice(fresh);
            let read = reader(&self.front);
            let Some(done) = self.told(read) else { return false };
            self.skip = done.saturating_sub(self.front.len() as u64);
            self.front.drain(..(done as usize).min(self.front.len()));
        }
        self.front.len() <= MOST_HELD
    }

    /// How many bytes the reader is done with; none where it wants no more.
    fn told(&mut self, read: Read) -> Option<u64> {
        match read {
            Read::On(done) => Some(done),
            Read::Wait(done, wanted) => {
                self.wanted = wanted;
                Some(done)
            }
            Read::Done => None,
        }
    }

    fn keep(&mut self, position: i64, bytes: &[u8], length: u32) -> bool {
        let far = self.next.is_some_and(|next| position - next > 4 * MOST_HELD as i64);
        let full = self.held() + bytes.len() > MOST_HELD || self.pending.len() == MOST_PENDING;
        if far || full || bytes.len() < length as usize {
            return false;
        }
        let at = self.pending.partition_point(|(other, _)| *other <= position);
        self.pending.insert(at, (position, bytes.to_vec()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes the segments (position, bytes); the reader consumes `step` bytes at a time. Returns all it consumed.
    fn read(segments: &[(i64, &[u8])], step: usize) -> (Vec<u8>, bool) {
        let mut window = Window::default();
        window.begin();
        let mut out = Vec::new();
        let mut fits = true;
        for (position, bytes) in segments {
            fits &= window.push(*position, bytes, bytes.len() as u32, &mut |seen| {
                let done = seen.len() / step * step;
                out.extend_from_slice(&seen[..done]);
                Read::On(done as u64)
            });
        }
        (out, fits)
    }

    #[test]
    fn any_order_gives_the_same_bytes() {
        let whole = b"abcdefghijklmnop";
        for step in [1, 2, 4, 16] {
            for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 1, 3]] {
                let segments: Vec<(i64, &[u8])> =
                    order.iter().map(|&i| (i as i64 * 4, &whole[i * 4..(i * 4 + 6).min(16)])).collect();
                assert_eq!(read(&segments, step), (whole.to_vec(), true), "{order:?}");
            }
        }
    }

    #[test]
    fn what_is_passed_over_need_not_be_captured() {
        let mut window = Window::default();
        let mut seen = Vec::new();
        let mut reader = |bytes: &[u8]| {
            seen.push(bytes.to_vec());
            Read::On(10)
        };
        assert!(window.push(5, b"abcd", 4, &mut reader));
        assert!(window.push(13, b"efghij", 6, &mut reader));
        assert_eq!(seen, [b"abcd".to_vec(), b"ghij".to_vec()]);
    }

    #[test]
    fn what_the_capture_cut_ends_the_reading() {
        let mut window = Window::default();
        assert!(!window.push(0, b"ab", 100, &mut |_| Read::On(0)));
        assert_eq!(window.front(), b"ab");
    }

    #[test]
    fn a_gap_that_is_given_up_shows_what_waited_behind_it() {
        let mut window = Window::default();
        window.begin();
        let mut seen = Vec::new();
        let mut reader = |bytes: &[u8]| {
            seen.push(bytes.to_vec());
            Read::On(bytes.len() as u64)
        };
        for (position, bytes) in [(0, b"ab"), (10, b"kl"), (6, b"gh"), (8, b"ij")] {
            assert!(window.push(position, bytes, 2, &mut reader));
        }
        assert_eq!(window.leap(100), 6);
        assert!(window.catch_up(&mut reader));
        assert_eq!((window.leap(20), window.leap(3)), (20, 20));
        assert_eq!(seen.concat(), b"abghijkl");
    }

    #[test]
    fn a_reader_that_waits_is_shown_nothing_before() {
        let mut window = Window::default();
        let mut seen = Vec::new();
        for (position, bytes) in [(0, b"abc"), (3, b"def"), (6, b"ghi"), (9, b"jkl")] {
            assert!(window.push(position, bytes, 3, &mut |shown| {
                seen.push(shown.to_vec());
                if seen.len() == 1 { Read::Wait(1, 5) } else { Read::On(shown.len() as u64) }
            }));
        }
        assert_eq!(seen, [&b"abc"[..], b"bcdefghi", b"jkl"]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut window = Window::default();
        window.begin();
        let fits = (1..200).all(|i| window.push(i * 1000, &[0; 1000], 1000, &mut |_| Read::On(0)));
        assert!(!fits && window.held() <= MOST_HELD);
        let mut window = Window::default();
        let fits = (0..200).all(|i| window.push(i * 1000, &[0; 1000], 1000, &mut |_| Read::On(0)));
        assert!(!fits && window.held() <= MOST_HELD + 1000);
    }
}

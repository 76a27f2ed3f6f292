//! Where conversations lie while they are open: in pieces of one size, so that nothing is moved when more come.

use super::table::Flow;

/// Conversations in one piece.
const PIECE: usize = 1 << 10;

/// Numbered places; a free one is used again first.
#[derive(Debug, Default)]
pub struct Slots {
    pieces: Vec<Vec<Option<Flow>>>,
    free: Vec<u32>,
    /// Places there are.
    length: usize,
}

impl Slots {
    /// Puts a conversation into a free place, and tells its number.
    pub fn put(&mut self, flow: Flow) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        *self.at(slot) = Some(flow);
        slot
    }

    fn grow(&mut self) -> u32 {
        if self.length.is_multiple_of(PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        if let Some(piece) = self.pieces.last_mut() {
            piece.push(None);
        }
        self.length += 1;
        (self.length - 1) as u32
    }

    #[inline]
    fn at(&mut self, slot: u32) -> &mut Option<Flow> {
        &mut self.pieces[slot as usize / PIECE][slot as usize % PIECE]
    }

    /// The conversation in a place.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: u32) -> Option<&Flow> {
        self.pieces[slot as usize / PIECE][slot as usize % PIECE].as_ref()
    }

    /// The same, to be changed.
    ///
    /// # Panics
    /// The place is free.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut Flow {
        self.at(slot).as_mut().expect("the index names filled places only")
    }

    /// All conversations.
    pub fn iter(&self) -> impl Iterator<Item = &Flow> {
        self.pieces.iter().flatten().flatten()
    }

    /// Takes out those that are over, each with its number.
    pub fn take_where(&mut self, is_over: impl Fn(&Flow) -> bool, mut taken: impl FnMut(u32, Flow)) {
        let places = self.pieces.iter_mut().flatten();
        for (slot, place) in (0..).zip(places) {
            if let Some(flow) = place.take_if(|flow| is_over(flow)) {
                self.free.push(slot);
                taken(slot, flow);
            }
        }
    }

    /// Some of those that are left, and their places; none at the end.
    pub fn drain(&mut self) -> Option<impl Iterator<Item = Flow> + use<>> {
        self.free.clear();
        self.length = 0;
        self.pieces.pop().map(|piece| piece.into_iter().flatten())
    }
}

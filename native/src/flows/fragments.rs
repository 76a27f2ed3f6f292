//! Later fragments find the conversation of their first: a bounded memory of first fragments seen.

use std::collections::VecDeque;

use ahash::RandomState;
use hashbrown::HashMap;

use crate::ip::{Address, Datagram};

/// First fragments remembered.
const MOST: usize = 8192;
/// How long a datagram may take to come together, ns (RFC 8200 4.5).
const PATIENCE: i64 = 60_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name {
    src: Address,
    dst: Address,
    id: u32,
    tunnel: u32,
    proto: u8,
    v6: bool,
}

impl Name {
    fn of(datagram: &Datagram<'_>, tunnel: u32) -> Option<Self> {
        let fragment = datagram.fragment?;
        let Datagram { src, dst, v6, .. } = *datagram;
        Some(Self { src, dst, id: fragment.id, tunnel, proto: fragment.proto, v6 })
    }
}

/// What a first fragment said that later ones do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    /// Protocol after all extension headers.
    pub proto: u8,
    /// Ports.
    pub ports: (u16, u16),
    /// The datagram holds another packet, whose header counted all of it.
    pub is_tunnel: bool,
    /// Time of the record.
    pub time: i64,
}

/// The first fragments seen lately; the oldest are forgotten first, and counted.
#[derive(Debug, Default)]
pub struct Fragments {
    known: HashMap<Name, First, RandomState>,
    order: VecDeque<Name>,
    forgotten: u64,
}

impl Fragments {
    /// Remembers a first fragment within a tunnel (0 for none).
    pub fn remember(&mut self, datagram: &Datagram<'_>, tunnel: u32, first: First) {
        let Some(name) = Name::of(datagram, tunnel) else { return };
        if self.known.insert(name, first).is_some() {
            return;
        }
        self.order.push_back(name);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
            self.forgotten += 1;
        }
    }

    /// What the first fragment of this later one said, if it was seen.
    #[must_use]
    pub fn first_of(&self, datagram: &Datagram<'_>, tunnel: u32, time: i64) -> Option<First> {
        let first = self.known.get(&Name::of(datagram, tunnel)?)?;
        (time.saturating_sub(first.time) <= PATIENCE).then_some(*first)
    }

    /// First fragments forgotten for want of room since the last call.
    pub fn forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::Fragment;

    fn piece(id: u32) -> Datagram<'static> {
        Datagram {
            v6: false,
            src: Address([1; 16]),
            dst: Address([2; 16]),
            proto: 17,
            length: 28,
            payload_length: 8,
            payload: &[],
            fragment: Some(Fragment { id, proto: 17, offset: 0 }),
        }
    }

    #[test]
    fn a_later_fragment_finds_its_first_for_a_minute() {
        let mut fragments = Fragments::default();
        let first = First { proto: 17, ports: (1, 2), is_tunnel: false, time: 0 };
        fragments.remember(&piece(1), 0, first);
        assert_eq!(fragments.first_of(&piece(1), 0, PATIENCE), Some(first));
        assert_eq!(fragments.first_of(&piece(1), 0, PATIENCE + 1), None);
        assert_eq!(fragments.first_of(&piece(2), 0, 0), None);
        assert_eq!(fragments.first_of(&piece(1), 7, 0), None);
    }

    #[test]
    fn the_memory_is_bounded_and_says_what_it_forgot() {
        let mut fragments = Fragments::default();
        for id in 0..MOST as u32 + 3 {
            fragments.remember(&piece(id), 0, First { proto: 17, ports: (1, 2), is_tunnel: false, time: 0 });
        }
        assert_eq!((fragments.forgotten(), fragments.forgotten(), fragments.known.len()), (3, 0, MOST));
        assert_eq!(fragments.first_of(&piece(0), 0, 0), None);
    }
}

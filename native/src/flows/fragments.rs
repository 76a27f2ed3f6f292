//! Fragments come together: bounded in datagrams, bytes and time; what never comes whole is handed back as it stands.
//!
//! A datagram is named by its addresses, its identification and the tunnel it is in, with its protocol over IPv4 (RFC 791
//! 2.3) and without it over IPv6 (RFC 8200 4.5). Finished datagrams are remembered a while, so that fragments that come
//! again find their conversation.

pub mod pieces;

use std::collections::{BTreeMap, VecDeque};

use ahash::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use self::pieces::{Piece, Pieces};
use super::table::{Carrier, Place};
use crate::ip::{Address, Datagram, Fragment};

/// Datagrams that may wait for fragments, and finished ones that are remembered.
const MOST: usize = 8192;
/// Bytes that may wait in all of them.
const BUDGET: usize = 16 << 20;
/// How long a datagram may take to come together, ns (RFC 8200 4.5).
const PATIENCE: i64 = 60_000_000_000;

/// What all fragments of a datagram share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    src: Address,
    dst: Address,
    id: u32,
    tunnel: u32,
    proto: u8,
    v6: bool,
}

impl Name {
    fn of(datagram: &Datagram<'_>, fragment: Fragment, tunnel: u32) -> Self {
        let Datagram { src, dst, v6, proto, .. } = *datagram;
        Self { src, dst, id: fragment.id, tunnel, proto: if v6 { 0 } else { proto }, v6 }
    }
}

/// One IP packet to be counted.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Its record.
    pub place: Place,
    /// IP bytes.
    pub length: u32,
}

/// How many records something came in, by source.
#[derive(Debug, Clone, Default)]
pub struct Records {
    last: (u32, u64),
    earlier: Vec<(u32, u64)>,
}

impl Records {
    /// One record of a source.
    #[must_use]
    pub fn one(source: u32) -> Self {
        Self { last: (source, 1), earlier: Vec::new() }
    }

    fn add(&mut self, other: &Self) {
        for (source, count) in other.by_source() {
            if source == self.last.0 || self.last.1 == 0 {
                self.last = (source, self.last.1 + count);
            } else {
                self.earlier.push(std::mem::replace(&mut self.last, (source, count)));
            }
        }
    }

    /// Sources, with their counts.
    pub fn by_source(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.earlier.iter().copied().chain(Some(self.last).filter(|last| last.1 > 0))
    }
}

/// A datagram of which fragments have come.
#[derive(Debug)]
pub struct Assembly {
    /// What its fragments share.
    pub name: Name,
    /// Protocol by the first fragment, or by the one that came first.
    pub proto: u8,
    /// The last fragment that came.
    pub last: Part,
    /// Those before it.
    pub earlier: Vec<Part>,
    /// What they came in.
    pub records: Records,
    /// What the earliest travelled in.
    pub carrier: Carrier,
    /// Their bytes.
    pub pieces: Pieces,
    serial: u64,
    cost: usize,
}

impl Assembly {
    /// The datagram with this front; `fragment` where some of it is missing.
    #[must_use]
    pub fn datagram<'a>(&self, front: &'a [u8], fragment: Option<Fragment>) -> Datagram<'a> {
        let Name { src, dst, v6, .. } = self.name;
        let (payload_length, length) = (self.pieces.length(), self.last.length);
        Datagram { v6, src, dst, proto: self.proto, length, payload_length, payload: front, fragment }
    }

    fn began(&self) -> Option<i64> {
        self.earlier.first().unwrap_or(&self.last).place.time
    }
}

/// A fragment on its way to its datagram.
#[derive(Debug)]
pub struct Coming<'a> {
    /// The IP packet.
    pub datagram: Datagram<'a>,
    /// Which part of a datagram it is.
    pub fragment: Fragment,
    /// Name of the tunnel it came in; 0 for none.
    pub tunnel: u32,
    /// How it counts.
    pub part: Part,
    /// What it came in.
    pub records: Records,
}

/// Where the fragments of a finished datagram went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Protocol after all extension headers.
    pub proto: u8,
    /// Ports.
    pub ports: (u16, u16),
    /// The datagram held another packet, whose header counted all of it.
    pub is_tunnel: bool,
}

/// The datagrams that wait for fragments.
#[derive(Debug, Default)]
pub struct Fragments {
    waiting: HashMap<Name, Box<Assembly>, RandomState>,
    /// Those that wait, in the order of their first records.
    order: BTreeMap<u64, Name>,
    serial: u64,
    cost: usize,
    finished: HashMap<Name, (Finished, Option<i64>), RandomState>,
    finished_order: VecDeque<Name>,
    forgotten: u64,
    overlaps: u64,
}

impl Fragments {
    /// Takes in one fragment; its datagram, if that is whole now. `carrier` says what it travelled in.
    pub fn take(&mut self, coming: Coming<'_>, carrier: impl FnOnce() -> Carrier) -> Option<Box<Assembly>> {
        let Coming { datagram, fragment, tunnel, part, records } = coming;
        let name = Name::of(&datagram, fragment, tunnel);
        let assembly = match self.waiting.entry(name) {
            Entry::Occupied(known) => {
                let known = known.into_mut();
                known.earlier.push(std::mem::replace(&mut known.last, part));
                known.records.add(&records);
                known
            }
            Entry::Vacant(place) => {
                self.serial += 1;
                self.order.insert(self.serial, name);
                place.insert(Box::new(Assembly {
                    name,
                    proto: datagram.proto,
                    last: part,
                    earlier: Vec::new(),
                    records,
                    carrier: carrier(),
                    pieces: Pieces::default(),
                    serial: self.serial,
                    cost: 0,
                }))
            }
        };
        if fragment.offset == 0 && !assembly.pieces.has_front() {
            assembly.proto = datagram.proto;
        }
        let (length, bytes) = (datagram.payload_length, datagram.payload);
        let piece = Piece { offset: fragment.offset, length, bytes, more: fragment.more };
        self.overlaps += u64::from(assembly.pieces.add(piece));
        let cost = assembly.pieces.cost() + assembly.earlier.len() * size_of::<Part>();
        self.cost = self.cost - assembly.cost + cost;
        assembly.cost = cost;
        if assembly.pieces.is_whole() { self.remove(name) } else { None }
    }

    fn remove(&mut self, name: Name) -> Option<Box<Assembly>> {
        let assembly = self.waiting.remove(&name)?;
        self.order.remove(&assembly.serial);
        self.cost -= assembly.cost;
        Some(assembly)
    }

    /// The oldest datagram, if there is no more time or no room for it.
    pub fn given_up(&mut self, now: Option<i64>) -> Option<Box<Assembly>> {
        let name = *self.order.first_key_value()?.1;
        let is_over = is_late(self.waiting.get(&name)?.began(), now);
        let is_crowded = self.waiting.len() > MOST || self.cost > BUDGET;
        self.forgotten += u64::from(is_crowded && !is_over);
        if is_over || is_crowded { self.remove(name) } else { None }
    }

    /// The oldest datagram, when no more fragments will come.
    pub fn left(&mut self) -> Option<Box<Assembly>> {
        let name = *self.order.first_key_value()?.1;
        self.remove(name)
    }

    /// Remembers where the fragments of a finished datagram went.
    pub fn remember(&mut self, name: Name, finished: Finished, time: Option<i64>) {
        if self.finished.insert(name, (finished, time)).is_some() {
            return;
        }
        self.finished_order.push_back(name);
        if self.finished_order.len() > MOST
            && let Some(oldest) = self.finished_order.pop_front()
        {
            self.finished.remove(&oldest);
        }
    }

    /// Where fragments of this name went lately.
    #[must_use]
    pub fn finished(&self, name: &Name, time: Option<i64>) -> Option<Finished> {
        let (finished, then) = *self.finished.get(name)?;
        (!is_late(then, time)).then_some(finished)
    }

    /// Datagrams given up for want of room since the last call.
    pub fn forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }

    /// Fragments that overlap others of their datagram and say something else, since the last call.
    pub fn overlaps(&mut self) -> u64 {
        std::mem::take(&mut self.overlaps)
    }
}

fn is_late(began: Option<i64>, now: Option<i64>) -> bool {
    matches!((began, now), (Some(began), Some(now)) if now.saturating_sub(began) > PATIENCE)
}

#[cfg(test)]
mod tests;

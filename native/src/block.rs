//! One stretch of the input and the packets found in it, sorted into shards.
//!
//! All packets between the same two addresses are in one shard, so that what belongs together (the conversations of two
//! hosts, a question and its answer) is read by one thread in the order of its records. The number of shards is fixed:
//! the rows are the same for any number of threads, also where a limit is hit.

use crate::flows::key::{Key, Side, other};
use crate::flows::table::{Arrival, Carrier, Place};
use crate::ip::Address;
use crate::transport::{Segment, Tcp};

/// Shares of the work.
pub const SHARDS: usize = 8;
/// Ports of mDNS and LLMNR: questions to a group are answered by others, so that all of them are in one shard.
const MULTICAST_DNS: [u16; 2] = [5353, 5355];
/// Stands for no carrier.
const BARE: u32 = u32::MAX;

/// Bytes of one source in a row, and the packets in them.
#[derive(Debug, Default)]
pub struct Block {
    /// Which source it is of.
    pub source: u32,
    /// What was open before does not go on in it.
    pub anew: bool,
    /// The bytes; those behind the last packet are of no use any more.
    pub bytes: Vec<u8>,
    /// The packets, by shard, each shard's in the order of the records.
    pub packets: [Vec<Packet>; SHARDS],
    /// What some of them travelled in.
    carriers: Vec<Carrier>,
    /// Payloads that do not lie in `bytes` as they are (of datagrams that came in fragments).
    loose: Vec<u8>,
}

/// One packet of a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Packet {
    key: Key,
    hash: u64,
    source: u32,
    record: u64,
    offset: u64,
    time: Option<i64>,
    length: u32,
    payload_at: u32,
    payload_captured: u32,
    payload_length: u32,
    carrier: u32,
    tcp: Option<Tcp>,
    message: Option<(u8, u8)>,
    sender: u8,
}

impl Block {
    /// Makes it ready for packets of a source.
    pub fn clear(&mut self, source: u32) {
        self.source = source;
        self.anew = false;
        self.packets.iter_mut().for_each(Vec::clear);
        self.carriers.clear();
        self.loose.clear();
    }

    /// True without packets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.iter().all(Vec::is_empty)
    }

    /// A packet as its conversation takes it in.
    #[must_use]
    #[inline]
    pub fn arrival(&self, packet: &Packet) -> Arrival<'_> {
        let Packet { key, hash, source, record, offset, time, length, tcp, message, .. } = *packet;
        let sender = Side::from(packet.sender);
        let at = packet.payload_at as usize;
        let (bytes, at) = match at.checked_sub(self.bytes.len()) {
            Some(at) => (&self.loose, at),
            None => (&self.bytes, at),
        };
        let payload = bytes.get(at..at + packet.payload_captured as usize).unwrap_or_default();
        let ports = (key.port(sender), key.port(other(sender)));
        Arrival {
            key,
            hash,
            sender,
            place: Place { source, record, offset, time },
            length,
            segment: Segment { ports, message, tcp, payload, length: packet.payload_length },
            carrier: self.carriers.get(packet.carrier as usize),
        }
    }
}

/// A block being filled: its bytes stand, packets are added.
#[derive(Debug)]
pub struct Filling<'a> {
    bytes: &'a [u8],
    packets: &'a mut [Vec<Packet>; SHARDS],
    carriers: &'a mut Vec<Carrier>,
    loose: &'a mut Vec<u8>,
}

impl<'a> Filling<'a> {
    /// The bytes of a block beside the rest of it.
    pub fn of(block: &'a mut Block) -> (&'a [u8], Self) {
        let Block { bytes, packets, carriers, loose, .. } = block;
        (bytes, Self { bytes, packets, carriers, loose })
    }

    /// Adds a packet that travelled in nothing.
    #[inline]
    pub fn add(&mut self, arrival: &Arrival<'_>) {
        self.put(arrival, BARE);
    }

    /// Adds a packet with what it travelled in.
    #[cold]
    pub fn add_carried(&mut self, arrival: &Arrival<'_>, carrier: Carrier) {
        if self.carriers.last() != Some(&carrier) {
            self.carriers.push(carrier);
        }
        self.put(arrival, self.carriers.len() as u32 - 1);
    }

    #[inline]
    fn put(&mut self, arrival: &Arrival<'_>, carrier: u32) {
        let Arrival { key, hash, sender, place, length, segment, .. } = *arrival;
        let Place { source, record, offset, time } = place;
        let packet = Packet {
            key,
            hash,
            source,
            record,
            offset,
            time,
            length,
            payload_at: self.position(segment.payload),
            payload_captured: segment.payload.len() as u32,
            payload_length: segment.length,
            carrier,
            tcp: segment.tcp,
            message: segment.message,
            sender: sender as u8,
        };
        self.packets[shard(&key)].push(packet);
    }

    /// Where a payload lies: in the bytes of the block, or behind them among the loose.
    #[inline]
    fn position(&mut self, payload: &[u8]) -> u32 {
        // Addresses are compared, never followed.
        let at = (payload.as_ptr() as usize).wrapping_sub(self.bytes.as_ptr() as usize);
        if payload.is_empty() || at < self.bytes.len() { at.min(self.bytes.len()) as u32 } else { self.keep(payload) }
    }

    #[cold]
    fn keep(&mut self, payload: &[u8]) -> u32 {
        let at = self.bytes.len() + self.loose.len();
        self.loose.extend_from_slice(payload);
        at as u32
    }
}

/// The shard of a conversation.
#[inline]
fn shard(key: &Key) -> usize {
    if MULTICAST_DNS.iter().any(|port| key.port(0) == *port || key.port(1) == *port) {
        return 0;
    }
    let fold = |Address(bytes): Address| {
        let wide = u128::from_ne_bytes(bytes);
        (wide as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (wide >> 64) as u64
    };
    let mixed = (fold(key.address(0)) ^ fold(key.address(1)).rotate_left(29)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed >> 61) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::key::Ends;

    fn key(last: u8, ports: (u16, u16)) -> (Key, Side) {
        let mut far = [0; 16];
        far[..4].copy_from_slice(&[198, 51, 100, last]);
        let mut near = [0; 16];
        near[..4].copy_from_slice(&[192, 0, 2, 1]);
        Ends { v6: false, proto: 17, tunnel: 0, src: (Address(near), ports.0), dst: (Address(far), ports.1) }.key()
    }

    fn arriving(payload: &[u8]) -> Arrival<'_> {
        let (key, sender) = key(9, (4000, 53));
        let place = Place { source: 0, record: 1, offset: 24, time: Some(5) };
        let segment =
            Segment { ports: (4000, 53), message: None, tcp: None, payload, length: payload.len() as u32 + 1 };
        Arrival { key, hash: 7, sender, place, length: 60, segment, carrier: None }
    }

    #[test]
    fn a_payload_is_found_again_wherever_it_lay() {
        let mut block = Block { bytes: b"0123456789".to_vec(), ..Block::default() };
        let elsewhere = b"of fragments".to_vec();
        let (bytes, mut filling) = Filling::of(&mut block);
        for payload in [&bytes[3..6], &elsewhere[..], &bytes[8..], &elsewhere[3..], &[][..]] {
            filling.add(&arriving(payload));
        }
        let told: Vec<&[u8]> =
            block.packets.iter().flatten().map(|packet| block.arrival(packet).segment.payload).collect();
        assert_eq!(told, [&b"345"[..], b"of fragments", b"89", b"fragments", b""]);
        let first = block.packets.iter().flatten().next().unwrap();
        let arrival = block.arrival(first);
        assert_eq!((arrival.segment.ports, arrival.segment.length, arrival.place.offset), ((4000, 53), 4, 24));
    }

    #[test]
    fn two_hosts_are_one_shard_and_many_are_spread() {
        for last in 0..=255 {
            assert_eq!(shard(&key(last, (4000, 53)).0), shard(&key(last, (80, 4001)).0));
            assert_eq!(shard(&key(last, (4000, 5353)).0), 0);
        }
        let mut counts = [0; SHARDS];
        (0..=255).for_each(|last| counts[shard(&key(last, (4000, 53)).0)] += 1);
        assert!(counts.iter().all(|count| *count > 256 / SHARDS / 4), "{counts:?}");
    }
}

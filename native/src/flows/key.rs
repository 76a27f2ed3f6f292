//! Who talks to whom, in which tunnel: [`Ends`] as one packet says it, [`Key`] for both directions alike.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use crate::ip::Address;

/// Sender and receiver of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// True for IPv6.
    pub v6: bool,
    /// IANA protocol number.
    pub proto: u8,
    /// Name of the encapsulations around the packet ([`crate::tunnel::Layers::name`]); 0 for none.
    pub tunnel: u32,
    /// Sender.
    pub src: (Address, u16),
    /// Receiver.
    pub dst: (Address, u16),
}

/// The conversation a packet belongs to, the same for either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The end that sorts first ([`LOW`]) and the other ([`HIGH`]).
    ends: [(Address, u16); 2],
    /// Name of the encapsulations; 0 for none.
    tunnel: u32,
    /// IANA protocol number.
    pub proto: u8,
    /// True for IPv6.
    pub v6: bool,
}

// By hand: a few whole words instead of many small fields.
impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [(low, low_port), (high, high_port)] = self.ends;
        let ports = u64::from(low_port) << 16 | u64::from(high_port);
        state.write_u128(u128::from_ne_bytes(low.0));
        state.write_u128(u128::from_ne_bytes(high.0));
        state.write_u64(ports << 32 | u64::from(self.tunnel));
        state.write_u16(u16::from_ne_bytes([self.proto, self.v6.into()]));
    }
}

/// Index of one end of a [`Key`] and of everything kept by end.
pub type Side = usize;
/// The end that sorts first.
pub const LOW: Side = 0;
/// The end that sorts last.
pub const HIGH: Side = 1;

/// The opposite end.
#[must_use]
#[inline]
pub fn other(side: Side) -> Side {
    1 - side
}

impl Ends {
    /// The key of the conversation and which end of it the sender is.
    #[must_use]
    #[inline]
    pub fn key(&self) -> (Key, Side) {
        let (ends, sender) =
            if self.src <= self.dst { ([self.src, self.dst], LOW) } else { ([self.dst, self.src], HIGH) };
        (Key { ends, tunnel: self.tunnel, proto: self.proto, v6: self.v6 }, sender)
    }
}

impl Key {
    /// Address of one end.
    #[must_use]
    pub fn ip(&self, side: Side) -> IpAddr {
        self.ends[side].0.ip(self.v6)
    }

    /// Address of one end, of either family.
    #[must_use]
    #[inline]
    pub fn address(&self, side: Side) -> Address {
        self.ends[side].0
    }

    /// Port of one end; 0 for protocols without ports.
    #[must_use]
    #[inline]
    pub fn port(&self, side: Side) -> u16 {
        self.ends[side].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_have_one_key() {
        let (a, b) = ((Address([1; 16]), 53), (Address([1; 16]), 40_000));
        let there = Ends { v6: false, proto: 17, tunnel: 0, src: a, dst: b };
        let back = Ends { src: b, dst: a, ..there };
        assert_eq!(there.key().0, back.key().0);
        assert_eq!((there.key().1, back.key().1), (LOW, HIGH));
        assert_ne!(there.key().0, Ends { proto: 6, ..there }.key().0);
        assert_ne!(there.key().0, Ends { v6: true, ..there }.key().0);
        assert_ne!(there.key().0, Ends { tunnel: 1, ..there }.key().0);
        assert_eq!(there.key().0.port(HIGH), 40_000);
    }
}

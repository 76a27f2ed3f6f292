//! What a conversation speaks, by content: pure functions over bytes, on any port.
//!
//! Promises: no bytes make a recogniser panic or allocate more than a fixed multiple of what it was given, and a name is only
//! told when all its bytes were there. Refuses: state between flows; each recogniser knows one direction of one conversation.

pub mod commands;
pub mod databases;
pub mod dns;
pub mod dtls;
pub mod gquic;
pub mod http;
pub mod http2;
pub mod quic;
pub mod socks;
pub mod ssh;
pub mod tls;
pub mod x509;

/// What the first bytes of a direction turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Everything so far fits; the bytes end too soon to tell.
    NeedMore,
    /// It is something else.
    No,
    /// It is this.
    Found(T),
}

/// Bytes taken from the front one after the other; every step says whether they were there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// All that is left, taken.
    pub(crate) fn rest_taken(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A byte string behind its own one-byte length.
    pub(crate) fn counted8(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(usize::from(length))
    }

    /// A byte string behind its own two-byte length.
    pub(crate) fn counted16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
pub(crate) mod any_bytes {
    //! Deterministic random bytes for the laws.

    /// xorshift64*.
    pub struct Dice(pub u64);

    impl Dice {
        pub fn roll(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
        }

        pub fn below(&mut self, bound: usize) -> usize {
            (self.roll() % bound.max(1) as u64) as usize
        }

        pub fn bytes(&mut self, length: usize) -> Vec<u8> {
            (0..length).map(|_| self.roll() as u8).collect()
        }
    }

    /// Hands `seeds` with bytes changed, cut out, doubled or cut off to `law`, and plain noise now and then.
    pub fn mutations(seeds: &[Vec<u8>], rounds: usize, mut law: impl FnMut(&[u8])) {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        for _ in 0..rounds {
            let mut bytes = seeds[dice.below(seeds.len())].clone();
            for _ in 0..=dice.below(4) {
                let at = dice.below(bytes.len().max(1));
                match dice.below(6) {
                    0 => bytes.truncate(at),
                    1 if !bytes.is_empty() => drop(bytes.remove(at)),
                    2 => bytes.splice(at..at, dice.bytes(3)).for_each(drop),
                    3 => {
                        let length = dice.below(80);
                        bytes = dice.bytes(length);
                    }
                    _ => {
                        if let Some(byte) = bytes.get_mut(at) {
                            *byte = [0, 1, 0x0c, 0x3f, 0x40, 0x80, 0xc0, 0xff, dice.roll() as u8][dice.below(9)];
                        }
                    }
                }
            }
            law(&bytes);
        }
    }
}

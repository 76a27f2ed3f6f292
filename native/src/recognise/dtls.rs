//! DTLS hellos in clear: records and fragments of messages in datagrams (RFC 6347 4.1, 4.2; RFC 9147 4, 5).
//!
//! Promises: a datagram is DTLS where it holds whole records and nothing else. Refuses: the unified header that seals
//! DTLS 1.3 records, which says too little of itself.

use super::Cursor;
use super::tls::CLIENT_HELLO;

const HANDSHAKE: u8 = 22;
/// Bytes of a record's header.
const HEAD: usize = 13;

/// A part of a handshake message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Which message it is.
    pub kind: u8,
    /// Bytes of the whole message.
    pub length: usize,
    /// Number of the message.
    pub sequence: u16,
    /// Where in the message the part begins.
    pub offset: usize,
    /// The part.
    pub bytes: &'a [u8],
}

impl Fragment<'_> {
    /// Whether it is of a ClientHello.
    #[must_use]
    pub fn is_client_hello(&self) -> bool {
        self.kind == CLIENT_HELLO
    }
}

/// Whether a datagram is made of records.
#[must_use]
#[inline]
pub fn is_records(datagram: &[u8]) -> bool {
    matches!(datagram, [20..=23, 0xfe, 0xfd | 0xff, ..]) && {
        let mut cursor = Cursor::new(datagram);
        while record(&mut cursor).is_some() {}
        cursor.is_empty()
    }
}

/// The fragments of handshake messages in clear that a datagram holds.
pub fn fragments(datagram: &[u8]) -> impl Iterator<Item = Fragment<'_>> {
    let mut cursor = Cursor::new(datagram);
    std::iter::from_fn(move || record(&mut cursor))
        .filter(|(kind, epoch, _)| *kind == HANDSHAKE && *epoch == 0)
        .flat_map(|(_, _, body)| {
            let mut cursor = Cursor::new(body);
            std::iter::from_fn(move || fragment(&mut cursor))
        })
}

/// Kind, epoch and content of the record at the front.
fn record<'a>(cursor: &mut Cursor<'a>) -> Option<(u8, u16, &'a [u8])> {
    let header = cursor.take(HEAD - 2)?;
    let body = cursor.counted16()?;
    let &[kind @ 20..=23, 0xfe, 0xfd | 0xff, high, low, ..] = header else { return None };
    Some((kind, u16::from_be_bytes([high, low]), body))
}

fn fragment<'a>(cursor: &mut Cursor<'a>) -> Option<Fragment<'a>> {
    let three = |with: &mut Cursor<'a>| with.take(3).map(|b| b.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)));
    let kind = cursor.u8()?;
    let length = three(cursor)?;
    let sequence = cursor.u16()?;
    let offset = three(cursor)?;
    let count = three(cursor)?;
    let bytes = cursor.take(count)?;
    (offset + count <= length).then_some(Fragment { kind, length, sequence, offset, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::any_bytes::mutations;

    fn part(sequence: u8, offset: u8, bytes: &[u8]) -> Vec<u8> {
        let count = bytes.len() as u8;
        let message = [&[1, 0, 0, 9, 0, sequence, 0, 0, offset, 0, 0, count][..], bytes].concat();
        [&[HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, message.len() as u8][..], &message].concat()
    }

    #[test]
    fn the_parts_of_a_message_over_records() {
        let datagram = [part(1, 0, b"abcd"), part(1, 4, b"efghi")].concat();
        assert!(is_records(&datagram));
        let parts: Vec<_> =
            fragments(&datagram).map(|part| (part.sequence, part.offset, part.length, part.bytes)).collect();
        assert_eq!(parts, [(1, 0, 9, &b"abcd"[..]), (1, 4, 9, b"efghi")]);
        assert!(!is_records(&datagram[..datagram.len() - 1]));
        assert_eq!(fragments(&part(0, 7, b"abc")).count(), 0, "beyond its message");
    }

    #[test]
    fn no_bytes_panic() {
        mutations(&[part(1, 0, b"abcd"), [part(1, 0, b"abcd"), part(1, 4, b"efghi")].concat()], 40_000, |bytes| {
            _ = (is_records(bytes), fragments(bytes).count());
        });
    }
}

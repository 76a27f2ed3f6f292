//! Handshake messages as the records of one direction carry them (RFC 8446 4, 5.1).
//!
//! Promises: a message is put together over any number of segments and records, of one byte or of the largest size that
//! is allowed; [`missing`] looks without copying, so that a message is copied when it can be whole. Refuses: records
//! that are sealed, and messages above [`MOST_MESSAGE`].

use crate::recognise::Cursor;

/// Bytes of one handshake message.
pub const MOST_MESSAGE: usize = 65_536;
pub(super) const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const WARNING: u8 = 1;
const MOST_FRAGMENT: usize = 16_384 + 2_048;
/// Warnings that are passed over.
const MOST_WARNINGS: usize = 4;

/// The first handshake message of a direction, without its four-byte header.
pub(super) enum Message {
    Whole(Vec<u8>),
    Part(Vec<u8>),
    No,
}

/// How many bytes at least must follow `stream` before its first message, of this kind, can be whole; 0 where a reading tells.
pub(super) fn missing(stream: &[u8], kind: u8) -> usize {
    let mut cursor = Cursor::new(stream);
    let (mut head, mut have) = ([0; 4], 0);
    while let Fragment::Bytes(bytes, is_whole) = fragment(&mut cursor) {
        let unread = head.get_mut(have..).unwrap_or_default();
        unread.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        have += bytes.len();
        if have > 0 && head[0] != kind {
            return 0;
        }
        let length = if have < 4 { 0 } else { length_of(head) };
        let short = (4 + length).saturating_sub(have);
        if !is_whole || short == 0 || length > MOST_MESSAGE {
            return if length > MOST_MESSAGE { 0 } else { short };
        }
    }
    0
}

/// The first message of a direction, if it is of this kind.
pub(super) fn first(stream: &[u8], kind: u8) -> Message {
    let mut joined = Vec::new();
    let mut cursor = Cursor::new(stream);
    while let Fragment::Bytes(bytes, is_whole) = fragment(&mut cursor) {
        joined.extend_from_slice(bytes);
        match message(&joined, kind) {
            Message::Part(_) if is_whole && joined.len() < 4 + MOST_MESSAGE => {}
            told => return told,
        }
    }
    Message::No
}

/// The handshake bytes at the front of a direction, at most `most`, and whether more of them may follow.
pub(super) fn joined(stream: &[u8], most: usize) -> (Vec<u8>, bool) {
    let mut joined = Vec::new();
    let mut cursor = Cursor::new(stream);
    while joined.len() < most {
        let Fragment::Bytes(bytes, is_whole) = fragment(&mut cursor) else { return (joined, false) };
        joined.extend_from_slice(bytes);
        if !is_whole {
            break;
        }
    }
    (joined, true)
}

/// What follows the warnings at the front of a direction, as some servers send them before their hello.
pub(super) fn behind_warnings(stream: &[u8]) -> &[u8] {
    let mut rest = stream;
    for _ in 0..MOST_WARNINGS {
        match rest {
            [ALERT, 3, 0..=4, 0, 2, WARNING, _, behind @ ..] => rest = behind,
            _ => break,
        }
    }
    rest
}

/// Whether a direction may begin with warnings, of which the last is not whole.
pub(super) fn is_part_of_warning(stream: &[u8]) -> bool {
    let shape: [fn(u8) -> bool; 6] = [|b| b == ALERT, |b| b == 3, |b| b <= 4, |b| b == 0, |b| b == 2, |b| b == WARNING];
    stream.len() <= shape.len() && stream.iter().zip(shape).all(|(byte, law)| law(*byte))
}

/// The message at the front of handshake bytes, if it is of this kind.
pub(super) fn message(joined: &[u8], kind: u8) -> Message {
    if joined.first().is_some_and(|b| *b != kind) {
        return Message::No;
    }
    let Some((head, body)) = joined.split_first_chunk() else { return Message::Part(Vec::new()) };
    let length = length_of(*head);
    if length > MOST_MESSAGE {
        return Message::No;
    }
    match body.get(..length) {
        Some(body) => Message::Whole(body.to_vec()),
        None => Message::Part(body.to_vec()),
    }
}

/// The length in a message's header.
pub(super) fn length_of([_, a, b, c]: [u8; 4]) -> usize {
    u32::from_be_bytes([0, a, b, c]) as usize
}

enum Fragment<'a> {
    /// What is there of the record's bytes, and whether that is all of them.
    Bytes(&'a [u8], bool),
    No,
}

fn fragment<'a>(cursor: &mut Cursor<'a>) -> Fragment<'a> {
    let header = cursor.rest();
    let fits = |at: usize, law: fn(u8) -> bool| header.get(at).is_none_or(|b| law(*b));
    if !fits(0, |b| b == HANDSHAKE) || !fits(1, |b| b == 3) || !fits(2, |b| b <= 4) {
        return Fragment::No;
    }
    if cursor.take(3).is_none() {
        return Fragment::Bytes(&[], false);
    }
    match cursor.u16().map(usize::from) {
        None => Fragment::Bytes(&[], false),
        Some(length) if length == 0 || length > MOST_FRAGMENT => Fragment::No,
        Some(length) => match cursor.take(length) {
            Some(bytes) => Fragment::Bytes(bytes, true),
            None => Fragment::Bytes(cursor.rest(), false),
        },
    }
}

//! The first words of databases: PostgreSQL (protocol 3, its SSLRequest), MySQL (protocol 10), TDS (MS-TDS 2.2.6.5), MongoDB
//! (OP_MSG, OP_QUERY) and Redis (RESP).
//!
//! Promises: a database is told where every byte of its first message that is fixed holds. Refuses: statements and data.

use super::{Cursor, Outcome};

/// Bytes of a first message.
const MOST_FIRST: u32 = 16_384;

/// The databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// PostgreSQL.
    Postgresql,
    /// MySQL and its kin.
    Mysql,
    /// SQL Server.
    Tds,
    /// MongoDB.
    Mongodb,
    /// Redis.
    Redis,
}

/// How a direction goes on behind its first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Behind so many bytes TLS may begin.
    Tls(usize),
    /// In clear.
    Clear,
    /// In clear or not: what seals it is wrapped in its own messages.
    Untold,
}

impl Database {
    /// The word of the column `app`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
            Self::Tds => "tds",
            Self::Mongodb => "mongodb",
            Self::Redis => "redis",
        }
    }

    /// The database of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        let all = [Self::Postgresql, Self::Mysql, Self::Tds, Self::Mongodb, Self::Redis];
        all.into_iter().find(|one| one.word() == word)
    }
}

/// The database that a client's first bytes ask for.
#[must_use]
pub fn asked(stream: &[u8]) -> Outcome<(Database, Then)> {
    let told = [
        (Database::Postgresql, postgresql(stream)),
        (Database::Mysql, mysql_asks_for_tls(stream)),
        (Database::Tds, tds(stream)),
        (Database::Mongodb, mongodb(stream)),
        (Database::Redis, redis(stream)),
    ];
    let mut open = false;
    for (database, told) in told {
        match told {
            Outcome::Found(then) => return Outcome::Found((database, then)),
            Outcome::NeedMore => open = true,
            Outcome::No => {}
        }
    }
    if open { Outcome::NeedMore } else { Outcome::No }
}

/// The greeting with which a MySQL server begins, and how many bytes it has.
#[must_use]
pub fn greeted(stream: &[u8]) -> Outcome<usize> {
    let Some(&[low, middle, 0, 0, 10, first, ..]) = stream.get(..6) else {
        let shape: [fn(u8) -> bool; 5] = [|_| true, |b| b < 2, |b| b == 0, |b| b == 0, |b| b == 10];
        let fits = stream.len() < 6 && stream.iter().zip(shape).all(|(byte, law)| law(*byte));
        return if fits { Outcome::NeedMore } else { Outcome::No };
    };
    let length = usize::from(u16::from_le_bytes([low, middle]));
    if !first.is_ascii_digit() || !(40..512).contains(&length) {
        return Outcome::No;
    }
    let Some(greeting) = stream.get(5..4 + length) else { return Outcome::NeedMore };
    let version = greeting.iter().take_while(|byte| byte.is_ascii_graphic()).count();
    // Connection id, eight random bytes, zero.
    let is_sound = greeting.get(version) == Some(&0) && greeting.get(version + 13) == Some(&0);
    if is_sound { Outcome::Found(4 + length) } else { Outcome::No }
}

/// A request for TLS or GSSAPI, whose answer is one byte; a cancellation; or the start of a session.
fn postgresql(stream: &[u8]) -> Outcome<Then> {
    const REQUESTS: [&[u8]; 3] =
        [b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"\x00\x00\x00\x08\x04\xd2\x16\x30", b"\x00\x00\x00\x10\x04\xd2\x16\x2e"];
    for request in REQUESTS {
        if stream.iter().zip(request).all(|(have, want)| have == want) {
            return if stream.len() < 8 { Outcome::NeedMore } else { Outcome::Found(Then::Tls(8)) };
        }
    }
    let is_start = |at: usize, law: fn(u8) -> bool| stream.get(at).is_none_or(|byte| law(*byte));
    let head = is_start(0, |b| b == 0) && is_start(1, |b| b == 0) && is_start(4, |b| b == 0) && is_start(5, |b| b == 3);
    if !head || !is_start(6, |b| b == 0) || !is_start(7, |b| b <= 2) || !is_start(8, |b| b.is_ascii_lowercase()) {
        return Outcome::No;
    }
    let Some(length) = Cursor::new(stream).u32() else { return Outcome::NeedMore };
    if !(9..MOST_FIRST).contains(&length) {
        return Outcome::No;
    }
    let Some(message) = stream.get(8..length as usize) else { return Outcome::NeedMore };
    // Names and values, each ended by zero, and a zero at the end; a user is named always.
    let names = message.split(|byte| *byte == 0).step_by(2);
    let is_sound = message.ends_with(b"\0") && names.into_iter().any(|name| name == b"user");
    if is_sound { Outcome::Found(Then::Clear) } else { Outcome::No }
}

/// The client's short answer to the greeting: what it can do, TLS among it, and zeros.
fn mysql_asks_for_tls(stream: &[u8]) -> Outcome<Then> {
    const TLS: u8 = 8;
    const LENGTH: usize = 36;
    if !stream.iter().zip(b"\x20\x00\x00\x01").all(|(have, want)| have == want) {
        return Outcome::No;
    }
    let Some(message) = stream.get(..LENGTH) else { return Outcome::NeedMore };
    let is_sound = message.get(5).is_some_and(|able| able & TLS != 0)
        && message.get(13..LENGTH).is_some_and(|rest| rest.iter().take(19).all(|byte| *byte == 0));
    if is_sound { Outcome::Found(Then::Tls(LENGTH)) } else { Outcome::No }
}

/// A PRELOGIN message, of which the first option is the version.
fn tds(stream: &[u8]) -> Outcome<Then> {
    let shape: [fn(u8) -> bool; 13] = [
        |b| b == 0x12,
        |b| b == 1,
        |b| b < 4,
        |_| true,
        |b| b == 0,
        |b| b == 0,
        |_| true,
        |b| b == 0,
        |b| b == 0,
        |b| b == 0,
        |b| (6..64).contains(&b),
        |b| b == 0,
        |b| b == 6,
    ];
    if !stream.iter().zip(shape).all(|(byte, law)| law(*byte)) {
        return Outcome::No;
    }
    if stream.len() < shape.len() { Outcome::NeedMore } else { Outcome::Found(Then::Untold) }
}

/// Length, number, zero for what it answers, and the kind; then a document, or the collection that is asked.
fn mongodb(stream: &[u8]) -> Outcome<Then> {
    const HEAD: usize = 16;
    let is = |at: usize, law: fn(u8) -> bool| stream.get(at).is_none_or(|byte| law(*byte));
    let zeros = (8..12).chain(14..16).chain([3]).all(|at| is(at, |byte| byte == 0));
    if !zeros || !is(12, |byte| matches!(byte, 0xd4 | 0xdd)) || !is(13, |byte| byte == 7) {
        return Outcome::No;
    }
    let Some(&[a, b, c, d]) = stream.get(..4).and_then(|bytes| bytes.first_chunk()) else { return Outcome::NeedMore };
    let length = u32::from_le_bytes([a, b, c, d]);
    let Some((head, body)) = stream.split_at_checked(HEAD + 5) else {
        return if length as usize > HEAD + 9 { Outcome::NeedMore } else { Outcome::No };
    };
    let is_message = head.get(12) == Some(&0xdd) && matches!(head.get(HEAD..), Some([0..=3, 0, 0 | 1, 0, 0]));
    if is_message {
        let Some(&[a, b, c, d]) = body.first_chunk() else { return Outcome::NeedMore };
        let document = u32::from_le_bytes([a, b, c, d]);
        return if (5..=length.saturating_sub(21)).contains(&document) {
            Outcome::Found(Then::Clear)
        } else {
            Outcome::No
        };
    }
    let collection = stream.get(HEAD + 4..).unwrap_or_default();
    let name = collection.iter().take(120).take_while(|byte| byte.is_ascii_graphic()).count();
    match collection.get(name) {
        None => Outcome::NeedMore,
        Some(0) if collection.iter().take(name).any(|byte| *byte == b'.') => Outcome::Found(Then::Clear),
        Some(_) => Outcome::No,
    }
}

/// A command: how many words, and the length of the first.
fn redis(stream: &[u8]) -> Outcome<Then> {
    let mut rest = stream;
    for mark in *b"*$" {
        match rest.split_first() {
            None => return Outcome::NeedMore,
            Some((first, behind)) if *first == mark => rest = behind,
            Some(_) => return Outcome::No,
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = match rest.split_at_checked(digits).filter(|_| digits < 4) {
            Some((_, [])) => return Outcome::NeedMore,
            Some((_, [b'\r'])) if digits > 0 => return Outcome::NeedMore,
            Some((_, [b'\r', b'\n', behind @ ..])) if digits > 0 => behind,
            _ => return Outcome::No,
        };
    }
    match rest.first() {
        None => Outcome::NeedMore,
        Some(letter) if letter.is_ascii_alphabetic() => Outcome::Found(Then::Clear),
        Some(_) => Outcome::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::any_bytes::mutations;

    const START: &[u8] = b"\x00\x00\x00\x1f\x00\x03\x00\x00user\0night\0database\0r\0\0";
    const TLS: &[u8] = b"\x00\x00\x00\x08\x04\xd2\x16\x2f";
    const PRELOGIN: &[u8] = b"\x12\x01\x00\x2f\x00\x00\x01\x00\x00\x00\x1a\x00\x06\x01";
    const HELLO: &[u8] = b"\x25\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x10\0\0\0\x10hello\0\x01\0\0\0\0";
    const QUERY: &[u8] = b"\x30\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0";
    const COMMAND: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nx\r\n";

    fn mysql() -> Vec<u8> {
        [&b"\x20\x00\x00\x01\x85\xae\xff\x19\x00\x00\x00\x01\xff"[..], &[0; 23]].concat()
    }

    fn greeting() -> Vec<u8> {
        let body =
            [&b"\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15"[..], &[0; 10], b"abcdefghijkl\0"]
                .concat();
        [&[body.len() as u8, 0, 0, 0][..], &body].concat()
    }

    #[test]
    fn the_first_words_of_each() {
        for (bytes, database, then, enough) in [
            (START, Database::Postgresql, Then::Clear, START.len()),
            (TLS, Database::Postgresql, Then::Tls(8), 8),
            (&mysql(), Database::Mysql, Then::Tls(36), 36),
            (PRELOGIN, Database::Tds, Then::Untold, 13),
            (HELLO, Database::Mongodb, Then::Clear, 25),
            (QUERY, Database::Mongodb, Then::Clear, QUERY.len()),
            (COMMAND, Database::Redis, Then::Clear, 9),
        ] {
            assert_eq!(asked(bytes), Outcome::Found((database, then)));
            assert!((0..enough).all(|end| asked(&bytes[..end]) == Outcome::NeedMore), "{database:?}");
        }
        assert_eq!(greeted(&greeting()), Outcome::Found(greeting().len()));
        assert!((0..greeting().len()).all(|end| greeted(&greeting()[..end]) == Outcome::NeedMore));
    }

    #[test]
    fn other_protocols_are_told_at_once() {
        for other in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x03\x01\x02\x00\x01",
            b"\x00\x1c\x12\x34\x01\x00\x00\x01",
            b"* OK ready\r\n",
        ] {
            assert_eq!(asked(other), Outcome::No, "{other:?}");
            assert_eq!(greeted(other), Outcome::No, "{other:?}");
        }
    }

    #[test]
    fn no_bytes_panic() {
        let seeds =
            [START.to_vec(), TLS.to_vec(), mysql(), PRELOGIN.to_vec(), HELLO.to_vec(), QUERY.to_vec(), greeting()];
        mutations(&seeds, 40_000, |bytes| {
            _ = asked(bytes);
            if let Outcome::Found(length) = greeted(bytes) {
                assert!(length <= bytes.len());
            }
        });
    }
}

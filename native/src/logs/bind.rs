//! The questions of a BIND 9 query log (`ns_client_log`, `log_query` of BIND 9.9 to 9.20), alone or in syslog's frame.
//!
//! `[FRAME][TIME ][queries: ][info: ]client [@0x1 ]192.0.2.1#53[/key K] (NAME): [view V: ]query: NAME IN A +E(0)K (192.0.2.53)[ [ECS ..]]`
//!
//! Both names must be the same. BIND escapes in names what could end one, so nothing a client asks can look like another
//! line.

use std::sync::Arc;

use arrow_array::builder::{StringBuilder, UInt32Builder};
use arrow_array::{ArrayRef, RecordBatch};

use super::{Rest, append, batch, lines, syslog};

const TIMES: [&[u8]; 2] = [b"00-Aaa-0000 00:00:00.000", b"0000-00-00T00:00:00.000"];
const CLASSES: [&[u8]; 6] = [b"IN", b"CH", b"HS", b"NONE", b"ANY", b"RESERVED0"];
/// Bytes of an address as printed.
const ADDRESS: std::ops::Range<usize> = 2..46;
/// Bytes of a view's name.
const VIEW: std::ops::Range<usize> = 1..256;
const MANY: std::ops::Range<usize> = 1..usize::MAX;
/// Bytes of a question on average, for room.
const USUAL: usize = 100;

/// A question, as printed; empty where the line does not have it.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
pub struct Question<'a> {
    /// The time of syslog's frame.
    pub frame: &'a [u8],
    /// Its own time.
    pub time: &'a [u8],
    /// The client's address.
    pub client: &'a [u8],
    /// The client's port.
    pub port: &'a [u8],
    /// The name.
    pub name: &'a [u8],
    /// The view.
    pub view: &'a [u8],
    /// The class.
    pub class: &'a [u8],
    /// The type.
    pub kind: &'a [u8],
    /// The flags.
    pub flags: &'a [u8],
    /// The address that was asked.
    pub server: &'a [u8],
}

/// The columns of the questions, in their order; the first two say where a question stands.
const COLUMNS: [&str; 10] = ["frame", "time", "client", "port", "name", "view", "class", "type", "flags", "server"];

/// The questions of a block of whole lines: number of the line in it (from 0), its first byte, and the parts as text, null
/// where it has none; and the lines that are none: number, first byte, and the byte behind the last.
#[must_use]
pub fn split(block: &[u8]) -> (RecordBatch, RecordBatch) {
    let room = block.len() / USUAL;
    let mut places: [UInt32Builder; 2] = std::array::from_fn(|_| UInt32Builder::with_capacity(room));
    let mut parts: [StringBuilder; 10] = std::array::from_fn(|_| StringBuilder::with_capacity(room, 8 * room));
    let mut others: [UInt32Builder; 3] = std::array::from_fn(|_| UInt32Builder::new());
    for (number, (start, line)) in lines(block).enumerate() {
        match question(line) {
            Some(found) => {
                append(&mut places, [number, start]);
                let Question { frame, time, client, port, name, view, class, kind, flags, server } = found;
                for (column, part) in
                    parts.iter_mut().zip([frame, time, client, port, name, view, class, kind, flags, server])
                {
                    text(column, part);
                }
            }
            None => append(&mut others, [number, start, start + line.len()]),
        }
    }
    let places = ["line", "start"].into_iter().zip(places.iter_mut().map(|one| Arc::new(one.finish()) as ArrayRef));
    let parts = COLUMNS.into_iter().zip(parts.iter_mut().map(|one| Arc::new(one.finish()) as ArrayRef));
    let others = others.iter_mut().map(|one| Arc::new(one.finish()) as ArrayRef);
    (batch(places.chain(parts)), batch(["line", "start", "end"].into_iter().zip(others)))
}

/// The question of which the line is.
#[must_use]
pub fn question(line: &[u8]) -> Option<Question<'_>> {
    let line = Rest(line.strip_suffix(b"\r").unwrap_or(line));
    own(line).or_else(|| {
        let mut rest = line;
        let frame = syslog::frame(&mut rest, is_bind)?;
        Some(Question { frame, ..own(rest)? })
    })
}

/// A program that goes by BIND's name, or one that is not named (`-`: a line that a container's log carried).
fn is_bind(tag: &[u8]) -> bool {
    const NAME: &[u8] = b"named";
    if tag == b"-" {
        return true;
    }
    let fits = |at: usize| {
        let behind = tag.get(at + NAME.len()..).unwrap_or_default();
        at <= 64 && behind.len() <= 32 && !behind.contains(&b'/')
    };
    memchr::memmem::find_iter(tag, NAME).any(fits)
}

/// The question of a line without a frame.
fn own(mut rest: Rest<'_>) -> Option<Question<'_>> {
    let mut found = Question { time: time(&mut rest)?, ..Question::default() };
    rest.maybe(b"queries: ");
    rest.maybe(b"info: ");
    rest.word(b"client ")?;
    if rest.maybe(b"@0x") {
        rest.run(MANY, |byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))?;
        rest.word(b" ")?;
    }
    found.client = address(&mut rest)?;
    rest.word(b"#")?;
    found.port = rest.run(1..6, |byte| byte.is_ascii_digit())?;
    if rest.maybe(b"/key ") {
        name(&mut rest)?;
    }
    rest.word(b" (")?;
    found.name = name(&mut rest)?;
    rest.word(b"): ")?;
    if rest.maybe(b"view ") {
        found.view = rest.run(VIEW, |byte| byte != b':')?;
        rest.word(b": ")?;
    }
    rest.word(b"query: ")?;
    rest.word(found.name)?;
    rest.word(b" ")?;
    found.class = class(&mut rest)?;
    rest.word(b" ")?;
    found.kind = kind(&mut rest)?;
    rest.word(b" ")?;
    found.flags = flags(&mut rest)?;
    rest.word(b" (")?;
    found.server = address(&mut rest)?;
    rest.word(b")")?;
    if rest.maybe(b" [ECS ") {
        rest.run(MANY, |byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'/'))?;
        rest.word(b"]")?;
    }
    rest.0.is_empty().then_some(found)
}

/// A time and the space behind it; empty where the line begins with none.
fn time<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    if !rest.0.first().is_some_and(u8::is_ascii_digit) {
        return Some(b"");
    }
    let whole = rest.0;
    let stamp = TIMES.iter().find_map(|shape| rest.shape(shape))?;
    let length = stamp.len() + usize::from(stamp.get(4) == Some(&b'-') && rest.maybe(b"Z"));
    rest.word(b" ")?;
    whole.get(..length)
}

/// An address, without the interface behind it.
fn address<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    let address = rest.run(ADDRESS, |byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))?;
    if rest.maybe(b"%") {
        rest.run(MANY, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))?;
    }
    Some(address)
}

/// A name as BIND prints it: what could end one stands behind a backslash.
fn name<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    let whole = rest.0;
    let mut length = 0;
    loop {
        length += whole.get(length..)?.iter().take_while(|byte| is_plain(**byte)).count();
        match whole.get(length..)? {
            [b'\\', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] => length += 4,
            [b'\\', b'!'..=b'/' | b':'..=b'~', ..] => length += 2,
            _ => break,
        }
    }
    let (name, behind) = whole.split_at_checked(length).filter(|_| length > 0)?;
    rest.0 = behind;
    Some(name)
}

/// Stands in names as it is.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'$' | b'(' | b')' | b';' | b'@' | b'\\')
}

fn class<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    let word = rest.run(1..11, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())?;
    let is_numbered = word
        .strip_prefix(b"CLASS")
        .is_some_and(|digits| (1..6).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit));
    (is_numbered || CLASSES.contains(&word)).then_some(word)
}

fn kind<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
    rest.run(MANY, is_part).filter(|word| word.first().is_some_and(u8::is_ascii_uppercase))
}

/// Recursion desired or not, signed, EDNS, TCP, DNSSEC, checking disabled, cookie: in this order.
fn flags<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    let whole = rest.0;
    rest.run(1..2, |byte| matches!(byte, b'+' | b'-'))?;
    rest.maybe(b"S");
    if rest.maybe(b"E(") {
        rest.run(1..4, |byte| byte.is_ascii_digit())?;
        rest.word(b")")?;
    }
    for mark in [b"T", b"D", b"C"] {
        rest.maybe(mark);
    }
    let _ = rest.maybe(b"V") || rest.maybe(b"K");
    whole.get(..whole.len() - rest.0.len())
}

/// Null where there is none. Bytes that are not ASCII, which only a view's name can have, are one character each.
fn text(column: &mut StringBuilder, part: &[u8]) {
    match std::str::from_utf8(part) {
        Ok("") => column.append_null(),
        Ok(text) if text.is_ascii() => column.append_value(text),
        _ => column.append_value(part.iter().copied().map(char::from).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "22-Nov-2026 07:35:23.545 queries: info: client @0x7f1 192.0.2.1#53124/key k.example (A\\032b.Example): \
                        view inner: query: A\\032b.Example IN TYPE999 +SE(0)TDCK (2001:db8::53%eth0) [ECS 198.51.100.0/24/0]\r";

    #[test]
    fn a_line_with_everything() {
        let found = question(LINE.as_bytes()).unwrap();
        let parts =
            [found.time, found.client, found.port, found.name, found.view, found.class, found.kind, found.flags];
        let text: Vec<_> = parts.iter().map(|part| std::str::from_utf8(part).unwrap()).collect();
        let name = r"A\032b.Example";
        assert_eq!(
            text,
            ["22-Nov-2026 07:35:23.545", "192.0.2.1", "53124", name, "inner", "IN", "TYPE999", "+SE(0)TDCK"]
        );
        assert_eq!(found.server, b"2001:db8::53");
    }

    #[test]
    fn a_line_is_taken_whole_or_not() {
        let line = LINE.as_bytes().strip_suffix(b"\r").unwrap();
        for end in 0..line.len() {
            let cut = question(&line[..end]);
            assert!(cut.is_none() || line[end..].starts_with(b" [ECS "), "{}", String::from_utf8_lossy(&line[..end]));
        }
        assert!(question(&[line, b" "].concat()).is_none());
        assert!(question(&[b" ", line].concat()).is_none());
        assert!(question(LINE.replace("query: A", "query: B").as_bytes()).is_none());
    }

    #[test]
    fn every_line_of_a_block_is_told_once() {
        let block = format!("{LINE}\nnone\n\n{LINE}");
        let (questions, others) = split(block.as_bytes());
        assert_eq!((questions.num_rows(), others.num_rows()), (2, 2));
        let (questions, others) = split(b"");
        assert_eq!((questions.num_rows(), others.num_rows()), (0, 1));
    }
}

//! TLS hellos in clear (RFC 8446 4.1, 5.1; SNI RFC 6066 3; ALPN RFC 7301; ECH RFC 9849; the SSLv2 form RFC 5246 E.2).
//!
//! Promises: a hello is found whole over any number of segments and records; a malformed extension costs itself only,
//! and `malformed` says so; a name is told only when all its bytes were there. Refuses: anything encrypted.

mod certificate;
mod ja4;
mod records;

use super::{Cursor, Outcome};
use crate::text::{hostname, printable};
pub use certificate::{Shown, certificate};
pub use records::MOST_MESSAGE;
use records::{Message, behind_warnings, is_part_of_warning, message, missing};

/// Protocols kept of one ALPN list.
pub const MOST_PROTOCOLS: usize = 64;
/// Octets of a host name (RFC 1035 3.1); a longer SNI is no name.
const MOST_NAME: usize = 255;

/// Kind of the message in which a client begins.
pub const CLIENT_HELLO: u8 = 1;
/// Kind of the message in which a server answers it.
pub const SERVER_HELLO: u8 = 2;
/// SHA-256 of "HelloRetryRequest", the random of a ServerHello that is one (RFC 8446 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, //
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a client said in clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientHello {
    /// The server name; under ECH the outer one.
    pub sni: Option<String>,
    /// Protocols offered, in order, GREASE left out.
    pub alpn: Vec<String>,
    /// Highest version offered, as on the wire; drafts of TLS 1.3 count as 1.3; 0 where it is no TLS.
    pub version: u16,
    /// What Google's QUIC before TLS says of the client's program.
    pub user_agent: Option<String>,
    /// Encrypted ClientHello or its forerunner ESNI was offered.
    pub ech: bool,
    /// JA4; none where the hello is cut, or its lists cannot be told apart.
    pub ja4: Option<String>,
    /// An extension contradicts itself.
    pub malformed: bool,
    /// The bytes ended inside the hello.
    pub cut: bool,
}

/// What a server said in clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerHello {
    /// Version chosen.
    pub version: u16,
    /// Protocol chosen, where it is in clear (TLS 1.2 and before).
    pub alpn: Option<String>,
    /// A HelloRetryRequest: another ClientHello follows.
    pub retry: bool,
    /// An extension contradicts itself.
    pub malformed: bool,
}

/// The ClientHello at the front of one direction.
#[must_use]
pub fn client_hello(stream: &[u8]) -> Outcome<ClientHello> {
    if stream.first().is_some_and(|b| b & 0x80 != 0) {
        return old_client_hello(stream);
    }
    if missing(stream, CLIENT_HELLO) > 0 {
        return Outcome::NeedMore;
    }
    match records::first(stream, CLIENT_HELLO) {
        Message::Whole(body) => client_body(&body, 't', false).map_or(Outcome::No, Outcome::Found),
        Message::Part(_) => Outcome::NeedMore,
        Message::No => Outcome::No,
    }
}

/// How many bytes at least must follow `stream` before a hello at its front can be whole; 0 where there is none, or it is.
#[must_use]
pub fn wanted(stream: &[u8]) -> usize {
    missing(stream, CLIENT_HELLO).max(missing(behind_warnings(stream), SERVER_HELLO))
}

/// What stands of a ClientHello whose end was never recorded: only extensions that are wholly there. `None`: it is none.
#[must_use]
pub fn client_hello_cut(stream: &[u8]) -> Option<ClientHello> {
    match records::first(stream, CLIENT_HELLO) {
        Message::Whole(body) => client_body(&body, 't', false),
        Message::Part(body) => client_body(&body, 't', true),
        Message::No => None,
    }
}

/// The ClientHello that begins `bytes` without records around it, as QUIC carries it; TLS 1.3 by law (RFC 9001 4.2).
///
/// `whole` says that no more bytes will come: what stands of a hello is then told.
#[must_use]
pub fn bare_client_hello(bytes: &[u8], whole: bool) -> Outcome<ClientHello> {
    if let (false, Some((head, body))) = (whole, bytes.split_first_chunk()) {
        let length = records::length_of(*head);
        if head[0] == CLIENT_HELLO && length <= MOST_MESSAGE && body.len() < length {
            return Outcome::NeedMore;
        }
    }
    let hello = match message(bytes, CLIENT_HELLO) {
        Message::Whole(body) => client_body(&body, 'q', false),
        Message::Part(body) if whole => client_body(&body, 'q', true),
        Message::Part(_) => return Outcome::NeedMore,
        Message::No => None,
    };
    hello.map_or(Outcome::No, |hello| Outcome::Found(ClientHello { version: 0x0304, ..hello }))
}

/// What the body of a DTLS ClientHello says; `None`: it is none.
#[must_use]
pub fn datagram_client_hello(body: &[u8]) -> Option<ClientHello> {
    client_body(body, 'd', false)
}

/// What the body of a DTLS ServerHello says; `None`: it is none.
#[must_use]
pub fn datagram_server_hello(body: &[u8]) -> Option<ServerHello> {
    server_body(body)
}

/// The ServerHello, or HelloRetryRequest, at the front of one direction.
#[must_use]
pub fn server_hello(stream: &[u8]) -> Outcome<ServerHello> {
    let stream = behind_warnings(stream);
    if missing(stream, SERVER_HELLO) > 0 || is_part_of_warning(stream) {
        return Outcome::NeedMore;
    }
    match records::first(stream, SERVER_HELLO) {
        Message::Whole(body) => server_body(&body).map_or(Outcome::No, Outcome::Found),
        Message::Part(_) => Outcome::NeedMore,
        Message::No => Outcome::No,
    }
}

/// `1.3`, `1.2`, `1.1`, `1.0`, `SSLv3`, `SSLv2`, else the number as `0xNNNN`.
#[must_use]
pub fn version_text(version: u16) -> String {
    match version {
        0x0304 => "1.3".into(),
        0x0303 => "1.2".into(),
        0x0302 => "1.1".into(),
        0x0301 => "1.0".into(),
        0x0300 => "SSLv3".into(),
        0x0002 => "SSLv2".into(),
        _ => format!("{version:#06x}"),
    }
}

/// What a ClientHello carried over `transport` (as JA4 has it) says.
fn client_body(body: &[u8], transport: char, cut: bool) -> Option<ClientHello> {
    let mut cursor = Cursor::new(body);
    let legacy = match (cursor.u16()?, transport) {
        (version, 'd') => known(version)?,
        (version, _) if version >> 8 == 3 => version,
        _ => return None,
    };
    let mut hello = ClientHello { version: legacy.min(0x0303), cut, ..ClientHello::default() };
    let sound = up_to_extensions(&mut cursor, transport)
        .is_some_and(|_| each_extension(cursor, |kind, value| hello.extension(kind, value)));
    hello.malformed = !sound && !cut;
    hello.ja4 = if cut { None } else { ja4::of(body, transport) };
    Some(hello)
}

/// Passes over random, session id, cookie (of DTLS), cipher suites and compression methods; gives the cipher suites.
fn up_to_extensions<'a>(cursor: &mut Cursor<'a>, transport: char) -> Option<&'a [u8]> {
    cursor.take(32)?;
    cursor.counted8()?;
    if transport == 'd' {
        cursor.counted8()?;
    }
    let ciphers = cursor.counted16()?;
    cursor.counted8()?;
    Some(ciphers)
}

fn server_body(body: &[u8]) -> Option<ServerHello> {
    let mut cursor = Cursor::new(body);
    let mut hello = ServerHello { version: known(cursor.u16()?)?, ..ServerHello::default() };
    hello.retry = cursor.take(32)? == RETRY;
    let behind_choice = cursor.counted8().and_then(|_| cursor.take(3));
    let sound = behind_choice.is_some() && each_extension(cursor, |kind, value| hello.extension(kind, value));
    hello.malformed = !sound;
    Some(hello)
}

/// Hands on each extension that is wholly there; false where one of them, or the block, contradicts itself or is cut.
fn each_extension(mut cursor: Cursor<'_>, mut each: impl FnMut(u16, &[u8]) -> Option<()>) -> bool {
    if cursor.is_empty() {
        return true;
    }
    let length = cursor.u16().map_or(0, usize::from);
    let block = cursor.rest();
    let mut sound = length == block.len();
    let mut cursor = Cursor::new(block.get(..length).unwrap_or(block));
    while !cursor.is_empty() {
        let (Some(kind), Some(value)) = (cursor.u16(), cursor.counted16()) else { return false };
        sound &= each(kind, value).is_some();
    }
    sound
}

impl ClientHello {
    /// Takes one extension in; `None` where it contradicts itself.
    fn extension(&mut self, kind: u16, value: &[u8]) -> Option<()> {
        match kind {
            0 if self.sni.is_none() => self.sni = Some(server_name(value)?),
            0 => return None,
            16 => return protocols(value, &mut self.alpn),
            43 => self.version = highest(value)?,
            0xfe0d => self.ech |= *value.first()? == 0,
            0xfe08..=0xfe0a | 0xffce => self.ech = true,
            _ => {}
        }
        Some(())
    }
}

impl ServerHello {
    /// Whether a certificate may follow in clear: the version is none that hides it (RFC 8446 4.4.2).
    #[must_use]
    pub fn shows_certificate(&self) -> bool {
        self.version < 0x0304
    }

    fn extension(&mut self, kind: u16, value: &[u8]) -> Option<()> {
        match kind {
            16 => {
                let mut chosen = Vec::new();
                protocols(value, &mut chosen)?;
                self.alpn = chosen.pop();
            }
            43 => self.version = known(Cursor::new(value).u16()?)?,
            _ => {}
        }
        Some(())
    }
}

/// The first host name of a server name list.
fn server_name(value: &[u8]) -> Option<String> {
    let mut list = Cursor::new(Cursor::new(value).counted16()?);
    while !list.is_empty() {
        let kind = list.u8()?;
        let name = list.counted16()?;
        if kind == 0 {
            return (1..=MOST_NAME).contains(&name.len()).then(|| hostname(name));
        }
    }
    None
}

fn protocols(value: &[u8], into: &mut Vec<String>) -> Option<()> {
    let mut list = Cursor::new(Cursor::new(value).counted16()?);
    while !list.is_empty() {
        let protocol = list.counted8()?;
        if into.len() == MOST_PROTOCOLS {
            return None;
        }
        if !is_grease(protocol) {
            into.push(printable(protocol));
        }
    }
    Some(())
}

/// Values reserved to keep the extension points working (RFC 8701): both bytes alike and of the form `0x?a`.
fn is_grease(pair: &[u8]) -> bool {
    matches!(pair, [a, b] if a == b && a & 15 == 10)
}

fn highest(value: &[u8]) -> Option<u16> {
    let mut versions = Cursor::new(Cursor::new(value).counted8()?);
    let mut best = None;
    while !versions.is_empty() {
        best = best.max(known(versions.u16()?));
    }
    best
}

/// A version that exists; the drafts of TLS 1.3 (0x7f.. and 0xfb..) are 1.3, DTLS the version of TLS it is made from.
fn known(version: u16) -> Option<u16> {
    match version {
        0x0300..=0x0304 => Some(version),
        0x7f00..=0x7fff | 0xfb00..=0xfbff | 0xfefc => Some(0x0304),
        0xfefd => Some(0x0303),
        0xfeff => Some(0x0302),
        _ => None,
    }
}

/// The SSLv2 form, which names no server: a 15-bit length, and parts that add up to it.
fn old_client_hello(stream: &[u8]) -> Outcome<ClientHello> {
    if stream.get(2).is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Outcome::No;
    }
    let Some(header) = stream.get(..11) else { return Outcome::NeedMore };
    let pair = |at: usize| header.get(at..at + 2).map_or(0, |b| usize::from(b[0]) << 8 | usize::from(b[1]));
    let (length, version, ciphers, session, challenge) = (pair(0) & 0x7fff, pair(3), pair(5), pair(7), pair(9));
    let sound = matches!(version, 0x0002 | 0x0300..=0x0303)
        && ciphers > 0
        && ciphers % 3 == 0
        && matches!(session, 0 | 16)
        && matches!(challenge, 16..=32)
        && 9 + ciphers + session + challenge == length;
    if sound { Outcome::Found(ClientHello { version: version as u16, ..ClientHello::default() }) } else { Outcome::No }
}

#[cfg(test)]
mod tests;

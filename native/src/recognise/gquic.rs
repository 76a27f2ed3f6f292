//! The hello of Google's QUIC before TLS, in clear (versions Q024 to Q046; in Q050 under the keys of [`super::quic`]).
//!
//! Promises: server name and user agent of a CHLO that stands at the front of its stream frame, each told only when all its
//! bytes were there. Refuses: everything else; what follows the hello is sealed. Source: "QUIC Crypto" and "QUIC Wire
//! Layout Specification" (Google, 2016), and the wire image of Q046.

use super::tls::ClientHello;
use super::{Cursor, Outcome};
use crate::text::{hostname, printable};

/// Octets of a server name; a longer one is no name.
const MOST_NAME: usize = 255;
/// Octets kept of a user agent.
const MOST_AGENT: usize = 1024;
/// Values of one message.
const MOST_TAGS: u16 = 128;
/// Octets of the hash in front of the frames.
const HASH: usize = 12;
/// Octets of the connection id, which clients always send.
const ID: usize = 8;
/// The first version that writes numbers with the high octet first.
const HIGH_FIRST: u8 = 39;
/// The first versions with a long header, and with as many octets of a packet number as it says.
const LONG: u8 = 44;
const LONG_NUMBERED: u8 = 46;

/// Whether a datagram has the header of a client's first packets, by the version in it.
#[must_use]
#[inline]
pub fn is_first(datagram: &[u8]) -> bool {
    version(datagram).is_some()
}

/// The hello in a datagram.
#[must_use]
pub fn client_hello(datagram: &[u8]) -> Option<ClientHello> {
    let version = version(datagram)?;
    let mut cursor = Cursor::new(datagram);
    let first = cursor.u8()?;
    let number = if version < LONG {
        cursor.take(ID + 4)?;
        [1, 2, 4, 6][usize::from(first >> 4 & 3)]
    } else {
        cursor.take(4)?;
        let lengths = cursor.u8()?;
        cursor.take(ids(lengths))?;
        if version < LONG_NUMBERED { 4 } else { usize::from(first & 3) + 1 }
    };
    cursor.take(number + HASH)?;
    let content = stream_frame(&mut cursor, version)?;
    match chlo(content) {
        Outcome::Found(hello) => Some(hello),
        // The capture cut it, or it goes on elsewhere: what is there counts.
        Outcome::NeedMore => Some(ClientHello { cut: true, ..values(content)? }),
        Outcome::No => None,
    }
}

/// The CHLO at the front of a crypto stream.
#[must_use]
pub fn chlo(message: &[u8]) -> Outcome<ClientHello> {
    let fits = message.iter().zip(b"CHLO").all(|(have, want)| have == want);
    match (fits, values(message)) {
        (false, _) => Outcome::No,
        (true, Some(hello)) if !hello.cut => Outcome::Found(hello),
        (true, None) if message.len() >= 8 => Outcome::No,
        _ => Outcome::NeedMore,
    }
}

/// The version, as the number behind its `Q`.
fn version(datagram: &[u8]) -> Option<u8> {
    let first = *datagram.first()?;
    let is_long = first & 0x80 != 0;
    let at = if is_long { 1 } else { 1 + ID };
    let &[b'Q', b'0', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = datagram.get(at..at + 4)? else { return None };
    let version = (tens - b'0') * 10 + (ones - b'0');
    let fits =
        if is_long { (LONG..=46).contains(&version) } else { first & 0x49 == 9 && (24..LONG).contains(&version) };
    fits.then_some(version)
}

/// Octets of both connection ids, of which one octet tells the lengths.
fn ids(lengths: u8) -> usize {
    [lengths >> 4, lengths & 15].into_iter().filter(|length| *length > 0).map(|length| usize::from(length) + 3).sum()
}

/// The content of a stream frame at the front of the frames, as far as it is there.
fn stream_frame<'a>(cursor: &mut Cursor<'a>, version: u8) -> Option<&'a [u8]> {
    let kind = cursor.u8().filter(|kind| kind & 0x80 != 0)?;
    cursor.take(usize::from(kind & 3) + 1)?;
    match kind >> 2 & 7 {
        0 => {}
        octets => _ = cursor.take(usize::from(octets) + 1)?,
    }
    if kind & 0x20 == 0 {
        return Some(cursor.rest());
    }
    let length = cursor.u16()?;
    let length = usize::from(if version < HIGH_FIRST { length.swap_bytes() } else { length });
    Some(cursor.rest().get(..length).unwrap_or(cursor.rest()))
}

/// The values of a message that are wholly there; none where it is no CHLO.
fn values(message: &[u8]) -> Option<ClientHello> {
    let mut cursor = Cursor::new(message.strip_prefix(b"CHLO")?);
    let count = cursor.u16()?.swap_bytes();
    cursor.u16()?;
    if count > MOST_TAGS {
        return None;
    }
    let table = cursor.take(usize::from(count) * 8);
    let mut hello = ClientHello { cut: table.is_none(), ..ClientHello::default() };
    let mut from = 0;
    for entry in table.unwrap_or_default().chunks_exact(8) {
        let (tag, end) = entry.split_at(4);
        let end = u32::from_le_bytes(end.try_into().ok()?) as usize;
        if end < from {
            return None;
        }
        match cursor.rest().get(from..end) {
            Some(value) => hello.value(tag, value),
            None => hello.cut = true,
        }
        from = end;
    }
    Some(hello)
}

impl ClientHello {
    fn value(&mut self, tag: &[u8], value: &[u8]) {
        match tag {
            b"SNI\0" if (1..=MOST_NAME).contains(&value.len()) => self.sni = Some(hostname(value)),
            b"UAID" => self.user_agent = Some(printable(value.get(..MOST_AGENT).unwrap_or(value))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::any_bytes::mutations;

    fn message() -> Vec<u8> {
        let values = [(b"PAD\0", &[b'-'; 40][..]), (b"SNI\0", b"Results.example"), (b"UAID", b"agent/1 \x80")];
        let (mut table, mut data) = (Vec::new(), Vec::new());
        for (tag, value) in values {
            data.extend_from_slice(value);
            table.extend(tag);
            table.extend((data.len() as u32).to_le_bytes());
        }
        [&b"CHLO\x03\x00\x00\x00"[..], &table, &data].concat()
    }

    fn datagram(head: &[u8], frame: &[u8]) -> Vec<u8> {
        [head, &[7; HASH], frame, &message(), &[0; 50]].concat()
    }

    fn datagrams() -> [Vec<u8>; 4] {
        let length = message().len() as u8;
        [
            datagram(b"\x0d12345678Q043\x01", &[0xa0, 1, 0, length]),
            datagram(b"\x3912345678Q035\x01\x02\x03\x04\x05\x06", &[0xa0, 1, length, 0]),
            datagram(b"\xc3Q046\x5012345678\x00\x00\x00\x03", &[0xa4, 1, 4, 0, 0, length]),
            datagram(b"\xffQ044\x5012345678\x00\x00\x00\x03", &[0x80, 1]),
        ]
    }

    #[test]
    fn the_hello_of_each_version_names_its_server() {
        for datagram in datagrams() {
            let hello = client_hello(&datagram).unwrap();
            assert_eq!(
                (hello.sni.as_deref(), hello.user_agent.as_deref()),
                (Some("results.example"), Some(r"agent/1 \x80"))
            );
            assert_eq!((hello.version, hello.cut, is_first(&datagram)), (0, false, true));
        }
    }

    #[test]
    fn a_hello_cut_anywhere_never_tells_a_wrong_name() {
        let [datagram, ..] = datagrams();
        for end in 0..datagram.len() {
            let told = client_hello(&datagram[..end]);
            assert!(told.and_then(|hello| hello.sni).is_none_or(|name| name == "results.example"), "{end}");
        }
        let message = message();
        assert!((0..message.len()).all(|end| chlo(&message[..end]) == Outcome::NeedMore));
    }

    #[test]
    fn other_headers_and_versions_are_none() {
        for head in [
            &b"\x0c12345678Q043\x01"[..],
            b"\x0512345678Q043\x01",
            b"\x0d12345678Q050\x01",
            b"\xc3Q050\x50",
            b"\xc3Q0x6\x50",
        ] {
            assert!(!is_first(&datagram(head, &[0xa0, 1, 0, 9])), "{head:?}");
        }
        assert_eq!(chlo(b"REJ\0\x00\x00\x00\x00"), Outcome::No);
        assert_eq!(chlo(b"CHLO\xff\xff\x00\x00"), Outcome::No);
        assert_eq!(chlo(b"CHLO\x02\x00\x00\x00SNI\0\x05\x00\x00\x00UAID\x04\x00\x00\x00abcde"), Outcome::No);
    }

    #[test]
    fn no_bytes_panic() {
        mutations(&datagrams(), 20_000, |bytes| _ = (client_hello(bytes), chlo(bytes)));
    }
}

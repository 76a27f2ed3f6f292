//! JA4, the fingerprint of a TLS client (FoxIO, technical_details/JA4.md, BSD 3-Clause).
//!
//! Promises: the fingerprint of a whole hello whose lists end where they say they end. Refuses: JA4+, which is under
//! another licence, and the SSLv2 form, which has other lists.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{each_extension, is_grease, up_to_extensions};
use crate::recognise::Cursor;
use crate::text::hexadecimal;

const SERVER_NAME: u16 = 0;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
/// Hexadecimal digits kept of a digest.
const KEPT: usize = 12;
/// What stands for the digest of an empty list.
const NOTHING: &str = "000000000000";

/// What the fingerprint is made of, GREASE left out.
#[derive(Default)]
struct Parts {
    version: u16,
    has_name: bool,
    /// The first protocol offered.
    protocol: Vec<u8>,
    ciphers: Vec<u16>,
    extensions: Vec<u16>,
    algorithms: Vec<u16>,
}

/// The fingerprint of the hello with this body, carried over TCP (`t`), QUIC (`q`) or datagrams (`d`).
pub(super) fn of(body: &[u8], transport: char) -> Option<String> {
    Some(Parts::read(body, transport)?.text(transport))
}

impl Parts {
    fn read(body: &[u8], transport: char) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let legacy = cursor.u16()?;
        let ciphers = numbers(up_to_extensions(&mut cursor, transport)?)?;
        let mut parts = Self { ciphers, ..Self::default() };
        let is_sound = each_extension(cursor, |kind, value| {
            parts.extension(kind, value);
            Some(())
        });
        if parts.version == 0 {
            parts.version = legacy;
        }
        is_sound.then_some(parts)
    }

    fn extension(&mut self, kind: u16, value: &[u8]) {
        if is_grease(&kind.to_be_bytes()) {
            return;
        }
        self.extensions.push(kind);
        let mut value = Cursor::new(value);
        match kind {
            SERVER_NAME => self.has_name = true,
            ALPN => {
                let mut list = Cursor::new(value.counted16().unwrap_or_default());
                let mut offered = std::iter::from_fn(|| list.counted8());
                self.protocol = offered.find(|name| !is_grease(name)).unwrap_or_default().to_vec();
            }
            SIGNATURE_ALGORITHMS => self.algorithms = value.counted16().and_then(numbers).unwrap_or_default(),
            SUPPORTED_VERSIONS => {
                let offered = value.counted8().and_then(numbers).unwrap_or_default();
                self.version = offered.into_iter().max_by_key(|version| age(*version)).unwrap_or(0);
            }
            _ => {}
        }
    }

    fn text(mut self, transport: char) -> String {
        self.ciphers.sort_unstable();
        let mut listed: Vec<u16> =
            self.extensions.iter().copied().filter(|kind| !matches!(*kind, SERVER_NAME | ALPN)).collect();
        listed.sort_unstable();
        let mut extensions = list_text(&listed);
        if !(listed.is_empty() || self.algorithms.is_empty()) {
            extensions = format!("{extensions}_{}", list_text(&self.algorithms));
        }
        let (version, target) = (version_text(self.version), if self.has_name { 'd' } else { 'i' });
        let [first, last] = ends(&self.protocol);
        let (ciphers, kinds) = (self.ciphers.len().min(99), self.extensions.len().min(99));
        let mut out = format!("{transport}{version}{target}{ciphers:02}{kinds:02}{first}{last}");
        for list in [list_text(&self.ciphers), extensions] {
            out.push('_');
            out.push_str(&digest(&list));
        }
        out
    }
}

/// A list of two-byte numbers, GREASE left out.
fn numbers(bytes: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = bytes.as_chunks();
    let each = pairs.iter().filter(|pair| !is_grease(*pair)).map(|pair| u16::from_be_bytes(*pair));
    rest.is_empty().then(|| each.collect())
}

fn list_text(numbers: &[u16]) -> String {
    let mut out = String::with_capacity(numbers.len() * 5);
    for (at, number) in numbers.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        _ = write!(out, "{comma}{number:04x}");
    }
    out
}

fn digest(list: &str) -> String {
    if list.is_empty() {
        return NOTHING.into();
    }
    let mut out = hexadecimal(&Sha256::digest(list));
    out.truncate(KEPT);
    out
}

/// Later versions are greater; those of DTLS count down.
fn age(version: u16) -> u16 {
    if version >> 8 == 0xfe { !version } else { version }
}

fn version_text(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of a protocol's name; of its hexadecimal form where one of them is no letter or digit.
fn ends(protocol: &[u8]) -> [char; 2] {
    let (Some(first), Some(last)) = (protocol.first(), protocol.last()) else { return ['0', '0'] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)];
    }
    [first >> 4, last & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    fn example() -> Parts {
        let list = |text: &str| text.split(',').map(|number| u16::from_str_radix(number, 16).unwrap()).collect();
        Parts {
            version: 0x0304,
            has_name: true,
            protocol: b"h2".to_vec(),
            ciphers: list("1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"),
            extensions: list("001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015"),
            algorithms: list("0403,0804,0401,0503,0805,0501,0806,0601"),
        }
    }

    #[test]
    fn the_example_of_the_specification() {
        assert_eq!(example().text('t'), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        let without = Parts { algorithms: Vec::new(), ..example() };
        assert_eq!(without.text('q'), "q13d1516h2_8daaf6152771_6d807ffa2a79");
        assert_eq!(Parts::default().text('d'), "d00i000000_000000000000_000000000000");
    }

    #[test]
    fn the_ends_of_a_protocol() {
        for (protocol, expected) in [
            (&b""[..], "00"),
            (b"h2", "h2"),
            (b"http/1.1", "h1"),
            (b"x", "xx"),
            (b"\xab", "ab"),
            (b"\xab\xcd", "ad"),
            (b"0\xab", "3b"),
            (b"01\xab\xcd", "3d"),
            (b"0\xab\xcd1", "01"),
        ] {
            assert_eq!(ends(protocol).iter().collect::<String>(), expected, "{protocol:?}");
        }
    }

    #[test]
    fn datagram_versions_count_down() {
        assert_eq!([0xfeff, 0xfefc, 0xfefd].into_iter().max_by_key(|version| age(*version)), Some(0xfefc));
    }
}

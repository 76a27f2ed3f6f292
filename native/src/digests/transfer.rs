//! A part as the file it was before it was encoded for its way: base64 and quoted-printable undone (RFC 2045 6).
//!
//! Promises: the same bytes however the part is cut. As the RFC has it, what is not of the alphabet of base64 is passed
//! over, and a sequence that quoted-printable does not know stands for itself.

use super::{Sha, Sum};

/// Characters of base64 that make three bytes.
const GROUP: u8 = 4;

/// The digest of one part, taken of what it is without its encoding.
#[derive(Debug, Default)]
pub struct Part {
    sum: Sum,
    encoding: Encoding,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Encoding {
    /// `7bit`, `8bit`, `binary`, or one that is not known.
    #[default]
    AsIs,
    /// How many characters of a group came, and their bits; over behind a padding.
    Base64 { count: u8, bits: u32, over: bool },
    /// What came of a sequence.
    Quoted(Vec<u8>),
}

impl Part {
    /// Of a part with this Content-Transfer-Encoding.
    pub fn of(encoding: Option<&[u8]>) -> Self {
        let encoding = match encoding.map(|name| name.trim_ascii().to_ascii_lowercase()).as_deref() {
            Some(b"base64") => Encoding::Base64 { count: 0, bits: 0, over: false },
            Some(b"quoted-printable") => Encoding::Quoted(Vec::new()),
            _ => Encoding::AsIs,
        };
        Self { sum: Sum::default(), encoding }
    }

    pub fn add(&mut self, bytes: &[u8]) {
        let Self { sum, encoding } = self;
        match encoding {
            Encoding::AsIs => sum.add(bytes),
            Encoding::Base64 { count, bits, over } => {
                let mut plain = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
                for byte in bytes {
                    *over |= *byte == b'=';
                    let Some(six) = sextet(*byte).filter(|_| !*over) else { continue };
                    (*count, *bits) = (*count + 1, *bits << 6 | six);
                    if *count == GROUP {
                        plain.extend_from_slice(bits.to_be_bytes().get(1..).unwrap_or_default());
                        (*count, *bits) = (0, 0);
                    }
                }
                sum.add(&plain);
            }
            Encoding::Quoted(begun) => {
                let mut plain = Vec::with_capacity(bytes.len());
                bytes.iter().for_each(|byte| unquoted(begun, *byte, &mut plain));
                sum.add(&plain);
            }
        }
    }

    /// The digest of what was added since the last time; none of nothing. The next part is taken as it is.
    pub fn take(&mut self) -> Option<Sha> {
        match std::mem::take(&mut self.encoding) {
            Encoding::AsIs => {}
            Encoding::Base64 { count, bits, .. } => {
                let filled = bits << (6 * u32::from(GROUP - count.min(GROUP)));
                let whole = usize::from(count.saturating_sub(1));
                self.sum.add(filled.to_be_bytes().get(1..1 + whole).unwrap_or_default());
            }
            // At the end `=` joins the last line to nothing: the line end behind it is the delimiter's.
            Encoding::Quoted(begun) => self.sum.add(if begun.len() == 1 { b"" } else { &begun }),
        }
        self.sum.take()
    }
}

/// The six bits of a character of base64 (RFC 4648 4).
fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Takes one more byte of quoted-printable in: `=`, and two hexadecimal digits or a line end.
fn unquoted(begun: &mut Vec<u8>, byte: u8, plain: &mut Vec<u8>) {
    match begun.as_slice() {
        [] if byte == b'=' => begun.push(byte),
        [] => plain.push(byte),
        [_] if byte == b'\n' => begun.clear(),
        [_] if byte == b'\r' || byte.is_ascii_hexdigit() => begun.push(byte),
        [_, b'\r'] if byte == b'\n' => begun.clear(),
        [_, high] if *high != b'\r' && byte.is_ascii_hexdigit() => {
            let digits = [*high, byte].map(|digit| char::from(digit).to_digit(16).unwrap_or_default());
            plain.push((digits[0] << 4 | digits[1]) as u8);
            begun.clear();
        }
        _ => {
            plain.append(begun);
            unquoted(begun, byte, plain);
        }
    }
}

//! The server's certificate behind its hello, up to TLS 1.2 (RFC 5246 7.4.2): it is in clear there, and the first is the leaf.

use super::records::{behind_warnings, joined, length_of};
use super::{MOST_MESSAGE, SERVER_HELLO};

const CERTIFICATE: u8 = 11;
/// May stand between hello and certificate (RFC 4680).
const SUPPLEMENTAL_DATA: u8 = 23;
/// Bytes of the leaf certificate.
pub const MOST_LEAF: usize = 48 * 1024;
/// Bytes of a Certificate message before the first certificate: kind, and three lengths.
const HEAD: usize = 10;

/// What a server's first words show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// So many more bytes are needed, at least.
    More(usize),
    /// No certificate: a resumption, or an exchange of keys without one.
    Nothing,
    /// A certificate of more than [`MOST_LEAF`] bytes.
    TooLong,
    /// The leaf certificate, DER.
    Leaf(Vec<u8>),
}

/// The certificate behind the hello at the front of the server's direction.
#[must_use]
pub fn certificate(stream: &[u8]) -> Shown {
    let (bytes, goes_on) = joined(behind_warnings(stream), MOST_MESSAGE + MOST_LEAF);
    match behind_hello(&bytes) {
        Shown::More(_) if !goes_on => Shown::Nothing,
        told => told,
    }
}

fn behind_hello(bytes: &[u8]) -> Shown {
    let mut rest = bytes;
    for kind in [SERVER_HELLO, SUPPLEMENTAL_DATA] {
        if rest.first() == Some(&kind) {
            match behind(rest) {
                Ok(behind) => rest = behind,
                Err(told) => return told,
            }
        }
        match rest.first() {
            None => return Shown::More(1),
            Some(&CERTIFICATE) => return leaf(rest),
            Some(_) => {}
        }
    }
    Shown::Nothing
}

/// What follows the message at the front.
fn behind(bytes: &[u8]) -> Result<&[u8], Shown> {
    let Some((head, body)) = bytes.split_first_chunk() else { return Err(Shown::More(1)) };
    match length_of(*head) {
        length if length > MOST_MESSAGE => Err(Shown::Nothing),
        length => body.get(length..).ok_or_else(|| Shown::More(length - body.len())),
    }
}

/// The first of the list in a Certificate message, of which the end need not be there.
fn leaf(message: &[u8]) -> Shown {
    let number =
        |at: usize| message.get(at..at + 3).map(|digits| digits.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)));
    let (whole, Some(list), Some(length)) = (number(1), number(4), number(HEAD - 3)) else {
        let is_empty = number(1) == Some(3);
        return if is_empty { Shown::Nothing } else { Shown::More(HEAD - message.len()) };
    };
    if whole != Some(list + 3) || length + 3 > list || length == 0 {
        return Shown::Nothing;
    }
    if length > MOST_LEAF {
        return Shown::TooLong;
    }
    match message.get(HEAD..HEAD + length) {
        Some(der) => Shown::Leaf(der.to_vec()),
        None => Shown::More(HEAD + length - message.len()),
    }
}

//! Certificates of any bytes, as a server of TLS 1.2 shows them in its first flight.

use _native::recognise::x509::{self, MOST_NAMES, Said};

use super::bytes::{choice, is_printable};
use super::reading::same_for_any_segments;
use super::wire::{answer, hello};

/// Characters of an owner, an issuer or a name, four to a byte.
const MOST_TEXT: usize = 4 * 4096;

/// The first byte is the size of the records; the rest is the leaf certificate.
pub fn holds(data: &[u8]) {
    let (size, certificate) = choice(data);
    let certificate = &certificate[..certificate.len().min(32_768)];
    let read = x509::read(certificate, x509::sha256(certificate));
    read.said.iter().for_each(bounded);
    let flight = [answer(), records(&message(certificate), 64 * (usize::from(size) + 1))].concat();
    same_for_any_segments(&[&hello(), &flight], &[60_000, 1 + flight.len() / 5]);
}

fn bounded(said: &Said) {
    let Said { subject, issuer, names, .. } = said;
    assert!(names.len() <= MOST_NAMES);
    let texts = subject.iter().chain(issuer).chain(names);
    assert!(texts.clone().all(|text| !text.is_empty() && is_printable(text)), "{said:?}");
    assert!(texts.map(String::len).max().unwrap_or_default() <= MOST_TEXT);
}

/// A Certificate message (RFC 5246 7.4.2) of one certificate.
fn message(certificate: &[u8]) -> Vec<u8> {
    let long = |length: usize| [(length >> 16) as u8, (length >> 8) as u8, length as u8];
    let length = certificate.len();
    [&[11][..], &long(length + 6), &long(length + 3), &long(length), certificate].concat()
}

fn records(message: &[u8], size: usize) -> Vec<u8> {
    message
        .chunks(size)
        .flat_map(|part| [&[22, 3, 3, (part.len() >> 8) as u8, part.len() as u8][..], part].concat())
        .collect()
}

//! QUIC: datagrams of any bytes, Initials that authenticate with any frames in them, and a hello in any order.

use _native::recognise::quic;
use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes128Gcm, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;

use super::bytes::{choice, pieces};
use super::reading::{read, recognised};
use super::wire::File;

/// Salt of version 1 (RFC 9001 5.2).
const SALT: &[u8; 20] = b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
/// Header of an Initial up to its length: version 1, two connection ids, no token.
const HEADER: &[u8] = b"\xc3\x00\x00\x00\x01\x08any\x20byte\x00\x00";
/// Plain bytes of one datagram.
const MOST_PLAIN: usize = 1200;

/// The first byte chooses what is asked: datagrams as they are, frames to be sealed, or a hello to be cut and sealed.
pub fn holds(data: &[u8]) {
    let (kind, data) = choice(data);
    match kind % 3 {
        0 => datagrams(&pieces(data, 8)),
        1 => datagrams(&sealed(pieces(data, 8).into_iter().map(<[u8]>::to_vec))),
        _ => same_in_any_order(usize::from(kind), data),
    }
}

fn datagrams<D: AsRef<[u8]>>(datagrams: &[D]) {
    let mut file = File::new();
    for datagram in datagrams {
        let datagram = datagram.as_ref();
        let mut read = 0;
        quic::open(datagram, None, |_, _, bytes| read += bytes.len());
        assert!(read <= datagram.len(), "more in CRYPTO frames than in the datagram");
        file.udp_on(443, true, datagram);
    }
    read(&file.0).expect("the file is a capture");
}

/// A hello in CRYPTO frames of `size` bytes, a frame a datagram, is told alike from the front and from the back.
fn same_in_any_order(size: usize, hello: &[u8]) {
    let size = 64 + size * 4;
    let mut frames: Vec<Vec<u8>> =
        hello.chunks(size).take(16).enumerate().map(|(at, part)| crypto(at * size, part)).collect();
    let there = recognised(&captured(&frames));
    frames.reverse();
    assert_eq!(recognised(&captured(&frames)), there);
}

fn captured(frames: &[Vec<u8>]) -> File {
    let mut file = File::new();
    for datagram in sealed(frames.iter().cloned()) {
        file.udp_on(443, true, &datagram);
    }
    file
}

/// A CRYPTO frame (RFC 9000 19.6).
fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let wide = |number: usize| (number as u32 | 0x8000_0000).to_be_bytes();
    [&[6][..], &wide(offset), &wide(bytes.len()), bytes].concat()
}

/// Each payload in an Initial of a client.
fn sealed(payloads: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let keys = Keys::new(b"any\x20byte");
    payloads.enumerate().map(|(number, frames)| keys.seal(number as u32, frames)).collect()
}

/// What a client's Initials are sealed with (RFC 9001 5).
struct Keys {
    sealing: Aes128Gcm,
    nonce: [u8; 12],
    hiding: Aes128,
}

impl Keys {
    fn new(id: &[u8]) -> Self {
        let (_, initial) = Hkdf::<Sha256>::extract(Some(SALT), id);
        let secret: [u8; 32] = expand(&initial, "client in");
        let client = Hkdf::<Sha256>::from_prk(&secret).expect("a digest is long enough");
        let key = |label| expand::<16>(&client, label).into();
        Self {
            sealing: Aes128Gcm::new(&key("quic key")),
            nonce: expand(&client, "quic iv"),
            hiding: Aes128::new(&key("quic hp")),
        }
    }

    fn seal(&self, number: u32, mut frames: Vec<u8>) -> Vec<u8> {
        frames.truncate(MOST_PLAIN);
        frames.resize(frames.len().max(24), 0);
        let length = (frames.len() as u16 + 4 + 16) | 0x4000;
        let mut header = [HEADER, &length.to_be_bytes(), &number.to_be_bytes()].concat();
        let mut nonce = self.nonce;
        nonce[8..].iter_mut().zip(number.to_be_bytes()).for_each(|(byte, other)| *byte ^= other);
        let tag = self
            .sealing
            .encrypt_in_place_detached(Nonce::from_slice(&nonce), &header, &mut frames)
            .expect("it is short");
        let body = [&frames[..], tag.as_slice()].concat();
        let mut mask = aes::Block::clone_from_slice(&body[..16]);
        self.hiding.encrypt_block(&mut mask);
        header[0] ^= mask[0] & 0x0f;
        let number_at = header.len() - 4;
        header[number_at..].iter_mut().zip(&mask[1..]).for_each(|(byte, other)| *byte ^= other);
        [header, body].concat()
    }
}

/// HKDF-Expand-Label without context (RFC 8446 7.1).
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let mut out = [0; N];
    let head = [0, N as u8, 6 + label.len() as u8];
    secret.expand_multi_info(&[&head[..], b"tls13 ", label.as_bytes(), &[0]], &mut out).expect("keys are short enough");
    out
}

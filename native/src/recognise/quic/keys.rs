//! Keys of a client's Initials, and what they open (RFC 9001 5.2 to 5.4, RFC 9369 3.3).

use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes128Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

use super::TAG;

pub const ONE: &[u8; 20] = b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
pub const TWO: &[u8; 20] = b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
pub const DRAFT_29: &[u8; 20] = b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
pub const DRAFT_23: &[u8; 20] = b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
pub const DRAFT_22: &[u8; 20] = b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a";
pub const GOOGLE_50: &[u8; 20] = b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10";
pub const GOOGLE_51: &[u8; 20] = b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d";
pub const GOOGLE_Q50: &[u8; 20] = b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45";

/// Names under which keys are derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// Version 1 and what came before it.
    One,
    /// Version 2.
    Two,
}

/// What a client's Initials are sealed with.
pub struct Secret {
    sealing: Aes128Gcm,
    nonce: [u8; 12],
    hiding: Aes128,
}

impl Secret {
    /// From the connection id that the client chose for the server.
    pub fn of_client(salt: &[u8; 20], id: &[u8], labels: Labels) -> Self {
        let (_, initial) = Hkdf::<Sha256>::extract(Some(salt), id);
        let secret: [u8; 32] = expand(&initial, "client in");
        let client = Hkdf::<Sha256>::from_prk(&secret).expect("a digest is long enough to be a key");
        let [key, nonce, hiding] = match labels {
            Labels::One => ["quic key", "quic iv", "quic hp"],
            Labels::Two => ["quicv2 key", "quicv2 iv", "quicv2 hp"],
        };
        Self {
            sealing: Aes128Gcm::new(&expand::<16>(&client, key).into()),
            nonce: expand(&client, nonce),
            hiding: Aes128::new(&expand::<16>(&client, hiding).into()),
        }
    }

    /// The payload of a packet whose number begins at `number_at`; none where it does not authenticate.
    pub fn open(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let mut mask = aes::Block::clone_from_slice(packet.get(number_at + 4..number_at + 20)?);
        self.hiding.encrypt_block(&mut mask);
        let first = packet.first()? ^ (mask[0] & 0x0f);
        let width = usize::from(first & 3) + 1;
        let (head, body) = packet.split_at_checked(number_at + width)?;
        let mut head = head.to_vec();
        head[0] = first;
        let mut nonce = self.nonce;
        for at in 0..width {
            head[number_at + at] ^= mask[1 + at];
            nonce[12 - width + at] ^= head[number_at + at];
        }
        let (secret, tag) = body.split_at_checked(body.len().checked_sub(TAG)?)?;
        let mut plain = secret.to_vec();
        let nonce = Nonce::from_slice(&nonce);
        self.sealing.decrypt_in_place_detached(nonce, &head, &mut plain, Tag::from_slice(tag)).ok()?;
        Some(plain)
    }
}

/// HKDF-Expand-Label without context (RFC 8446 7.1).
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let mut out = [0; N];
    let head = [0, N as u8, 6 + label.len() as u8];
    let info = [&head[..], b"tls13 ", label.as_bytes(), &[0]];
    secret.expand_multi_info(&info, &mut out).expect("keys are short enough");
    out
}

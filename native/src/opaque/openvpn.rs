//! OpenVPN by the messages that open a session: resets of either side with key 0, on any port, over UDP and TCP.
//!
//! A reset is its opcode, the sender's session id, what protects the channel, the acknowledgements (none, or one with the
//! other's id) and message number 0. What protects it is nothing, or a digest, a packet number and a time, or these two and
//! the digest with the rest encrypted behind them. Source: `ssl_pkt.h`, `tls_crypt.h` and `crypto.h` of OpenVPN 2.6.

const CLIENT: u8 = 7 << 3;
const SERVER: u8 = 8 << 3;
const CLIENT_WITH_KEY: u8 = 10 << 3;

const OPCODE_AND_SESSION: usize = 1 + 8;
const NUMBER_AND_TIME: usize = 4 + 4;
/// No acknowledgement, and the message's number.
const CLIENT_END: usize = 1 + 4;
/// One acknowledgement and whose it is, and the message's number.
const SERVER_END: usize = 1 + 4 + 8 + 4;
/// Digests in use: MD5, SHA-1, SHA-256, SHA-384, SHA-512.
const DIGESTS: [usize; 5] = [16, 20, 32, 48, 64];
/// The shortest client key that a server wraps.
const WRAPPED_KEY: usize = 290;

/// True for a reset behind its length, as it goes over TCP.
#[cold]
pub(super) fn is_framed_reset(segment: &[u8]) -> bool {
    match segment {
        [high, low, message @ ..] if usize::from(u16::from_be_bytes([*high, *low])) == message.len() => {
            is_reset(message)
        }
        _ => false,
    }
}

/// True for a reset.
#[cold]
pub(super) fn is_reset(message: &[u8]) -> bool {
    match message {
        [CLIENT, ..] => is_plain(message, CLIENT_END, 0) || is_encrypted(message, CLIENT_END),
        [SERVER, ..] => is_plain(message, SERVER_END, 1) || is_encrypted(message, SERVER_END),
        [CLIENT_WITH_KEY, ..] => {
            let key = message.last_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
            let (reset, _) = message.split_at(message.len().saturating_sub(key));
            key >= WRAPPED_KEY && is_encrypted(reset, CLIENT_END)
        }
        _ => false,
    }
}

/// A reset in clear, with a digest or without, that acknowledges so many messages.
fn is_plain(message: &[u8], end: usize, acknowledged: u8) -> bool {
    let Some(protection) = message.len().checked_sub(OPCODE_AND_SESSION + end) else { return false };
    let is_protected = match protection.checked_sub(NUMBER_AND_TIME) {
        Some(digest) => DIGESTS.contains(&digest) && is_early(&message[OPCODE_AND_SESSION + digest..]),
        None => protection == 0,
    };
    let rest = &message[message.len() - end..];
    is_protected
        && is_random(&message[1..9])
        && rest[0] == acknowledged
        && rest[1..5] == [0; 4]
        && rest.ends_with(&[0; 4])
}

/// A reset of which the end is encrypted.
fn is_encrypted(message: &[u8], end: usize) -> bool {
    const DIGEST: usize = 32;
    message.len() == OPCODE_AND_SESSION + NUMBER_AND_TIME + DIGEST + end && is_early(&message[OPCODE_AND_SESSION..])
}

/// A number and a time as the first packets of a session have them; the highest four bits ask for early negotiation.
fn is_early(bytes: &[u8]) -> bool {
    matches!(bytes, [0 | 0x0f, 0, 0, 1..=32, a, b, ..] if (*a, *b) != (0, 0))
}

/// Eight random bytes have hardly more than two zeros.
fn is_random(session: &[u8]) -> bool {
    session.iter().filter(|byte| **byte == 0).count() <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: [u8; 8] = [0x9a, 0xa6, 0xb1, 0xe4, 0x34, 0x88, 0x9a, 0xd3];
    const EARLY: [u8; 8] = [0, 0, 0, 1, 0x60, 0xdf, 0x19, 0x5a];

    fn reset(opcode: u8, protection: &[u8]) -> Vec<u8> {
        let acknowledged: &[u8] = if opcode == SERVER { &[1, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7] } else { &[0] };
        [&[opcode], &SESSION[..], protection, acknowledged, &[0; 4]].concat()
    }

    fn protections() -> Vec<Vec<u8>> {
        let digests = DIGESTS.map(|length| [&vec![0xd1; length][..], &EARLY].concat());
        [vec![]].into_iter().chain(digests).collect()
    }

    fn encrypted(opcode: u8, end: usize) -> Vec<u8> {
        [&[opcode][..], &SESSION, &EARLY, &vec![0xee; 32 + end]].concat()
    }

    #[test]
    fn resets_of_all_kinds_open_a_session() {
        for opcode in [CLIENT, SERVER] {
            for protection in protections() {
                let message = reset(opcode, &protection);
                assert!(is_reset(&message), "{message:02x?}");
                let length = (message.len() as u16).to_be_bytes();
                assert!(is_framed_reset(&[&length, &message[..]].concat()));
                assert!(!is_framed_reset(&[&length, &message[..], b"!"].concat()));
            }
        }
        assert!(is_reset(&encrypted(CLIENT, CLIENT_END)) && is_reset(&encrypted(SERVER, SERVER_END)));
        let key = [&[0xaa; 298][..], &[1, 44]].concat();
        assert!(is_reset(&[encrypted(CLIENT_WITH_KEY, CLIENT_END), key].concat()));
        assert!(!is_reset(&encrypted(CLIENT_WITH_KEY, CLIENT_END)));
    }

    #[test]
    fn one_byte_more_or_less_is_none() {
        for message in protections().iter().map(|protection| reset(CLIENT, protection)) {
            assert!(!is_reset(&[&message[..], &[0]].concat()));
            assert!(!is_reset(&message[..message.len() - 1]));
            let last = message.len() - 1;
            for at in [0, last - 4, last] {
                let mut other = message.clone();
                other[at] ^= 1;
                assert!(!is_reset(&other), "{at} of {message:02x?}");
            }
        }
        let mut plain = reset(CLIENT, &[]);
        plain[1..4].fill(0);
        assert!(!is_reset(&plain));
    }

    #[test]
    fn any_bytes_never_panic() {
        let seeds: Vec<Vec<u8>> = protections().iter().map(|protection| reset(SERVER, protection)).collect();
        crate::recognise::any_bytes::mutations(&seeds, 20_000, |bytes| {
            let _ = is_reset(bytes) || is_framed_reset(bytes);
        });
    }
}

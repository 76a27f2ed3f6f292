//! Tunnels that are told by their form and cannot be opened: ESP, also behind UDP, IPComp, WireGuard and OpenVPN.
//!
//! Their outer packets are the conversation; its `app` says what it is. Source: RFC 4303, RFC 3948, RFC 3173, the
//! WireGuard paper 5.4.

mod openvpn;

use crate::flows::table::Flow;
use crate::transport::{Segment, TCP, UDP};

const ESP: u8 = 50;
const IPCOMP: u8 = 108;
const DNS: u16 = 53;
/// UDP port of ESP and IKE behind address translation.
const TRANSLATED: u16 = 4500;
/// The usual port of WireGuard: there its data, too, is told.
const WIREGUARD: u16 = 51_820;

/// What a packet's conversation is, where it is an opaque tunnel.
#[must_use]
#[inline]
pub fn app(proto: u8, segment: &Segment<'_>) -> Option<&'static str> {
    match proto {
        TCP => match segment.payload {
            [_, _, 0x38 | 0x40 | 0x50, ..] if openvpn::is_framed_reset(segment.payload) => Some("openvpn"),
            _ => None,
        },
        UDP => over_udp(segment),
        ESP => Some("esp"),
        IPCOMP => Some("ipcomp"),
        _ => None,
    }
}

#[inline]
fn over_udp(segment: &Segment<'_>) -> Option<&'static str> {
    let (src, dst) = segment.ports;
    let on = |port| src == port || dst == port;
    match segment.payload {
        // Four zero bytes there are IKE's; the first 255 numbers are reserved (RFC 4303 2.1).
        [a, b, c, _, ..] if on(TRANSLATED) && (*a, *b, *c) != (0, 0, 0) && segment.length >= 24 => Some("esp"),
        [0x38 | 0x40 | 0x50, ..] if !on(DNS) && openvpn::is_reset(segment.payload) => Some("openvpn"),
        // A DNS query of number 256 would look the same.
        [kind @ 1..=4, 0, 0, 0, ..] if !on(DNS) && is_wireguard(*kind, segment.length, on(WIREGUARD)) => {
            Some("wireguard")
        }
        _ => None,
    }
}

/// The three messages of the handshake have one length each; data is padded to 16 bytes.
fn is_wireguard(kind: u8, length: u32, usual_port: bool) -> bool {
    match kind {
        1 => length == 148,
        2 => length == 92,
        3 => length == 64,
        _ => usual_port && length >= 32 && length.is_multiple_of(16),
    }
}

/// Takes a conversation for an opaque tunnel, unless something was read in it; true when it is one from now on.
#[cold]
pub fn mark(flow: &mut Flow, app: &'static str) -> bool {
    let facts = flow.facts.get_or_insert_default();
    if facts.app.is_some() {
        return false;
    }
    facts.app = Some(app);
    facts.clear = [Some(false); 2];
    true
}

/// True for a conversation that was taken for one.
#[must_use]
pub fn is(flow: &Flow) -> bool {
    flow.facts.as_ref().is_some_and(|facts| matches!(facts.app, Some("esp" | "ipcomp" | "wireguard" | "openvpn")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(proto: u8, ports: (u16, u16), payload: &[u8]) -> Option<&'static str> {
        app(proto, &Segment { ports, message: None, tcp: None, payload, length: payload.len() as u32 })
    }

    fn message(kind: u8, length: usize) -> Vec<u8> {
        let mut out = vec![kind, 0, 0, 0];
        out.resize(length, 0xaa);
        out
    }

    #[test]
    fn wireguard_is_told_by_the_lengths_of_its_handshake_on_any_port() {
        for (kind, length) in [(1, 148), (2, 92), (3, 64)] {
            assert_eq!(told(UDP, (40_000, 9999), &message(kind, length)), Some("wireguard"));
            assert_eq!(told(UDP, (40_000, 9999), &message(kind, length + 1)), None);
            assert_eq!(told(UDP, (40_000, DNS), &message(kind, length)), None);
            assert_eq!(told(TCP, (40_000, 9999), &message(kind, length)), None);
        }
        assert_eq!(told(UDP, (40_000, 9999), &message(4, 96)), None);
        assert_eq!(told(UDP, (40_000, WIREGUARD), &message(4, 96)), Some("wireguard"));
        assert_eq!(told(UDP, (40_000, WIREGUARD), &message(4, 97)), None);
        assert_eq!(told(UDP, (40_000, WIREGUARD), b"\x01\0\x01\0"), None);
    }

    #[test]
    fn esp_is_a_protocol_or_stands_beside_ike() {
        assert_eq!(told(ESP, (0, 0), b""), Some("esp"));
        assert_eq!(told(UDP, (4500, TRANSLATED), &[0xc0; 80]), Some("esp"));
        assert_eq!(told(UDP, (4500, TRANSLATED), &[0; 80]), None);
        assert_eq!(told(UDP, (4500, TRANSLATED), &[0xff]), None);
        assert_eq!(told(UDP, (4500, 4501), &[0xc0; 80]), Some("esp"));
        assert_eq!(told(UDP, (4501, 4502), &[0xc0; 80]), None);
    }
}

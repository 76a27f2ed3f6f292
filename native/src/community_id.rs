//! Community ID version 1, seed 0, of a conversation (the open standard shared by Zeek, Suricata and others).
//!
//! Promises: both directions of one conversation give one text. One-way ICMP types keep their direction, as the
//! specification has it.

use sha1::{Digest, Sha1};
use std::net::IpAddr;

use crate::text::base64_into;

const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// `1:` and the base64 SHA-1 of the ordered conversation.
///
/// `ports` are source and destination port for TCP, UDP and SCTP, type and code of the first message for ICMP and ICMPv6,
/// `None` for every other protocol. All hashed numbers are in network byte order.
#[must_use]
pub fn community_id(proto: u8, src: IpAddr, dst: IpAddr, ports: Option<(u16, u16)>) -> String {
    let (ports, one_way) = as_ports(proto, ports);
    let mut ends = [(packed(src), ports.map(|p| p.0)), (packed(dst), ports.map(|p| p.1))];
    if !one_way && ends[1] < ends[0] {
        ends.swap(0, 1);
    }
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    hash.update(&ends[0].0);
    hash.update(&ends[1].0);
    hash.update([proto, 0]);
    for port in ends.iter().filter_map(|end| end.1) {
        hash.update(port.to_be_bytes());
    }
    let mut text = String::from("1:");
    base64_into(&hash.finalize(), &mut text);
    text
}

fn packed(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// The port pair to hash and whether the message has no counterpart, so that its direction is kept.
fn as_ports(proto: u8, ports: Option<(u16, u16)>) -> (Option<(u16, u16)>, bool) {
    let counterpart = match (proto, ports) {
        (ICMP, Some((kind, _))) => icmp_counterpart(kind),
        (ICMP6, Some((kind, _))) => icmp6_counterpart(kind),
        _ => return (ports, false),
    };
    match (ports, counterpart) {
        (Some((kind, _)), Some(other)) => (Some((kind, other)), false),
        _ => (ports, true),
    }
}

fn icmp_counterpart(kind: u16) -> Option<u16> {
    Some(match kind {
        0 => 8,
        8 => 0,
        9 => 10,
        10 => 9,
        13 => 14,
        14 => 13,
        15 => 16,
        16 => 15,
        17 => 18,
        18 => 17,
        _ => return None,
    })
}

fn icmp6_counterpart(kind: u16) -> Option<u16> {
    Some(match kind {
        128 => 129,
        129 => 128,
        130 => 131,
        131 => 130,
        133 => 134,
        134 => 133,
        135 => 136,
        136 => 135,
        139 => 140,
        140 => 139,
        144 => 145,
        145 => 144,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(proto: u8, src: &str, dst: &str, ports: Option<(u16, u16)>) -> String {
        community_id(proto, src.parse().unwrap(), dst.parse().unwrap(), ports)
    }

    /// The specification's own baseline, default seed.
    #[test]
    fn the_baseline_of_the_specification() {
        let (a, b) = ("fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea");
        for (proto, src, dst, ports, text) in [
            (58, a, b, Some((135, 0)), "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
            (58, b, a, Some((136, 0)), "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
            (58, b, a, Some((135, 0)), "1:zavyT/cezQr1fmImYCwYnMXbgck="),
            (
                58,
                "3ffe:501:1800:2345::2",
                "3ffe:507:0:1:200:86ff:fe05:80da",
                Some((3, 0)),
                "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=",
            ),
            (58, a, "ff02::2", Some((133, 0)), "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="),
            (1, "192.168.0.89", "192.168.0.1", Some((8, 0)), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
            (1, "192.168.0.1", "192.168.0.89", Some((0, 0)), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
            (1, "10.0.0.1", "10.0.0.2", Some((11, 0)), "1:YHxtAirCG//0OzkcVAukqKQN9xM="),
            (6, "128.232.110.120", "66.35.250.204", Some((34855, 80)), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (6, "66.35.250.204", "128.232.110.120", Some((80, 34855)), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (17, "192.168.1.52", "8.8.8.8", Some((54585, 53)), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
            (132, "192.168.170.8", "192.168.170.56", Some((7, 7)), "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
            (46, "10.1.12.1", "10.1.12.2", None, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
            (46, "10.1.12.2", "10.1.12.1", None, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
        ] {
            assert_eq!(id(proto, src, dst, ports), text, "{proto} {src} {dst}");
        }
    }

    #[test]
    fn a_one_way_message_keeps_its_direction() {
        let there = id(1, "192.0.2.2", "192.0.2.1", Some((11, 0)));
        assert_ne!(there, id(1, "192.0.2.1", "192.0.2.2", Some((11, 0))));
    }

    #[test]
    fn one_address_on_both_sides_is_ordered_by_port() {
        let there = id(6, "192.0.2.1", "192.0.2.1", Some((80, 40000)));
        assert_eq!(there, id(6, "192.0.2.1", "192.0.2.1", Some((40000, 80))));
    }
}

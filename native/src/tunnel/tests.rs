use super::*;
use crate::ip::tests::{v4_packet, v6_packet};

fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16 + 8;
    [&src.to_be_bytes()[..], &dst.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

/// The packet that everything here carries: a datagram of four bytes.
fn inner() -> Vec<u8> {
    v4_packet(UDP, 0, &udp(40_000, 53, b"data"))
}

fn ethernet(packet: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &[8, 0], packet].concat()
}

fn outer(bytes: &[u8]) -> Datagram<'_> {
    ip::open(&Network::bare(bytes, bytes.len() as u32)).unwrap()
}

/// Word of the tunnel in a packet of this protocol, and length and protocol of what is within.
fn told(proto: u8, body: &[u8]) -> Option<(String, u32, u8)> {
    let bytes = v4_packet(proto, 0, body);
    open(&outer(&bytes)).map(|found| (found.layer.kind.text(), found.datagram.length, found.datagram.proto))
}

fn over_udp(port: u16, payload: &[u8]) -> Option<(String, u32, u8)> {
    told(17, &udp(50_000, port, payload))
}

fn held(word: &str) -> Option<(String, u32, u8)> {
    Some((word.into(), 32, 17))
}

/// One of each: (protocol, body, word).
fn samples() -> Vec<(u8, Vec<u8>, &'static str)> {
    let (ip, frame) = (inner(), ethernet(&inner()));
    let six = v6_packet(17, &udp(40_000, 53, b"data"));
    let gre = |head: &[u8], rest: &[u8]| [head, rest].concat();
    let on = |port: u16, head: &[u8], rest: &[u8]| udp(50_000, port, &[head, rest].concat());
    let mut teredo = six.clone();
    teredo[8..12].copy_from_slice(&[0x20, 1, 0, 0]);
    let erspan_3 = [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 5, 0x18, 9][..], &[0; 6], &[0, 1], &[7; 8]].concat();
    vec![
        (4, ip.clone(), "ipip"),
        (41, six.clone(), "ipip"),
        (137, gre(&[0, 1, 1, 64], &ip), "ipip"),
        (97, gre(&[0x30, 0], &frame), "etherip"),
        (47, gre(&[0, 0, 8, 0], &ip), "gre"),
        (47, gre(&[0xb0, 0, 8, 0, 1, 2, 3, 4, 0, 0, 0, 7, 0, 0, 0, 1], &ip), "gre"),
        (47, gre(&[0x20, 0, 0x65, 0x58, 0, 0, 9, 1], &frame), "gre"),
        (47, gre(&[0x30, 0x81, 0x88, 0x0b, 0, 36, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21], &ip), "gre"),
        (47, gre(&[0x20, 0x01, 0x88, 0x0b, 0, 36, 0, 7, 0x57], &six), "gre"),
        (47, gre(&[0, 0, 0x88, 0x3e], &ip), "gre"),
        (47, gre(&[0, 0, 0x88, 0x3e, 0, 0, 0, 0], &ip), "gre"),
        (47, gre(&[0, 0, 0x88, 0xbe], &frame), "erspan"),
        (47, gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0x18, 9, 0, 0, 0, 0], &frame), "erspan:9"),
        (47, gre(&erspan_3, &frame), "erspan:9"),
        (17, on(4789, &[8, 0, 0, 0, 0, 0, 100, 0], &frame), "vxlan:100"),
        (17, on(8472, &[8, 0, 0, 0, 1, 0, 0, 0], &frame), "vxlan:65536"),
        (17, on(4789, &[0x88, 0x08, 0, 7, 0, 0, 100, 0], &frame), "vxlan:100"),
        (17, on(4790, &[0x0c, 0, 0, 1, 0, 0, 100, 0], &ip), "vxlan-gpe:100"),
        (17, on(4790, &[0x0c, 0, 0, 3, 0, 0, 100, 0], &frame), "vxlan-gpe:100"),
        (17, on(4790, &[0x0c, 0, 0, 4, 0, 0, 100, 0, 0, 2, 2, 1, 0, 0, 1, 255], &ip), "vxlan-gpe:100"),
        (17, on(6635, &[0, 0, 1, 64], &ip), "mpls"),
        (17, on(4341, &[0xc0, 1, 2, 3, 0, 0, 0, 1], &ip), "lisp"),
        (103, gre(&[0x21, 0, 0, 0, 0, 0, 0, 0], &ip), "pim"),
        (143, frame.clone(), "ethernet"),
        (47, gre(&[0, 0, 0x89, 0x09, 8, 0, 1, 1, 0, 1, 0, 2], &ip), "gre"),
        (17, on(6081, &[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 0], &frame), "geneve:7"),
        (17, on(6081, &[0, 0, 8, 0, 0, 0, 7, 0], &ip), "geneve:7"),
        (17, on(2152, &[0x30, 255, 0, 32, 0, 0, 0, 1], &ip), "gtpu"),
        (17, on(2152, &[0x34, 255, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0], &ip), "gtpu"),
        (17, on(3544, &[0, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 9, 9, 9, 9, 9, 9], &teredo), "teredo"),
        (17, on(3544, &[], &teredo), "teredo"),
        (17, on(1701, &[0x40, 2, 0, 44, 0, 1, 0, 1, 0xff, 3, 0, 0x21], &ip), "l2tp"),
        (17, on(1701, &[0x0a, 2, 0, 1, 0, 1, 0, 1, 0, 2, 0, 2, 0xee, 0xee, 0, 0x21], &ip), "l2tp"),
    ]
}

#[test]
fn each_encapsulation_leads_to_the_packet_in_it() {
    for (proto, body, word) in samples() {
        let length = if matches!(word, "teredo") || body.len() > 4 && proto == 41 { 52 } else { 32 };
        let found = told(proto, &body);
        let length = if word == "gre" && found.as_ref().is_some_and(|found| found.1 == 52) { 52 } else { length };
        assert_eq!(found, Some((word.into(), length, 17)), "{proto} {body:02x?}");
    }
}

#[test]
fn cut_anywhere_the_outer_packet_stands() {
    for (proto, body, word) in samples() {
        let bytes = v4_packet(proto, 0, &body);
        for cut in 20..bytes.len() {
            let network = Network::bare(&bytes[..cut], bytes.len() as u32);
            let found = open(&ip::open(&network).unwrap());
            // The ports of the datagram within are its first four bytes.
            assert_eq!(found.is_some(), cut >= bytes.len() - 8, "{word} cut at {cut}");
            assert!(told(proto, &body[..cut - 20]).is_none(), "{word} of {cut} bytes");
        }
    }
}

#[test]
fn reserved_bits_and_wrong_lengths_are_no_tunnel() {
    let (ip, frame) = (inner(), ethernet(&inner()));
    let arp = [&[2; 12][..], &[8, 6], &[0; 28]].concat();
    let on = |port: u16, head: &[u8], rest: &[u8]| over_udp(port, &[head, rest].concat());
    assert_eq!(on(4789, &[8, 0, 0, 0, 0, 0, 1, 0], &frame), held("vxlan:1"));
    for at in 0..8 {
        let mut head = [8, 0, 0, 0, 0, 0, 1, 0];
        head[at] ^= 1;
        assert_eq!(on(4789, &head, &frame).is_some(), (4..7).contains(&at), "byte {at}");
    }
    assert_eq!(on(4789, &[0x88, 0x10, 0, 0, 0, 0, 1, 0], &frame), None);
    assert_eq!(on(4790, &[0x0c, 0, 0, 5, 0, 0, 1, 0], &ip), None);
    assert_eq!(on(4790, &[0x08, 0, 0, 1, 0, 0, 1, 0], &ip), None);
    assert_eq!(on(4341, &[0xc1, 0, 0, 0, 0, 0, 0, 0], &ip), None);
    assert_eq!(told(103, &[&[0x21, 0, 0, 0, 0x40, 0, 0, 0][..], &ip].concat()), None);
    assert_eq!(told(103, &[&[0x20, 0, 0, 0, 0, 0, 0, 0][..], &ip].concat()), None);
    assert_eq!(on(4789, &[8, 0, 0, 0, 0, 0, 1, 0], &arp), None);
    assert_eq!(on(4790, &[8, 0, 0, 0, 0, 0, 1, 0], &frame), None);
    assert_eq!(on(6081, &[0x40, 0, 8, 0, 0, 0, 7, 0], &ip), None);
    assert_eq!(on(6081, &[0, 1, 8, 0, 0, 0, 7, 0], &ip), None);
    assert_eq!(on(6081, &[0, 0, 8, 0, 0, 0, 7, 1], &ip), None);
    assert_eq!(on(6081, &[0x3f, 0, 8, 0, 0, 0, 7, 0], &ip), None);
    assert_eq!(on(2152, &[0x30, 1, 0, 32, 0, 0, 0, 1], &ip), None);
    assert_eq!(on(2152, &[0x50, 255, 0, 32, 0, 0, 0, 1], &ip), None);
    assert_eq!(on(2152, &[0x30, 255, 0, 33, 0, 0, 0, 1], &ip), None);
    assert_eq!(on(2152, &[0x34, 255, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0x85, 0, 0, 0, 0], &ip), None);
    assert_eq!(on(3544, &[], &v6_packet(17, &udp(1, 2, b""))), None);
    assert_eq!(on(1701, &[0x40, 2, 0, 45, 0, 1, 0, 1, 0xff, 3, 0, 0x21], &ip), None);
    assert_eq!(on(1701, &[0xc0, 2, 0, 44, 0, 1, 0, 1, 0xff, 3, 0, 0x21], &ip), None);
    assert_eq!(told(47, &[&[0x40, 0, 8, 0][..], &[0; 4], &ip].concat()), None);
    assert_eq!(told(47, &[&[0, 3, 8, 0][..], &ip].concat()), None);
    assert_eq!(told(4, &v6_packet(17, &udp(1, 2, b""))), None);
    // A packet within that says it is longer than what carries it is a guess gone wrong, on UDP.
    let mut long = ip.clone();
    long[3] += 1;
    assert_eq!(on(2152, &[0x30, 255, 0, 32, 0, 0, 0, 1], &long), None);
}

#[test]
fn trailers_may_follow_a_teredo_packet() {
    let mut six = v6_packet(17, &udp(40_000, 53, b"data"));
    six[8..12].copy_from_slice(&[0x20, 1, 0, 0]);
    let with = |trailers: &[u8]| over_udp(3544, &[&six[..], trailers].concat()).map(|found| found.1);
    assert_eq!(with(&[]), Some(52));
    assert_eq!(with(&[1, 4, 9, 9, 9, 9, 3, 0]), Some(52));
    assert_eq!((with(&[1, 4, 9]), with(&[0, 0]), with(&[1])), (None, None, None));
}

#[test]
fn a_tunnel_has_one_name_in_both_directions_and_another_for_another() {
    let hasher = RandomState::new();
    let layer = |kind, src, dst| Layer { kind, ends: Some((false, Address([src; 16]), Address([dst; 16]))) };
    let name = |layers: &[Layer]| Layers { layers: layers.to_vec() }.name(&hasher);
    let there = [layer(Kind::Ipip, 1, 2), layer(Kind::Vxlan(7), 3, 4)];
    let back = [layer(Kind::Ipip, 2, 1), layer(Kind::Vxlan(7), 4, 3)];
    assert_eq!(name(&there), name(&back));
    assert_ne!(name(&there), name(&there[..1]));
    assert_ne!(name(&there), name(&[there[0], layer(Kind::Vxlan(8), 3, 4)]));
    assert_ne!(name(&there), name(&[there[0], layer(Kind::Vxlan(7), 3, 5)]));
    assert_eq!(name(&[]), 0);
    assert_eq!(name(&[layer(Kind::Geneve(1), 1, 2)]), name(&[layer(Kind::Geneve(2), 2, 1)]));
}

#[test]
fn any_bytes_never_panic() {
    let mut random = crate::dice::dice();
    let samples = samples();
    for round in 0..20_000 {
        let (proto, body, _) = &samples[round % samples.len()];
        let mut bytes = v4_packet(*proto, 0, body);
        for _ in 0..random() % 5 {
            let at = 20 + random() as usize % (bytes.len() - 20);
            bytes[at] = if random().is_multiple_of(2) { random() as u8 } else { random() as u8 % 5 };
        }
        bytes.truncate(20 + random() as usize % (bytes.len() - 19));
        let _ = open(&outer(&bytes));
    }
}

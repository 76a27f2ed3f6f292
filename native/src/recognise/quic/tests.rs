//! The packets of the specifications, and laws over bytes made from them.

use super::*;
use crate::recognise::any_bytes::mutations;
use crate::recognise::{Outcome, tls};

fn packet(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter_map(|b| char::from(b).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Client Initials of RFC 9001 A.2 and RFC 9369 A.2.
fn specified() -> [Vec<u8>; 2] {
    [packet(include_str!("rfc9001_client_initial.hex")), packet(include_str!("rfc9369_client_initial.hex"))]
}

fn frames(datagram: &[u8], origin: Option<&Origin>) -> (Opened, Vec<(bool, u64, Vec<u8>)>) {
    let mut told = Vec::new();
    let opened = open(datagram, origin, |anew, offset, bytes| told.push((anew, offset, bytes.to_vec())));
    (opened, told)
}

#[test]
fn the_specified_initials_name_their_server() {
    for datagram in specified() {
        assert_eq!(datagram.len(), 1200);
        let (opened, told) = frames(&datagram, None);
        assert!(matches!(opened, Opened::Anew(_)));
        let [(true, 0, hello)] = &told[..] else { panic!("{told:?}") };
        let Outcome::Found(hello) = tls::bare_client_hello(hello, false) else { panic!() };
        assert_eq!((hello.sni.as_deref(), &hello.alpn[..]), (Some("example.com"), &["alpn".to_owned()][..]));
        assert_eq!((hello.version, hello.malformed), (0x0304, false));
    }
}

#[test]
fn keys_once_known_open_what_goes_to_another_connection_id() {
    let [datagram, other] = specified();
    let (Opened::Anew(origin), _) = frames(&datagram, None) else { panic!() };
    let (opened, told) = frames(&datagram, Some(&origin));
    assert_eq!((opened, told.len(), told[0].0), (Opened::More, 1, false));
    assert!(matches!(frames(&other, Some(&origin)).0, Opened::Anew(_)));
}

#[test]
fn packets_in_one_datagram_are_taken_one_after_the_other() {
    let [datagram, other] = specified();
    // A Handshake packet of version 1, which nobody here can open, and what a client sends on with a short header.
    let handshake = b"\xe0\x00\x00\x00\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00\x04abcd";
    let joined = [&handshake[..], &datagram, &other, b"\x40short"].concat();
    let (opened, told) = frames(&joined, None);
    assert!(matches!(opened, Opened::Anew(origin) if origin.version.labels == keys::Labels::Two));
    assert_eq!(told.len(), 2);
}

#[test]
fn what_does_not_authenticate_is_not_believed() {
    for datagram in specified() {
        for at in [6, 20, 30, 700, 1199] {
            let mut changed = datagram.clone();
            changed[at] ^= 1;
            assert_eq!(frames(&changed, None), (Opened::Nothing, vec![]), "{at}");
            assert!(is_long(&changed));
        }
        assert_eq!(frames(&datagram[..1199], None).0, Opened::Nothing);
    }
}

#[test]
fn long_headers_are_told_by_version_and_form() {
    let ids = b"\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00";
    let long = |first: u8, version: u32, rest: &[u8]| is_long(&[&[first][..], &version.to_be_bytes(), rest].concat());
    let rest = [&ids[..], b"\x00\x05abcde"].concat();
    for number in [1, 0x6b33_43cf, 0xff00_0016, 0xff00_001d, 0xff00_0022, 0xface_b002, 0x5430_3531] {
        assert!(long(0xc0, number, &rest), "{number:#x}");
    }
    for number in [0, 2, 0xff00_0015, 0xff00_0023, 0x5130_3433, 0x0a0a_0a0a] {
        assert!(!long(0xc0, number, &rest), "{number:#x}");
    }
    assert!(!long(0x40, 1, &rest));
    assert!(!long(0xc0, 1, &[&[21][..], &[0; 40]].concat()), "an id that is too long");
    assert!(!long(0xc0, 1, &[&ids[..], b"\x44\xd0"].concat()), "a token that is not there");
    assert!(long(0xf0, 1, ids), "a Retry");
    assert!(!is_long(b""));
}

#[test]
fn only_frames_of_an_initial_are_read() {
    let told = |bytes: &[u8]| {
        let mut offsets = Vec::new();
        each_crypto(bytes, |offset, data| offsets.push((offset, data.len())));
        offsets
    };
    let ack = b"\x02\x05\x00\x01\x00\x01\x02";
    let counted = b"\x03\x05\x00\x00\x00\x01\x01\x01";
    let crypto = b"\x06\x41\x00\x02hi";
    assert_eq!(told(&[&ack[..], counted, b"\x00\x01\x00", crypto].concat()), [(256, 2)]);
    assert_eq!(told(&[&crypto[..], b"\x08", crypto].concat()), [(256, 2)]);
    assert_eq!(told(b"\x06\x00\x03hi"), []);
    assert_eq!(told(b"\x02\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01"), []);
}

#[test]
fn no_bytes_panic() {
    let seeds: Vec<Vec<u8>> = specified().into_iter().map(|datagram| datagram[..300].to_vec()).collect();
    mutations(&seeds, 3000, |bytes| {
        let _ = frames(bytes, None);
        each_crypto(bytes, |_, _| {});
        let _ = tls::bare_client_hello(bytes, true);
    });
}

//! Laws of the hello readers, over hellos built here.

use super::records::HANDSHAKE;
use super::*;
use crate::recognise::any_bytes::mutations;

fn counted(width: usize, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_be_bytes();
    [&length[length.len() - width..], bytes].concat()
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(2, value)].concat()
}

fn sni(name: &[u8]) -> Vec<u8> {
    extension(0, &counted(2, &[&[0][..], &counted(2, name)].concat()))
}

fn alpn(protocols: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = protocols.iter().flat_map(|p| counted(1, p)).collect();
    extension(16, &counted(2, &list))
}

fn hello(legacy: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    let body = [
        &legacy.to_be_bytes()[..],
        &[7; 32],
        &counted(1, &[9; 32]),
        &counted(2, &[0x13, 1, 0x13, 2]),
        &counted(1, &[0]),
        &counted(2, &extensions.concat()),
    ]
    .concat();
    [&[CLIENT_HELLO][..], &counted(3, &body)].concat()
}

fn answer(legacy: u16, random: [u8; 32], extensions: &[Vec<u8>]) -> Vec<u8> {
    let body = [&legacy.to_be_bytes()[..], &random, &counted(1, &[]), &[0x13, 1, 0], &counted(2, &extensions.concat())]
        .concat();
    [&[SERVER_HELLO][..], &counted(3, &body)].concat()
}

fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|part| [&[HANDSHAKE, 3, 1][..], &counted(2, part)].concat()).collect()
}

fn full() -> Vec<u8> {
    let versions = extension(43, &counted(1, &[0x3a, 0x3a, 3, 4, 3, 3]));
    let key_share = extension(51, &[5; 1300]);
    hello(
        0x0303,
        &[
            extension(0x5a5a, &[]),
            key_share,
            sni(b"Results.Example."),
            alpn(&[b"\x0a\x0a", b"h2", b"http/1.1"]),
            versions,
        ],
    )
}

#[test]
fn a_hello_reads_back_over_any_records() {
    let expected = ClientHello {
        sni: Some("results.example".into()),
        alpn: vec!["h2".into(), "http/1.1".into()],
        version: 0x0304,
        ja4: Some("t13d0204h2_62ed6f6ca7ad_a56c5b993250".into()),
        ..ClientHello::default()
    };
    for size in [1, 2, 3, 4, 5, 32, 33, 100, 517, 16_384] {
        assert_eq!(client_hello(&records(&full(), size)), Outcome::Found(expected.clone()), "{size}");
    }
}

#[test]
fn a_hello_cut_anywhere_needs_more_and_never_tells_a_wrong_name() {
    for (size, step) in [(300, 1), (1, 7)] {
        cut_anywhere(&records(&full(), size), step);
    }
}

fn cut_anywhere(wire: &[u8], step: usize) {
    for end in (0..wire.len()).step_by(step) {
        assert_eq!(client_hello(&wire[..end]), Outcome::NeedMore, "{end}");
        let wanted = wanted(&wire[..end]);
        assert!(wanted > 0 && end + wanted <= wire.len(), "{end} {wanted}");
        if let Some(part) = client_hello_cut(&wire[..end]) {
            assert!(part.cut && !part.malformed);
            assert!(part.sni.is_none_or(|n| n == "results.example"));
        }
    }
    assert!(client_hello_cut(&wire[..wire.len() - 20]).unwrap().sni.is_some());
}

#[test]
fn encrypted_hello_is_told_by_the_outer_form() {
    let found = |kind, value: &[u8]| match client_hello(&records(
        &hello(0x0303, &[sni(b"outer.example"), extension(kind, value)]),
        999,
    )) {
        Outcome::Found(hello) => (hello.ech, hello.sni),
        other => panic!("{other:?}"),
    };
    assert_eq!(found(0xfe0d, &[0, 0, 1, 0, 1]), (true, Some("outer.example".into())));
    assert!(!found(0xfe0d, &[1]).0);
    assert!(found(0xffce, &[0]).0);
    assert!(!found(0xff01, &[0]).0);
}

#[test]
fn versions_of_every_age() {
    for (legacy, offered, expected) in [
        (0x0300, None, "SSLv3"),
        (0x0301, None, "1.0"),
        (0x0303, None, "1.2"),
        (0x0304, None, "1.2"),
        (0x0303, Some(&[3, 3, 3, 4][..]), "1.3"),
        (0x0303, Some(&[0x7f, 0x1c, 3, 3][..]), "1.3"),
        (0x0303, Some(&[0xaa, 0xaa, 3, 2][..]), "1.1"),
    ] {
        let versions: Vec<_> = offered.map(|v| extension(43, &counted(1, v))).into_iter().collect();
        let Outcome::Found(hello) = client_hello(&records(&hello(legacy, &versions), 999)) else { panic!() };
        assert_eq!(version_text(hello.version), expected);
    }
}

#[test]
fn the_server_has_the_last_word_on_version_and_protocol() {
    let chosen = |wire: Vec<u8>| match server_hello(&records(&wire, 40)) {
        Outcome::Found(hello) => (version_text(hello.version), hello.alpn, hello.retry),
        other => panic!("{other:?}"),
    };
    assert_eq!(chosen(answer(0x0303, [1; 32], &[alpn(&[b"h2"])])), ("1.2".into(), Some("h2".into()), false));
    assert_eq!(chosen(answer(0x0303, RETRY, &[extension(43, &[3, 4])])), ("1.3".into(), None, true));
    assert_eq!(chosen(answer(0x7f12, [1; 32], &[])), ("1.3".into(), None, false));
}

#[test]
fn a_broken_extension_costs_only_itself() {
    let broken = hello(0x0303, &[extension(16, &[0, 9, 1]), sni(b"a.test"), extension(43, &[])]);
    let Outcome::Found(hello) = client_hello(&records(&broken, 999)) else { panic!() };
    assert_eq!((hello.sni, hello.malformed, hello.version), (Some("a.test".into()), true, 0x0303));
}

#[test]
fn odd_names_are_escaped_and_overlong_ones_are_no_names() {
    let name = |bytes: &[u8]| match client_hello(&records(&hello(0x0303, &[sni(bytes)]), 9999)) {
        Outcome::Found(hello) => (hello.sni, hello.malformed),
        other => panic!("{other:?}"),
    };
    assert_eq!(name(b"a\0b \xff.test"), (Some(r"a\x00b \xff.test".into()), false));
    assert_eq!(name(&[b'x'; 256]), (None, true));
    assert_eq!(name(b""), (None, true));
}

#[test]
fn the_old_form_names_no_server() {
    let wire = [&[0x80, 9 + 3 + 16, 1, 3, 1, 0, 3, 0, 0, 0, 16][..], &[1; 19]].concat();
    let Outcome::Found(hello) = client_hello(&wire) else { panic!() };
    assert_eq!((version_text(hello.version), hello.sni), ("1.0".into(), None));
    assert_eq!(client_hello(&wire[..8]), Outcome::NeedMore);
    assert_eq!(client_hello(&[&wire[..10], &[15], &wire[11..]].concat()), Outcome::No);
}

#[test]
fn other_protocols_are_told_at_once() {
    for other in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\x00\x30\x02",
        b"\x17\x03\x03\x00\x10",
        b"\x16\xfe\xfd",
    ] {
        assert_eq!(client_hello(other), Outcome::No, "{other:?}");
    }
    assert_eq!(client_hello(b""), Outcome::NeedMore);
}

#[test]
fn no_bytes_panic_and_all_text_is_printable() {
    let seeds = [records(&full(), 300), records(&answer(0x0303, RETRY, &[alpn(&[b"h2"])]), 50)];
    mutations(&seeds, 40_000, |bytes| {
        let mut seen: Vec<ClientHello> = client_hello_cut(bytes).into_iter().collect();
        if let Outcome::Found(hello) = client_hello(bytes) {
            seen.push(hello);
        }
        let texts = seen.iter().flat_map(|h| h.sni.iter().chain(&h.alpn));
        assert!(texts.flat_map(|t| t.bytes()).all(|b| (0x20..0x7f).contains(&b)));
        let _ = server_hello(bytes);
    });
}

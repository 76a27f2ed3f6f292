//! Markers in payload, in both directions: in heads and bodies, over any cuts, and what a gap leaves untold.

mod wire;

use std::collections::BTreeMap;

use _native::capture::Options;
use _native::markers::Markers;
use wire::{ACK, File, PUSH, answer, dialogue, has, hello, opened, read, read_for};

const TALLY: &[u8] = b"<Tally xmlns='urn:results:2'>";
const SEAL: &[u8] = b"\x00\x01seal\xff";

/// The FLOWS rows and the limits that were hit, looking for a tally, and for a seal under two patterns.
fn searched(file: &File) -> (String, BTreeMap<&'static str, u64>) {
    let patterns = [("tally", TALLY), ("seal", SEAL), ("seal", b"SEALED")];
    let owned: Vec<_> = patterns.iter().map(|(id, bytes)| ((*id).to_owned(), bytes.to_vec())).collect();
    let options = Options { markers: Markers::new(&owned).unwrap(), ..Options::default() };
    let ([flows, _], coverage) = read_for(&file.0, options).unwrap();
    (flows, coverage.tally.limits)
}

/// A stream of the client, in segments of `size` bytes, each told by its number.
fn segments(stream: &[u8], size: usize) -> Vec<(u32, &[u8])> {
    stream.chunks(size).enumerate().map(|(at, part)| (101 + (at * size) as u32, part)).collect()
}

fn upload(parts: &[(u32, &[u8])]) -> File {
    let mut file = opened();
    for (seq, part) in parts {
        file.tcp(true, PUSH, *seq, 901, part);
    }
    file
}

fn lacks(row: &str, part: &str) {
    assert!(!row.contains(part), "{part} in {row}");
}

#[test]
fn without_markers_the_columns_are_null() {
    let ([flows, _], _) = read(&upload(&[(101, TALLY)]).0, false).unwrap();
    lacks(&flows, "markers");
}

#[test]
fn an_upload_of_no_known_protocol_is_searched_over_any_cuts_in_any_order() {
    let stream = [&[b'.'; 500][..], TALLY, b"..", SEAL, b"SEALED"].concat();
    for size in [7, 10, 100, 1000] {
        let parts = segments(&stream, size);
        for turn in 0..3 {
            let mut order = parts.clone();
            order.rotate_left(turn * parts.len() / 3);
            order.chunks_mut(7).for_each(<[_]>::reverse);
            let (flows, limits) = searched(&upload(&order));
            has(&flows, r#""src_markers":["seal","tally"],"src_clear":true"#);
            lacks(&flows, "dst_markers");
            lacks(&flows, "dst_clear");
            assert!(limits.is_empty());
        }
    }
}

#[test]
fn both_bodies_of_an_http_conversation_are_searched() {
    let request =
        [b"PUT /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1029\r\n\r\n", &[b'x'; 1000][..], TALLY].concat();
    let response = [b"HTTP/1.1 200 OK\r\nContent-Length: 2007\r\n\r\n", &[b'y'; 2000][..], SEAL].concat();
    let mut file = upload(&segments(&request, 700));
    for (at, part) in response.chunks(700).enumerate() {
        file.tcp(false, PUSH, 901 + at as u32 * 700, 101 + request.len() as u32, part);
    }
    let (flows, _) = searched(&file);
    has(&flows, r#""app":"http""#);
    has(&flows, r#""src_markers":["tally"],"dst_markers":["seal"],"src_clear":true,"dst_clear":true"#);
}

#[test]
fn a_compressed_body_leaves_it_untold() {
    let response = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08";
    let (flows, _) = searched(&dialogue(&[b"GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n", response], 50));
    has(&flows, r#""src_markers":[],"src_clear":true,"dst_clear":true"#);
}

#[test]
fn a_direction_that_was_read_and_has_none_gives_an_empty_list() {
    let mut file = upload(&[(101, b"nothing of note")]);
    file.tcp(false, PUSH, 901, 116, b"ok");
    let (flows, _) = searched(&file);
    has(&flows, r#""src_markers":[],"dst_markers":[]"#);
    lacks(&flows, "_clear");
}

#[test]
fn only_the_beginning_is_searched() {
    let at = |place: usize| {
        let stream = [&vec![b'.'; place - TALLY.len()][..], TALLY, &[b'.'; 3000]].concat();
        searched(&upload(&segments(&stream, 1400))).0
    };
    has(&at(65_536), r#""src_markers":["tally"]"#);
    has(&at(65_537), r#""src_markers":[]"#);
}

#[test]
fn over_a_gap_a_marker_counts_and_its_absence_does_not() {
    for (rest, told) in [(TALLY, Some(r#""src_markers":["tally"]"#)), (b"else", None)] {
        for before in [&b"front"[..], b""] {
            let parts = [(101, before), (201, rest)];
            let (flows, limits) = searched(&upload(&parts));
            match told {
                Some(told) => has(&flows, told),
                None => lacks(&flows, "src_markers"),
            }
            assert!(limits.is_empty());
        }
    }
    // A pattern is not put together over a gap.
    let (head, tail) = TALLY.split_at(9);
    lacks(&searched(&upload(&[(101, head), (120, tail)])).0, "src_markers");
}

#[test]
fn what_came_after_a_lost_segment_is_searched_however_much_it_is() {
    let stream = [&[b'.'; 40_000][..], TALLY, &[b'.'; 60_000]].concat();
    let mut parts = segments(&stream, 1000);
    parts.remove(3);
    let (flows, limits) = searched(&upload(&parts));
    has(&flows, r#""src_markers":["tally"]"#);
    assert!(limits.is_empty());
    let plain = vec![b'.'; 100_000];
    let mut parts = segments(&plain, 400);
    parts.remove(3);
    lacks(&searched(&upload(&parts)).0, "src_markers");
    let mut parts = segments(&plain, 400);
    parts.remove(200);
    has(&searched(&upload(&parts)).0, r#""src_markers":[]"#);
}

#[test]
fn what_was_acknowledged_and_never_recorded_leaves_it_untold() {
    let mut file = upload(&[(101, b"front")]);
    file.tcp(false, ACK, 901, 300, b"");
    lacks(&searched(&file).0, "src_markers");
    let mut joined_late = File::new();
    joined_late.tcp(true, PUSH, 101, 901, b"front");
    lacks(&searched(&joined_late).0, "src_markers");
    joined_late.tcp(true, PUSH, 106, 901, TALLY);
    has(&searched(&joined_late).0, r#""src_markers":["tally"]"#);
}

#[test]
fn datagrams_are_searched_each_behind_the_other() {
    let (head, tail) = TALLY.split_at(9);
    let mut file = File::new();
    file.udp_on(4000, true, head).udp_on(4000, false, b"none").udp_on(4000, true, tail);
    has(&searched(&file).0, r#""src_markers":["tally"],"dst_markers":[],"src_clear":true"#);
    let mut file = File::new();
    for _ in 0..70 {
        file.udp_on(4000, true, &[b'.'; 1000]);
    }
    file.udp_on(4000, true, TALLY);
    has(&searched(&file).0, r#""src_markers":[]"#);
}

#[test]
fn tls_is_not_searched_though_its_hello_came_in_pieces() {
    let hello = [&b"\x16\x03\x01\x00\x80\x01\x00\x00\x7c\x03\x03"[..], TALLY, SEAL, &[0; 90]].concat();
    let hello = &hello[..133];
    let (flows, _) = searched(&upload(&[(101, &hello[..60]), (161, &hello[60..])]));
    has(&flows, r#""app":"tls""#);
    lacks(&flows, "markers");
    has(&flows, r#""src_clear":false"#);
}

#[test]
fn tls_inside_a_tunnel_is_not_searched_and_what_came_before_it_is() {
    let named = [b"GET http://a.example/ HTTP/1.1\r\nX: ", SEAL, b"\r\n\r\n"].concat();
    let connect = b"CONNECT b.example:443 HTTP/1.1\r\n\r\n";
    // The name in the hello and what is encrypted behind it are no payload in clear.
    let sealed = [&hello()[..], TALLY].concat();
    let name = b"results.example".to_vec();
    let patterns =
        [("name".to_owned(), name), ("seal".to_owned(), SEAL.to_vec()), ("tally".to_owned(), TALLY.to_vec())];
    let searched = |file: &File| {
        let options = Options { markers: Markers::new(&patterns).unwrap(), ..Options::default() };
        read_for(&file.0, options).unwrap().0[0].clone()
    };
    for size in [100, 1400, 4000] {
        let together = [&named[..], connect, &sealed].concat();
        has(&searched(&dialogue(&[&together], size)), r#""src_markers":["seal"]"#);
        let flows = searched(&dialogue(&[connect, b"HTTP/1.1 200 OK\r\n\r\n", &sealed, TALLY], size));
        has(&flows, r#""sni":"results.example""#);
        lacks(&flows, "markers");
        let cut = searched(&dialogue(&[connect, b"HTTP/1.1 200 OK\r\n\r\n", &sealed[..500]], size));
        has(&cut, r#""sni":"results.example""#);
        lacks(&cut, "markers");
    }
    // A tunnel is searched as long as it is in clear.
    let flows = searched(&dialogue(&[connect, b"HTTP/1.1 200 OK\r\n\r\n", TALLY, b"thanks"], 1000));
    has(&flows, r#""src_markers":["tally"],"src_clear":true,"dst_clear":false"#);
}

#[test]
fn mail_is_searched_up_to_where_tls_begins_in_it() {
    let command = [b"EHLO ", SEAL, b".example\r\nSTARTTLS\r\n"].concat();
    let sealed = [&hello()[..], TALLY].concat();
    for size in [1, 100, 4000] {
        let turns: [&[u8]; 6] = [b"", b"220 mail ESMTP\r\n", &command, b"220 go\r\n", &sealed, &answer()];
        has(&searched(&dialogue(&turns, size)).0, r#""app":"smtp","sni":"results.example""#);
        let row = searched(&dialogue(&turns, size)).0;
        has(&row, r#""src_markers":["seal"],"src_clear":true,"dst_clear":false"#);
        let plain: [&[u8]; 5] = [b"", b"220 mail ESMTP\r\n", b"EHLO a.example\r\n", b"250 ok\r\n", TALLY];
        has(&searched(&dialogue(&plain, size)).0, r#""src_markers":["tally"],"dst_markers":[],"src_clear":true"#);
    }
}

/// What each end says, in turns: requests, a tunnel, TLS in it; what is said through SOCKS; TLS within SMTP.
fn talks() -> Vec<Vec<Vec<u8>>> {
    let agreed = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let request =
        [b"PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 600\r\n\r\n", &[b'x'; 600][..], TALLY].concat();
    let connect = b"CONNECT b.example:443 HTTP/1.1\r\n\r\n".to_vec();
    let ask = b"\x05\x01\x00\x05\x01\x00\x03\x09b.example\x01\xbb".to_vec();
    let grant = b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    vec![
        vec![request.clone(), agreed.clone(), connect.clone(), agreed.clone(), hello(), answer()],
        vec![connect, agreed, request, SEAL.to_vec()],
        vec![ask, grant, hello(), answer(), vec![b'z'; 3000]],
        vec![TALLY.to_vec(), vec![b'y'; 70_000], SEAL.to_vec()],
        vec![
            b"EHLO a.example\r\n".to_vec(),
            b"250 STARTTLS\r\n".to_vec(),
            b"STARTTLS\r\n".to_vec(),
            b"220 go\r\n".to_vec(),
            hello(),
            [&answer()[..], b"\x16\x03\x03\x00\x14\x0b\x00\x00\x10\x00\x00\x0d\x00\x00\x0a0123456789"].concat(),
            vec![b'z'; 3000],
        ],
    ]
}

#[test]
fn segments_lost_doubled_shuffled_and_changed_are_read_lawfully() {
    let mut state = 11_u64;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for round in 0..200 {
        let mut parts = Vec::new();
        let (mut next, size) = ([101_u32, 901], [40, 400, 1400][random(3)]);
        for (turn, bytes) in talks()[round % 5].iter().enumerate() {
            for part in bytes.chunks(size) {
                parts.push((turn % 2 == 0, next[turn % 2], part.to_vec()));
                next[turn % 2] += part.len() as u32;
            }
        }
        for _ in 0..random(8) {
            let (one, other) = (random(parts.len()), random(parts.len()));
            match random(4) {
                0 => parts.swap(one, other),
                1 if parts.len() > 1 => drop(parts.remove(one)),
                2 => parts.insert(one, parts[other].clone()),
                _ => parts[one].2[0] ^= 1 << random(8),
            }
        }
        let mut file = if random(2) == 0 { opened() } else { File::new() };
        for (to_server, seq, bytes) in &parts {
            file.tcp(*to_server, PUSH, *seq, 901, bytes);
        }
        let patterns = [("tally".to_owned(), TALLY.to_vec()), ("seal".to_owned(), SEAL.to_vec())];
        let options = Options { markers: Markers::new(&patterns).unwrap(), ..Options::default() };
        let ([flows, _], coverage) = read_for(&file.0, options).unwrap();
        assert!(coverage.is_lawful());
        // What is not there is never found.
        assert!(round % 5 != 0 || !flows.contains("seal"), "{flows}");
    }
}

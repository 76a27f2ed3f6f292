//! Bodies of HTTP, told by their SHA-256: segments in any size and order, gaps, and every way a body ends.

mod wire;

use _native::capture::Options;
use sha2::{Digest, Sha256};
use wire::{ACK, File, PUSH, SYN, dialogue, has, opened, read_for};

const FIN: u8 = 17;

/// The rows of FLOWS, and the limits that were hit, with digests taken.
fn read(file: &File) -> (String, Vec<(&'static str, u64)>) {
    let ([flows, _], coverage) = read_for(&file.0, Options { digests: true, ..Options::default() }).unwrap();
    (flows, coverage.tally.limits.into_iter().collect())
}

/// The column's text where these were the bodies.
fn list(side: &str, bodies: &[&[u8]]) -> String {
    let hex = |body: &[u8]| Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut hexes: Vec<String> = bodies.iter().map(|body| format!("\"{}\"", hex(body))).collect();
    hexes.sort_unstable();
    format!("\"{side}_payload_sha256\":[{}]", hexes.join(","))
}

const ASKED: &[u8] = b"PUT /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nfirst\
GET /b HTTP/1.1\r\nHost: a.example\r\n\r\n\
HEAD /c HTTP/1.1\r\nHost: a.example\r\n\r\n\
POST /d HTTP/1.1\r\nHost: b.example\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n\
4;x=y\r\nseco\r\n2\r\nnd\r\n0\r\nTrailer: x\r\n\r\n\
DELETE /e HTTP/1.1\r\nHost: a.example\r\n\r\n\
GET /f HTTP/1.0\r\nHost: a.example\r\n\r\n";

const ANSWERED: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n\
HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nthi\r\n2\r\nrd\r\n0\r\n\r\n\
HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\
HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfourth\
HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n\
HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK is no head here";

const LAST: &[u8] = b"HTTP/1.1 200 OK is no head here";

#[test]
fn every_body_of_both_directions_is_told() {
    for size in [1, 7, 100, 5000] {
        let mut file = dialogue(&[ASKED, ANSWERED], size);
        let (asked, answered) = (101 + ASKED.len() as u32, 901 + ANSWERED.len() as u32);
        file.tcp(false, FIN, answered, asked, b"").tcp(true, FIN, asked, answered + 1, b"");
        let (flows, limits) = read(&file);
        has(&flows, &list("src", &[b"first", b"second"]));
        has(&flows, &list("dst", &[b"third", b"fourth", LAST]));
        has(&flows, r#""http_hosts":["a.example","b.example"]"#);
        assert!(limits.is_empty(), "{limits:?}");
    }
}

#[test]
fn segments_in_any_order_give_the_same() {
    let order = |count: usize, step: usize| (0..count).map(move |at| at * step % count);
    for step in [1, 3, 5, 7] {
        let mut file = opened();
        for part in order(ASKED.len().div_ceil(30) | 1, step) {
            let bytes = &ASKED[(part * 30).min(ASKED.len())..(part * 30 + 40).min(ASKED.len())];
            file.tcp(true, PUSH, 101 + part as u32 * 30, 901, bytes);
        }
        for part in order(ANSWERED.len().div_ceil(30) | 1, step) {
            let bytes = &ANSWERED[(part * 30).min(ANSWERED.len())..(part * 30 + 40).min(ANSWERED.len())];
            file.tcp(false, PUSH, 901 + part as u32 * 30, 101, bytes);
        }
        file.tcp(false, FIN, 901 + ANSWERED.len() as u32, 101, b"");
        let (flows, _) = read(&file);
        if flows.contains("src_payload_sha256") {
            has(&flows, &list("src", &[b"first", b"second"]));
            has(&flows, &list("dst", &[b"third", b"fourth", LAST]));
        } else {
            panic!("{step}: {flows}");
        }
    }
}

#[test]
fn a_body_to_the_end_of_its_connection_is_whole_with_its_fin_only() {
    let mut file = dialogue(&[b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nbody"], 5000);
    let (flows, limits) = read(&file);
    assert!(!flows.contains("dst_payload_sha256"), "{flows}");
    assert_eq!(limits, [("bodies_cut", 1)]);
    file.tcp(false, FIN, 901 + 23, 135, b"");
    has(&read(&file).0, &list("dst", &[b"body"]));
}

#[test]
fn a_gap_costs_the_body_it_lies_in() {
    let mut file = opened();
    let mut at = 101;
    for (host, whole) in [("one", true), ("two", false), ("three", true)] {
        let head = format!("PUT / HTTP/1.1\r\nHost: {host}.example\r\nContent-Length: 200000\r\n\r\n");
        file.tcp(true, PUSH, at, 901, head.as_bytes());
        at += head.len() as u32;
        for part in 0..200 {
            if whole || part != 3 {
                file.tcp(true, PUSH, at, 901, &[host.as_bytes()[0]; 1000]);
            }
            at += 1000;
        }
    }
    let (flows, limits) = read(&file);
    has(&flows, r#""http_hosts":["one.example","two.example","three.example"]"#);
    has(&flows, &list("src", &[&[b'o'; 200_000], &[b't'; 200_000]]));
    assert_eq!(limits, [("bodies_cut", 1)]);
}

#[test]
fn a_gap_that_is_never_filled_does_not_hide_what_follows() {
    let mut file = opened();
    let head = b"PUT / HTTP/1.1\r\nHost: one.example\r\nContent-Length: 3000\r\n\r\n";
    let next = b"PUT / HTTP/1.1\r\nHost: two.example\r\nContent-Length: 3\r\n\r\nabc";
    let at = 101 + head.len() as u32;
    file.tcp(true, PUSH, 101, 901, head).tcp(true, PUSH, at, 901, &[b'x'; 1000]);
    file.tcp(true, PUSH, at + 2000, 901, &[b'x'; 1000]).tcp(true, PUSH, at + 3000, 901, next);
    let (flows, limits) = read(&file);
    has(&flows, r#""http_hosts":["one.example","two.example"]"#);
    has(&flows, &list("src", &[b"abc"]));
    assert_eq!(limits, [("bodies_cut", 1)]);
}

#[test]
fn messages_go_on_behind_a_gap_where_one_surely_begins() {
    let head =
        |host: &str| format!("PUT / HTTP/1.1\r\nHost: {host}.example\r\nContent-Length: 3\r\n\r\nabc").into_bytes();
    // What is missing is one segment: the second request, or part of a head; more follows at once, or much later.
    for (missing, rest) in
        [(head("two"), vec![head("three")]), (b"PUT / HTTP".to_vec(), vec![b"/1.1\r\n".to_vec(), head("three")])]
    {
        for more in [0, 200] {
            let mut file = opened();
            let mut at = 101;
            let mut send = |bytes: &[u8], is_there: bool| {
                if is_there {
                    file.tcp(true, PUSH, at, 901, bytes);
                }
                at += bytes.len() as u32;
            };
            send(&head("one"), true);
            send(&missing, false);
            rest.iter().for_each(|bytes| send(bytes, true));
            (0..more).for_each(|_| send(&head("four"), true));
            let (flows, limits) = read(&file);
            let hosts = if more == 0 { "" } else { r#","four.example""# };
            has(&flows, &format!(r#""http_hosts":["one.example","three.example"{hosts}]"#));
            has(&flows, &list("src", &[b"abc"]));
            assert_eq!(limits, [("stream_gaps", 1)]);
        }
    }
}

#[test]
fn of_a_direction_that_was_not_recorded_from_its_beginning_nothing_found_means_nothing() {
    let mut file = File::new();
    let ask = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    file.tcp(true, PUSH, 101, 901, ask).tcp(false, PUSH, 901, 135, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    let (flows, limits) = read(&file);
    assert!(!flows.contains("src_payload_sha256"), "{flows}");
    has(&flows, &list("dst", &[b"x"]));
    assert!(limits.is_empty());
}

#[test]
fn answers_whose_requests_were_not_recorded_are_framed_by_what_follows() {
    let mut file = File::new();
    let answers = b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    file.tcp(false, SYN | ACK, 900, 101, b"");
    for (part, bytes) in answers.chunks(10).enumerate() {
        file.tcp(false, PUSH, 901 + part as u32 * 10, 101, bytes);
    }
    has(&read(&file).0, &list("dst", &[b"abc"]));
}

#[test]
fn nothing_is_told_of_what_is_no_http_any_more() {
    let ask = b"GET /ws HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    let agreed = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    for size in [1, 5000] {
        let (flows, limits) = read(&dialogue(&[ask, agreed, b"\x81\x85abcdefghi", b"\x81\x05abcde"], size));
        has(&flows, r#""src_clear":false,"dst_clear":false"#);
        assert!(!flows.contains("payload_sha256") && limits.is_empty(), "{flows} {limits:?}");
    }
}

#[test]
fn a_refused_upgrade_goes_on_as_it_was() {
    let ask = b"GET /ws HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n";
    let next = b"PUT / HTTP/1.1\r\nHost: b.example\r\nContent-Length: 3\r\n\r\nabc";
    let refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno";
    let (flows, _) = read(&dialogue(&[ask, refused, next, b"HTTP/1.1 204 No Content\r\n\r\n"], 10));
    has(&flows, r#""http_hosts":["a.example","b.example"]"#);
    has(&flows, &list("src", &[b"abc"]));
    has(&flows, &list("dst", &[b"no"]));
}

#[test]
fn without_the_wish_there_are_none() {
    let ([flows, _], _) = wire::read(&dialogue(&[ASKED, ANSWERED], 100).0, false).unwrap();
    assert!(!flows.contains("payload_sha256"));
}

#[test]
fn the_file_of_an_ftp_data_connection_is_told() {
    let passive: &[u8] = b"227 Entering Passive Mode (198,51,100,20,8,73)\r\n";
    let mut file = dialogue(&[b"", b"220 FTP here\r\n", b"PASV\r\n", passive], 100);
    let ports = (40_001, 2121);
    file.tcp_on(ports, true, SYN, 500, 0, b"").tcp_on(ports, false, SYN | ACK, 700, 501, b"");
    file.tcp_on(ports, true, PUSH, 505, 701, b"lts\n").tcp_on(ports, true, PUSH, 501, 701, b"resu");
    assert!(!read(&file).0.contains("payload_sha256"), "it may go on");
    file.tcp_on(ports, true, FIN, 509, 701, b"");
    has(&read(&file).0, &list("src", &[b"results\n"]));
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [&[0, (payload.len() >> 8) as u8, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

#[test]
fn http2_is_read_in_both_directions() {
    let posts = frame(1, 4, 1, b"\x83\x84\x41\x09a.example");
    let gets = frame(1, 5, 3, b"\x82\x84\x01\x09b.example");
    let body = [frame(0, 0, 1, b"fir"), gets, frame(0, 1, 1, b"st")].concat();
    let ask = [PREFACE, &SETTINGS, &posts, &body].concat();
    let answers = [&SETTINGS[..], &frame(1, 4, 3, b"\x88"), &frame(0, 1, 3, b"third")].concat();
    for size in [1, 10, 5000] {
        let (flows, limits) = read(&dialogue(&[&ask, &answers], size));
        has(&flows, r#""app":"http","http_host":"a.example","http_method":"POST","http_path":"/""#);
        has(&flows, r#""http_hosts":["a.example","b.example"]"#);
        has(&flows, r#""src_clear":true,"dst_clear":true"#);
        has(&flows, &list("src", &[b"first"]));
        has(&flows, &list("dst", &[b"third"]));
        assert!(limits.is_empty());
    }
}

#[test]
fn an_upgrade_to_http2_is_followed() {
    let ask = b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
    let agreed = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
    let there = [PREFACE, &SETTINGS, &frame(1, 5, 3, b"\x82\x84\x41\x09b.example")].concat();
    let back = [&SETTINGS[..], &frame(1, 4, 1, b"\x88"), &frame(0, 1, 1, b"first")].concat();
    for size in [1, 10, 5000] {
        let (flows, _) = read(&dialogue(&[ask, agreed, &there, &back], size));
        has(&flows, r#""http_hosts":["a.example","b.example"],"src_clear":true,"dst_clear":true"#);
        has(&flows, &list("dst", &[b"first"]));
    }
}

//! What seals a conversation, and what is told of it first: certificates, STARTTLS, SSH, and the connections of FTP.

mod wire;

use wire::{ACK, File, PUSH, SYN, answer, dialogue, has, hello, opened, read, told};

/// The bytes of a file of hexadecimal digits.
fn bytes(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter_map(|b| char::from(b).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn counted(width: usize, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_be_bytes();
    [&length[length.len() - width..], bytes].concat()
}

/// A Certificate message with the leaf and one above it.
fn certificate() -> Vec<u8> {
    let leaf = bytes(include_str!("../src/recognise/x509/leaf.hex"));
    let above = bytes(include_str!("../src/recognise/x509/old.hex"));
    let list = [counted(3, &leaf), counted(3, &above)].concat();
    [&[11][..], &counted(3, &counted(3, &list))].concat()
}

/// Handshake messages in records of this size.
fn records(messages: &[u8], size: usize) -> Vec<u8> {
    messages.chunks(size).flat_map(|part| [&[22, 3, 3][..], &counted(2, part)].concat()).collect()
}

/// A TLS 1.2 server's hello, certificate and end of its first flight.
fn flight(size: usize) -> Vec<u8> {
    records(&[&answer()[5..], &certificate(), &[14, 0, 0, 0]].concat(), size)
}

const CERTIFICATE: &str = concat!(
    r#""cert_sha256":"276989c6256d2b637394619fcd4328c3854eda257d113dadbb9e1edf4eb62625","#,
    r#""cert_spki_sha256":"815c986517155fbc6d7d68c46e0a128c7de559d23b38ce1daa67831fee07a20a","#,
    r#""cert_subject":"CN=results.example,OU=Results+OU=Night,O=Example\\, Inc.,C=XX","#,
    r#""cert_issuer":"CN=results.example,OU=Results+OU=Night,O=Example\\, Inc.,C=XX","#,
    r#""cert_names":["results.example","*.results.example","192.0.2.7","2001:db8::7"],"#,
    r#""cert_not_before":"2026-11-27T06:45:21.000000000Z","cert_not_after":"2036-11-24T06:45:21.000000000Z""#
);

#[test]
fn the_servers_certificate_over_any_records_and_segments() {
    for size in [1, 40, 200, 16_000] {
        let row = told(&[&hello(), &flight(size)]);
        has(&row, r#""app":"tls","sni":"results.example","alpn":["http/1.1"],"tls_version":"1.2""#);
        has(&row, CERTIFICATE);
    }
}

#[test]
fn a_certificate_in_segments_out_of_order() {
    let flight = flight(300);
    let mut file = dialogue(&[&hello()], 5000);
    let acked = 101 + hello().len() as u32;
    for at in [600, 200, 0, 400] {
        let end = if at == 600 { flight.len() } else { at + 250 };
        file.tcp(false, PUSH, 901 + at as u32, acked, &flight[at..end]);
    }
    let ([flows, _], _) = read(&file.0, false).unwrap();
    has(&flows, CERTIFICATE);
}

#[test]
fn a_warning_before_the_hello_is_passed_over() {
    let row = told(&[&hello(), &[&[21, 3, 3, 0, 2, 1, 112][..], &flight(16_000)].concat()]);
    has(&row, CERTIFICATE);
}

#[test]
fn a_resumption_shows_no_certificate_and_a_client_never_does() {
    let resumed = [&answer()[..], &[20, 3, 3, 0, 1, 1], &records(&certificate(), 16_000)].concat();
    let client = [&hello()[..], &records(&certificate(), 16_000)].concat();
    for turns in [[&hello()[..], &resumed[..]], [&client, &answer()]] {
        assert!(!told(&turns).contains("cert_"));
    }
}

#[test]
fn a_request_for_another_hello_is_of_tls_1_3_and_the_first_hello_counts() {
    // SHA-256 of "HelloRetryRequest" stands in the place of the random (RFC 8446 4.1.3).
    let retry = bytes("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
    let body = [&b"\x03\x03"[..], &retry, b"\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\x03\x04"].concat();
    let again = records(&[&[2][..], &counted(3, &body)].concat(), 16_000);
    let row = told(&[&hello(), &[&again[..], &[20, 3, 3, 0, 1, 1]].concat(), &hello(), &records(&certificate(), 900)]);
    has(&row, r#""app":"tls","sni":"results.example","alpn":["h2"],"tls_version":"1.3""#);
    assert!(!row.contains("cert_"));
}

#[test]
fn an_unreadable_certificate_has_a_digest_and_is_counted() {
    let message = [&[11][..], &counted(3, &counted(3, &counted(3, b"no certificate")))].concat();
    let answer = records(&[&answer()[5..], &message].concat(), 16_000);
    let ([flows, _], coverage) = read(&dialogue(&[&hello(), &answer], 500).0, false).unwrap();
    has(&flows, r#""cert_sha256":""#);
    assert!(!flows.contains("cert_names") && !flows.contains("cert_spki"));
    assert_eq!(coverage.tally.unreadable_certificates, 1);
}

#[test]
fn a_certificate_within_a_proxys_tunnel() {
    let connect = b"CONNECT b.example:443 HTTP/1.1\r\n\r\n";
    let row = told(&[connect, b"HTTP/1.1 200 Connection established\r\n\r\n", &hello(), &flight(700)]);
    has(&row, r#""app":"http","sni":"results.example""#);
    has(&row, CERTIFICATE);
}

/// The sessions that go over to TLS: the server speaks first in all of them.
fn sessions() -> [(&'static str, Vec<&'static [u8]>); 4] {
    [
        (
            "smtp",
            vec![
                b"",
                b"220 mail.example ESMTP\r\n",
                b"EHLO a.example\r\n",
                b"250-mail.example\r\n250 STARTTLS\r\n",
                b"STARTTLS\r\n",
                b"220 go\r\n",
            ],
        ),
        ("imap", vec![b"", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"a001 STARTTLS\r\n", b"a001 OK go\r\n"]),
        ("pop3", vec![b"", b"+OK ready\r\n", b"CAPA\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"STLS\r\n", b"+OK go\r\n"]),
        ("ftp", vec![b"", b"220 hello\r\n", b"AUTH TLS\r\n", b"234 go\r\n"]),
    ]
}

#[test]
fn tls_inside_another_protocol_is_told_on_the_same_flow() {
    let (hello, flight) = (hello(), flight(900));
    for (app, mut turns) in sessions() {
        turns.extend([&hello[..], &flight]);
        let row = told(&turns);
        has(
            &row,
            &format!(r#""app":"{app}","sni":"results.example","alpn":["http/1.1"],"tls_version":"1.2","ech":false"#),
        );
        has(&row, CERTIFICATE);
        has(&row, r#""src_clear":false,"dst_clear":false"#);
    }
}

#[test]
fn a_session_that_stays_as_it_is_was_read_in_clear() {
    for (app, mut turns) in sessions() {
        turns.extend([&b"QUIT\r\n"[..], b"221 bye\r\n"]);
        let row = told(&turns);
        has(&row, &format!(r#""app":"{app}","src_clear":true,"dst_clear":true"#));
    }
}

#[test]
fn what_looks_like_a_hello_within_a_letter_is_none() {
    let hello = hello();
    let letter = [&b"MAIL FROM:<a@b.example>\r\nDATA\r\nSTARTTLS\r\n"[..], &hello, b"\r\n.\r\n"].concat();
    let chunk = [format!("BDAT {} LAST\r\nSTARTTLS\r\n", hello.len() + 10).as_bytes(), &hello].concat();
    for body in [&letter, &chunk] {
        let row = told(&[b"EHLO a.example\r\n", b"250 mail.example\r\n", body, b"250 ok\r\n"]);
        has(&row, r#""app":"smtp","src_clear":true,"dst_clear":true"#);
    }
    let literal = format!("a1 APPEND x {{{}}}\r\na STARTTLS\r\n", hello.len() + 12);
    let row = told(&[&[literal.as_bytes(), &hello, b"\r\n"].concat(), b"a1 OK\r\n"]);
    has(&row, r#""app":"imap","src_clear":true"#);
}

#[test]
fn a_server_that_refuses_tls_leaves_the_session_in_clear() {
    let turns: [&[u8]; 5] = [b"EHLO a.example\r\n", b"250 STARTTLS\r\n", b"STARTTLS\r\n", b"454 no\r\n", b"QUIT\r\n"];
    has(&told(&turns), r#""app":"smtp","src_clear":true,"dst_clear":true"#);
}

#[test]
fn hello_and_command_for_it_may_be_recorded_in_any_order() {
    let mut file = dialogue(&[b"", b"+OK ready\r\n"], 100);
    file.tcp(false, PUSH, 912, 101, &flight(16_000)).tcp(true, PUSH, 107, 912, &hello()).tcp(
        true,
        PUSH,
        101,
        912,
        b"STLS\r\n",
    );
    let ([flows, _], _) = read(&file.0, false).unwrap();
    has(&flows, r#""app":"pop3","sni":"results.example","alpn":["http/1.1"],"tls_version":"1.2""#);
    has(&flows, r#""src_clear":false,"dst_clear":false"#);
}

#[test]
fn ssh_tells_itself_and_nothing_more() {
    let row = told(&[b"", b"SSH-2.0-server\r\n", b"SSH-2.0-client\r\n"]);
    has(&row, r#""app":"ssh","src_clear":false,"dst_clear":false"#);
}

/// The body of a ClientHello of DTLS 1.2, with a cookie.
fn datagram_hello() -> Vec<u8> {
    let body = &hello()[9..];
    [&[0xfe, 0xfd][..], &body[2..35], &[2, 5, 5], &body[35..]].concat()
}

/// The record that holds `part` of a message of `length` bytes.
fn fragment(kind: u8, length: usize, sequence: u8, offset: usize, part: &[u8]) -> Vec<u8> {
    let number = |value: usize| value.to_be_bytes()[5..].to_vec();
    let message = [&[kind][..], &number(length), &[0, sequence], &number(offset), &number(part.len()), part].concat();
    [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, sequence][..], &counted(2, &message)].concat()
}

#[test]
fn a_dtls_hello_in_fragments_in_any_order() {
    let body = datagram_hello();
    let first = fragment(1, body.len(), 0, 0, &body[..900]);
    let parts: Vec<_> =
        [0, 900, 1800].map(|at| fragment(1, body.len(), 1, at, &body[at..(at + 900).min(body.len())])).to_vec();
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut file = File::new();
        // The first hello is answered by a request to show that its sender is there; the second has what is asked for.
        file.udp_on(4433, true, &first).udp_on(4433, false, &fragment(3, 5, 0, 0, b"\xfe\xff\x02\x05\x05"));
        for at in order {
            file.udp_on(4433, true, &parts[at]);
        }
        let answer = &answer()[9..];
        file.udp_on(4433, false, &fragment(2, answer.len(), 1, 0, &[&[0xfe, 0xfd], &answer[2..]].concat()));
        let ([flows, _], coverage) = read(&file.0, false).unwrap();
        has(&flows, r#""app":"dtls","sni":"results.example","alpn":["http/1.1"],"tls_version":"1.2","ech":false"#);
        has(&flows, r#""ja4":"d13d0104h2_"#);
        has(&flows, r#""src_clear":false,"dst_clear":false"#);
        assert!(coverage.tally.limits.is_empty());
    }
}

#[test]
fn databases_and_where_tls_begins_in_them() {
    let (hello, flight) = (hello(), flight(900));
    let ask: &[u8] = b"\x00\x00\x00\x08\x04\xd2\x16\x2f";
    let ask_gssapi: &[u8] = b"\x00\x00\x00\x08\x04\xd2\x16\x30";
    let greeting =
        [&b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15"[..], &[0; 10], b"abcdefghijkl\0"]
            .concat();
    let greeting = [&[greeting.len() as u8 - 4], &greeting[1..]].concat();
    let able = [&b"\x20\x00\x00\x01\x85\xae\xff\x19\x00\x00\x00\x01\xff"[..], &[0; 23]].concat();
    let opening: &[u8] = b"<?xml version='1.0'?><stream:stream to='a.example'>";
    for (app, turns) in [
        ("postgresql", vec![ask, b"S", &hello, &flight]),
        ("postgresql", vec![ask_gssapi, b"N", ask, b"S", &hello, &flight]),
        ("mysql", vec![b"", &greeting, &[&able[..], &hello].concat(), &flight]),
        ("xmpp", vec![opening, opening, b"<starttls/>", b"<proceed/>", &hello, &flight]),
    ] {
        let row = told(&turns);
        has(
            &row,
            &format!(r#""app":"{app}","sni":"results.example","alpn":["http/1.1"],"tls_version":"1.2","ech":false"#),
        );
        has(&row, CERTIFICATE);
        has(&row, r#""src_clear":false,"dst_clear":false"#);
    }
    let start: &[u8] = b"\x00\x00\x00\x1f\x00\x03\x00\x00user\0night\0database\0r\0\0";
    for (app, turns) in [
        ("postgresql", vec![start, b"R\0\0\0\x08\0\0\0\0"]),
        ("postgresql", vec![ask, b"N", start, b"R\0\0\0\x08\0\0\0\0"]),
        ("mysql", vec![b"", &greeting, b"\x13\0\0\x01\x85\x24\0\0\0night\0words and data", b"\x07\0\0\x02\0\0\0"]),
        ("redis", vec![b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"]),
        ("xmpp", vec![opening, opening, b"<message/>", b"<message/>"]),
    ] {
        has(&told(&turns), &format!(r#""app":"{app}","src_clear":true,"dst_clear":true"#));
    }
}

#[test]
fn segments_in_any_order_tell_the_same() {
    let (hello, flight) = (hello(), flight(300));
    let mut talks: Vec<Vec<&[u8]>> = sessions().into_iter().map(|(_, turns)| turns).collect();
    talks.push(vec![b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"S"]);
    talks.push(vec![b"", b"SSH-2.0-server\r\n", b"SSH-2.0-client\r\n"]);
    talks.push(Vec::new());
    let mut state = 7_u64;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for round in 0..105 {
        let mut turns = talks[round % talks.len()].clone();
        turns.extend([&hello[..], &flight]);
        let mut parts = Vec::new();
        let mut next = [101_u32, 901];
        for (turn, bytes) in turns.iter().enumerate() {
            for part in bytes.chunks([60, 500][round % 2]) {
                parts.push((turn % 2 == 0, next[turn % 2], part));
                next[turn % 2] += part.len() as u32;
            }
        }
        let row = |parts: &[(bool, u32, &[u8])]| {
            let mut file = opened();
            for (to_server, seq, bytes) in parts {
                file.tcp(*to_server, PUSH, *seq, next[usize::from(*to_server)], bytes);
            }
            let ([flows, _], coverage) = read(&file.0, false).unwrap();
            assert!(coverage.tally.limits.is_empty(), "{:?}", coverage.tally.limits);
            flows[flows.find(r#""app""#).unwrap_or_else(|| panic!("{flows}"))..].to_owned()
        };
        let expected = row(&parts);
        for at in (1..parts.len()).rev() {
            parts.swap(at, random(at + 1));
        }
        assert_eq!(row(&parts), expected, "round {round}");
    }
}

/// A control connection with what the client says and the server answers, then a connection between other ports.
fn transfer(turns: &[&[u8]], to_server: bool, ports: (u16, u16), data: &[u8]) -> String {
    let mut file = dialogue(turns, 100);
    file.tcp_on(ports, to_server, SYN, 500, 0, b"").tcp_on(ports, !to_server, SYN | ACK, 700, 501, b"");
    file.tcp_on(ports, to_server, PUSH, 501, 701, data);
    let ([flows, _], _) = read(&file.0, false).unwrap();
    assert_eq!(flows.lines().count(), 2, "{flows}");
    has(&flows, r#""app":"ftp""#);
    flows
        .lines()
        .find(|row| row.contains(&format!(r#""src_port":{}"#, if to_server { ports.0 } else { ports.1 })))
        .unwrap()
        .to_owned()
}

#[test]
fn the_connections_that_ftp_announces_are_its_data() {
    let greeting: &[u8] = b"220 FTP here\r\n";
    let passive: &[u8] = b"227 Entering Passive Mode (198,51,100,20,8,73)\r\n";
    let masked: &[u8] = b"227 Entering Passive Mode (10,0,0,1,8,73)\r\n";
    let extended: &[u8] = b"229 Entering Extended Passive Mode (|||2121|)\r\n";
    for reply in [passive, masked, extended] {
        let row = transfer(&[b"", greeting, b"PASV\r\n", reply], true, (40_001, 2121), b"results\n");
        has(&row, r#""app":"ftp-data","src_clear":true"#);
    }
    let port: &[u8] = b"PORT 192,0,2,10,8,73\r\n";
    for command in [port, b"EPRT |1|192.0.2.10|2121|\r\n"] {
        let row = transfer(&[b"", greeting, command, b"200 ok\r\n"], false, (2121, 20), b"results\n");
        has(&row, r#""app":"ftp-data","src_clear":true"#);
    }
    let row = transfer(&[b"", greeting, b"PASV\r\n", passive], true, (40_001, 2121), &hello());
    has(&row, r#""app":"ftp-data","sni":"results.example""#);
    has(&row, r#""src_clear":false,"dst_clear":false"#);
    let other = transfer(&[b"", greeting, b"PASV\r\n", passive], true, (40_001, 2122), b"results\n");
    assert!(!other.contains(r#""app""#));
}

//! What conversations speak, told from segments as captures have them: split, out of order, cut, and long.

mod wire;

use wire::{ACK, File, PUSH, answer, has, hello, opened, read, told};

#[test]
fn a_hello_in_any_order_of_segments() {
    let hello = hello();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let mut file = opened();
        for part in order {
            let end = (part * 900 + 950).min(hello.len());
            file.tcp(true, PUSH, 101 + part as u32 * 900, 901, &hello[part * 900..end]);
        }
        let ([flows, _], _) = read(&file.0, false).unwrap();
        has(&flows, r#""app":"tls","sni":"results.example","alpn":["h2"],"tls_version":"1.3","ech":false"#);
        has(&flows, r#""src_clear":false,"dst_clear":false"#);
    }
}

#[test]
fn a_hello_of_which_the_end_is_missing_still_names_its_server() {
    let mut file = opened();
    file.tcp(true, PUSH, 101, 901, &hello()[..900]);
    let ([flows, _], _) = read(&file.0, false).unwrap();
    has(&flows, r#""app":"tls","sni":"results.example""#);
}

#[test]
fn a_hello_joined_late_tells_who_asked() {
    let mut file = File::new();
    file.tcp(false, ACK, 900, 101, b"").tcp(true, PUSH, 101, 901, &hello());
    let ([flows, _], _) = read(&file.0, false).unwrap();
    has(&flows, r#""src_port":40000"#);
    has(&flows, r#""direction_basis":"request""#);
}

#[test]
fn a_message_that_begins_a_segment_is_told_where_the_recording_began_inside_another() {
    let ask = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    // The rest of an upload; and a keep-alive, whose byte says nothing.
    for first in [&b"\x80 the rest of a body"[..], b"\x00"] {
        let mut file = File::new();
        file.tcp(true, ACK, 101, 901, first).tcp(true, PUSH, 101 + first.len() as u32, 901, ask);
        let ([flows, _], coverage) = read(&file.0, false).unwrap();
        has(&flows, r#""direction_basis":"request""#);
        has(&flows, r#""app":"http","http_host":"a.example""#);
        assert!(coverage.tally.limits.is_empty());
    }
    // Recorded from its beginning it is something else that only holds the text of a message.
    let mut file = opened();
    file.tcp(true, PUSH, 101, 901, b"\x80 other").tcp(true, PUSH, 108, 901, ask);
    assert!(!read(&file.0, false).unwrap().0[0].contains("http"));
}

#[test]
fn every_host_of_a_long_conversation_is_told() {
    let mut file = opened();
    let mut at = 101;
    for host in ["one", "two", "one", "three"] {
        let head = format!("PUT / HTTP/1.1\r\nHost: {host}.example\r\nContent-Length: 200000\r\n\r\n");
        file.tcp(true, PUSH, at, 901, head.as_bytes());
        at += head.len() as u32;
        // Of the body only the beginning was captured.
        file.tcp(true, PUSH, at, 901, &[b'x'; 1000]);
        at += 200_000;
    }
    let ([flows, _], coverage) = read(&file.0, false).unwrap();
    has(&flows, r#""http_hosts":["one.example","two.example","three.example"]"#);
    assert!(coverage.tally.limits.is_empty());
}

#[test]
fn dns_over_tcp_is_read_to_its_end() {
    let mut file = opened();
    let mut stream = Vec::new();
    for id in 0..3000_u16 {
        let mut message = id.to_be_bytes().to_vec();
        message.extend(b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07results\x07example\x00\x00\x01\x00\x01");
        stream.extend((message.len() as u16).to_be_bytes());
        stream.extend(message);
    }
    for (part, bytes) in stream.chunks(1000).enumerate() {
        file.tcp(true, PUSH, 101 + part as u32 * 1000, 901, bytes);
    }
    let ([flows, lookups], _) = read(&file.0, false).unwrap();
    has(&flows, r#""app":"dns""#);
    assert!(stream.len() > 100_000);
    assert_eq!(lookups.lines().count(), 3000);
    has(&lookups, r#""transport":"tcp","qname":"results.example""#);
}

#[test]
fn what_speaks_nothing_known_is_null() {
    let mut file = opened();
    file.tcp(true, PUSH, 101, 901, b"\x00\x01binary").tcp(false, PUSH, 901, 109, b"220 welcome\r\n");
    let ([flows, _], _) = read(&file.0, false).unwrap();
    assert!(!flows.contains(r#""app""#) && !flows.contains("_clear"), "{flows}");
    has(&flows, r#""src_payload":8,"dst_payload":13"#);
}

const AGREED: &[u8] = b"HTTP/1.1 200 Connection established\r\nVia: proxy\r\n\r\n";

#[test]
fn tls_inside_connect_is_told_on_the_same_flow() {
    let row = told(&[b"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n", AGREED, &hello(), &answer()]);
    has(&row, r#""app":"http","sni":"results.example","alpn":["http/1.1"],"tls_version":"1.2","ech":false"#);
    has(&row, r#""http_path":"b.example:443","http_hosts":["b.example"],"src_clear":false,"dst_clear":false"#);
}

#[test]
fn a_tunnel_after_a_refusal_is_told_too() {
    let connect = b"CONNECT b.example:443 HTTP/1.1\r\n\r\n";
    let refused = b"HTTP/1.1 407 Authenticate\r\nContent-Length: 9\r\n\r\nHTTP/1.1 ";
    let again = b"CONNECT b.example:443 HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\n\r\n";
    let row = told(&[connect, refused, again, AGREED, &hello(), &answer()]);
    has(&row, r#""sni":"results.example","alpn":["http/1.1"],"tls_version":"1.2""#);
}

#[test]
fn requests_in_clear_inside_a_tunnel_name_their_hosts() {
    let inner = b"PUT / HTTP/1.1\r\nHost: inner.example\r\nContent-Length: 0\r\n\r\n";
    let row = told(&[b"CONNECT b.example:80 HTTP/1.1\r\n\r\n", AGREED, inner, b"HTTP/1.1 200 OK\r\n\r\n"]);
    has(&row, r#""http_hosts":["b.example","inner.example"],"src_clear":true,"dst_clear":true"#);
}

#[test]
fn a_tunnel_of_something_else_stays_unread() {
    let row = told(&[b"CONNECT b.example:22 HTTP/1.1\r\n\r\n", AGREED, b"\x00\x01\x02", b"\x00\x01\x02"]);
    has(&row, r#""http_hosts":["b.example"],"src_clear":false,"dst_clear":false"#);
}

#[test]
fn what_was_asked_through_socks_is_the_name_of_the_flow() {
    let five = [&b"\x05\x01\x00"[..], b"\x05\x00", b"\x05\x01\x00\x03\x09b.example\x01\xbb"];
    let granted = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";
    let name = r#""name":"b.example:443","name_source":"connect""#;
    let row = told(&[five[0], five[1], five[2], granted, &hello(), &answer()]);
    has(&row, r#""app":"socks","sni":"results.example","alpn":["http/1.1"],"tls_version":"1.2""#);
    has(&row, name);
    assert!(!row.contains("http_"));
    let secret = b"\x01\x04user\x06secret";
    let row = told(&[b"\x05\x02\x00\x02", b"\x05\x02", secret, b"\x01\x00", five[2], granted, &hello()]);
    has(&row, r#""sni":"results.example""#);
    has(&row, name);
    assert!(!row.contains("secret"));
    let four = b"\x04\x01\x01\xbb\x00\x00\x00\x01user\x00b.example\x00";
    let row = told(&[four, b"\x00\x5a\x00\x00\x00\x00\x00\x00", &hello(), &answer()]);
    has(&row, r#""app":"socks","sni":"results.example","alpn":["http/1.1"]"#);
    has(&row, name);
}

#[test]
fn clear_requests_through_socks_are_read() {
    let inner = b"PUT / HTTP/1.1\r\nHost: inner.example\r\nContent-Length: 0\r\n\r\n";
    let granted = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";
    let turns: [&[u8]; 5] = [b"\x05\x01\x00", b"\x05\x00", b"\x05\x01\x00\x01\xcb\x00\x71\x07\x00\x50", granted, inner];
    let row = told(&turns);
    has(&row, r#""app":"socks","http_host":"inner.example""#);
    has(&row, r#""src_clear":true,"sampled":1,"name":"203.0.113.7:80","name_source":"connect""#);
}

#[test]
fn the_initial_of_a_quic_client_names_its_server() {
    let digits = include_str!("../src/recognise/quic/rfc9001_client_initial.hex");
    let digits: Vec<u8> = digits.bytes().filter_map(|b| char::from(b).to_digit(16)).map(|digit| digit as u8).collect();
    let datagram: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let mut file = File::new();
    file.udp_on(4433, false, b"\x40 what the server sent before").udp_on(4433, true, &datagram);
    let ([flows, lookups], coverage) = read(&file.0, false).unwrap();
    has(&flows, r#""src_port":50000,"dst_port":4433"#);
    has(&flows, r#""app":"quic","sni":"example.com","alpn":["alpn"],"tls_version":"1.3","ech":false"#);
    has(&flows, r#""src_clear":false,"dst_clear":false"#);
    assert!(lookups.is_empty() && coverage.tally.limits.is_empty());
    // Cut by the capture, it is still QUIC.
    let mut file = File::new();
    file.udp_on(4433, true, &datagram[..100]).udp_on(4433, true, &datagram[..100]);
    let ([flows, _], _) = read(&file.0, false).unwrap();
    has(&flows, r#""app":"quic","src_clear":false"#);
}

#[test]
fn a_search_for_devices_names_its_host() {
    let mut file = File::new();
    file.udp_on(1900, true, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\n\r\n");
    file.udp_on(1900, false, b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n");
    let ([flows, _], _) = read(&file.0, false).unwrap();
    has(&flows, r#""app":"ssdp","http_host":"239.255.255.250","http_method":"M-SEARCH","http_path":"*""#);
    has(&flows, r#""direction_basis":"request""#);
}

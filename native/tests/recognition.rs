//! What conversations speak, told from segments as captures have them: split, out of order, cut, and long.

mod wire;

use wire::{ACK, File, PUSH, SYN, has, read};

/// A TLS 1.3 ClientHello for `results.example`, padded to span segments.
fn hello() -> Vec<u8> {
    let name = b"results.example";
    let mut extensions = vec![0, 0, 0, name.len() as u8 + 5, 0, name.len() as u8 + 3, 0, 0, name.len() as u8];
    extensions.extend_from_slice(name);
    extensions.extend(b"\x00\x10\x00\x05\x00\x03\x02h2\x00\x2b\x00\x03\x02\x03\x04\x00\x15\x07\xd0");
    extensions.extend([0; 2000]);
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut record = vec![22, 3, 1];
    record.extend((body.len() as u16 + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

fn opened() -> File {
    let mut file = File::new();
    file.tcp(true, SYN, 100, 0, b"").tcp(false, SYN | ACK, 900, 101, b"");
    file
}

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
    assert!(coverage.limits.is_empty());
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

//! Whole captures: what they tell, cut anywhere, and with any bytes changed.

mod wire;

use _native::error::Error;
use wire::{ACK, File, PUSH, SYN, has, read};

const FIN: u8 = 17;

/// A lookup, an HTTP upload with one segment sent twice and one not captured, and an ARP frame.
fn night() -> Vec<u8> {
    let question = b"\x07results\x07example\x00\x00\x01\x00\x01";
    let query = [&b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"[..], question].concat();
    let answer = [
        &b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"[..],
        question,
        b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc6\x33\x64\x14",
    ]
    .concat();
    let request = b"POST /tally HTTP/1.1\r\nHost: Results.example\r\nContent-Length: 30\r\n\r\n0123456789";
    let at = 101 + request.len() as u32;
    let mut file = File::new();
    file.frame(0x0806, &[0; 28]);
    file.udp(true, &query).udp(false, &answer);
    file.tcp(true, SYN, 100, 0, b"").tcp(false, SYN | ACK, 900, 101, b"").tcp(true, ACK, 101, 901, b"");
    file.tcp(true, PUSH, 101, 901, request).tcp(true, PUSH, 101, 901, request);
    file.tcp(true, PUSH, at + 10, 901, b"ABCDEFGHIJ");
    file.tcp(false, PUSH, 901, at + 20, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    file.tcp(true, FIN, at + 20, 940, b"").tcp(false, FIN, 939, at + 21, b"").tcp(true, ACK, at + 21, 940, b"");
    file.0
}

#[test]
fn a_night_is_told_as_it_was() {
    let ([flows, lookups], coverage) = read(&night(), true).unwrap();
    let flows: Vec<&str> = flows.lines().collect();
    assert_eq!((flows.len(), lookups.lines().count()), (2, 1));
    for part in [
        r#""source":"night.pcap","first_record":4,"last_record":13"#,
        r#""proto":"tcp","src_ip":"192.0.2.10","dst_ip":"198.51.100.20","src_port":40000,"dst_port":8000"#,
        r#""direction_basis":"handshake","src_packets":7,"dst_packets":3"#,
        r#""src_payload":97,"dst_payload":38,"src_acked":97,"dst_acked":38,"missing_bytes":10,"state":"SF","vlan":[]"#,
        r#""app":"http","http_host":"results.example","http_method":"POST","http_path":"/tally""#,
        r#""http_hosts":["results.example"],"src_clear":true,"dst_clear":true,"sampled":1"#,
    ] {
        has(flows[1], part);
    }
    has(flows[0], r#""direction_basis":"request""#);
    has(&lookups, r#""qname":"results.example","qtype":"A","qclass":"IN""#);
    has(&lookups, r#""answers":[{"name":"results.example","type":"A","data":"198.51.100.20","ttl":60}]"#);
    assert!(coverage.is_lawful() && coverage.error.is_none());
    assert_eq!((coverage.records, coverage.used, coverage.tally.flows, coverage.tally.lookups), (13, 12, 2, 1));
    assert_eq!(coverage.size, night().len() as u64);
}

#[test]
fn a_capture_cut_anywhere_keeps_what_was_before() {
    let whole = night();
    let mut records = 0;
    for cut in (24..whole.len()).step_by(3) {
        let (rows, coverage) = read(&whole[..cut], false).unwrap();
        assert!(coverage.is_lawful(), "cut at {cut}");
        assert!(coverage.records >= records, "cut at {cut}");
        records = coverage.records;
        assert_eq!(rows[0].lines().count() as u64, coverage.tally.flows);
        assert_eq!(rows[1].lines().count() as u64, coverage.tally.lookups);
    }
    assert!((0..24).all(|cut| matches!(read(&whole[..cut], false), Err(Error::NotACapture { .. }))));
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

#[test]
fn a_compressed_capture_gives_the_rows_of_the_plain_one() {
    let (plain, packed) = (night(), zstd(&night()));
    let (rows, coverage) = read(&plain, true).unwrap();
    let (unpacked, told) = read(&packed, true).unwrap();
    assert_eq!(unpacked, rows);
    assert_eq!((told.size, told.unpacked.unwrap().1), (packed.len() as u64, coverage.size));
    assert_eq!((told.records, told.error.clone(), coverage.unpacked), (coverage.records, None, None));
}

#[test]
fn a_compressed_capture_that_breaks_keeps_what_was_read() {
    let night = night();
    let (first, second) = night.split_at(700);
    let whole = [zstd(first), zstd(second)].concat();
    let (_, coverage) = read(&whole[..whole.len() - 9], false).unwrap();
    let stop = coverage.error.unwrap();
    assert_eq!((stop.code, stop.offset + coverage.trailing_bytes), ("truncated", 700));
    assert!(stop.message.contains("zstd") && coverage.records > 0);
    match read(&whole[..10], false) {
        Err(Error::Compression(fault)) => assert_eq!(fault.code, "truncated"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_bytes_are_read_lawfully() {
    let whole = night();
    let mut state = 7_u64;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..=random(8) {
            let at = 24 + random(bytes.len() - 24);
            bytes[at] = random(256) as u8;
        }
        let (_, coverage) = read(&bytes, false).unwrap();
        assert!(coverage.is_lawful());
    }
}

//! Captures written by hand, read through the door that Python uses; shared by the tests beside it.

use std::io::Read;
use std::time::Duration;

use _native::capture::{Capture, Kind, Options, Turn};
use _native::coverage::Coverage;
use _native::error::Error;
use _native::front::Source;
use _native::jsonl;

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const SERVER: [u8; 4] = [198, 51, 100, 20];

/// A pcap file with Ethernet frames, one a second, how many, and the client of the next.
pub struct File(pub Vec<u8>, u32, u8);

#[allow(dead_code, reason = "each test file uses its part")]
impl File {
    pub fn new() -> Self {
        let mut out = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
        out.extend([0; 8]);
        out.extend(65_535_u32.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
        Self(out, 0, CLIENT[3])
    }

    pub fn frame(&mut self, ethertype: u16, packet: &[u8]) -> &mut Self {
        self.1 += 1;
        let length = packet.len() as u32 + 14;
        self.0.extend([self.1, 0, length, length].iter().flat_map(|field| field.to_le_bytes()));
        self.0.extend([2; 12]);
        self.0.extend(ethertype.to_be_bytes());
        self.0.extend_from_slice(packet);
        self
    }

    /// What follows is of this host of the client's network.
    pub fn from(&mut self, host: u8) -> &mut Self {
        self.2 = host;
        self
    }

    /// Where the records behind the first begin, counted from the file header.
    pub fn edges(&self) -> Vec<usize> {
        let mut edges = Vec::new();
        let mut at = 24;
        while at < self.0.len() {
            edges.push(at - 24);
            at += 16 + u32::from_le_bytes(self.0[at + 8..at + 12].try_into().unwrap()) as usize;
        }
        edges.split_off(1)
    }

    fn ip(&mut self, proto: u8, to_server: bool, body: &[u8]) -> &mut Self {
        let client = [CLIENT[0], CLIENT[1], CLIENT[2], self.2];
        let (src, dst) = if to_server { (client, SERVER) } else { (SERVER, client) };
        let mut packet = vec![0x45, 0];
        packet.extend((body.len() as u16 + 20).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, proto, 0, 0]);
        packet.extend(src.iter().chain(&dst));
        packet.extend_from_slice(body);
        self.frame(0x0800, &packet)
    }

    fn ports(to_server: bool, client: u16, server: u16) -> Vec<u8> {
        let (src, dst) = if to_server { (client, server) } else { (server, client) };
        [src.to_be_bytes(), dst.to_be_bytes()].concat()
    }

    pub fn tcp(&mut self, to_server: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> &mut Self {
        self.tcp_on((40_000, 8000), to_server, flags, seq, ack, payload)
    }

    /// A segment between these ports of client and server.
    pub fn tcp_on(
        &mut self,
        (client, server): (u16, u16),
        to_server: bool,
        flags: u8,
        seq: u32,
        ack: u32,
        payload: &[u8],
    ) -> &mut Self {
        let mut body = Self::ports(to_server, client, server);
        body.extend([seq, ack].iter().flat_map(|number| number.to_be_bytes()));
        body.extend([0x50, flags, 1, 0, 0, 0, 0, 0]);
        body.extend_from_slice(payload);
        self.ip(6, to_server, &body)
    }

    pub fn udp(&mut self, to_server: bool, payload: &[u8]) -> &mut Self {
        self.udp_on(53, to_server, payload)
    }

    /// A datagram to or from this port of the server.
    pub fn udp_on(&mut self, port: u16, to_server: bool, payload: &[u8]) -> &mut Self {
        let mut body = Self::ports(to_server, 50_000, port);
        body.extend((payload.len() as u16 + 8).to_be_bytes());
        body.extend([0, 0]);
        body.extend_from_slice(payload);
        self.ip(17, to_server, &body)
    }
}

pub const SYN: u8 = 2;
pub const ACK: u8 = 16;
pub const PUSH: u8 = 24;

/// Hands out its bytes in small pieces.
struct Drip(Vec<u8>, usize, usize);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.2.min(buffer.len()).min(self.0.len() - self.1);
        buffer[..length].copy_from_slice(&self.0[self.1..self.1 + length]);
        self.1 += length;
        Ok(length)
    }
}

/// The rows as JSON lines, flows and lookups, and the coverage.
#[allow(dead_code, reason = "each test file uses its part")]
pub fn read(bytes: &[u8], digest: bool) -> Result<([String; 2], Coverage), Error> {
    read_for(bytes, Options { digest, ..Options::default() })
}

/// The same with these options.
pub fn read_for(bytes: &[u8], options: Options) -> Result<([String; 2], Coverage), Error> {
    let source = Box::new(Drip(bytes.to_vec(), 0, 70_001));
    let options = Options { name: "night.pcap".into(), ..options };
    let (rows, coverage) = drain(Capture::from_read(source, options)?)?;
    Ok((rows, coverage[0].clone()))
}

/// The same of several sources that are read as one stream.
#[allow(dead_code, reason = "each test file uses its part")]
pub fn read_all(sources: Vec<(String, Source)>, options: Options) -> ([String; 2], Vec<Coverage>) {
    drain(Capture::of(sources, options).unwrap()).unwrap()
}

fn drain(mut capture: Capture) -> Result<([String; 2], Vec<Coverage>), Error> {
    let mut rows = [Vec::new(), Vec::new()];
    loop {
        match capture.next(Duration::from_secs(1))? {
            Turn::Batch(kind, batch) => {
                _ = jsonl::write(&batch, &mut rows[usize::from(kind == Kind::Lookups)]).unwrap()
            }
            Turn::Idle => {}
            Turn::End => break,
        }
    }
    Ok((rows.map(in_order), capture.coverage().to_vec()))
}

/// The rows by their first records: they come as they close.
fn in_order(lines: Vec<u8>) -> String {
    let text = String::from_utf8(lines).unwrap();
    let record = |line: &str| -> u64 {
        let digits = line.split("record\":").nth(1).unwrap();
        digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_by_key(|line| record(line));
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

#[track_caller]
#[allow(dead_code, reason = "each test file uses its part")]
pub fn has(row: &str, part: &str) {
    assert!(row.contains(part), "{part} not in {row}");
}

/// A TLS 1.3 ClientHello for `results.example`, padded to span segments.
#[allow(dead_code, reason = "each test file uses its part")]
pub fn hello() -> Vec<u8> {
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

/// A TLS 1.2 ServerHello that chose `http/1.1`.
#[allow(dead_code, reason = "each test file uses its part")]
pub fn answer() -> Vec<u8> {
    let extensions = b"\x00\x10\x00\x0b\x00\x09\x08http/1.1";
    let body = [&b"\x03\x03"[..], &[7; 32], b"\x00\xc0\x2f\x00\x00\x0f", extensions].concat();
    let length = body.len() as u8;
    [&[22, 3, 3, 0, length + 4, 2, 0, 0, length][..], &body].concat()
}

/// A TCP conversation just opened: the client goes on at 101, the server at 901.
#[allow(dead_code, reason = "each test file uses its part")]
pub fn opened() -> File {
    let mut file = File::new();
    file.tcp(true, SYN, 100, 0, b"").tcp(false, SYN | ACK, 900, 101, b"");
    file
}

/// A conversation in which the ends take turns, the client first, in segments of at most `size` bytes.
#[allow(dead_code, reason = "each test file uses its part")]
pub fn dialogue(turns: &[&[u8]], size: usize) -> File {
    let mut file = opened();
    let mut next = [101_u32, 901];
    for (turn, bytes) in turns.iter().enumerate() {
        let (mine, theirs) = (turn % 2, 1 - turn % 2);
        for part in bytes.chunks(size) {
            file.tcp(mine == 0, PUSH, next[mine], next[theirs], part);
            next[mine] += part.len() as u32;
        }
    }
    file
}

/// The one conversation, told from segments of several sizes alike.
#[allow(dead_code, reason = "each test file uses its part")]
#[track_caller]
pub fn told(turns: &[&[u8]]) -> String {
    let rows = [1, 7, 100, 5000].map(|size| {
        let ([flows, _], coverage) = read(&dialogue(turns, size).0, false).unwrap();
        assert!(coverage.tally.limits.is_empty(), "{:?}", coverage.tally.limits);
        let at = flows.find(r#""app""#).unwrap_or_else(|| panic!("{flows}"));
        flows[at..].to_owned()
    });
    assert!(rows.iter().all(|row| *row == rows[0]), "{rows:?}");
    rows[0].clone()
}

//! Frames of any link type: link layer, IP, fragments, tunnels, transport and all that is recognised above them.

use _native::capture::Options;

use super::bytes::choice;
use super::reading::{Told, read_files, without};

/// Link types, read and not.
const LINKS: [u16; 56] = [
    1, 0, 9, 10, 12, 14, 50, 51, 101, 104, 105, 107, 108, 113, 117, 119, 127, 129, 139, 141, 147, 149, 163, 189, 192,
    224, 228, 229, 239, 258, 276, 7, 6, 8, 100, 106, 109, 122, 123, 138, 166, 178, 179, 180, 181, 204, 205, 206, 226,
    240, 242, 274, 281, 282, 284, 285,
];
/// Frames of one input.
const MOST_FRAMES: usize = 4096;
const MILLISECOND: i64 = 1_000_000;

/// One frame and what its record says of it.
struct Frame<'a> {
    time: i64,
    /// Bytes on the wire that were not kept.
    cut: u32,
    bytes: &'a [u8],
}

/// The first byte is the link type; then frames, each behind its length (big-endian, the top bit: cut by the capture)
/// and the milliseconds, squared, since the one before.
pub fn holds(data: &[u8]) {
    let (link, data) = choice(data);
    let link = LINKS[usize::from(link) % LINKS.len()];
    let frames = frames(data);
    let (first, second) = frames.split_at(frames.len() / 2);
    let one = Options { threads: 1, ..Options::default() };
    let three = Options { threads: 3, ..Options::default() };
    let whole = told(&[file(link, &frames)], one);
    let halves = told(&[file(link, first), file(link, second)], three);
    assert_eq!(placeless(&halves.flows), placeless(&whole.flows), "in two files, by three threads");
    assert_eq!(placeless(&halves.lookups), placeless(&whole.lookups), "in two files, by three threads");
    assert_eq!(whole.coverage.records, frames.len() as u64);
    grows(&told(&[file(link, first)], Options::default()), &whole);
}

/// Rows without what tells in which record of which file they stand.
fn placeless(rows: &[String]) -> Vec<String> {
    let places =
        ["first_record", "last_record", "first_offset", "record", "offset", "answer_record", "answer_offset", "parts"];
    let mut rows: Vec<_> = rows.iter().map(|row| without(row, &places)).collect();
    rows.sort_unstable();
    rows
}

/// What was told of some records stays told when more follow, unless a datagram waited for the rest of it.
fn grows(before: &Told, after: &Told) {
    if before.coverage.incomplete_datagrams > 0 {
        return;
    }
    assert!(before.coverage.used <= after.coverage.used);
    for (reason, count) in &before.coverage.skipped {
        assert!(after.coverage.skipped.get(reason) >= Some(count), "{reason:?}");
    }
}

fn frames(mut data: &[u8]) -> Vec<Frame<'_>> {
    let mut out = Vec::new();
    let mut time = 0;
    while let ([high, low, step, rest @ ..], true) = (data, out.len() < MOST_FRAMES) {
        let length = usize::from(u16::from_be_bytes([high & 0x7f, *low])).min(rest.len());
        let (bytes, behind) = rest.split_at(length);
        time += i64::from(*step).pow(2) * MILLISECOND;
        out.push(Frame { time, cut: if high & 0x80 == 0 { 0 } else { 1000 }, bytes });
        data = behind;
    }
    out
}

fn told(files: &[Vec<u8>], options: Options) -> Told {
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    read_files(&files, options).expect("the files are captures")
}

fn file(link: u16, frames: &[Frame<'_>]) -> Vec<u8> {
    let mut file = b"\x4d\x3c\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\xff\xff\0\0".to_vec();
    file.extend(u32::from(link).to_le_bytes());
    for Frame { time, cut, bytes } in frames {
        let (seconds, nanoseconds) = (time / 1_000_000_000, time % 1_000_000_000);
        let captured = bytes.len() as u32;
        let header = [seconds as u32, nanoseconds as u32, captured, captured + cut];
        file.extend(header.iter().flat_map(|field| field.to_le_bytes()));
        file.extend_from_slice(bytes);
    }
    file
}

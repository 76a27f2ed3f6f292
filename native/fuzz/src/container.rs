//! Capture files, compressed or not: the same packets for blocks of any size, in order, and not one byte twice.

use std::io::Read;

use _native::container::Container;
use _native::unpack::{Compression, Unpack};

use super::bytes::choice;
use super::reading;

/// What is unpacked of a compressed input: more says nothing new, and takes long.
const MOST_UNPACKED: u64 = 1 << 20;

/// The first byte is the size of the second reading's blocks, the rest is a file.
pub fn holds(data: &[u8]) {
    let (size, file) = choice(data);
    let file = unpacked(file);
    let whole = read(&file, file.len().max(1));
    assert_eq!(read(&file, usize::from(size) + 1), whole);
    if Compression::of(&file).is_none() {
        assert_eq!(reading::read(&file).is_ok(), whole.is_ok());
    }
}

fn unpacked(file: &[u8]) -> Vec<u8> {
    let Some(kind) = Compression::of(file) else { return file.to_vec() };
    let Ok(unpack) = Unpack::new(kind, file) else { return Vec::new() };
    let mut out = Vec::new();
    // A stream that breaks gave out what came before.
    let _ = unpack.take(MOST_UNPACKED).read_to_end(&mut out);
    out
}

/// Each packet as (offset, time, link type, length on the wire, bytes), and how the reading ended.
type Packets = (Vec<(u64, Option<i64>, Option<u16>, u32, Vec<u8>)>, String);

fn read(file: &[u8], size: usize) -> Result<Packets, String> {
    let mut container = Container::new();
    let mut packets = Vec::new();
    let mut left: Vec<u8> = Vec::new();
    // At the end what waited for more to follow is fed once more.
    for block in file.chunks(size).map(Some).chain([None]) {
        match block {
            Some(block) => left.extend_from_slice(block),
            None => assert!(container.settle(), "it was not settled before"),
        }
        let taken = container
            .feed(&left, &mut |record| {
                assert_eq!(record.number, packets.len() as u64 + 1);
                let frame = record.frame;
                packets.push((record.offset, frame.time, frame.link, frame.wire, frame.bytes.to_vec()));
            })
            .map_err(|error| error.to_string())?;
        left.drain(..taken);
    }
    container.finish(&left).map_err(|error| error.to_string())?;
    let (stop, trailing) = container.end();
    let mut end = 0;
    for (offset, .., bytes) in &packets {
        assert!(*offset >= end, "a packet begins inside the one before");
        end = offset + bytes.len() as u64;
    }
    assert!(end + trailing <= file.len() as u64, "more bytes than there are");
    assert!(stop.as_ref().is_none_or(|stop| stop.offset <= file.len() as u64));
    Ok((packets, format!("{stop:?} {trailing} {:?}", container.facts())))
}

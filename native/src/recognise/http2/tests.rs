//! Laws of the frame reader.

use super::*;
use crate::recognise::any_bytes::mutations;
use crate::recognise::http::Nobody;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [&[0, (payload.len() >> 8) as u8, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A field that is not kept.
fn field(name: &str, value: &str) -> Vec<u8> {
    [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// Two requests: one over three frames, padded and with a priority; one with a body, and a host of its own.
fn asked() -> Vec<u8> {
    let block = [&b"\x83\x84"[..], &field(":authority", "A.example:8080"), &field("user-agent", "agent/1")].concat();
    let first = [&[3, 0, 0, 0, 0, 200], &block[..7], &[0; 3]].concat();
    let second = [&b"\x82"[..], &field(":path", "/b"), &field(":authority", "b.example"), &field("host", "c.example")];
    [
        PREFACE.to_vec(),
        frame(SETTINGS, 0, 0, &[0; 6]),
        frame(HEADERS, PADDED | PRIORITY, 1, &first),
        frame(CONTINUATION, 0, 1, &block[7..9]),
        frame(CONTINUATION, END_HEADERS, 1, &block[9..]),
        frame(DATA, PADDED, 1, b"\x02body12"),
        frame(HEADERS, END_HEADERS | END_STREAM, 3, &second.concat()),
        frame(DATA, END_STREAM, 1, b"34"),
    ]
    .concat()
}

/// Whoever notes what it is shown.
#[derive(Default, PartialEq, Debug)]
struct Notes(Vec<(u32, Vec<u8>)>, Vec<(u32, bool)>);

impl Bodies for Notes {
    fn wanted(&self) -> bool {
        true
    }
    fn begin(&mut self, stream: u32, _: Content<'_>) {
        self.0.push((stream, Vec::new()));
    }
    fn data(&mut self, stream: u32, bytes: &[u8]) {
        self.0.iter_mut().filter(|(other, _)| *other == stream).for_each(|(_, body)| body.extend_from_slice(bytes));
    }
    fn end(&mut self, stream: u32, whole: bool) {
        self.1.push((stream, whole));
    }
}

fn read(bytes: &[u8], size: usize, bodies: &mut dyn Bodies) -> (Requests, Frames) {
    let (mut requests, mut frames, mut buffer, mut skip) = (Requests::default(), Frames::default(), Vec::new(), 0);
    for part in bytes.chunks(size) {
        let dropped = part.len().min(skip);
        skip -= dropped;
        buffer.extend_from_slice(&part[dropped..]);
        frames.read(&buffer, Some(&mut requests), bodies);
        skip += frames.consumed().saturating_sub(buffer.len());
        buffer.drain(..frames.consumed().min(buffer.len()));
        frames.forget(frames.consumed());
    }
    (requests, frames)
}

#[test]
fn requests_and_bodies_are_told_however_they_are_cut() {
    for size in [1, 2, 9, 50, 1000] {
        let mut notes = Notes::default();
        let (requests, frames) = read(&asked(), size, &mut notes);
        assert_eq!(requests.hosts, ["a.example", "b.example", "c.example"], "{size}");
        let first = [requests.method, requests.path, requests.host, requests.user_agent].map(Option::unwrap);
        assert_eq!((first, requests.requests), (["POST", "/", "a.example", "agent/1"].map(String::from), 2));
        assert_eq!(notes, Notes(vec![(1, b"body34".to_vec())], vec![(3, true), (1, true)]));
        assert!(!frames.done());
        assert_eq!(read(&asked(), size, &mut Nobody).0.hosts.len(), 3);
    }
}

#[test]
fn what_breaks_the_rules_ends_the_reading() {
    let block = frame(HEADERS, 0, 1, b"\x82");
    for wrong in [
        frame(CONTINUATION, 0, 1, b""),
        [block.clone(), frame(DATA, 0, 1, b"")].concat(),
        [block.clone(), frame(CONTINUATION, END_HEADERS, 3, b"")].concat(),
        frame(HEADERS, PADDED, 1, b"\x05abc"),
        frame(DATA, PADDED, 1, b"\x04abc"),
        frame(HEADERS, END_HEADERS, 1, b"\x80"),
        frame(HEADERS, END_HEADERS, 0, b"\x82"),
        vec![1, 0, 1, HEADERS, 0, 0, 0, 0, 1],
        [vec![block], vec![frame(CONTINUATION, 0, 1, &[0x82; 60_000]); 2]].concat().concat(),
    ] {
        assert!(read(&[PREFACE, &wrong].concat(), 100_000, &mut Nobody).1.done(), "{wrong:?}");
    }
}

#[test]
fn the_front_of_each_direction_is_told() {
    assert_eq!(preface(&asked()), Outcome::Found(()));
    assert!((0..PREFACE.len()).all(|end| preface(&PREFACE[..end]) == Outcome::NeedMore));
    assert_eq!(preface(b"PRI * HTTP/1.1\r\n\r\n"), Outcome::No);
    let server = frame(SETTINGS, 0, 0, &[0; 12]);
    assert_eq!((settings(&server), settings(&server[..5])), (Outcome::Found(()), Outcome::NeedMore));
    for other in [frame(SETTINGS, 0, 1, b""), frame(SETTINGS, 0, 0, b"abc"), frame(DATA, 0, 0, b"")] {
        assert_eq!(settings(&other), Outcome::No);
    }
}

#[test]
fn bytes_that_were_not_recorded_cost_their_body_only() {
    let bytes = asked();
    let at = bytes.windows(6).position(|window| window == b"body12").unwrap();
    let (mut requests, mut frames, mut notes) = (Requests::default(), Frames::default(), Notes::default());
    frames.read(&bytes[..at + 2], Some(&mut requests), &mut notes);
    frames.forget(frames.consumed());
    assert_eq!(frames.lose(&mut notes), 4);
    frames.read(&bytes[at + 6..], Some(&mut requests), &mut notes);
    assert_eq!((requests.hosts.len(), &notes.1[..1]), (3, &[(1, false)][..]));
}

#[test]
fn no_bytes_panic() {
    mutations(&[asked(), asked()[24..].to_vec()], 20_000, |bytes| {
        let (requests, _) = read(bytes, 40, &mut Notes::default());
        assert!(requests.hosts.iter().flat_map(|host| host.bytes()).all(|b| (0x20..0x7f).contains(&b)));
        let _ = (preface(bytes), settings(bytes));
    });
}

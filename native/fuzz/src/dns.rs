//! DNS messages, their frames, and the pairing of questions with answers.

use _native::lookups::{Ends, Lookup, Pairing, Seen, Transport};
use _native::recognise::Outcome;
use _native::recognise::dns::{self, Ear, MOST_ANSWERS, MOST_QUESTIONS, MOST_TEXT, Message};

use super::bytes::{choice, is_printable, pieces};
use super::reading::same_for_any_segments;

/// Text of one record: every type there is, in a bit map.
const MOST_RECORD_TEXT: usize = 65_536 * 10;
const SECOND: i64 = 1_000_000_000;

/// The first byte chooses what is asked: one message, a stream of framed ones, or messages between two ends.
pub fn holds(data: &[u8]) {
    let (kind, data) = choice(data);
    match kind % 3 {
        0 => one_message(data),
        1 => a_stream(data),
        _ => an_exchange(data),
    }
}

/// A message cut anywhere tells a part of what the whole one does, and nothing else.
fn one_message(data: &[u8]) {
    for ear in [Ear::AnyPort, Ear::DnsPort] {
        let Some(message) = dns::message(data, true, ear) else { continue };
        bounded(&message);
        for cut in [data.len() / 3, data.len() / 2, data.len().saturating_sub(1)] {
            let Some(part) = dns::message(&data[..cut], false, Ear::DnsPort) else { continue };
            bounded(&part);
            assert!(message.questions.starts_with(&part.questions), "cut at {cut}");
            assert!(message.answers.starts_with(&part.answers), "cut at {cut}");
        }
    }
    if let Some(strict) = dns::message(data, true, Ear::AnyPort) {
        assert_eq!(dns::message(data, true, Ear::DnsPort), Some(strict), "what is DNS on any port is DNS on port 53");
    }
}

fn bounded(message: &Message) {
    assert!(message.questions.len() <= MOST_QUESTIONS && message.answers.len() <= MOST_ANSWERS);
    let names = message.questions.iter().map(|question| &question.name);
    let texts = message.answers.iter().flat_map(|answer| [&answer.name, &answer.data]);
    assert!(names.chain(texts).all(|text| !text.is_empty() && is_printable(text)), "{message:?}");
    let text: usize = message.answers.iter().map(|answer| answer.name.len() + answer.data.len()).sum();
    assert!(text <= MOST_TEXT + MOST_RECORD_TEXT, "{text} bytes of text");
}

/// What is told of the front stays told when more bytes come, and frames come off alike for any segments.
fn a_stream(data: &[u8]) {
    for cut in [0, 2, 13, data.len() / 2] {
        let front = &data[..cut.min(data.len())];
        for ear in [Ear::AnyPort, Ear::DnsPort] {
            let told = dns::tcp_front(front, ear);
            assert!(told == Outcome::NeedMore || told == dns::tcp_front(data, ear));
        }
        assert!(
            !matches!(dns::tcp_frame(front), Outcome::Found(frame) if dns::tcp_frame(data) != Outcome::Found(frame))
        );
    }
    same_for_any_segments(&pieces(data, 4), &[60_000, 1 + data.len() / 7]);
}

/// Every question that was no repeat is told, and no answer twice.
fn an_exchange(data: &[u8]) {
    let ends = |there: bool| {
        let (client, server) = (([192, 0, 2, 10].into(), 40_000), ([192, 0, 2, 53].into(), 53));
        if there { Ends { src: client, dst: server } } else { Ends { src: server, dst: client } }
    };
    let mut pairing = Pairing::new(8);
    let mut rows: Vec<Lookup> = Vec::new();
    let (mut asked, mut time) = (0, 0);
    for (number, piece) in pieces(data, 64).into_iter().enumerate() {
        let (how, piece) = choice(piece);
        time += i64::from(how >> 3) * SECOND;
        let Some(message) = dns::message(piece, true, Ear::DnsPort) else { continue };
        let (transport, ends) = match how & 3 {
            0 => (Transport::Mdns, Ends { dst: ([224, 0, 0, 251].into(), 5353), ..ends(true) }),
            1 => (Transport::Llmnr, ends(!message.response)),
            _ => (Transport::Udp, ends(!message.response)),
        };
        asked += if message.response || message.opcode != 0 { 0 } else { message.questions.len() as u64 };
        let seen = Seen { source: 0, time, record: number as u64 + 1, offset: 0 };
        pairing.take(message, ends, transport, seen, &mut rows);
    }
    let repeated = pairing.counts().rowless.repeated;
    pairing.finish(&mut rows);
    let told = rows.iter().filter(|row| row.rcode.is_none() || row.asked.is_some()).count() as u64;
    assert_eq!(told + repeated, asked);
    assert!(rows.iter().all(|row| row.latency.is_some() == row.asked.is_some()));
}

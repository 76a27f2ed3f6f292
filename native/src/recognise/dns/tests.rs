//! Laws of the message reader, over messages built here.

use super::*;
use crate::recognise::any_bytes::{Dice, mutations};

fn labels(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|l| !l.is_empty()) {
        wire.push(label.len() as u8);
        wire.extend(label.bytes());
    }
    wire.push(0);
    wire
}

fn question(name: &str, qtype: u16) -> Vec<u8> {
    [labels(name), qtype.to_be_bytes().to_vec(), vec![0, 1]].concat()
}

fn record(name: &[u8], rtype: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_be_bytes();
    [name, &rtype.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &length, data].concat()
}

fn build(flags: u16, counts: [u16; 4], parts: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = vec![0xab, 0xcd];
    wire.extend(flags.to_be_bytes());
    wire.extend(counts.iter().flat_map(|c| c.to_be_bytes()));
    wire.extend(parts.concat());
    wire
}

fn asked() -> Vec<u8> {
    build(0x0120, [1, 0, 0, 1], &[question("Results.Example", 1), record(&[0], OPT, 0, &[])])
}

fn answered() -> Vec<u8> {
    build(
        0x8180,
        [1, 2, 1, 1],
        &[
            question("results.example", 1),
            record(&[0xc0, 12], 5, 60, b"\x04edge\x03cdn\x04test\x00"),
            record(b"\xc0\x2d", 1, 20, &[192, 0, 2, 7]),
            record(&[0xc0, 12], 2, 9, b"\x02ns\xc0\x0c"),
            record(&[0], OPT, 0x0100_0000, &[]),
        ],
    )
}

#[test]
fn a_question_reads_back() {
    for ear in [Ear::AnyPort, Ear::DnsPort] {
        let read = message(&asked(), true, ear).unwrap();
        assert_eq!((read.id, read.response, read.rcode), (0xabcd, false, 0));
        assert_eq!(read.questions, [Question { name: "results.example".into(), qtype: 1, qclass: 1 }]);
        assert_eq!(read.flag_names(), ["rd", "ad"]);
    }
}

#[test]
fn an_answer_reads_back_with_its_chain_and_extended_rcode() {
    let read = message(&answered(), true, Ear::AnyPort).unwrap();
    let texts: Vec<_> = read.answers.iter().map(|a| (a.name.as_str(), a.rtype, a.data.as_str(), a.ttl)).collect();
    assert_eq!(texts, [("results.example", 5, "edge.cdn.test", 60), ("edge.cdn.test", 1, "192.0.2.7", 20)]);
    assert_eq!((read.rcode, read.flag_names()), (16, vec!["rd", "ra"]));
}

#[test]
fn a_message_cut_anywhere_gives_a_prefix_of_its_rows_and_never_a_wrong_name() {
    let whole = message(&answered(), true, Ear::DnsPort).unwrap();
    for end in 0..answered().len() {
        let bytes = &answered()[..end];
        assert_eq!(message(bytes, true, Ear::AnyPort), None, "{end}");
        let Some(part) = message(bytes, false, Ear::DnsPort) else {
            assert!(end < HEADER);
            continue;
        };
        assert!(part.cut && !part.malformed);
        assert!(whole.questions.starts_with(&part.questions));
        assert!(whole.answers.starts_with(&part.answers));
    }
}

#[test]
fn signatures_are_passed_over() {
    let hmac = b"\x04hmac\x00\0\0\0\0\0\x01\x01\x2c\0\x02\xab\xcd\xab\xcd\0\0\0\0";
    let tsig = [&b"\x03key\x00\0\xfa\0\xff\0\0\0\0"[..], &(hmac.len() as u16).to_be_bytes(), hmac].concat();
    let sig0 = record(&[0], 24, 0, b"\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\x00\xab");
    for signature in [tsig, sig0] {
        for flags in [0x0100, 0x8180] {
            let signed =
                build(flags, [1, 0, 0, 2], &[question("a.test", 1), record(&[0], OPT, 0, &[]), signature.clone()]);
            let read = message(&signed, true, Ear::AnyPort).unwrap();
            assert_eq!((read.questions.len(), read.answers.len(), read.rcode), (1, 0, 0));
        }
    }
}

#[test]
fn trailing_bytes_are_no_dns_on_an_odd_port() {
    let longer = [asked(), vec![0]].concat();
    assert_eq!(message(&longer, true, Ear::AnyPort), None);
    assert!(message(&longer, true, Ear::DnsPort).is_some());
}

#[test]
fn netbios_and_impossible_flags_are_no_dns_on_an_odd_port() {
    let netbios = build(0x0110, [1, 0, 0, 0], &[question("CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 33)]);
    assert_eq!(message(&netbios, true, Ear::AnyPort), None);
    for flags in [0x0040, 0x0400, 0x0080, 0x0003, 0x7800] {
        assert_eq!(message(&build(flags, [1, 0, 0, 0], &[question("a.test", 1)]), true, Ear::AnyPort), None);
    }
}

#[test]
fn noise_on_port_53_is_no_dns() {
    let mut dice = Dice(7);
    let taken = (0..10_000).filter(|_| message(&dice.bytes(200), true, Ear::DnsPort).is_some()).count();
    assert!(taken < 200, "{taken}");
    let taken = (0..100_000).filter(|_| message(&dice.bytes(40), true, Ear::AnyPort).is_some()).count();
    assert_eq!(taken, 0);
}

#[test]
fn limits_are_kept_and_told() {
    let answers = vec![record(&[0xc0, 12], 1, 1, &[192, 0, 2, 1]); 2000];
    let many = build(0x8180, [1, 2000, 0, 0], &[question("a.test", 1), answers.concat()]);
    let read = message(&many, true, Ear::DnsPort).unwrap();
    assert_eq!((read.answers.len(), read.overflow), (MOST_ANSWERS, true));
    let many = build(0x0100, [100, 0, 0, 0], &vec![question("a.test", 1); 100]);
    let read = message(&many, true, Ear::DnsPort).unwrap();
    assert_eq!((read.questions.len(), read.overflow), (MOST_QUESTIONS, true));
}

#[test]
fn a_small_message_can_not_become_much_text() {
    let long = labels(&["x".repeat(60).as_str(); 4].join("."));
    let answers = vec![record(&[0xc0, 12], 5, 1, &[0xc0, 12]); 4000];
    let bomb = build(0x8180, [1, 4000, 0, 0], &[[long, vec![0, 1, 0, 1]].concat(), answers.concat()]);
    let read = message(&bomb, true, Ear::DnsPort).unwrap();
    let text: usize = read.answers.iter().map(|a| a.name.len() + a.data.len()).sum();
    assert!(read.overflow && text <= MOST_TEXT + 200_000, "{text}");
}

#[test]
fn frames_come_off_a_stream_one_by_one() {
    let frame = |m: &[u8]| [&(m.len() as u16).to_be_bytes()[..], m].concat();
    let stream = [frame(&asked()), frame(&answered())].concat();
    for end in 0..frame(&asked()).len() {
        assert_eq!(tcp_frame(&stream[..end]), Outcome::NeedMore);
        assert_ne!(tcp_front(&stream[..end], Ear::AnyPort), Outcome::No);
    }
    let Outcome::Found((first, used)) = tcp_frame(&stream) else { panic!() };
    assert_eq!(first, asked());
    assert_eq!(tcp_frame(&stream[used..]), Outcome::Found((&answered()[..], stream.len() - used)));
    assert_eq!(tcp_front(&stream, Ear::AnyPort), Outcome::Found(()));
    assert_eq!(tcp_front(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abc", Ear::AnyPort), Outcome::No);
    assert_eq!(tcp_front(b"GET / HTTP/1.1\r\n", Ear::AnyPort), Outcome::No);
}

#[test]
fn no_bytes_panic_and_all_text_is_printable() {
    mutations(&[asked(), answered()], 60_000, |bytes| {
        for (whole, ear) in [(true, Ear::AnyPort), (true, Ear::DnsPort), (false, Ear::DnsPort)] {
            let Some(read) = message(bytes, whole, ear) else { continue };
            let names = read.questions.iter().map(|q| &q.name);
            let texts = read.answers.iter().flat_map(|a| [&a.name, &a.data]);
            assert!(names.chain(texts).all(|t| !t.is_empty() && t.bytes().all(|b| (0x20..0x7f).contains(&b))));
        }
        let _ = (tcp_frame(bytes), tcp_front(bytes, Ear::AnyPort));
    });
}

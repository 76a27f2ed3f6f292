//! Laws of the pairing, over messages made here.

use super::*;
use crate::recognise::any_bytes::Dice;

const SECOND: i64 = 1_000_000_000;

fn client() -> (IpAddr, u16) {
    ("192.0.2.10".parse().unwrap(), 40_000)
}

fn server() -> (IpAddr, u16) {
    ("192.0.2.53".parse().unwrap(), 53)
}

fn question(name: &str) -> Question {
    Question { name: name.into(), qtype: 1, qclass: 1 }
}

fn answer(name: &str, rtype: u16, data: &str) -> Answer {
    Answer { name: name.into(), rtype, rclass: 1, ttl: 60, data: data.into() }
}

fn message(id: u16, response: bool, questions: Vec<Question>, answers: Vec<Answer>) -> Message {
    let flags = if response { 0x8180 } else { 0x0100 };
    Message {
        id,
        response,
        opcode: 0,
        flags,
        rcode: 0,
        questions,
        answers,
        cut: false,
        malformed: false,
        overflow: false,
    }
}

struct Tape {
    pairing: Pairing,
    rows: Vec<Lookup>,
    record: u64,
}

impl Tape {
    fn new(most_open: usize) -> Tape {
        Tape { pairing: Pairing::new(most_open), rows: Vec::new(), record: 0 }
    }

    fn put(&mut self, time: i64, transport: Transport, src: (IpAddr, u16), dst: (IpAddr, u16), message: Message) {
        self.record += 1;
        let seen = Seen { source: 0, time, record: self.record, offset: self.record * 100 };
        self.pairing.take(message, Ends { src, dst }, transport, seen, &mut self.rows);
    }

    fn ask(&mut self, time: i64, id: u16, name: &str) {
        self.put(time, Transport::Udp, client(), server(), message(id, false, vec![question(name)], vec![]));
    }

    fn reply(&mut self, time: i64, id: u16, name: &str) {
        let answers = vec![answer(name, 5, "b.test"), answer("b.test", 1, "192.0.2.1")];
        self.put(time, Transport::Udp, server(), client(), message(id, true, vec![question(name)], answers));
    }

    fn end(mut self) -> Vec<Lookup> {
        self.pairing.finish(&mut self.rows);
        assert!(self.pairing.open.is_empty() && self.pairing.order.is_empty());
        self.rows
    }
}

#[test]
fn a_pair_is_one_row_with_both_ends_of_its_time() {
    let mut tape = Tape::new(9);
    tape.ask(5, 7, "a.test");
    tape.reply(25, 7, "a.test");
    let [row] = &tape.end()[..] else { panic!() };
    assert_eq!((row.record, row.offset, row.time, row.asked, row.latency), (1, 100, 25, Some(5), Some(20)));
    assert_eq!((row.answer_record, row.answer_offset), (Some(2), Some(200)));
    assert_eq!((row.client_ip, row.client_port, row.server_ip, row.server_port), (client().0, 40_000, server().0, 53));
    assert_eq!((row.rcode.as_deref(), row.flags.clone()), (Some("NOERROR"), vec!["rd", "ra"]));
    assert_eq!(row.answers.as_ref().unwrap().len(), 2);
}

#[test]
fn a_repeated_question_keeps_its_first_time_and_a_second_answer_is_its_own_row() {
    let mut tape = Tape::new(9);
    tape.ask(0, 7, "a.test");
    tape.ask(2, 7, "a.test");
    tape.reply(3, 7, "a.test");
    tape.reply(4, 7, "a.test");
    assert_eq!(tape.pairing.counts.rowless.repeated, 1);
    let rows = tape.end();
    assert_eq!(rows.iter().map(|r| (r.record, r.asked)).collect::<Vec<_>>(), [(1, Some(0)), (4, None)]);
    assert_eq!(rows[1].client_ip, client().0);
}

#[test]
fn only_the_same_id_name_and_ends_pair() {
    for (id, name) in [(8, "a.test"), (7, "b.test")] {
        let mut tape = Tape::new(9);
        tape.ask(0, 7, "a.test");
        tape.reply(1, id, name);
        let rows = tape.end();
        assert_eq!(
            rows.iter().map(|r| (r.asked, r.rcode.is_some())).collect::<Vec<_>>(),
            [(None, true), (None, false)]
        );
        assert_eq!(rows[1].answers, None);
    }
}

#[test]
fn an_answer_from_elsewhere_is_a_row_of_its_own() {
    let stranger = ("192.0.2.54".parse().unwrap(), 53);
    let other_port = (server().0, 5300);
    let other_client = (client().0, 40_001);
    for (src, dst) in [(stranger, client()), (other_port, client()), (server(), other_client)] {
        let mut tape = Tape::new(9);
        tape.ask(0, 7, "a.test");
        let reply = message(7, true, vec![question("a.test")], vec![answer("a.test", 1, "203.0.113.66")]);
        tape.put(1, Transport::Udp, src, dst, reply);
        let rows = tape.end();
        let told: Vec<_> = rows.iter().map(|r| ((r.server_ip, r.server_port), r.asked, r.rcode.is_some())).collect();
        assert_eq!(told, [(src, None, true), (server(), None, false)]);
    }
}

#[test]
fn patience_ends_by_the_time_of_the_capture() {
    let mut tape = Tape::new(9);
    tape.ask(0, 7, "a.test");
    tape.ask(31 * SECOND, 7, "a.test");
    tape.reply(32 * SECOND, 7, "a.test");
    let rows = tape.end();
    assert_eq!(rows.iter().map(|r| (r.record, r.asked)).collect::<Vec<_>>(), [(1, None), (2, Some(31 * SECOND))]);
}

#[test]
fn too_many_open_questions_are_told_and_counted() {
    let mut tape = Tape::new(2);
    for id in 0..5 {
        tape.ask(0, id, "a.test");
    }
    assert_eq!((tape.pairing.counts.evicted, tape.rows.len()), (3, 3));
    assert_eq!(tape.end().len(), 5);
}

#[test]
fn an_error_without_its_question_closes_the_only_one_open() {
    let mut tape = Tape::new(9);
    tape.ask(0, 7, "a.test");
    tape.put(1, Transport::Udp, server(), client(), Message { rcode: 1, ..message(7, true, vec![], vec![]) });
    tape.put(2, Transport::Udp, server(), client(), message(7, true, vec![], vec![]));
    assert_eq!(tape.pairing.counts.rowless.nameless, 1);
    let [row] = &tape.end()[..] else { panic!() };
    assert_eq!((row.qname.as_str(), row.rcode.as_deref(), row.latency), ("a.test", Some("FORMERR"), Some(1)));
}

#[test]
fn several_questions_get_the_answers_that_are_theirs() {
    let mut tape = Tape::new(9);
    let answers = vec![
        answer("a.test", 5, "c.test"),
        answer("b.test", 1, "192.0.2.2"),
        answer("c.test", 1, "192.0.2.1"),
        answer("d.test", 1, "192.0.2.4"),
    ];
    tape.put(
        0,
        Transport::Udp,
        server(),
        client(),
        message(7, true, vec![question("a.test"), question("b.test")], answers),
    );
    let told: Vec<_> = tape.end().iter().map(|r| (r.qname.clone(), r.answers.as_ref().unwrap().len())).collect();
    assert_eq!(told, [("a.test".into(), 2), ("b.test".into(), 1), ("d.test".into(), 1)]);
}

fn group() -> (IpAddr, u16) {
    ("224.0.0.251".parse().unwrap(), 5353)
}

fn peer(last: u8) -> (IpAddr, u16) {
    (IpAddr::from([192, 0, 2, last]), 5353)
}

/// A record of mDNS, of which its owner says that there is no other.
fn flushing(name: &str, rtype: u16, data: &str) -> Answer {
    Answer { rclass: 0x8001, ..answer(name, rtype, data) }
}

fn asking(name: &str, qtype: u16, qclass: u16) -> Message {
    message(0, false, vec![Question { name: name.into(), qtype, qclass }], vec![])
}

#[test]
fn an_announcement_answers_nobody_and_is_counted() {
    let mut tape = Tape::new(9);
    let answers = vec![flushing("host.local", 1, "192.0.2.9"), answer("host.local", 28, "2001:db8::9")];
    tape.put(0, Transport::Mdns, peer(9), group(), message(0, true, vec![], answers.clone()));
    assert_eq!(tape.pairing.counts.rowless.announced, 1);
    // Sent to one host, it is an answer whose question was not recorded: a row each owner and type.
    tape.put(1, Transport::Mdns, peer(9), peer(8), message(0, true, vec![], answers));
    let rows = tape.end();
    let told: Vec<_> = rows.iter().map(|r| (&*r.qtype, &*r.qclass, r.answers.as_ref().unwrap().len())).collect();
    assert_eq!(told, [("A", "IN", 1), ("AAAA", "IN", 1)]);
    assert_eq!((rows[0].client_ip, rows[0].server_ip), (peer(8).0, peer(9).0));
}

#[test]
fn an_mdns_answer_needs_no_question_of_its_own() {
    for (qtype, qclass, to) in [(1, 1, group()), (1, 0x8001, peer(8)), (255, 1, group())] {
        let mut tape = Tape::new(9);
        tape.put(0, Transport::Mdns, peer(8), group(), asking("host.local", qtype, qclass));
        let answers = vec![flushing("host.local", 1, "192.0.2.9"), flushing("other.local", 1, "192.0.2.9")];
        tape.put(3, Transport::Mdns, peer(9), to, message(0, true, vec![], answers));
        assert_eq!(tape.pairing.counts.rowless.announced, u64::from(to == group()));
        let rows = tape.end();
        let row = rows.iter().find(|row| row.qname == "host.local").unwrap();
        assert_eq!((row.client_ip, row.server_ip, row.latency), (peer(8).0, peer(9).0, Some(3)));
        assert_eq!((row.answers.as_ref().unwrap().len(), &*row.qclass), (1, "IN"));
        assert_eq!(rows.len(), 1 + usize::from(to != group()));
    }
}

#[test]
fn later_messages_of_a_zone_transfer_go_without_its_question() {
    let mut tape = Tape::new(9);
    let transfer = Question { name: "zone.test".into(), qtype: 252, qclass: 1 };
    let part = |name: &str| vec![answer(name, 1, "192.0.2.1"), answer("b.zone.test", 1, "192.0.2.2")];
    tape.put(0, Transport::Tcp, client(), server(), message(7, false, vec![transfer.clone()], vec![]));
    tape.put(1, Transport::Tcp, server(), client(), message(7, true, vec![transfer], part("zone.test")));
    tape.put(2, Transport::Tcp, server(), client(), message(7, true, vec![], part("a.zone.test")));
    let told: Vec<_> = tape.end().iter().map(|r| (r.qname.clone(), r.qtype.to_string(), r.asked)).collect();
    let row = |asked| ("zone.test".to_owned(), "AXFR".to_owned(), asked);
    assert_eq!(told, [row(Some(0)), row(None)]);
}

#[test]
fn only_what_stays_on_the_link_is_mdns_or_llmnr() {
    let far = (IpAddr::from([203, 0, 113, 5]), 5353);
    let near = |port| (IpAddr::from([10, 0, 0, 5]), port);
    for (proto, src, dst, on_link, transport) in [
        (17, peer(9), group(), false, Transport::Mdns),
        (17, near(40_000), group(), false, Transport::Mdns),
        (17, near(5353), near(5353), false, Transport::Mdns),
        (17, near(5353), near(40_000), true, Transport::Mdns),
        (17, near(40_000), near(5353), false, Transport::Udp),
        (17, near(40_000), far, true, Transport::Udp),
        (17, near(5353), far, true, Transport::Udp),
        (17, near(5353), near(53), true, Transport::Udp),
        (6, near(40_000), near(5353), true, Transport::Tcp),
        (17, near(40_000), (IpAddr::from([224, 0, 0, 252]), 5355), false, Transport::Llmnr),
        (6, near(40_000), near(5355), false, Transport::Llmnr),
        (6, near(40_000), (far.0, 5355), false, Transport::Tcp),
    ] {
        assert_eq!(Transport::of(proto, Ends { src, dst }, on_link), transport, "{src:?} {dst:?}");
    }
}

#[test]
fn on_multicast_each_asking_is_a_row() {
    let group = ("224.0.0.251".parse().unwrap(), 5353);
    let peer = ("192.0.2.9".parse().unwrap(), 5353);
    let mut tape = Tape::new(9);
    for time in 0..3 {
        tape.put(time, Transport::Mdns, peer, group, message(0, false, vec![question("a.local")], vec![]));
    }
    assert_eq!(tape.pairing.counts.rowless.repeated, 0);
    assert_eq!(tape.end().iter().map(|r| r.record).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn on_multicast_the_row_names_who_answered() {
    let group = ("224.0.0.252".parse().unwrap(), 5355);
    let peer = ("192.0.2.9".parse().unwrap(), 5355);
    let mut tape = Tape::new(9);
    tape.put(0, Transport::Llmnr, client(), group, message(3, false, vec![question("peer")], vec![]));
    tape.put(
        1,
        Transport::Llmnr,
        peer,
        client(),
        message(3, true, vec![question("peer")], vec![answer("peer", 1, "192.0.2.9")]),
    );
    let [row] = &tape.end()[..] else { panic!() };
    assert_eq!((row.server_ip, row.latency), (peer.0, Some(1)));
}

#[test]
fn other_opcodes_are_counted_and_give_no_row() {
    let mut tape = Tape::new(9);
    tape.put(
        0,
        Transport::Udp,
        client(),
        server(),
        Message { opcode: 5, ..message(7, false, vec![question("a.test")], vec![]) },
    );
    assert_eq!(tape.pairing.counts.rowless.other_opcodes, 1);
    assert!(tape.end().is_empty());
}

/// Questions that were not repeats, and answers, are each in exactly one row.
#[test]
fn nothing_is_lost_and_nothing_told_twice() {
    let mut dice = Dice(11);
    for _ in 0..300 {
        let mut tape = Tape::new(1 + dice.below(6));
        let (mut asked, mut replied, mut time) = (0, 0, 0);
        for _ in 0..60 {
            time += dice.below(8) as i64 * SECOND - SECOND;
            let (id, name) = (dice.below(3) as u16, ["a.test", "b.test"][dice.below(2)]);
            if dice.below(2) == 0 {
                tape.ask(time, id, name);
                asked += 1;
            } else {
                tape.reply(time, id, name);
                replied += 1;
            }
        }
        let repeated = tape.pairing.counts.rowless.repeated;
        let rows = tape.end();
        let paired = rows.iter().filter(|r| r.asked.is_some()).count() as u64;
        assert_eq!(rows.iter().filter(|r| r.rcode.is_some()).count() as u64, replied);
        assert_eq!(rows.iter().filter(|r| r.rcode.is_none()).count() as u64 + paired, asked - repeated);
    }
}

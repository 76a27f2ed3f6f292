use super::*;
use crate::flows::key::Ends;
use crate::ip::Address;
use crate::transport::{Flags, Tcp, UDP};

fn ends(proto: u8, client: u16) -> Ends {
    Ends { v6: false, proto, tunnel: 0, src: (Address([1; 16]), client), dst: (Address([2; 16]), 443) }
}

fn back(ends: Ends) -> Ends {
    Ends { src: ends.dst, dst: ends.src, ..ends }
}

fn udp(length: u32) -> Segment<'static> {
    Segment { ports: (0, 0), message: None, tcp: None, payload: &[], length }
}

fn tcp(flags: u8, seq: u32, ack: u32) -> Segment<'static> {
    Segment { tcp: Some(Tcp { seq, ack, flags: Flags(flags), window: 1 }), ..udp(0) }
}

/// A table fed one packet after the other, with the conversations that ended.
struct Run(Table, Vec<Flow>, u64);

impl Run {
    fn new(most: usize) -> Self {
        Self(Table::new(most, RandomState::new()), Vec::new(), 0)
    }

    fn take(&mut self, ends: Ends, seconds: i64, segment: &Segment<'_>) {
        self.2 += 1;
        self.take_of(0, ends, seconds, segment);
    }

    fn take_of(&mut self, source: u32, ends: Ends, seconds: i64, segment: &Segment<'_>) {
        let place = Place { source, record: self.2, offset: 0, time: Some(seconds * SECOND) };
        let (key, sender) = ends.key();
        let hash = self.0.hasher.hash_one(key);
        let arrival = Arrival { key, hash, sender, place, length: 28, segment: *segment, carrier: None };
        self.0.take(&arrival, &mut self.1);
    }

    fn all(mut self) -> Vec<Flow> {
        while let Some(flows) = self.0.drain() {
            self.1.extend(flows);
        }
        self.1.sort_by_key(|flow| flow.first_record);
        self.1
    }
}

#[test]
fn both_directions_are_one_flow_until_silence() {
    let mut run = Run::new(100);
    run.take(ends(UDP, 4000), 0, &udp(3));
    run.take(back(ends(UDP, 4000)), 120, &udp(4));
    run.take(ends(UDP, 4000), 241, &udp(5));
    let flows = run.all();
    let payloads: Vec<_> = flows.iter().map(|f| (f.sums[f.src()].payload, f.sums[f.dst()].payload)).collect();
    assert_eq!(payloads, [(3, 4), (5, 0)]);
}

#[test]
fn a_new_number_begins_a_flow_and_the_same_does_not() {
    let mut run = Run::new(100);
    run.take(ends(TCP, 4000), 0, &tcp(2, 100, 0));
    run.take(ends(TCP, 4000), 1, &tcp(2, 100, 0));
    run.take(back(ends(TCP, 4000)), 1, &tcp(0x12, 900, 101));
    run.take(ends(TCP, 4000), 2, &tcp(2, 777, 0));
    let flows = run.all();
    assert_eq!(flows.iter().map(|f| f.first_record).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(flows[0].sums.iter().map(|s| s.packets).sum::<u64>(), 3);
}

#[test]
fn an_opening_captured_out_of_order_is_no_new_flow() {
    let mut run = Run::new(100);
    run.take(back(ends(TCP, 4000)), 0, &tcp(0x12, 900, 101));
    run.take(ends(TCP, 4000), 0, &tcp(2, 100, 0));
    let flows = run.all();
    assert_eq!(flows.len(), 1);
    assert_eq!(flows[0].key.port(flows[0].src()), 4000);
}

#[test]
fn answers_alone_begin_a_flow_with_each_new_number() {
    let mut run = Run::new(100);
    run.take(back(ends(TCP, 4000)), 0, &tcp(0x12, 900, 101));
    run.take(back(ends(TCP, 4000)), 1, &tcp(0x12, 5900, 70_101));
    assert_eq!(run.all().len(), 2);
}

#[test]
fn a_closed_flow_is_over_sooner() {
    let mut run = Run::new(100);
    run.take(ends(TCP, 4000), 0, &tcp(0x14, 100, 0));
    run.take(ends(TCP, 4000), 5, &tcp(0x10, 100, 0));
    run.take(ends(TCP, 4000), 11, &tcp(0x10, 100, 0));
    run.take(ends(TCP, 4000), 3611, &tcp(0x10, 100, 0));
    assert_eq!(run.all().len(), 2);
}

#[test]
fn a_full_table_closes_the_oldest_and_counts() {
    let mut run = Run::new(160);
    for client in 0..1000 {
        run.take(ends(UDP, client), i64::from(client), &udp(1));
    }
    assert!(run.0.index.len() <= 160);
    assert!(run.0.evicted() > 0 && run.0.evicted() == 0);
    let flows = run.all();
    assert_eq!(flows.len(), 1000);
}

#[test]
fn a_sweep_closes_the_silent() {
    let mut run = Run::new(1000);
    run.take(ends(UDP, 1), 0, &udp(1));
    for _ in 0..=SWEEP {
        run.take(ends(UDP, 2), 500, &udp(1));
    }
    assert_eq!((run.1.len(), run.0.index.len(), run.0.evicted()), (1, 1, 0));
}

#[test]
fn a_flow_is_small() {
    assert!(size_of::<Option<Flow>>() <= 300, "{}", size_of::<Option<Flow>>());
}

#[test]
fn a_flow_that_goes_on_in_the_next_source_is_one() {
    let mut run = Run::new(100);
    for (source, seconds) in [(0, 0), (0, 1), (1, 2), (1, 3), (3, 4)] {
        run.take_of(source, ends(UDP, 1), seconds, &udp(1));
        run.2 += 1;
    }
    let [flow] = &run.all()[..] else { panic!("more than one flow") };
    assert_eq!((flow.source, flow.first_record, flow.last_record, flow.parts), (0, 0, 1, 3));
}

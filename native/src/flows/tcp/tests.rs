use super::*;
use crate::transport::Flags;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

fn segment(flags: u8, seq: u32, ack: u32) -> Tcp {
    Tcp { seq, ack, flags: Flags(flags), window: 100 }
}

fn send(half: &mut Half, flags: u8, seq: u32, length: u32) -> u64 {
    half.send(&segment(flags, seq, 0), length, false).fresh
}

fn ack(half: &mut Half, number: u32) -> u64 {
    half.acknowledge(&segment(ACK, 0, number), false)
}

fn opened(isn: u32) -> Half {
    let mut half = Half::default();
    assert_eq!(send(&mut half, SYN, isn, 0), 0);
    half
}

#[test]
fn a_byte_counts_once_however_it_comes() {
    let mut half = opened(u32::MAX - 2);
    let at = |position: u32| (u32::MAX - 1).wrapping_add(position);
    assert_eq!(send(&mut half, ACK, at(0), 10), 10);
    assert_eq!(send(&mut half, ACK, at(0), 10), 0);
    assert_eq!(send(&mut half, ACK, at(5), 10), 5);
    assert_eq!(send(&mut half, ACK, at(30), 10), 10);
    assert_eq!(send(&mut half, ACK, at(20), 5), 5);
    assert_eq!(send(&mut half, ACK, at(10), 40), 20);
    ack(&mut half, at(50));
    assert_eq!((half.acked_bytes(), half.missing()), (50, 0));
}

#[test]
fn acknowledged_holes_are_missing() {
    let mut half = opened(0);
    send(&mut half, ACK, 1, 10);
    send(&mut half, ACK, 21, 10);
    assert_eq!(half.missing(), 0);
    ack(&mut half, 16);
    assert_eq!(half.missing(), 5);
    ack(&mut half, 41);
    assert_eq!((half.missing(), half.acked_bytes()), (20, 40));
}

#[test]
fn a_conversation_may_be_longer_than_the_sequence_space() {
    let mut half = opened(7);
    let mut seq = 8_u32;
    for _ in 0..6000 {
        assert_eq!(send(&mut half, ACK, seq, 1 << 20), 1 << 20);
        seq = seq.wrapping_add(1 << 20);
        ack(&mut half, seq);
    }
    assert_eq!((half.acked_bytes(), half.missing()), (6000 << 20, 0));
}

#[test]
fn syn_and_fin_are_no_payload() {
    let mut half = opened(100);
    assert_eq!(send(&mut half, ACK | FIN, 101, 5), 5);
    assert_eq!(send(&mut half, ACK | FIN, 101, 5), 0);
    ack(&mut half, 107);
    assert_eq!((half.acked_bytes(), half.missing()), (5, 0));
}

#[test]
fn data_in_the_syn_counts() {
    let mut half = Half::default();
    assert_eq!(send(&mut half, SYN, 100, 5), 5);
    assert_eq!(send(&mut half, ACK, 101, 5), 0);
}

#[test]
fn keep_alives_add_nothing() {
    let mut half = opened(100);
    send(&mut half, ACK, 101, 10);
    ack(&mut half, 111);
    assert_eq!(send(&mut half, ACK, 110, 1), 0);
    assert_eq!(send(&mut opened(5), ACK, 5, 1), 0);
    let mut joined = Half::default();
    ack(&mut joined, 500);
    assert_eq!(send(&mut joined, ACK, 499, 1), 0);
    assert_eq!(send(&mut Half::default(), ACK, 499, 1), 0);
    assert_eq!(send(&mut Half::default(), ACK | PSH, 499, 1), 1);
}

#[test]
fn a_probe_counts_only_when_it_was_taken() {
    let mut half = opened(0);
    send(&mut half, ACK, 1, 10);
    let probe = segment(ACK, 11, 0);
    assert_eq!(half.send(&probe, 1, true).fresh, 0);
    assert_eq!(half.send(&probe, 1, true).fresh, 0);
    ack(&mut half, 11);
    assert_eq!(half.missing(), 0);
    assert_eq!(send(&mut half, ACK, 11, 5), 5);
    assert_eq!(half.send(&segment(ACK, 16, 0), 1, true).fresh, 0);
    assert_eq!(ack(&mut half, 17), 1);
    assert_eq!((half.acked_bytes(), half.missing()), (16, 0));
}

#[test]
fn the_other_side_alone_tells_what_was_sent() {
    let mut half = Half::default();
    half.acknowledge(&segment(SYN | ACK, 900, 5001), false);
    assert!(half.is_told_by(&Half::default()));
    ack(&mut half, 5501);
    ack(&mut half, 6001);
    assert_eq!((half.acked_bytes(), half.missing()), (1000, 1000));
    half.acknowledge(&segment(ACK, 0, 6002), true);
    assert_eq!((half.acked_bytes(), half.missing()), (1000, 1000), "the last number was the FIN");
}

#[test]
fn joined_late_with_bytes_in_flight() {
    for ack_first in [false, true] {
        let mut half = Half::default();
        if ack_first {
            ack(&mut half, 1000);
        }
        assert_eq!(send(&mut half, ACK, 1500, 100), 100);
        ack(&mut half, 1000);
        ack(&mut half, 1600);
        assert_eq!((half.acked_bytes(), half.missing()), (600, 500), "ack first: {ack_first}");
    }
}

#[test]
fn a_wild_acknowledgement_is_not_believed() {
    let mut half = opened(0);
    send(&mut half, ACK, 1, 10);
    ack(&mut half, 0x5000_0000);
    assert_eq!((half.acked_bytes(), half.missing()), (0, 0));
}

#[test]
fn holes_are_bounded_and_what_is_given_up_stays_missing() {
    let mut half = opened(0);
    let mut overflow = 0;
    for i in 0..100_u32 {
        overflow += u32::from(half.send(&segment(ACK, 11 + i * 20, 0), 10, false).overflow);
        ack(&mut half, 21 + i * 20);
    }
    assert_eq!((half.missing(), overflow), (1000, 36));
}

/// Any order of any segments: what is seen is what a set of positions says.
#[test]
fn counts_equal_a_set_of_positions() {
    let mut state = 99_u64;
    let mut random = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    for _ in 0..300 {
        let isn = random(1 << 32) as u32;
        let mut half = opened(isn);
        let mut set = std::collections::BTreeSet::new();
        let (mut seen, mut acked) = (0, 0);
        for _ in 0..30 {
            let (start, length) = (random(300), 2 + random(40));
            let seq = isn.wrapping_add(1 + start as u32);
            seen += half.send(&segment(ACK, seq, 0), length as u32, false).fresh;
            set.extend(start..start + length);
            if random(3) == 0 {
                let number = random(400);
                acked = acked.max(number);
                ack(&mut half, isn.wrapping_add(1 + number as u32));
            }
        }
        assert_eq!(seen, set.len() as u64);
        let missing = (0..acked).filter(|at| !set.contains(at)).count() as u64;
        let doubt = u64::from(half.is(bit::BY_ONE) && half.acked > half.next);
        assert_eq!(half.missing() + doubt, missing);
        assert_eq!(half.acked_bytes() + doubt, acked);
    }
}

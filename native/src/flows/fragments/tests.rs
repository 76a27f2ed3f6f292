use super::*;
use crate::link::Vlans;

fn bare() -> Carrier {
    Carrier { vlans: Vlans::default(), layers: Box::new([]) }
}

fn place(record: u64, time: i64) -> Place {
    Place { source: 0, record, offset: record * 100, time: Some(time) }
}

fn datagram(payload: &[u8]) -> Datagram<'_> {
    Datagram {
        v6: false,
        src: Address([1; 16]),
        dst: Address([2; 16]),
        proto: 17,
        length: 20 + payload.len() as u32,
        payload_length: payload.len() as u32,
        payload,
        fragment: None,
    }
}

fn put(
    fragments: &mut Fragments,
    id: u32,
    offset: u32,
    more: bool,
    payload: &[u8],
    place: Place,
) -> Option<Box<Assembly>> {
    let datagram = datagram(payload);
    let part = Part { place, length: datagram.length };
    let fragment = Fragment { id, offset, more };
    let coming = Coming { datagram, fragment, tunnel: 0, part, records: Records::one(place.source) };
    fragments.take(coming, bare)
}

#[test]
fn the_last_fragment_to_come_brings_the_whole() {
    let mut fragments = Fragments::default();
    assert!(put(&mut fragments, 1, 8, false, b"world", place(1, 0)).is_none());
    assert!(put(&mut fragments, 2, 0, true, b"another ", place(2, 1)).is_none());
    let whole = put(&mut fragments, 1, 0, true, b"hello to", place(3, 2)).unwrap();
    let front = whole.pieces.front();
    let told = whole.datagram(&front, None);
    assert_eq!((told.payload, told.payload_length, told.length), (&b"hello toworld"[..], 13, 28));
    let parts = [&whole.earlier[..], &[whole.last]].concat();
    assert_eq!(parts.iter().map(|part| (part.place.record, part.length)).collect::<Vec<_>>(), [(1, 25), (3, 28)]);
    assert_eq!(whole.records.by_source().collect::<Vec<_>>(), [(0, 2)]);
    assert_eq!((fragments.waiting.len(), fragments.order.len()), (1, 1));
}

#[test]
fn what_does_not_come_together_is_given_up_after_a_minute() {
    let mut fragments = Fragments::default();
    put(&mut fragments, 1, 0, true, b"hello to", place(1, 0));
    put(&mut fragments, 2, 0, true, b"hello to", place(2, 5));
    assert!(fragments.given_up(Some(PATIENCE)).is_none());
    assert_eq!(fragments.given_up(Some(PATIENCE + 1)).unwrap().last.place.record, 1);
    assert!(fragments.given_up(Some(PATIENCE + 1)).is_none());
    assert!(fragments.given_up(None).is_none());
    assert_eq!(fragments.left().unwrap().last.place.record, 2);
    assert!(fragments.left().is_none());
    assert_eq!((fragments.forgotten(), fragments.cost), (0, 0));
}

#[test]
fn datagrams_and_bytes_are_bounded_and_what_was_given_up_for_it_is_counted() {
    let mut fragments = Fragments::default();
    let mut given_up = 0;
    for id in 0..MOST as u32 + 3 {
        put(&mut fragments, id, 0, true, b"hello to", place(u64::from(id) + 1, 0));
        given_up += u64::from(fragments.given_up(Some(0)).is_some());
    }
    assert_eq!((fragments.forgotten(), fragments.forgotten(), given_up, fragments.waiting.len()), (3, 0, 3, MOST));
    let mut fragments = Fragments::default();
    for id in 0..600 {
        put(&mut fragments, id, 8, true, &[7; 60_000], place(1, 0));
        while fragments.given_up(Some(0)).is_some() {}
        assert!(fragments.cost <= BUDGET);
    }
    assert!(fragments.forgotten() > 300);
}

#[test]
fn a_finished_datagram_is_remembered_for_a_minute() {
    let mut fragments = Fragments::default();
    let name = Name::of(&datagram(b""), Fragment { id: 1, offset: 0, more: true }, 0);
    let finished = Finished { proto: 17, ports: (1, 2), is_tunnel: false };
    fragments.remember(name, finished, Some(0));
    assert_eq!(fragments.finished(&name, Some(PATIENCE)), Some(finished));
    assert_eq!(fragments.finished(&name, Some(PATIENCE + 1)), None);
    assert_eq!(fragments.finished(&Name { id: 2, ..name }, Some(0)), None);
    for id in 2..MOST as u32 + 3 {
        fragments.remember(Name { id, ..name }, finished, Some(0));
    }
    assert_eq!((fragments.finished.len(), fragments.finished(&name, Some(0))), (MOST, None));
}

#[test]
fn records_are_counted_by_source() {
    let mut records = Records::default();
    for source in [0, 0, 2, 2, 2] {
        records.add(&Records::one(source));
    }
    records.add(&records.clone());
    records.add(&Records::default());
    let mut sums = [0; 3];
    records.by_source().for_each(|(source, count)| sums[source as usize] += count);
    assert_eq!(sums, [4, 0, 6]);
}

#[test]
fn fragments_without_bytes_cost_as_well() {
    let mut fragments = Fragments::default();
    for record in 0..500_000 {
        put(&mut fragments, 1, 8, true, b"", place(record, 0));
        while fragments.given_up(Some(0)).is_some() {}
        assert!(fragments.cost <= BUDGET);
    }
    assert_eq!(fragments.forgotten(), 1);
}

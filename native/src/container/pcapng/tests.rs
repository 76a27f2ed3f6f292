use super::super::tests::{cut_everywhere, read, same_for_every_piece};
use super::*;

/// Writes blocks in one byte order.
struct Writer {
    big: bool,
    out: Vec<u8>,
}

impl Writer {
    fn long(&self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn short(&self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let padded = body.len().next_multiple_of(4);
        let total = self.long(padded as u32 + 12);
        let kind = self.long(kind);
        self.out.extend([kind, total].concat());
        self.out.extend_from_slice(body);
        self.out.resize(self.out.len() + padded - body.len(), 0);
        self.out.extend(total);
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut out = [self.short(code), self.short(value.len() as u16)].concat();
        out.extend_from_slice(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn eight(&self, value: u64) -> [u8; 8] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn section(&mut self) {
        let body = [&self.long(ORDER)[..], &self.short(1), &self.short(0), &[0xff; 8]].concat();
        self.block(u32::from_be_bytes(SECTION), &body);
    }

    fn interface(&mut self, link: u16, resolution: u8, offset: u64) {
        let mut body = [&self.short(link)[..], &[0, 0], &self.long(64)].concat();
        body.extend(self.option(IF_TSRESOL, &[resolution]));
        body.extend(self.option(IF_TSOFFSET, &self.eight(offset)));
        body.extend([0; 4]);
        self.block(INTERFACE, &body);
    }

    fn enhanced(&mut self, interface: u32, ticks: u64, packet: &[u8], dropped: u64) {
        let fields = [interface, (ticks >> 32) as u32, ticks as u32, packet.len() as u32, 100];
        let mut body: Vec<u8> = fields.iter().flat_map(|field| self.long(*field)).collect();
        body.extend_from_slice(packet);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.option(EPB_DROPCOUNT, &self.eight(dropped)));
        self.block(ENHANCED_PACKET, &body);
    }
}

fn writer(big: bool) -> Writer {
    let mut writer = Writer { big, out: Vec::new() };
    writer.section();
    writer
}

#[test]
fn each_interface_has_its_clock_in_either_order() {
    for big in [false, true] {
        let mut w = writer(big);
        w.interface(1, 6, 0);
        w.interface(101, 0x80 | 10, 5);
        w.interface(113, 12, u64::MAX);
        w.enhanced(0, 1_000_001, b"abcde", 0);
        w.enhanced(1, 1536, b"", 0);
        w.enhanced(2, 3_000_000_000_999, b"x", 0);
        let (packets, container) = same_for_every_piece(&w.out);
        let seen: Vec<_> = packets.iter().map(|p| (p.2.unwrap(), p.3.unwrap(), p.4.as_slice())).collect();
        assert_eq!(seen, [(1_000_001_000, 1, &b"abcde"[..]), (6_500_000_000, 101, b""), (2_000_000_000, 113, b"x")]);
        assert_eq!(container.end(), (None, 0));
    }
}

#[test]
fn a_new_section_may_turn_the_bytes_and_forgets_interfaces() {
    let mut w = writer(false);
    w.interface(1, 6, 0);
    w.enhanced(0, 1, b"a", 3);
    w.big = true;
    w.section();
    w.enhanced(0, 1, b"no such interface", 0);
    w.interface(101, 9, 0);
    w.enhanced(0, 7, b"b", 4);
    let (packets, container) = same_for_every_piece(&w.out);
    let links: Vec<_> = packets.iter().map(|p| p.3).collect();
    assert_eq!(links, [Some(1), None, Some(101)]);
    assert_eq!(container.facts().drops, 7);
    assert_eq!(container.facts().links.into_iter().collect::<Vec<_>>(), [1, 101]);
}

#[test]
fn simple_and_old_packets_statistics_and_strange_blocks() {
    let mut w = writer(false);
    w.interface(1, 6, 0);
    w.block(SIMPLE_PACKET, &[&w.long(3)[..], b"abc"].concat());
    let mut old = [&w.short(0)[..], &w.short(2)].concat();
    old.extend([0_u32, 9, 2, 2].iter().flat_map(|field| w.long(*field)));
    old.extend(b"xy");
    w.block(OLD_PACKET, &old);
    let mut statistics = vec![0; 12];
    statistics.extend(w.option(ISB_IFDROP, &w.eight(5)));
    statistics.extend(w.option(ISB_OSDROP, &w.eight(6)));
    w.block(STATISTICS, &statistics);
    w.block(0x77, b"whatever");
    w.block(0x0bad, b"custom");
    let (packets, container) = same_for_every_piece(&w.out);
    assert_eq!((packets[0].2, packets[0].4.as_slice()), (None, &b"abc"[..]));
    assert_eq!((packets[1].2, packets[1].4.as_slice()), (Some(9000), &b"xy"[..]));
    assert_eq!((container.facts().drops, container.facts().unknown_blocks), (11, 1));
}

#[test]
fn a_cut_file_keeps_what_was_before() {
    let mut w = writer(true);
    let mut ends = vec![w.out.len() as u64];
    w.interface(1, 6, 0);
    ends.push(w.out.len() as u64);
    w.enhanced(0, 1, b"abc", 0);
    ends.push(w.out.len() as u64);
    w.enhanced(0, 2, b"", 0);
    cut_everywhere(&w.out, &ends);
}

#[test]
fn lengths_that_differ_stop_the_reading() {
    let mut w = writer(false);
    w.interface(1, 6, 0);
    let good = w.out.len();
    w.enhanced(0, 1, b"abc", 0);
    let last = w.out.len() - 4;
    w.out[last] ^= 4;
    let (packets, container) = read(&w.out, 11).unwrap();
    let stop = container.end().0.unwrap();
    assert_eq!((packets.len(), stop.code, stop.offset), (0, "bad_record", good as u64));
}

#[test]
fn times_that_do_not_fit_are_none() {
    for (tick, ticks) in [(0, u64::MAX), (6, u64::MAX), (9, u64::MAX)] {
        let mut w = writer(false);
        w.interface(1, tick, 0);
        w.enhanced(0, ticks, b"", 0);
        assert_eq!(read(&w.out, 64).unwrap().0[0].2, None);
    }
    assert_eq!(Tick::Decimal(127).nanoseconds(u64::MAX), 0);
    assert_eq!(Tick::Binary(127).nanoseconds(u64::MAX), 0);
}

#[test]
fn names_that_the_writer_resolved_are_kept_and_blocks_counted() {
    for big in [false, true] {
        let mut w = writer(big);
        w.interface(1, 6, 0);
        let mut names = w.option(1, b"\xc0\x00\x02\x01a.example\0b.example\0");
        names.extend(w.option(2, &[&[0x20, 1, 0x0d, 0xb8][..], &[0; 12], b"c.example\0"].concat()));
        names.extend(w.option(1, b"\xc0\x00\x02")); // too short for an address
        names.extend(w.option(0x1234, b"of another kind"));
        names.extend([0; 4]);
        names.extend(w.option(1, b"\xc0\x00\x02\x02behind the end\0"));
        w.block(NAMES, &names);
        w.block(NAMES, b"\0\x01"); // cut short
        for kind in [9, 10, 0x0bad, 0x4000_0bad, 0x77] {
            w.block(kind, b"whatever");
        }
        w.enhanced(0, 1, b"a", 0);
        let facts = same_for_every_piece(&w.out).1.facts();
        let kept: Vec<_> =
            facts.names.clone().into_all().into_iter().map(|(ip, name)| format!("{ip} {name}")).collect();
        assert_eq!(kept, ["192.0.2.1 a.example", "192.0.2.1 b.example", "2001:db8:: c.example"]);
        let blocks: Vec<_> = facts.blocks.into_iter().collect();
        assert_eq!(
            blocks,
            [
                ("CB", 1),
                ("DCB", 1),
                ("DSB", 1),
                ("EPB", 1),
                ("IDB", 1),
                ("JEB", 1),
                ("NRB", 2),
                ("SHB", 1),
                ("other", 1)
            ]
        );
        assert_eq!(facts.unknown_blocks, 1);
    }
}

#[test]
fn a_section_of_another_version_stops_the_reading() {
    let mut w = writer(false);
    w.interface(1, 6, 0);
    w.enhanced(0, 1, b"a", 0);
    let second = w.out.len();
    w.section();
    w.out[second + 12] = 2;
    w.enhanced(0, 1, b"b", 0);
    let (packets, container) = same_for_every_piece(&w.out);
    let stop = container.end().0.unwrap();
    assert_eq!((packets.len(), stop.code, stop.offset), (1, "bad_record", second as u64));
    assert_eq!(stop.message, "a section of pcapng 2.0, which is not known");
    w.out[14] = 2; // of 1.2
    assert_eq!(read(&w.out, 7).unwrap().0.len(), 1);
    w.out[14] = 1;
    assert!(matches!(read(&w.out, 7), Err(crate::error::Error::NotACapture { .. })));
}

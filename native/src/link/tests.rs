use super::*;

fn frame(kinds: &[u16], rest: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 12];
    for (at, kind) in kinds.iter().enumerate() {
        if at > 0 {
            out.extend([0xe0, at as u8]);
        }
        out.extend(kind.to_be_bytes());
    }
    out.extend_from_slice(rest);
    out
}

fn opened(link: u16, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u16>), Skip> {
    open(link, bytes, bytes.len() as u32).map(|n| (n.bytes.to_vec(), n.vlans.ids().to_vec()))
}

#[test]
fn tags_are_listed_outer_to_inner() {
    assert_eq!(opened(1, &frame(&[0x0800], b"ip")), Ok((b"ip".to_vec(), vec![])));
    assert_eq!(opened(1, &frame(&[0x88a8, 0x8100, 0x86dd], b"ip")), Ok((b"ip".to_vec(), vec![1, 2])));
    assert_eq!(opened(1, &frame(&[0x8100; 10], b"ip")), Err(Skip::BadHeader));
}

#[test]
fn what_is_no_ip_has_its_reason() {
    assert_eq!(opened(1, &frame(&[0x0806], b"arp")), Err(Skip::NoIp));
    assert_eq!(opened(1, &frame(&[38], &[0x42, 0x42, 3])), Err(Skip::NoIp));
    assert_eq!(opened(1, &frame(&[0x1234], b"?")), Err(Skip::UnknownEthertype));
    assert_eq!(opened(147, b"?"), Err(Skip::UnsupportedLinkType(147)));
    assert_eq!(opened(1, b""), Err(Skip::Empty));
}

#[test]
fn a_short_frame_is_cut_or_bad() {
    let bytes = frame(&[0x8100], &[0]);
    assert_eq!(open(1, &bytes, 60).unwrap_err(), Skip::TruncatedHeader);
    assert_eq!(open(1, &bytes, bytes.len() as u32).unwrap_err(), Skip::BadHeader);
}

#[test]
fn labels_and_sessions_are_passed_over() {
    let label = |last: u8| [0, 1, last, 64];
    let mpls = |rest: &[u8]| frame(&[0x8847], &[&label(0)[..], &label(1), rest].concat());
    assert_eq!(opened(1, &mpls(b"\x45ip")).unwrap().0, b"\x45ip");
    let wire = [&[0, 0, 0, 0][..], &frame(&[0x8100, 0x86dd], b"ip")].concat();
    assert_eq!(opened(1, &mpls(&wire)), Ok((b"ip".to_vec(), vec![1])));
    assert_eq!(opened(1, &mpls(&[0x10, 0, 0, 7])), Err(Skip::NoIp));
    assert_eq!(opened(1, &frame(&[0x8847], &[0; 80])), Err(Skip::BadHeader));
    let pppoe = |kind: u8| frame(&[0x8864], &[0x11, 0, 0, 9, 0, 4, 0, kind, b'i', b'p']);
    let bytes = pppoe(0x21);
    let network = open(1, &bytes, bytes.len() as u32).unwrap();
    assert_eq!((network.bytes, network.pppoe), (&b"ip"[..], Some(9)));
    assert_eq!(opened(51, &bytes[14..]).unwrap().0, b"ip");
    assert_eq!(opened(1, &pppoe(0x22)), Err(Skip::NoIp));
    assert_eq!(opened(1, &frame(&[0x8864], &[0x12, 0, 0, 9, 0, 4, 0, 0x21])), Err(Skip::BadHeader));
}

#[test]
fn ppp_with_and_without_its_framing() {
    for head in [&[0xff, 3, 0, 0x21][..], &[0, 0x57], &[0x21], &[0xff, 3, 0x57]] {
        for link in [9, 50] {
            assert_eq!(opened(link, &[head, b"ip"].concat()).unwrap().0, b"ip");
        }
    }
    assert_eq!(opened(9, &[0xff, 3, 2, 0x81, 0, 1, 1, 64, 0x45]).unwrap().0, [0x45]);
    assert_eq!(opened(9, &[0xc0, 0x21, 1]), Err(Skip::NoIp));
    assert_eq!(opened(9, &[0xff, 3, 0]), Err(Skip::BadHeader));
}

#[test]
fn snap_and_cooked_and_loop_lead_to_ip() {
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], b"ip"].concat();
    assert_eq!(opened(1, &frame(&[10], &snap)).unwrap().0, b"ip");
    let mut sll = vec![0; 14];
    sll.extend([0x08, 0x00, b'i', b'p']);
    assert_eq!(opened(113, &sll).unwrap().0, b"ip");
    let mut sll2 = vec![0x86, 0xdd];
    sll2.extend([0; 18]);
    sll2.extend(b"ip");
    assert_eq!(opened(276, &sll2).unwrap().0, b"ip");
    for family in [[0, 0, 0, 2], [2, 0, 0, 0], [0, 0, 0, 30], [24, 0, 0, 0]] {
        assert_eq!(opened(0, &[&family[..], b"ip"].concat()).unwrap().0, b"ip");
        assert_eq!(opened(108, &[&family[..], b"ip"].concat()).unwrap().0, b"ip");
    }
    assert_eq!(opened(0, &[0, 0, 0, 7, 1]), Err(Skip::NoIp));
    assert_eq!(opened(101, b"ip").unwrap().0, b"ip");
}

/// A short IP packet; only its first bits matter here.
const IP: &[u8] = b"\x45ip";
const SNAP: &[u8] = &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// One frame of each link type that is read, with [`IP`] in it.
fn samples() -> Vec<(u16, Vec<u8>)> {
    let ethernet = frame(&[0x0800], IP);
    let data = |control: u8, flags: u8, length: usize| {
        let mut header = vec![0; length];
        header[..2].copy_from_slice(&[control, flags]);
        [&header[..], SNAP, IP].concat()
    };
    let plain = data(0x08, 0x01, 24);
    let pktap = |link: u32| {
        let mut header = [0; 108];
        header[0] = 108;
        header[8..12].copy_from_slice(&link.to_le_bytes());
        [&header[..], &ethernet[..]].concat()
    };
    let after = |count: usize, rest: &[u8]| [&vec![0; count][..], rest].concat();
    let juniper = |flags: u8, rest: &[u8]| joined(&[b"MGC", &[flags, 0, 3, 9, 9, 9], rest]);
    let mut samples = vec![
        (0, joined(&[&[0, 0, 0, 2], IP])),
        (1, ethernet.clone()),
        (1, frame(&[38], &joined(&[SNAP, IP]))),
        (1, frame(&[0x88a8, 0x88e7], &after(4, &ethernet))),
        (1, frame(&[0x88e5], &joined(&[&[0, 0, 0, 0, 0, 1, 8, 0], IP]))),
        (1, frame(&[0x88e5], &joined(&[&[0x20, 0], &[7; 12], &[8, 0], IP]))),
        (1, frame(&[0x8909], &joined(&[&[1, 1, 0, 1, 0, 2, 8, 0], IP]))),
        (1, frame(&[0x893f], &joined(&[&[0x10, 0, 0, 1, 0, 0, 8, 0], IP]))),
        (1, frame(&[0x8926], &joined(&[&[0, 0, 0, 1, 8, 0], IP]))),
        (1, frame(&[0x892f], &joined(&[&[0, 0, 0, 1, 8, 0], IP]))),
        (1, frame(&[0xf1c1], &joined(&[&[0, 0, 0, 1, 8, 0], IP]))),
        (1, frame(&[0xd28b], &joined(&[&[0, 1, 0, 0x10], &[7; 8], &[8, 0], IP]))),
        (1, frame(&[0x22f3], &joined(&[&[0, 0x40, 0, 1, 0, 2, 9, 9, 9, 9], &ethernet]))),
        (1, frame(&[0x894f], &joined(&[&[0, 0x02, 2, 1, 0, 0, 1, 255], IP]))),
        (1, frame(&[0x894f], &joined(&[&[0, 0x02, 2, 3, 0, 0, 1, 255], &ethernet]))),
        (1, frame(&[0x894f], &joined(&[&[0, 0x02, 2, 5, 0, 0, 1, 255, 0, 0, 1, 9], IP]))),
        (6, joined(&[&[0x10, 0x40], &[7; 6], &[0x87; 6], &[4, 0, 1, 2], SNAP, IP])),
        (6, joined(&[&[0x10, 0x40], &[7; 12], SNAP, IP])),
        (7, joined(&[&[1, 2, 0xf0], IP])),
        (8, after(16, IP)),
        (9, joined(&[&[0, 0x21], IP])),
        (9, joined(&[&[0xff, 3, 0, 0x3d, 0xc0, 0, 0, 1, 0, 0x21], IP])),
        (10, joined(&[&[0x50], &[7; 12], SNAP, IP])),
        (12, IP.to_vec()),
        (14, IP.to_vec()),
        (50, joined(&[&[0xff, 3, 0, 0x21], IP])),
        (50, joined(&[&[0x0f, 0, 8, 0], IP])),
        (51, joined(&[&[0x11, 0, 0, 9, 0, 4, 0, 0x21], IP])),
        (100, joined(&[SNAP, IP])),
        (100, joined(&[&[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7], &ethernet])),
        (101, IP.to_vec()),
        (104, joined(&[&[0x8f, 0, 8, 0], IP])),
        (105, plain.clone()),
        (105, data(0x08, 0x03, 30)),
        (105, data(0x88, 0x02, 26)),
        (105, data(0x88, 0x83, 36)),
        (106, joined(&[SNAP, IP])),
        (107, joined(&[&[0x18, 0x41, 3, 0xcc], IP])),
        (107, joined(&[&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0], IP])),
        (107, joined(&[&[0x18, 0x41, 8, 0], IP])),
        (107, joined(&[&[0x18, 0x40, 0x40, 0x41, 3, 0xcf, 0, 0x21], IP])),
        (108, joined(&[&[0, 0, 0, 2], IP])),
        (109, joined(&[&[2, 0, 0, 0], &[7; 8], IP])),
        (113, joined(&[&after(14, &[8, 0]), IP])),
        (117, joined(&[&[61, 2], &[7; 62], IP])),
        (119, joined(&[&[0x44, 0, 0, 0, 12, 0, 0, 0, 7, 7, 7, 7], &plain])),
        (119, joined(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 12, 7, 7, 7, 7], &plain])),
        (122, joined(&[&[0; 16], SNAP, IP])),
        (123, joined(&[&[2, 0, 0, 5], SNAP, IP])),
        (123, joined(&[&[1, 0, 0, 5, 0, 1], &ethernet])),
        (127, joined(&[&[0, 0, 8, 0, 0, 0, 0, 0], &plain])),
        (127, joined(&[&[0, 0, 25, 0, 3, 0, 0, 0], &[7; 8], &[0x20], &[7; 8], &data(0x88, 0x02, 28)])),
        (127, joined(&[&[0, 0, 13, 0, 2, 0, 0, 0x80, 0, 0, 0, 0, 0x20], &data(0x88, 0x02, 28)])),
        (129, joined(&[&[1, 2, 0, 0, 0xd4, 0, 0, 1], IP])),
        (129, joined(&[&[1, 2, 0, 0, 0xd4, 0xff, 0xff, 0xff, 0xff, 0, 0, 1], IP])),
        (138, joined(&[&[7; 16], &[8, 0], IP])),
        (149, pktap(1)),
        (163, joined(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 8], &plain])),
        (166, joined(&[&[1, 3, 0, 0x21], IP])),
        (178, juniper(0x80, &ethernet)),
        (178, joined(&[b"MGC\x03", &[2, 0, 0, 0], IP])),
        (179, juniper(0x81, &joined(&[&[0, 0x21], IP]))),
        (180, juniper(0x80, &joined(&[&[0x18, 0x41, 3, 0xcc], IP]))),
        (181, juniper(0x80, &joined(&[&[0x0f, 0, 8, 0], IP]))),
        (192, joined(&[&[0, 0, 8, 0, 105, 0, 0, 0], &plain])),
        (197, joined(&[&[0; 8], &[22, 4, 0, 19, 0, 0, 0, 3], IP])),
        (204, joined(&[&[1, 0xff, 3, 0, 0x21], IP])),
        (205, joined(&[&[1, 0x0f, 0, 8, 0], IP])),
        (206, joined(&[&[1, 0x18, 0x41, 3, 0xcc], IP])),
        (226, joined(&[&[1, 2], &[0; 22], IP])),
        (228, IP.to_vec()),
        (229, IP.to_vec()),
        (239, joined(&[&[2, 0, 0, 20, 6, 0, 1, 0, 7, 7, 0, 0, 7, 0, 9, 0], IP])),
        (239, joined(&[&[2, 0, 0, 20, 0, 6, 0, 1, 7, 7, 0, 0, 0, 7, 0, 9], IP])),
        (240, after(4, &ethernet)),
        (242, joined(&[&[0; 40], &[8, 0, 0, 0], IP])),
        (258, pktap(1)),
        (274, joined(&[&[0x55; 7], &[0xd5], &ethernet])),
        (281, joined(&[&[2; 12], &[0, 0, 0, 8, 8, 0], IP])),
        (282, after(4, &ethernet)),
        (284, joined(&[&[2; 12], &[0xc0, 0x0a, 0, 0, 8, 0], IP])),
        (285, joined(&[&[2; 12], &[0xda, 0xda, 0, 0, 0xc0, 0x0a, 0, 0, 8, 0], IP])),
    ];
    let mut cooked2 = vec![0; 20];
    cooked2[0] = 8;
    samples.push((276, joined(&[&cooked2, IP])));
    samples
}

#[test]
fn every_link_type_leads_to_ip() {
    for (link, bytes) in samples() {
        assert_eq!(opened(link, &bytes).map(|found| found.0), Ok(IP.to_vec()), "{link} {bytes:02x?}");
    }
}

#[test]
fn the_list_is_in_order_and_each_of_it_is_tried_here() {
    assert!(LINK_TYPES.windows(2).all(|pair| pair[0].number < pair[1].number));
    let tried: Vec<u16> = samples().iter().map(|(link, _)| *link).collect();
    for known in LINK_TYPES {
        let is_usb = known.name.starts_with("usb");
        assert!(is_usb || tried.contains(&known.number), "{}", known.name);
        assert_eq!(text(known.number), known.name);
        assert_eq!(is_usb, opened(known.number, IP) == Err(Skip::Usb), "{}", known.name);
    }
    assert_eq!(text(147), "LINKTYPE_147");
}

#[test]
fn cut_anywhere_a_frame_is_truncated_or_has_no_ip_yet() {
    for (link, bytes) in samples() {
        for cut in 1..bytes.len() - IP.len() {
            let found = open(link, &bytes[..cut], bytes.len() as u32).map(|network| network.bytes.len());
            let is_told = matches!(found, Err(Skip::TruncatedHeader | Skip::NoIp | Skip::BadHeader) | Ok(0));
            assert!(is_told, "{link} cut at {cut}: {found:?}");
        }
    }
}

#[test]
fn any_bytes_never_panic_and_never_lead_outside() {
    let seeds: Vec<Vec<u8>> = samples().into_iter().map(|(_, bytes)| bytes).collect();
    let numbers: Vec<u16> = LINK_TYPES.iter().map(|known| known.number).collect();
    let mut turn = 0;
    crate::recognise::any_bytes::mutations(&seeds, 60_000, |bytes| {
        turn += 1;
        let wire = bytes.len() as u32 + turn as u32 % 3;
        if let Ok(network) = open(numbers[turn % numbers.len()], bytes, wire) {
            assert!(network.bytes.len() <= bytes.len() && network.wire >= network.bytes.len() as u32);
            let mut others = network.others;
            while let Ok(next) = next_of(others) {
                assert!(next.others.len() < others.len());
                others = next.others;
            }
        }
    });
    for (link, bytes) in samples() {
        crate::recognise::any_bytes::mutations(&[bytes], 300, |bytes| {
            let _ = open(link, bytes, bytes.len() as u32);
        });
    }
}

#[test]
fn frames_within_frames_have_an_end() {
    let mut bytes = frame(&[0x0800], IP);
    for depth in 0..20_000 {
        let read = open(1, &bytes, bytes.len() as u32);
        assert_eq!(read.is_ok(), depth <= 8, "{depth}");
        if depth > 9 {
            bytes = [frame(&[0x8847], &[0, 0, 1, 9, 0, 0, 0, 0]), bytes].concat();
            if bytes.len() > 200_000 {
                break;
            }
        } else {
            bytes = frame(&[0x88e7], &[&[0; 4][..], &bytes].concat());
        }
    }
    let mut taps = frame(&[0x0800], IP);
    for _ in 0..10_000 {
        taps = [&[0, 0, 8, 0, 192, 0, 0, 0][..], &taps].concat();
    }
    assert_eq!(opened(192, &taps), Err(Skip::BadHeader));
}

#[test]
fn what_a_link_hides_is_told_as_that() {
    let data = |control: u8, flags: u8| [&[control, flags][..], &[0; 24], SNAP, IP].concat();
    assert_eq!(opened(105, &data(0x08, 0x41)), Err(Skip::Protected));
    assert_eq!(opened(105, &data(0x80, 0x00)), Err(Skip::NoIp)); // a beacon
    assert_eq!(opened(105, &data(0x48, 0x01)), Err(Skip::NoIp)); // no data
    let mut later = data(0x08, 0x01);
    later[22] = 1;
    assert_eq!(opened(105, &later), Err(Skip::LinkFragment));
    assert_eq!(opened(1, &frame(&[0x88e5], &[0x2c; 40])), Err(Skip::Protected));
    assert_eq!(opened(9, &[0, 0xfd, 1, 2, 3]), Err(Skip::Protected));
    assert_eq!(opened(9, &[0, 0x3d, 0x80, 0, 0, 1, 0, 0x21, 0x45]), Err(Skip::LinkFragment));
    assert_eq!(opened(129, &[1, 2, 0, 0, 0xd4, 2, 0, 1, 7, 7]), Err(Skip::LinkFragment));
    assert_eq!(opened(274, &[0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x61, 0x45]), Err(Skip::LinkFragment));
}

#[test]
fn an_aggregate_gives_one_packet_after_the_other() {
    let part = |kind: &[u8], rest: &[u8]| {
        let length = (6 + kind.len() + rest.len()) as u8;
        let mut out = joined(&[&[7; 12], &[0, length], &[0xaa, 0xaa, 3, 0, 0, 0], kind, rest]);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    };
    let parts =
        joined(&[&part(&[8, 6], b"arp"), &part(&[8, 0], b"\x45one"), &part(&[0x86, 0xdd], b"\x60two"), b"fcs!"]);
    let mut header = [0; 26];
    (header[0], header[1], header[24]) = (0x88, 0x01, 0x80);
    let bytes = joined(&[&header, &parts]);
    let first = open(105, &bytes, bytes.len() as u32).unwrap();
    assert_eq!(first.bytes, b"\x45one");
    let second = next_of(first.others).unwrap();
    assert_eq!((second.bytes, second.others), (&b"\x60two"[..], &b"fcs!"[..]));
    assert!(next_of(second.others).is_err());
}

#[test]
fn switch_tags_may_stand_for_a_vlan() {
    let tagged = joined(&[&[2; 12], &[0x20, 0, 0, 9, 8, 0], IP]);
    assert_eq!(opened(284, &tagged), Ok((IP.to_vec(), vec![9])));
}

//! From a link-layer frame to the IP packet in it: Ethernet with VLAN tags, MPLS, PPP, raw IP, null/loop, Linux cooked.
//!
//! What is no IP is told by its reason; nothing is guessed from the bytes of an unknown protocol.

pub mod erf;

use crate::coverage::Skip;

/// VLAN tags kept of one frame; a frame with more is refused.
pub const MOST_VLANS: usize = 8;

/// The VLAN identifiers of a frame, outer to inner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vlans {
    ids: [u16; MOST_VLANS],
    count: u8,
}

impl Vlans {
    /// The identifiers, outer to inner.
    #[must_use]
    #[inline]
    pub fn ids(&self) -> &[u16] {
        &self.ids[..usize::from(self.count)]
    }

    fn push(&mut self, tag: u16) -> Result<(), Skip> {
        let slot = self.ids.get_mut(usize::from(self.count)).ok_or(Skip::BadHeader)?;
        *slot = tag & 0x0fff;
        self.count += 1;
        Ok(())
    }
}

/// What a frame carries on the network layer.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The bytes from the IP header on, as captured; padding of the link included.
    pub bytes: &'a [u8],
    /// Length of the same on the wire.
    pub wire: u32,
    /// The tags before it.
    pub vlans: Vlans,
    /// The PPPoE session before it.
    pub pppoe: Option<u16>,
}

/// The IP packet in a frame of a link type, or why there is none.
///
/// # Errors
/// The reason to skip the record.
#[inline]
pub fn open(link: u16, bytes: &[u8], wire: u32) -> Result<Network<'_>, Skip> {
    if bytes.is_empty() {
        return Err(Skip::Empty);
    }
    let rest = Rest::of(bytes, wire);
    match link {
        1 => ethernet(rest),
        12 | 14 | 101 => Ok(rest.network()),
        228 if bytes[0] >> 4 == 4 => Ok(rest.network()),
        229 if bytes[0] >> 4 == 6 => Ok(rest.network()),
        228 | 229 => Err(Skip::BadHeader),
        0 | 108 => loopback(rest),
        9 | 50 => ppp(rest),
        51 => session(rest),
        113 => cooked(rest),
        erf::LINK => endace(bytes),
        276 => cooked2(rest),
        other => Err(Skip::UnsupportedLinkType(other)),
    }
}

/// The IP packet in the frame of an ERF record.
fn endace(record: &[u8]) -> Result<Network<'_>, Skip> {
    match erf::open(record).ok_or(Skip::TruncatedHeader)?.payload {
        erf::Payload::Frame(link, bytes, wire) => open(link, bytes, wire),
        erf::Payload::Meta | erf::Payload::Padding => Err(Skip::NoIp),
        erf::Payload::Unread => Err(Skip::UnsupportedLinkType(erf::LINK)),
    }
}

/// The IP packet in an Ethernet frame that a tunnel carries.
///
/// # Errors
/// Why there is none.
pub fn ethernet_in(bytes: &[u8], wire: u32) -> Result<Network<'_>, Skip> {
    ethernet(Rest::of(bytes, wire))
}

/// The IP packet in what a tunnel carries under an EtherType.
///
/// # Errors
/// Why there is none.
pub fn ethertype_in(kind: u16, bytes: &[u8], wire: u32) -> Result<Network<'_>, Skip> {
    ethertype(kind, Rest::of(bytes, wire))
}

/// The IP packet in a PPP packet that a tunnel carries.
///
/// # Errors
/// Why there is none.
pub fn ppp_in(bytes: &[u8], wire: u32) -> Result<Network<'_>, Skip> {
    ppp(Rest::of(bytes, wire))
}

/// What is left of a frame.
#[derive(Clone, Copy)]
struct Rest<'a> {
    bytes: &'a [u8],
    wire: u32,
    vlans: Vlans,
    pppoe: Option<u16>,
}

impl<'a> Rest<'a> {
    #[inline]
    fn of(bytes: &'a [u8], wire: u32) -> Self {
        Self { bytes, wire: wire.max(bytes.len() as u32), vlans: Vlans::default(), pppoe: None }
    }

    /// The first `N` bytes, or why they are not there.
    #[inline]
    fn peek<const N: usize>(&self) -> Result<&'a [u8; N], Skip> {
        self.bytes.first_chunk::<N>().ok_or_else(|| lacking(self.bytes.len(), self.wire))
    }

    /// Without the first `length` bytes, which were seen.
    #[inline]
    fn after(mut self, length: usize) -> Self {
        self.bytes = &self.bytes[length..];
        self.wire -= length as u32;
        self
    }

    #[inline]
    fn network(self) -> Network<'a> {
        Network { bytes: self.bytes, wire: self.wire, vlans: self.vlans, pppoe: self.pppoe }
    }
}

/// Why bytes are not there: the capture cut them, or they never were.
#[must_use]
pub fn lacking(captured: usize, wire: u32) -> Skip {
    if captured < wire as usize { Skip::TruncatedHeader } else { Skip::BadHeader }
}

#[inline]
fn ethernet(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<14>()?;
    ethertype(u16::from_be_bytes([header[12], header[13]]), rest.after(14))
}

/// Follows an EtherType through tags to IP.
#[inline]
fn ethertype(mut kind: u16, mut rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    loop {
        match kind {
            0x0800 | 0x86dd => return Ok(rest.network()),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
                let tag = rest.peek::<4>()?;
                rest.vlans.push(u16::from_be_bytes([tag[0], tag[1]]))?;
                kind = u16::from_be_bytes([tag[2], tag[3]]);
                rest = rest.after(4);
            }
            0x8847 | 0x8848 => return labelled(rest),
            0x8864 => return session(rest),
            0..=1500 => return logical_link(rest),
            kind if is_known_without_ip(kind) => return Err(Skip::NoIp),
            _ => return Err(Skip::UnknownEthertype),
        }
    }
}

/// IEEE 802.2: IP lies in it behind SNAP (RFC 1042) or under its own service access point.
fn logical_link(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match rest.bytes {
        [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, ..] => match u16::from_be_bytes([*high, *low]) {
            kind @ 0x0600.. => ethertype(kind, rest.after(8)),
            _ => Err(Skip::NoIp),
        },
        [0x06, 0x06, 0x03, ..] => Ok(rest.after(3).network()),
        _ => Err(Skip::NoIp),
    }
}

/// MPLS: IP behind the last label, or Ethernet behind a control word (RFC 3032 2.1, RFC 4385 3); told by the first bits.
fn labelled(mut rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const MOST_LABELS: usize = 16;
    for _ in 0..MOST_LABELS {
        let label = rest.peek::<4>()?;
        rest = rest.after(4);
        if label[2] & 1 == 0 {
            continue;
        }
        return match rest.peek::<1>()?[0] >> 4 {
            4 | 6 => Ok(rest.network()),
            0 if rest.bytes.len() > 4 => ethernet(rest.after(4)),
            1 => Err(Skip::NoIp), // an associated channel
            _ => ethernet(rest),
        };
    }
    Err(Skip::BadHeader)
}

/// A PPPoE session packet (RFC 2516 4).
fn session(mut rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<6>()?;
    if header[..2] != [0x11, 0] || rest.pppoe.is_some() {
        return Err(Skip::BadHeader);
    }
    rest.pppoe = Some(u16::from_be_bytes([header[2], header[3]]));
    ppp(rest.after(6))
}

/// PPP, without its framing or with it, its protocol number perhaps shortened (RFC 1661 2 and 6.5, RFC 1662 3.1).
fn ppp(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let rest = if rest.bytes.starts_with(&[0xff, 0x03]) { rest.after(2) } else { rest };
    match rest.peek::<2>()? {
        [0, 0x21 | 0x57] => Ok(rest.after(2).network()),
        [0x21 | 0x57, _] => Ok(rest.after(1).network()),
        [0x02, 0x81 | 0x83] => labelled(rest.after(2)),
        _ => Err(Skip::NoIp),
    }
}

/// EtherTypes (IEEE registry) that carry no IP conversation.
fn is_known_without_ip(kind: u16) -> bool {
    matches!(
        kind,
        0x0806 | 0x8035 // ARP, RARP
            | 0x0842 | 0x9000 | 0x22f0 | 0x22f3 | 0x22ea // Wake-on-LAN, loopback test, AVTP, TRILL, SRP
            | 0x6000..=0x6009 | 0x80f3 | 0x809b | 0x8137 | 0x8138 | 0x8191 // DEC, AppleTalk, IPX, NetBEUI
            | 0x8808 | 0x8809 | 0x88cc | 0x8902 | 0x893a | 0x88f5 | 0x88f6 | 0x8940 // flow control, slow, LLDP, CFM, 1905, MVRP, MMRP
            | 0x888e | 0x88c7 | 0x890d | 0x8863 // EAPOL, pre-authentication, TDLS, PPPoE discovery
            | 0x887b | 0x88e1 | 0x8912 // HomePlug
            | 0x8892 | 0x88a4 | 0x88ab | 0x88b8..=0x88ba | 0x88cd | 0x88e3 | 0x88f7 | 0x88fb | 0x892f // industry, PTP, redundancy
            | 0x88a2 | 0x8906 | 0x8914 | 0x8915 // storage, RDMA
            | 0x88b5 | 0x88b6 | 0x887e | 0x8899 // local experiments, Realtek
            | 0x2000..=0x2004 // Cisco
    )
}

/// BSD null/loop: four bytes of address family, in the order of the writer's machine.
fn loopback(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let family = u32::from_be_bytes(*rest.peek::<4>()?);
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(rest.after(4).network()),
        _ => Err(Skip::NoIp),
    }
}

/// LINKTYPE_LINUX_SLL.
fn cooked(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<16>()?;
    let hardware = u16::from_be_bytes([header[2], header[3]]);
    cooked_protocol(hardware, u16::from_be_bytes([header[14], header[15]]), rest.after(16))
}

/// LINKTYPE_LINUX_SLL2.
fn cooked2(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<20>()?;
    let hardware = u16::from_be_bytes([header[8], header[9]]);
    cooked_protocol(hardware, u16::from_be_bytes([header[0], header[1]]), rest.after(20))
}

/// The protocol field of the cooked headers: an EtherType, or one of Linux's own numbers below 0x600.
fn cooked_protocol(hardware: u16, kind: u16, rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const NETLINK: u16 = 824;
    const LLC: u16 = 4;
    match (hardware, kind) {
        (NETLINK, _) => Err(Skip::NoIp),
        (_, LLC) => logical_link(rest),
        (_, 0..=0x05ff) => Err(Skip::NoIp),
        _ => ethertype(kind, rest),
    }
}

#[cfg(test)]
mod tests {
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
}

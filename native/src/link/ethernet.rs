//! Ethernet: IP behind any tags, IEEE 802.2, and what switches put in front or in between.
//!
//! Source: IEEE 802.3, 802.1Q, 802.1AE (MACsec), 802.1BR, 802.1CB, IEC 62439-3 (HSR), RFC 1042, RFC 6325 (TRILL),
//! RFC 8300 (NSH); tcpdump.org for the tags of Marvell and Broadcom switches.

use super::{Network, Rest, label, ppp};
use crate::coverage::Skip;
use crate::ip::be16;

/// One frame, from its addresses on.
#[inline]
pub(super) fn frame(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<14>()?;
    ethertype(u16::from_be_bytes([header[12], header[13]]), rest.after(14))
}

/// Follows an EtherType through tags to IP.
#[inline]
pub(super) fn ethertype(mut kind: u16, mut rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    loop {
        match kind {
            0x0800 | 0x86dd => return Ok(rest.network()),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
                let tag = rest.peek::<4>()?;
                rest.vlans.push(u16::from_be_bytes([tag[0], tag[1]]))?;
                kind = u16::from_be_bytes([tag[2], tag[3]]);
                rest = rest.after(4);
            }
            _ => match other(kind, rest)? {
                Found::Tag(next, after) => (kind, rest) = (next, after),
                Found::Network(network) => return Ok(network),
            },
        }
    }
}

/// What stands under an EtherType.
enum Found<'a> {
    /// A tag, and another EtherType behind it.
    Tag(u16, Rest<'a>),
    Network(Network<'a>),
}

#[cold]
fn other(kind: u16, rest: Rest<'_>) -> Result<Found<'_>, Skip> {
    const CISCO_METADATA: u16 = 0x8909;
    let tag = |length: usize| {
        let rest = rest.skip(length)?;
        Ok(Found::Tag(be16(rest.peek::<2>()?, 0), rest.after(2)))
    };
    let network = match kind {
        0..=1500 | 0x8870 => logical_link(rest)?,
        0x8847 | 0x8848 => label::labelled(rest)?,
        0x8864 => ppp::session(rest)?,
        0x880b => ppp::ppp(rest)?,
        0x88e5 => return macsec(rest),
        0x88e7 => frame(rest.skip(4)?.nested()?)?, // provider backbone bridges: a service, then the customer's frame
        0x22f3 => trill(rest)?,
        0x894f => return service_chain(rest),
        0x893f => return tag(6),                   // bridge port extension
        0x8926 | 0x892f | 0xf1c1 => return tag(4), // VN-Tag, HSR, redundancy
        CISCO_METADATA => return tag(2 + 4 * usize::from(rest.peek::<2>()?[1])),
        0xd28b => return tag(arista(rest.peek()?)?),
        kind if is_known_without_ip(kind) => return Err(Skip::NoIp),
        _ => return Err(Skip::UnknownEthertype),
    };
    Ok(Found::Network(network))
}

/// IEEE 802.2: IP lies in it behind SNAP (RFC 1042) or under its own service access point.
pub(super) fn logical_link(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const IEEE_802_1: [u8; 3] = [0, 0x80, 0xc2];
    match rest.bytes {
        [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, ..] => match u16::from_be_bytes([*high, *low]) {
            kind @ 0x0600.. => ethertype(kind, rest.nested()?.after(8)),
            _ => Err(Skip::NoIp),
        },
        [0xaa, 0xaa, 0x03, a, b, c, ..] if [*a, *b, *c] == IEEE_802_1 => bridged(rest.after(6)),
        [0x06, 0x06, 0x03, ..] => Ok(rest.after(3).network()),
        _ => Err(Skip::NoIp),
    }
}

/// A bridged frame with the IEEE's identifier in front (RFC 2684 5.2, RFC 2427 4.2): Ethernet, with checksum or without.
pub(super) fn bridged(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match rest.peek::<2>()? {
        [0, 1 | 7] => frame(rest.skip(2)?.nested()?),
        _ => Err(Skip::NoIp),
    }
}

/// MACsec: in clear where it only protects integrity (IEEE 802.1AE 9.5); its check value at the end is padding to IP.
fn macsec(rest: Rest<'_>) -> Result<Found<'_>, Skip> {
    const SCI: u8 = 0x20;
    const ENCRYPTED_OR_CHANGED: u8 = 0x0c;
    let control = rest.peek::<1>()?[0];
    if control & ENCRYPTED_OR_CHANGED != 0 {
        return Err(Skip::Protected);
    }
    let rest = rest.skip(if control & SCI != 0 { 14 } else { 6 })?;
    Ok(Found::Tag(be16(rest.peek::<2>()?, 0), rest.after(2)))
}

/// TRILL (RFC 6325 3): a frame behind the nicknames and the options.
fn trill(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let options = usize::from(be16(rest.peek::<6>()?, 0) >> 6 & 0x1f) * 4;
    frame(rest.skip(6 + options)?.nested()?)
}

/// A network service header (RFC 8300 2.2).
fn service_chain(rest: Rest<'_>) -> Result<Found<'_>, Skip> {
    const WORDS: u16 = 0x3f;
    let head = rest.peek::<4>()?;
    let length = usize::from(be16(head, 0) & WORDS) * 4;
    if head[0] >> 6 != 0 || length < 8 {
        return Err(Skip::BadHeader);
    }
    let rest = rest.skip(length)?;
    match head[3] {
        1 => Ok(Found::Tag(0x0800, rest)),
        2 => Ok(Found::Tag(0x86dd, rest)),
        3 => Ok(Found::Network(frame(rest.nested()?)?)),
        4 => Ok(Found::Tag(0x894f, rest)),
        5 => Ok(Found::Network(label::labelled(rest)?)),
        _ => Err(Skip::NoIp),
    }
}

/// Length of a time stamp that Arista's switches put before the EtherType, by its version.
fn arista(head: &[u8; 4]) -> Result<usize, Skip> {
    match head {
        [0, 1, 0 | 1, 0x10] => Ok(12),
        [0, 1, 0 | 1, 0x20] => Ok(10),
        _ => Err(Skip::UnknownEthertype),
    }
}

/// Hilscher's header of four bytes before the frame.
pub(super) fn netanalyzer(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    frame(rest.skip(4)?)
}

/// A frame with its preamble; a preempted part of one is none (IEEE 802.3br).
pub(super) fn mpacket(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match rest.peek::<8>()?[7] {
        0xd5 => frame(rest.after(8)),
        _ => Err(Skip::LinkFragment),
    }
}

/// Broadcom's tag of four bytes behind the addresses.
pub(super) fn broadcom(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let head = rest.peek::<18>()?;
    ethertype(be16(head, 16), rest.after(18))
}

/// Broadcom's tag of four bytes before the frame.
pub(super) fn broadcom_before(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    frame(rest.skip(4)?)
}

/// Marvell's tag of four bytes behind the addresses.
pub(super) fn dsa(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    marvell(rest.skip(12)?)
}

/// Marvell's tag behind an EtherType of its own.
pub(super) fn edsa(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    marvell(rest.skip(16)?)
}

/// The tag, which stands for a VLAN tag where its third bit says so.
fn marvell(mut rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const TAGGED: u8 = 0x20;
    let head = rest.peek::<6>()?;
    if head[0] & TAGGED != 0 {
        rest.vlans.push(be16(head, 2))?;
    }
    ethertype(be16(head, 4), rest.after(6))
}

/// EtherTypes (IEEE registry) that carry no IP conversation.
fn is_known_without_ip(kind: u16) -> bool {
    matches!(
        kind,
        0x0806 | 0x8035 // ARP, RARP
            | 0x0842 | 0x9000 | 0x22f0 | 0x22ea // Wake-on-LAN, loopback test, AVTP, SRP
            | 0x6000..=0x6009 | 0x80f3 | 0x809b | 0x8137 | 0x8138 | 0x8191 // DEC, AppleTalk, IPX, NetBEUI
            | 0x8808 | 0x8809 | 0x88cc | 0x8902 | 0x893a | 0x88f5 | 0x88f6 | 0x8940 // flow control, slow, LLDP, CFM, 1905, MVRP, MMRP
            | 0x888e | 0x88c7 | 0x890d | 0x8863 // EAPOL, pre-authentication, TDLS, PPPoE discovery
            | 0x887b | 0x88e1 | 0x8912 // HomePlug
            | 0x8892 | 0x88a4 | 0x88ab | 0x88b8..=0x88ba | 0x88cd | 0x88e3 | 0x88f7 | 0x88fb // industry, PTP, redundancy
            | 0x88a2 | 0x8906 | 0x8914 | 0x8915 // storage, RDMA
            | 0x88b5 | 0x88b6 | 0x887e | 0x8899 // local experiments, Realtek
            | 0x2000..=0x2004 // Cisco
    )
}

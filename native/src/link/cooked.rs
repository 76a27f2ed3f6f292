//! What systems note before a packet instead of a frame: loopback, Linux cooked, netfilter's and packet filters' logs,
//! macOS's and Solaris's taps. Source: tcpdump.org; the kernel headers of the systems named.

use super::{Network, Rest, bare, by_number, ethernet, family};
use crate::coverage::Skip;
use crate::ip::be16;

/// BSD null/loop: four bytes of address family, in the order of the writer's machine.
pub(super) fn loopback(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    noted(u32::from_be_bytes(*rest.peek::<4>()?), rest.after(4))
}

/// OpenBSD's view of IPsec: the family, in the order of the writer's machine, then eight bytes.
pub(super) fn enc(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    noted(u32::from_be_bytes(*rest.peek::<4>()?), rest.skip(12)?)
}

fn noted(number: u32, rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    family(if number > 0xffff { number.swap_bytes() } else { number }, rest)
}

/// OpenBSD's packet filter log: length, family, the rest padded to four bytes.
pub(super) fn pflog(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let [length, number] = *rest.peek::<2>()?;
    family(number.into(), rest.skip(usize::from(length).next_multiple_of(4))?)
}

/// LINKTYPE_LINUX_SLL.
pub(super) fn cooked(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<16>()?;
    cooked_protocol(be16(header, 2), be16(header, 14), rest.after(16))
}

/// LINKTYPE_LINUX_SLL2.
pub(super) fn cooked2(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<20>()?;
    cooked_protocol(be16(header, 8), be16(header, 0), rest.after(20))
}

/// The protocol field of the cooked headers: an EtherType, or one of Linux's own numbers below 0x600.
fn cooked_protocol(hardware: u16, kind: u16, rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const NETLINK: u16 = 824;
    const LLC: u16 = 4;
    match (hardware, kind) {
        (NETLINK, _) => Err(Skip::NoIp),
        (_, LLC) => ethernet::logical_link(rest),
        (_, 0..=0x05ff) => Err(Skip::NoIp),
        _ => ethernet::ethertype(kind, rest),
    }
}

/// Solaris's IP observability: a family in the second of 24 bytes.
pub(super) fn ipnet(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const INET: u8 = 2;
    const INET6: u8 = 26;
    match rest.peek::<24>()?[1] {
        INET | INET6 => Ok(rest.after(24).network()),
        _ => Err(Skip::NoIp),
    }
}

/// Linux netfilter's log: fields by length and kind, in the order of the writer's machine; the packet is one of them.
pub(super) fn nflog(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const PAYLOAD: u16 = 9;
    const MOST_FIELDS: usize = 64;
    let protocol = rest.peek::<4>()?[0];
    let mut rest = rest.after(4);
    for _ in 0..MOST_FIELDS {
        let head = rest.peek::<4>()?;
        // Kinds are small numbers.
        let number = if head[3] == 0 { u16::from_le_bytes } else { u16::from_be_bytes };
        let (length, kind) = (usize::from(number([head[0], head[1]])), number([head[2], head[3]]));
        if length < 4 {
            return Err(Skip::BadHeader);
        }
        if kind == PAYLOAD {
            return family(protocol.into(), rest.after(4));
        }
        rest = rest.skip(length.next_multiple_of(4))?;
    }
    Err(Skip::BadHeader)
}

/// Apple's tap: a header that says its length, and the link type of what follows.
pub(super) fn pktap(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<12>()?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (length, link) = (word(0), word(8));
    if length < 108 {
        return Err(Skip::BadHeader);
    }
    within(link, rest.skip(length as usize)?)
}

/// What follows a header that names another link type by its DLT number, which for raw IP is not the registry's.
pub(super) fn within(link: u32, rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let rest = rest.nested()?;
    match u16::try_from(link) {
        Ok(12 | 14) => bare(rest),
        Ok(link) => by_number(link, rest),
        Err(_) => Err(Skip::BadHeader),
    }
}

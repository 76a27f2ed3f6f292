//! Links of other times and places: token ring, FDDI, ARCNET, SLIP, Fibre Channel, InfiniBand, FireWire.
//!
//! Source: tcpdump.org; RFC 1042, RFC 1390, RFC 1051 and RFC 1201 (ARCNET), RFC 4338, RFC 4391, RFC 2734.

use super::{Network, Rest, ethernet};
use crate::coverage::Skip;
use crate::ip::be16;

/// IEEE 802.5: LLC behind the addresses and the route, which a bit of the source announces.
pub(super) fn token_ring(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const ROUTED: u8 = 0x80;
    const LLC: u8 = 0x40;
    let header = rest.peek::<14>()?;
    if header[1] & 0xc0 != LLC {
        return Err(Skip::NoIp);
    }
    let (is_routed, rest) = (header[8] & ROUTED != 0, rest.after(14));
    let route = if is_routed { usize::from(rest.peek::<2>()?[0] & 0x1f) } else { 0 };
    ethernet::logical_link(rest.skip(route)?)
}

/// FDDI: LLC behind frame control and addresses.
pub(super) fn fddi(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let control = rest.peek::<13>()?[0];
    if control & 0xf0 == 0x50 { ethernet::logical_link(rest.after(13)) } else { Err(Skip::NoIp) }
}

/// ARCNET as BSD records it.
pub(super) fn arcnet(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let kind = rest.peek::<3>()?[2];
    arcnet_packet(kind, rest.after(3))
}

/// ARCNET as Linux records it: the kind stands behind an offset of two bytes.
pub(super) fn arcnet_linux(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let kind = rest.peek::<5>()?[4];
    arcnet_packet(kind, rest.after(5))
}

/// RFC 1051 without a header of its own, RFC 1201 with one that counts parts.
fn arcnet_packet(kind: u8, rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const EXCEPTION: u8 = 0xff;
    match kind {
        0xf0 => Ok(rest.network()),
        0xd4 | 0xc4 => {
            let rest = if rest.peek::<1>()?[0] == EXCEPTION { rest.skip(4)? } else { rest };
            match rest.peek::<3>()?[0] {
                0 => Ok(rest.after(3).network()),
                part if part % 2 == 1 => Ok(rest.after(3).network()), // the first of several
                _ => Err(Skip::LinkFragment),
            }
        }
        _ => Err(Skip::NoIp),
    }
}

/// SLIP behind BSD's header of 16 bytes; what is compressed there was restored before it was recorded.
pub(super) fn slip(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let rest = rest.skip(16)?;
    match rest.peek::<1>()?[0] >> 4 {
        4 | 6 => Ok(rest.network()),
        _ => Err(Skip::NoIp),
    }
}

/// IP over Fibre Channel: a network header of two addresses, then LLC (RFC 4338 3).
pub(super) fn fibre_channel(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    ethernet::logical_link(rest.skip(16)?)
}

/// IP over InfiniBand: 40 bytes of route and address, then an EtherType and two reserved bytes (RFC 4391 6).
pub(super) fn ipoib(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<44>()?;
    ethernet::ethertype(be16(header, 40), rest.after(44))
}

/// IP over FireWire as macOS records it: two addresses of eight bytes, then an EtherType.
pub(super) fn firewire(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<18>()?;
    ethernet::ethertype(be16(header, 16), rest.after(18))
}

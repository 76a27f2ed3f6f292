//! Frame relay, ATM, and the headers that Juniper's routers put before their frames.
//!
//! Source: RFC 2427 (frame relay), RFC 2684 (ATM), tcpdump.org and the formats of libpcap for Juniper.

use super::{Network, Rest, ethernet, family, ppp};
use crate::coverage::Skip;
use crate::ip::be16;

/// Q.922 with the protocol as RFC 2427 3 has it, or an EtherType as Cisco has it.
pub(super) fn frame_relay(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const UNNUMBERED: u8 = 0x03;
    let length = address_length(rest)?;
    let rest = rest.after(length);
    let head = rest.peek::<2>()?;
    if head[0] != UNNUMBERED {
        return ethernet::ethertype(be16(head, 0), rest.after(2));
    }
    let rest = if head[1] == 0 { rest.after(2) } else { rest.after(1) };
    match rest.peek::<1>()?[0] {
        0xcc | 0x8e => Ok(rest.after(1).network()),
        0x80 => subnetwork(rest.after(1)),
        0xcf => ppp::ppp(rest.after(1)),
        _ => Err(Skip::NoIp),
    }
}

/// The address ends with the first octet whose last bit is set: two to four of them (Q.922 3.3).
fn address_length(rest: Rest<'_>) -> Result<usize, Skip> {
    const LAST: u8 = 1;
    rest.peek::<2>()?;
    let octets = rest.bytes.iter().take(4);
    let end = octets.enumerate().find(|(at, octet)| *at > 0 && **octet & LAST != 0);
    end.map(|(at, _)| at + 1).ok_or(Skip::BadHeader)
}

/// A SNAP header without the service access points.
fn subnetwork(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match rest.peek::<5>()? {
        [0, 0, 0, high, low] => ethernet::ethertype(u16::from_be_bytes([*high, *low]), rest.after(5)),
        [0, 0x80, 0xc2, ..] => ethernet::bridged(rest.after(3)),
        _ => Err(Skip::NoIp),
    }
}

/// Frame relay behind a byte of direction.
pub(super) fn frame_relay_with_direction(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    frame_relay(rest.skip(1)?)
}

/// SunATM: a kind and the connection, then LLC; or LAN emulation, Ethernet behind its header of two bytes.
pub(super) fn sunatm(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match rest.peek::<4>()?[0] & 0x0f {
        1 => ethernet::frame(rest.skip(6)?),
        2 => ethernet::logical_link(rest.after(4)),
        _ => Err(Skip::NoIp),
    }
}

pub(super) fn juniper_ethernet(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    juniper(rest, ethernet::frame)
}

pub(super) fn juniper_ppp(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    juniper(rest, ppp::ppp)
}

pub(super) fn juniper_frame_relay(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    juniper(rest, frame_relay)
}

pub(super) fn juniper_cisco(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    juniper(rest, ppp::cisco)
}

/// A magic number, flags and perhaps extensions; then the frame, or a family where there is none.
fn juniper<'a>(rest: Rest<'a>, frame: impl Fn(Rest<'a>) -> Result<Network<'a>, Skip>) -> Result<Network<'a>, Skip> {
    const NO_FRAME: u8 = 0x02;
    const EXTENDED: u8 = 0x80;
    let [b'M', b'G', b'C', flags] = rest.peek::<4>()? else { return Err(Skip::BadHeader) };
    let mut rest = rest.after(4);
    if flags & EXTENDED != 0 {
        rest = rest.skip(2 + usize::from(be16(rest.peek::<2>()?, 0)))?;
    }
    if flags & NO_FRAME == 0 {
        return frame(rest);
    }
    family(u32::from_le_bytes(*rest.peek()?), rest.after(4))
}

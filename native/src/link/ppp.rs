//! PPP in its framings, PPPoE sessions and Cisco's HDLC.
//!
//! Source: RFC 1661, RFC 1662, RFC 1990 (multilink), RFC 2516; IANA's PPP numbers.

use super::{Network, Rest, ethernet, label};
use crate::coverage::Skip;
use crate::ip::be16;

/// A PPPoE session packet (RFC 2516 4).
pub(super) fn session(mut rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<6>()?;
    if header[..2] != [0x11, 0] || rest.pppoe.is_some() {
        return Err(Skip::BadHeader);
    }
    rest.pppoe = Some(be16(header, 2));
    ppp(rest.after(6))
}

/// PPP, without its framing or with it, its protocol number perhaps shortened (RFC 1661 2 and 6.5, RFC 1662 3.1).
pub(super) fn ppp(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const SHORT: u8 = 1;
    let rest = if rest.bytes.starts_with(&[0xff, 0x03]) { rest.after(2) } else { rest };
    let head = rest.peek::<2>()?;
    let (protocol, rest) =
        if head[0] & SHORT != 0 { (head[0].into(), rest.after(1)) } else { (be16(head, 0), rest.after(2)) };
    match protocol {
        0x0021 | 0x0057 => Ok(rest.network()),
        0x0281 | 0x0283 => label::labelled(rest),
        0x003d => multilink(rest),
        0x002d | 0x002f | 0x0053 | 0x0055 | 0x00fb | 0x00fd => Err(Skip::Protected),
        _ => Err(Skip::NoIp),
    }
}

/// A packet of a bundle, in the long format; of one that is in parts no header is whole (RFC 1990 3).
fn multilink(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const BEGINS_AND_ENDS: u8 = 0xc0;
    let flags = rest.peek::<4>()?[0];
    if flags != BEGINS_AND_ENDS {
        return Err(Skip::LinkFragment);
    }
    ppp(rest.after(4).nested()?)
}

/// PPP in HDLC-like framing, or Cisco's, told apart by the address.
pub(super) fn ppp_or_cisco(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match rest.bytes {
        [0x0f | 0x8f, 0, ..] => cisco(rest),
        _ => ppp(rest),
    }
}

/// Cisco HDLC: address, control, EtherType.
pub(super) fn cisco(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let head = rest.peek::<4>()?;
    ethernet::ethertype(be16(head, 2), rest.after(4))
}

/// PPP of which the direction stands in the place of the address.
pub(super) fn pppd(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match rest.peek::<2>()? {
        [0 | 1, 0x03] => ppp(rest.after(2)),
        _ => ppp_with_direction(rest),
    }
}

/// PPP behind a byte of direction.
pub(super) fn ppp_with_direction(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    ppp_or_cisco(rest.skip(1)?)
}

/// Cisco HDLC behind a byte of direction.
pub(super) fn cisco_with_direction(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    cisco(rest.skip(1)?)
}

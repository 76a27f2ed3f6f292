//! Encapsulations over UDP, each on its port and only where its header is exactly right.

use super::Kind;
use super::body::{Body, ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS, ETHERTYPE_NSH};
use crate::ip::{Datagram, be16};
use crate::link::Network;
use crate::transport;

const L2TP_PORT: u16 = 1701;
const GTPU_PORT: u16 = 2152;
const TEREDO_PORT: u16 = 3544;
/// Assigned, and Linux's before that.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
const VXLAN_GPE_PORT: u16 = 4790;
const GENEVE_PORT: u16 = 6081;
const LISP_PORT: u16 = 4341;
const MPLS_PORT: u16 = 6635;

/// True for a port on which one of them runs.
#[inline]
pub(super) fn is_port(port: u16) -> bool {
    matches!(port, L2TP_PORT | GTPU_PORT | TEREDO_PORT | LISP_PORT | 4789 | 4790 | 8472 | GENEVE_PORT | MPLS_PORT)
}

/// The tunnels over UDP, each on its port.
pub(super) fn open<'a>(outer: &Datagram<'a>) -> Option<(Kind, Network<'a>)> {
    let segment = transport::open(outer).ok()?;
    // So does the UDP header.
    let whole = u32::from(be16(outer.payload.get(4..6)?, 0)).saturating_sub(8);
    let length = if outer.fragment.is_some() { whole.max(segment.length) } else { segment.length };
    let body = Body { bytes: segment.payload, length };
    let (src, dst) = segment.ports;
    let on = |port: u16| src == port || dst == port;
    if VXLAN_PORTS.into_iter().any(on) {
        vxlan(body)
    } else if on(GENEVE_PORT) {
        geneve(body)
    } else if on(GTPU_PORT) {
        gtpu(body)
    } else if on(TEREDO_PORT) {
        teredo(body)
    } else if on(VXLAN_GPE_PORT) {
        vxlan_gpe(body)
    } else if on(MPLS_PORT) {
        Some((Kind::Mpls, body.ethertype(ETHERTYPE_MPLS)?))
    } else if on(LISP_PORT) {
        lisp(body)
    } else {
        l2tp(body)
    }
}

/// RFC 7348 5, or with the group policy, whose bits stand in what is reserved there.
fn vxlan(body: Body<'_>) -> Option<(Kind, Network<'_>)> {
    const POLICY: u8 = 0x48;
    let ([0x08, 0, 0, 0, a, b, c, 0] | [0x88, _, _, _, a, b, c, 0]) = body.head()? else { return None };
    if body.bytes[0] & 0x80 != 0 && body.bytes[1] & !POLICY != 0 {
        return None;
    }
    Some((Kind::Vxlan(u32::from_be_bytes([0, *a, *b, *c])), body.after(8)?.ethernet()?))
}

/// The generic extension: a network and the protocol of what follows.
fn vxlan_gpe(body: Body<'_>) -> Option<(Kind, Network<'_>)> {
    let [0x0c, 0, 0, protocol, a, b, c, 0] = body.head()? else { return None };
    let inner = body.after(8)?;
    let network = match protocol {
        1 => inner.ethertype(ETHERTYPE_IPV4)?,
        2 => inner.ethertype(ETHERTYPE_IPV6)?,
        3 => inner.ethernet()?,
        4 => inner.ethertype(ETHERTYPE_NSH)?,
        _ => return None,
    };
    Some((Kind::VxlanGpe(u32::from_be_bytes([0, *a, *b, *c])), network))
}

/// RFC 9300 5.3: flags, of which the last three are reserved or choose a key.
fn lisp(body: Body<'_>) -> Option<(Kind, Network<'_>)> {
    const RESERVED: u8 = 0x07;
    let head: &[u8; 8] = body.head()?;
    let inner = body.after(8)?;
    if head[0] & RESERVED != 0 {
        return None;
    }
    Some((Kind::Lisp, inner.ip()?))
}

fn geneve(body: Body<'_>) -> Option<(Kind, Network<'_>)> {
    let head: &[u8; 8] = body.head()?;
    if head[0] >> 6 != 0 || head[1] & 0x3f != 0 || head[7] != 0 {
        return None;
    }
    let inner = body.after(8 + usize::from(head[0] & 0x3f) * 4)?;
    let network = match be16(head, 2) {
        ETHERTYPE_ETHERNET => inner.ethernet()?,
        kind @ (ETHERTYPE_IPV4 | ETHERTYPE_IPV6) => inner.ethertype(kind)?,
        _ => return None,
    };
    Some((Kind::Geneve(u32::from_be_bytes([0, head[4], head[5], head[6]])), network))
}

fn gtpu(body: Body<'_>) -> Option<(Kind, Network<'_>)> {
    const USER_DATA: u8 = 255;
    let head: &[u8; 8] = body.head()?;
    let declared = u32::from(be16(head, 2)) + 8;
    if head[0] & 0xf8 != 0x30 || head[1] != USER_DATA || declared > body.length {
        return None;
    }
    let mut inner = body.after(8)?;
    if head[0] & 0x07 != 0 {
        let options: &[u8; 4] = inner.head()?;
        let mut next = if head[0] & 0x04 != 0 { options[3] } else { 0 };
        inner = inner.after(4)?;
        while next != 0 {
            let length = usize::from(*inner.bytes.first()?) * 4;
            next = *inner.bytes.get(length.checked_sub(1)?)?;
            inner = inner.after(length)?;
        }
    }
    Some((Kind::Gtpu, inner.ip()?))
}

/// IPv6 behind the optional authentication and origin (RFC 4380 5.1.1); one address is Teredo's own, or of the link.
fn teredo(body: Body<'_>) -> Option<(Kind, Network<'_>)> {
    let body = match body.head()? {
        [0, 1, id, value] => body.after(13 + usize::from(*id) + usize::from(*value))?,
        _ => body,
    };
    let body = match body.head()? {
        [0, 0] => body.after(8)?,
        _ => body,
    };
    let head: &[u8; 40] = body.head()?;
    let of_teredo = |ip: &[u8]| ip.starts_with(&[0x20, 1, 0, 0]) || (ip[0] == 0xfe && ip[1] & 0xc0 == 0x80);
    let whole = u32::from(be16(head, 4)) + 40;
    let known = of_teredo(&head[8..24]) || of_teredo(&head[24..40]);
    if !known || whole > body.length || !are_trailers(body.after(whole as usize).map_or(&[], |after| after.bytes)) {
        return None;
    }
    let packet = Body { length: whole, ..body };
    Some((Kind::Teredo, packet.ethertype(ETHERTYPE_IPV6)?))
}

/// True for what may follow the packet: kinds with their lengths, up to the end ([MS-TERE] 2.2.2).
fn are_trailers(mut bytes: &[u8]) -> bool {
    loop {
        bytes = match bytes {
            [] => return true,
            [1..=7, length, after @ ..] if after.len() >= usize::from(*length) => &after[usize::from(*length)..],
            _ => return false,
        };
    }
}

/// A data message of version 2 (RFC 2661 3.1).
fn l2tp(body: Body<'_>) -> Option<(Kind, Network<'_>)> {
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    let flags = be16(body.head::<2>()?, 0);
    if flags & 0xb4ff != 0x0002 {
        return None;
    }
    let mut at = 2;
    if flags & LENGTH != 0 {
        let declared = be16(body.after(at)?.head::<2>()?, 0);
        if u32::from(declared) != body.length {
            return None;
        }
        at += 2;
    }
    at += 4 + if flags & SEQUENCE != 0 { 4 } else { 0 };
    if flags & OFFSET != 0 {
        at += 2 + usize::from(be16(body.after(at)?.head::<2>()?, 0));
    }
    Some((Kind::L2tp, body.after(at)?.ppp()?))
}

//! Encapsulations that are IP protocols of their own: EtherIP, PIM registers, GRE and what GRE carries.

use super::Kind;
use super::body::{Body, ETHERTYPE_ETHERNET, ETHERTYPE_IPV4};
use crate::ip::be16;
use crate::link::Network;

/// RFC 3378 3.
pub(super) fn etherip(body: Body<'_>) -> Option<Network<'_>> {
    body.head().filter(|head| **head == [0x30, 0])?;
    body.after(2)?.ethernet()
}

/// A PIM register (RFC 7761 4.9.3); one that carries only a header asks whether to go on, and is no packet.
pub(super) fn register(body: Body<'_>) -> Option<Network<'_>> {
    const NULL: u8 = 0x40;
    let head: &[u8; 8] = body.head()?;
    let inner = body.after(8)?;
    if head[0] != 0x21 || head[4] & NULL != 0 {
        return None;
    }
    inner.ip()
}

/// GRE of version 0, and of version 1 as PPTP has it (RFC 2637 4.1).
pub(super) fn gre(body: Body<'_>) -> Option<(Kind, Network<'_>)> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const ACKNOWLEDGEMENT: u16 = 0x0080;
    const PPP: u16 = 0x880b;
    let head: &[u8; 4] = body.head()?;
    let (flags, kind) = (be16(head, 0), be16(head, 2));
    let has = |flag: u16| flags & flag != 0;
    let words = |flags: &[u16]| 4 + 4 * flags.iter().filter(|flag| has(**flag)).count();
    match flags & 0x0007 {
        0 if !has(ROUTING) && flags & 0x0ff8 == 0 => {
            let key = if has(KEY) { Some(body.after(words(&[CHECKSUM]))?.head::<4>()?) } else { None };
            let rest = body.after(words(&[CHECKSUM, KEY, SEQUENCE]))?;
            carried(kind, key.map(|key| u32::from_be_bytes(*key)), has(SEQUENCE), rest)
        }
        1 if kind == PPP && has(KEY) && !has(CHECKSUM | ROUTING) => {
            Some((Kind::Gre(None), body.after(4 + words(&[SEQUENCE, ACKNOWLEDGEMENT]))?.ppp()?))
        }
        _ => None,
    }
}

/// What GRE says it carries.
fn carried(kind: u16, key: Option<u32>, numbered: bool, rest: Body<'_>) -> Option<(Kind, Network<'_>)> {
    const ERSPAN: u16 = 0x88be;
    const ERSPAN_3: u16 = 0x22eb;
    const WCCP: u16 = 0x883e;
    const CISCO_METADATA: u16 = 0x8909;
    match kind {
        // The low eight bits differ by conversation and direction (RFC 7637 3.2).
        ETHERTYPE_ETHERNET => Some((Kind::Gre(key.map(|key| key >> 8)), rest.ethernet()?)),
        ERSPAN if !numbered => Some((Kind::Erspan(None), rest.ethernet()?)),
        ERSPAN => erspan(rest, 1, 8),
        ERSPAN_3 => erspan(rest, 2, 12),
        WCCP => {
            let redirected = if rest.bytes.first()? >> 4 == 4 { rest } else { rest.after(4)? };
            Some((Kind::Gre(key), redirected.ethertype(ETHERTYPE_IPV4)?))
        }
        // Here the EtherType of the packet stands before the metadata, not behind them.
        CISCO_METADATA => {
            let head: &[u8; 4] = rest.head()?;
            let packet = rest.after(4 + 4 * usize::from(head[3]))?;
            Some((Kind::Gre(key), packet.ethertype(be16(head, 0))?))
        }
        kind => Some((Kind::Gre(key), rest.ethertype(kind)?)),
    }
}

/// ERSPAN of types II and III: version, session, and in type III an optional part of the platform.
fn erspan(rest: Body<'_>, version: u8, length: usize) -> Option<(Kind, Network<'_>)> {
    let head: &[u8; 4] = rest.head()?;
    let body = rest.after(length)?;
    if head[0] >> 4 != version {
        return None;
    }
    let kind = Kind::Erspan(Some(be16(head, 2) & 0x03ff));
    if version == 1 {
        return Some((kind, body.ethernet()?));
    }
    let last = be16(rest.bytes.get(10..12)?, 0);
    let body = if last & 1 != 0 { body.after(8)? } else { body };
    match last >> 10 & 0x1f {
        0 => Some((kind, body.ethernet()?)),
        2 => Some((kind, body.ip()?)),
        _ => None,
    }
}

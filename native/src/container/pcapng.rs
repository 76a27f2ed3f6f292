//! pcapng: sections in either byte order, interfaces with their own clocks, enhanced, simple and old packet blocks.
//!
//! Source: draft-ietf-opsawg-pcapng. Names that the writer resolved are kept beside the rows. Blocks of other types are
//! passed over and counted; a block whose two lengths differ ends the reading, for nothing after it can be found.

use super::names::Names;
use super::pcap::{be16, be32, le16, le32};
use super::{Facts, Frame, Step, joined};

/// First bytes of a section, the same in both orders.
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const ORDER: u32 = 0x1a2b_3c4d;
/// Versions of a section: 1.2 is 1.0 with more types of blocks.
const VERSIONS: [(u16, u16); 2] = [(1, 0), (1, 2)];
/// Longest block that is believed.
const LONGEST: u32 = 16 << 20;
/// Interfaces kept of one section.
const MOST_INTERFACES: usize = 65_536;

const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAMES: u32 = 4;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;
const EPB_DROPCOUNT: u16 = 4;

/// Length of a tick of an interface's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tick {
    /// 10^-n seconds.
    Decimal(u8),
    /// 2^-n seconds.
    Binary(u8),
}

impl Tick {
    fn nanoseconds(self, ticks: u64) -> i128 {
        match self {
            Self::Decimal(n @ 0..=9) => i128::from(ticks) * 10_i128.pow(9 - u32::from(n)),
            Self::Decimal(n) => i128::from(ticks).checked_div(10_i128.saturating_pow(u32::from(n) - 9)).unwrap_or(0),
            Self::Binary(n) => (i128::from(ticks) * 1_000_000_000) >> n,
        }
    }
}

#[derive(Debug)]
struct Interface {
    link: u16,
    snaplen: u32,
    tick: Tick,
    /// Seconds added to every time.
    offset: i64,
    /// Packets lost as the last statistics block says (its counts run from the start).
    reported_drops: u64,
    /// Packets lost as the packet blocks say (each since the one before).
    counted_drops: u64,
}

impl Interface {
    #[inline]
    fn time(&self, ticks: u64) -> Option<i64> {
        match self.tick {
            Tick::Decimal(9) if self.offset == 0 => i64::try_from(ticks).ok(),
            Tick::Decimal(6) if self.offset == 0 => i64::try_from(ticks).ok()?.checked_mul(1000),
            tick => i64::try_from(tick.nanoseconds(ticks) + i128::from(self.offset) * 1_000_000_000).ok(),
        }
    }
}

/// A pcapng file: the section that is being read.
#[derive(Debug, Default)]
pub(super) struct Pcapng {
    big: bool,
    interfaces: Vec<Interface>,
}

impl Pcapng {
    /// The block at the front of `bytes`.
    #[inline]
    pub(super) fn step<'a>(&mut self, bytes: &'a [u8], facts: &mut Facts) -> Step<'a> {
        if bytes.len() < 12 {
            return Step::Need;
        }
        if bytes[..4] == SECTION {
            if bytes.len() < 16 {
                return Step::Need;
            }
            if let Err(message) = self.order(bytes, facts) {
                return Step::Bad(message);
            }
        }
        let length = self.long(bytes, 4);
        if length < 12 || !length.is_multiple_of(4) || length > LONGEST {
            let message = joined(bytes).map_or_else(|| format!("a block cannot be {length} bytes long"), str::to_owned);
            return Step::Bad(message);
        }
        let total = length as usize;
        if bytes.len() < total {
            return Step::Need;
        }
        if self.long(bytes, total - 4) != length {
            return Step::Bad("the two lengths of a block differ".into());
        }
        let kind = self.long(bytes, 0);
        match self.block(kind, &bytes[8..total - 4], facts) {
            Some(frame) => Step::Packet(total, frame),
            None => Step::Other(total),
        }
    }

    /// Packets lost in this section, as its writer says.
    pub(super) fn drops(&self) -> u64 {
        self.interfaces.iter().map(|i| i.reported_drops.max(i.counted_drops)).fold(0, u64::saturating_add)
    }

    /// Begins a section: its byte order and version, no interfaces.
    fn order(&mut self, bytes: &[u8], facts: &mut Facts) -> Result<(), String> {
        self.big = match (le32(bytes, 8), be32(bytes, 8)) {
            (ORDER, _) => false,
            (_, ORDER) => true,
            _ => return Err("a section without its byte-order magic".into()),
        };
        let version = (self.short(bytes, 12), self.short(bytes, 14));
        if !VERSIONS.contains(&version) {
            return Err(format!("a section of pcapng {}.{}, which is not known", version.0, version.1));
        }
        facts.drops = facts.drops.saturating_add(self.drops());
        self.interfaces.clear();
        Ok(())
    }

    #[inline]
    fn block<'a>(&mut self, kind: u32, body: &'a [u8], facts: &mut Facts) -> Option<Frame<'a>> {
        if kind == ENHANCED_PACKET {
            return Some(self.enhanced(body));
        }
        self.other(kind, body, facts)
    }

    /// Any block but an enhanced packet.
    #[cold]
    fn other<'a>(&mut self, kind: u32, body: &'a [u8], facts: &mut Facts) -> Option<Frame<'a>> {
        let name = name(kind);
        *facts.blocks.entry(name.unwrap_or("other")).or_default() += 1;
        facts.unknown_blocks += u64::from(name.is_none());
        match kind {
            SIMPLE_PACKET => return Some(self.simple(body)),
            OLD_PACKET => return Some(self.old(body)),
            INTERFACE => self.interface(body, facts),
            STATISTICS => self.statistics(body),
            NAMES => self.names(body, &mut facts.names),
            _ => {}
        }
        None
    }

    #[inline]
    fn enhanced<'a>(&mut self, body: &'a [u8]) -> Frame<'a> {
        if body.len() < 20 {
            return BROKEN;
        }
        let interface = self.long(body, 0) as usize;
        self.packet(interface, body, 20)
    }

    fn old<'a>(&mut self, body: &'a [u8]) -> Frame<'a> {
        if body.len() < 20 {
            return BROKEN;
        }
        let interface = usize::from(self.short(body, 0));
        let lost = self.short(body, 2);
        if let Some(interface) = self.interfaces.get_mut(interface)
            && lost != u16::MAX
        {
            interface.counted_drops = interface.counted_drops.saturating_add(u64::from(lost));
        }
        self.packet(interface, body, 20)
    }

    /// The fields that old and enhanced packets share: time at 4, lengths at 12 and 16, then the bytes and options.
    #[inline]
    fn packet<'a>(&mut self, interface: usize, body: &'a [u8], at: usize) -> Frame<'a> {
        let ticks = u64::from(self.long(body, 4)) << 32 | u64::from(self.long(body, 8));
        let (captured, wire) = (self.long(body, 12) as usize, self.long(body, 16));
        let bytes = &body[at..];
        let big = self.big;
        let (Some(interface), Some(packet)) = (self.interfaces.get_mut(interface), bytes.get(..captured)) else {
            return Frame { wire, ..BROKEN };
        };
        if let Some(rest) = bytes.get(captured.next_multiple_of(4)..)
            && !rest.is_empty()
        {
            let lost: u64 = options(rest, big).filter(|o| o.0 == EPB_DROPCOUNT).filter_map(|o| number(o.1, big)).sum();
            interface.counted_drops = interface.counted_drops.saturating_add(lost);
        }
        Frame { time: interface.time(ticks), link: Some(interface.link), wire, bytes: packet }
    }

    fn simple<'a>(&self, body: &'a [u8]) -> Frame<'a> {
        if body.len() < 4 {
            return BROKEN;
        }
        let wire = self.long(body, 0);
        let Some(interface) = self.interfaces.first() else {
            return Frame { wire, ..BROKEN };
        };
        let limit = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let captured = (wire.min(limit) as usize).min(body.len() - 4);
        Frame { time: None, link: Some(interface.link), wire, bytes: &body[4..4 + captured] }
    }

    fn interface(&mut self, body: &[u8], facts: &mut Facts) {
        if body.len() < 8 || self.interfaces.len() == MOST_INTERFACES {
            facts.refused_interfaces += 1;
            return;
        }
        let (link, snaplen) = (self.short(body, 0), self.long(body, 4));
        let mut tick = Tick::Decimal(6);
        let mut offset = 0;
        for (code, value) in options(&body[8..], self.big) {
            match (code, value) {
                (IF_TSRESOL, [n]) if n & 0x80 != 0 => tick = Tick::Binary(n & 0x7f),
                (IF_TSRESOL, [n]) => tick = Tick::Decimal(*n),
                (IF_TSOFFSET, _) => offset = number(value, self.big).unwrap_or(0) as i64,
                _ => {}
            }
        }
        facts.links.insert(link);
        facts.snaplen = facts.snaplen.max(snaplen);
        self.interfaces.push(Interface { link, snaplen, tick, offset, reported_drops: 0, counted_drops: 0 });
    }

    fn statistics(&mut self, body: &[u8]) {
        if body.len() < 12 {
            return;
        }
        let interface = self.long(body, 0) as usize;
        let lost = options(&body[12..], self.big)
            .filter(|(code, _)| matches!(*code, ISB_IFDROP | ISB_OSDROP))
            .filter_map(|(_, value)| number(value, self.big))
            .fold(0, u64::saturating_add);
        if let Some(interface) = self.interfaces.get_mut(interface) {
            interface.reported_drops = interface.reported_drops.max(lost);
        }
    }

    /// The records of a block of names: an address and the names that the writer found for it.
    fn names(&self, mut body: &[u8], names: &mut Names) {
        while let Some(head) = body.get(..4) {
            let (kind, length) = (self.short(head, 0), usize::from(self.short(head, 2)));
            let Some(value) = body.get(4..4 + length).filter(|_| kind != 0) else { return };
            match (kind, value.first_chunk::<4>(), value.first_chunk::<16>()) {
                (1, Some(address), _) => names.add((*address).into(), &value[4..]),
                (2, _, Some(address)) => names.add((*address).into(), &value[16..]),
                _ => {}
            }
            body = body.get(4 + length.next_multiple_of(4)..).unwrap_or(&[]);
        }
    }

    #[inline]
    fn long(&self, bytes: &[u8], at: usize) -> u32 {
        if self.big { be32(bytes, at) } else { le32(bytes, at) }
    }

    fn short(&self, bytes: &[u8], at: usize) -> u16 {
        if self.big { be16(bytes, at) } else { le16(bytes, at) }
    }
}

/// The name of a block that is known.
fn name(kind: u32) -> Option<&'static str> {
    Some(match kind {
        kind if kind == u32::from_be_bytes(SECTION) => "SHB",
        INTERFACE => "IDB",
        OLD_PACKET => "OPB",
        SIMPLE_PACKET => "SPB",
        NAMES => "NRB",
        STATISTICS => "ISB",
        ENHANCED_PACKET => "EPB",
        9 => "JEB",
        10 => "DSB",
        0x0bad => "CB",
        0x4000_0bad => "DCB",
        _ => return None,
    })
}

/// Whether the bytes are a section's first.
pub(super) fn is_section(bytes: &[u8]) -> bool {
    bytes.len() >= 12 && bytes[..4] == SECTION && [le32(bytes, 8), be32(bytes, 8)].contains(&ORDER)
}

/// A packet block that contradicts itself or its section.
const BROKEN: Frame<'static> = Frame { time: None, link: None, wire: 0, bytes: &[] };

/// The options of a block as (code, value), up to their end or the first that does not fit.
fn options(mut bytes: &[u8], big: bool) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let head = bytes.get(..4)?;
        let (code, length) = if big { (be16(head, 0), be16(head, 2)) } else { (le16(head, 0), le16(head, 2)) };
        if code == 0 {
            return None;
        }
        let value = bytes.get(4..4 + usize::from(length))?;
        bytes = bytes.get(4 + usize::from(length).next_multiple_of(4)..).unwrap_or(&[]);
        Some((code, value))
    })
}

/// An option value of eight bytes as a number.
fn number(value: &[u8], big: bool) -> Option<u64> {
    let value = <[u8; 8]>::try_from(value).ok()?;
    Some(if big { u64::from_be_bytes(value) } else { u64::from_le_bytes(value) })
}

#[cfg(test)]
mod tests;

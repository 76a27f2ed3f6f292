//! IEEE 802.11: data frames in clear, with what receivers note before them (radiotap, prism, AVS, PPI).
//!
//! Frames that are protected are told as that; the parts of a fragmented frame but the first hold no header. Source:
//! IEEE 802.11-2020 9.2 and 9.3.2, radiotap.org, tcpdump.org.

use super::{Network, Rest, cooked, ethernet};
use crate::coverage::Skip;
use crate::ip::be16;

/// One frame, from its control field on.
pub(super) fn frame(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    read(rest, false)
}

/// A frame; `padded` says that its header is filled to four bytes.
fn read(rest: Rest<'_>, padded: bool) -> Result<Network<'_>, Skip> {
    const DATA: u8 = 2;
    const AGGREGATE: u8 = 0x80;
    let [control, flags] = *rest.peek::<2>()?;
    let is_empty = control & 0x40 != 0;
    if control & 0x03 != 0 || control >> 2 & 3 != DATA || is_empty {
        return Err(Skip::NoIp);
    }
    let header = Header { control, flags };
    let fragment = rest.peek::<24>()?[22] & 0x0f;
    let quality = header.quality_at().map(|at| rest.bytes.get(at).copied());
    let length = if padded { header.length().next_multiple_of(4) } else { header.length() };
    let rest = rest.skip(length)?;
    if flags & Header::PROTECTED != 0 {
        return Err(Skip::Protected);
    }
    if fragment > 0 {
        return Err(Skip::LinkFragment);
    }
    match quality.flatten() {
        Some(quality) if quality & AGGREGATE != 0 => aggregate(rest),
        _ => ethernet::logical_link(rest),
    }
}

/// The two bytes that say how long the header is.
#[derive(Clone, Copy)]
struct Header {
    control: u8,
    flags: u8,
}

impl Header {
    const PROTECTED: u8 = 0x40;

    /// Where the quality-of-service field lies.
    fn quality_at(self) -> Option<usize> {
        const TO_AND_FROM_DISTRIBUTION: u8 = 0x03;
        const WITH_QUALITY: u8 = 0x80;
        let addresses = if self.flags & 3 == TO_AND_FROM_DISTRIBUTION { 30 } else { 24 };
        (self.control & WITH_QUALITY != 0).then_some(addresses)
    }

    fn length(self) -> usize {
        const WITH_CONTROL: u8 = 0x80;
        let more = if self.flags & WITH_CONTROL != 0 { 4 } else { 0 };
        let without = if self.flags & 3 == 3 { 30 } else { 24 };
        self.quality_at().map_or(without, |at| at + 2 + more)
    }
}

/// An aggregate of frames, each padded to four bytes (9.3.2.2.2): the first with IP in it, and what follows that.
pub(super) fn aggregate(mut rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let mut reason = Skip::NoIp;
    loop {
        let length = match rest.peek::<14>() {
            Ok(header) => 14 + usize::from(be16(header, 12)),
            Err(_) => return Err(reason),
        };
        let part = rest.bytes.get(..length).unwrap_or(rest.bytes);
        let others = rest.bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        let one = Rest { bytes: &part[14..], wire: (length - 14) as u32, others, ..rest };
        match ethernet::logical_link(one) {
            Ok(network) => return Ok(network),
            Err(other) => reason = other,
        }
        let wire = rest.wire.saturating_sub(length.next_multiple_of(4) as u32);
        rest = Rest { bytes: others, wire, ..rest };
    }
}

/// Radiotap: fields by the bits of one or more words; of interest is only whether the header behind it is padded.
pub(super) fn radiotap(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    const TIMER: u32 = 1;
    const FLAGS: u32 = 1 << 1;
    const PADDED: u8 = 0x20;
    let header = rest.peek::<8>()?;
    let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
    let present = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    if header[0] != 0 || length < 8 {
        return Err(Skip::BadHeader);
    }
    let after = rest.skip(length)?;
    let fields = fields_at(&rest.bytes[..length]).ok_or(Skip::BadHeader)?;
    let at = if present & TIMER != 0 { fields.next_multiple_of(8) + 8 } else { fields };
    let flags = rest.bytes[..length].get(at).filter(|_| present & FLAGS != 0);
    read(after, flags.is_some_and(|flags| flags & PADDED != 0))
}

/// Where the fields of a radiotap header begin: behind the last word of bits.
fn fields_at(header: &[u8]) -> Option<usize> {
    const ANOTHER: u8 = 0x80;
    let words = header.get(4..)?.chunks_exact(4);
    let last = words.enumerate().find(|(_, word)| word[3] & ANOTHER == 0)?.0;
    Some(8 + last * 4)
}

/// The header of Prism chips: a number and its length, in the order of the writer's machine; or AVS's.
pub(super) fn prism(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<8>()?;
    if is_avs(header) {
        return avs(rest);
    }
    let length = [header[4], header[5], header[6], header[7]];
    let (little, big) = (u32::from_le_bytes(length), u32::from_be_bytes(length));
    let length = little.min(big) as usize;
    if length < 8 { Err(Skip::BadHeader) } else { frame(rest.skip(length)?) }
}

/// AVS: a magic number and the length.
pub(super) fn avs(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<8>()?;
    let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
    if !is_avs(header) || length < 8 { Err(Skip::BadHeader) } else { frame(rest.skip(length)?) }
}

fn is_avs(header: &[u8; 8]) -> bool {
    matches!(header, [0x80, 0x21, 0x10, 0..=2, ..])
}

/// Per-packet information: its length and the link type of what follows.
pub(super) fn ppi(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    let header = rest.peek::<8>()?;
    let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
    let link = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    if header[0] != 0 || length < 8 { Err(Skip::BadHeader) } else { cooked::within(link, rest.skip(length)?) }
}

//! MPLS: what lies behind the last label is told by its first bits. Source: RFC 3032 2.1, RFC 4385 3.

use super::{Network, Rest, ethernet};
use crate::coverage::Skip;

const MOST_LABELS: usize = 16;

/// IP behind the last label, or Ethernet, with a control word or without.
pub(super) fn labelled(mut rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    for _ in 0..MOST_LABELS {
        let label = rest.peek::<4>()?;
        rest = rest.after(4);
        if label[2] & 1 == 0 {
            continue;
        }
        return match rest.peek::<1>()?[0] >> 4 {
            4 | 6 => Ok(rest.network()),
            0 if rest.bytes.len() > 4 => ethernet::frame(rest.after(4).nested()?),
            1 => Err(Skip::NoIp), // an associated channel
            _ => ethernet::frame(rest.nested()?),
        };
    }
    Err(Skip::BadHeader)
}

//! The state of a TCP conversation in Zeek's `conn_state` words.
//!
//! Source: Zeek `base/protocols/conn/main.zeek`, function `conn_state`. Zeek's end states are read off the segments
//! seen: reset over closed over established over opened. A RST after both sides had closed changes nothing.

use super::tcp::Half;

/// The word for a conversation of an originator and a responder, which sent `packets` of (originator, responder).
#[must_use]
pub fn word(orig: &Half, resp: &Half, packets: (u64, u64)) -> &'static str {
    let orig_open = orig.has_syn() || orig.has_syn_ack();
    let resp_open = resp.has_syn() || resp.has_syn_ack();
    if orig.has_fin() && resp.has_fin() {
        return "SF";
    }
    if resp.has_rst() {
        return match (orig_open, resp_open) {
            (true, false) if packets.0 > 0 => "REJ",
            (false, _) => "RSTRH",
            _ => "RSTR",
        };
    }
    if orig.has_rst() {
        return if resp_open { "RSTO" } else { "RSTOS0" };
    }
    match (orig.has_fin(), resp.has_fin()) {
        (true, _) if resp_open => "S2",
        (true, _) => "SH",
        (_, true) if orig_open => "S3",
        (_, true) => "SHR",
        _ if orig_open && resp_open => "S1",
        _ if orig.has_syn() && packets.1 == 0 => "S0",
        _ => "OTH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Flags, Tcp};

    /// The word after segments written as `>S <SA >F`: direction, then flags S A F R.
    fn after(story: &str) -> &'static str {
        let mut halves = [Half::default(), Half::default()];
        let mut packets = [0, 0];
        for (at, step) in story.split_whitespace().enumerate() {
            let side = usize::from(step.starts_with('<'));
            let flags = step
                .bytes()
                .map(|c| match c {
                    b'S' => 2,
                    b'A' => 16,
                    b'F' => 1,
                    b'R' => 4,
                    _ => 0,
                })
                .sum();
            halves[side].send(&Tcp { seq: at as u32, ack: 0, flags: Flags(flags), window: 1 }, 0, false);
            packets[side] += 1;
        }
        word(&halves[0], &halves[1], (packets[0], packets[1]))
    }

    #[test]
    fn the_words_are_zeeks() {
        for (story, told) in [
            (">S", "S0"),
            (">S <SA", "S1"),
            (">S <SA >A", "S1"),
            (">S <SA >A >FA <FA >A", "SF"),
            (">S <SA >A >FA <FA >RA", "SF"),
            (">S <RA", "REJ"),
            (">S <SA >A >FA", "S2"),
            (">S <SA >A <FA", "S3"),
            (">S <SA >A >RA", "RSTO"),
            (">S <SA >A <RA", "RSTR"),
            (">S >R", "RSTOS0"),
            ("<SA <R", "RSTRH"),
            (">S >F", "SH"),
            ("<SA <FA", "SHR"),
            (">A <A", "OTH"),
            ("<SA", "OTH"),
        ] {
            assert_eq!(after(story), told, "{story}");
        }
    }
}

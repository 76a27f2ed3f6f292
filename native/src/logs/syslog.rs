//! The frame that syslog puts around a line of a program: RFC 3164, the same with an ISO 8601 time (rsyslog, journald), and
//! RFC 5424; a priority may stand before each.

use super::Rest;

const SHORT: [&[u8]; 2] = [b"Aaa  0 00:00:00", b"Aaa 00 00:00:00"];
const DAY: &[u8] = b"0000-00-00T";
const ZONES: [&[u8]; 4] = [b"+00:00", b"-00:00", b"+0000", b"-0000"];
/// Bytes of a program's name.
const TAG: std::ops::Range<usize> = 1..102;
const MANY: std::ops::Range<usize> = 1..usize::MAX;

/// Takes a frame around a line of the program `is_mine`; its time.
pub fn frame<'a>(rest: &mut Rest<'a>, is_mine: impl Fn(&[u8]) -> bool) -> Option<&'a [u8]> {
    if rest.maybe(b"<") {
        rest.run(1..4, |byte| byte.is_ascii_digit())?;
        rest.word(b">")?;
        rest.maybe(b"1 ");
    }
    let time = time(rest)?;
    rest.word(b" ")?;
    word(rest)?;
    rest.word(b" ")?;
    let tag = rest.run(TAG, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-'))?;
    if !is_mine(tag) {
        return None;
    }
    if rest.maybe(b" ") {
        structured(rest)?;
    } else {
        if rest.maybe(b"[") {
            rest.run(MANY, |byte| byte.is_ascii_digit() || byte == b':')?;
            rest.word(b"]")?;
        }
        rest.word(b": ")?;
    }
    Some(time)
}

fn time<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    if let Some(short) = SHORT.iter().find_map(|shape| rest.shape(shape)) {
        return Some(short);
    }
    let whole = rest.0;
    rest.shape(DAY)?;
    rest.run(MANY, |byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b','))?;
    if !rest.maybe(b"Z") {
        let _ = ZONES.iter().find_map(|shape| rest.shape(shape));
    }
    whole.get(..whole.len() - rest.0.len())
}

/// What RFC 5424 has behind the name: process, message, and structured data.
fn structured(rest: &mut Rest<'_>) -> Option<()> {
    for _ in 0..2 {
        word(rest)?;
        rest.word(b" ")?;
    }
    if !rest.maybe(b"-") {
        rest.word(b"[")?;
        loop {
            rest.run(0..usize::MAX, |byte| byte != b']')?;
            rest.word(b"]")?;
            if !rest.maybe(b"[") {
                break;
            }
        }
    }
    rest.word(b" ")?;
    rest.maybe(b" ");
    Some(())
}

fn word<'a>(rest: &mut Rest<'a>) -> Option<&'a [u8]> {
    rest.run(MANY, |byte| !matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c))
}

//! Domain names on the wire (RFC 1035 3.1, 4.1.4).
//!
//! Promises: compression pointers go strictly backward, so reading always ends; a name longer than 255 octets, or of more
//! pointers than it can have labels, is refused.

use super::Broken;
use crate::text::dns_label_into;

const MOST_OCTETS: usize = 255;
/// Pointers of one name: each leads to a label, but where somebody wants to be followed for long.
const MOST_POINTERS: usize = 127;
const HEADER: usize = 12;

enum Step<'a> {
    End,
    Label(&'a [u8]),
    Pointer(usize),
}

/// Appends the name at `start` (root: `.`, no trailing dot otherwise) and gives the offset behind it.
///
/// # Errors
/// `Short` where the message ends inside the name, `Bad` where it can not be a name; `out` is then as before.
pub fn read_into(message: &[u8], start: usize, out: &mut String) -> Result<usize, Broken> {
    let before = out.len();
    let done = walk(message, start, |label| {
        if out.len() > before {
            out.push('.');
        }
        dns_label_into(label, out);
    });
    match done {
        Ok(_) if out.len() == before => out.push('.'),
        Ok(_) => {}
        Err(_) => out.truncate(before),
    }
    done
}

/// The name at `start` as text, and the offset behind it.
pub fn read(message: &[u8], start: usize) -> Result<(String, usize), Broken> {
    let mut text = String::new();
    let after = read_into(message, start, &mut text)?;
    Ok((text, after))
}

/// The offset behind the name at `start`.
pub fn skip(message: &[u8], start: usize) -> Result<usize, Broken> {
    walk(message, start, |_| {})
}

fn walk<'a>(message: &'a [u8], start: usize, mut each: impl FnMut(&'a [u8])) -> Result<usize, Broken> {
    let (mut at, mut floor, mut octets, mut pointers, mut after) = (start, start, 1, 0, None);
    loop {
        match step(message, at)? {
            Step::End => return Ok(after.unwrap_or(at + 1)),
            Step::Label(label) => {
                at += 1 + label.len();
                octets += 1 + label.len();
                if octets > MOST_OCTETS {
                    return Err(Broken::Bad);
                }
                each(label);
            }
            Step::Pointer(target) => {
                after.get_or_insert(at + 2);
                pointers += 1;
                if target >= floor || target < HEADER || pointers > MOST_POINTERS {
                    return Err(Broken::Bad);
                }
                (at, floor) = (target, target);
            }
        }
    }
}

fn step(message: &[u8], at: usize) -> Result<Step<'_>, Broken> {
    let first = *message.get(at).ok_or(Broken::Short)?;
    match first {
        0 => Ok(Step::End),
        1..=63 => {
            let label = message.get(at + 1..at + 1 + usize::from(first)).ok_or(Broken::Short)?;
            Ok(Step::Label(label))
        }
        0xc0..=0xff => {
            let low = *message.get(at + 1).ok_or(Broken::Short)?;
            Ok(Step::Pointer(usize::from(first & 0x3f) << 8 | usize::from(low)))
        }
        _ => Err(Broken::Bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind_header(tail: &[u8]) -> Vec<u8> {
        [&[0; 12], tail].concat()
    }

    #[test]
    fn labels_pointers_and_the_root() {
        let message = behind_header(b"\x07Example\x00\x03www\xc0\x0c\x00\x01a\xc0\x15");
        assert_eq!(read(&message, 12), Ok(("example".into(), 21)));
        assert_eq!(read(&message, 21), Ok(("www.example".into(), 27)));
        assert_eq!(read(&message, 27), Ok((".".into(), 28)));
        assert_eq!(read(&message, 28), Ok(("a.www.example".into(), 32)));
        assert_eq!(skip(&message, 28), Ok(32));
    }

    #[test]
    fn pointers_never_go_forward_nor_round() {
        assert_eq!(read(&behind_header(b"\xc0\x0c"), 12), Err(Broken::Bad));
        assert_eq!(read(&behind_header(b"\xc0\x0e\x01a\x00"), 12), Err(Broken::Bad));
        assert_eq!(read(&behind_header(b"\x01a\xc0\x0c"), 12), Err(Broken::Bad));
        assert_eq!(read(&behind_header(b"\xc0\x02"), 12), Err(Broken::Bad));
    }

    #[test]
    fn no_name_is_followed_for_long() {
        let chain = |pointers: u16| {
            let steps = (0..pointers).flat_map(|step| (0xc000 | (13 + 2 * step).max(12)).to_be_bytes());
            behind_header(&[b"\0\xc0\x0c".to_vec(), steps.collect()].concat())
        };
        let last = |message: &[u8]| skip(message, message.len() - 2);
        assert!(last(&chain(126)).is_ok());
        assert_eq!(last(&chain(127)), Err(Broken::Bad));
    }

    #[test]
    fn the_longest_name_passes_and_one_more_octet_does_not() {
        let longest = [&[63; 64][..], &[63; 64], &[63; 64], &[61; 62], &[0]].concat();
        assert_eq!(longest.len(), 255);
        assert!(read(&behind_header(&longest), 12).is_ok());
        let longer = [&[63; 64][..], &[63; 64], &[63; 64], &[62; 63], &[0]].concat();
        assert_eq!(read(&behind_header(&longer), 12), Err(Broken::Bad));
    }

    #[test]
    fn a_name_cut_anywhere_is_short_and_leaves_no_text() {
        let message = behind_header(b"\x03www\x07example\x00");
        for end in 12..message.len() {
            let mut out = String::from("before");
            assert_eq!(read_into(&message[..end], 12, &mut out), Err(Broken::Short));
            assert_eq!(out, "before");
        }
    }
}

//! The line with which both sides of SSH begin (RFC 4253 4.2). All that follows it is counted as encrypted.

use super::Outcome;

/// Whether a direction begins with `SSH-` and a version.
#[must_use]
pub fn banner(stream: &[u8]) -> Outcome<()> {
    const SHAPE: [fn(u8) -> bool; 8] = [
        |b| b == b'S',
        |b| b == b'S',
        |b| b == b'H',
        |b| b == b'-',
        |b| matches!(b, b'1' | b'2'),
        |b| b == b'.',
        |b| b.is_ascii_digit(),
        |b| b == b'-' || b.is_ascii_digit(),
    ];
    if !stream.iter().zip(SHAPE).all(|(byte, law)| law(*byte)) {
        return Outcome::No;
    }
    if stream.len() < SHAPE.len() { Outcome::NeedMore } else { Outcome::Found(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_every_age() {
        for banner_line in [&b"SSH-2.0-x\r\n"[..], b"SSH-1.99-x", b"SSH-1.5-old\n"] {
            assert_eq!(banner(banner_line), Outcome::Found(()));
            assert!((0..7).all(|end| banner(&banner_line[..end]) == Outcome::NeedMore));
        }
        for other in [&b"SSH-3.0-x"[..], b"SSH 2.0", b"ssh-2.0-x", b"\x16\x03\x01"] {
            assert_eq!(banner(other), Outcome::No);
        }
    }
}

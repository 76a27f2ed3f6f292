//! SOCKS requests and answers in clear (version 4, SOCKS 4A; version 5: RFC 1928, RFC 1929).
//!
//! Promises: the host asked for, told only from a whole request that holds to the form in every byte. Refuses: what is
//! wrapped by GSS-API (RFC 1961), and datagrams (the association is told, not what is sent through it).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Cursor, Outcome};
use crate::text::hostname;

/// Bytes of a user or a host name.
const MOST_TEXT: usize = 255;
const CONNECT: u8 = 1;
const PASSWORD: u8 = 2;

/// What a client asked of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Host name or address to connect to; none for another command.
    pub host: Option<String>,
    /// Port of it.
    pub port: u16,
}

/// The request at the front of one direction, with greeting and authentication; and how many bytes these are.
#[must_use]
pub fn request(stream: &[u8]) -> Outcome<(Request, usize)> {
    let mut cursor = Cursor::new(stream);
    let request = match cursor.u8() {
        Some(4) => request4(&mut cursor),
        Some(5) => request5(&mut cursor),
        Some(_) => return Outcome::No,
        None => Err(Outcome::NeedMore),
    };
    outcome(request, stream, &cursor)
}

/// The answers at the front of one direction, up to the one to the request; how many bytes these are.
#[must_use]
pub fn answer(stream: &[u8]) -> Outcome<usize> {
    let mut cursor = Cursor::new(stream);
    let answer = match cursor.u8() {
        Some(0) => answer4(&mut cursor),
        Some(5) => answer5(&mut cursor),
        Some(_) => return Outcome::No,
        None => Err(Outcome::NeedMore),
    };
    match outcome(answer, stream, &cursor) {
        Outcome::Found(((), length)) => Outcome::Found(length),
        Outcome::NeedMore => Outcome::NeedMore,
        Outcome::No => Outcome::No,
    }
}

/// What a step gives: a value, or why there is none.
type Step<T> = Result<T, Outcome<()>>;

fn outcome<T>(step: Step<T>, stream: &[u8], cursor: &Cursor<'_>) -> Outcome<(T, usize)> {
    match step {
        Ok(found) => Outcome::Found((found, stream.len() - cursor.rest().len())),
        Err(Outcome::NeedMore) => Outcome::NeedMore,
        Err(_) => Outcome::No,
    }
}

fn there<T>(taken: Option<T>) -> Step<T> {
    taken.ok_or(Outcome::NeedMore)
}

fn law(holds: bool) -> Step<()> {
    if holds { Ok(()) } else { Err(Outcome::No) }
}

/// Command, port, address, user; for SOCKS 4A a host name. Nothing may follow before the proxy has answered, which
/// is asked for since the form alone says little.
fn request4(cursor: &mut Cursor<'_>) -> Step<Request> {
    let command = there(cursor.u8())?;
    law(matches!(command, 1 | 2))?;
    let port = there(cursor.u16())?;
    law(port > 0)?;
    let address = there(cursor.u32())?;
    text(cursor)?;
    let host = if (1..256).contains(&address) {
        let name = text(cursor)?;
        law(!name.is_empty())?;
        hostname(name)
    } else {
        Ipv4Addr::from(address).to_string()
    };
    law(cursor.is_empty())?;
    Ok(Request { host: Some(host).filter(|_| command == CONNECT), port })
}

/// Printable bytes up to a zero.
fn text<'a>(cursor: &mut Cursor<'a>) -> Step<&'a [u8]> {
    let rest = cursor.rest();
    let length = rest.iter().take_while(|byte| (0x21..=0x7e).contains(*byte)).count();
    law(length <= MOST_TEXT)?;
    law(rest.get(length).is_none_or(|byte| *byte == 0))?;
    there(cursor.take(length + 1))?;
    Ok(rest.get(..length).unwrap_or_default())
}

/// Methods offered; a password where the client sends one; then the request.
fn request5(cursor: &mut Cursor<'_>) -> Step<Request> {
    let methods = there(cursor.u8())?;
    law(methods > 0)?;
    let offered = there(cursor.take(usize::from(methods)))?;
    let mut version = there(cursor.u8())?;
    if version == 1 {
        law(offered.contains(&PASSWORD))?;
        password(cursor)?;
        version = there(cursor.u8())?;
    }
    law(version == 5)?;
    let command = there(cursor.u8())?;
    law(matches!(command, 1..=3))?;
    law(there(cursor.u8())? == 0)?;
    let host = address(cursor)?;
    let port = there(cursor.u16())?;
    Ok(Request { host: Some(host).filter(|_| command == CONNECT), port })
}

/// User and password (RFC 1929 2), which are not kept.
fn password(cursor: &mut Cursor<'_>) -> Step<()> {
    law(!there(cursor.counted8())?.is_empty())?;
    there(cursor.counted8())?;
    Ok(())
}

fn address(cursor: &mut Cursor<'_>) -> Step<String> {
    match there(cursor.u8())? {
        1 => Ok(Ipv4Addr::from(there(cursor.u32())?).to_string()),
        3 => {
            let name = there(cursor.counted8())?;
            law(!name.is_empty())?;
            Ok(hostname(name))
        }
        4 => {
            let bytes = there(cursor.take(16).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()))?;
            Ok(Ipv6Addr::from(bytes).to_string())
        }
        _ => Err(Outcome::No),
    }
}

fn answer4(cursor: &mut Cursor<'_>) -> Step<()> {
    law(matches!(there(cursor.u8())?, 90..=93))?;
    there(cursor.take(6))?;
    Ok(())
}

/// Method chosen, the word on the password where there was one, the answer to the request.
fn answer5(cursor: &mut Cursor<'_>) -> Step<()> {
    let method = there(cursor.u8())?;
    law(matches!(method, 0 | PASSWORD))?;
    if method == PASSWORD {
        law(there(cursor.u8())? == 1)?;
        law(there(cursor.u8())? == 0)?;
    }
    law(there(cursor.u8())? == 5)?;
    law(there(cursor.u8())? <= 8)?;
    law(there(cursor.u8())? == 0)?;
    address(cursor)?;
    there(cursor.u16())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::any_bytes::mutations;

    fn seeds() -> Vec<(Vec<u8>, &'static str)> {
        let v5 = |auth: &[u8], address: &[u8]| [auth, b"\x05\x01\x00", address, b"\x01\xbb"].concat();
        vec![
            (b"\x04\x01\x01\xbb\xcb\x00\x71\x07user\0".to_vec(), "203.0.113.7"),
            (b"\x04\x01\x01\xbb\x00\x00\x00\x01\0Results.Example\0".to_vec(), "results.example"),
            (v5(b"\x05\x01\x00", b"\x03\x0fResults.Example"), "results.example"),
            (v5(b"\x05\x03\x00\x01\x02", b"\x01\xcb\x00\x71\x07"), "203.0.113.7"),
            (v5(b"\x05\x02\x00\x02\x01\x04user\x06secret", b"\x03\x06a.test"), "a.test"),
            (v5(b"\x05\x01\x00", b"\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"), "2001:db8::1"),
            (v5(b"\x05\x01\x00", b"\x03\x03a b"), "a b"),
        ]
    }

    #[test]
    fn every_form_names_its_host_and_a_part_of_it_never() {
        for (wire, host) in seeds() {
            let request = Request { host: Some(host.into()), port: 443 };
            assert_eq!(super::request(&wire), Outcome::Found((request, wire.len())), "{host}");
            for end in 0..wire.len() {
                assert_eq!(super::request(&wire[..end]), Outcome::NeedMore, "{host} {end}");
            }
        }
    }

    #[test]
    fn what_follows_is_left_to_others() {
        for (mut wire, host) in seeds() {
            let length = wire.len();
            wire.extend(b"\x16\x03\x01");
            match super::request(&wire) {
                Outcome::Found((request, used)) => {
                    assert_eq!((request.host.as_deref(), used, wire[0]), (Some(host), length, 5))
                }
                other => assert_eq!((other, wire[0]), (Outcome::No, 4), "version 4 waits for its answer"),
            }
        }
    }

    #[test]
    fn other_commands_name_no_destination() {
        let associate = b"\x05\x01\x00\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00";
        assert_eq!(super::request(associate), Outcome::Found((Request { host: None, port: 0 }, associate.len())));
    }

    #[test]
    fn what_does_not_hold_to_the_form_is_something_else() {
        for other in [
            &b"\x05\x00\x0b"[..],
            b"\x05\x01\x00\x05\x01\x01",
            b"\x05\x01\x00\x05\x01\x00\x02",
            b"\x05\x01\x00\x05\x01\x00\x03\x00",
            b"\x05\x01\x00\x01\x04",
            b"\x05\x01\x02\x01\x00",
            b"\x04\x03",
            b"\x04\x01\x00\x00",
            b"\x04\x01\x01\xbb\xcb\x00\x71\x07us er",
            b"\x04\x01\x01\xbb\x00\x00\x00\x01\0\0",
            b"GET / HTTP/1.1",
        ] {
            assert_eq!(super::request(other), Outcome::No, "{other:?}");
        }
        let long = [&b"\x04\x01\x01\xbb\xcb\x00\x71\x07"[..], &[b'x'; 256]].concat();
        assert_eq!(super::request(&long), Outcome::No);
    }

    #[test]
    fn answers_end_where_the_tunnel_begins() {
        let seeds: Vec<Vec<u8>> = [
            &b"\x00\x5a\x00\x00\x00\x00\x00\x00"[..],
            b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00",
            b"\x05\x02\x01\x00\x05\x00\x00\x03\x06a.test\x01\xbb",
        ]
        .map(<[u8]>::to_vec)
        .into();
        for wire in &seeds {
            assert_eq!(answer(&[wire, &b"tunnel"[..]].concat()), Outcome::Found(wire.len()));
            assert!((0..wire.len()).all(|end| answer(&wire[..end]) == Outcome::NeedMore));
        }
        assert_eq!(answer(b"\x05\xff"), Outcome::No);
        assert_eq!(answer(b"\x05\x02\x01\x01"), Outcome::No);
    }

    #[test]
    fn no_bytes_panic_and_all_text_is_printable() {
        let seeds: Vec<Vec<u8>> = seeds().into_iter().map(|(wire, _)| wire).collect();
        mutations(&seeds, 40_000, |bytes| {
            if let Outcome::Found((request, length)) = super::request(bytes) {
                assert!(length <= bytes.len());
                assert!(request.host.iter().flat_map(|host| host.bytes()).all(|byte| (0x20..0x7f).contains(&byte)));
            }
            let _ = answer(bytes);
        });
    }
}

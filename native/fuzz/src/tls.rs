//! TLS hellos, whole and cut, in records and without, and in the segments of a conversation.

use _native::recognise::Outcome;
use _native::recognise::tls::{self, ClientHello};

use super::bytes::{choice, is_printable, pieces};
use super::reading::same_for_any_segments;

/// The first byte chooses what is asked: one direction's front, a hello as QUIC carries it, or turns of a conversation.
pub fn holds(data: &[u8]) {
    let (kind, data) = choice(data);
    match kind % 3 {
        0 => a_front(data),
        1 => a_bare_hello(data),
        _ => same_for_any_segments(&pieces(data, 6), &[60_000, 1 + data.len() / 5, 1 + usize::from(kind)]),
    }
}

/// What is told of the front stays told when more bytes come.
fn a_front(data: &[u8]) {
    let (client, server) = (tls::client_hello(data), tls::server_hello(data));
    for cut in [0, 5, 9, data.len() / 3, data.len() / 2, data.len().saturating_sub(1)] {
        let front = &data[..cut.min(data.len())];
        let told = tls::client_hello(front);
        assert!(told == Outcome::NeedMore || told == client, "cut at {cut}: {told:?}, then {client:?}");
        let told = tls::server_hello(front);
        assert!(told == Outcome::NeedMore || told == server, "cut at {cut}: {told:?}, then {server:?}");
        if let (Outcome::Found(whole), Some(part)) = (&client, tls::client_hello_cut(front)) {
            is_part(&part, whole);
        }
    }
    if let Outcome::Found(hello) = client {
        bounded(&hello, data.len());
        // The form of SSLv2 is told whole or not at all.
        let is_old = data.first().is_some_and(|byte| byte & 0x80 != 0);
        assert_eq!(tls::client_hello_cut(data), Some(hello).filter(|_| !is_old));
    }
}

fn a_bare_hello(data: &[u8]) {
    let whole = tls::bare_client_hello(data, true);
    let told = tls::bare_client_hello(data, false);
    assert!(told == Outcome::NeedMore || told == whole);
    if let Outcome::Found(hello) = whole {
        bounded(&hello, data.len());
    }
}

/// A hello that ends early tells only what the whole one tells.
fn is_part(part: &ClientHello, whole: &ClientHello) {
    assert!(part.sni.is_none() || part.sni == whole.sni);
    assert!(whole.ech || !part.ech);
}

fn bounded(hello: &ClientHello, length: usize) {
    let texts = hello.sni.iter().chain(&hello.alpn);
    assert!(texts.clone().all(|text| is_printable(text)), "{hello:?}");
    assert!(texts.map(String::len).sum::<usize>() <= 4 * length);
    assert!(hello.alpn.len() <= tls::MOST_PROTOCOLS);
}

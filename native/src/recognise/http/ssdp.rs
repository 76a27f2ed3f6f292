//! HTTP in datagrams, as SSDP has it (UPnP Device Architecture 1.3): searches, announcements, and answers to searches.
//!
//! Promises: what the first datagram asked for. Refuses: any other HTTP over UDP, and a search that does not hold to the form.

use super::{Nobody, Requests, response};
use crate::recognise::Outcome;

/// What a datagram is.
#[derive(Debug, Clone)]
pub enum Ssdp {
    /// A search or an announcement.
    Request(Box<Requests>),
    /// An answer to a search.
    Answer,
}

/// What a datagram of SSDP says; none where it is something else.
#[must_use]
pub fn ssdp(datagram: &[u8]) -> Option<Ssdp> {
    if datagram.starts_with(b"M-SEARCH * HTTP/1.") || datagram.starts_with(b"NOTIFY * HTTP/1.") {
        let mut requests = Requests::default();
        requests.read(datagram, &mut Nobody);
        return requests.finish(datagram, &mut Nobody).then(|| Ssdp::Request(Box::new(requests)));
    }
    let is_target = |line: &[u8]| line.get(..3).is_some_and(|name| name.eq_ignore_ascii_case(b"st:"));
    let answers = response(datagram) == Outcome::Found(200) && datagram.split(|b| *b == b'\n').any(is_target);
    answers.then_some(Ssdp::Answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_announcements_and_answers_are_told() {
        for method in ["M-SEARCH", "NOTIFY"] {
            let text = format!("{method} * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nUSER-AGENT: agent/1\r\n\r\n");
            let Some(Ssdp::Request(requests)) = ssdp(text.as_bytes()) else { panic!() };
            let told = (requests.host.as_deref(), requests.method.as_deref(), requests.user_agent.as_deref());
            assert_eq!(told, (Some("239.255.255.250"), Some(method), Some("agent/1")));
            // Cut by the capture, the lines that are whole count.
            let Some(Ssdp::Request(requests)) = ssdp(&text.as_bytes()[..60]) else { panic!() };
            assert_eq!(requests.host.as_deref(), Some("239.255.255.250"));
        }
        assert!(matches!(ssdp(b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"), Some(Ssdp::Answer)));
        for other in [&b"M-SEARCH"[..], b"GET * HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b""] {
            assert!(ssdp(other).is_none(), "{other:?}");
        }
    }
}

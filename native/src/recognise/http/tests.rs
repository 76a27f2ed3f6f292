//! Laws of the request reader.

use super::*;
use crate::recognise::any_bytes::mutations;

fn all(bytes: &[u8]) -> Requests {
    let mut requests = Requests::default();
    requests.read(bytes, &mut Nobody);
    requests
}

fn hosts(bytes: &[u8]) -> Vec<String> {
    all(bytes).hosts
}

const THREE: &[u8] =
    b"POST /push?k=v HTTP/1.1\r\nHost: Results.Example:8080\r\nUser-Agent: agent/1\r\nContent-Length: 21\r\n\r\n\
GET / HTTP/1.1\r\nx: y\
PUT /b HTTP/1.1\r\nHost: b.example\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nGET /\r\n3\r\nabc\r\n0\r\nt: v\r\n\r\n\
GET http://c.example/d HTTP/1.0\nHost: other.example\n\n";

#[test]
fn requests_of_one_connection_read_back_and_bodies_are_passed_over() {
    let read = all(THREE);
    assert_eq!(read.method.as_deref(), Some("POST"));
    assert_eq!(read.path.as_deref(), Some("/push?k=v"));
    assert_eq!(read.host.as_deref(), Some("results.example"));
    assert_eq!(read.user_agent.as_deref(), Some("agent/1"));
    assert_eq!((read.requests, read.done()), (3, false));
    // The body of 21 bytes ends inside what looks like a request.
    assert_eq!(read.hosts, ["results.example", "b.example", "c.example", "other.example"]);
}

#[test]
fn any_cutting_into_segments_gives_the_same() {
    for size in [1, 2, 3, 7, 50] {
        let mut read = Requests::default();
        for end in (0..THREE.len()).step_by(size).chain([THREE.len()]) {
            read.read(&THREE[..end], &mut Nobody);
        }
        assert_eq!((read.requests, read.hosts.len(), read.method.as_deref()), (3, 4, Some("POST")), "{size}");
    }
}

#[test]
fn what_is_consumed_can_be_dropped_by_the_caller() {
    for size in [1, 5, 60] {
        let (mut read, mut buffer, mut skip) = (Requests::default(), Vec::new(), 0);
        for part in THREE.chunks(size) {
            let dropped = part.len().min(skip);
            skip -= dropped;
            buffer.extend_from_slice(&part[dropped..]);
            read.read(&buffer, &mut Nobody);
            skip += read.consumed().saturating_sub(buffer.len());
            buffer.drain(..read.consumed().min(buffer.len()));
            read.forget(read.consumed());
        }
        assert_eq!((read.requests, read.hosts.len(), buffer.len()), (3, 4, 0), "{size}");
    }
}

#[test]
fn a_request_cut_anywhere_needs_more_and_never_tells_a_wrong_name() {
    let head = THREE.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    for end in 0..head {
        let mut read = Requests::default();
        assert_eq!(read.read(&THREE[..end], &mut Nobody), Outcome::NeedMore, "{end}");
        read.finish(&THREE[..end], &mut Nobody);
        assert!(read.host.is_none_or(|h| h == "results.example"));
    }
    let mut read = Requests::default();
    let host_line = THREE.windows(6).position(|w| w == b"User-A").unwrap();
    read.read(&THREE[..host_line], &mut Nobody);
    assert!(read.finish(&THREE[..host_line], &mut Nobody) && read.done());
    assert_eq!(read.host.as_deref(), Some("results.example"));
}

#[test]
fn each_form_of_target_gives_its_host_and_path() {
    for (line, host, path) in [
        ("GET http://User@Abs.Example:81/x?y HTTP/1.1", "abs.example", "/x?y"),
        ("GET http://abs.example HTTP/1.1", "abs.example", "/"),
        ("CONNECT vendor.example:443 HTTP/1.1", "vendor.example", "vendor.example:443"),
        ("CONNECT [2001:db8::1]:443 HTTP/1.1", "[2001:db8::1]", "[2001:db8::1]:443"),
        ("CONNECT / HTTP/1.1", "h.example", "/"),
        ("OPTIONS * HTTP/1.1", "h.example", "*"),
        ("GET /a b\u{e9} HTTP/1.1", "h.example", r"/a b\xc3\xa9"),
        ("GET /go?to=http://x.example/ HTTP/1.1", "h.example", "/go?to=http://x.example/"),
    ] {
        let read = all(format!("{line}\r\nHost: H.Example.\r\n\r\n").as_bytes());
        assert_eq!((read.host.as_deref(), read.path.as_deref()), (Some(host), Some(path)), "{line}");
    }
}

#[test]
fn the_tunnel_behind_connect_is_not_read() {
    assert_eq!(hosts(b"CONNECT a.example:80 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: b.example\r\n\r\n"), ["a.example"]);
}

#[test]
fn a_second_host_line_is_kept_beside_the_first() {
    assert_eq!(hosts(b"GET / HTTP/1.1\r\nHost: a.example\r\nHOST : b.example\r\n\r\n"), ["a.example", "b.example"]);
}

#[test]
fn framing_that_contradicts_itself_ends_the_reading() {
    for field in [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: x",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
    ] {
        let wire =
            format!("POST / HTTP/1.1\r\nHost: a.example\r\n{field}\r\n\r\nGET / HTTP/1.1\r\nHost: b.example\r\n\r\n");
        let read = all(wire.as_bytes());
        assert_eq!((read.hosts, read.state), (vec!["a.example".to_string()], State::Done), "{field}");
    }
}

#[test]
fn limits_are_kept_and_told() {
    let many: String = (0..100).map(|i| format!("GET / HTTP/1.1\r\nHost: h{i}.example\r\n\r\n")).collect();
    let read = all(many.as_bytes());
    assert_eq!((read.hosts.len(), read.hosts_overflow, read.requests), (MOST_HOSTS, true, 100));
    let read = all(format!("GET /{} HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(5000), "h".repeat(256)).as_bytes());
    assert_eq!((read.path.unwrap().len(), read.host, read.text_cut), (4096, None, true));
    let read = all(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{}", "x: y\r\n".repeat(20_000)).as_bytes());
    assert_eq!((read.host.as_deref(), read.text_cut, read.done()), (Some("a.example"), true, true));
}

#[test]
fn other_protocols_are_told_as_soon_as_they_differ() {
    for other in [
        &b"EHLO mail.example\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"INVITE sip:a SIP/2.0\r\n",
        b"\x16\x03\x01",
        b"GET\x00",
        b" GET",
    ] {
        let mut read = Requests::default();
        assert_eq!(read.read(other, &mut Nobody), Outcome::No, "{other:?}");
        assert!(read.done());
    }
    assert_eq!(Requests::default().read(b"", &mut Nobody), Outcome::NeedMore);
}

#[test]
fn responses_are_told_by_their_status_line() {
    assert_eq!(response(b"HTTP/1.1 404 Not Found\r\n"), Outcome::Found(404));
    assert_eq!(response(b"HTTP/1."), Outcome::NeedMore);
    assert_eq!(response(b"HTTP/2 200"), Outcome::No);
}

#[test]
fn no_bytes_panic_and_all_text_is_printable() {
    mutations(&[THREE.to_vec(), THREE[100..].to_vec()], 40_000, |bytes| {
        let mut read = Requests::default();
        read.read(bytes.get(..bytes.len() / 2).unwrap_or_default(), &mut Nobody);
        read.read(bytes, &mut Nobody);
        read.finish(bytes, &mut Nobody);
        let texts = [&read.method, &read.path, &read.host, &read.user_agent].into_iter().flatten().chain(&read.hosts);
        assert!(texts.flat_map(|t| t.bytes()).all(|b| (0x20..0x7f).contains(&b)));
        let _ = response(bytes);
    });
}

#[test]
fn a_front_that_grows_is_searched_once() {
    let head = b"\r\nGET /path HTTP/1.1\r\nX: y\r\nHost: a.example\r\n\r\n";
    let mut scan = Scan::default();
    for end in 3..head.len() {
        let mut first = Requests::after(scan);
        assert_eq!(first.read(&head[..end], &mut Nobody), Outcome::NeedMore);
        scan = first.scan();
        assert_eq!(scan.at + scan.scanned, end);
    }
    let mut last = Requests::after(scan);
    assert_eq!((last.read(head, &mut Nobody), last.host.as_deref()), (Outcome::Found(()), Some("a.example")));
}

#[test]
fn requests_go_on_behind_a_tunnel_that_was_refused() {
    let connect = b"CONNECT a.example:443 HTTP/1.1\r\n\r\n";
    let mut read = all(connect);
    assert!(read.done() && read.tunnels());
    read.forget(read.consumed());
    read.resume();
    assert_eq!(read.read(b"CONNECT b.example:443 HTTP/1.1\r\n\r\n", &mut Nobody), Outcome::Found(()));
    assert!(read.done() && read.tunnels());
    assert_eq!(read.hosts, ["a.example", "b.example:443"]);
}

#[test]
fn a_target_keeps_a_port_that_is_not_https_own() {
    assert_eq!(hosts(b"GET http://A.example:22/x HTTP/1.1\r\nHost: a.example:22\r\n\r\n"), ["a.example:22"]);
    assert_eq!(
        hosts(b"GET http://u:p@a.example:8080/ HTTP/1.1\r\nHost: b.example\r\n\r\n"),
        ["a.example:8080", "b.example"]
    );
    assert_eq!(hosts(b"GET http://a.example:80/ HTTP/1.1\r\nHost: a.example\r\n\r\n"), ["a.example"]);
    assert_eq!(hosts(b"GET http://[2001:db8::1]:22/ HTTP/1.1\r\n\r\n"), ["[2001:db8::1]:22"]);
    assert_eq!(hosts(b"GET / HTTP/1.1\r\nHost: a.example:22\r\n\r\n"), ["a.example"]);
    assert_eq!(hosts(b"CONNECT a.example:22 HTTP/1.1\r\nHost: a.example:22\r\n\r\n"), ["a.example"]);
}

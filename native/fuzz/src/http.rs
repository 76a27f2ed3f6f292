//! HTTP/1 requests and answers, proxies and SOCKS: one direction's front, and turns of a conversation.

use _native::recognise::http::{self, MOST_HOSTS, Nobody, Requests};
use _native::recognise::{Outcome, socks};

use super::bytes::{choice, is_printable, pieces};
use super::reading::same_for_any_segments;

/// The first byte chooses what is asked: one direction's front, or turns of a conversation.
pub fn holds(data: &[u8]) {
    let (kind, data) = choice(data);
    match kind % 2 {
        0 => a_front(usize::from(kind), data),
        _ => same_for_any_segments(&pieces(data, 8), &[60_000, 1 + data.len() / 5, 1 + usize::from(kind)]),
    }
}

/// What is told of the front stays told when more bytes come, and requests are the same read at once or piece by piece.
fn a_front(size: usize, data: &[u8]) {
    for cut in [0, 4, data.len() / 3, data.len() / 2, data.len().saturating_sub(1)] {
        let front = &data[..cut.min(data.len())];
        stays(http::response(front), http::response(data), cut);
        stays(socks::answer(front), socks::answer(data), cut);
        assert!(socks::request(front) != Outcome::No || socks::request(data) == Outcome::No, "cut at {cut}");
    }
    let (mut whole, mut grown) = (Requests::default(), Requests::default());
    let told = whole.read(data, &mut Nobody);
    for end in (0..data.len()).step_by(1 + size) {
        grown.read(&data[..end], &mut Nobody);
    }
    assert_eq!(grown.read(data, &mut Nobody), told);
    assert_eq!(grown.finish(data, &mut Nobody), whole.finish(data, &mut Nobody));
    assert_eq!(summary(&grown), summary(&whole));
    bounded(&whole);
}

fn stays<T: PartialEq + std::fmt::Debug>(before: Outcome<T>, after: Outcome<T>, cut: usize) {
    assert!(before == Outcome::NeedMore || before == after, "cut at {cut}: {before:?}, then {after:?}");
}

/// Every text of the requests, in order, and how many there are.
fn summary(requests: &Requests) -> (Vec<Option<&String>>, u32) {
    let Requests { method, path, host, user_agent, hosts, requests, .. } = requests;
    let texts = [method, path, host, user_agent].into_iter().map(Option::as_ref).chain(hosts.iter().map(Some));
    (texts.collect(), *requests)
}

fn bounded(requests: &Requests) {
    let Requests { method, path, host, user_agent, hosts, .. } = requests;
    assert!(hosts.len() <= MOST_HOSTS);
    let texts = [method, path, host, user_agent].into_iter().flatten().chain(hosts);
    assert!(texts.clone().all(|text| is_printable(text)), "{requests:?}");
    assert!(texts.map(String::len).max().unwrap_or_default() <= 4 * 4096);
}

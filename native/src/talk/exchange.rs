//! Bodies, as they are digested beside the reading of a conversation: those of HTTP requests and responses in both
//! directions, and files that are the whole of a direction (FTP data).

use super::Recogniser;
use super::streams::{Step, Way, What};
use crate::digests::{Digests, Sha};
use crate::flows::key::{HIGH, LOW, Side};
use crate::flows::table::Flow;
use crate::recognise::http::{Bodies, Content, Nobody, Responses};
use crate::recognise::http2::Frames;

/// The stream of a file that is the whole of a direction.
const FILE: u32 = 0;

/// What is read of a conversation beside what was asked.
#[derive(Debug, Default)]
pub struct Exchange {
    pub(super) responses: Responses,
    /// Messages were lost, so that which answer belongs to which request of this side is not known.
    pub(super) lost_of: Option<Side>,
    /// By the side that sent them: the frames of HTTP/2.
    pub(super) frames: [Option<Box<Frames>>; 2],
    /// By the side that sent the bodies.
    digests: [Option<Box<Digests>>; 2],
}

impl Exchange {
    /// Digests of the bodies that `side` sent; none where they could not be told.
    #[must_use]
    pub fn digests(&self, side: Side) -> Option<&[Sha]> {
        self.digests[side].as_ref()?.told()
    }

    /// From here on the bodies that `side` sends are digested.
    pub(super) fn take_digests(&mut self, side: Side) {
        self.digests[side].get_or_insert_default();
    }

    fn held(&self) -> usize {
        let digests: usize = self.digests.iter().flatten().map(|digests| digests.held()).sum();
        digests + self.frames.iter().flatten().map(|frames| frames.held()).sum::<usize>()
    }
}

/// Whoever wants the bodies of `side`.
pub(super) fn bodies<'a>(
    exchange: &'a mut Option<Box<Exchange>>,
    side: Side,
    nobody: &'a mut Nobody,
) -> &'a mut dyn Bodies {
    match exchange.as_mut().and_then(|exchange| exchange.digests[side].as_mut()) {
        Some(digests) => digests.as_mut(),
        None => nobody,
    }
}

/// Whoever digests what `side` sends; none where nobody does.
pub(super) fn digests(flow: &mut Flow, side: Side) -> Option<&mut Digests> {
    flow.facts.as_deref_mut()?.exchange.as_deref_mut()?.digests[side].as_deref_mut()
}

/// Bytes that the digests of a conversation take.
pub(super) fn held(flow: &Flow) -> usize {
    let exchange = flow.facts.as_ref().and_then(|facts| facts.exchange.as_ref());
    exchange.map_or(0, |exchange| exchange.held())
}

/// What comes next was not recorded; how many bytes may be passed over, 0 where nothing behind them can be read.
pub(super) fn lose(flow: &mut Flow, side: Side, what: What) -> u64 {
    let Some(facts) = flow.facts.as_deref_mut() else { return 0 };
    let Some(exchange) = facts.exchange.as_deref_mut() else { return 0 };
    let Some(digests) = exchange.digests[side].as_deref_mut() else { return 0 };
    match (what, &mut facts.http) {
        (What::Requests, Some(requests)) => requests.lose(digests),
        (What::Responses, _) => exchange.responses.lose(digests),
        (What::Frames, _) => exchange.frames[side].as_mut().map_or(0, |frames| frames.lose(digests)),
        _ => 0,
    }
}

/// Some of what `side` sends is not read.
pub(super) fn doubt(flow: &mut Flow, side: Side) {
    if let Some(digests) = digests(flow, side) {
        digests.doubt();
    }
}

/// Whether all that a direction sends is one file.
pub(super) fn is_file(flow: &Flow) -> bool {
    flow.facts.as_ref().is_some_and(|facts| facts.app == Some("ftp-data"))
}

/// Reads on in a direction that is one file.
pub(super) fn whole(flow: &mut Flow, side: Side, stream: &[u8]) -> Step {
    let exchange = flow.facts.get_or_insert_default().exchange.get_or_insert_default();
    let is_new = exchange.digests[side].is_none();
    let digests = exchange.digests[side].get_or_insert_default();
    if is_new {
        digests.begin(FILE, Content::default());
    }
    digests.data(FILE, stream);
    Step::On(stream.len())
}

/// The last word on bodies: one that ends with its connection is whole where the FIN was reached.
pub(super) fn finish(flow: &mut Flow, side: Side, way: &Way) {
    let front = way.window.front();
    let tcp = &flow.sums[side].tcp;
    let whole = tcp.is_from_start() && way.window.is_whole() && front.is_empty() && tcp.end() == way.window.reached();
    let unread = !tcp.is_from_start() || tcp.missing() > 0 || !way.window.is_whole();
    let Some(facts) = flow.facts.as_deref_mut() else { return };
    match (way.what, &mut facts.http) {
        (What::Requests, Some(requests)) => {
            requests.finish(front, bodies(&mut facts.exchange, side, &mut Nobody));
        }
        (What::Responses, _) => {
            let Some(exchange) = facts.exchange.as_deref_mut() else { return };
            match exchange.digests[side].as_deref_mut() {
                Some(digests) => exchange.responses.finish(whole, digests),
                None => exchange.responses.finish(whole, &mut Nobody),
            }
        }
        (What::Whole, _) => bodies(&mut facts.exchange, side, &mut Nobody).end(FILE, whole),
        _ => {}
    }
    if let Some(exchange) = facts.exchange.as_deref_mut() {
        exchange.frames[side] = None;
        exchange.digests[side].as_deref_mut().into_iter().for_each(Digests::finish);
    }
    if unread || !front.is_empty() {
        doubt(flow, side);
    }
}

impl Recogniser {
    /// Notes what has no digest in a conversation that is over.
    pub(super) fn end_exchange(&mut self, flow: &Flow) {
        self.held -= held(flow);
        let Some(exchange) = flow.facts.as_ref().and_then(|facts| facts.exchange.as_ref()) else { return };
        for side in [LOW, HIGH] {
            let Some(lost) = exchange.digests[side].as_ref().map(|digests| digests.lost()) else { continue };
            self.note("bodies_cut", lost.cut);
            self.note("bodies_packed", lost.packed);
            self.note("bodies_many", lost.many);
        }
    }
}

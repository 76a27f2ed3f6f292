//! UDP: each datagram shown to the readers of QUIC, SSDP and DNS.
//!
//! QUIC is looked for in every datagram of a conversation that is not known, and read until its client's hello is whole:
//! keys follow from the connection id that the first Initial names, and change with a Retry.

use super::dns::ear;
use super::streams::{Way, What};
use super::{Context, Recogniser, web};
use crate::flows::key::{Side, other};
use crate::flows::table::Flow;
use crate::recognise::dns::Ear;
use crate::recognise::quic::Opened;
use crate::recognise::{Outcome, dtls, gquic, quic, tls};
use crate::stream::{Read, Window};
use crate::transport::Segment;

/// Datagrams shown to the DNS reader before a conversation counts as something else.
const TRIES: u8 = 6;

/// Whether a datagram has nothing to tell of a conversation: its reading is over, and it is no late opening of QUIC.
#[inline]
pub(super) fn is_settled(flow: &Flow, side: Side, datagram: &[u8]) -> bool {
    flow.talk.settled[side] && (flow.facts.is_some() || !(quic::is_long(datagram) || gquic::is_first(datagram)))
}

impl Recogniser {
    /// Shows a datagram to the readers.
    pub(super) fn datagram(&mut self, mut context: Context<'_>, segment: &Segment<'_>) {
        if quic::is_long(segment.payload) && self.initials(&mut context, segment.payload) {
            return;
        }
        if gquic::is_first(segment.payload) && self.google_hello(&mut context, segment.payload) {
            return;
        }
        if dtls::is_records(segment.payload) && self.records(&mut context, segment.payload) {
            return;
        }
        if context.flow.facts.as_ref().is_some_and(|facts| matches!(facts.app, Some("quic" | "dtls"))) {
            return;
        }
        if web::announced(context.flow, context.side, segment.payload) {
            context.flow.talk.settled = [true; 2];
            return;
        }
        let whole = segment.payload.len() == segment.length as usize;
        let known = context.flow.facts.is_some() || ear(context.flow) == Ear::DnsPort;
        let is_dns = self.message(&mut context, segment.payload, whole);
        if known || is_dns {
            return;
        }
        let talk = &mut context.flow.talk;
        talk.tries = talk.tries.saturating_add(1);
        talk.settled = [talk.tries >= TRIES; 2];
    }

    /// Reads the hello of Google's QUIC before TLS; false where there is none, or the conversation is something else.
    fn google_hello(&mut self, context: &mut Context<'_>, datagram: &[u8]) -> bool {
        let Context { flow, side, .. } = context;
        let Some(hello) = gquic::client_hello(datagram) else { return false };
        let facts = flow.facts.get_or_insert_default();
        if !facts.is("quic") {
            return false;
        }
        facts.clear = [Some(false); 2];
        facts.client.get_or_insert_with(|| Box::new(hello));
        flow.asked_by(*side);
        [*side, other(*side)].into_iter().for_each(|side| self.settle(flow, side));
        true
    }

    /// Reads the client's Initials in a datagram; false where the conversation was taken for something else.
    fn initials(&mut self, context: &mut Context<'_>, datagram: &[u8]) -> bool {
        let Context { flow, side, .. } = context;
        let facts = flow.facts.get_or_insert_default();
        if !facts.is("quic") {
            return false;
        }
        facts.clear = [Some(false); 2];
        let mut way = flow.talk.ways[*side].take().unwrap_or_default();
        let before = way.window.held();
        let read = way.initials(datagram);
        self.held = self.held + way.window.held() - before;
        let room = self.held <= super::BUDGET;
        self.note("stream_budget", u64::from(!room));
        self.note("stream_gaps", u64::from(read.lost));
        if let Some(hello) = read.hello {
            facts.client = Some(Box::new(hello));
        }
        let is_over = facts.client.is_some() || read.none || !room;
        flow.talk.ways[*side] = Some(way);
        if read.opened {
            flow.asked_by(*side);
            self.settle(flow, other(*side));
        }
        if is_over {
            self.settle(flow, *side);
        }
        true
    }
}

/// What the Initials of one datagram gave.
#[derive(Default)]
struct Heard {
    opened: bool,
    hello: Option<tls::ClientHello>,
    /// What stands in order is no hello, and no more of it is wanted.
    none: bool,
    /// Some of it could not be kept.
    lost: bool,
}

impl Way {
    /// Puts the CRYPTO frames of a datagram in order, up to a whole hello.
    fn initials(&mut self, datagram: &[u8]) -> Heard {
        let Self { window, what, origin, .. } = self;
        *what = What::Hello;
        window.begin();
        let mut heard = Heard::default();
        let opened = quic::open(datagram, origin.as_deref(), |anew, offset, bytes| {
            if anew {
                heard.none = false;
                *window = Window::default();
                window.begin();
            }
            if heard.hello.is_none() && !heard.none {
                heard.crypto(window, offset, bytes);
            }
        });
        if let Opened::Anew(new) = opened {
            *origin = Some(Box::new(new));
        }
        heard.opened = opened != Opened::Nothing;
        heard
    }
}

impl Heard {
    fn crypto(&mut self, window: &mut Window, offset: u64, bytes: &[u8]) {
        let (hello, none) = (&mut self.hello, &mut self.none);
        let mut over = false;
        let fits = window.push(offset as i64, bytes, bytes.len() as u32, &mut |stream| {
            match (tls::bare_client_hello(stream, false), gquic::chlo(stream)) {
                (Outcome::NeedMore, _) | (_, Outcome::NeedMore) => return Read::On(0),
                (Outcome::Found(found), _) | (_, Outcome::Found(found)) => *hello = Some(found),
                (Outcome::No, Outcome::No) => *none = true,
            }
            over = true;
            Read::Done
        });
        self.lost |= !fits && !over;
    }
}

//! DNS messages: lone in datagrams, or one behind the other in a stream.

use super::streams::Step;
use super::{Context, NO_TIME, Recogniser};
use crate::flows::key::{HIGH, LOW, other};
use crate::flows::table::{Flow, Place};
use crate::lookups::{Ends, Lookup, Seen, Transport};
use crate::recognise::Outcome;
use crate::recognise::dns::{self, Ear};

impl Recogniser {
    /// Reads DNS messages, each behind its length (RFC 1035 4.2.2).
    pub(super) fn frames(&mut self, context: &mut Context<'_>, stream: &[u8]) -> Step {
        let mut at = 0;
        loop {
            match dns::tcp_frame(&stream[at..]) {
                Outcome::NeedMore => return Step::On(at),
                Outcome::No => return Step::Done,
                Outcome::Found((message, length)) => {
                    at += length;
                    let known = context.flow.facts.as_ref().is_some_and(|facts| facts.app.is_some());
                    if !self.message(context, message, true) && !known {
                        return Step::Done;
                    }
                }
            }
        }
    }

    /// Reads one DNS message; false when it is none.
    pub(super) fn message(&mut self, context: &mut Context<'_>, bytes: &[u8], whole: bool) -> bool {
        let Context { flow, side, place } = context;
        let ear = ear(flow);
        let Some(message) = dns::message(bytes, whole, ear) else {
            self.note("dns_unreadable", u64::from(ear == Ear::DnsPort));
            return false;
        };
        let facts = flow.facts.get_or_insert_default();
        if !facts.is("dns") {
            return false;
        }
        facts.clear[*side] = Some(true);
        let (src, dst) = (flow.key.port(*side), flow.key.port(other(*side)));
        let ends = Ends { src: (flow.key.ip(*side), src), dst: (flow.key.ip(other(*side)), dst) };
        let transport = Transport::of(flow.key.proto, ends, message.is_of_the_link());
        if matches!(transport, Transport::Udp | Transport::Tcp) {
            flow.asked_by(if message.response { other(*side) } else { *side });
        }
        let Place { source, record, offset, time } = *place;
        let seen = Seen { source, time: time.unwrap_or(NO_TIME), record, offset };
        let before = self.rows.len();
        self.pairing.take(message, ends, transport, seen, &mut self.rows);
        self.text += self.rows.get(before..).into_iter().flatten().map(Lookup::text).sum::<usize>();
        true
    }
}

/// How DNS may sound in a conversation: on its ports, and once it is known to be DNS.
pub(super) fn ear(flow: &Flow) -> Ear {
    match &flow.facts {
        Some(facts) if facts.app == Some("dns") => Ear::DnsPort,
        _ => Ear::of(flow.key.port(LOW), flow.key.port(HIGH)),
    }
}

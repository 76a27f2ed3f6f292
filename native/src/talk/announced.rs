//! Connections for the data of FTP: where one side of a control connection said that it listens, the other connects to.
//!
//! A listener counts once, for the other side of the control connection only, and under the address it has there: one
//! that it names instead (of another machine, or behind a translator) is not believed.

use std::net::IpAddr;

use ahash::RandomState;
use hashbrown::HashMap;

use super::streams::{Step, What};
use super::{Context, Recogniser, tunnel};
use crate::flows::key::{HIGH, LOW, Side, other};
use crate::flows::table::Flow;
use crate::recognise::{Outcome, tls};

/// Listeners kept at once.
const MOST: usize = 4096;
/// How long after the word, or before it where packets were recorded out of order, the connection begins: ns.
const AGE: i64 = 300_000_000_000;
const WORD: &str = "ftp-data";

/// Where somebody listens for data.
#[derive(Debug, Default)]
pub(super) struct Announced {
    listeners: HashMap<(IpAddr, u16), Listener, RandomState>,
}

#[derive(Debug)]
struct Listener {
    /// Who was told.
    peer: IpAddr,
    /// When.
    time: Option<i64>,
}

impl Announced {
    /// The end of a conversation that listened for it.
    fn take(&mut self, flow: &Flow) -> Option<Side> {
        if self.listeners.is_empty() {
            return None;
        }
        let is_told = |side: &Side| {
            self.listeners.get(&(flow.key.ip(*side), flow.key.port(*side))).is_some_and(|told| told.fits(flow, *side))
        };
        let side = [LOW, HIGH].into_iter().find(is_told)?;
        self.listeners.remove(&(flow.key.ip(side), flow.key.port(side)));
        Some(side)
    }
}

impl Listener {
    fn fits(&self, flow: &Flow, side: Side) -> bool {
        let is_near = match (self.time, flow.start) {
            (Some(told), Some(start)) => start.saturating_sub(told).saturating_abs() <= AGE,
            _ => true,
        };
        is_near && self.peer == flow.key.ip(other(side))
    }
}

impl Recogniser {
    /// A side says that it listens at this port.
    pub(super) fn announced(&mut self, context: &Context<'_>, port: u16) {
        let (key, side) = (&context.flow.key, context.side);
        if self.announced.listeners.len() == MOST {
            self.announced.listeners.clear();
            self.note("ftp_listeners", MOST as u64);
        }
        let listener = Listener { peer: key.ip(other(side)), time: context.place.time };
        self.announced.listeners.insert((key.ip(side), port), listener);
    }

    /// Takes a conversation that was announced for what it is; none for any other.
    pub(super) fn expected(&mut self, flow: &mut Flow) -> Option<Step> {
        match flow.facts.as_ref() {
            Some(facts) if facts.app == Some(WORD) => {}
            Some(facts) if facts.app.is_some() => return None,
            _ => {
                let listener = self.announced.take(flow)?;
                flow.facts.get_or_insert_default().app = Some(WORD);
                flow.asked_by(other(listener));
            }
        }
        Some(Step::Next(What::Data, 0))
    }
}

/// Data at the front of a direction: a file in clear, or TLS (RFC 4217).
pub(super) fn data(flow: &mut Flow, side: Side, stream: &[u8]) -> Step {
    let hello = tls::client_hello(stream);
    if let Outcome::Found(hello) = hello {
        tunnel::said(flow.facts.get_or_insert_default(), hello);
        return Step::Sealed(None);
    }
    match tunnel::back(flow, stream) {
        Step::Done if hello == Outcome::NeedMore => Step::Wait(tls::wanted(stream)),
        Step::Done => {
            flow.facts.get_or_insert_default().clear[side].get_or_insert(true);
            Step::Done
        }
        read => read,
    }
}

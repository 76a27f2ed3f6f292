//! What conversations speak: each direction's first bytes shown to the recognisers until one knows them or all refuse.
//!
//! DNS is read to the end of its conversation, HTTP/1 to its last request; TLS and QUIC are done with their hellos.
//! What waits in all conversations together is bounded; a direction that cannot wait is given up and counted.

mod announced;
pub mod certificates;
mod commands;
mod databases;
mod datagrams;
mod dns;
mod exchange;
mod fragments;
mod search;
mod streams;
mod tunnel;
mod web;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::block::SHARDS;
use crate::coverage::Rowless;
use crate::flows::key::Side;
use crate::flows::table::{Flow, Place};
use crate::lookups::{Lookup, Pairing};
use crate::markers::Markers;
use crate::recognise::{http, socks, tls, x509};
use crate::transport::{Segment, TCP, UDP};
use announced::Announced;
use certificates::Certificates;
pub use exchange::Exchange;
use search::{Found, Search};
use streams::Way;

/// Bytes that may wait in all conversations of a shard together: 64 MiB in all.
const BUDGET: usize = (64 << 20) / SHARDS;
/// DNS questions that may wait for an answer in a shard.
const OPEN_QUESTIONS: usize = 16_384;
/// Bytes of text that count as one lookup more.
const TEXT_OF_ROW: usize = 1024;
/// Stands for "no time" where a number is needed.
pub const NO_TIME: i64 = i64::MIN;

/// What was recognised of a conversation.
#[derive(Debug, Default)]
pub struct Facts {
    /// `tls`, `dtls`, `quic`, `http`, `socks`, `dns`, `ssh`, `smtp`, `imap`, `pop3`, `ftp`, `ftp-data`, `xmpp`,
    /// `postgresql`, `mysql`, `tds`, `mongodb` or `redis`.
    pub app: Option<&'static str>,
    /// Whether the payload of each end was read in clear; none where it was not recognised.
    pub clear: [Option<bool>; 2],
    /// The client asked for TLS inside something else.
    pub asked_tls: bool,
    /// The client's hello.
    pub client: Option<Box<tls::ClientHello>>,
    /// The server's hello.
    pub server: Option<Box<tls::ServerHello>>,
    /// The server's certificate.
    pub certificate: Option<Arc<x509::Certificate>>,
    /// What was asked for over HTTP.
    pub http: Option<Box<http::Requests>>,
    /// What else is read of it, or of a file that is the whole of a direction.
    pub exchange: Option<Box<Exchange>>,
    /// What was asked of a SOCKS proxy.
    pub socks: Option<Box<socks::Request>>,
    /// Which markers each end sent in clear, where there were any to look for.
    pub markers: Option<Box<Found>>,
}

impl Facts {
    /// Takes the conversation for `app`; false when it was taken for another.
    fn is(&mut self, app: &'static str) -> bool {
        *self.app.get_or_insert(app) == app
    }
}

/// How far the recognition of a conversation is.
#[derive(Debug, Default)]
pub struct Talk {
    ways: [Option<Box<Way>>; 2],
    settled: [bool; 2],
    tries: u8,
    search: Option<Box<[Search; 2]>>,
}

/// The recognition of all conversations of a shard, and the lookups found on the way.
#[derive(Debug)]
pub struct Recogniser {
    pairing: Pairing,
    rows: Vec<Lookup>,
    /// Bytes of text in them.
    text: usize,
    held: usize,
    limits: BTreeMap<&'static str, u64>,
    markers: Option<Arc<Markers>>,
    certificates: Certificates,
    announced: Announced,
    digests: bool,
}

/// What one reading of a direction needs beside its bytes.
struct Context<'a> {
    flow: &'a mut Flow,
    side: Side,
    place: Place,
}

impl Recogniser {
    /// Recognises, looks for `markers` where there are any, and takes the `digests` of bodies where they are wanted.
    #[must_use]
    pub fn new(markers: Option<Arc<Markers>>, digests: bool) -> Self {
        let pairing = Pairing::new(OPEN_QUESTIONS);
        let (certificates, announced) = (Certificates::default(), Announced::default());
        let (rows, limits) = (Vec::new(), BTreeMap::new());
        Self { pairing, rows, text: 0, held: 0, limits, markers, digests, certificates, announced }
    }

    /// Shows a packet's payload, which lies at `position` of its direction, to the recognisers.
    #[inline]
    pub fn take(&mut self, flow: &mut Flow, side: Side, place: Place, position: i64, segment: &Segment<'_>) {
        if segment.length == 0 {
            return;
        }
        match flow.key.proto {
            TCP if segment.tcp.is_some() && !flow.talk.settled[side] => {
                self.segment(Context { flow, side, place }, position, segment);
            }
            UDP if !segment.payload.is_empty() && !datagrams::is_settled(flow, side, segment.payload) => {
                self.datagram(Context { flow, side, place }, segment);
            }
            _ => {}
        }
        if self.markers.is_some() {
            self.search(flow, side, position, segment);
        }
    }

    /// Reads no more of a conversation.
    #[cold]
    pub fn leave(&mut self, flow: &mut Flow) {
        for side in [flow.src(), flow.dst()] {
            self.settle(flow, side);
        }
    }

    /// Reads what is left of a conversation that is over.
    pub fn finish(&mut self, flow: &mut Flow) {
        for side in [flow.src(), flow.dst()] {
            self.settle(flow, side);
        }
        _ = self.expected(flow);
        self.end_search(flow);
        self.end_exchange(flow);
        if let Some(requests) = flow.facts.as_deref().and_then(|facts| facts.http.as_deref()) {
            self.note("http_hosts", u64::from(requests.hosts_overflow));
            self.note("http_text", u64::from(requests.text_cut));
        }
    }

    /// How many lookups wait to be taken; much text counts as several.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len() + self.text / TEXT_OF_ROW
    }

    /// The lookups found since the last call.
    pub fn lookups(&mut self) -> Vec<Lookup> {
        self.text = 0;
        std::mem::take(&mut self.rows)
    }

    /// Takes the questions that still wait for an answer as unanswered.
    pub fn end(&mut self) {
        self.pairing.finish(&mut self.rows);
    }

    /// The limits that were hit, and messages without a row, since the last call.
    pub fn counts(&mut self) -> (BTreeMap<&'static str, u64>, Rowless) {
        let told = self.pairing.counts();
        self.note("dns_open_questions", told.evicted);
        self.note("dns_answers", told.overflowed);
        (std::mem::take(&mut self.limits), told.rowless)
    }

    /// Counts a limit that was hit.
    pub fn note(&mut self, limit: &'static str, count: u64) {
        if count > 0 {
            *self.limits.entry(limit).or_default() += count;
        }
    }
}

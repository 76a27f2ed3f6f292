//! The search for markers: its own look at the first bytes of both directions, bodies included.
//!
//! It runs beside recognition, which passes over bodies; what turns out to be encrypted is not searched. A gap is no
//! end: what lies behind it is searched too, but then only a marker that was found tells something.

use std::sync::Arc;

use super::{BUDGET, Recogniser};
use crate::flows::key::{HIGH, LOW, Side, other};
use crate::flows::table::Flow;
use crate::markers::{MOST, Markers, Scan};
use crate::stream::{Read, Window};
use crate::transport::{Segment, TCP, UDP};

/// The markers found of each end; none where that could not be told.
pub type Found = [Option<Vec<Arc<str>>>; 2];

/// The search of one direction.
#[derive(Debug)]
pub(super) struct Search {
    window: Window,
    scan: Scan,
    /// Position up to which bytes were searched or given up.
    at: i64,
    /// Position at which the search ends.
    end: i64,
    begun: bool,
    over: bool,
    /// Bytes that should have been searched were not there.
    broken: bool,
}

impl Default for Search {
    fn default() -> Self {
        let (window, scan) = (Window::default(), Scan::default());
        Self { window, scan, at: 0, end: MOST, begun: false, over: false, broken: false }
    }
}

impl Recogniser {
    /// Searches a packet's payload.
    pub(super) fn search(&mut self, flow: &mut Flow, side: Side, position: i64, segment: &Segment<'_>) {
        let is_stream = flow.key.proto == TCP && segment.tcp.is_some();
        if !(is_stream || flow.key.proto == UDP) || is_sealed(flow) {
            return;
        }
        let Some(markers) = self.markers.as_deref() else { return };
        let search = &mut flow.talk.search.get_or_insert_default()[side];
        if search.over {
            return;
        }
        let before = search.window.held();
        if is_stream {
            search.segment(markers, flow.sums[side].tcp.is_from_start(), position, segment);
        } else {
            search.datagram(markers, segment);
        }
        let waits = !search.window.is_whole() && self.held + search.window.held() - before > BUDGET;
        if waits {
            search.no_longer_wait(markers);
        }
        self.held = self.held + search.window.held() - before;
        self.note("stream_budget", u64::from(waits));
    }

    /// From `position` of this side's direction on all is encrypted, and all that the other says from now on.
    pub(super) fn seal(&mut self, flow: &mut Flow, side: Side, position: i64) {
        if self.markers.is_some() {
            let searches = flow.talk.search.get_or_insert_default();
            let their_end = searches[other(side)].at;
            self.held -= searches[side].end_at(position) + searches[other(side)].end_at(their_end);
        }
    }

    /// Ends the search of a conversation that is over, and notes what it came to.
    pub(super) fn end_search(&mut self, flow: &mut Flow) {
        let Some(mut searches) = flow.talk.search.take() else { return };
        let Some(markers) = self.markers.as_deref() else { return };
        self.held -= searches.iter().map(|search| search.window.held()).sum::<usize>();
        if is_sealed(flow) {
            return;
        }
        let mut found = [LOW, HIGH].map(|side| {
            let search = &mut searches[side];
            search.no_longer_wait(markers);
            search.broken |= is_cut(flow, side, search.at < search.end);
            search.told(markers)
        });
        let facts = flow.facts.get_or_insert_default();
        for (clear, found) in facts.clear.iter_mut().zip(&mut found) {
            match found {
                Some(ids) if ids.is_empty() => *found = found.take().filter(|_| *clear != Some(false)),
                Some(_) => *clear = Some(true),
                None => {}
            }
        }
        facts.markers = Some(Box::new(found));
    }
}

/// Whether the payload of a conversation is known to be encrypted.
fn is_sealed(flow: &Flow) -> bool {
    flow.facts.as_ref().is_some_and(|facts| matches!(facts.app, Some("tls" | "dtls" | "quic" | "ssh")))
}

/// Whether payload of a direction was never recorded: its beginning, or its rest where the search reached that.
fn is_cut(flow: &Flow, side: Side, reached_rest: bool) -> bool {
    let tcp = &flow.sums[side].tcp;
    flow.key.proto == TCP && (!tcp.is_from_start() || (reached_rest && tcp.missing() > 0))
}

impl Search {
    /// Searches a segment in its place among those before and after it.
    fn segment(&mut self, markers: &Markers, from_start: bool, position: i64, segment: &Segment<'_>) {
        if from_start {
            self.window.begin();
        }
        if !self.begun {
            self.at = self.window.reached().unwrap_or(position);
            self.begun = true;
        }
        let length = (self.end - position).clamp(0, i64::from(segment.length));
        let bytes = segment.payload.get(..length as usize).unwrap_or(segment.payload);
        while length > 0 && !self.push(markers, position, bytes, length as u32) {
            self.leap(markers, if self.at < position { position } else { position + length });
        }
        self.settle(markers);
    }

    /// Searches a datagram as if it followed the one before.
    fn datagram(&mut self, markers: &Markers, segment: &Segment<'_>) {
        self.begun = true;
        let room = usize::try_from(self.end - self.at).unwrap_or(0).min(segment.length as usize);
        let bytes = segment.payload.get(..room).unwrap_or(segment.payload);
        self.scan.read(markers, self.at, bytes);
        self.at += room as i64;
        if bytes.len() < room {
            self.scan.break_off();
            self.broken = true;
        }
        self.settle(markers);
    }

    /// Takes the direction to end at `position`; returns how much less is held.
    fn end_at(&mut self, position: i64) -> usize {
        self.end = self.end.min(position);
        self.scan.forget_from(self.end);
        self.over |= self.at >= self.end;
        let before = self.window.held();
        if self.over {
            self.window.clear();
        }
        before - self.window.held()
    }

    /// Searches what waits behind gaps, which are given up.
    fn no_longer_wait(&mut self, markers: &Markers) {
        while !self.window.is_whole() && self.at < self.end {
            self.leap(markers, i64::MAX);
        }
        self.scan.forget_from(self.end);
    }

    /// The ids found; none where there was nothing to search, or nothing was found and not all could be read.
    fn told(&self, markers: &Markers) -> Option<Vec<Arc<str>>> {
        let ids = markers.names(&self.scan);
        let unread = self.broken || self.scan.is_encoded(markers);
        (self.begun && !(unread && ids.is_empty())).then_some(ids)
    }

    fn settle(&mut self, markers: &Markers) {
        self.over = self.at >= self.end || self.scan.is_complete(markers);
        if self.over {
            self.window.clear();
        }
    }

    fn push(&mut self, markers: &Markers, position: i64, bytes: &[u8], length: u32) -> bool {
        self.window.push(position, bytes, length, &mut reader(&mut self.scan, &mut self.at, markers))
    }

    /// Gives up the bytes up to what waits, or up to `to`.
    fn leap(&mut self, markers: &Markers, to: i64) {
        self.scan.break_off();
        self.broken = true;
        self.at = self.window.leap(to);
        self.window.catch_up(&mut reader(&mut self.scan, &mut self.at, markers));
    }
}

/// Searches all that it is shown.
fn reader(scan: &mut Scan, at: &mut i64, markers: &Markers) -> impl FnMut(&[u8]) -> Read {
    |bytes| {
        scan.read(markers, *at, bytes);
        *at += bytes.len() as i64;
        Read::On(bytes.len() as u64)
    }
}

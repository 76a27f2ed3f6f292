//! A share of the conversations: packets in, rows out. What one shard does depends on its packets alone.

use std::sync::Arc;

use ahash::RandomState;
use arrow_array::RecordBatch;

use crate::batch;
use crate::block::{Block, Packet, SHARDS};
use crate::coverage::Tally;
use crate::flows::table::{self, Flow, Table};
use crate::lookups::Lookup;
use crate::markers::Markers;
use crate::opaque;
use crate::talk::{Recogniser, certificates};

/// Rows of one batch, about.
const ROWS: usize = 1024;

/// Which table a batch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Conversations.
    Flows,
    /// DNS questions and answers.
    Lookups,
}

/// What all shards of a reading share.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Texts of the column `source`.
    pub names: Arc<[String]>,
    /// Digests of conversations.
    pub hasher: RandomState,
    /// Looked for in payload.
    pub markers: Option<Arc<Markers>>,
    /// Whether digests of bodies are taken.
    pub digests: bool,
    /// Give out rows as soon as they are known.
    pub eager: bool,
}

/// One shard.
#[derive(Debug)]
pub struct Shard {
    terms: Terms,
    table: Table,
    recogniser: Recogniser,
    /// Conversations that ended by the packets of one block.
    over: Vec<Flow>,
    flows: Vec<Flow>,
    source: u32,
    tallies: Vec<Tally>,
    now: Option<i64>,
}

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            table: Table::new(table::MOST / SHARDS, terms.hasher.clone()),
            recogniser: Recogniser::new(terms.markers.clone(), terms.digests),
            over: Vec::new(),
            flows: Vec::new(),
            source: 0,
            tallies: vec![Tally::default(); terms.names.len()],
            now: None,
            terms,
        }
    }

    /// Takes in the packets of a block that are this shard's; `give` gets the rows that are ready.
    pub fn take(&mut self, block: &Block, packets: &[Packet], give: &mut impl FnMut(Kind, RecordBatch)) {
        if block.anew {
            self.end(give);
        }
        self.turn_to(block.source);
        for packet in packets {
            self.packet(block, packet);
        }
        self.now = packets.last().map_or(self.now, |packet| block.arrival(packet).place.time.or(self.now));
        if self.terms.eager {
            self.table.tidy(self.now, &mut self.over);
        }
        self.close();
        self.give(if self.terms.eager { 1 } else { ROWS }, give);
    }

    /// Gives out all that is left, and the counts by source.
    pub fn finish(mut self, give: &mut impl FnMut(Kind, RecordBatch)) -> Vec<Tally> {
        self.end(give);
        self.give(1, give);
        self.turn_to(self.source);
        self.tallies
    }

    /// Closes all that is open.
    fn end(&mut self, give: &mut impl FnMut(Kind, RecordBatch)) {
        while let Some(flows) = self.table.drain() {
            self.over.extend(flows);
            self.close();
            self.give(ROWS, give);
        }
        self.recogniser.end();
    }

    #[inline]
    fn packet(&mut self, block: &Block, packet: &Packet) {
        let arrival = block.arrival(packet);
        let (flow, counted) = self.table.take(&arrival, &mut self.over);
        if counted.overflow {
            self.recogniser.note("tcp_gaps", 1);
        }
        let segment = &arrival.segment;
        match opaque::app(arrival.key.proto, segment) {
            Some(app) if opaque::mark(flow, app) => self.recogniser.leave(flow),
            Some(_) => {}
            None => self.recogniser.take(flow, arrival.sender, arrival.place, counted.position, segment),
        }
    }

    /// What is counted from here on is counted for `source`.
    fn turn_to(&mut self, source: u32) {
        if let Some(tally) = self.tallies.get_mut(self.source as usize) {
            let (limits, rowless) = self.recogniser.counts();
            limits.into_iter().for_each(|(name, count)| tally.limit(name, count));
            tally.limit("flows", self.table.evicted());
            tally.rowless += rowless;
        }
        self.source = source;
    }

    /// Takes in the conversations that are over.
    fn close(&mut self) {
        for mut flow in self.over.drain(..) {
            self.recogniser.finish(&mut flow);
            if let Some(tally) = self.tallies.get_mut(flow.source as usize) {
                tally.flows += 1;
                tally.unreadable_certificates += u64::from(certificates::is_unreadable(&flow));
                tally.opaque_tunnels += u64::from(opaque::is(&flow));
                tally.one_way_flows += u64::from(flow.sums.iter().any(|sum| sum.packets == 0));
            }
            self.flows.push(flow);
        }
    }

    /// Gives out rows of which there are at least `least`.
    fn give(&mut self, least: usize, give: &mut impl FnMut(Kind, RecordBatch)) {
        let names = Arc::clone(&self.terms.names);
        if self.flows.len() >= least {
            for rows in self.flows.chunks(ROWS) {
                give(Kind::Flows, batch::flows(&names, rows));
            }
            self.flows.clear();
        }
        if self.recogniser.rows() >= least {
            let lookups = self.recogniser.lookups();
            self.count(&lookups);
            for rows in lookups.chunks(ROWS) {
                give(Kind::Lookups, batch::lookups(&names, rows));
            }
        }
    }

    fn count(&mut self, lookups: &[Lookup]) {
        for lookup in lookups {
            if let Some(tally) = self.tallies.get_mut(lookup.source as usize) {
                tally.lookups += 1;
            }
        }
    }
}

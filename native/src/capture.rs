//! The whole story of a capture, top to bottom: blocks, records, frames, packets, segments, conversations, rows.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use ahash::RandomState;
use arrow_array::RecordBatch;

use crate::batch;
use crate::container::{Container, Record};
use crate::coverage::{Coverage, Skip};
use crate::error::Error;
use crate::flows::fragments::{First, Fragments};
use crate::flows::key::Ends;
use crate::flows::table::{self, Carried, Flow, Place, Table};
use crate::input::{Input, Next};
use crate::ip::{self, Datagram};
use crate::link::{self, Network};
use crate::lookups::Lookup;
use crate::markers::Markers;
use crate::opaque;
use crate::talk::{NO_TIME, Recogniser};
use crate::transport::{self, Segment, has_ports};
use crate::tunnel::{self, Layers};
use crate::unpack::Fault;

/// Rows of one batch, about.
const ROWS: usize = 8192;

/// What the caller wants.
#[derive(Debug, Default)]
pub struct Options {
    /// Text of the column `source`.
    pub name: String,
    /// Take the SHA-256 of the input.
    pub digest: bool,
    /// Look for these in payload.
    pub markers: Option<Markers>,
}

/// Which table a batch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Conversations.
    Flows,
    /// DNS questions and answers.
    Lookups,
}

/// What [`Capture::next`] has for the caller.
#[derive(Debug)]
pub enum Turn {
    /// Rows.
    Batch(Kind, RecordBatch),
    /// Nothing for now; look for interruptions and ask again.
    Idle,
    /// All rows were given out; the coverage is complete.
    End,
}

/// One capture being read.
#[derive(Debug)]
pub struct Capture {
    options: Options,
    input: Input,
    container: Container,
    reading: Reading,
    flows: Vec<Flow>,
    ready: VecDeque<(Kind, RecordBatch)>,
    ended: bool,
}

/// What is known while records are read.
#[derive(Debug)]
struct Reading {
    coverage: Coverage,
    fragments: Fragments,
    table: Table,
    recogniser: Recogniser,
    /// Names tunnels.
    hasher: RandomState,
    over: Vec<Flow>,
}

impl Capture {
    /// Opens the file at `path`; `-` is standard input.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let input = Input::open(path, options.digest)?;
        Ok(Self::new(input, options))
    }

    /// Reads any stream of bytes.
    ///
    /// # Errors
    /// The reading thread cannot be started.
    pub fn from_read(source: Box<dyn Read + Send>, options: Options) -> Result<Self, Error> {
        let input = Input::from_read(source, options.digest)?;
        Ok(Self::new(input, options))
    }

    fn new(input: Input, mut options: Options) -> Self {
        let reading = Reading {
            coverage: Coverage::default(),
            fragments: Fragments::default(),
            table: Table::new(table::MOST),
            recogniser: Recogniser::new(options.markers.take()),
            hasher: RandomState::new(),
            over: Vec::new(),
        };
        let container = Container::new();
        Self { options, input, container, reading, flows: Vec::new(), ready: VecDeque::new(), ended: false }
    }

    /// The next rows, or [`Turn::Idle`] after one block of the input or `patience`.
    ///
    /// # Errors
    /// The input is no capture, or not a byte of it could be read.
    pub fn next(&mut self, patience: Duration) -> Result<Turn, Error> {
        if let Some((kind, batch)) = self.ready.pop_front() {
            return Ok(Turn::Batch(kind, batch));
        }
        if self.ended {
            return Ok(Turn::End);
        }
        match self.input.next(patience) {
            Next::Block(block) => {
                self.block(&block)?;
                self.input.take_back(block);
            }
            Next::Idle => {}
            Next::End(error) => self.end(error)?,
        }
        Ok(self.ready.pop_front().map_or(Turn::Idle, |(kind, batch)| Turn::Batch(kind, batch)))
    }

    /// What was read so far; complete after [`Turn::End`].
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.reading.coverage
    }

    fn block(&mut self, block: &[u8]) -> Result<(), Error> {
        let reading = &mut self.reading;
        self.container.feed(block, &mut |record| reading.record(&record))?;
        self.close();
        Ok(())
    }

    fn end(&mut self, error: Option<std::io::Error>) -> Result<(), Error> {
        self.ended = true;
        if let Some(error) = error {
            self.broken(error)?;
        }
        self.container.finish()?;
        self.reading.over.extend(self.reading.table.drain());
        self.close();
        let (lookups, limits, rowless) = self.reading.recogniser.end();
        self.reading.coverage.rowless = rowless;
        for (name, count) in limits {
            self.reading.coverage.limit(name, count);
        }
        self.give_flows();
        self.give_lookups(&lookups);
        self.sum_up();
        Ok(())
    }

    /// Notes why the input ended early, if anything was read before.
    fn broken(&mut self, error: std::io::Error) -> Result<(), Error> {
        match Fault::of(&error) {
            Some(fault) if self.container.is_begun() => self.container.stop(fault.code, fault.message.clone()),
            Some(fault) => return Err(Error::Compression(fault.clone())),
            None if self.reading.coverage.records == 0 => return Err(error.into()),
            None => self.container.stop("read_error", error.to_string()),
        }
        Ok(())
    }

    /// Takes in the conversations that are over.
    fn close(&mut self) {
        for mut flow in self.reading.over.drain(..) {
            self.reading.recogniser.finish(&mut flow);
            self.reading.coverage.flows += 1;
            self.reading.coverage.opaque_tunnels += u64::from(opaque::is(&flow));
            self.reading.coverage.one_way_flows += u64::from(flow.sums.iter().any(|sum| sum.packets == 0));
            self.flows.push(flow);
        }
        if self.flows.len() >= ROWS {
            self.give_flows();
        }
        if self.reading.recogniser.rows() >= ROWS {
            let lookups = self.reading.recogniser.lookups();
            self.give_lookups(&lookups);
        }
    }

    fn give_flows(&mut self) {
        for rows in self.flows.chunks(ROWS) {
            self.ready.push_back((Kind::Flows, batch::flows(&self.options.name, rows)));
        }
        self.flows.clear();
    }

    fn give_lookups(&mut self, lookups: &[Lookup]) {
        self.reading.coverage.lookups += lookups.len() as u64;
        for rows in lookups.chunks(ROWS) {
            self.ready.push_back((Kind::Lookups, batch::lookups(&self.options.name, rows)));
        }
    }

    /// Completes the coverage.
    fn sum_up(&mut self) {
        let facts = self.container.facts();
        let sum = self.input.sum();
        let coverage = &mut self.reading.coverage;
        coverage.format = facts.format;
        coverage.link_types = facts.links;
        coverage.snaplen = facts.snaplen;
        coverage.interface_drops = facts.drops;
        coverage.unknown_blocks = facts.unknown_blocks;
        coverage.limit("interfaces", facts.refused_interfaces);
        coverage.limit("flows", self.reading.table.evicted());
        coverage.limit("fragments", self.reading.fragments.forgotten());
        (coverage.error, coverage.trailing_bytes) = self.container.end();
        coverage.size = sum.size;
        coverage.unpacked = sum.unpacked;
        coverage.sha256 = sum.sha256.map(|digest| digest.iter().map(|byte| format!("{byte:02x}")).collect());
    }
}

impl Reading {
    /// Reads one record; it is either used or skipped for a reason.
    #[inline]
    fn record(&mut self, record: &Record<'_>) {
        let frame = &record.frame;
        self.coverage.record(frame.time, frame.bytes.len(), frame.wire);
        match self.packet(record) {
            Ok(()) => self.coverage.used += 1,
            Err(reason) => self.coverage.skip(reason),
        }
    }

    #[inline]
    fn packet(&mut self, record: &Record<'_>) -> Result<(), Skip> {
        let Record { number, offset, frame } = *record;
        let place = Place { record: number, offset, time: frame.time };
        let network = link::open(frame.link.ok_or(Skip::BadHeader)?, frame.bytes, frame.wire)?;
        let datagram = ip::open(&network)?;
        let Some((proto, segment)) = self.segment(&datagram, 0, place)? else { return Ok(()) };
        if network.pppoe.is_some() || tunnel::may_carry(proto, segment.ports) {
            return self.unwrap(&network, datagram, place);
        }
        let carried = Carried { vlans: network.vlans, layers: &[] };
        self.count(proto, &datagram, &segment, 0, carried, place);
        Ok(())
    }

    /// Follows encapsulations inwards; the innermost packet that can be read belongs to the conversation.
    #[cold]
    fn unwrap<'a>(&mut self, network: &Network<'a>, mut datagram: Datagram<'a>, place: Place) -> Result<(), Skip> {
        let mut layers = Layers::of(network);
        while let Some(inner) = tunnel::open(&datagram) {
            let name = layers.name(&self.hasher);
            if !layers.enter(&inner) {
                self.coverage.limit("tunnel_depth", 1);
                break;
            }
            let time = place.time.unwrap_or(NO_TIME);
            self.fragments.remember(
                &datagram,
                name,
                First { proto: datagram.proto, ports: (0, 0), is_tunnel: true, time },
            );
            datagram = inner.datagram;
        }
        let name = layers.name(&self.hasher);
        let Some((proto, segment)) = self.segment(&datagram, name, place)? else { return Ok(()) };
        let carried = Carried { vlans: network.vlans, layers: layers.all() };
        self.count(proto, &datagram, &segment, name, carried, place);
        Ok(())
    }

    /// Counts a packet in its conversation and shows it to the recognisers.
    #[inline]
    fn count(
        &mut self,
        proto: u8,
        datagram: &Datagram<'_>,
        segment: &Segment<'_>,
        tunnel: u32,
        carried: Carried<'_>,
        place: Place,
    ) {
        let (src, dst) = ((datagram.src, segment.ports.0), (datagram.dst, segment.ports.1));
        let ends = Ends { v6: datagram.v6, proto, tunnel, src, dst };
        let (flow, side, counted) = self.table.take(&ends, place, datagram.length, segment, carried, &mut self.over);
        if counted.overflow {
            self.coverage.limit("tcp_gaps", 1);
        }
        if let Some(app) = opaque::app(proto, segment) {
            opaque::mark(flow, app);
            return;
        }
        self.recogniser.take(flow, side, place, counted.position, segment);
    }

    /// The segment in a datagram; a later fragment belongs to the conversation of its first.
    ///
    /// None for a later fragment of a datagram that holds another packet: that one's header counted all of it.
    #[inline]
    fn segment<'a>(
        &mut self,
        datagram: &Datagram<'a>,
        tunnel: u32,
        place: Place,
    ) -> Result<Option<(u8, Segment<'a>)>, Skip> {
        let Some(fragment) = datagram.fragment else {
            return Ok(Some((datagram.proto, transport::open(datagram)?)));
        };
        let time = place.time.unwrap_or(NO_TIME);
        if fragment.offset == 0 {
            let segment = transport::open(datagram)?;
            let first = First { proto: datagram.proto, ports: segment.ports, is_tunnel: false, time };
            self.fragments.remember(datagram, tunnel, first);
            return Ok(Some((datagram.proto, Segment { payload: &[], ..segment })));
        }
        let segment = Segment { payload: &[], ..transport::rest(datagram) };
        match self.fragments.first_of(datagram, tunnel, time) {
            Some(first) if first.is_tunnel => Ok(None),
            Some(first) => Ok(Some((first.proto, Segment { ports: first.ports, ..segment }))),
            None if has_ports(datagram.proto) => Err(Skip::FragmentWithoutFirst),
            None => Ok(Some((datagram.proto, segment))),
        }
    }
}

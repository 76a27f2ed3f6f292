//! From bytes to packets, in the order of the records: what must be known before the conversations can be shared out.
//!
//! Several sources are read as one stream: the conversations go on from one to the next, while records, offsets and
//! coverage are each source's own.

mod within;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ahash::RandomState;

use crate::block::{Block, Filling};
use crate::container::{Container, Record};
use crate::coverage::{Coverage, Skip};
use crate::error::Error;
use crate::flows::fragments::Fragments;
use crate::flows::key::Ends;
use crate::flows::table::{Arrival, Carrier, Place};
use crate::input::follow::{Follow, Interest};
use crate::input::{Filled, Input};
use crate::ip::{self, Datagram};
use crate::link::{self, Vlans};
use crate::transport::{self, Segment};
use crate::tunnel::{self, Layer};
use crate::unpack::Fault;
use within::Late;

/// How far the records of two files of one rotation may overlap, ns: several threads of a recorder write in turn.
const SLACK: i64 = 100_000_000;
/// How long nothing may have been recorded between them, ns: files that only look alike are rarely so close.
const PAUSE: i64 = 30_000_000_000;

/// Where the bytes of a source come from.
pub enum Source {
    /// A file; `-` is standard input.
    Path(PathBuf),
    /// Any stream.
    Stream(Box<dyn Read + Send>),
}

/// How sources are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    /// Take the SHA-256 of each.
    pub digest: bool,
    /// Believe the end of one only after it has not grown for so long.
    pub follow: Option<Duration>,
    /// One that does not begin when the one before it ends does not go on with it.
    pub in_time: bool,
}

/// What [`Front::advance`] came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Advance {
    /// The block was filled.
    Block,
    /// Nothing for now.
    Idle,
    /// All sources were read.
    End,
}

/// The reading of the sources, one after the other.
#[derive(Debug)]
pub struct Front {
    input: Input,
    /// Kept as long as a source that grows is followed.
    interest: Option<Interest>,
    waiting: VecDeque<Source>,
    how: Reading,
    progress: Arc<AtomicU64>,
    container: Container,
    /// Bytes of the source that held no whole record yet.
    held: Vec<u8>,
    /// How the source ended, while what is held of it is read.
    ended: Option<Option<io::Error>>,
    decoder: Decoder,
    coverage: Vec<Coverage>,
    /// What waited behind the last source was given out.
    over: bool,
}

/// What is known while records are read.
#[derive(Debug)]
struct Decoder {
    fragments: Fragments,
    hasher: RandomState,
    source: u32,
    /// What was decided of records that were taken for used.
    late: Vec<Late>,
}

impl Reading {
    /// How a source is read that has `more` behind it: only the last can still grow.
    fn of(self, more: &VecDeque<Source>) -> Self {
        Self { follow: self.follow.filter(|_| more.is_empty()), ..self }
    }
}

impl Source {
    fn open(self, how: Reading, progress: &Arc<AtomicU64>) -> io::Result<(Input, Option<Interest>)> {
        let progress = Arc::clone(progress);
        let (follow, interest) = match (self, how.follow) {
            (Self::Path(path), None) => return Ok((Input::open(&path, how.digest, progress)?, None)),
            (Self::Stream(stream), None) => return Ok((Input::from_read(stream, how.digest, progress)?, None)),
            (Self::Path(path), Some(patience)) => Follow::open(&path, patience)?,
            (Self::Stream(stream), Some(patience)) => Follow::stream(stream, patience),
        };
        Ok((Input::from_read(Box::new(follow), how.digest, progress)?, Some(interest)))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

impl Front {
    /// Reads these, one after the other; conversations are digested by `hasher`.
    ///
    /// # Errors
    /// The first source cannot be opened, or there is none.
    pub fn new(
        mut sources: VecDeque<Source>,
        how: Reading,
        progress: Arc<AtomicU64>,
        hasher: RandomState,
    ) -> io::Result<Self> {
        let coverage = vec![Coverage::default(); sources.len()];
        let first = sources.pop_front().ok_or(io::ErrorKind::InvalidInput)?;
        let (input, interest) = first.open(how.of(&sources), &progress)?;
        Ok(Self {
            input,
            interest,
            waiting: sources,
            how,
            progress,
            container: Container::new(),
            held: Vec::new(),
            ended: None,
            decoder: Decoder { fragments: Fragments::default(), hasher, source: 0, late: Vec::new() },
            coverage,
            over: false,
        })
    }

    /// What each source held, after the end.
    #[must_use]
    pub fn coverage(self) -> Vec<Coverage> {
        self.coverage
    }

    /// Fills a block with the next packets; waits at most `patience`.
    ///
    /// # Errors
    /// The first source is no capture, or not a byte of it could be read.
    pub fn advance(&mut self, block: &mut Block, patience: Duration) -> Result<Advance, Error> {
        block.clear(self.decoder.source);
        if self.over {
            return Ok(Advance::End);
        }
        let held = self.held.len();
        if block.bytes.len() < held {
            block.bytes.resize(held, 0);
        }
        block.bytes[..held].copy_from_slice(&self.held);
        let filled = match self.ended.take() {
            Some(error) => Filled::End(error),
            None => self.input.fill(&mut block.bytes, held, patience),
        };
        match filled {
            Filled::Bytes(count) => self.read(block, held + count),
            Filled::Idle => Ok(Advance::Idle),
            // What waited for more to follow is read first.
            Filled::End(error) if self.container.settle() => {
                self.ended = Some(error);
                self.read(block, held)
            }
            Filled::End(error) => self.next(block, error),
        }
    }

    /// Finds the packets in the first `end` bytes.
    fn read(&mut self, block: &mut Block, end: usize) -> Result<Advance, Error> {
        let (bytes, mut filling) = Filling::of(block);
        let bytes = &bytes[..end];
        let coverage = &mut self.coverage[self.decoder.source as usize];
        let decoder = &mut self.decoder;
        let first = coverage.records == 0;
        let fed = self.container.feed(bytes, &mut |record| decoder.record(&record, coverage, &mut filling));
        let taken = match fed {
            Ok(taken) => taken,
            Err(error) => self.refuse(error, end)?,
        };
        self.held.clear();
        self.held.extend_from_slice(&bytes[taken..]);
        self.correct();
        block.anew = first && self.how.in_time && !self.goes_on();
        Ok(Advance::Block)
    }

    /// True where the records of this source begin when those of the one before end.
    fn goes_on(&self) -> bool {
        let source = self.decoder.source as usize;
        let before = self.coverage[..source].iter().filter_map(|coverage| coverage.last_time).next_back();
        let pause = before.zip(self.coverage[source].first_time).map(|(before, begins)| begins.saturating_sub(before));
        pause.is_none_or(|pause| (-SLACK..=PAUSE).contains(&pause))
    }

    /// A later source that is no capture is read to its end all the same, for size and digest.
    fn refuse(&mut self, error: Error, end: usize) -> Result<usize, Error> {
        if self.decoder.source == 0 {
            return Err(error);
        }
        self.container.stop(error.code(), error.to_string());
        Ok(end)
    }

    /// Ends a source and begins the next; behind the last, gives out what waits.
    fn next(&mut self, block: &mut Block, error: Option<io::Error>) -> Result<Advance, Error> {
        if let Err(error) = self.end(error) {
            self.refuse(error, 0)?;
        }
        self.sum_up();
        while let Some(source) = self.waiting.pop_front() {
            self.decoder.source += 1;
            self.container = Container::new();
            self.held.clear();
            match source.open(self.how.of(&self.waiting), &self.progress) {
                Ok((input, interest)) => {
                    (self.input, self.interest) = (input, interest);
                    return Ok(Advance::Block);
                }
                Err(error) => {
                    self.container.stop("read_error", error.to_string());
                    (self.coverage[self.decoder.source as usize].error, _) = self.container.end();
                }
            }
        }
        self.over = true;
        self.decoder.give_up_all(&mut Filling::of(block).1, &mut self.coverage);
        self.correct();
        Ok(Advance::Block)
    }

    /// Corrects the coverage by what was decided late.
    fn correct(&mut self) {
        for late in self.decoder.late.drain(..) {
            late.correct(&mut self.coverage);
        }
    }

    fn end(&mut self, error: Option<io::Error>) -> Result<(), Error> {
        if let Some(error) = error {
            self.broken(error)?;
        }
        self.container.finish(&self.held)
    }

    /// Notes why the input ended early, if anything was read before.
    fn broken(&mut self, error: io::Error) -> Result<(), Error> {
        match Fault::of(&error) {
            Some(fault) if self.container.is_begun() => self.container.stop(fault.code, fault.message.clone()),
            Some(fault) => return Err(Error::Compression(fault.clone())),
            None if self.coverage[self.decoder.source as usize].records == 0 => return Err(error.into()),
            None => self.container.stop("read_error", error.to_string()),
        }
        Ok(())
    }

    /// Completes the coverage of a source.
    fn sum_up(&mut self) {
        let facts = self.container.facts();
        let sum = self.input.sum();
        let coverage = &mut self.coverage[self.decoder.source as usize];
        coverage.format = facts.format;
        coverage.link_types = facts.links;
        coverage.snaplen = facts.snaplen;
        coverage.interface_drops = facts.drops;
        coverage.unknown_blocks = facts.unknown_blocks;
        coverage.blocks = facts.blocks;
        coverage.tally.limit("resolved_names", facts.names.beyond());
        coverage.resolved_names = facts.names.into_all();
        coverage.tally.limit("interfaces", facts.refused_interfaces);
        coverage.tally.limit("fragments", self.decoder.fragments.forgotten());
        coverage.fragment_overlaps = self.decoder.fragments.overlaps();
        (coverage.error, coverage.trailing_bytes) = self.container.end();
        coverage.size = sum.size;
        coverage.unpacked = sum.unpacked;
        coverage.sha256 = sum.sha256.map(|digest| digest.iter().map(|byte| format!("{byte:02x}")).collect());
    }
}

impl Decoder {
    /// Reads one record; it is either used or skipped for a reason.
    #[inline]
    fn record(&mut self, record: &Record<'_>, coverage: &mut Coverage, into: &mut Filling<'_>) {
        let frame = &record.frame;
        coverage.record(frame.time, frame.bytes.len(), frame.wire);
        match self.packet(record, coverage, into) {
            Ok(()) => coverage.used += 1,
            Err(reason) => coverage.skip(reason),
        }
    }

    #[inline]
    fn packet(&mut self, record: &Record<'_>, coverage: &mut Coverage, into: &mut Filling<'_>) -> Result<(), Skip> {
        let Record { number, offset, frame } = *record;
        let place = Place { source: self.source, record: number, offset, time: frame.time };
        let network = link::open(frame.link.ok_or(Skip::BadHeader)?, frame.bytes, frame.wire)?;
        let datagram = match ip::open(&network) {
            Ok(datagram) => datagram,
            Err(reason) => return self.outside(&network, reason, place, into),
        };
        if datagram.fragment.is_none()
            && let Ok(segment) = transport::open(&datagram)
            && !network.is_more_than_a_packet()
            && !tunnel::may_carry(datagram.proto, segment.ports)
        {
            give(into, &self.arrival(&datagram, segment, 0, place), network.vlans, &[]);
            return Ok(());
        }
        self.within(&network, datagram, place, coverage, into)
    }

    #[inline]
    fn arrival<'a>(&self, datagram: &Datagram<'_>, segment: Segment<'a>, tunnel: u32, place: Place) -> Arrival<'a> {
        let proto = datagram.proto;
        let (src, dst) = ((datagram.src, segment.ports.0), (datagram.dst, segment.ports.1));
        let (key, sender) = Ends { v6: datagram.v6, proto, tunnel, src, dst }.key();
        let hash = self.hasher.hash_one(key);
        Arrival { key, hash, sender, place, length: datagram.length, segment, carrier: None }
    }
}

/// Puts a packet into the block, with what it travelled in.
#[inline]
fn give(into: &mut Filling<'_>, arrival: &Arrival<'_>, vlans: Vlans, layers: &[Layer]) {
    if vlans.ids().is_empty() && layers.is_empty() {
        into.add(arrival);
    } else {
        into.add_carried(arrival, Carrier { vlans, layers: layers.into() });
    }
}

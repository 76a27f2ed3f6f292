//! The whole story of a capture, top to bottom.
//!
//! Bytes come from [`crate::input`], a piece at a time. [`crate::front`] finds the records in them, the frame in a record,
//! the IP packet in a frame, the innermost of packets within packets, and puts it into a [`crate::block`] by the two hosts
//! that talk. [`crate::shard`] takes packets in: [`crate::flows`] counts them in their conversations, [`crate::talk`] reads
//! what the conversations speak, [`crate::batch`] makes rows of those that are over. [`crate::crew`] are the threads that
//! do all this.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use ahash::RandomState;
use arrow_array::RecordBatch;

use crate::coverage::{Coverage, Tally};
use crate::crew::{Crew, Made};
use crate::error::Error;
use crate::front::{Front, Reading, Source};
use crate::markers::Markers;
use crate::shard::Terms;

pub use crate::shard::Kind;

/// What the caller wants.
#[derive(Debug, Default)]
pub struct Options {
    /// Text of the column `source`.
    pub name: String,
    /// Take the SHA-256 of the input.
    pub digest: bool,
    /// Look for these in payload.
    pub markers: Option<Markers>,
    /// Threads that read at once; 0 is 1. The rows are the same for any number.
    pub threads: usize,
    /// Give out rows as soon as they are known, however few.
    pub eager: bool,
    /// Take the SHA-256 of the bodies and files that are sent in clear.
    pub digests: bool,
    /// Of several sources, one that does not begin when the one before it ends does not go on with it.
    pub in_time: bool,
    /// Believe the end of the input only after it has not grown for so long.
    pub follow: Option<Duration>,
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

/// One capture, or several that are read as one stream, being read.
#[derive(Debug)]
pub struct Capture {
    // Dropped first: threads that wait to hand something over are told so.
    made: Receiver<Made>,
    crew: Crew,
    progress: Arc<AtomicU64>,
    coverage: Vec<Coverage>,
}

impl Capture {
    /// Opens the file at `path`; `-` is standard input.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let name = options.name.clone();
        Self::of(vec![(name, Source::Path(path.into()))], options)
    }

    /// Reads any stream of bytes.
    ///
    /// # Errors
    /// The reading thread cannot be started.
    pub fn from_read(source: Box<dyn Read + Send>, options: Options) -> Result<Self, Error> {
        let name = options.name.clone();
        Self::of(vec![(name, Source::Stream(source))], options)
    }

    /// Reads sources, each with its text for the column `source`, as one stream, one after the other.
    ///
    /// # Errors
    /// The first cannot be opened; what is wrong with a later one stands in its coverage.
    pub fn of(sources: Vec<(String, Source)>, options: Options) -> Result<Self, Error> {
        let (names, sources): (Vec<String>, VecDeque<Source>) = sources.into_iter().unzip();
        let coverage = vec![Coverage::default(); names.len()];
        let progress = Arc::new(AtomicU64::new(0));
        let hasher = RandomState::new();
        let how = Reading { digest: options.digest, follow: options.follow, in_time: options.in_time };
        let front = Front::new(sources, how, Arc::clone(&progress), hasher.clone())?;
        let terms = Terms {
            names: names.into(),
            hasher,
            markers: options.markers.map(Arc::new),
            digests: options.digests,
            eager: options.eager,
        };
        let (crew, made) = Crew::start(front, options.threads, &terms)?;
        Ok(Self { made, crew, progress, coverage })
    }

    /// The next rows, or [`Turn::Idle`] when there were none for as long as `patience`.
    ///
    /// # Errors
    /// The first source is no capture, or not a byte of it could be read.
    pub fn next(&mut self, patience: Duration) -> Result<Turn, Error> {
        match self.made.recv_timeout(patience) {
            Ok(Made::Batch(kind, batch)) => Ok(Turn::Batch(kind, batch)),
            Ok(Made::Failed(error)) => Err(error),
            Err(RecvTimeoutError::Timeout) => Ok(Turn::Idle),
            Err(RecvTimeoutError::Disconnected) => {
                self.end();
                Ok(Turn::End)
            }
        }
    }

    /// What was read of each source; complete after [`Turn::End`].
    #[must_use]
    pub fn coverage(&self) -> &[Coverage] {
        &self.coverage
    }

    /// Stored bytes read so far.
    #[must_use]
    pub fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    fn end(&mut self) {
        let (front, shards) = self.crew.end();
        if let Some(front) = front {
            self.coverage = front.coverage();
            shards.iter().for_each(|tallies| self.add(tallies));
        }
    }

    fn add(&mut self, tallies: &[Tally]) {
        self.coverage.iter_mut().zip(tallies).for_each(|(coverage, tally)| coverage.add(tally));
    }
}

//! The threads of a reading: one at a time goes on with the front, each takes in the packets of its own shards.
//!
//! A thread first sees to it that there is work (blocks wait for everybody), then takes in the oldest block that waits
//! for it. Blocks are filled again once everybody is done with them. Every shard meets the blocks in their order, so what
//! comes out does not depend on the number of threads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, mem};

use arrow_array::RecordBatch;

use crate::block::{Block, SHARDS};
use crate::coverage::Tally;
use crate::error::Error;
use crate::front::{Advance, Front};
use crate::shard::{Kind, Shard, Terms};

/// Blocks that may wait for one of several threads.
const AHEAD: usize = 16;
/// Batches that may wait for the caller.
const WAITING: usize = 16;
/// How long the front waits for bytes before it looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(50);

/// What the threads have for the caller.
#[derive(Debug)]
pub enum Made {
    /// Rows.
    Batch(Kind, RecordBatch),
    /// The reading failed.
    Failed(Error),
}

/// The threads.
#[derive(Debug)]
pub struct Crew {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Nobody wants the rows any more.
    stopped: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// Nobody is at it; none while somebody is, and after the end.
    front: Option<Box<Front>>,
    /// The end was reached; holds the front for its coverage.
    ended: Option<Box<Front>>,
    /// Blocks that wait, by thread.
    queues: Vec<VecDeque<Arc<Block>>>,
    spare: Vec<Block>,
    tallies: Vec<Vec<Tally>>,
}

/// What a thread does next.
enum Task {
    Advance(Box<Front>, Box<Block>),
    Take(Arc<Block>),
    Finish,
}

impl Crew {
    /// Starts `threads` of them on a front; the receiver gets what they make, and ends with it.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(front: Front, threads: usize, terms: &Terms) -> io::Result<(Self, Receiver<Made>)> {
        let threads = threads.clamp(1, SHARDS);
        let state = State {
            front: Some(Box::new(front)),
            ended: None,
            queues: vec![VecDeque::new(); threads],
            spare: Vec::new(),
            tallies: Vec::new(),
        };
        let shared = Shared { state: Mutex::new(state), changed: Condvar::new(), stopped: AtomicBool::new(false) };
        let (give, made) = sync_channel(WAITING);
        let mut crew = Self { shared: Arc::new(shared), threads: Vec::new() };
        for number in 0..threads {
            let shards = (0..SHARDS).filter(|at| at % threads == number).map(|at| (at, Shard::new(terms.clone())));
            let worker = Worker {
                shared: Arc::clone(&crew.shared),
                number,
                ahead: if threads == 1 { 1 } else { AHEAD },
                shards: shards.collect(),
                give: give.clone(),
            };
            let thread = std::thread::Builder::new().name("flowwatch-crew".into());
            crew.threads.push(thread.spawn(move || worker.run())?);
        }
        Ok((crew, made))
    }

    /// After the end: the front, with its coverage, and what the shards counted by source.
    ///
    /// # Panics
    /// As one of the threads did.
    pub fn end(&mut self) -> (Option<Front>, Vec<Vec<Tally>>) {
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        let mut state = self.shared.state();
        (state.ended.take().map(|front| *front), mem::take(&mut state.tallies))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// One thread.
struct Worker {
    shared: Arc<Shared>,
    number: usize,
    /// Blocks that should wait for everybody.
    ahead: usize,
    shards: Vec<(usize, Shard)>,
    give: SyncSender<Made>,
}

impl Worker {
    fn run(mut self) {
        // Whoever leaves early takes the others along: nobody would fill or empty the blocks of theirs.
        let _guard = Leaving(Arc::clone(&self.shared));
        while let Some(task) = self.next() {
            match task {
                Task::Advance(front, block) => self.advance(front, block),
                Task::Take(block) => self.take(block),
                Task::Finish => return self.finish(),
            }
        }
    }

    /// Waits for something to do; none when nobody wants it any more.
    fn next(&self) -> Option<Task> {
        let mut state = self.shared.state();
        loop {
            if self.shared.is_stopped() {
                return None;
            }
            let waits = state.queues[self.number].len();
            let wanted = state.queues.iter().all(|queue| queue.len() < self.ahead);
            if wanted && let Some(front) = state.front.take() {
                return Some(Task::Advance(front, Box::new(state.spare.pop().unwrap_or_default())));
            }
            if waits > 0 {
                return state.queues[self.number].pop_front().map(Task::Take);
            }
            if state.ended.is_some() {
                return Some(Task::Finish);
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Fills a block and hands it to everybody.
    fn advance(&self, mut front: Box<Front>, mut block: Box<Block>) {
        let advanced = front.advance(&mut block, PATIENCE);
        let mut state = self.shared.state();
        match advanced {
            Ok(Advance::Block) if !block.is_empty() => {
                let block: Arc<Block> = Arc::from(block);
                state.queues.iter_mut().for_each(|queue| queue.push_back(Arc::clone(&block)));
                state.front = Some(front);
            }
            Ok(Advance::Block | Advance::Idle) => {
                state.spare.push(*block);
                state.front = Some(front);
            }
            Ok(Advance::End) => state.ended = Some(front),
            Err(error) => {
                drop(state);
                let _ = self.give.send(Made::Failed(error));
                self.shared.stop();
                return;
            }
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    fn take(&mut self, block: Arc<Block>) {
        let Self { shards, give, shared, .. } = self;
        for (at, shard) in shards {
            shard.take(&block, &block.packets[*at], &mut |kind, batch| hand_over(give, shared, kind, batch));
        }
        if let Some(block) = Arc::into_inner(block) {
            let mut state = self.shared.state();
            state.spare.push(block);
            drop(state);
            self.shared.changed.notify_all();
        }
    }

    fn finish(self) {
        let Self { shards, give, shared, .. } = self;
        for (_, shard) in shards {
            let tally = shard.finish(&mut |kind, batch| hand_over(&give, &shared, kind, batch));
            shared.state().tallies.push(tally);
        }
    }
}

fn hand_over(give: &SyncSender<Made>, shared: &Shared, kind: Kind, batch: RecordBatch) {
    if give.send(Made::Batch(kind, batch)).is_err() {
        shared.stop();
    }
}

/// Ends the others when a thread ends by a panic.
struct Leaving(Arc<Shared>);

impl Drop for Leaving {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

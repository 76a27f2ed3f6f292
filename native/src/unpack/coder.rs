//! xz and bzip2 driven call by call, so that what a call unpacked before it failed is given out before the failure.

use std::io::{self, BufRead, Read};

use bzip2::{Decompress, Status as BzStatus};
use liblzma::stream::{Action, Error as XzError, Status as XzStatus, Stream};

/// A decoder that is shown stored bytes.
pub(super) trait Coder {
    /// Unpacks some of `input` into `buffer`; `end` says that `input` is empty because there is no more.
    fn run(&mut self, input: &[u8], buffer: &mut [u8], end: bool) -> Run;
}

/// What one call did.
pub(super) struct Run {
    taken: usize,
    given: usize,
    /// Whether that was the end of the stream.
    over: io::Result<bool>,
}

/// The unpacked bytes of one stream.
pub(super) struct Coded<R, C> {
    stored: R,
    coder: C,
    /// How the stream ended, once it did and what came before was given out.
    over: Option<io::Result<()>>,
}

impl<R: BufRead, C: Coder> Coded<R, C> {
    pub fn new(stored: R, coder: C) -> Self {
        Self { stored, coder, over: None }
    }

    pub fn get_ref(&self) -> &R {
        &self.stored
    }

    pub fn into_inner(self) -> R {
        self.stored
    }
}

impl<R: BufRead, C: Coder> Read for Coded<R, C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.over.is_none() {
            let input = self.stored.fill_buf()?;
            let end = input.is_empty();
            let Run { taken, given, over } = self.coder.run(input, buffer, end);
            self.stored.consume(taken);
            self.over = match over {
                Ok(true) => Some(Ok(())),
                Ok(false) if end && given == 0 => Some(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(false) if taken == 0 && given == 0 => Some(Err(io::ErrorKind::InvalidData.into())),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            };
            if given > 0 {
                return Ok(given);
            }
        }
        self.over.replace(Ok(())).map_or(Ok(0), |over| over.map(|()| 0))
    }
}

impl Coder for Stream {
    fn run(&mut self, input: &[u8], buffer: &mut [u8], end: bool) -> Run {
        let before = (self.total_in(), self.total_out());
        let told = self.process(input, buffer, if end { Action::Finish } else { Action::Run });
        let over = match told {
            Ok(status) => Ok(matches!(status, XzStatus::StreamEnd)),
            Err(error) => Err(error.into()),
        };
        run(before, (self.total_in(), self.total_out()), over)
    }
}

impl Coder for Decompress {
    fn run(&mut self, input: &[u8], buffer: &mut [u8], _: bool) -> Run {
        let before = (self.total_in(), self.total_out());
        let told = self.decompress(input, buffer);
        let over = match told {
            Ok(status) => Ok(matches!(status, BzStatus::StreamEnd)),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        run(before, (self.total_in(), self.total_out()), over)
    }
}

fn run(before: (u64, u64), after: (u64, u64), over: io::Result<bool>) -> Run {
    Run { taken: (after.0 - before.0) as usize, given: (after.1 - before.1) as usize, over }
}

/// Whether an error says that the stream asks for more memory than it gets.
pub(super) fn is_too_large(error: &io::Error) -> bool {
    let xz = error.get_ref().and_then(|inner| inner.downcast_ref::<XzError>());
    matches!(xz, Some(XzError::MemLimit))
}

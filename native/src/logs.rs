//! Lines of logs taken apart, where Python's own ways cost too much: a block of whole lines in, columns of text out; and
//! DNS messages that a log holds whole, read as a capture's are.
//!
//! Promises: a line is taken whole, from its first byte to its last, or not at all; what is not taken is told by where it
//! stands. Refuses: to say what a value means, or why a line was not taken.

pub mod bind;
pub mod columns;
pub mod eve;
mod json;
pub mod messages;
mod syslog;

use std::ops::Range;

use arrow_array::builder::UInt32Builder;
use arrow_array::{ArrayRef, RecordBatch};

/// What is left of a line while it is taken apart.
#[derive(Debug, Clone, Copy)]
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// Takes these bytes, which must follow.
    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    /// Takes these bytes where they follow.
    fn maybe(&mut self, word: &[u8]) -> bool {
        self.word(word).is_some()
    }

    /// Takes the bytes that are `law`, as many of them as there are; their number must be within `count`.
    fn run(&mut self, count: Range<usize>, law: impl Fn(u8) -> bool) -> Option<&'a [u8]> {
        let length = self.0.iter().take(count.end).take_while(|byte| law(**byte)).count();
        if !count.contains(&length) {
            return None;
        }
        let (run, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(run)
    }

    /// Takes as many bytes as there are laws, where each holds.
    fn shape(&mut self, shape: &[u8]) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(shape.len())?;
        let fits = taken.iter().zip(shape).all(|(byte, kind)| match kind {
            b'0' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase(),
            b'a' => byte.is_ascii_lowercase(),
            other => byte == other,
        });
        if !fits {
            return None;
        }
        self.0 = rest;
        Some(taken)
    }
}

/// The lines of a block, each without its line feed, and where it begins.
fn lines(block: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    memchr::memchr_iter(b'\n', block).chain([block.len()]).scan(0, |start, end| {
        let begun = std::mem::replace(start, end + 1);
        Some((begun, block.get(begun..end).unwrap_or_default()))
    })
}

/// Appends where a line stands.
fn append<const N: usize>(columns: &mut [UInt32Builder; N], values: [usize; N]) {
    for (column, value) in columns.iter_mut().zip(values) {
        column.append_option(u32::try_from(value).ok());
    }
}

/// Columns of one length as a batch; of one schema, whatever is in them.
fn batch<'a>(columns: impl Iterator<Item = (&'a str, ArrayRef)>) -> RecordBatch {
    let columns = columns.map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

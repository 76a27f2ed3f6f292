//! The core of flowwatch: bytes of a capture in; conversations, DNS lookups and a coverage out.
//!
//! It knows nothing of policy or places. Input is hostile: every length is checked before use, nothing is allocated by
//! a size that a file names, every limit that is hit is counted, and a bad record never ends a run.

#![forbid(unsafe_code)]

pub mod batch;
pub mod block;
pub mod capture;
pub mod community_id;
pub mod container;
pub mod coverage;
pub mod crew;
#[cfg(test)]
mod dice;
pub mod digests;
pub mod error;
pub mod flows;
pub mod front;
pub mod input;
pub mod ip;
pub mod jsonl;
pub mod link;
pub mod logs;
pub mod lookups;
pub mod markers;
pub mod opaque;
#[cfg(feature = "python")]
mod python;
pub mod recognise;
pub mod shard;
pub mod stream;
pub mod talk;
pub mod text;
pub mod transport;
pub mod tunnel;
pub mod unpack;

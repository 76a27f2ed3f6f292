//! The one error of the crate: why an input could not be read at all.
//!
//! A capture that begins well and breaks later is no error: what was read is kept and [`crate::coverage::Coverage`]
//! says where and why it stopped.

use std::fmt;
use std::io;

use crate::unpack::Fault;

/// Why an input yields nothing.
#[derive(Debug)]
pub enum Error {
    /// The input could not be opened or its first bytes could not be read.
    Io(io::Error),
    /// The first bytes are no capture file header.
    NotACapture {
        /// Byte offset where the header fails.
        offset: u64,
        /// What was found there.
        message: String,
    },
    /// The input is compressed and broken before the capture in it begins.
    Compression(Fault),
}

impl Error {
    /// A stable word for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "read_error",
            Self::NotACapture { .. } => "not_a_capture",
            Self::Compression(fault) => fault.code,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::NotACapture { offset, message } => write!(f, "not a capture file: {message} (at byte {offset})"),
            Self::Compression(fault) => write!(f, "{fault}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

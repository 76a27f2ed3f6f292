//! A source that still grows: its end is believed only after it has not grown for a while.
//!
//! A file that becomes shorter while it is read is an error, for what was read is no longer what it holds. One that is
//! replaced by another of its name is read on as the one that was opened.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often a source is asked whether it has grown.
const PAUSE: Duration = Duration::from_millis(50);

/// Whoever holds it wants more bytes; when it is dropped, the source ends.
#[derive(Debug)]
pub struct Interest(#[expect(dead_code, reason = "counted, not read")] Arc<()>);

/// A source whose end is no end as long as it grows.
pub struct Follow {
    source: Source,
    patience: Duration,
    interest: Weak<()>,
    read: u64,
    /// Since when it has not grown.
    quiet: Option<Instant>,
    over: bool,
}

enum Source {
    File(File),
    Stream(Box<dyn Read + Send>),
}

impl Follow {
    /// Follows the file at `path` until it has not grown for `patience`; `-` is standard input.
    ///
    /// # Errors
    /// The file cannot be opened, or is a directory.
    pub fn open(path: &Path, patience: Duration) -> io::Result<(Self, Interest)> {
        if path.as_os_str() == "-" {
            return Ok(Self::stream(Box::new(io::stdin()), patience));
        }
        let mut file = File::open(path)?;
        // A directory can be opened, but not read.
        let _ = file.read(&mut [])?;
        Ok(Self::new(Source::File(file), patience))
    }

    /// Follows any stream of bytes that may go on after it gave none.
    #[must_use]
    pub fn stream(source: Box<dyn Read + Send>, patience: Duration) -> (Self, Interest) {
        Self::new(Source::Stream(source), patience)
    }

    fn new(source: Source, patience: Duration) -> (Self, Interest) {
        let interest = Arc::new(());
        let weak = Arc::downgrade(&interest);
        (Self { source, patience, interest: weak, read: 0, quiet: None, over: false }, Interest(interest))
    }

    /// Waits a little where there may be more; false when the end is to be believed.
    fn wait(&mut self) -> io::Result<bool> {
        self.check()?;
        let quiet = self.quiet.get_or_insert_with(Instant::now).elapsed();
        self.over = quiet >= self.patience || self.interest.strong_count() == 0;
        if !self.over {
            std::thread::sleep(PAUSE.min(self.patience - quiet));
        }
        Ok(!self.over)
    }

    /// That a file still holds what was read of it.
    fn check(&mut self) -> io::Result<()> {
        let Source::File(file) = &self.source else { return Ok(()) };
        let about = file.metadata()?;
        if about.is_file() && about.len() < self.read {
            self.over = true;
            let (now, read) = (about.len(), self.read);
            return Err(io::Error::other(format!("the file was cut to {now} bytes while it was read, at byte {read}")));
        }
        Ok(())
    }
}

impl Read for Follow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.over {
            let read = match &mut self.source {
                Source::File(file) => file.read(buffer)?,
                Source::Stream(stream) => stream.read(buffer)?,
            };
            if read > 0 || buffer.is_empty() {
                self.read += read as u64;
                self.quiet = None;
                return Ok(read);
            }
            self.wait()?;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::path::PathBuf;

    const PATIENCE: Duration = Duration::from_millis(400);

    fn file(name: &str) -> (PathBuf, File) {
        let path = std::env::temp_dir().join(format!("flowwatch-follow-{}-{name}", std::process::id()));
        let file = File::create(&path).unwrap();
        (path, file)
    }

    #[test]
    fn what_is_written_later_is_read_and_the_end_comes_after_a_while() {
        let (path, mut file) = file("grows");
        let (mut follow, _interest) = Follow::open(&path, PATIENCE).unwrap();
        let writer = std::thread::spawn(move || {
            for piece in [&b"one "[..], b"two ", b"three"] {
                std::thread::sleep(PATIENCE / 4);
                file.write_all(piece).unwrap();
            }
        });
        let mut all = String::new();
        follow.read_to_string(&mut all).unwrap();
        writer.join().unwrap();
        assert_eq!((all.as_str(), follow.read(&mut [0; 9]).unwrap()), ("one two three", 0));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error_and_then_ends() {
        let (path, mut file) = file("shrinks");
        file.write_all(b"0123456789").unwrap();
        let (mut follow, _interest) = Follow::open(&path, Duration::from_secs(3600)).unwrap();
        assert_eq!(follow.read(&mut [0; 64]).unwrap(), 10);
        file.set_len(4).unwrap();
        let error = follow.read(&mut [0; 64]).unwrap_err();
        assert!(error.to_string().contains("cut to 4 bytes"), "{error}");
        assert_eq!(follow.read(&mut [0; 64]).unwrap(), 0);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_is_replaced_is_read_on() {
        let (path, mut file) = file("replaced");
        file.write_all(b"old").unwrap();
        let (mut follow, _interest) = Follow::open(&path, PATIENCE).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"another").unwrap();
        file.write_all(b" and more").unwrap();
        let mut all = String::new();
        follow.read_to_string(&mut all).unwrap();
        assert_eq!(all, "old and more");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_source_nobody_wants_ends() {
        let (mut follow, interest) = Follow::stream(Box::new(io::empty()), Duration::from_secs(3600));
        drop(interest);
        assert_eq!(follow.read(&mut [0; 9]).unwrap(), 0);
    }
}

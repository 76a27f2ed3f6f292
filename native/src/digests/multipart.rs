//! The parts of a multipart body, as `multipart/form-data` has the files of an upload (RFC 2046 5.1, RFC 7578).
//!
//! Promises: the digest of each part that ended with a delimiter, its own head left out, without the transfer encoding that
//! letters need (RFC 2045 6). Refuses: parts in parts.

use memchr::memmem;

use super::Sha;
use super::transfer::Part;

/// Octets of a boundary; RFC 2046 allows 70.
const MOST_BOUNDARY: usize = 200;
/// Octets between a delimiter and the end of its line.
const MOST_LINE: usize = 100;
/// Octets of the head of a part.
pub const MOST_HEAD: usize = 16 * 1024;
/// Octets of the line end at the front of a delimiter.
const LINE_END: usize = 2;

/// The parts of one body, read as it comes.
#[derive(Debug)]
pub struct Parts {
    /// Line end, two hyphens and the boundary.
    delimiter: Vec<u8>,
    /// How many bytes of the delimiter came last.
    matched: usize,
    /// How many of these stood in front of the content.
    before: usize,
    state: State,
    part: Part,
}

#[derive(Debug)]
enum State {
    /// In front of the first delimiter.
    Preamble,
    /// Behind a delimiter, on its line: what stood there, and whether it may end a part.
    Line(Vec<u8>, bool),
    /// In the head of a part: what came of it, and octets of its line.
    Head(Vec<u8>, usize),
    Part,
    /// Behind the last delimiter, or in something that is no multipart.
    Over,
}

impl Parts {
    /// Of a body of this Content-Type; none where that is not multipart, or names no boundary.
    pub fn of(kind: &[u8]) -> Option<Self> {
        if !kind.get(..10)?.eq_ignore_ascii_case(b"multipart/") {
            return None;
        }
        let boundary = kind.split(|b| *b == b';').skip(1).find_map(boundary)?;
        let is_sound =
            (1..=MOST_BOUNDARY).contains(&boundary.len()) && boundary.iter().all(|b| (b' '..=b'~').contains(b));
        // The first delimiter may stand at the very front, as if behind a line end.
        is_sound.then(|| Self {
            delimiter: [b"\r\n--", boundary].concat(),
            matched: LINE_END,
            before: LINE_END,
            state: State::Preamble,
            part: Part::default(),
        })
    }

    /// Bytes that it keeps of a head.
    pub fn held(&self) -> usize {
        if let State::Head(head, _) = &self.state { head.len() } else { 0 }
    }

    /// Reads on; `found` gets the digests of parts that are complete.
    pub fn read(&mut self, mut bytes: &[u8], found: &mut dyn FnMut(Sha)) {
        while !bytes.is_empty() {
            let done = match self.state {
                State::Preamble | State::Part => self.content(bytes),
                State::Line(..) => self.line(bytes, found),
                State::Head(..) => self.head(bytes),
                State::Over => return,
            };
            bytes = bytes.get(done..).unwrap_or_default();
        }
    }

    /// Reads up to a delimiter; how many bytes are done with.
    fn content(&mut self, bytes: &[u8]) -> usize {
        if self.matched > 0 {
            return self.rest_of_delimiter(bytes);
        }
        if let Some(at) = memmem::find(bytes, &self.delimiter) {
            self.add(bytes.get(..at).unwrap_or_default());
            self.state = State::Line(Vec::new(), matches!(self.state, State::Part));
            return at + self.delimiter.len();
        }
        let tail = bytes.len() - bytes.len().min(self.delimiter.len() - 1);
        let begins = |at: &usize| bytes.get(*at..).is_some_and(|end| self.delimiter.starts_with(end));
        let at = (tail..bytes.len()).find(begins).unwrap_or(bytes.len());
        self.matched = bytes.len() - at;
        self.add(bytes.get(..at).unwrap_or_default());
        bytes.len()
    }

    /// Goes on with a delimiter that has begun. Where it is none after all, what looked like one is content; no part of
    /// that can begin another, since a line end stands at its front only.
    fn rest_of_delimiter(&mut self, bytes: &[u8]) -> usize {
        let wanted = self.delimiter.get(self.matched..).unwrap_or_default();
        let length = wanted.len().min(bytes.len());
        if bytes.get(..length) != wanted.get(..length) {
            let (before, matched) = (std::mem::take(&mut self.before), std::mem::take(&mut self.matched));
            let seeming = self.delimiter.get(before..matched).unwrap_or_default().to_vec();
            self.add(&seeming);
            return 0;
        }
        self.matched += length;
        if self.matched == self.delimiter.len() {
            (self.before, self.matched) = (0, 0);
            self.state = State::Line(Vec::new(), matches!(self.state, State::Part));
        }
        length
    }

    /// Reads the line of a delimiter: it may end in two hyphens, or in blanks.
    fn line(&mut self, bytes: &[u8], found: &mut dyn FnMut(Sha)) -> usize {
        let State::Line(line, ends_part) = &mut self.state else { return bytes.len() };
        let room = MOST_LINE - line.len().min(MOST_LINE);
        let end = bytes.iter().take(room).position(|b| *b == b'\n');
        let length = end.map_or(bytes.len().min(room), |at| at + 1);
        line.extend_from_slice(bytes.get(..length).unwrap_or_default());
        let is_last = line.starts_with(b"--");
        let is_next = end.is_some() && line.trim_ascii().is_empty();
        if is_last || is_next {
            if *ends_part {
                self.part.take().into_iter().for_each(found);
            }
            self.state = if is_last { State::Over } else { State::Head(Vec::new(), 0) };
        } else if end.is_some() || line.len() >= MOST_LINE || !b"--".starts_with(line.trim_ascii_end()) {
            self.no_delimiter();
        }
        length
    }

    /// What looked like a delimiter is content.
    fn no_delimiter(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Preamble);
        let State::Line(mut line, ends_part) = state else { return };
        if ends_part {
            self.state = State::Part;
            self.part.add(&self.delimiter);
        }
        // The line end behind it may begin the next.
        let ends: &[u8] = if line.ends_with(b"\r\n") {
            b"\r\n"
        } else if line.ends_with(b"\r") {
            b"\r"
        } else {
            b""
        };
        line.truncate(line.len() - ends.len());
        self.add(&line);
        self.matched = ends.len();
    }

    /// Reads the head of a part up to its empty line.
    fn head(&mut self, bytes: &[u8]) -> usize {
        let State::Head(head, in_line) = &mut self.state else { return bytes.len() };
        for (at, byte) in bytes.iter().enumerate() {
            head.push(*byte);
            match byte {
                b'\n' if *in_line == 0 => {
                    self.part = Part::of(field(head, b"content-transfer-encoding").as_deref());
                    // Where the part is empty, this is the line end of its delimiter, too.
                    (self.state, self.matched, self.before) = (State::Part, LINE_END, LINE_END);
                    return at + 1;
                }
                b'\n' => *in_line = 0,
                b'\r' => {}
                _ => *in_line += 1,
            }
            if head.len() > MOST_HEAD {
                self.state = State::Over;
                return bytes.len();
            }
        }
        bytes.len()
    }

    fn add(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Part) {
            self.part.add(bytes);
        }
    }
}

/// The value of the first field of a head with this name, its lines joined (RFC 5322 2.2.3).
pub fn field(head: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let is_named = |line: &[u8]| {
        let (front, behind) = line.split_at_checked(name.len())?;
        let value = behind.trim_ascii_start().strip_prefix(b":")?;
        front.eq_ignore_ascii_case(name).then(|| value.to_vec())
    };
    let mut value = lines.find_map(is_named)?;
    lines.take_while(|line| matches!(line.first(), Some(b' ' | b'\t'))).for_each(|line| value.extend_from_slice(line));
    Some(value.trim_ascii().to_vec())
}

/// The boundary that a parameter of Content-Type names.
fn boundary(parameter: &[u8]) -> Option<&[u8]> {
    let (name, value) = parameter.split_at_checked(parameter.iter().position(|b| *b == b'=')?)?;
    let value = value.get(1..)?.trim_ascii();
    let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    name.trim_ascii().eq_ignore_ascii_case(b"boundary").then_some(bare)
}

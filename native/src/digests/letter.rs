//! A letter as SMTP carries it (RFC 5321), and the files in it (RFC 2045, RFC 2046).
//!
//! Promises: the digest of the whole letter, its dots no longer doubled (RFC 5321 4.5.2), and of each part, or of its body
//! where it has none, without its transfer encoding. Refuses: parts in parts; what is sealed or packed.

use super::multipart::{MOST_HEAD, Parts, field};
use super::transfer::Part;
use super::{Sha, Sum};

/// One letter, read as it comes.
#[derive(Debug)]
pub struct Letter {
    sent: Sum,
    /// Bytes that still stand before it.
    before: usize,
    /// A dot at the front of a line stands for none.
    is_stuffed: bool,
    at_line_start: bool,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// In its head: what came of it.
    Head(Vec<u8>),
    Parts(Parts),
    Body(Part),
    /// Its head is too long.
    Untold,
}

impl Letter {
    /// Nothing read yet. Behind DATA dots are doubled, and the line end of that word stands before it; behind BDAT nothing
    /// does, and dots are not (RFC 3030).
    pub fn new(is_stuffed: bool) -> Self {
        Self {
            sent: Sum::default(),
            before: usize::from(is_stuffed),
            is_stuffed,
            at_line_start: true,
            place: Place::Head(Vec::new()),
        }
    }

    /// Reads on; `found` gets the digests of parts that are complete.
    pub fn read(&mut self, bytes: &[u8], found: &mut dyn FnMut(Sha)) {
        let before = self.before.min(bytes.len());
        self.before -= before;
        let bytes = bytes.get(before..).unwrap_or_default();
        if !self.is_stuffed {
            return self.plain(bytes, found);
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_doubled = self.at_line_start && line.first() == Some(&b'.');
            self.plain(line.get(usize::from(is_doubled)..).unwrap_or_default(), found);
            self.at_line_start = line.ends_with(b"\n");
        }
    }

    /// The digests that it has at its end.
    pub fn finish(mut self, found: &mut dyn FnMut(Sha)) {
        self.sent.take().into_iter().for_each(&mut *found);
        if let Place::Body(mut body) = self.place {
            body.take().into_iter().for_each(found);
        }
    }

    fn plain(&mut self, bytes: &[u8], found: &mut dyn FnMut(Sha)) {
        self.sent.add(bytes);
        let Place::Head(head) = &mut self.place else { return self.content(bytes, found) };
        let searched = head.len().saturating_sub(3);
        head.extend_from_slice(bytes);
        if let Some(end) = head_end(head, searched) {
            let (head, begun) = head.split_at_checked(end).unwrap_or_default();
            let place = match field(head, b"content-type").as_deref().and_then(Parts::of) {
                Some(parts) => Place::Parts(parts),
                None => Place::Body(Part::of(field(head, b"content-transfer-encoding").as_deref())),
            };
            let begun = begun.to_vec();
            self.place = place;
            self.content(&begun, found);
        } else if head.len() > MOST_HEAD {
            self.place = Place::Untold;
        }
    }

    fn content(&mut self, bytes: &[u8], found: &mut dyn FnMut(Sha)) {
        match &mut self.place {
            Place::Parts(parts) => parts.read(bytes, found),
            Place::Body(body) => body.add(bytes),
            Place::Head(_) | Place::Untold => {}
        }
    }
}

/// Length of the head with its empty line, of which no byte before `searched` is the end.
fn head_end(head: &[u8], searched: usize) -> Option<usize> {
    if searched == 0 {
        let empty = [&b"\r\n"[..], b"\n"].into_iter().find(|end| head.starts_with(end));
        if let Some(end) = empty {
            return Some(end.len());
        }
    }
    (searched..head.len()).find_map(|at| match head.get(at..)? {
        [b'\n', b'\n', ..] => Some(at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

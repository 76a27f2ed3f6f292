//! SHA-256 of the bodies that one direction carried, taken as they come: memory does not grow with a body.
//!
//! Promises: a digest is that of a body that was recorded whole, without transfer coding, as a file on disk would have it:
//! as sent; unpacked, too, where it was sent in gzip or deflate (RFC 9110 8.4.1); and of each part of a multipart body
//! (RFC 2046 5.1). Letters likewise. Empty bodies have none. Refuses: other content codings, and whatever unpacks beyond
//! measure.

mod letter;
mod multipart;
mod transfer;
mod unpacked;

use sha2::{Digest, Sha256};

use crate::recognise::http::{Bodies, Content};
use letter::Letter;
use multipart::Parts;
use unpacked::Unpacked;

/// Digests kept of one direction.
pub const MOST: usize = 256;
/// Bodies of one direction that are read at once.
const MOST_STREAMS: usize = 128;
/// Bytes that a body being read takes.
const BODY: usize = 512;

/// Bytes that a letter being read takes, with its head.
const LETTER: usize = 2 * BODY + multipart::MOST_HEAD;

/// A SHA-256.
pub type Sha = [u8; 32];

/// The digests of one direction, and the bodies that are being read.
#[derive(Debug, Default)]
pub struct Digests {
    found: Found,
    /// By stream; HTTP/1 has one.
    bodies: Vec<(u32, Box<Body>)>,
    letter: Option<Box<Letter>>,
    lost: Lost,
    /// Bytes of the direction were not read: there may have been more bodies.
    is_unsure: bool,
}

/// Bodies without a digest, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Some of it was not recorded.
    pub cut: u64,
    /// Sent in a coding that was not undone: only the digest as sent is there.
    pub packed: u64,
    /// More digests than are kept.
    pub many: u64,
}

/// Digests in their order as numbers, each once.
#[derive(Debug, Default)]
struct Found {
    digests: Vec<Sha>,
    many: u64,
}

impl Found {
    fn add(&mut self, digest: Sha) {
        match self.digests.binary_search(&digest) {
            Err(_) if self.digests.len() == MOST => self.many += 1,
            Err(place) => self.digests.insert(place, digest),
            Ok(_) => {}
        }
    }
}

/// One body.
#[derive(Debug, Default)]
struct Body {
    sent: Sum,
    /// Its parts, where it was sent as it is.
    parts: Option<Parts>,
    unpacked: Option<Box<Unpacked>>,
    /// It is in a coding that is not undone.
    is_packed: bool,
}

/// A digest being taken.
#[derive(Debug, Default)]
struct Sum {
    sha: Sha256,
    is_begun: bool,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.is_begun |= !bytes.is_empty();
        self.sha.update(bytes);
    }

    /// The digest of what was added since the last time; none of nothing.
    fn take(&mut self) -> Option<Sha> {
        std::mem::take(&mut self.is_begun).then(|| self.sha.finalize_reset().into())
    }
}

impl Digests {
    /// The digests of the bodies that were complete, sorted; none where there are none and not all was read.
    #[must_use]
    pub fn told(&self) -> Option<&[Sha]> {
        let is_sure = !self.is_unsure && self.lost() == Lost::default();
        (is_sure || !self.found.digests.is_empty()).then_some(&self.found.digests)
    }

    /// Bytes of the direction were not read.
    pub fn doubt(&mut self) {
        self.is_unsure = true;
    }

    /// Nothing more is read: what is not whole stays so.
    pub fn finish(&mut self) {
        self.lost.cut += std::mem::take(&mut self.bodies).len() as u64 + u64::from(self.letter.take().is_some());
    }

    /// A letter begins: behind DATA, where dots are doubled, or behind BDAT, where one that has begun goes on.
    pub fn begin_letter(&mut self, is_stuffed: bool) {
        if is_stuffed {
            self.lost.cut += u64::from(self.letter.take().is_some());
        }
        self.letter.get_or_insert_with(|| Box::new(Letter::new(is_stuffed)));
    }

    /// Some of a letter.
    pub fn letter(&mut self, bytes: &[u8]) {
        if let Some(letter) = &mut self.letter {
            letter.read(bytes, &mut |digest| self.found.add(digest));
        }
    }

    /// The letter is over.
    pub fn end_letter(&mut self) {
        if let Some(letter) = self.letter.take() {
            letter.finish(&mut |digest| self.found.add(digest));
        }
    }

    /// What has no digest.
    #[must_use]
    pub fn lost(&self) -> Lost {
        Lost { many: self.found.many, ..self.lost }
    }

    /// Bytes that this takes, about.
    #[must_use]
    pub fn held(&self) -> usize {
        let held = |body: &Body| {
            let unpacked = body.unpacked.as_ref().map_or(0, |_| unpacked::SIZE);
            BODY + unpacked + body.parts.as_ref().map_or(0, Parts::held)
        };
        let letter = self.letter.as_ref().map_or(0, |_| LETTER);
        self.bodies.iter().map(|(_, body)| held(body)).sum::<usize>()
            + letter
            + self.found.digests.len() * size_of::<Sha>()
    }
}

impl Bodies for Digests {
    fn wanted(&self) -> bool {
        true
    }

    fn begin(&mut self, stream: u32, content: Content<'_>) {
        let parts = content.kind.and_then(Parts::of);
        let coding = content.coding.unwrap_or(b"identity");
        let unpacked = unpacked::Coding::of(coding);
        let is_packed = unpacked.is_none() && !coding.eq_ignore_ascii_case(b"identity");
        let mut body = Body { is_packed, ..Body::default() };
        match unpacked {
            Some(coding) => body.unpacked = Some(Box::new(Unpacked::new(coding, parts))),
            None if !is_packed => body.parts = parts,
            None => {}
        }
        let is_full = self.bodies.len() == MOST_STREAMS;
        match self.bodies.iter_mut().find(|(other, _)| *other == stream) {
            Some((_, begun)) if begun.sent.is_begun => {}
            Some((_, begun)) => **begun = body,
            None if is_full => self.lost.many += 1,
            None => self.bodies.push((stream, Box::new(body))),
        }
    }

    fn data(&mut self, stream: u32, bytes: &[u8]) {
        let Some((_, body)) = self.bodies.iter_mut().find(|(other, _)| *other == stream) else { return };
        body.sent.add(bytes);
        if let Some(parts) = &mut body.parts {
            parts.read(bytes, &mut |digest| self.found.add(digest));
        }
        if let Some(unpacked) = &mut body.unpacked {
            unpacked.read(bytes, &mut |digest| self.found.add(digest));
        }
    }

    fn end(&mut self, stream: u32, whole: bool) {
        let Some(place) = self.bodies.iter().position(|(other, _)| *other == stream) else { return };
        let (_, mut body) = self.bodies.swap_remove(place);
        if !whole {
            self.lost.cut += 1;
            return;
        }
        let Some(sent) = body.sent.take() else { return };
        self.found.add(sent);
        let unpacked = body.unpacked.take().map(|unpacked| unpacked.finish(&mut |digest| self.found.add(digest)));
        self.lost.packed += u64::from(body.is_packed || unpacked == Some(false));
    }
}

#[cfg(test)]
mod tests;

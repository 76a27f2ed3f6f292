//! DNS messages (RFC 1035 4; EDNS RFC 6891; TCP framing RFC 7766 8).
//!
//! Promises: every question and every record of the answer section, in message order, as text; one that was not wholly there
//! is left out and `cut` or `malformed` says so. Authority and additional sections are walked (for the extended rcode and to
//! see that the message is one) and not listed. Refuses: more than [`MOST_QUESTIONS`], [`MOST_ANSWERS`] or [`MOST_TEXT`].

mod mnemonic;
mod name;
mod rdata;

pub use mnemonic::{class_text, rcode_text, type_text};

use super::{Cursor, Outcome};
use rdata::Rdata;

/// Questions listed of one message.
pub const MOST_QUESTIONS: usize = 64;
/// Answer records listed of one message.
pub const MOST_ANSWERS: usize = 1024;
/// Bytes of answer text kept of one message: compressed names can blow a message up.
pub const MOST_TEXT: usize = 256 * 1024;
/// The same of a small message: so much, and so many bytes for one of its own.
const LEAST_TEXT: usize = 16 * 1024;
const BLOWN_UP: usize = 8;

const HEADER: usize = 12;
const SMALLEST_QUESTION: usize = 5;
const SMALLEST_RECORD: usize = 11;
const OPT: u16 = 41;

/// How hard the bytes must look like DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ear {
    /// Any port: every byte must fit, no impossible flag, one question.
    AnyPort,
    /// Ports 53, 5353, 5355: a readable header and question are enough.
    DnsPort,
}

impl Ear {
    /// The ear for a conversation between these ports.
    #[must_use]
    pub fn of(src_port: u16, dst_port: u16) -> Ear {
        let known = |port| matches!(port, 53 | 5353 | 5355);
        if known(src_port) || known(dst_port) { Ear::DnsPort } else { Ear::AnyPort }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The transaction's id.
    pub id: u16,
    /// QR: an answer, not a question.
    pub response: bool,
    /// 0 is QUERY.
    pub opcode: u8,
    /// The 16 flag bits as sent.
    pub flags: u16,
    /// The response code, extended by EDNS.
    pub rcode: u16,
    /// In message order.
    pub questions: Vec<Question>,
    /// In message order.
    pub answers: Vec<Answer>,
    /// The capture ended before the message did.
    pub cut: bool,
    /// The message contradicts itself behind what is listed.
    pub malformed: bool,
    /// A limit was hit: not every question or answer is listed.
    pub overflow: bool,
}

/// One question: whose records of which type and class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// As [`crate::text::dns_label_into`] writes it, without the trailing dot.
    pub name: String,
    /// Type asked for.
    pub qtype: u16,
    /// Class as sent, mDNS' top bit included.
    pub qclass: u16,
}

/// One record of the answer section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Owner name.
    pub name: String,
    /// Record type.
    pub rtype: u16,
    /// Class as sent, mDNS' top bit included.
    pub rclass: u16,
    /// Seconds.
    pub ttl: u32,
    /// Presentation text.
    pub data: String,
}

impl Message {
    /// Whether it is about a name of mDNS (RFC 6762 3, 4): under `local`, or the reverse of an address.
    #[must_use]
    pub fn is_of_the_link(&self) -> bool {
        let asked = self.questions.first().map(|question| &question.name);
        let name = asked.or_else(|| self.answers.first().map(|answer| &answer.name));
        name.is_some_and(|name| matches!(name.rsplit('.').next(), Some("local" | "arpa")))
    }

    /// The set ones of `aa tc rd ra ad cd`, in that order.
    #[must_use]
    pub fn flag_names(&self) -> Vec<&'static str> {
        const NAMES: [(u16, &str); 6] =
            [(0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x0080, "ra"), (0x0020, "ad"), (0x0010, "cd")];
        NAMES.iter().filter(|(bit, _)| self.flags & bit != 0).map(|(_, name)| *name).collect()
    }
}

/// Why reading stopped before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The bytes ran out.
    Short,
    /// The bytes can not be what they should be.
    Bad,
    /// A limit was hit.
    Full,
}

/// The message in a UDP payload or TCP frame; `None` where the bytes are not DNS.
///
/// `whole` is false where the capture kept less of the packet than there was: an early end is then no defect.
#[must_use]
pub fn message(bytes: &[u8], whole: bool, ear: Ear) -> Option<Message> {
    let header = Header::read(bytes)?;
    if !header.fits(ear, whole, bytes.len()) {
        return None;
    }
    let mut reading = Reading::new(bytes, header);
    let end = reading.sections();
    let at_end = reading.at == bytes.len();
    let mut message = reading.message;
    match end {
        Ok(()) if ear == Ear::AnyPort && !at_end => return None,
        Ok(()) => {}
        Err(Broken::Full) => message.overflow = true,
        Err(Broken::Short) if !whole => message.cut = true,
        Err(_) => message.malformed = true,
    }
    plausible(&message, header, ear).then_some(message)
}

/// The first message at the front of one direction of a TCP conversation, and how many bytes it took with its length.
///
/// `No` where the length can not be that of a message.
#[must_use]
pub fn tcp_frame(stream: &[u8]) -> Outcome<(&[u8], usize)> {
    let mut cursor = Cursor::new(stream);
    match cursor.u16() {
        None => Outcome::NeedMore,
        Some(length) if usize::from(length) < HEADER => Outcome::No,
        Some(length) => match cursor.take(usize::from(length)) {
            Some(message) => Outcome::Found((message, 2 + usize::from(length))),
            None => Outcome::NeedMore,
        },
    }
}

/// Whether the front of a TCP direction may be DNS, told from the first 14 bytes; `Found` is still to be read as a message.
#[must_use]
pub fn tcp_front(stream: &[u8], ear: Ear) -> Outcome<()> {
    let mut cursor = Cursor::new(stream);
    let Some(length) = cursor.u16() else { return Outcome::NeedMore };
    if usize::from(length) < HEADER {
        return Outcome::No;
    }
    match Header::read(cursor.rest()) {
        None => Outcome::NeedMore,
        Some(header) if header.fits(ear, true, usize::from(length)) => Outcome::Found(()),
        Some(_) => Outcome::No,
    }
}

#[derive(Debug, Clone, Copy)]
struct Header {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
    others: [u16; 2],
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        let mut cursor = Cursor::new(bytes);
        let mut next = || cursor.u16();
        Some(Header { id: next()?, flags: next()?, questions: next()?, answers: next()?, others: [next()?, next()?] })
    }

    fn response(self) -> bool {
        self.flags & 0x8000 != 0
    }

    fn opcode(self) -> u8 {
        (self.flags >> 11) as u8 & 15
    }

    fn records(self) -> usize {
        usize::from(self.answers) + usize::from(self.others[0]) + usize::from(self.others[1])
    }

    /// Whether a message of `length` bytes can bear this header.
    fn fits(self, ear: Ear, whole: bool, length: usize) -> bool {
        match ear {
            Ear::AnyPort => self.strictly_fits(whole, length),
            Ear::DnsPort => self.opcode() <= 6 && (self.response() || usize::from(self.questions) + self.records() > 0),
        }
    }

    fn strictly_fits(self, whole: bool, length: usize) -> bool {
        let least = HEADER + SMALLEST_QUESTION + SMALLEST_RECORD * self.records();
        let asks_cleanly = self.flags & 0x048f == 0 && self.answers == 0 && self.others[0] <= 1 && self.others[1] <= 4;
        self.opcode() == 0
            && self.flags & 0x0040 == 0
            && self.questions == 1
            && (!whole || length >= least)
            && (self.response() || asks_cleanly)
    }
}

/// Whether what was read can stand as a message.
fn plausible(message: &Message, header: Header, ear: Ear) -> bool {
    match ear {
        Ear::AnyPort => {
            let known_class = |class| matches!(class, 1 | 3 | 4 | 254 | 255);
            !message.malformed
                && message.questions.iter().all(|q| q.qtype != 0 && known_class(q.qclass) && !is_netbios(&q.name))
                && (!message.questions.is_empty() || message.overflow)
        }
        Ear::DnsPort => {
            let nothing_read = message.questions.is_empty() && message.answers.is_empty();
            !(message.malformed && nothing_read && (header.questions > 0 || header.records() > 0))
        }
    }
}

/// NetBIOS names (RFC 1001 14.1) travel in messages of the same shape on port 137.
fn is_netbios(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    first.len() == 32 && first.bytes().all(|b| (b'a'..=b'p').contains(&b))
}

struct Reading<'a> {
    bytes: &'a [u8],
    at: usize,
    header: Header,
    text: usize,
    message: Message,
}

impl<'a> Reading<'a> {
    fn new(bytes: &'a [u8], header: Header) -> Self {
        let message = Message {
            id: header.id,
            response: header.response(),
            opcode: header.opcode(),
            flags: header.flags,
            rcode: header.flags & 15,
            questions: Vec::new(),
            answers: Vec::new(),
            cut: false,
            malformed: false,
            overflow: false,
        };
        Reading { bytes, at: HEADER, header, text: 0, message }
    }

    fn sections(&mut self) -> Result<(), Broken> {
        for _ in 0..self.header.questions {
            self.question()?;
        }
        for _ in 0..self.header.answers {
            self.answer()?;
        }
        for _ in 0..u32::from(self.header.others[0]) + u32::from(self.header.others[1]) {
            self.other()?;
        }
        Ok(())
    }

    fn question(&mut self) -> Result<(), Broken> {
        let (name, after) = name::read(self.bytes, self.at)?;
        let mut cursor = self.behind(after)?;
        let (Some(qtype), Some(qclass)) = (cursor.u16(), cursor.u16()) else { return Err(Broken::Short) };
        if self.message.questions.len() == MOST_QUESTIONS {
            return Err(Broken::Full);
        }
        self.message.questions.push(Question { name, qtype, qclass });
        self.at = after + 4;
        Ok(())
    }

    fn most_text(&self) -> usize {
        MOST_TEXT.min(LEAST_TEXT + BLOWN_UP * self.bytes.len())
    }

    fn answer(&mut self) -> Result<(), Broken> {
        let (name, after) = name::read(self.bytes, self.at)?;
        let record = self.record(after)?;
        if self.message.answers.len() == MOST_ANSWERS || self.text > self.most_text() {
            return Err(Broken::Full);
        }
        let rdata = Rdata { message: self.bytes, start: record.start, end: record.end };
        let mut data = String::new();
        if !rdata.text_into(record.rtype, record.rclass, &mut data) {
            self.message.malformed = true;
        }
        self.text += name.len() + data.len();
        let Record { rtype, rclass, ttl, .. } = record;
        self.message.answers.push(Answer { name, rtype, rclass, ttl, data });
        self.at = record.end;
        Ok(())
    }

    /// A record of the authority or additional section: only OPT says something, its upper rcode bits.
    fn other(&mut self) -> Result<(), Broken> {
        let after = name::skip(self.bytes, self.at)?;
        let record = self.record(after)?;
        if record.rtype == OPT {
            self.message.rcode = (self.message.rcode & 15) | ((record.ttl >> 24) as u16 * 16);
        }
        self.at = record.end;
        Ok(())
    }

    fn record(&self, after_name: usize) -> Result<Record, Broken> {
        let mut cursor = self.behind(after_name)?;
        let fixed = (cursor.u16(), cursor.u16(), cursor.u32(), cursor.u16());
        let (Some(rtype), Some(rclass), Some(ttl), Some(length)) = fixed else { return Err(Broken::Short) };
        let start = after_name + 10;
        let end = start + usize::from(length);
        if end > self.bytes.len() {
            return Err(Broken::Short);
        }
        Ok(Record { rtype, rclass, ttl, start, end })
    }

    fn behind(&self, at: usize) -> Result<Cursor<'a>, Broken> {
        self.bytes.get(at..).map(Cursor::new).ok_or(Broken::Short)
    }
}

struct Record {
    rtype: u16,
    rclass: u16,
    ttl: u32,
    start: usize,
    end: usize,
}

#[cfg(test)]
mod tests;

//! Questions and answers -> LOOKUPS rows, one a pair.
//!
//! Promises: every question and every answer of every QUERY message is in exactly one row, in the order the rows close;
//! but for mDNS announcements, which answer nobody and are counted.
//! - A question sent again with the same id while it is open belongs to the first one: `asked` is the first time, one row.
//!   mDNS has no ids and its answers no questions: there each asking is a row, and the next records of its name, type and
//!   class answer the last who asked (RFC 6762 6). Records sent to the group that answer no open question give no row.
//! - An answer closes the question of the same two ends, transport, id, name, type and class asked at most [`PATIENCE`] before.
//! - An answer without such a question (the question was not recorded, or was answered already) is a row of its own, `asked` null.
//! - A question without an answer is a row with null `rcode` and `answers`, told after [`PATIENCE`] or at the end.
//! - A message of a zone transfer without its question (RFC 5936 2.2) is a row of the transfer's question.
//! - Other records that belong to no question of their message are a row each owner, type and class.
//! - On multicast the answer comes from another address than was asked: the row's server is who answered.
//!
//! Refuses: more than a set number of open questions; the oldest is then told as unanswered and counted.

mod row;

pub use row::{Ends, Lookup, Row, Seen, Transport};

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use crate::coverage::Rowless;
use crate::recognise::dns::{Answer, Message, Question};
use row::Told;

/// How long a question waits for its answer, in nanoseconds of capture time.
pub const PATIENCE: i64 = 30_000_000_000;

const QUERY: u8 = 0;
const CNAME: u16 = 5;
const DNAME: u16 = 39;
const IXFR: u16 = 251;
const AXFR: u16 = 252;
const ANY: u16 = 255;
/// Zone transfers whose question is remembered.
const MOST_TRANSFERS: usize = 256;

/// Who asked whom, and the id: what a question and its answer share beside the question itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// None of mDNS: an answer is for all who asked.
    client: Option<(IpAddr, u16)>,
    /// None on multicast: whoever answers.
    server: Option<(IpAddr, u16)>,
    transport: Transport,
    id: u16,
}

/// What a question waits under; ordered, so that all of one [`Key`] stand together.
type Place = (Key, Arc<Question>);

/// A question that waits.
#[derive(Debug)]
struct Open {
    serial: u64,
    ends: Ends,
    seen: Seen,
    flags: Vec<&'static str>,
}

/// The questions that wait for their answers.
#[derive(Debug)]
pub struct Pairing {
    open: BTreeMap<Place, Open>,
    /// Open questions by age.
    order: BTreeMap<u64, (i64, Place)>,
    /// Zone transfers that go on, the latest last.
    transfers: VecDeque<Place>,
    most_open: usize,
    serial: u64,
    counts: Counts,
}

/// What gave no row of its own, or not in full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions told as unanswered because too many were open.
    pub evicted: u64,
    /// Messages of which not every question or answer is told.
    pub overflowed: u64,
    /// Messages without a row.
    pub rowless: Rowless,
}

impl Pairing {
    /// An empty pairing that holds at most `most_open` questions.
    #[must_use]
    pub fn new(most_open: usize) -> Self {
        Pairing {
            open: BTreeMap::new(),
            order: BTreeMap::new(),
            transfers: VecDeque::new(),
            most_open: most_open.max(1),
            serial: 0,
            counts: Counts::default(),
        }
    }

    /// Takes one message in; rows that close because of it, or because time went on, go to `out`.
    pub fn take(&mut self, message: Message, ends: Ends, transport: Transport, seen: Seen, out: &mut Vec<Lookup>) {
        self.expire(seen.time, out);
        self.counts.overflowed += u64::from(message.overflow);
        if message.opcode != QUERY {
            self.counts.rowless.other_opcodes += 1;
        } else if message.response {
            self.answered(message, ends, transport, seen, out);
        } else {
            self.asked(message, ends, transport, seen, out);
        }
    }

    /// Tells the questions that have waited longer than [`PATIENCE`] at `now`. [`Self::take`] does so itself.
    pub fn expire(&mut self, now: i64, out: &mut Vec<Lookup>) {
        while let Some((_, (time, _))) = self.order.first_key_value() {
            if now.saturating_sub(*time) <= PATIENCE {
                return;
            }
            self.give_up_oldest(out);
        }
    }

    /// Tells every question that still waits.
    pub fn finish(&mut self, out: &mut Vec<Lookup>) {
        while !self.order.is_empty() {
            self.give_up_oldest(out);
        }
    }

    /// The counts since the last call.
    pub fn counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    fn asked(&mut self, message: Message, ends: Ends, transport: Transport, seen: Seen, out: &mut Vec<Lookup>) {
        let key = Key::of(ends.src, ends.dst, transport, message.id);
        let flags = message.flag_names();
        for question in message.questions {
            let place = (key, Arc::new(key.question(question)));
            if transport == Transport::Mdns {
                self.give_up(&place, out);
            } else if self.open.contains_key(&place) {
                self.counts.rowless.repeated += 1;
                continue;
            }
            self.serial += 1;
            self.order.insert(self.serial, (seen.time, place.clone()));
            self.open.insert(place, Open { serial: self.serial, ends, seen, flags: flags.clone() });
            if self.order.len() > self.most_open {
                self.counts.evicted += 1;
                self.give_up_oldest(out);
            }
        }
    }

    fn give_up_oldest(&mut self, out: &mut Vec<Lookup>) {
        if let Some((_, (_, place))) = self.order.pop_first() {
            self.give_up(&place, out);
        }
    }

    /// Tells this question, if it waits, as unanswered.
    fn give_up(&mut self, place: &Place, out: &mut Vec<Lookup>) {
        let Some(Open { serial, ends, seen, flags }) = self.open.remove(place) else { return };
        self.order.remove(&serial);
        let (key, question) = place;
        out.push(Told::at(key.transport, ends.src, ends.dst).question_only(Question::clone(question), seen, flags));
    }

    fn close(&mut self, place: &Place) -> Option<Open> {
        let open = self.open.remove(place)?;
        self.order.remove(&open.serial);
        Some(open)
    }

    fn answered(&mut self, mut message: Message, ends: Ends, transport: Transport, seen: Seen, out: &mut Vec<Lookup>) {
        let key = Key::of(ends.dst, ends.src, transport, message.id);
        if transport == Transport::Mdns && message.questions.is_empty() {
            self.answered_to_all(&key, &mut message, ends, seen, out);
        } else if message.questions.is_empty() {
            match self.only_question(&key, &message) {
                Some(question) => message.questions.push(question),
                None => self.counts.rowless.nameless += u64::from(message.answers.is_empty()),
            }
        }
        let told = Told::at(transport, ends.dst, ends.src);
        let flags = message.flag_names();
        let (answered, unasked) = parted(message.questions, message.answers);
        for (question, mine) in answered {
            let place = (key, Arc::new(key.question(question)));
            let asked = self.close(&place).map(|open| open.seen);
            self.remember_transfer(&place);
            out.push(told.answer(Arc::unwrap_or_clone(place.1), asked, seen, message.rcode, mine, flags.clone()));
        }
        for (question, group) in unasked {
            out.push(told.answer(question, None, seen, message.rcode, group, flags.clone()));
        }
    }

    /// An mDNS answer, which names no question: each record answers the last who asked for it. What answers nobody stays
    /// in the message, unless it was sent to all.
    fn answered_to_all(&mut self, key: &Key, message: &mut Message, ends: Ends, seen: Seen, out: &mut Vec<Lookup>) {
        self.counts.rowless.nameless += u64::from(message.answers.is_empty());
        let mut told: BTreeMap<Place, Vec<Answer>> = BTreeMap::new();
        let mut rest = Vec::new();
        for answer in message.answers.drain(..) {
            match self.asked_for(key, &answer) {
                Some(place) => told.entry(place).or_default().push(answer),
                None => rest.push(answer),
            }
        }
        let flags = message.flag_names();
        for (place, answers) in told {
            let Some(Open { ends: asking, seen: asked, .. }) = self.close(&place) else { continue };
            let told = Told::at(Transport::Mdns, asking.src, ends.src);
            let question = Arc::unwrap_or_clone(place.1);
            out.push(told.answer(question, Some(asked), seen, message.rcode, answers, flags.clone()));
        }
        if ends.dst.0.is_multicast() {
            self.counts.rowless.announced += u64::from(!rest.is_empty());
        } else {
            message.answers = rest;
        }
    }

    /// The open question, for its type or for any, that a record answers.
    fn asked_for(&self, key: &Key, answer: &Answer) -> Option<Place> {
        let Answer { name, rtype, rclass, .. } = answer;
        [*rtype, ANY].into_iter().find_map(|qtype| {
            let question = key.question(Question { name: name.clone(), qtype, qclass: *rclass });
            let place = (*key, Arc::new(question));
            self.open.contains_key(&place).then_some(place)
        })
    }

    /// Keeps in mind the question of a zone transfer, whose later messages may go without it.
    fn remember_transfer(&mut self, place: &Place) {
        if !matches!(place.1.qtype, AXFR | IXFR) || self.transfers.contains(place) {
            return;
        }
        if self.transfers.len() == MOST_TRANSFERS {
            self.transfers.pop_front();
        }
        self.transfers.push_back(place.clone());
    }

    /// The question that a message without one answers: the transfer that goes on, or the only one open of these ends and id
    /// (some servers answer an error without the question).
    fn only_question(&self, key: &Key, message: &Message) -> Option<Question> {
        if !message.answers.is_empty() {
            let transfer = self.transfers.iter().rev().find(|(other, _)| other == key);
            return transfer.map(|(_, question)| Question::clone(question));
        }
        let first = (*key, Arc::new(Question { name: String::new(), qtype: 0, qclass: 0 }));
        let mut waiting = self.open.range(first..).map(|(place, _)| place).take_while(|(other, _)| other == key);
        let (_, question) = waiting.next()?;
        waiting.next().is_none().then(|| Question::clone(question))
    }
}

impl Key {
    fn of(client: (IpAddr, u16), server: (IpAddr, u16), transport: Transport, id: u16) -> Key {
        match transport {
            Transport::Mdns => Key { client: None, server: None, transport, id: 0 },
            Transport::Llmnr => Key { client: Some(client), server: None, transport, id },
            Transport::Udp | Transport::Tcp => Key { client: Some(client), server: Some(server), transport, id },
        }
    }

    /// The question as it waits: of mDNS without the bit that asks for an answer to oneself.
    fn question(&self, question: Question) -> Question {
        match self.transport {
            Transport::Mdns => Question { qclass: question.qclass & row::CLASS_BITS, ..question },
            _ => question,
        }
    }
}

/// A question and the records that answer it.
pub type Answered = (Question, Vec<Answer>);

/// Each question of a message with what answers it, and the records that belong to none of them, each group under the
/// question it would answer.
#[must_use]
pub fn parted(questions: Vec<Question>, mut answers: Vec<Answer>) -> (Vec<Answered>, Vec<Answered>) {
    let one = questions.len() == 1;
    let mut share = |question: Question| {
        let mine = if one { std::mem::take(&mut answers) } else { split_off(&mut answers, &question.name) };
        (question, mine)
    };
    let answered = questions.into_iter().map(&mut share).collect();
    (answered, groups(answers))
}

/// Takes out of `answers` what belongs to `name`: its own records and those its aliases lead to, in message order.
fn split_off(answers: &mut Vec<Answer>, name: &str) -> Vec<Answer> {
    let mut names = vec![name.to_string()];
    let (mut mine, mut rest) = (Vec::new(), Vec::new());
    for answer in answers.drain(..) {
        if names.contains(&answer.name) {
            if matches!(answer.rtype, CNAME | DNAME) {
                names.push(answer.data.clone());
            }
            mine.push(answer);
        } else {
            rest.push(answer);
        }
    }
    *answers = rest;
    mine
}

/// The records by owner, type and class, each group under the question they would answer.
fn groups(answers: Vec<Answer>) -> Vec<Answered> {
    let mut groups: Vec<Answered> = Vec::new();
    let mut places: HashMap<(String, u16, u16), usize> = HashMap::new();
    for answer in answers {
        let whose = (answer.name.clone(), answer.rtype, answer.rclass);
        let place = *places.entry(whose).or_insert(groups.len());
        if place == groups.len() {
            let question = Question { name: answer.name.clone(), qtype: answer.rtype, qclass: answer.rclass };
            groups.push((question, Vec::new()));
        }
        if let Some((_, group)) = groups.get_mut(place) {
            group.push(answer);
        }
    }
    groups
}

#[cfg(test)]
mod tests;

//! Questions and answers -> LOOKUPS rows, one a pair.
//!
//! Promises: every question and every answer of every QUERY message is in exactly one row, in the order the rows close.
//! - A question sent again with the same id while it is open belongs to the first one: `asked` is the first time, one row.
//!   mDNS has no ids: there each asking is a row, and an answer closes the last.
//! - An answer closes the question of the same two ends, transport, id, name, type and class asked at most [`PATIENCE`] before.
//! - An answer without such a question (the question was not recorded, or was answered already) is a row of its own, `asked` null.
//! - A question without an answer is a row with null `rcode` and `answers`, told after [`PATIENCE`] or at the end.
//! - Records that belong to no question of their message (mDNS announcements) are a row each owner, type and class.
//! - On multicast the answer comes from another address than was asked: the row's server is who answered.
//!
//! Refuses: more than a set number of open questions; the oldest is then told as unanswered and counted.

mod row;

pub use row::{Ends, Lookup, Row, Seen, Transport};

use std::collections::{BTreeMap, HashMap};
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

/// Who asked whom, and the id: what a question and its answer share beside the question itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    client: (IpAddr, u16),
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
            let place = (key, Arc::new(question));
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

    fn close(&mut self, place: &Place) -> Option<Seen> {
        let open = self.open.remove(place)?;
        self.order.remove(&open.serial);
        Some(open.seen)
    }

    fn answered(&mut self, mut message: Message, ends: Ends, transport: Transport, seen: Seen, out: &mut Vec<Lookup>) {
        let key = Key::of(ends.dst, ends.src, transport, message.id);
        if message.questions.is_empty() && message.answers.is_empty() {
            match self.only_question(&key) {
                Some(question) => message.questions.push(question),
                None => self.counts.rowless.nameless += 1,
            }
        }
        let told = Told::at(transport, ends.dst, ends.src);
        let flags = message.flag_names();
        let mut answers = std::mem::take(&mut message.answers);
        let one = message.questions.len() == 1;
        for question in message.questions {
            let mine = if one { std::mem::take(&mut answers) } else { split_off(&mut answers, &question.name) };
            let place = (key, Arc::new(question));
            let asked = self.close(&place);
            out.push(told.answer(Arc::unwrap_or_clone(place.1), asked, seen, message.rcode, mine, flags.clone()));
        }
        for (question, group) in groups(answers) {
            out.push(told.answer(question, None, seen, message.rcode, group, flags.clone()));
        }
    }

    /// The open question of these ends and id, if there is just one: some servers answer an error without the question.
    fn only_question(&self, key: &Key) -> Option<Question> {
        let first = (*key, Arc::new(Question { name: String::new(), qtype: 0, qclass: 0 }));
        let mut waiting = self.open.range(first..).map(|(place, _)| place).take_while(|(other, _)| other == key);
        let (_, question) = waiting.next()?;
        waiting.next().is_none().then(|| Question::clone(question))
    }
}

impl Key {
    fn of(client: (IpAddr, u16), server: (IpAddr, u16), transport: Transport, id: u16) -> Key {
        let multicast = matches!(transport, Transport::Mdns | Transport::Llmnr);
        Key { client, server: (!multicast).then_some(server), transport, id }
    }
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
fn groups(answers: Vec<Answer>) -> Vec<(Question, Vec<Answer>)> {
    let mut groups: Vec<(Question, Vec<Answer>)> = Vec::new();
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

//! Databases by their first words, and the streams of XMPP (RFC 6120): what follows is TLS, or in clear.

use super::announced;
use super::streams::{Step, What};
use crate::flows::key::{Side, other};
use crate::flows::table::Flow;
use crate::recognise::Outcome;
use crate::recognise::databases::{self, Database, Then};

/// Bytes at the front within which a stream of XMPP opens.
const MOST_OPENING: usize = 1024;
/// First byte of a TLS handshake record, which no XML may hold (XML 1.0 2.2).
const HANDSHAKE: u8 = 22;
const XMPP: &str = "xmpp";

/// Whether the other side's words told one of these: then nothing else is looked for.
pub(super) fn is_told(flow: &Flow) -> bool {
    let known = flow.facts.as_ref().and_then(|facts| facts.app);
    known.is_some_and(|app| app == XMPP || Database::of(app).is_some())
}

/// A database's first words, or the opening of an XMPP stream, at the front.
pub(super) fn begin(flow: &mut Flow, side: Side, stream: &[u8]) -> Outcome<Step> {
    let known = flow.facts.as_ref().and_then(|facts| facts.app);
    if known == Some(XMPP) {
        return Outcome::Found(clear(flow, side, XMPP, What::Stanzas));
    }
    let database = known.and_then(Database::of);
    if let Some(database) = database.filter(|_| side != flow.src()) {
        return answered(database, stream);
    }
    let asked = databases::asked(stream);
    if database == Some(Database::Mysql) && asked == Outcome::No {
        return Outcome::Found(Step::Next(What::Data, 0));
    }
    if let Outcome::Found((database, then)) = asked {
        return Outcome::Found(opened(flow, side, database, then));
    }
    let greeted = databases::greeted(stream);
    if let Outcome::Found(length) = greeted {
        let is_mine = take(flow, other(side), Database::Mysql.word());
        return Outcome::Found(if is_mine { Step::Next(What::Data, length) } else { Step::Done });
    }
    match opening(stream) {
        Outcome::Found(()) => Outcome::Found(clear(flow, side, XMPP, What::Stanzas)),
        Outcome::No if asked == Outcome::No && greeted == Outcome::No && !may_agree(stream) => Outcome::No,
        _ => Outcome::NeedMore,
    }
}

/// What follows a request for TLS, or its answer: another request, TLS, or words in clear.
pub(super) fn behind(flow: &mut Flow, side: Side, stream: &[u8]) -> Step {
    let known = flow.facts.as_ref().and_then(|facts| facts.app).and_then(Database::of);
    if known == Some(Database::Postgresql) && side == flow.src() {
        match databases::asked(stream) {
            Outcome::Found((_, Then::Tls(length))) => return Step::Next(What::Data, length),
            Outcome::NeedMore => return Step::On(0),
            _ => {}
        }
    }
    announced::data(flow, side, stream)
}

/// What follows the opening of an XMPP stream: XML, up to where TLS begins.
pub(super) fn stanzas(stream: &[u8]) -> Step {
    match stream.iter().position(|byte| *byte == HANDSHAKE) {
        Some(at) => Step::Next(What::Data, at),
        None => Step::On(stream.len()),
    }
}

fn take(flow: &mut Flow, client: Side, word: &'static str) -> bool {
    let is_mine = flow.facts.get_or_insert_default().is(word);
    if is_mine {
        flow.asked_by(client);
    }
    is_mine
}

/// Takes a conversation, in which this side speaks in clear, for `word`.
fn clear(flow: &mut Flow, side: Side, word: &'static str, next: What) -> Step {
    let facts = flow.facts.get_or_insert_default();
    if !facts.is(word) {
        return Step::Done;
    }
    facts.clear[side].get_or_insert(true);
    Step::Next(next, 0)
}

fn opened(flow: &mut Flow, side: Side, database: Database, then: Then) -> Step {
    if !take(flow, side, database.word()) {
        return Step::Done;
    }
    match then {
        Then::Tls(length) => Step::Next(What::Data, length),
        Then::Clear => {
            flow.facts.get_or_insert_default().clear[side].get_or_insert(true);
            Step::Done
        }
        Then::Untold => Step::Done,
    }
}

/// The server's words, where the client's told the database.
fn answered(database: Database, stream: &[u8]) -> Outcome<Step> {
    Outcome::Found(match (database, stream) {
        (Database::Tds, _) => Step::Done,
        (Database::Mysql, _) => match databases::greeted(stream) {
            Outcome::Found(length) => Step::Next(What::Data, length),
            Outcome::NeedMore => return Outcome::NeedMore,
            Outcome::No => Step::Next(What::Data, 0),
        },
        // The answer to a request for TLS or GSSAPI is one byte.
        (Database::Postgresql, [b'S' | b'N' | b'G']) => return Outcome::NeedMore,
        (Database::Postgresql, [b'N' | b'G', b'S' | b'N', ..]) => Step::Next(What::Unknown, 1),
        (Database::Postgresql, [b'S' | b'N' | b'G', HANDSHAKE | b'R' | b'E', ..]) => Step::Next(What::Data, 1),
        _ => Step::Next(What::Data, 0),
    })
}

/// Whether this may be PostgreSQL's answer to a request for TLS that was not recorded yet, and TLS behind it.
fn may_agree(stream: &[u8]) -> bool {
    let behind = match stream {
        [b'N' | b'G', b'S', behind @ ..] | [b'S', behind @ ..] => behind,
        [b'N' | b'G'] => return true,
        _ => return false,
    };
    behind.iter().zip([HANDSHAKE, 3]).all(|(have, want)| *have == want)
}

/// `<stream:stream` behind a declaration or not.
fn opening(stream: &[u8]) -> Outcome<()> {
    const WORD: &[u8] = b"<stream:stream";
    const DECLARATION: &[u8] = b"<?xml ";
    let begins = |word: &[u8]| stream.iter().zip(word).all(|(have, want)| have == want);
    let front = stream.get(..MOST_OPENING).unwrap_or(stream);
    if !begins(WORD) && !begins(DECLARATION) {
        return Outcome::No;
    }
    if front.windows(WORD.len()).any(|part| part == WORD) {
        return Outcome::Found(());
    }
    if stream.len() < MOST_OPENING { Outcome::NeedMore } else { Outcome::No }
}

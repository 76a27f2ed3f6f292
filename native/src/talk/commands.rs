//! Command and reply lines: read on for where TLS begins, and for where FTP says that it listens for data.
//!
//! TLS is believed behind the client's command for it: what looks like a hello within a letter is none.

use super::streams::{Step, What};
use super::{Context, Recogniser, exchange, tunnel};
use crate::flows::direction::Basis;
use crate::flows::key::{Side, other};
use crate::flows::table::Flow;
use crate::recognise::commands::{self, Command, MOST_LINE, Protocol};
use crate::recognise::{Outcome, ssh, tls};

/// First byte of a record that holds a handshake message, or a warning.
const RECORDS: [u8; 2] = [22, 21];
/// The end of a letter, and the line end before it.
const LETTER_END: &[u8] = b"\n.\r\n";

/// Command or reply lines, or the first line of SSH, at the front.
pub(super) fn begin(flow: &mut Flow, side: Side, stream: &[u8]) -> Outcome<Step> {
    if !stream.first().is_some_and(u8::is_ascii_graphic) {
        return Outcome::No;
    }
    match ssh::banner(stream) {
        Outcome::Found(()) => return Outcome::Found(sealed(flow)),
        Outcome::NeedMore => return Outcome::NeedMore,
        Outcome::No => {}
    }
    let known = flow.facts.as_ref().and_then(|facts| facts.app).and_then(Protocol::of);
    let is_told = flow.basis <= Basis::Request;
    let mut told = Outcome::No;
    if !is_told || side == flow.src() {
        told = commands::asked(stream, known);
    }
    if let Outcome::Found(protocol) = told {
        return Outcome::Found(opened(flow, side, side, protocol, What::Commands(protocol)));
    }
    let answered = if !is_told || side != flow.src() { commands::answered(stream, known) } else { Outcome::No };
    match answered {
        Outcome::Found(protocol) => Outcome::Found(opened(flow, side, other(side), protocol, What::Replies(protocol))),
        Outcome::No if told == Outcome::No => Outcome::No,
        _ => Outcome::NeedMore,
    }
}

/// Takes the conversation, in which `client` asks, for `protocol`.
fn opened(flow: &mut Flow, side: Side, client: Side, protocol: Protocol, what: What) -> Step {
    let facts = flow.facts.get_or_insert_default();
    if !facts.is(protocol.word()) {
        return Step::Done;
    }
    facts.clear[side].get_or_insert(true);
    flow.asked_by(client);
    Step::Next(what, 0)
}

/// The conversation is SSH.
fn sealed(flow: &mut Flow) -> Step {
    let facts = flow.facts.get_or_insert_default();
    if facts.is("ssh") {
        facts.clear = [Some(false); 2];
    }
    Step::Done
}

/// What stands behind the client's command for TLS: a hello, or commands again where the server refused.
pub(super) fn agreed(flow: &mut Flow, protocol: Protocol, stream: &[u8]) -> Step {
    if stream.first() != RECORDS.first() {
        return Step::Next(What::Commands(protocol), 0);
    }
    match tls::client_hello(stream) {
        Outcome::Found(hello) => {
            tunnel::said(flow.facts.get_or_insert_default(), hello);
            Step::Sealed(None)
        }
        Outcome::NeedMore => Step::Wait(tls::wanted(stream)),
        Outcome::No => Step::Done,
    }
}

/// Reads on in a letter; before it stands the end of the line that announced it.
pub(super) fn letter(flow: &mut Flow, side: Side, protocol: Protocol, stream: &[u8]) -> Step {
    let end = stream.windows(LETTER_END.len()).position(|part| part == LETTER_END);
    // The line end in front of the dot is the letter's.
    let done = end.map_or(stream.len().saturating_sub(LETTER_END.len() - 1), |at| at + 1);
    if let Some(digests) = exchange::digests(flow, side) {
        digests.letter(stream.get(..done).unwrap_or_default());
        end.into_iter().for_each(|_| digests.end_letter());
    }
    match end {
        Some(at) => Step::Next(What::Commands(protocol), at + LETTER_END.len()),
        None => Step::On(done),
    }
}

/// Reads on in a chunk of a letter, of which so many bytes are left.
pub(super) fn chunk(flow: &mut Flow, side: Side, stream: &[u8], (left, is_last): (usize, bool)) -> Step {
    let done = left.min(stream.len());
    if let Some(digests) = exchange::digests(flow, side) {
        digests.letter(stream.get(..done).unwrap_or_default());
        if is_last && done == left {
            digests.end_letter();
        }
    }
    let what = if done == left { What::Commands(Protocol::Smtp) } else { What::Chunk(left - done, is_last) };
    Step::Next(what, done)
}

impl Recogniser {
    /// Reads one line of a client.
    pub(super) fn command(&mut self, context: &mut Context<'_>, protocol: Protocol, stream: &[u8]) -> Step {
        let Some((line, length)) = commands::line(stream) else { return self.unended(stream) };
        let (flow, side) = (&mut *context.flow, context.side);
        if self.digests && protocol == Protocol::Smtp {
            flow.facts.get_or_insert_default().exchange.get_or_insert_default().take_digests(side);
        }
        match protocol.command(line) {
            Command::StartTls => {
                // What is sealed has no digest.
                exchange::doubt(flow, side);
                flow.facts.get_or_insert_default().asked_tls = true;
                return Step::Next(What::Agreed(protocol), length);
            }
            Command::Letter => {
                exchange::digests(flow, side).into_iter().for_each(|digests| digests.begin_letter(true));
                return Step::Next(What::Letter(protocol), length - 1);
            }
            Command::Chunk(count, is_last) => {
                exchange::digests(flow, side).into_iter().for_each(|digests| digests.begin_letter(false));
                if count == 0 {
                    chunk(flow, side, b"", (count, is_last));
                } else {
                    return Step::Next(What::Chunk(count, is_last), length);
                }
            }
            Command::Bytes(count) => return Step::Next(What::Commands(protocol), length.saturating_add(count)),
            Command::Listens(port) => self.announced(context, port),
            Command::Other => {}
        }
        Step::Next(What::Commands(protocol), length)
    }

    /// Reads one line of a server, or its hello where TLS was asked for.
    pub(super) fn reply(&mut self, context: &mut Context<'_>, protocol: Protocol, stream: &[u8]) -> Step {
        if stream.first().is_some_and(|first| RECORDS.contains(first)) {
            return if is_asked(context.flow, context.side) { tunnel::back(context.flow, stream) } else { Step::On(0) };
        }
        let Some((line, length)) = commands::line(stream) else { return self.unended(stream) };
        if let Some(port) = protocol.listens(line) {
            self.announced(context, port);
        }
        Step::Next(What::Replies(protocol), length)
    }

    /// A line that is not whole.
    fn unended(&mut self, stream: &[u8]) -> Step {
        if stream.len() < MOST_LINE {
            return Step::On(0);
        }
        self.note("line_length", 1);
        Step::Done
    }
}

/// Whether the client asked for TLS, or what it asked for was not recorded.
fn is_asked(flow: &Flow, server: Side) -> bool {
    flow.facts.as_ref().is_some_and(|facts| facts.asked_tls) || flow.sums[other(server)].packets == 0
}

//! TCP: the front of each direction shown to every recogniser, then to the one that knew it.

use super::dns::ear;
use super::{BUDGET, Context, Facts, Recogniser, commands, databases, exchange, tunnel, web};
use crate::flows::key::{Side, other};
use crate::flows::table::{Flow, Place};
use crate::recognise::commands::Protocol;
use crate::recognise::http::Nobody;
use crate::recognise::quic::Origin;
use crate::recognise::{Outcome, dns, http, socks, tls};
use crate::stream::{Read, Window};
use crate::transport::Segment;

/// One direction that is being read.
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) window: Window,
    pub(super) what: What,
    /// How far its front was searched for the end of a head, so that no byte is searched at every segment.
    pub(super) scan: http::Scan,
    /// Whose keys seal the Initials of a QUIC client.
    pub(super) origin: Option<Box<Origin>>,
}

/// What a direction is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum What {
    #[default]
    Unknown,
    /// Joined inside something unknown: so many segments were looked at for a message to begin.
    Midstream(u8),
    /// HTTP/1 requests.
    Requests,
    /// HTTP/1 responses.
    Responses,
    /// The frames of HTTP/2.
    Frames,
    /// A file: all that is sent.
    Whole,
    /// What the client says inside a tunnel.
    Tunnel,
    /// What the server says inside a tunnel.
    TunnelBack,
    /// The server's hello and what follows it in clear.
    ServerHello,
    /// The ClientHello of DTLS with this number.
    Fragments(u16),
    /// The CRYPTO frames of a QUIC client.
    Hello,
    Dns,
    /// Lines of a client.
    Commands(Protocol),
    /// What follows a client's command for TLS.
    Agreed(Protocol),
    /// Mail that a client sends, up to a line with a dot only.
    Letter(Protocol),
    /// So many bytes of mail that a client of SMTP sends; the last of it or not.
    Chunk(usize, bool),
    /// Lines of a server.
    Replies(Protocol),
    /// What FTP carries, and what may be sealed elsewhere.
    Data,
    /// XML of XMPP.
    Stanzas,
}

impl What {
    /// Whether what the other side says may tell more of the bytes that wait.
    fn hangs_on_the_other(self) -> bool {
        matches!(self, Self::Unknown | Self::Replies(_))
    }
}

/// One step of the reading of a direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes are done with (more than there are, if what follows is passed over); more are wanted.
    On(usize),
    /// So many more bytes are needed, at least, before another look tells more.
    Wait(usize),
    /// Behind so many bytes it is taken for this.
    Next(What, usize),
    /// Nothing more is wanted.
    Done,
    /// From here on it is TLS, inside something else: it is read on as this, or not at all.
    Sealed(Option<What>),
}

/// What the reading of one segment came to.
#[derive(Default)]
struct Told {
    done: bool,
    /// How many of the bytes read stand where TLS begins inside something else.
    sealed: Option<usize>,
    /// Gaps behind which messages are looked for anew.
    gaps: u64,
}

impl Way {
    /// Position up to which the reader is done.
    fn front(&self) -> i64 {
        self.window.reached().unwrap_or(0) - self.window.front().len() as i64
    }
}

impl Recogniser {
    /// Shows a segment to the reader of its direction.
    pub(super) fn segment(&mut self, mut context: Context<'_>, position: i64, segment: &Segment<'_>) {
        let side = context.side;
        let mut way = context.flow.talk.ways[side].take().unwrap_or_default();
        if context.flow.sums[side].tcp.is_from_start() {
            way.window.begin();
        }
        let before = way.window.held() + exchange::held(context.flow);
        if !way.window.front().is_empty() && way.what == What::Unknown && web::begins_late(context.flow, side, segment)
        {
            way.window.leap(position);
        }
        let mut told = Told::default();
        let goes_on = self.push(&mut context, &mut way, position, segment, &mut told);
        let Told { done, sealed, gaps } = told;
        self.held = self.held + way.window.held() + exchange::held(context.flow) - before;
        let room = self.held <= BUDGET;
        self.note("stream_budget", u64::from(!room));
        self.note("stream_gaps", gaps + u64::from(!goes_on && !done && what_is_lost(way.what)));
        if let (Some(behind), Some(reached)) = (sealed, way.window.reached()) {
            let front = if done { reached - behind as i64 } else { way.front() };
            self.seal(context.flow, side, front);
        }
        if !goes_on && !done {
            exchange::doubt(context.flow, side);
        }
        context.flow.talk.ways[side] = Some(way);
        if done || !goes_on || !room {
            self.settle(context.flow, side);
        }
    }

    /// Puts a segment in its place. Bytes that were not recorded cost the body they lie in; what follows it is read on.
    fn push(
        &mut self,
        context: &mut Context<'_>,
        way: &mut Way,
        position: i64,
        segment: &Segment<'_>,
        told: &mut Told,
    ) -> bool {
        let Way { window, what, scan, .. } = way;
        let (bytes, length) = (segment.payload, segment.length);
        let mut goes_on = window.push(position, bytes, length, &mut self.reader(context, (what, scan), told));
        while !goes_on && !told.done {
            let is_reached = window.reached().is_some_and(|reached| reached >= position);
            let to = if is_reached { position + i64::from(length) } else { position };
            if !give_up_gap(context, window, what, to, told) {
                return false;
            }
            *scan = http::Scan::default();
            goes_on = window.catch_up(&mut self.reader(context, (what, scan), told))
                && window.push(position, bytes, length, &mut self.reader(context, (what, scan), told));
        }
        goes_on
    }

    /// Reads what waits behind gaps, which will not be filled.
    fn no_longer_wait(&mut self, flow: &mut Flow, side: Side, way: &mut Way) {
        let place = Place { source: flow.source, record: flow.last_record, offset: flow.first_offset, time: flow.end };
        let context = &mut Context { flow, side, place };
        let Way { window, what, scan, .. } = way;
        let mut told = Told::default();
        while !window.is_whole() && !told.done && give_up_gap(context, window, what, i64::MAX, &mut told) {
            *scan = http::Scan::default();
            if !window.catch_up(&mut self.reader(context, (what, scan), &mut told)) {
                break;
            }
        }
        let lost = !window.is_whole() && !told.done && what_is_lost(*what);
        self.note("stream_gaps", told.gaps + u64::from(lost));
        if let (Some(behind), Some(reached)) = (told.sealed, way.window.reached()) {
            self.seal(flow, side, if told.done { reached - behind as i64 } else { way.front() });
        }
    }

    fn reader<'a>(
        &'a mut self,
        context: &'a mut Context<'_>,
        (what, scan): (&'a mut What, &'a mut http::Scan),
        told: &'a mut Told,
    ) -> impl FnMut(&[u8]) -> Read {
        move |stream| {
            let read = self.read(context, (what, scan), &mut told.sealed, stream);
            told.done |= read == Read::Done;
            read
        }
    }

    /// Ends the reading of a direction; what stands unfinished is taken for what it is worth.
    pub(super) fn settle(&mut self, flow: &mut Flow, side: Side) {
        flow.talk.settled[side] = true;
        let Some(mut way) = flow.talk.ways[side].take() else { return };
        self.held -= way.window.held() + exchange::held(flow);
        if way.what.hangs_on_the_other() && flow.facts.is_some() {
            self.look_again(flow, side, &mut way);
        }
        if !way.window.is_whole() {
            self.no_longer_wait(flow, side, &mut way);
        }
        let front = way.window.front();
        let mut sealed = false;
        match (way.what, flow.facts.as_deref_mut()) {
            (What::Unknown, None) if !front.is_empty() => unfinished(flow, side, front, self.digests),
            (What::Requests | What::Responses | What::Frames | What::Whole, Some(_))
            | (What::Commands(_) | What::Letter(_) | What::Chunk(..), Some(_)) => exchange::finish(flow, side, &way),
            (What::Hello, Some(facts)) if !front.is_empty() => unfinished_hello(facts, front),
            (What::Tunnel | What::Agreed(_), Some(facts)) => sealed = tunnel::unfinished(facts, front),
            _ => {}
        }
        self.held += exchange::held(flow);
        if sealed {
            self.seal(flow, side, way.front());
        }
    }

    /// Reads once more what waited for the other side's words.
    fn look_again(&mut self, flow: &mut Flow, side: Side, way: &mut Way) {
        let place = Place { source: flow.source, record: flow.last_record, offset: flow.first_offset, time: flow.end };
        let (mut context, mut sealed, mut done) = (Context { flow, side, place }, None, false);
        let Way { window, what, scan, .. } = way;
        window.show_again(&mut |stream| {
            let read = self.read(&mut context, (what, scan), &mut sealed, stream);
            done = read == Read::Done;
            read
        });
        if let (Some(behind), Some(reached)) = (sealed, way.window.reached()) {
            self.seal(flow, side, if done { reached - behind as i64 } else { way.front() });
        }
    }

    /// Reads as far as `stream` goes; `sealed` is how many of its bytes stand where TLS begins inside something else,
    /// which is never passed over: it stays at the front.
    fn read(
        &mut self,
        context: &mut Context<'_>,
        (what, scan): (&mut What, &mut http::Scan),
        sealed: &mut Option<usize>,
        stream: &[u8],
    ) -> Read {
        let mut at = 0;
        *sealed = sealed.map(|_| stream.len());
        while let Some(rest) = stream.get(at..).filter(|rest| !rest.is_empty()) {
            match self.step(context, *what, rest, scan) {
                Step::On(done) => return Read::On((at + done) as u64),
                Step::Wait(wanted) => return Read::Wait(at as u64, wanted),
                Step::Next(next, done) => {
                    (*what, *scan) = (next, http::Scan::default());
                    at += done;
                }
                Step::Done => return Read::Done,
                Step::Sealed(next) => {
                    *sealed = Some(rest.len());
                    let Some(next) = next else { return Read::Done };
                    *what = next;
                }
            }
        }
        Read::On(at as u64)
    }

    fn step(&mut self, context: &mut Context<'_>, what: What, stream: &[u8], scan: &mut http::Scan) -> Step {
        let (flow, side) = (&mut *context.flow, context.side);
        match what {
            What::Unknown => match self.expected(flow).unwrap_or_else(|| begin(flow, side, stream, scan, self.digests))
            {
                Step::Done if web::may_begin_late(flow, side) => Step::Next(What::Midstream(1), stream.len()),
                step => step,
            },
            What::Midstream(looked) => web::midstream(flow, side, stream, looked, self.digests),
            What::Requests => web::requests(flow, side, stream),
            What::Responses => web::responses(flow, side, stream),
            What::Frames => web::frames(flow, side, stream),
            What::Whole => exchange::whole(flow, side, stream),
            What::Tunnel => tunnel::there(flow, side, stream, scan),
            What::TunnelBack => tunnel::back(flow, stream),
            What::ServerHello => self.certificate(flow, stream),
            What::Hello | What::Fragments(_) => Step::Done,
            What::Dns => self.frames(context, stream),
            What::Commands(protocol) => self.command(context, protocol, stream),
            What::Agreed(protocol) => commands::agreed(flow, protocol, stream),
            What::Stanzas => databases::stanzas(stream),
            What::Letter(protocol) => commands::letter(flow, side, protocol, stream),
            What::Chunk(left, is_last) => commands::chunk(flow, side, stream, (left, is_last)),
            What::Replies(protocol) => self.reply(context, protocol, stream),
            What::Data => match databases::behind(flow, side, stream) {
                Step::Done if self.digests && exchange::is_file(flow) => Step::Next(What::Whole, 0),
                step => step,
            },
        }
    }
}

fn what_is_lost(what: What) -> bool {
    !matches!(what, What::Unknown | What::ServerHello | What::Midstream(_))
}

/// Goes on behind a gap: a body is passed over up to its end, and where messages cannot be told apart any more, they are
/// looked for from what waits, or `to`, on. False where nothing can be read behind it.
fn give_up_gap(context: &mut Context<'_>, window: &mut Window, what: &mut What, to: i64, told: &mut Told) -> bool {
    let (flow, side) = (&mut *context.flow, context.side);
    let count = exchange::lose(flow, side, *what);
    if count > 0 {
        window.pass(count);
    } else if matches!(what, What::Requests | What::Responses | What::Midstream(_)) {
        told.gaps += u64::from(what_is_lost(*what));
        if what_is_lost(*what) {
            web::lost(flow, side, if *what == What::Requests { side } else { other(side) });
            *what = What::Midstream(1);
        }
        window.leap(to);
    } else {
        return false;
    }
    true
}

/// Tries each protocol on the front of a direction.
fn begin(flow: &mut Flow, side: Side, stream: &[u8], scan: &mut http::Scan, digests: bool) -> Step {
    if databases::is_told(flow) {
        return match databases::begin(flow, side, stream) {
            Outcome::Found(step) => step,
            Outcome::NeedMore => Step::On(0),
            Outcome::No => Step::Done,
        };
    }
    let hello = tls::client_hello(stream);
    if let Outcome::Found(hello) = hello {
        web::said_hello(flow, side, hello);
        return Step::Done;
    }
    // Before HTTP: a word of mail or FTP is told by its line, which may look like the front of a request.
    let lines = commands::begin(flow, side, stream);
    if let Outcome::Found(step) = lines {
        return step;
    }
    let mut first = http::Requests::after(*scan);
    let request = first.read(stream, &mut Nobody);
    *scan = first.scan();
    if request == Outcome::Found(()) {
        return web::asked(flow, side, digests);
    }
    let preface = web::preface(flow, stream);
    if preface == Outcome::Found(()) {
        return web::framed(flow, side, stream, digests);
    }
    let answer = tls::server_hello(stream);
    if let Outcome::Found(hello) = answer {
        return web::answered_hello(flow, side, hello);
    }
    let response = http::response(stream);
    if let Outcome::Found(_) = response {
        return web::answered(flow, side, digests);
    }
    let proxied = socks::request(stream);
    if let Outcome::Found((request, length)) = proxied {
        return tunnel::asked(flow, side, request, length);
    }
    let proxy = tunnel::answer(flow, stream);
    if let Outcome::Found(length) = proxy {
        return Step::Next(What::TunnelBack, length);
    }
    let frame = dns::tcp_front(stream, ear(flow));
    if frame == Outcome::Found(()) && flow.facts.as_ref().is_none_or(|facts| facts.app == Some("dns")) {
        return Step::Next(What::Dns, 0);
    }
    let database = databases::begin(flow, side, stream);
    if let Outcome::Found(step) = database {
        return step;
    }
    let wanted = tls::wanted(stream);
    if wanted > 0 {
        return Step::Wait(wanted);
    }
    let open = [
        hello == Outcome::NeedMore,
        request == Outcome::NeedMore,
        preface == Outcome::NeedMore,
        answer == Outcome::NeedMore,
        response == Outcome::NeedMore,
        proxied == Outcome::NeedMore,
        proxy == Outcome::NeedMore,
        frame == Outcome::NeedMore,
        lines == Outcome::NeedMore,
        database == Outcome::NeedMore,
    ];
    if open.contains(&true) { Step::On(0) } else { Step::Done }
}

/// The last word on a QUIC client's hello that never became whole.
fn unfinished_hello(facts: &mut Facts, front: &[u8]) {
    if let (None, Outcome::Found(hello)) = (&facts.client, tls::bare_client_hello(front, true)) {
        facts.client = Some(Box::new(hello));
    }
}

/// The last word on a front that never became whole.
fn unfinished(flow: &mut Flow, side: Side, front: &[u8], digests: bool) {
    if let Some(hello) = tls::client_hello_cut(front) {
        return web::said_hello(flow, side, hello);
    }
    let mut requests = http::Requests::default();
    requests.read(front, &mut Nobody);
    if requests.finish(front, &mut Nobody) && matches!(web::asked(flow, side, digests), Step::Next(..)) {
        flow.facts.get_or_insert_default().http = Some(Box::new(requests));
    }
}

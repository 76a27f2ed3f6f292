//! One head: the request line, the few header lines that matter, and how a body is framed.

use super::body::Content;
use crate::text::{hostname, printable};

const MOST_METHOD: usize = 32;
const MOST_PATH: usize = 4096;
const MOST_AGENT: usize = 1024;
const MOST_HOST: usize = 255;

/// Whether bytes can be the front of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Fits,
    Short,
    No,
}

/// Whether the first line, as far as it is there, is a request line; it does not end before `scanned`.
pub fn front(bytes: &[u8], scanned: usize) -> Line {
    let method = bytes.iter().take(MOST_METHOD + 1).take_while(|b| is_token(**b)).count();
    if method > MOST_METHOD {
        return Line::No;
    }
    match bytes.get(method) {
        None => return Line::Short,
        Some(b' ') if method > 0 => {}
        Some(_) => return Line::No,
    }
    let new = bytes.get(scanned..).unwrap_or_default();
    match new.iter().position(|b| *b == b'\n') {
        None => Line::Short,
        Some(end) if bytes.get(..scanned + end).and_then(request_line).is_some() => Line::Fits,
        Some(_) => Line::No,
    }
}

/// Length of the head with its empty line. `scanned` remembers how far the search came.
pub fn end(bytes: &[u8], scanned: &mut usize) -> Option<usize> {
    let from = scanned.saturating_sub(2);
    let lines = bytes.get(from..)?.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| from + i + 1);
    for after in lines {
        match bytes.get(after..)? {
            [b'\n', ..] => return Some(after + 1),
            [b'\r', b'\n', ..] => return Some(after + 2),
            _ => {}
        }
    }
    *scanned = bytes.len();
    None
}

/// How the body behind a head ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    Length(u64),
    Chunked,
    /// The head gives no length: a request has no body then, a response one that ends with its connection.
    Unsaid,
    /// The head contradicts itself.
    Unknown,
}

/// How the answer to a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// As its head says.
    Plainly,
    /// Its head says what a body would be (HEAD).
    WithoutBody,
    /// What follows agreement is a tunnel (CONNECT).
    WithTunnel,
}

/// A host line longer than any name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// The header lines that matter, as bytes; odd lines are passed over.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    /// At most two are looked at: a second Host line is a contradiction worth telling.
    hosts: [Option<&'a [u8]>; 2],
    user_agent: Option<&'a [u8]>,
    content: Content<'a>,
    upgrade: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    chunked: bool,
    /// A transfer coding was named.
    coded: bool,
    /// Two lengths that differ.
    contradicts: bool,
}

impl<'a> Fields<'a> {
    /// The fields of the head in `bytes`, behind its first line.
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut fields = Self::default();
        bytes.split(|b| *b == b'\n').skip(1).for_each(|line| fields.line(line));
        fields
    }

    fn line(&mut self, line: &'a [u8]) {
        if let Some(colon) = line.iter().position(|b| *b == b':') {
            let (name, value) = line.split_at(colon);
            self.field(name.trim_ascii_end(), value.get(1..).unwrap_or_default().trim_ascii());
        }
    }

    fn field(&mut self, name: &[u8], value: &'a [u8]) {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        if is(b"host") {
            if let Some(free) = self.hosts.iter_mut().find(|h| h.is_none()) {
                *free = Some(value);
            }
        } else if is(b"user-agent") {
            self.user_agent.get_or_insert(value);
        } else if is(b"content-length") {
            self.contradicts |= self.length.is_some_and(|before| before != value);
            self.length = Some(value);
        } else if is(b"transfer-encoding") {
            self.coded = true;
            self.chunked = value.to_ascii_lowercase().ends_with(b"chunked");
        } else if is(b"upgrade") {
            self.upgrade.get_or_insert(value);
        } else if is(b"content-encoding") {
            self.content.coding.get_or_insert(value);
        } else if is(b"content-type") {
            self.content.kind.get_or_insert(value);
        }
    }

    /// How many bytes follow the head of a request (RFC 9112 6.3).
    pub fn request_body(&self) -> Body {
        if self.coded && (self.length.is_some() || !self.chunked) { Body::Unknown } else { self.response_body() }
    }

    /// How many bytes follow the head of a response that may have a body: a transfer coding overrides a length.
    pub fn response_body(&self) -> Body {
        match (self.coded, self.length) {
            (true, _) if self.chunked => Body::Chunked,
            (true, _) | (false, None) => Body::Unsaid,
            (false, Some(_)) if self.contradicts => Body::Unknown,
            (false, Some(digits)) => number(digits).map_or(Body::Unknown, Body::Length),
        }
    }

    /// The protocol that is offered, or changed to.
    pub fn upgrade(&self) -> Option<&'a [u8]> {
        self.upgrade
    }

    /// What the body is said to be.
    pub fn content(&self) -> Content<'a> {
        self.content
    }
}

/// The parts of one request head, as bytes.
#[derive(Debug, Default)]
pub struct Head<'a> {
    method: &'a [u8],
    target: &'a [u8],
    pub fields: Fields<'a>,
}

impl<'a> Head<'a> {
    /// The head in `bytes`, of which the first line must be a request line.
    pub fn read(bytes: &'a [u8]) -> Option<Head<'a>> {
        let end = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
        let (method, target) = request_line(bytes.get(..end)?)?;
        Some(Head { method, target, fields: Fields::read(bytes) })
    }

    /// The head that these would make.
    pub fn of(method: &'a [u8], target: &'a [u8], hosts: [Option<&'a [u8]>; 2], user_agent: Option<&'a [u8]>) -> Self {
        Head { method, target, fields: Fields { hosts, user_agent, ..Fields::default() } }
    }

    /// How the answer to it is framed.
    pub fn answered(&self) -> Answered {
        match self.method {
            b"HEAD" => Answered::WithoutBody,
            b"CONNECT" => Answered::WithTunnel,
            _ => Answered::Plainly,
        }
    }

    pub fn method_text(&self) -> String {
        printable(self.method)
    }

    /// The path with its query; the whole target for CONNECT and `*`.
    pub fn path_text(&self) -> String {
        let path = self.path();
        printable(path.get(..MOST_PATH).unwrap_or(path))
    }

    pub fn user_agent_text(&self) -> Option<String> {
        self.fields.user_agent.map(|agent| printable(agent.get(..MOST_AGENT).unwrap_or(agent)))
    }

    /// Whether path or user agent had to be cut.
    pub fn long(&self) -> bool {
        self.path().len() > MOST_PATH || self.fields.user_agent.is_some_and(|a| a.len() > MOST_AGENT)
    }

    /// The hosts named, the one that counts first (RFC 9112 3.2.2): that of the target, then those of the Host lines.
    pub fn hosts(&self) -> impl Iterator<Item = Result<String, TooLong>> {
        told(std::iter::once(self.authority()).chain(self.fields.hosts).flatten().map(bare_host))
    }

    /// The hosts as they were asked for: that of a target with its port, where that is not HTTP's own; Host lines that
    /// only repeat it are left out.
    pub fn asked(&self) -> impl Iterator<Item = Result<String, TooLong>> {
        let target = self.authority().map(without_user).filter(|target| has_own_port(target));
        let repeated = target.map(bare_host);
        let named = [self.authority().map(bare_host).filter(|_| target.is_none()), target];
        let lines = self
            .fields
            .hosts
            .into_iter()
            .flatten()
            .map(bare_host)
            .filter(move |host| !repeated.is_some_and(|told| told.eq_ignore_ascii_case(host)));
        told(named.into_iter().flatten().chain(lines))
    }

    fn authority(&self) -> Option<&'a [u8]> {
        if self.method == b"CONNECT" {
            return Some(self.target).filter(|target| !target.contains(&b'/'));
        }
        let rest = behind_scheme(self.target)?;
        let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        rest.get(..end)
    }

    fn path(&self) -> &'a [u8] {
        match (behind_scheme(self.target), self.authority()) {
            (Some(rest), Some(authority)) => match rest.get(authority.len()..) {
                Some(path) if !path.is_empty() => path,
                _ => b"/",
            },
            _ => self.target,
        }
    }
}

/// What stands behind `scheme://` of an absolute-form target.
fn behind_scheme(target: &[u8]) -> Option<&[u8]> {
    let colon = target.iter().position(|b| *b == b':')?;
    let (scheme, rest) = target.split_at(colon);
    let named =
        !scheme.is_empty() && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    rest.strip_prefix(b"://").filter(|_| named)
}

/// The hosts as text, those that are empty left out.
fn told<'a>(named: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = Result<String, TooLong>> {
    named
        .filter(|host| !host.is_empty())
        .map(|host| if host.len() > MOST_HOST { Err(TooLong) } else { Ok(hostname(host)) })
}

/// An authority without user information.
fn without_user(authority: &[u8]) -> &[u8] {
    authority.iter().rposition(|b| *b == b'@').and_then(|at| authority.get(at + 1..)).unwrap_or(authority)
}

/// It names a host and a port that is not HTTP's own.
fn has_own_port(authority: &[u8]) -> bool {
    let port = authority.get(bare_host(authority).len()..).unwrap_or_default();
    port.len() > 1 && port != b":80" && port.len() < authority.len()
}

/// A host without user information and port; the brackets of an IPv6 address stay.
fn bare_host(authority: &[u8]) -> &[u8] {
    let host = without_user(authority);
    match host.iter().rposition(|b| *b == b':') {
        Some(colon) => {
            let (name, port) = host.split_at(colon);
            let is_port = port.iter().skip(1).all(u8::is_ascii_digit);
            if is_port && (!name.contains(&b':') || name.ends_with(b"]")) { name } else { host }
        }
        None => host,
    }
}

/// Method and target of a request line without its line feed; spaces inside a target are taken as part of it.
fn request_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_end();
    let (method, rest) = line.split_at_checked(line.iter().position(|b| *b == b' ')?)?;
    let (target, version) = rest.split_at_checked(rest.iter().rposition(|b| *b == b' ')?)?;
    let version = version.strip_prefix(b" HTTP/1.")?;
    let target = target.trim_ascii();
    let is_method = !method.is_empty() && method.len() <= MOST_METHOD && method.iter().all(|b| is_token(*b));
    (is_method && matches!(version, [b'0'..=b'9']) && !target.is_empty()).then_some((method, target))
}

/// Whether a line, without its line feed, is one of a request.
pub fn asks(line: &[u8]) -> bool {
    request_line(line).is_some()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

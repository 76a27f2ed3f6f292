//! One request head: request line, the few header lines that matter, and how its body is framed.

use crate::text::{hostname, printable};

const MOST_METHOD: usize = 32;
const MOST_PATH: usize = 4096;
const MOST_AGENT: usize = 1024;
const MOST_HOST: usize = 255;
/// Bytes of a chunk's size line, and of a trailer line.
pub const MOST_CHUNK_LINE: usize = 4096;

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

/// A chunk of a chunked body.
pub enum Chunk {
    /// Size line, data and the line end behind it.
    Data(usize),
    /// The size line of the last chunk.
    Last(usize),
    Short,
    No,
}

/// The chunk at the front (RFC 9112 7.1).
pub fn chunk(bytes: &[u8]) -> Chunk {
    let Some(end) = bytes.iter().take(MOST_CHUNK_LINE).position(|b| *b == b'\n') else {
        return if bytes.len() < MOST_CHUNK_LINE { Chunk::Short } else { Chunk::No };
    };
    let line = bytes.get(..end).unwrap_or_default();
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let text = line.get(..digits).and_then(|d| std::str::from_utf8(d).ok()).unwrap_or_default();
    match usize::from_str_radix(text, 16) {
        Ok(0) => Chunk::Last(end + 1),
        Ok(size) => Chunk::Data(size.saturating_add(end + 3)),
        Err(_) => Chunk::No,
    }
}

/// How the body behind a head ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    Length(usize),
    Chunked,
    /// The head contradicts itself, or what follows is not HTTP/1.
    Unknown,
}

/// A host line longer than any name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// The parts of one request head, as bytes.
#[derive(Debug, Default)]
pub struct Head<'a> {
    method: &'a [u8],
    target: &'a [u8],
    /// At most two are looked at: a second Host line is a contradiction worth telling.
    hosts: [Option<&'a [u8]>; 2],
    user_agent: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    chunked: bool,
    leaves_http: bool,
    contradicts: bool,
}

impl<'a> Head<'a> {
    /// The head in `bytes`, of which the first line must be a request line; odd header lines are passed over.
    pub fn read(bytes: &'a [u8]) -> Option<Head<'a>> {
        let mut lines = bytes.split(|b| *b == b'\n');
        let (method, target) = request_line(lines.next()?)?;
        let mut head = Head { method, target, leaves_http: method == b"CONNECT", ..Head::default() };
        lines.for_each(|line| head.line(line));
        Some(head)
    }

    fn line(&mut self, line: &'a [u8]) {
        if let Some(colon) = line.iter().position(|b| *b == b':') {
            let (name, value) = line.split_at(colon);
            self.field(name.trim_ascii_end(), value.get(1..).unwrap_or_default().trim_ascii());
        }
    }

    fn field(&mut self, name: &[u8], value: &'a [u8]) {
        if name.eq_ignore_ascii_case(b"host") {
            if let Some(free) = self.hosts.iter_mut().find(|h| h.is_none()) {
                *free = Some(value);
            }
        } else if name.eq_ignore_ascii_case(b"user-agent") {
            self.user_agent.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.contradicts |= self.length.is_some_and(|before| before != value);
            self.length = Some(value);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = value.to_ascii_lowercase().ends_with(b"chunked");
            self.contradicts |= !self.chunked;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.leaves_http |= !value.to_ascii_lowercase().starts_with(b"h2c");
        }
    }

    /// How many bytes follow that are no head.
    pub fn body(&self) -> Body {
        if self.leaves_http || self.contradicts {
            return Body::Unknown;
        }
        match (self.chunked, self.length) {
            (true, None) => Body::Chunked,
            (false, None) => Body::Length(0),
            (false, Some(digits)) => number(digits).map_or(Body::Unknown, Body::Length),
            (true, Some(_)) => Body::Unknown,
        }
    }

    pub fn is_connect(&self) -> bool {
        self.method == b"CONNECT"
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
        self.user_agent.map(|agent| printable(agent.get(..MOST_AGENT).unwrap_or(agent)))
    }

    /// Whether path or user agent had to be cut.
    pub fn long(&self) -> bool {
        self.path().len() > MOST_PATH || self.user_agent.is_some_and(|a| a.len() > MOST_AGENT)
    }

    /// The hosts named, the one that counts first (RFC 9112 3.2.2): that of the target, then those of the Host lines.
    pub fn hosts(&self) -> impl Iterator<Item = Result<String, TooLong>> {
        told(std::iter::once(self.authority()).chain(self.hosts).flatten().map(bare_host))
    }

    /// The hosts as they were asked for: that of a target with its port, where that is not HTTP's own; Host lines that
    /// only repeat it are left out.
    pub fn asked(&self) -> impl Iterator<Item = Result<String, TooLong>> {
        let target = self.authority().map(without_user).filter(|target| has_own_port(target));
        let repeated = target.map(bare_host);
        let named = [self.authority().map(bare_host).filter(|_| target.is_none()), target];
        let lines = self
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

/// Length of the body behind the head of a response; none where the head does not give it as a number.
pub fn answer_body(head: &[u8]) -> Option<usize> {
    let mut read = Head::default();
    head.split(|b| *b == b'\n').skip(1).for_each(|line| read.line(line));
    match read.body() {
        Body::Length(length) if read.length.is_some() => Some(length),
        _ => None,
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

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn number(digits: &[u8]) -> Option<usize> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

//! Protocols of command and reply lines in clear: SMTP (RFC 5321), IMAP (RFC 9051), POP3 (RFC 1939), FTP (RFC 959, RFC 2428),
//! and where they go over to TLS (RFC 3207, RFC 2595, RFC 4217).
//!
//! Promises: a protocol is told by words of its own, or by words that several share where the other side's told it. A
//! request line of HTTP is none of them, whatever its method.
//! Refuses: mail and files themselves, which are passed over, and names or passwords, which are not kept.

use std::net::IpAddr;

use super::{Outcome, http};

/// Bytes of one line.
pub const MOST_LINE: usize = 16 * 1024;
/// Bytes at the front of a direction that are looked at for words of one protocol.
const MOST_FRONT: usize = 2048;
/// Bytes of a first word, or of an IMAP tag.
const MOST_WORD: usize = 32;

/// The protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Mail sent.
    Smtp,
    /// Mail kept on a server.
    Imap,
    /// Mail fetched.
    Pop3,
    /// Files; this is its control connection.
    Ftp,
}

/// What a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// TLS, from the next byte on if the server agrees.
    StartTls,
    /// A letter follows, up to a line with a dot only.
    Letter,
    /// So many bytes follow that are no lines.
    Bytes(usize),
    /// So many bytes of a letter follow; the last of it or not.
    Chunk(usize, bool),
    /// A connection for data to this port, where the client listens.
    Listens(u16),
    /// Something else.
    Other,
}

impl Protocol {
    /// The word of the column `app`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
        }
    }

    /// The protocol of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Smtp, Self::Imap, Self::Pop3, Self::Ftp].into_iter().find(|one| one.word() == word)
    }

    /// What a client's line, without its end, asks for.
    #[must_use]
    pub fn command(self, line: &[u8]) -> Command {
        match self {
            Self::Smtp => smtp_command(line),
            Self::Imap => imap_command(line),
            Self::Pop3 if is_word(line, b"STLS") => Command::StartTls,
            Self::Pop3 => Command::Other,
            Self::Ftp => ftp_command(line),
        }
    }

    /// The port at which the server listens for data, as its reply says.
    #[must_use]
    pub fn listens(self, line: &[u8]) -> Option<u16> {
        if self != Self::Ftp {
            return None;
        }
        match line.get(..4)? {
            b"227 " => six_numbers(line.get(4..)?),
            b"229 " => extended(line.get(line.iter().rposition(|byte| *byte == b'(')? + 1..)?),
            _ => None,
        }
    }
}

/// The protocol of which a client's first lines are, where `known` is what the server's told.
#[must_use]
pub fn asked(stream: &[u8], known: Option<Protocol>) -> Outcome<Protocol> {
    front(stream, |line, is_whole| match known {
        Some(known) => Outcome::Found(known),
        None if is_whole && http::asks(line) => Outcome::No,
        None if is_whole => first_command(line),
        None if may_become_command(line) => Outcome::NeedMore,
        None => Outcome::No,
    })
}

/// The protocol of which a server's first lines are, where `known` is what the client's told.
#[must_use]
pub fn answered(stream: &[u8], known: Option<Protocol>) -> Outcome<Protocol> {
    let greets = stream.starts_with(b"220");
    front(stream, |line, is_whole| match known {
        Some(known) => Outcome::Found(known),
        None if is_whole && http::asks(line) => Outcome::No,
        None if is_whole => first_reply(line, greets),
        None if may_become_reply(line, greets) => Outcome::NeedMore,
        None => Outcome::No,
    })
}

/// The first line at the front, without its end, and how many bytes it has with it; none where it is not whole.
#[must_use]
pub fn line(stream: &[u8]) -> Option<(&[u8], usize)> {
    let end = stream.iter().take(MOST_LINE).position(|byte| *byte == b'\n')?;
    let line = stream.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// Looks at line after line until one tells.
fn front(stream: &[u8], tells: impl Fn(&[u8], bool) -> Outcome<Protocol>) -> Outcome<Protocol> {
    let mut rest = stream;
    loop {
        let (one, length) = match line(rest) {
            Some((one, length)) => (one, Some(length)),
            None => (rest, None),
        };
        if stream.len() - rest.len() > MOST_FRONT {
            return Outcome::No;
        }
        match (tells(one, length.is_some()), length) {
            (Outcome::NeedMore, Some(length)) => rest = rest.get(length..).unwrap_or_default(),
            (Outcome::NeedMore, None) if rest.len() > MOST_FRONT => return Outcome::No,
            (told, _) => return told,
        }
    }
}

/// Words with which only one of the protocols begins a client's line.
const OWN: &[(&[u8], Protocol)] = &[
    (b"EHLO", Protocol::Smtp),
    (b"HELO", Protocol::Smtp),
    (b"LHLO", Protocol::Smtp),
    (b"MAIL FROM:", Protocol::Smtp),
    (b"RCPT TO:", Protocol::Smtp),
    (b"STARTTLS", Protocol::Smtp),
    (b"STLS", Protocol::Pop3),
    (b"CAPA", Protocol::Pop3),
    (b"UIDL", Protocol::Pop3),
    (b"APOP ", Protocol::Pop3),
    (b"AUTH TLS", Protocol::Ftp),
    (b"AUTH SSL", Protocol::Ftp),
    (b"PBSZ ", Protocol::Ftp),
    (b"PROT ", Protocol::Ftp),
    (b"FEAT", Protocol::Ftp),
    (b"SYST", Protocol::Ftp),
    (b"PASV", Protocol::Ftp),
    (b"EPSV", Protocol::Ftp),
    (b"PORT ", Protocol::Ftp),
    (b"EPRT |", Protocol::Ftp),
    (b"TYPE A", Protocol::Ftp),
    (b"TYPE I", Protocol::Ftp),
    (b"OPTS UTF8", Protocol::Ftp),
    (b"STOR ", Protocol::Ftp),
];

/// Words that more than one of them have.
const SHARED: &[&[u8]] =
    &[b"USER ", b"PASS ", b"QUIT", b"NOOP", b"RSET", b"STAT", b"LIST", b"AUTH ", b"HELP", b"DELE ", b"RETR "];

/// Words of IMAP behind a tag.
const IMAP: &[&[u8]] = &[
    b"CAPABILITY",
    b"STARTTLS",
    b"LOGIN ",
    b"AUTHENTICATE ",
    b"SELECT ",
    b"EXAMINE ",
    b"NAMESPACE",
    b"APPEND ",
    b"UID FETCH ",
    b"UID STORE ",
    b"UID SEARCH ",
    b"FETCH ",
    b"IDLE",
    b"LOGOUT",
    b"LSUB ",
    b"ENABLE ",
    b"ID (",
    b"ID NIL",
];

/// Extensions that a server of SMTP names.
const EXTENSIONS: &[&[u8]] =
    &[b"PIPELINING", b"8BITMIME", b"STARTTLS", b"SIZE", b"ENHANCEDSTATUSCODES", b"CHUNKING", b"DSN"];

fn first_command(line: &[u8]) -> Outcome<Protocol> {
    if let Some((_, protocol)) = OWN.iter().find(|(word, _)| is_word(line, word)) {
        return Outcome::Found(*protocol);
    }
    if SHARED.iter().any(|word| is_word(line, word)) {
        return Outcome::NeedMore;
    }
    match behind_tag(line) {
        Some(verb) if IMAP.iter().any(|word| is_word(verb, word)) => Outcome::Found(Protocol::Imap),
        _ => Outcome::No,
    }
}

fn may_become_command(line: &[u8]) -> bool {
    let is_prefix = |word: &&[u8]| line.iter().zip(*word).all(|(a, b)| a.eq_ignore_ascii_case(b));
    let is_tag = line.len() <= MOST_WORD && line.iter().all(|byte| is_tag(*byte));
    let is_verb = |verb: &[u8]| IMAP.iter().any(|word| verb.iter().zip(*word).all(|(a, b)| a.eq_ignore_ascii_case(b)));
    OWN.iter().map(|(word, _)| word).chain(SHARED).any(is_prefix) || is_tag || behind_tag(line).is_some_and(is_verb)
}

/// What stands behind an IMAP tag.
fn behind_tag(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().take(MOST_WORD).position(|byte| *byte == b' ')?;
    let tag = line.get(..end)?;
    (!tag.is_empty() && tag.iter().all(|byte| is_tag(*byte))).then(|| line.get(end + 1..).unwrap_or_default())
}

fn is_tag(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// Whether a line begins with `word`, in any case of letters, and the word ends there.
fn is_word(line: &[u8], word: &[u8]) -> bool {
    let is_there = line.get(..word.len()).is_some_and(|front| front.eq_ignore_ascii_case(word));
    let ends = !word.last().is_some_and(u8::is_ascii_alphanumeric)
        || line.get(word.len()).is_none_or(|next| !next.is_ascii_alphanumeric());
    is_there && ends
}

fn first_reply(line: &[u8], greets: bool) -> Outcome<Protocol> {
    let has = |word: &[u8]| line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    let mine = Outcome::Found;
    if [&b"* OK "[..], b"* PREAUTH ", b"* CAPABILITY IMAP"].iter().any(|word| line.starts_with(word)) {
        return mine(Protocol::Imap);
    }
    if line.starts_with(b"+OK ") {
        return mine(Protocol::Pop3);
    }
    match line.get(..4) {
        Some(b"220 " | b"220-") if has(b"SMTP") || has(b"LMTP") => mine(Protocol::Smtp),
        Some(b"220 " | b"220-") if has(b"FTP") => mine(Protocol::Ftp),
        Some(b"227 ") if six_numbers(line.get(4..).unwrap_or_default()).is_some() => mine(Protocol::Ftp),
        Some(b"229 ") if Protocol::Ftp.listens(line).is_some() => mine(Protocol::Ftp),
        Some(b"250-") if EXTENSIONS.iter().any(|word| is_word(line.get(4..).unwrap_or_default(), word)) => {
            mine(Protocol::Smtp)
        }
        Some(b"250 " | b"250-" | b"354 " | b"554 ") if greets => mine(Protocol::Smtp),
        Some(b"331 " | b"234 " | b"215 " | b"230 " | b"230-" | b"211-") if greets => mine(Protocol::Ftp),
        _ if greets => Outcome::NeedMore,
        _ => Outcome::No,
    }
}

/// Whether a line that is not whole may yet tell; behind a greeting any may (RFC 959 4.2: what stands between the first and
/// the last line of a reply is free).
fn may_become_reply(line: &[u8], greets: bool) -> bool {
    let begins = |word: &[u8]| line.iter().zip(word).all(|(a, b)| a == b);
    let is_code = line.iter().take(3).all(u8::is_ascii_digit) && line.first().is_none_or(|byte| *byte == b'2');
    greets || is_code || [&b"* OK "[..], b"* PREAUTH ", b"* CAPABILITY IMAP", b"+OK "].into_iter().any(begins)
}

fn smtp_command(line: &[u8]) -> Command {
    if is_word(line, b"STARTTLS") {
        return Command::StartTls;
    }
    if line.eq_ignore_ascii_case(b"DATA") {
        return Command::Letter;
    }
    if let Some((count, behind)) = line.get(5..).filter(|_| is_word(line, b"BDAT ")).and_then(number) {
        return Command::Chunk(count as usize, behind.trim_ascii().eq_ignore_ascii_case(b"LAST"));
    }
    Command::Other
}

/// A tag and a word; a line may end with the count of bytes that follow it (RFC 9051 4.3, RFC 7888).
fn imap_command(line: &[u8]) -> Command {
    if behind_tag(line).is_some_and(|verb| verb.eq_ignore_ascii_case(b"STARTTLS")) {
        return Command::StartTls;
    }
    let literal = line.strip_suffix(b"}").map(|line| line.strip_suffix(b"+").unwrap_or(line)).and_then(|line| {
        let digits = line.get(line.iter().rposition(|byte| *byte == b'{')? + 1..)?;
        number(digits).filter(|(_, behind)| behind.is_empty())
    });
    literal.map_or(Command::Other, |(count, _)| Command::Bytes(count as usize))
}

fn ftp_command(line: &[u8]) -> Command {
    if [&b"AUTH TLS"[..], b"AUTH SSL"].iter().any(|word| is_word(line, word)) {
        return Command::StartTls;
    }
    let listens = if is_word(line, b"PORT ") {
        line.get(5..).and_then(six_numbers)
    } else if is_word(line, b"EPRT ") {
        line.get(5..).and_then(extended)
    } else {
        None
    };
    listens.map_or(Command::Other, Command::Listens)
}

/// The decimal number at the front, and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, behind) = text.split_at_checked(length).filter(|_| (1..=9).contains(&length))?;
    Some((digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')), behind))
}

/// The port in `h1,h2,h3,h4,p1,p2`, wherever the digits begin (RFC 1123 4.1.2.6).
fn six_numbers(text: &[u8]) -> Option<u16> {
    let mut rest = text.get(text.iter().position(u8::is_ascii_digit)?..)?;
    let mut numbers = [0_u8; 6];
    for (at, slot) in numbers.iter_mut().enumerate() {
        let (value, behind) = number(rest)?;
        *slot = u8::try_from(value).ok()?;
        rest = if at < 5 { behind.strip_prefix(b",")? } else { behind };
    }
    let [.., high, low] = numbers;
    Some(u16::from_be_bytes([high, low])).filter(|port| *port > 0)
}

/// The port in `|1|address|port|`, or `|||port|` (RFC 2428); the mark between is any printable byte.
fn extended(text: &[u8]) -> Option<u16> {
    let mark = *text.first().filter(|byte| byte.is_ascii_graphic() && !byte.is_ascii_digit())?;
    let mut fields = text.split(|byte| *byte == mark).skip(1);
    let (_, address, digits) = (fields.next()?, fields.next()?, fields.next()?);
    if !address.is_empty() {
        std::str::from_utf8(address).ok()?.parse::<IpAddr>().ok()?;
    }
    let (port, _) = number(digits).filter(|(_, behind)| behind.is_empty())?;
    u16::try_from(port).ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests;

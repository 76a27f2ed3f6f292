//! One LOOKUPS row, and how it is told from what was seen.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::recognise::dns::{Answer, Question, class_text, rcode_text, type_text};

/// mDNS uses the top bit of the class for itself (RFC 6762 5.4, 10.2).
pub(super) const CLASS_BITS: u16 = 0x7fff;
const TCP: u8 = 6;
/// Port of plain DNS, of mDNS, and of LLMNR.
const DNS: u16 = 53;
const MDNS: u16 = 5353;
const LLMNR: u16 = 5355;

/// Where and when a message was seen; the packet that completed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Index of the source.
    pub source: u32,
    /// Nanoseconds since 1970, UTC.
    pub time: i64,
    /// Record number, from 1.
    pub record: u64,
    /// Byte offset of the record.
    pub offset: u64,
}

/// Sender and receiver of the packet that carried a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Address and port of the sender.
    pub src: (IpAddr, u16),
    /// Address and port of the receiver.
    pub dst: (IpAddr, u16),
}

/// Column `transport`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Plain DNS over UDP.
    Udp,
    /// Plain DNS over TCP.
    Tcp,
    /// Multicast DNS, port 5353.
    Mdns,
    /// LLMNR, port 5355.
    Llmnr,
}

impl Transport {
    /// The transport of a message between these ends; `proto` is the IP protocol number.
    ///
    /// mDNS and LLMNR stay on the link (RFC 6762 11, RFC 4795 2.5): on their ports, but with a host elsewhere, it is plain
    /// DNS. So it is with a server nearby that listens on 5353, unless the message is about what mDNS names (`on_link`).
    #[must_use]
    pub fn of(proto: u8, ends: Ends, on_link: bool) -> Transport {
        let ports = [ends.src.1, ends.dst.1];
        let plain = if proto == TCP { Transport::Tcp } else { Transport::Udp };
        let to_all = [ends.src.0, ends.dst.0].iter().any(IpAddr::is_multicast);
        let is_near = to_all || (is_local(ends.src.0) && is_local(ends.dst.0));
        match ports {
            _ if ports.contains(&DNS) || !is_near => plain,
            [MDNS, MDNS] if proto != TCP => Transport::Mdns,
            _ if ports.contains(&MDNS) && proto != TCP && (to_all || on_link) => Transport::Mdns,
            _ if ports.contains(&LLMNR) => Transport::Llmnr,
            _ => plain,
        }
    }

    /// `udp`, `tcp`, `mdns` or `llmnr`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Mdns => "mdns",
            Transport::Llmnr => "llmnr",
        }
    }
}

/// Whether an address may be on the same link: link-local, private, loopback, none yet.
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_private() || ip.is_loopback() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unique_local() || ip.is_loopback() || ip.is_unspecified(),
    }
}

/// One row. For captures `name_exact` is true, `vantage` is `client`, `time_basis` is `explicit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Index of the source of `record`.
    pub source: u32,
    /// Of the question where it was seen, else of the answer.
    pub record: u64,
    /// Of the question where it was seen, else of the answer.
    pub offset: u64,
    /// Of the answer where it was seen, else of the question.
    pub time: i64,
    /// Who asked.
    pub client_ip: IpAddr,
    /// Port of who asked.
    pub client_port: u16,
    /// Who was asked.
    pub server_ip: IpAddr,
    /// Port of who was asked.
    pub server_port: u16,
    /// How.
    pub transport: Transport,
    /// Name asked for.
    pub qname: String,
    /// Mnemonic of the type.
    pub qtype: Cow<'static, str>,
    /// Mnemonic of the class.
    pub qclass: Cow<'static, str>,
    /// Time of the question, where both were seen.
    pub asked: Option<i64>,
    /// Record of the answer, where both were seen in one source.
    pub answer_record: Option<u64>,
    /// Offset of the answer, where both were seen in one source.
    pub answer_offset: Option<u64>,
    /// Answer minus question in nanoseconds, where both were seen.
    pub latency: Option<i64>,
    /// Null: no answer was seen.
    pub rcode: Option<Cow<'static, str>>,
    /// Null: no answer was seen.
    pub answers: Option<Vec<Row>>,
    /// Of the answer, else of the question.
    pub flags: Vec<&'static str>,
}

/// One element of column `answers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Owner name.
    pub name: String,
    /// Mnemonic of the type.
    pub rtype: Cow<'static, str>,
    /// Presentation text.
    pub data: String,
    /// Seconds.
    pub ttl: u32,
}

/// Who asked whom: the part of a row that question and answer share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    transport: Transport,
    client: (IpAddr, u16),
    server: (IpAddr, u16),
}

impl Lookup {
    /// Bytes of its text, which a small message can make large.
    #[must_use]
    pub fn text(&self) -> usize {
        let answers = self.answers.iter().flatten().map(|answer| answer.name.len() + answer.data.len());
        self.qname.len() + answers.sum::<usize>()
    }
}

impl Told {
    pub(super) fn at(transport: Transport, client: (IpAddr, u16), server: (IpAddr, u16)) -> Told {
        Told { transport, client, server }
    }

    /// The row of a question that got no answer.
    pub(super) fn question_only(self, question: Question, seen: Seen, flags: Vec<&'static str>) -> Lookup {
        self.bare(question, seen, flags)
    }

    /// The row of an answer, with its question where that was seen.
    pub(super) fn answer(
        self,
        question: Question,
        asked: Option<Seen>,
        seen: Seen,
        rcode: u16,
        answers: Vec<Answer>,
        flags: Vec<&'static str>,
    ) -> Lookup {
        let mut row = self.bare(question, asked.unwrap_or(seen), flags);
        row.time = seen.time;
        row.rcode = Some(rcode_text(rcode));
        row.answers = Some(answers.into_iter().map(Row::from).collect());
        if let Some(before) = asked {
            row.asked = Some(before.time);
            let is_here = before.source == seen.source;
            row.answer_record = is_here.then_some(seen.record);
            row.answer_offset = is_here.then_some(seen.offset);
            row.latency = Some(seen.time.saturating_sub(before.time));
        }
        row
    }

    fn bare(self, question: Question, seen: Seen, flags: Vec<&'static str>) -> Lookup {
        let class = match self.transport {
            Transport::Mdns => question.qclass & CLASS_BITS,
            _ => question.qclass,
        };
        Lookup {
            source: seen.source,
            record: seen.record,
            offset: seen.offset,
            time: seen.time,
            client_ip: self.client.0,
            client_port: self.client.1,
            server_ip: self.server.0,
            server_port: self.server.1,
            transport: self.transport,
            qname: question.name,
            qtype: type_text(question.qtype),
            qclass: class_text(class),
            asked: None,
            answer_record: None,
            answer_offset: None,
            latency: None,
            rcode: None,
            answers: None,
            flags,
        }
    }
}

impl From<Answer> for Row {
    fn from(answer: Answer) -> Row {
        Row { name: answer.name, rtype: type_text(answer.rtype), data: answer.data, ttl: answer.ttl }
    }
}

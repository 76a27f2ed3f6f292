//! Who opened a conversation, and how that is known.

use crate::transport::{ICMP, ICMP6, Segment, TCP};

/// How the initiator was decided, from the strongest to the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// SYN or SYN-ACK.
    Handshake,
    /// A request or an answer was read.
    Request,
    /// One side has the port of a service, the other has not.
    Port,
    /// Who sent the first record.
    FirstRecord,
}

impl Basis {
    /// The word of the column `direction_basis`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Request => "request",
            Self::Port => "port",
            Self::FirstRecord => "first_record",
        }
    }
}

/// Ports above 1023 on which services listen so commonly that the other side is the client (IANA registry).
const SERVICES: [u16; 44] = [
    1080, 1194, 1433, 1521, 1701, 1723, 1812, 1813, 1883, 1900, 2049, 2055, 2123, 2152, 2375, 2376, 3128, 3268, 3306,
    3389, 3478, 4317, 4500, 4739, 4789, 5060, 5061, 5222, 5353, 5355, 5432, 5671, 5672, 6081, 6379, 6443, 8000, 8080,
    8443, 8883, 9000, 9092, 9200, 27017,
];

fn is_service(port: u16) -> bool {
    port < 1024 || SERVICES.contains(&port)
}

/// Whether the sender of the first record opened the conversation, and how that is known.
#[must_use]
pub fn of_first(proto: u8, segment: &Segment<'_>) -> (bool, Basis) {
    match (segment.tcp, segment.message) {
        (Some(tcp), _) if tcp.flags.syn() && !tcp.flags.rst() => (!tcp.flags.ack(), Basis::Handshake),
        (_, Some((kind, _))) => of_message(proto, kind),
        _ => of_ports(segment.ports),
    }
}

/// ICMP messages that ask, and those that answer (IANA ICMP parameters).
fn of_message(proto: u8, kind: u8) -> (bool, Basis) {
    match (proto, kind) {
        (ICMP, 8 | 10 | 13 | 15 | 17) | (ICMP6, 128 | 133 | 135 | 139) => (true, Basis::Request),
        (ICMP, 0 | 14 | 16 | 18) | (ICMP6, 129 | 140) => (false, Basis::Request),
        _ => (true, Basis::FirstRecord),
    }
}

fn of_ports((src, dst): (u16, u16)) -> (bool, Basis) {
    match (is_service(src), is_service(dst)) {
        (false, true) => (true, Basis::Port),
        (true, false) => (false, Basis::Port),
        _ => (true, Basis::FirstRecord),
    }
}

/// Whether a segment is the first word of a TCP opening: it must not be taken for a part of an older conversation.
#[must_use]
pub fn opens(proto: u8, segment: &Segment<'_>) -> bool {
    proto == TCP && segment.tcp.is_some_and(|tcp| tcp.flags.syn() && !tcp.flags.rst())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Flags, Tcp};

    fn tcp(flags: u8, ports: (u16, u16)) -> Segment<'static> {
        let tcp = Tcp { flags: Flags(flags), ..Tcp::default() };
        Segment { ports, message: None, tcp: Some(tcp), payload: &[], length: 0 }
    }

    #[test]
    fn a_handshake_is_stronger_than_ports() {
        assert_eq!(of_first(TCP, &tcp(0x02, (443, 50_000))), (true, Basis::Handshake));
        assert_eq!(of_first(TCP, &tcp(0x12, (50_000, 443))), (false, Basis::Handshake));
        assert_eq!(of_first(TCP, &tcp(0x10, (443, 50_000))), (false, Basis::Port));
        assert_eq!(of_first(TCP, &tcp(0x10, (50_000, 5432))), (true, Basis::Port));
        assert_eq!(of_first(TCP, &tcp(0x10, (50_000, 50_001))), (true, Basis::FirstRecord));
        assert_eq!(of_first(TCP, &tcp(0x10, (443, 80))), (true, Basis::FirstRecord));
    }

    #[test]
    fn an_echo_reply_answers_the_other() {
        let message = |kind| Segment { message: Some((kind, 0)), tcp: None, ..tcp(0, (0, 0)) };
        assert_eq!(of_first(ICMP, &message(8)), (true, Basis::Request));
        assert_eq!(of_first(ICMP, &message(0)), (false, Basis::Request));
        assert_eq!(of_first(ICMP, &message(3)), (true, Basis::FirstRecord));
        assert_eq!(of_first(ICMP6, &message(129)), (false, Basis::Request));
    }
}

//! TCP, UDP, SCTP and ICMP headers: ports, flags and how many bytes of payload the headers say there are.
//!
//! Source: RFC 9293, RFC 768, RFC 9260, RFC 792, RFC 4443; UDP-Lite RFC 3828, DCCP RFC 4340.

use crate::coverage::Skip;
use crate::ip::{Datagram, be16};

/// IANA protocol number of ICMP.
pub const ICMP: u8 = 1;
/// IANA protocol number of TCP.
pub const TCP: u8 = 6;
/// IANA protocol number of UDP.
pub const UDP: u8 = 17;
/// IANA protocol number of DCCP.
pub const DCCP: u8 = 33;
/// IANA protocol number of ICMPv6.
pub const ICMP6: u8 = 58;
/// IANA protocol number of SCTP.
pub const SCTP: u8 = 132;
/// IANA protocol number of UDP-Lite.
pub const UDP_LITE: u8 = 136;

/// True for protocols whose first four bytes are ports.
#[must_use]
pub fn has_ports(proto: u8) -> bool {
    matches!(proto, TCP | UDP | DCCP | SCTP | UDP_LITE)
}

/// Flags of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender has no more data.
    #[must_use]
    pub fn fin(self) -> bool {
        self.0 & 1 != 0
    }

    /// The sender opens.
    #[must_use]
    pub fn syn(self) -> bool {
        self.0 & 2 != 0
    }

    /// The sender aborts.
    #[must_use]
    pub fn rst(self) -> bool {
        self.0 & 4 != 0
    }

    /// The receiver should hand the data up at once.
    #[must_use]
    pub fn psh(self) -> bool {
        self.0 & 8 != 0
    }

    /// The acknowledgement number counts.
    #[must_use]
    pub fn ack(self) -> bool {
        self.0 & 16 != 0
    }
}

/// What a TCP header says besides ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tcp {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags.
    pub flags: Flags,
    /// Window, unscaled.
    pub window: u16,
}

/// What a datagram carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Ports; for ICMP one for an error and zero for all else, for protocols without ports zero.
    pub ports: (u16, u16),
    /// Type and code of an ICMP message.
    pub message: Option<(u8, u8)>,
    /// Set for TCP, unless the capture cut it off.
    pub tcp: Option<Tcp>,
    /// Payload as captured.
    pub payload: &'a [u8],
    /// Payload as the headers say.
    pub length: u32,
}

/// Reads the transport header of a whole datagram or its first fragment.
///
/// # Errors
/// The reason to skip the record.
#[inline]
pub fn open<'a>(datagram: &Datagram<'a>) -> Result<Segment<'a>, Skip> {
    match datagram.proto {
        TCP => tcp(datagram),
        UDP => udp(datagram),
        SCTP => sctp(datagram),
        ICMP | ICMP6 => icmp(datagram),
        UDP_LITE => counted(datagram, 8, 8),
        DCCP => dccp(datagram),
        _ => Ok(rest(datagram)),
    }
}

/// What can be told of a transport header that contradicts itself: its ports, if there are any. Nothing of it is payload.
#[cold]
#[must_use]
pub fn ports_alone(datagram: &Datagram<'_>) -> Option<Segment<'static>> {
    let none = Segment { ports: (0, 0), message: None, tcp: None, payload: &[], length: 0 };
    match datagram.proto {
        ICMP | ICMP6 => Some(none),
        proto if has_ports(proto) => {
            let ports = head::<4>(datagram, 4).ok()?;
            Some(Segment { ports: (be16(ports, 0), be16(ports, 2)), ..none })
        }
        _ => None,
    }
}

/// A datagram of which all is payload: a protocol without ports, or a later fragment.
#[must_use]
pub fn rest<'a>(datagram: &Datagram<'a>) -> Segment<'a> {
    Segment { ports: (0, 0), message: None, tcp: None, payload: datagram.payload, length: datagram.payload_length }
}

/// The first `N` bytes, which a header of `need` bytes must have.
#[inline]
fn head<'a, const N: usize>(datagram: &Datagram<'a>, need: u32) -> Result<&'a [u8; N], Skip> {
    if datagram.payload_length < need {
        return Err(Skip::BadHeader);
    }
    datagram.payload.first_chunk().ok_or(Skip::TruncatedHeader)
}

#[inline]
fn tcp<'a>(datagram: &Datagram<'a>) -> Result<Segment<'a>, Skip> {
    // The window and the checksum may be cut; without the flags only the ports are known.
    let Ok(header) = head::<14>(datagram, 20) else {
        let cut = counted(datagram, 20, 20)?;
        return Ok(Segment { length: 0, ..cut });
    };
    let header_length = u32::from(header[12] >> 4) * 4;
    if header_length < 20 || header_length > datagram.payload_length {
        return Err(Skip::BadHeader);
    }
    let tcp = Tcp {
        seq: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        ack: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        flags: Flags(header[13]),
        window: datagram.payload.get(14..16).map_or(u16::MAX, |window| be16(window, 0)),
    };
    Ok(Segment {
        ports: (be16(header, 0), be16(header, 2)),
        message: None,
        tcp: Some(tcp),
        payload: datagram.payload.get(header_length as usize..).unwrap_or(&[]),
        length: datagram.payload_length - header_length,
    })
}

#[inline]
fn udp<'a>(datagram: &Datagram<'a>) -> Result<Segment<'a>, Skip> {
    let mut segment = counted(datagram, 8, 8)?;
    if let Some(declared) = datagram.payload.get(4..6)
        && let Some(declared) = u32::from(be16(declared, 0)).checked_sub(8)
        && declared < segment.length
    {
        segment.length = declared;
        segment.payload = segment.payload.get(..declared as usize).unwrap_or(segment.payload);
    }
    Ok(segment)
}

/// Ports, then a header of `length` bytes of which at least `need` must be there, then payload.
#[inline]
fn counted<'a>(datagram: &Datagram<'a>, length: u32, need: u32) -> Result<Segment<'a>, Skip> {
    let header: &[u8; 4] = head(datagram, need)?;
    Ok(Segment {
        ports: (be16(header, 0), be16(header, 2)),
        message: None,
        tcp: None,
        payload: datagram.payload.get(length as usize..).unwrap_or(&[]),
        length: datagram.payload_length.saturating_sub(length),
    })
}

fn dccp<'a>(datagram: &Datagram<'a>) -> Result<Segment<'a>, Skip> {
    let header: &[u8; 5] = head(datagram, 12)?;
    counted(datagram, u32::from(header[4]) * 4, 12)
}

/// ICMP: errors are kept apart from all other messages of an address pair, so that an error that comes first does not
/// pass what follows off as errors (RFC 792, RFC 4443 2.1).
fn icmp<'a>(datagram: &Datagram<'a>) -> Result<Segment<'a>, Skip> {
    let header: &[u8; 2] = head(datagram, 4)?;
    let error = matches!((datagram.proto, header[0]), (ICMP, 3 | 4 | 5 | 11 | 12) | (ICMP6, 1..=4));
    Ok(Segment {
        ports: (u16::from(error), u16::from(error)),
        message: Some((header[0], header[1])),
        tcp: None,
        payload: datagram.payload.get(8..).unwrap_or(&[]),
        length: datagram.payload_length.saturating_sub(8),
    })
}

/// SCTP: the user data of DATA and I-DATA chunks is the payload (RFC 9260 3.3.1, RFC 8260 2.1).
fn sctp<'a>(datagram: &Datagram<'a>) -> Result<Segment<'a>, Skip> {
    let mut segment = counted(datagram, 12, 12)?;
    let (mut chunks, mut left) = (segment.payload, segment.length);
    segment.length = 0;
    segment.payload = &[];
    while let Some(header) = chunks.first_chunk::<4>() {
        let length = u32::from(be16(header, 2)).min(left);
        if length < 4 {
            break;
        }
        let before = match header[0] {
            0 => 16,
            64 => 20,
            _ => length,
        };
        segment.length += length.saturating_sub(before);
        let step = length.next_multiple_of(4);
        left = left.saturating_sub(step);
        chunks = chunks.get(step as usize..).unwrap_or(&[]);
    }
    Ok(segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip;
    use crate::ip::tests::v4_packet;
    use crate::link::Network;

    fn with<T>(proto: u8, payload: &[u8], captured: usize, check: impl Fn(Result<Segment<'_>, Skip>) -> T) -> T {
        let bytes = v4_packet(proto, 0, payload);
        let network = Network::bare(&bytes[..20 + captured], bytes.len() as u32);
        check(open(&ip::open(&network).unwrap()))
    }

    fn lengths(proto: u8, payload: &[u8]) -> (u32, Vec<u8>) {
        with(proto, payload, payload.len(), |s| s.map(|s| (s.length, s.payload.to_vec())).unwrap())
    }

    fn tcp_bytes(words: u8, flags: u8) -> Vec<u8> {
        let mut out = vec![0, 80, 1, 0, 0, 0, 0, 5, 0, 0, 0, 9, words << 4, flags, 0, 3, 0, 0, 0, 0];
        out.resize(usize::from(words).max(5) * 4, 1);
        out
    }

    #[test]
    fn a_tcp_header_with_options() {
        let bytes = [tcp_bytes(7, 0x12), b"data".to_vec()].concat();
        with(TCP, &bytes, bytes.len(), |segment| {
            let segment = segment.unwrap();
            assert_eq!((segment.ports, segment.length, segment.payload), ((80, 256), 4, &b"data"[..]));
            let tcp = segment.tcp.unwrap();
            assert_eq!((tcp.seq, tcp.ack, tcp.window), (5, 9, 3));
            assert!(tcp.flags.syn() && tcp.flags.ack() && !tcp.flags.fin());
        });
        with(TCP, &bytes, 14, |segment| assert_eq!(segment.unwrap().length, 4));
        with(TCP, &bytes, 13, |segment| assert_eq!(segment.map(|s| (s.ports, s.tcp)), Ok(((80, 256), None))));
        with(TCP, &bytes, 3, |segment| assert_eq!(segment, Err(Skip::TruncatedHeader)));
        with(TCP, &tcp_bytes(4, 0), 20, |segment| assert_eq!(segment, Err(Skip::BadHeader)));
        with(TCP, &[0; 19], 19, |segment| assert_eq!(segment, Err(Skip::BadHeader)));
    }

    #[test]
    fn a_bad_header_still_has_ports() {
        let ports = |proto, payload: &[u8]| {
            let bytes = v4_packet(proto, 0, payload);
            ports_alone(&ip::open(&Network::bare(&bytes, bytes.len() as u32)).unwrap()).map(|s| (s.ports, s.length))
        };
        assert_eq!(ports(TCP, &tcp_bytes(4, 0)), Some(((80, 256), 0)));
        assert_eq!(ports(UDP, &[0, 80, 1, 0]), Some(((80, 256), 0)));
        assert_eq!(ports(UDP, &[0, 80, 1]), None);
        assert_eq!(ports(ICMP, &[3]), Some(((0, 0), 0)));
        assert_eq!(ports(47, &[]), None);
    }

    #[test]
    fn udp_believes_the_smaller_length() {
        assert_eq!(lengths(UDP, b"\0\x35\0\x36\0\x0a\0\0abcd"), (2, b"ab".to_vec()));
        assert_eq!(lengths(UDP, b"\0\x35\0\x36\0\xff\0\0abcd"), (4, b"abcd".to_vec()));
        assert_eq!(lengths(UDP, b"\0\x35\0\x36\0\0\0\0abcd"), (4, b"abcd".to_vec()));
        with(UDP, &[0; 7], 7, |segment| assert_eq!(segment, Err(Skip::BadHeader)));
    }

    #[test]
    fn sctp_counts_user_data_only() {
        let mut bytes = vec![0; 12];
        bytes.extend([0, 3, 0, 18, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, b'h', b'i', 0, 0]);
        bytes.extend([3, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, b'!']);
        assert_eq!(lengths(SCTP, &bytes).0, 3);
    }

    #[test]
    fn icmp_errors_are_a_conversation_of_their_own() {
        let ports = |proto, kind: u8| {
            let told = std::cell::Cell::new((9, 9));
            with(proto, &[kind, 0, 0, 0, 0, 0, 0, 0], 8, |segment| told.set(segment.unwrap().ports));
            told.get()
        };
        assert_eq!((ports(ICMP, 3), ports(ICMP, 8), ports(ICMP, 0)), ((1, 1), (0, 0), (0, 0)));
        assert_eq!((ports(ICMP6, 1), ports(ICMP6, 128), ports(ICMP6, 135)), ((1, 1), (0, 0), (0, 0)));
    }

    #[test]
    fn icmp_payload_follows_eight_bytes() {
        assert_eq!(lengths(ICMP, b"\x08\0ccccccpayload"), (7, b"payload".to_vec()));
        assert_eq!(lengths(ICMP, b"\x08\0cc"), (0, Vec::new()));
    }

    #[test]
    fn protocols_without_ports_are_all_payload() {
        assert_eq!(lengths(47, b"gre"), (3, b"gre".to_vec()));
    }
}

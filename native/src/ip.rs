//! IPv4 and IPv6 headers: who sends to whom, how many bytes the header says there are, and what they carry.
//!
//! Lengths are the header's, not the capture's, so that a capture cut by its snapshot length counts in full. Source:
//! RFC 791, RFC 8200, RFC 4302 (AH), RFC 2675 (jumbograms).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::coverage::Skip;
use crate::link::{Network, lacking};
use crate::transport::{TCP, UDP};
use crate::tunnel::{GRE, IPV4, IPV6};

/// Extension headers followed in one packet.
const MOST_EXTENSIONS: usize = 256;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// An address of either family in sixteen bytes; IPv4 fills the first four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 16]);

impl Address {
    fn v4(bytes: &[u8; 4]) -> Self {
        let mut out = [0; 16];
        out[..4].copy_from_slice(bytes);
        Self(out)
    }

    /// The address as std knows it.
    #[must_use]
    pub fn ip(self, v6: bool) -> IpAddr {
        if v6 {
            return IpAddr::V6(Ipv6Addr::from(self.0));
        }
        let [a, b, c, d, ..] = self.0;
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    }
}

/// Which part of a datagram a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Identification, the same in all fragments of a datagram.
    pub id: u32,
    /// Offset in bytes; 0 is the first.
    pub offset: u32,
    /// Others follow.
    pub more: bool,
}

/// One IP packet.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// True for IPv6.
    pub v6: bool,
    /// Sender.
    pub src: Address,
    /// Receiver.
    pub dst: Address,
    /// Protocol after all extension headers; of a fragment, what its first bytes would be.
    pub proto: u8,
    /// IP bytes: total length, or payload length + 40.
    pub length: u32,
    /// Bytes after the IP headers, as the header says.
    pub payload_length: u32,
    /// The same as captured, without link padding.
    pub payload: &'a [u8],
    /// Set for a part of a datagram.
    pub fragment: Option<Fragment>,
}

/// Reads the IP headers.
///
/// # Errors
/// The reason to skip the record.
#[inline]
pub fn open<'a>(network: &Network<'a>) -> Result<Datagram<'a>, Skip> {
    match network.bytes.first().map(|byte| byte >> 4) {
        Some(4) => v4(network.bytes, network.wire),
        Some(6) => v6(network.bytes, network.wire),
        Some(_) => Err(Skip::BadHeader),
        None => Err(lacking(0, network.wire)),
    }
}

#[inline]
fn v4(bytes: &[u8], wire: u32) -> Result<Datagram<'_>, Skip> {
    let Some(header) = bytes.first_chunk::<20>() else {
        return Err(lacking(bytes.len(), wire));
    };
    let header_length = u32::from(header[0] & 0x0f) * 4;
    let length = match u32::from(be16(header, 2)) {
        0 => wire, // segmentation offload: the network card filled it in later
        length => length,
    };
    if header_length < 20 || length < header_length {
        return Err(Skip::BadHeader);
    }
    let flags = be16(header, 6);
    let fragment = (flags & 0x3fff != 0).then(|| Fragment {
        id: u32::from(be16(header, 4)),
        offset: u32::from(flags & 0x1fff) * 8,
        more: flags & 0x2000 != 0,
    });
    let datagram = Datagram {
        v6: false,
        src: Address::v4(&[header[12], header[13], header[14], header[15]]),
        dst: Address::v4(&[header[16], header[17], header[18], header[19]]),
        proto: header[9],
        length,
        payload_length: length - header_length,
        payload: clip(bytes.get(header_length as usize..).unwrap_or(&[]), length - header_length),
        fragment,
    };
    if header_length == 20 && datagram.proto != AUTHENTICATION {
        return Ok(datagram);
    }
    let options = bytes.get(20..header_length as usize).unwrap_or(&[]);
    let dst = source_route(options).map_or(datagram.dst, |last| Address::v4(&last));
    let datagram = Datagram { dst, ..datagram };
    if datagram.proto == AUTHENTICATION && fragment.is_none() { authenticated(datagram, wire) } else { Ok(datagram) }
}

/// The end of a route that the sender prescribed and that is not travelled yet: the address in the header is only the
/// next stop (RFC 791 3.1).
#[cold]
fn source_route(mut options: &[u8]) -> Option<[u8; 4]> {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const LOOSE: u8 = 131;
    const STRICT: u8 = 137;
    loop {
        options = match options {
            [END, ..] => return None,
            [NO_OPERATION, after @ ..] => after,
            [LOOSE | STRICT, length, pointer, ..] => {
                let route = options.get(3..usize::from(*length))?;
                return route.last_chunk().copied().filter(|_| pointer < length);
            }
            [_, length, ..] if *length >= 2 => options.get(usize::from(*length)..)?,
            _ => return None,
        };
    }
}

/// A datagram that was in fragments, with the headers in front of its payload taken off.
///
/// # Errors
/// The reason to skip the records it came in.
pub fn put_together(mut datagram: Datagram<'_>) -> Result<Datagram<'_>, Skip> {
    let Datagram { v6, proto, payload, payload_length, .. } = datagram;
    if !v6 {
        return if proto == AUTHENTICATION { authenticated(datagram, payload_length) } else { Ok(datagram) };
    }
    let mut walk = Walk { next: proto, bytes: payload, length: payload_length, wire: payload_length, fragment: None };
    walk.run()?;
    if walk.fragment.is_some() {
        return Err(Skip::BadHeader); // fragments of a fragment
    }
    (datagram.proto, datagram.payload, datagram.payload_length) = (walk.next, walk.bytes, walk.length);
    Ok(datagram)
}

/// True for the number of an extension header of IPv6: the protocol stands behind it.
#[must_use]
pub fn is_extension(proto: u8) -> bool {
    matches!(proto, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS)
}

/// Steps over an authentication header of IPv4.
fn authenticated(mut datagram: Datagram<'_>, wire: u32) -> Result<Datagram<'_>, Skip> {
    let header = datagram.payload.first_chunk::<2>().ok_or_else(|| lacking(datagram.payload.len(), wire))?;
    let length = (u32::from(header[1]) + 2) * 4;
    datagram.proto = header[0];
    datagram.payload_length = datagram.payload_length.checked_sub(length).ok_or(Skip::BadHeader)?;
    datagram.payload = datagram.payload.get(length as usize..).unwrap_or(&[]);
    Ok(datagram)
}

fn v6(bytes: &[u8], wire: u32) -> Result<Datagram<'_>, Skip> {
    let Some((header, rest)) = bytes.split_first_chunk::<40>() else {
        return Err(lacking(bytes.len(), wire));
    };
    let declared = match u32::from(be16(header, 4)) {
        0 => zero_length(header[6], rest, wire),
        length => length,
    };
    let mut walk = Walk { next: header[6], bytes: clip(rest, declared), length: declared, wire, fragment: None };
    walk.run()?;
    Ok(walk.datagram(header, declared))
}

/// What can be told of an IPv6 packet whose extension headers cannot be read to their end: its addresses and length, and
/// for its protocol the number of the header that stopped the reading.
#[cold]
#[must_use]
pub fn addresses_alone<'a>(network: &Network<'a>) -> Option<Datagram<'a>> {
    let (header, rest) = network.bytes.split_first_chunk::<40>().filter(|(header, _)| header[0] >> 4 == 6)?;
    let declared = match u32::from(be16(header, 4)) {
        0 => zero_length(header[6], rest, network.wire),
        length => length,
    };
    let (bytes, wire) = (clip(rest, declared), network.wire);
    let mut walk = Walk { next: header[6], bytes, length: declared, wire, fragment: None };
    let is_unreadable = walk.run().is_err();
    is_unreadable.then(|| Datagram { fragment: None, ..walk.datagram(header, declared) })
}

/// What a length of zero stands for: a jumbogram says it in an option, and segmentation offload leaves it to the network
/// card; else there is nothing.
#[cold]
fn zero_length(next: u8, rest: &[u8], wire: u32) -> u32 {
    match next {
        HOP_BY_HOP => jumbo(next, rest).unwrap_or(0),
        TCP | UDP | IPV4 | IPV6 | GRE => wire.saturating_sub(40),
        _ => 0,
    }
}

/// The length in the jumbo option of a hop-by-hop header (RFC 2675 2).
fn jumbo(next: u8, rest: &[u8]) -> Option<u32> {
    const PAD: u8 = 0;
    let end = (usize::from(*rest.get(1)?) + 1) * 8;
    let mut options = rest.get(2..end).filter(|_| next == HOP_BY_HOP)?;
    loop {
        options = match options {
            [0xc2, 4, a, b, c, d, ..] => return Some(u32::from_be_bytes([*a, *b, *c, *d])),
            [PAD, after @ ..] => after,
            [_, length, after @ ..] => after.get(usize::from(*length)..)?,
            _ => return None,
        };
    }
}

/// A walk over IPv6 extension headers.
struct Walk<'a> {
    next: u8,
    bytes: &'a [u8],
    length: u32,
    wire: u32,
    fragment: Option<Fragment>,
}

impl<'a> Walk<'a> {
    fn datagram(&self, header: &[u8; 40], declared: u32) -> Datagram<'a> {
        let address = |at: usize| Address(header[at..].first_chunk().copied().unwrap_or_default());
        Datagram {
            v6: true,
            src: address(8),
            dst: address(24),
            proto: self.next,
            length: declared.saturating_add(40),
            payload_length: self.length,
            payload: self.bytes,
            fragment: self.fragment,
        }
    }

    fn run(&mut self) -> Result<(), Skip> {
        for _ in 0..MOST_EXTENSIONS {
            match self.next {
                HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => self.over(|header| (u32::from(header[1]) + 1) * 8)?,
                AUTHENTICATION => self.over(|header| (u32::from(header[1]) + 2) * 4)?,
                FRAGMENT => {
                    self.fragment()?;
                    if self.fragment.is_some() {
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
        Err(Skip::BadHeader)
    }

    fn over(&mut self, length: impl Fn(&[u8; 8]) -> u32) -> Result<(), Skip> {
        let header = self.header()?;
        self.skip(length(header))?;
        self.next = header[0];
        Ok(())
    }

    fn fragment(&mut self) -> Result<(), Skip> {
        let header = *self.header()?;
        let position = be16(&header, 2);
        self.next = header[0];
        if position & 0xfff9 != 0 {
            let id = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            self.fragment = Some(Fragment { id, offset: u32::from(position & 0xfff8), more: position & 1 != 0 });
        }
        self.skip(8)
    }

    fn header(&self) -> Result<&'a [u8; 8], Skip> {
        if self.length < 8 {
            return Err(Skip::BadHeader);
        }
        self.bytes.first_chunk().ok_or_else(|| lacking(self.bytes.len(), self.wire))
    }

    fn skip(&mut self, length: u32) -> Result<(), Skip> {
        self.length = self.length.checked_sub(length).ok_or(Skip::BadHeader)?;
        self.bytes = self.bytes.get(length as usize..).unwrap_or(&[]);
        Ok(())
    }
}

#[inline]
fn clip(bytes: &[u8], length: u32) -> &[u8] {
    bytes.get(..length as usize).unwrap_or(bytes)
}

#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn v4_packet(proto: u8, flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0x45, 0];
        out.extend((20 + payload.len() as u16).to_be_bytes());
        out.extend([0, 7]);
        out.extend(flags.to_be_bytes());
        out.extend([64, proto, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2]);
        out.extend_from_slice(payload);
        out
    }

    pub(crate) fn v6_packet(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0x60, 0, 0, 0];
        out.extend((payload.len() as u16).to_be_bytes());
        out.extend([next, 64]);
        for last in [1, 2] {
            out.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        out.extend_from_slice(payload);
        out
    }

    fn opened(bytes: &[u8], wire: usize) -> Result<Datagram<'_>, Skip> {
        open(&Network::bare(bytes, wire as u32))
    }

    #[test]
    fn lengths_come_from_the_header() {
        let mut bytes = v4_packet(17, 0, b"payload");
        bytes.extend(b"ethernet padding");
        let datagram = opened(&bytes, bytes.len()).unwrap();
        assert_eq!((datagram.length, datagram.payload_length, datagram.payload), (27, 7, &b"payload"[..]));
        assert_eq!(datagram.src.ip(false).to_string(), "192.0.2.1");
        let cut = opened(&bytes[..22], bytes.len()).unwrap();
        assert_eq!((cut.length, cut.payload_length, cut.payload), (27, 7, &b"pa"[..]));
    }

    #[test]
    fn a_length_of_zero_is_made_good_from_the_wire() {
        let mut bytes = v4_packet(6, 0, b"payload");
        bytes[2..4].copy_from_slice(&[0, 0]);
        let datagram = opened(&bytes, bytes.len()).unwrap();
        assert_eq!((datagram.length, datagram.payload_length), (27, 7));
    }

    #[test]
    fn options_and_fragments_of_ipv4() {
        let mut bytes = v4_packet(17, 0x2000, &[1, 1, 1, 1, 9]);
        bytes[0] = 0x46;
        let datagram = opened(&bytes, bytes.len()).unwrap();
        assert_eq!(datagram.payload, [9]);
        assert_eq!(datagram.fragment, Some(Fragment { id: 7, offset: 0, more: true }));
        let later = v4_packet(17, 3, b"");
        assert_eq!(opened(&later, 20).unwrap().fragment.unwrap().offset, 24);
        assert_eq!(opened(&v4_packet(17, 0x4000, b""), 20).unwrap().fragment, None);
    }

    #[test]
    fn the_end_of_a_source_route_is_the_receiver() {
        let with = |options: &[u8]| {
            let mut bytes = v4_packet(17, 0, &[options, b"data"].concat());
            bytes[0] = 0x45 + options.len() as u8 / 4;
            opened(&bytes, bytes.len()).unwrap().dst.ip(false).to_string()
        };
        assert_eq!(with(&[1, 131, 11, 4, 203, 0, 113, 1, 203, 0, 113, 2]), "203.0.113.2");
        assert_eq!(with(&[1, 131, 11, 12, 203, 0, 113, 1, 203, 0, 113, 2]), "198.51.100.2");
        assert_eq!(with(&[130, 4, 0, 0, 137, 7, 4, 203, 0, 113, 3, 0]), "203.0.113.3");
        for odd in [[0, 131, 7, 4], [131, 3, 4, 0], [131, 255, 4, 0], [131, 2, 0, 0], [9, 0, 0, 0], [9, 1, 9, 1]] {
            assert_eq!(with(&odd), "198.51.100.2");
        }
    }

    #[test]
    fn of_cut_options_the_addresses_are_known() {
        let mut bytes = v4_packet(1, 0, &[1, 1, 1, 1, 9]);
        bytes[0] = 0x46;
        let datagram = opened(&bytes[..22], bytes.len()).unwrap();
        assert_eq!((datagram.payload_length, datagram.payload), (1, &b""[..]));
    }

    #[test]
    fn a_length_of_zero_is_nothing_where_no_card_would_fill_it_in() {
        for (next, length) in [(6, 47), (59, 40), (58, 40)] {
            let mut bytes = v6_packet(next, b"payload");
            bytes[4..6].copy_from_slice(&[0, 0]);
            assert_eq!(opened(&bytes, bytes.len()).unwrap().length, length);
        }
    }

    #[test]
    fn extension_headers_are_walked() {
        let mut chain = vec![43, 0, 1, 4, 0, 0, 0, 0]; // hop by hop
        chain.extend([60, 0, 0, 0, 0, 0, 0, 0]); // routing
        chain.extend([51, 1, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // destination options, 16 bytes
        chain[17] = 1;
        chain.extend([44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // authentication, 12 bytes
        chain.extend([17, 0, 0, 1, 0, 0, 0, 9]); // fragment, first of more
        chain.extend(b"payload");
        let bytes = v6_packet(0, &chain);
        let datagram = opened(&bytes, bytes.len()).unwrap();
        assert_eq!((datagram.proto, datagram.payload), (17, &b"payload"[..]));
        assert_eq!(datagram.fragment, Some(Fragment { id: 9, offset: 0, more: true }));
        assert_eq!(datagram.length as usize, bytes.len());
        assert_eq!(opened(&bytes[..60], bytes.len()).unwrap_err(), Skip::TruncatedHeader);
    }

    #[test]
    fn of_headers_that_cannot_be_read_the_addresses_are_known() {
        let chain = [60, 0, 0, 0, 0, 0, 0, 0, 17, 9, 0, 0, 0, 0, 0, 0];
        for (bytes, proto) in [(v6_packet(0, &chain), 60), (v6_packet(43, &[17, 1, 0]), 43)] {
            let network = Network::bare(&bytes, bytes.len() as u32);
            assert_eq!(open(&network).unwrap_err(), Skip::BadHeader);
            let told = addresses_alone(&network).unwrap();
            assert_eq!((told.proto, told.length as usize), (proto, bytes.len()));
        }
        let readable = v6_packet(17, &[0; 8]);
        assert!(addresses_alone(&Network::bare(&readable, 48)).is_none());
        assert!(addresses_alone(&Network::bare(&[0x45; 60], 60)).is_none());
    }

    #[test]
    fn a_jumbogram_says_its_length_in_an_option() {
        let mut bytes = v6_packet(0, &[17, 1, 0, 1, 2, 0, 0, 0xc2, 4, 0, 1, 0, 16, 0, 0, 0, b'x']);
        bytes[4..6].copy_from_slice(&[0, 0]);
        let datagram = opened(&bytes, 40 + 65_544).unwrap();
        assert_eq!((datagram.length, datagram.payload_length), (65_592, 65_536));
    }

    #[test]
    fn headers_that_contradict_themselves_are_bad() {
        let mut short = v4_packet(6, 0, b"");
        short[3] = 19;
        assert_eq!(opened(&short, 20).unwrap_err(), Skip::BadHeader);
        assert_eq!(opened(&[0x55; 60], 60).unwrap_err(), Skip::BadHeader);
        assert_eq!(opened(&[0x45; 10], 60).unwrap_err(), Skip::TruncatedHeader);
        assert_eq!(opened(&v6_packet(0, &[17, 200, 0, 0, 0, 0, 0, 0]), 48).unwrap_err(), Skip::BadHeader);
    }
}

//! From a link-layer frame to the IP packet in it: one ordered list of link types, one file a family.
//!
//! What is no IP is told by its reason; nothing is guessed from the bytes of an unknown protocol. Numbers and formats are
//! those of the tcpdump.org registry of link types.

mod cooked;
mod ethernet;
mod label;
mod legacy;
mod ppp;
mod wide;
mod wifi;

pub mod erf;

use crate::coverage::Skip;

/// VLAN tags kept of one frame; a frame with more is refused.
pub const MOST_VLANS: usize = 8;
/// Frames within a frame that are followed (pseudo-wires, provider bridges).
const MOST_NESTED: u8 = 8;

const ETHERNET: u16 = 1;

/// The link types that are read, and those that are known to carry no IP conversation of their own, by number.
const LINK_TYPES: &[LinkType] = &[
    LinkType::new(0, "null", cooked::loopback),
    LinkType::new(ETHERNET, "ethernet", ethernet::frame),
    LinkType::new(6, "token_ring", legacy::token_ring),
    LinkType::new(7, "arcnet", legacy::arcnet),
    LinkType::new(8, "slip", legacy::slip),
    LinkType::new(9, "ppp", ppp::ppp),
    LinkType::new(10, "fddi", legacy::fddi),
    LinkType::new(12, "raw", bare),
    LinkType::new(14, "raw", bare),
    LinkType::new(50, "ppp_hdlc", ppp::ppp_or_cisco),
    LinkType::new(51, "pppoe", ppp::session),
    LinkType::new(100, "atm_rfc1483", ethernet::logical_link),
    LinkType::new(101, "raw", bare),
    LinkType::new(104, "c_hdlc", ppp::cisco),
    LinkType::new(105, "ieee802_11", wifi::frame),
    LinkType::new(106, "atm_clip", ethernet::logical_link),
    LinkType::new(107, "frame_relay", wide::frame_relay),
    LinkType::new(108, "loop", cooked::loopback),
    LinkType::new(109, "enc", cooked::enc),
    LinkType::new(113, "linux_sll", cooked::cooked),
    LinkType::new(117, "pflog", cooked::pflog),
    LinkType::new(119, "ieee802_11_prism", wifi::prism),
    LinkType::new(122, "ip_over_fc", legacy::fibre_channel),
    LinkType::new(123, "sunatm", wide::sunatm),
    LinkType::new(127, "ieee802_11_radiotap", wifi::radiotap),
    LinkType::new(129, "arcnet_linux", legacy::arcnet_linux),
    LinkType::new(138, "apple_ip_over_ieee1394", legacy::firewire),
    LinkType::new(149, "user2", cooked::pktap), // where macOS wrote it before the number 258 was assigned
    LinkType::new(163, "ieee802_11_avs", wifi::avs),
    LinkType::new(166, "ppp_pppd", ppp::pppd),
    LinkType::new(178, "juniper_ether", wide::juniper_ethernet),
    LinkType::new(179, "juniper_ppp", wide::juniper_ppp),
    LinkType::new(180, "juniper_frelay", wide::juniper_frame_relay),
    LinkType::new(181, "juniper_chdlc", wide::juniper_cisco),
    LinkType::new(186, "usb_freebsd", usb),
    LinkType::new(189, "usb_linux", usb),
    LinkType::new(192, "ppi", wifi::ppi),
    LinkType::new(erf::LINK, "erf", endace),
    LinkType::new(204, "ppp_with_dir", ppp::ppp_with_direction),
    LinkType::new(205, "c_hdlc_with_dir", ppp::cisco_with_direction),
    LinkType::new(206, "frelay_with_dir", wide::frame_relay_with_direction),
    LinkType::new(220, "usb_linux_mmapped", usb),
    LinkType::new(226, "ipnet", cooked::ipnet),
    LinkType::new(228, "ipv4", bare),
    LinkType::new(229, "ipv6", bare),
    LinkType::new(239, "nflog", cooked::nflog),
    LinkType::new(240, "netanalyzer", ethernet::netanalyzer),
    LinkType::new(242, "ipoib", legacy::ipoib),
    LinkType::new(249, "usbpcap", usb),
    LinkType::new(258, "pktap", cooked::pktap),
    LinkType::new(266, "usb_darwin", usb),
    LinkType::new(274, "ethernet_mpacket", ethernet::mpacket),
    LinkType::new(276, "linux_sll2", cooked::cooked2),
    LinkType::new(281, "dsa_tag_brcm", ethernet::broadcom),
    LinkType::new(282, "dsa_tag_brcm_prepend", ethernet::broadcom_before),
    LinkType::new(284, "dsa_tag_dsa", ethernet::dsa),
    LinkType::new(285, "dsa_tag_edsa", ethernet::edsa),
    LinkType::new(288, "usb_2_0", usb),
    LinkType::new(293, "usb_2_0_low_speed", usb),
    LinkType::new(294, "usb_2_0_full_speed", usb),
    LinkType::new(295, "usb_2_0_high_speed", usb),
];

/// A reader of one kind of frame.
type Reader = for<'a> fn(Rest<'a>) -> Result<Network<'a>, Skip>;

/// One link type.
struct LinkType {
    number: u16,
    name: &'static str,
    read: Reader,
}

impl LinkType {
    const fn new(number: u16, name: &'static str, read: Reader) -> Self {
        Self { number, name, read }
    }

    fn of(number: u16) -> Option<&'static Self> {
        let at = LINK_TYPES.binary_search_by_key(&number, |known| known.number).ok()?;
        LINK_TYPES.get(at)
    }
}

/// What coverage calls a link type: the registry's name in lower case, or `LINKTYPE_n` of one that is not read.
#[must_use]
pub fn text(number: u16) -> String {
    LinkType::of(number).map_or_else(|| format!("LINKTYPE_{number}"), |known| known.name.into())
}

/// The VLAN identifiers of a frame, outer to inner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vlans {
    ids: [u16; MOST_VLANS],
    count: u8,
}

impl Vlans {
    /// The identifiers, outer to inner.
    #[must_use]
    #[inline]
    pub fn ids(&self) -> &[u16] {
        &self.ids[..usize::from(self.count)]
    }

    fn push(&mut self, tag: u16) -> Result<(), Skip> {
        let slot = self.ids.get_mut(usize::from(self.count)).ok_or(Skip::BadHeader)?;
        *slot = tag & 0x0fff;
        self.count += 1;
        Ok(())
    }
}

/// What a frame carries on the network layer.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The bytes from the IP header on, as captured; padding of the link included.
    pub bytes: &'a [u8],
    /// Length of the same on the wire.
    pub wire: u32,
    /// The tags before it.
    pub vlans: Vlans,
    /// The PPPoE session before it.
    pub pppoe: Option<u16>,
    /// What follows it in an aggregate of 802.11; empty otherwise.
    pub others: &'a [u8],
}

impl<'a> Network<'a> {
    /// True where something is to be told of it beside the packet itself.
    #[must_use]
    #[inline]
    pub fn is_more_than_a_packet(&self) -> bool {
        self.pppoe.is_some() || !self.others.is_empty()
    }

    /// An IP packet in no frame.
    #[must_use]
    pub fn bare(bytes: &'a [u8], wire: u32) -> Self {
        Rest::of(bytes, wire).network()
    }
}

/// The IP packet in a frame of a link type, or why there is none.
///
/// # Errors
/// The reason to skip the record.
#[inline]
pub fn open(link: u16, bytes: &[u8], wire: u32) -> Result<Network<'_>, Skip> {
    if bytes.is_empty() {
        return Err(Skip::Empty);
    }
    let rest = Rest::of(bytes, wire);
    if link == ETHERNET { ethernet::frame(rest) } else { by_number(link, rest) }
}

fn by_number(link: u16, rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match LinkType::of(link) {
        Some(known) => (known.read)(rest),
        None => Err(Skip::UnsupportedLinkType(link)),
    }
}

/// The IP packet in the frame of an ERF record.
fn endace(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match erf::open(rest.bytes).ok_or(Skip::TruncatedHeader)?.payload {
        erf::Payload::Frame(link, bytes, wire) => open(link, bytes, wire),
        erf::Payload::Meta | erf::Payload::Padding => Err(Skip::NoIp),
        erf::Payload::Unread => Err(Skip::UnsupportedLinkType(erf::LINK)),
    }
}

/// The IP packet in an Ethernet frame that a tunnel carries.
///
/// # Errors
/// Why there is none.
pub fn ethernet_in(bytes: &[u8], wire: u32) -> Result<Network<'_>, Skip> {
    ethernet::frame(Rest::of(bytes, wire))
}

/// The IP packet in what a tunnel carries under an EtherType.
///
/// # Errors
/// Why there is none.
pub fn ethertype_in(kind: u16, bytes: &[u8], wire: u32) -> Result<Network<'_>, Skip> {
    ethernet::ethertype(kind, Rest::of(bytes, wire))
}

/// The IP packet in a PPP packet that a tunnel carries.
///
/// # Errors
/// Why there is none.
pub fn ppp_in(bytes: &[u8], wire: u32) -> Result<Network<'_>, Skip> {
    ppp::ppp(Rest::of(bytes, wire))
}

/// The next IP packet in what followed another in an aggregate ([`Network::others`]), and what follows that.
///
/// # Errors
/// Why there is none.
pub fn next_of(others: &[u8]) -> Result<Network<'_>, Skip> {
    wifi::aggregate(Rest::of(others, others.len() as u32))
}

/// What is left of a frame.
#[derive(Clone, Copy)]
struct Rest<'a> {
    bytes: &'a [u8],
    wire: u32,
    vlans: Vlans,
    pppoe: Option<u16>,
    others: &'a [u8],
    nested: u8,
}

impl<'a> Rest<'a> {
    #[inline]
    fn of(bytes: &'a [u8], wire: u32) -> Self {
        let wire = wire.max(bytes.len() as u32);
        Self { bytes, wire, vlans: Vlans::default(), pppoe: None, others: &[], nested: 0 }
    }

    /// The first `N` bytes, or why they are not there.
    #[inline]
    fn peek<const N: usize>(&self) -> Result<&'a [u8; N], Skip> {
        self.bytes.first_chunk::<N>().ok_or_else(|| lacking(self.bytes.len(), self.wire))
    }

    /// Without the first `length` bytes, which were seen.
    #[inline]
    fn after(mut self, length: usize) -> Self {
        self.bytes = &self.bytes[length..];
        self.wire -= length as u32;
        self
    }

    /// Without the first `length` bytes, or why they are not there.
    fn skip(self, length: usize) -> Result<Self, Skip> {
        if self.bytes.len() < length {
            return Err(lacking(self.bytes.len(), self.wire));
        }
        Ok(self.after(length))
    }

    /// One frame further in.
    fn nested(mut self) -> Result<Self, Skip> {
        self.nested += 1;
        if self.nested > MOST_NESTED { Err(Skip::BadHeader) } else { Ok(self) }
    }

    #[inline]
    fn network(self) -> Network<'a> {
        let Self { bytes, wire, vlans, pppoe, others, .. } = self;
        Network { bytes, wire, vlans, pppoe, others }
    }
}

/// Why bytes are not there: the capture cut them, or they never were.
#[must_use]
pub fn lacking(captured: usize, wire: u32) -> Skip {
    if captured < wire as usize { Skip::TruncatedHeader } else { Skip::BadHeader }
}

/// IP without a frame.
fn bare(rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    Ok(rest.network())
}

/// IP under an address family as BSD, Linux and macOS number them.
fn family(family: u32, rest: Rest<'_>) -> Result<Network<'_>, Skip> {
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(rest.network()),
        _ => Err(Skip::NoIp),
    }
}

fn usb(_: Rest<'_>) -> Result<Network<'_>, Skip> {
    Err(Skip::Usb)
}

#[cfg(test)]
mod tests;

//! Packets within packets: what an IP packet encapsulates, and the layers between a frame and the conversation in it.
//!
//! Opened are GRE (with ERSPAN, Ethernet, PPP), IP in IP, MPLS in IP, EtherIP, Ethernet in IPv6, PIM registers, and over
//! UDP, on their ports only, VXLAN (plain, with group policy, GPE), Geneve, GTP-U, Teredo, L2TP, MPLS and LISP. Every
//! header is held to its reserved bits and to a whole IP packet within; what does not pass is no tunnel, and its packet
//! stays the conversation. Source: RFC 2003, 2473, 2661, 2784, 2890, 3378, 4023, 4380, 7348, 7510, 7637, 7761, 8926, 8986,
//! 9300, 3GPP TS 29.281, draft-foschiano-erspan, draft-ietf-nvo3-vxlan-gpe, draft-smith-vxlan-group-policy.

mod body;
mod over_ip;
mod over_udp;

use std::hash::{BuildHasher, Hash, Hasher};
use std::mem::{Discriminant, discriminant};

use ahash::RandomState;

use self::body::{Body, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_MPLS};
use self::over_udp::is_port;
use crate::ip::{self, Address, Datagram};
use crate::link::Network;
use crate::transport::{self, UDP};

/// Layers followed in one packet.
pub const MOST: usize = 4;

/// IANA protocol number of IPv4 in IP.
pub const IPV4: u8 = 4;
/// IANA protocol number of IPv6 in IP.
pub const IPV6: u8 = 41;
/// IANA protocol number of GRE.
pub const GRE: u8 = 47;
const ETHERIP: u8 = 97;
const PIM: u8 = 103;
const MPLS: u8 = 137;
const ETHERNET: u8 = 143;

/// A kind of encapsulation, with the number that tells one tunnel from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With its key; of bridged Ethernet the virtual subnet in it (NVGRE).
    Gre(Option<u32>),
    /// A mirrored frame, with its session.
    Erspan(Option<u16>),
    /// With its network.
    Vxlan(u32),
    /// The same with any protocol in it.
    VxlanGpe(u32),
    /// With its network, which may differ by direction.
    Geneve(u32),
    /// Either IP in either, MPLS labels between them passed over.
    Ipip,
    /// Ethernet in IP.
    Etherip,
    /// A mobile subscriber's packet; its identifiers differ by direction.
    Gtpu,
    /// With its session.
    Pppoe(u16),
    /// IPv6 over UDP.
    Teredo,
    /// PPP over UDP; its identifiers differ by direction.
    L2tp,
    /// MPLS labels over UDP.
    Mpls,
    /// IP between two sites of one network.
    Lisp,
    /// Ethernet as a segment-routed IPv6 packet carries it.
    Ethernet,
    /// A multicast packet on its way to the rendezvous point.
    Pim,
}

impl Kind {
    /// The word of the column `tunnel`.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Gre(_) => "gre".into(),
            Self::Erspan(None) => "erspan".into(),
            Self::Erspan(Some(session)) => format!("erspan:{session}"),
            Self::Vxlan(network) => format!("vxlan:{network}"),
            Self::VxlanGpe(network) => format!("vxlan-gpe:{network}"),
            Self::Geneve(network) => format!("geneve:{network}"),
            Self::Ipip => "ipip".into(),
            Self::Etherip => "etherip".into(),
            Self::Gtpu => "gtpu".into(),
            Self::Pppoe(_) => "pppoe".into(),
            Self::Teredo => "teredo".into(),
            Self::L2tp => "l2tp".into(),
            Self::Mpls => "mpls".into(),
            Self::Lisp => "lisp".into(),
            Self::Ethernet => "ethernet".into(),
            Self::Pim => "pim".into(),
        }
    }

    /// The part that both directions share.
    fn shared(self) -> (Discriminant<Self>, u32) {
        let number = match self {
            Self::Gre(key) => key.unwrap_or(0),
            Self::Erspan(session) => session.unwrap_or(0).into(),
            Self::Vxlan(network) | Self::VxlanGpe(network) => network,
            Self::Pppoe(session) => session.into(),
            Self::Geneve(_) | Self::Ipip | Self::Etherip | Self::Gtpu | Self::Teredo | Self::L2tp => 0,
            Self::Mpls | Self::Lisp | Self::Ethernet | Self::Pim => 0,
        };
        (discriminant(&self), number)
    }

    /// True where the outer addresses are a recorder's: they do not turn with the direction of the conversation.
    fn is_mirror(self) -> bool {
        matches!(self, Self::Erspan(_))
    }
}

/// One encapsulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// What it is.
    pub kind: Kind,
    /// Sender and receiver of the outer IP packet (of IPv6 where true); none where the layer has no addresses.
    pub ends: Option<(bool, Address, Address)>,
}

impl Layer {
    /// A session between a frame and its packet.
    #[must_use]
    pub fn pppoe(session: u16) -> Self {
        Self { kind: Kind::Pppoe(session), ends: None }
    }

    /// Outer addresses as text, (sender, receiver), or the other way round where the packet was an `answer`.
    #[must_use]
    pub fn ends_text(&self, answer: bool) -> Option<(String, String)> {
        let (v6, src, dst) = self.ends?;
        let (src, dst) = if answer && !self.kind.is_mirror() { (dst, src) } else { (src, dst) };
        Some((src.ip(v6).to_string(), dst.ip(v6).to_string()))
    }
}

/// The encapsulations around a packet, outer to inner.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    layers: Vec<Layer>,
}

impl Layers {
    /// Those of the frame itself.
    #[must_use]
    pub fn of(network: &Network<'_>) -> Self {
        Self { layers: network.pppoe.map(Layer::pppoe).into_iter().collect() }
    }

    /// Outer to inner.
    #[must_use]
    pub fn all(&self) -> &[Layer] {
        &self.layers
    }

    /// Goes one encapsulation further in; false where there is no room.
    #[must_use]
    pub fn enter(&mut self, inner: &Inner<'_>) -> bool {
        let fresh = [Some(inner.layer), inner.pppoe.map(Layer::pppoe)];
        let room = self.layers.len() + fresh.iter().flatten().count() <= MOST;
        if room {
            self.layers.extend(fresh.into_iter().flatten());
        }
        room
    }

    /// A number for these layers, the same for both directions; 0 where there are none.
    ///
    /// A keyed digest: two tunnels share one by a chance of 2^-32, which matters only where the conversation in them is the
    /// same, too.
    #[must_use]
    pub fn name(&self, hasher: &RandomState) -> u32 {
        if self.layers.is_empty() {
            return 0;
        }
        let mut state = hasher.build_hasher();
        for layer in &self.layers {
            layer.kind.shared().hash(&mut state);
            layer.ends.map(|(v6, src, dst)| (v6, src.min(dst), src.max(dst))).hash(&mut state);
        }
        (state.finish() as u32).max(1)
    }
}

impl From<Box<[Layer]>> for Layers {
    fn from(layers: Box<[Layer]>) -> Self {
        Self { layers: layers.into_vec() }
    }
}

/// What an encapsulation holds.
#[derive(Debug)]
pub struct Inner<'a> {
    /// The encapsulation.
    pub layer: Layer,
    /// A PPPoE session within it.
    pub pppoe: Option<u16>,
    /// The packet in it.
    pub datagram: Datagram<'a>,
}

/// True where a packet may encapsulate another: worth a call of [`open`].
#[must_use]
#[inline]
pub fn may_carry(proto: u8, ports: (u16, u16)) -> bool {
    match proto {
        transport::TCP => false,
        UDP => is_port(ports.0) || is_port(ports.1),
        _ => matches!(proto, IPV4 | IPV6 | GRE | ETHERIP | PIM | MPLS | ETHERNET),
    }
}

/// The packet in a packet; none where it holds none, or not enough of one was captured to tell.
#[must_use]
pub fn open<'a>(outer: &Datagram<'a>) -> Option<Inner<'a>> {
    let body = Body { bytes: outer.payload, length: outer.payload_length };
    let (kind, network) = match outer.proto {
        IPV4 => (Kind::Ipip, body.ethertype(ETHERTYPE_IPV4)?),
        IPV6 => (Kind::Ipip, body.ethertype(ETHERTYPE_IPV6)?),
        MPLS => (Kind::Ipip, body.ethertype(ETHERTYPE_MPLS)?),
        ETHERIP => (Kind::Etherip, over_ip::etherip(body)?),
        ETHERNET => (Kind::Ethernet, body.ethernet()?),
        PIM => (Kind::Pim, over_ip::register(body)?),
        GRE => over_ip::gre(body)?,
        UDP => over_udp::open(outer)?,
        _ => return None,
    };
    let datagram = ip::open(&network).ok()?;
    // Where the rest never came the header within still speaks of the whole datagram.
    let fits = outer.fragment.is_some() || datagram.length <= network.wire;
    let is_whole = datagram.fragment.is_some() || transport::open(&datagram).is_ok();
    let layer = Layer { kind, ends: Some((outer.v6, outer.src, outer.dst)) };
    (fits && is_whole).then_some(Inner { layer, pppoe: network.pppoe, datagram })
}

#[cfg(test)]
mod tests;

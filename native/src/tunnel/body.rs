//! The rest of a packet while its headers are taken off, each length checked once.

use crate::link::{self, Network};

pub(super) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(super) const ETHERTYPE_IPV6: u16 = 0x86dd;
pub(super) const ETHERTYPE_MPLS: u16 = 0x8847;
pub(super) const ETHERTYPE_ETHERNET: u16 = 0x6558;
pub(super) const ETHERTYPE_NSH: u16 = 0x894f;

/// The rest of a packet: bytes as captured, length as the headers say.
#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    pub bytes: &'a [u8],
    pub length: u32,
}

impl<'a> Body<'a> {
    pub fn head<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.bytes.first_chunk().filter(|_| self.length as usize >= N)
    }

    pub fn after(&self, count: usize) -> Option<Self> {
        let length = self.length.checked_sub(u32::try_from(count).ok()?)?;
        Some(Self { bytes: self.bytes.get(count..)?, length })
    }

    pub fn ethernet(&self) -> Option<Network<'a>> {
        link::ethernet_in(self.bytes, self.length).ok()
    }

    pub fn ethertype(&self, kind: u16) -> Option<Network<'a>> {
        match (kind, self.bytes.first()? >> 4) {
            (ETHERTYPE_IPV4, 4) | (ETHERTYPE_IPV6, 6) => {}
            (ETHERTYPE_IPV4 | ETHERTYPE_IPV6, _) => return None,
            _ => {}
        }
        link::ethertype_in(kind, self.bytes, self.length).ok()
    }

    /// IP of the version that its first bits say.
    pub fn ip(&self) -> Option<Network<'a>> {
        let is_six = self.bytes.first()? >> 4 == 6;
        self.ethertype(if is_six { ETHERTYPE_IPV6 } else { ETHERTYPE_IPV4 })
    }

    pub fn ppp(&self) -> Option<Network<'a>> {
        link::ppp_in(self.bytes, self.length).ok()
    }
}

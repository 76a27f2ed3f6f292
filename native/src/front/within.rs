//! What is not a whole packet in a frame and nothing else: packets within packets, in pieces, and with bad headers.
//!
//! Encapsulations are followed inwards; fragments are put together wherever they are met, and what they hold is followed
//! further. A datagram of which some never came is told by its front: its conversation, and the payload that did come.

use super::{Decoder, give};
use crate::block::Filling;
use crate::coverage::{Coverage, Skip};
use crate::flows::fragments::{Assembly, Coming, Finished, Part, Records};
use crate::flows::table::{Arrival, Carrier, Place};
use crate::ip::{self, Datagram, Fragment};
use crate::link::{self, Network, Vlans};
use crate::transport::{self, Flags, Segment, TCP, Tcp, has_ports};
use crate::tunnel::{self, Layers};

/// What was decided of records after they were taken for used.
#[derive(Debug)]
pub(super) enum Late {
    /// A datagram of this source never came whole.
    Incomplete(u32),
    /// Its records are in no conversation after all.
    Unused(Records, Skip),
}

impl Late {
    pub(super) fn correct(self, coverage: &mut [Coverage]) {
        match self {
            Self::Incomplete(source) => coverage[source as usize].incomplete_datagrams += 1,
            Self::Unused(records, reason) => {
                records.by_source().for_each(|(source, count)| coverage[source as usize].take_back(count, reason));
            }
        }
    }
}

/// What is around a packet, and what it is to be counted for.
struct Around {
    vlans: Vlans,
    layers: Layers,
    /// The packet, or the last part of it that came.
    last: Part,
    /// The parts that came before.
    earlier: Vec<Part>,
    records: Records,
    /// Set where not all of the datagram came: how many bytes are known to be missing before its last.
    lacking: Option<u32>,
}

impl Around {
    fn of(network: &Network<'_>, last: Part, records: Records) -> Self {
        let layers = Layers::of(network);
        Self { vlans: network.vlans, layers, last, earlier: Vec::new(), records, lacking: None }
    }

    fn of_parts(assembly: Assembly, lacking: Option<u32>) -> Self {
        let Assembly { carrier: Carrier { vlans, layers }, last, earlier, records, .. } = assembly;
        Self { vlans, layers: Layers::from(layers), last, earlier, records, lacking }
    }
}

impl Decoder {
    /// Follows encapsulations and fragments inwards; the innermost packet that can be read belongs to the conversation.
    #[cold]
    pub(super) fn within(
        &mut self,
        network: &Network<'_>,
        datagram: Datagram<'_>,
        place: Place,
        coverage: &mut Coverage,
        into: &mut Filling<'_>,
    ) -> Result<(), Skip> {
        while let Some(assembly) = self.fragments.given_up(place.time) {
            self.give_up(*assembly, coverage, into);
        }
        let part = Part { place, length: datagram.length };
        let told = self.enter(datagram, Around::of(network, part, Records::one(place.source)), coverage, into);
        self.others(network, place, coverage, into);
        told
    }

    /// Tells of a packet whose headers cannot be read what its first header says.
    #[cold]
    pub(super) fn outside(
        &mut self,
        network: &Network<'_>,
        reason: Skip,
        place: Place,
        into: &mut Filling<'_>,
    ) -> Result<(), Skip> {
        let datagram = ip::addresses_alone(network).ok_or(reason)?;
        let layers = Layers::of(network);
        let found = self.arrival(&datagram, transport::rest(&datagram), layers.name(&self.hasher), place);
        give(into, &found, network.vlans, layers.all());
        Ok(())
    }

    /// Tells what can be told of the datagrams that still wait for fragments.
    #[cold]
    pub(super) fn give_up_all(&mut self, into: &mut Filling<'_>, coverage: &mut [Coverage]) {
        let Some(coverage) = coverage.last_mut() else { return };
        while let Some(assembly) = self.fragments.left() {
            self.give_up(*assembly, coverage, into);
        }
    }

    fn enter(
        &mut self,
        datagram: Datagram<'_>,
        around: Around,
        coverage: &mut Coverage,
        into: &mut Filling<'_>,
    ) -> Result<(), Skip> {
        match datagram.fragment {
            Some(fragment) => {
                self.piece(datagram, fragment, around, coverage, into);
                Ok(())
            }
            None => self.follow(datagram, around, coverage, into),
        }
    }

    /// What else a frame carries that is an aggregate of several; the record is accounted for by the first of them.
    fn others(&mut self, network: &Network<'_>, place: Place, coverage: &mut Coverage, into: &mut Filling<'_>) {
        let mut others = network.others;
        while let Ok(network) = link::next_of(others) {
            others = network.others;
            if let Ok(datagram) = ip::open(&network) {
                let part = Part { place, length: datagram.length };
                let _ = self.enter(datagram, Around::of(&network, part, Records::default()), coverage, into);
            }
        }
    }

    /// Goes inwards from a packet that is not in pieces itself.
    fn follow<'a>(
        &mut self,
        mut datagram: Datagram<'a>,
        mut around: Around,
        coverage: &mut Coverage,
        into: &mut Filling<'_>,
    ) -> Result<(), Skip> {
        while let Some(inner) = tunnel::open(&datagram) {
            if !around.layers.enter(&inner) {
                coverage.tally.limit("tunnel_depth", 1);
                break;
            }
            datagram = inner.datagram;
            around.last.length = datagram.length;
            around.earlier.clear();
            around.lacking = None;
            if let Some(fragment) = datagram.fragment {
                self.piece(datagram, fragment, around, coverage, into);
                return Ok(());
            }
        }
        let segment = match transport::open(&datagram) {
            Ok(segment) => segment,
            Err(reason) => transport::ports_alone(&datagram).ok_or(reason)?,
        };
        self.count(&datagram, segment, &around, into);
        Ok(())
    }

    /// Takes in a fragment, and goes on with its datagram if that is whole now.
    fn piece(
        &mut self,
        datagram: Datagram<'_>,
        fragment: Fragment,
        around: Around,
        coverage: &mut Coverage,
        into: &mut Filling<'_>,
    ) {
        let Around { vlans, layers, last: part, records, .. } = around;
        let coming = Coming { datagram, fragment, tunnel: layers.name(&self.hasher), part, records };
        let carrier = || Carrier { vlans, layers: layers.all().into() };
        if let Some(assembly) = self.fragments.take(coming, carrier) {
            let records = assembly.records.clone();
            let told = self.whole(*assembly, coverage, into);
            self.settle(told, records);
        }
    }

    /// Notes that records were not used after all, if so.
    fn settle(&mut self, told: Result<(), Skip>, records: Records) {
        if let Err(reason) = told {
            self.late.push(Late::Unused(records, reason));
        }
    }

    fn whole(&mut self, assembly: Assembly, coverage: &mut Coverage, into: &mut Filling<'_>) -> Result<(), Skip> {
        let front = assembly.pieces.front();
        let datagram = ip::put_together(assembly.datagram(&front, None))?;
        let ports = transport::open(&datagram).map_or((0, 0), |segment| segment.ports);
        let finished = Finished { proto: datagram.proto, ports, is_tunnel: tunnel::open(&datagram).is_some() };
        self.fragments.remember(assembly.name, finished, assembly.last.place.time);
        self.follow(datagram, Around::of_parts(assembly, None), coverage, into)
    }

    /// Tells what can be told of a datagram of which fragments never came.
    fn give_up(&mut self, assembly: Assembly, coverage: &mut Coverage, into: &mut Filling<'_>) {
        self.late.push(Late::Incomplete(assembly.last.place.source));
        let records = assembly.records.clone();
        let has_front = assembly.pieces.has_front();
        let told = if has_front { self.front(assembly, coverage, into) } else { self.rest(assembly, into) };
        self.settle(told, records);
    }

    /// A datagram of which the first fragment came.
    fn front(&mut self, assembly: Assembly, coverage: &mut Coverage, into: &mut Filling<'_>) -> Result<(), Skip> {
        let front = assembly.pieces.front();
        let fragment = Fragment { id: 0, offset: 0, more: true };
        let datagram = ip::put_together(assembly.datagram(&front, Some(fragment)))?;
        let lacking = assembly.pieces.length() - assembly.pieces.seen();
        self.follow(datagram, Around::of_parts(assembly, Some(lacking)), coverage, into)
    }

    /// A datagram of which only later fragments came: they may be those of a finished one that came again.
    fn rest(&mut self, assembly: Assembly, into: &mut Filling<'_>) -> Result<(), Skip> {
        let earlier = self.fragments.finished(&assembly.name, assembly.last.place.time);
        let mut datagram = assembly.datagram(&[], None);
        let ports = match earlier {
            Some(finished) if finished.is_tunnel => return Ok(()),
            Some(finished) => {
                datagram.proto = finished.proto;
                finished.ports
            }
            None if has_ports(datagram.proto) || ip::is_extension(datagram.proto) => {
                return Err(Skip::FragmentWithoutFirst);
            }
            None => (0, 0),
        };
        let lacking = assembly.pieces.length() - assembly.pieces.seen();
        let segment = Segment { ports, ..transport::rest(&datagram) };
        self.count(&datagram, segment, &Around::of_parts(assembly, Some(lacking)), into);
        Ok(())
    }

    /// Gives out a packet, what it carries with the last part of it, and every other part for itself.
    fn count(&self, datagram: &Datagram<'_>, segment: Segment<'_>, around: &Around, into: &mut Filling<'_>) {
        let segment = around.lacking.map_or(segment, |lacking| as_it_came(datagram.proto, segment, lacking));
        let tunnel = around.layers.name(&self.hasher);
        let found =
            Arrival { length: around.last.length, ..self.arrival(datagram, segment, tunnel, around.last.place) };
        give(into, &found, around.vlans, around.layers.all());
        let nothing = Segment { tcp: None, payload: &[], length: 0, ..segment };
        for Part { place, length } in &around.earlier {
            let part = Arrival { place: *place, length: *length, segment: nothing, ..found };
            give(into, &part, around.vlans, around.layers.all());
        }
    }
}

/// What came of a segment of which fragments are missing, `lacking` bytes of it before the last that came.
///
/// Of TCP that is its front, without the end that follows it; of all else what came, shown with a byte less where it would
/// look whole.
fn as_it_came(proto: u8, segment: Segment<'_>, lacking: u32) -> Segment<'_> {
    let front = segment.payload.len() as u32;
    if proto == TCP {
        let tcp = segment.tcp.map(|tcp| Tcp { flags: Flags(tcp.flags.0 & !1), ..tcp });
        return Segment { tcp, length: front, ..segment };
    }
    let length = segment.length.saturating_sub(lacking);
    let shown = front.min(length.saturating_sub(1)) as usize;
    Segment { length, payload: segment.payload.get(..shown).unwrap_or_default(), ..segment }
}

"""Whether two entries of a policy mean the same traffic; pure, and cautious: only what can be shown."""

from collections.abc import Mapping, Sequence

from flowwatch.policy.match import Cidr, PortRange
from flowwatch.policy.terms import Channel, ServerMatch, Service, Zone


def allows_all(wide: Channel, narrow: Channel, zones: Mapping[str, Zone]) -> bool:
    """Everything the narrow channel allows, the wide one allows too; `zones` by id."""
    return (
        set(narrow.to) <= set(wide.to)
        and wide.opened_by in (narrow.opened_by, "either")
        and set(narrow.carries) <= set(wide.carries)
        and set(narrow.via) <= set(wide.via)
        and _serves(wide.service, narrow.service)
        and (not wide.when or (bool(narrow.when) and set(narrow.when) <= set(wide.when)))
        and all(_sender_within(sender, wide, zones) for sender in narrow.from_)
        and narrow.expected in (None, wide.expected)
        and wide.limits in (None, narrow.limits)
        and set(wide.after) <= set(narrow.after)
        and set(wide.only_when_down) <= set(narrow.only_when_down)
    )


def _serves(wide: Service, narrow: Service) -> bool:
    if (wide.proto is not None and wide.proto != narrow.proto) or (narrow.related and not wide.related):
        return False
    return not wide.ports or (bool(narrow.ports) and all(_port_within(one, wide.ports) for one in narrow.ports))


def _port_within(ports: PortRange, wide: Sequence[PortRange]) -> bool:
    return any(one.first <= ports.first and ports.last <= one.last for one in wide)


def _sender_within(sender: str, wide: Channel, zones: Mapping[str, Zone]) -> bool:
    """The sender is among those of the channel: itself, an outer zone of it, or a network around it."""
    step: str | None = sender if sender in zones else None
    while step is not None:
        if step in wide.from_:
            return True
        step = zones[step].within
    own = zones[sender].cidrs if sender in zones else (Cidr.parse(sender),)
    return all(any(network.holds(cidr) for network in wide.from_cidrs) for cidr in own)


def share_traffic(one: ServerMatch, other: ServerMatch) -> str | None:
    """An address or name that both recognise, in words; None where their names or networks keep them apart."""
    cidr = next((a for a in one.cidrs for b in other.cidrs if a.overlaps(b)), None)
    name = next((a for a in one.names for b in other.names if a.overlaps(b)), None)
    apart_by_cidr = cidr is None and bool(one.cidrs and other.cidrs)
    apart_by_name = name is None and bool(one.names and other.names)
    if apart_by_cidr or apart_by_name:
        return None
    return " and ".join(str(shared) for shared in (cidr, name) if shared is not None) or None

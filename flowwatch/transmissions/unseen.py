"""What of each source's traffic bears no name, hides its names or cannot be read, added to its Coverage."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from flowwatch.model import Coverage, Transmission

_NO_PROXY = "requests to a proxy whose address neither this log nor the policy tells (role proxy)"
_ASSUMED = "{} x request to a proxy nobody saw: taken as the only one that the policy names"
_NONE: Mapping[str, int] = {}


def with_names(
    coverage: Sequence[Coverage],
    transmissions: Iterable[Transmission],
    left_out: Mapping[str, int] = _NONE,
    assumed: Mapping[str, int] = _NONE,
) -> tuple[Coverage, ...]:
    """The same Coverage with flows and bytes to nameless receivers, encrypted-DNS and ECH flows filled in.

    `left_out`: by source the requests to a proxy that nobody names, which makes the source incomplete; `assumed`: those
    taken as to the only one that the policy names.

    Counted are flows by their initiator's transmission (a responder's peer has no name to expect); bytes are payload
    sent, the least known.
    """
    found: dict[str, _Unseen] = {}
    for one in transmissions:
        found.setdefault(one.ref.source, _Unseen()).take(one)
    told = (found.get(one.source, _Unseen()).told(one) for one in coverage)
    return tuple(_asked(one, left_out.get(one.source, 0), assumed.get(one.source, 0)) for one in told)


def _asked(coverage: Coverage, left_out: int, assumed: int) -> Coverage:
    """With what is to be told of the requests in a proxy's log."""
    limits = coverage.limits | ({_NO_PROXY: left_out} if left_out else {})
    notes = (*coverage.notes, *([_ASSUMED.format(assumed)] if assumed else []))
    return msgspec.structs.replace(coverage, limits=limits, notes=notes)


class _Unseen:
    """Counts of one source."""

    def __init__(self) -> None:
        self.unnamed: set[int] = set()
        self.unnamed_bytes = 0
        self.encrypted_dns: set[int] = set()
        self.ech: set[int] = set()
        self.opaque: set[int] = set()
        self.cut: set[int] = set()

    def take(self, one: Transmission) -> None:
        """Counts one transmission."""
        if one.responder_is_receiver and not one.names:
            self.unnamed.add(one.flow)
            self.unnamed_bytes += one.sent.least
        if one.encrypted_dns:
            self.encrypted_dns.add(one.flow)
        if one.ech:
            self.ech.add(one.flow)
        if one.opaque:
            self.opaque.add(one.flow)
        if one.names_cut:
            self.cut.add(one.flow)

    def told(self, coverage: Coverage) -> Coverage:
        """The source's Coverage with the counts."""
        limits = dict(coverage.limits)
        if self.cut:
            limits["names_per_receiver"] = len(self.cut)
        return msgspec.structs.replace(
            coverage,
            unnamed_flows=len(self.unnamed),
            unnamed_bytes=self.unnamed_bytes,
            encrypted_dns_flows=len(self.encrypted_dns),
            ech_flows=len(self.ech),
            opaque_tunnels=max(coverage.opaque_tunnels, len(self.opaque)),
            limits=limits,
        )

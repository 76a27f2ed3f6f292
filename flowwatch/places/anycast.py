"""Addresses known to be announced from many places: root servers, public resolvers, anycast edge networks.

Promises: a short list of known facts, each row with its source; what is not on it is unknown (None), never unicast.
"""

import functools
import ipaddress

from flowwatch.places.data import rows_of
from flowwatch.places.special import Address, Covering
from flowwatch.places.table import Region

_EDGES = frozenset({("cloudflare", "cdn"), ("aws", "GLOBALACCELERATOR")})
"""Edge networks whose published ranges are anycast, by their operators' own account."""


def known_anycast(address: Address, region: Region | None) -> str | None:
    """Whose anycast service the address belongs to, or None: unknown. `region`: what a provider publishes of it."""
    if region is not None and (region.provider, region.edge) in _EDGES:
        return f"{region.provider} {region.edge}"
    return _listed().of(address)


@functools.cache
def _listed() -> Covering[str]:
    return Covering((ipaddress.ip_network(row["cidr"]), row["what"]) for row in rows_of("anycast.csv"))

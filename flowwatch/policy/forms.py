"""The forms of single values in a policy: plain Python types, each with what its text must look like.

Promises: `decode` and the JSON Schema read the same forms; `words` is how an error calls what was expected.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

from flowwatch.model import Instant
from flowwatch.policy.match import Clock

_INSTANT = {"type": "string", "format": "date-time"}
_SHA256_WORDS = "a SHA-256 of 64 hex digits"

When: TypeAlias = Annotated[Instant, msgspec.Meta(extra={"written": "instant"}, extra_json_schema=_INSTANT)]
"""A TOML date-time with an offset; nanoseconds since 1970 UTC in Python."""
Deadline: TypeAlias = Annotated[When | Clock, msgspec.Meta(extra={"written": "deadline"})]
"""An instant, or a time of day on the local clock."""
Address: TypeAlias = Annotated[str, msgspec.Meta(extra={"written": "address"})]
"""An IPv4 or IPv6 address, in its canonical text."""
Id: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        extra={"words": "an id: letters, digits, `.`, `_` and `-`, at most 100"},
    ),
]
LabelName: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern="^[a-z0-9][a-z0-9._-]{0,99}$", extra={"words": "a label: a-z, digits, `.`, `_` and `-`"}),
]
Country: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$", extra={"written": "country"})]
"""The two letters of ISO 3166-1, or of those it leaves to its users, as `XA`."""
Asn: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=4_294_967_295, extra={"words": "an AS number"})]
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=65_535, extra={"words": "a port"})]
Sha256: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$", extra={"words": _SHA256_WORDS})]
Literal_: TypeAlias = Annotated[
    str, msgspec.Meta(pattern="^[\\s\\S]{4,1024}$", extra={"words": "text of 4 to 1,024 characters"})
]
"""Text to look for: shorter would be met anywhere."""
HexBytes: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern="^([0-9a-fA-F]{2}){4,1024}$",
        extra={"words": "4 to 1,024 bytes as pairs of hex digits, as in '504b0304'"},
    ),
]
Encapsulation: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern="^[a-z0-9]{2,20}$", extra={"words": "an encapsulation: gre, erspan, vxlan, geneve, ipip"}),
]
"""Matches every identifier of its kind: `vxlan` is also `vxlan:100`."""
Proto: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern="^(tcp|udp|sctp|icmp|icmp6|(?!(?:1|6|17|58|132)$)[0-9]{1,3})$",
        extra={"words": "a protocol: tcp, udp, sctp, icmp, icmp6, or the IANA number of another in quotes"},
    ),
]
Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
"""Text that is not empty."""
TlsVersion: TypeAlias = Literal["1.0", "1.1", "1.2", "1.3"]
Day: TypeAlias = Annotated[
    Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    msgspec.Meta(extra={"words": "mon tue wed thu fri sat sun"}),
]

SOME = msgspec.Meta(min_length=1)
"""A list that needs at least one entry."""
DERIVED = msgspec.Meta(extra={"derived": True})
"""Filled in by `load`; no TOML key."""

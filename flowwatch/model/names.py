"""Names as label sequences, and names with the evidence they rest on."""

import enum
from typing import Self

import msgspec

from flowwatch.model.records import Ref
from flowwatch.model.time import Instant


class NameClass(enum.StrEnum):
    """How a name came to be known, strongest first."""

    CERTIFICATE = "certificate"
    ANSWER_SAME_CLIENT = "answer_same_client"
    SNI = "sni"
    HTTP_HOST = "http_host"
    ANSWER_OTHER_CLIENT = "answer_other_client"
    ANSWER_STALE = "answer_stale"
    OVERRIDE = "override"

    @property
    def rank(self) -> int:
        """0 for the strongest class."""
        return _RANKS[self]


_RANKS = {one: rank for rank, one in enumerate(NameClass)}


class Name(msgspec.Struct, frozen=True):
    """A host name as a sequence of labels; compared label by label, never as a string.

    `malformed` names hold a label with something outside `[a-z0-9_-]` (a dot, NUL, space, escaped byte) and match no
    pattern.
    """

    labels: tuple[str, ...]
    malformed: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """The name a table's text stands for (lower-case, escaped, no trailing dot); never raises."""
        lowered = text.translate(_ASCII_LOWER)
        labels = tuple(lowered.removesuffix(".").split("."))
        return cls(labels, not all(label and _LABEL.issuperset(label) and len(label) <= 63 for label in labels))

    def __str__(self) -> str:
        return ".".join(self.labels)


_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class SeenName(msgspec.Struct, frozen=True, kw_only=True):
    """One name of a destination with its evidence; rivals are kept beside it.

    `sni` and `http_host` are names the flow *used*; the other classes say whether a name *belongs* to the address.
    """

    name: str
    evidence: NameClass
    ref: Ref | None = None
    outer: bool = False
    """The SNI of a flow that offered Encrypted ClientHello: the provider's outer name, not the one asked for."""
    chain: tuple[str, ...] = ()
    """The aliases an answer led through, from the name asked (excluded) to the owner of the address (included)."""
    live_from: Instant | None = None
    live_until: Instant | None = None
    """Validity of an answer: its time, and time + min(ttl, cap) + grace."""
    client: str | None = None
    resolver: str | None = None
    exact: bool = True
    """False where the source writes names lossily: never gives an approval."""
    from_before_capture: bool = False
    """The flow began before the recording, so whether this answer stood before its start is unknown."""

    @property
    def used(self) -> bool:
        """The flow itself named it (and not only as an ECH outer name)."""
        return self.evidence in (NameClass.SNI, NameClass.HTTP_HOST) and not self.outer

    @property
    def binds(self) -> bool:
        """It ties the name to the address for this client at that time (certificate or live answer)."""
        return self.evidence in (NameClass.CERTIFICATE, NameClass.ANSWER_SAME_CLIENT)

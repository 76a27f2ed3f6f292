"""The stages of a night: what ran on the channels of each, when, who was heard, how long after the stage before.

Promises: what lies outside the recording is never taken for silence: an edge that was perhaps earlier or later is not
`known`, and a delay that rests on one is only the most it can have been.
"""

import msgspec

from flowwatch.model.time import Instant
from flowwatch.model.traffic import Amount


class Opening(msgspec.Struct, frozen=True, gc=False):
    """One window of a channel, half-open; None where nothing bounds it."""

    channel: str
    since: Instant | None
    until: Instant | None


class Ran(msgspec.Struct, frozen=True, gc=False):
    """A time in which something ran, from first to last payload."""

    first: Instant
    last: Instant


class Delay(msgspec.Struct, frozen=True, gc=False):
    """From the end of the last transmission of one stage to the start of the first of the next, by the sensors' clocks.

    Negative: they overlapped.
    """

    ns: int
    """Nanoseconds."""
    exact: bool
    """False: it is at most that, since something earlier or later was perhaps not seen."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of one night: the transmissions that channels of that number approve, attempts aside."""

    since: Instant | None
    """When the night begins: windows of all stages that touch are one night. None: nothing bounds it."""
    until: Instant | None
    number: int
    channels: tuple[str, ...]
    windows: tuple[Opening, ...]
    """Those of its channels in this night, in order."""
    first: Instant | None = None
    """Start of the first transmission; None where none has a time."""
    last: Instant | None = None
    """End of the last."""
    first_known: bool = False
    """Nothing of the stage ran before: recorded since its windows opened, and nothing was in doubt."""
    last_known: bool = False
    """Nothing of the stage ran later: recorded until its windows closed, and nothing was in doubt."""
    ran: tuple[Ran, ...] = ()
    """When it ran; of many times the nearest are told as one."""
    flows: int = 0
    transmissions: int = 0
    bytes_sent: int = 0
    """Payload bytes sent (least known)."""
    bytes_most: int | None = 0
    """The most known; None: no bound."""
    bytes_unknown: int = 0
    """Transmissions whose bytes are known only as a range."""
    bytes_acked: int | None = 0
    """None where the acknowledgements of one were not recorded."""
    heard: tuple[str, ...] = ()
    """Senders of which something was acknowledged."""
    perhaps: tuple[str, ...] = ()
    """Senders of which it was not seen whether something was acknowledged."""
    listed: tuple[str, ...] = ()
    """Senders that the policy lists as expected."""
    silent: tuple[str, ...] = ()
    """Those of the list that were not heard as expected by the time: what `presence.silent` tells."""
    untold: tuple[str, ...] = ()
    """Those of the list of which that could not be told: `presence.unseen`."""
    after: int | None = None
    """The stage before it in the same night; None: it is the first."""
    delay: Delay | None = None
    """Since the last of the stage before; None where one of the two has no time, so it cannot be told."""

    @property
    def sent(self) -> Amount:
        """Payload bytes sent."""
        return Amount(self.bytes_sent, self.bytes_most)

"""What every channel is, and what it says when an alert did not arrive."""

from typing import Protocol

from flowwatch.model import Alert
from flowwatch.reports.escape import terminal
from flowwatch.reports.phrases import short

_LONGEST_REASON = 400


class Channel(Protocol):
    """Somewhere alerts are told."""

    def send(self, alert: Alert) -> None:
        """The alert has arrived, as far as the channel can tell. Raises NotDelivered."""


class NotDelivered(Exception):  # noqa: N818 - a state of the delivery, as the outbox keeps it
    """The alert did not arrive: why, whether to try again, and how many seconds the receiver asks to wait.

    The reason is one line of printable ASCII of bounded length, whatever the receiver answered.
    """

    def __init__(self, reason: str, *, retry: bool = True, after: float | None = None) -> None:
        self.reason = short(terminal(short(reason, _LONGEST_REASON)), _LONGEST_REASON)
        super().__init__(self.reason)
        self.retry = retry
        self.after = after

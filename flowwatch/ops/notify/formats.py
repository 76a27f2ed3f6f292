"""An alert in the format that a `[[notify]]` or an `[[output]]` names."""

from flowwatch.model import Alert
from flowwatch.ops.notify import wording


def told(alert: Alert, format: str | None) -> bytes:  # noqa: A002 - the key of the configuration
    """The alert in that format, ending in a line end; None: in words, as `text`."""
    if format in (None, "text"):
        return wording.text(alert).encode("ascii")
    if format == "jsonl":
        return wording.body(alert) + b"\n"
    from flowwatch.reports import (  # type: ignore[attr-defined,unused-ignore] # noqa: PLC0415 - start-up time
        alert_line,
    )

    line: bytes = alert_line(alert, format)
    return line

"""An alert in the format that a `[[notify]]` or an `[[output]]` names."""

from flowwatch.model import Alert
from flowwatch.ops.config import AlertForm
from flowwatch.ops.notify import wording


def told(alert: Alert, format: AlertForm | None) -> bytes:  # noqa: A002 - the key of the configuration
    """The alert in that format, ending in a line end; None: in words, as `text`."""
    if format is None or format == "text":
        return wording.text(alert).encode("ascii")
    from flowwatch.reports import alert_line  # noqa: PLC0415 - start-up time

    return alert_line(alert, format)

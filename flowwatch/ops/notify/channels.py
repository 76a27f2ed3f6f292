"""The channels by type, each made from its `[[notify]]`."""

import importlib
from pathlib import Path

from flowwatch.errors import UsageError
from flowwatch.ops.config import Notify
from flowwatch.ops.notify.delivery import Channel

_MAKERS = {
    "file": "File",
    "syslog": "Syslog",
    "smtp": "Smtp",
    "webhook": "Webhook",
    "alertmanager": "Alertmanager",
    "apprise": "Apprise",
}
"""The class in the module that bears the name of the type; loaded where it is asked for."""


def channel(one: Notify, id: str, folder: Path) -> Channel:  # noqa: A002 - what it is
    """The channel, its secret read and its certificates loaded; nothing is reached yet.

    Relative paths start from `folder`. Raises UsageError, which names the channel by its id and says what to do.
    """
    maker = getattr(importlib.import_module(f"flowwatch.ops.notify.{one.type}"), _MAKERS[one.type])
    try:
        made: Channel = maker(one, folder)
    except UsageError as error:
        raise UsageError(f"notify {id!r}: {error.message}", hint=error.hint) from error
    return made

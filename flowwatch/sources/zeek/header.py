r"""The header of a tab-separated Zeek log: lines that begin with `#`, in force until the next.

`#separator \x09`, `#set_separator`, `#empty_field`, `#unset_field`, `#path`, `#fields`. What follows `#separator` on
its own line is parted by a space, in the others by the separator. Other directives (`#types`, `#open`, `#close`) say
nothing that is needed here.
"""

import msgspec

from flowwatch.sources.zeek.text import unescaped


class Header(msgspec.Struct, frozen=True):
    """What is in force for the records that follow."""

    separator: str = "\t"
    set_separator: str = ","
    empty: str = "(empty)"
    unset: str = "-"
    path: str | None = None
    fields: tuple[str, ...] = ()
    """Names of the columns; empty: records cannot be read."""


def after(header: Header, line: str) -> Header:
    """The header once the directive `line` (with its `#`) has been read; unchanged by any other comment."""
    name, value = _parted(header, line)
    changes: dict[str, object] = {}
    match name:
        case "separator":
            header, changes = Header(), {"separator": _undone(value) or "\t"}
        case "set_separator":
            changes = {"set_separator": _undone(value)}
        case "empty_field":
            changes = {"empty": value}
        case "unset_field":
            changes = {"unset": value}
        case "path":
            changes = {"path": value or None, "fields": ()}
        case "fields":
            changes = {"fields": tuple(value.split(header.separator)) if value else ()}
    return msgspec.structs.replace(header, **changes) if changes else header


def _parted(header: Header, line: str) -> tuple[str, str]:
    """Name and value of a directive."""
    separator = " " if line.startswith("#separator ") else header.separator
    name, _, value = line.removeprefix("#").partition(separator)
    return name, value


def _undone(value: str) -> str:
    return unescaped(value).decode("utf-8", "replace")

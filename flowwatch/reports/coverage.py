"""What a source held and what could not be seen in it, as short lines for people.

Promises: every counter of a Coverage that is not zero is told; a source with something unread, lost or cut is never
called complete.
"""

from collections.abc import Sequence

from flowwatch.model import Coverage, Skip
from flowwatch.reports.phrases import between, number, plural, short, size, words

_REJECTS_TOLD = 3
_TOTALS = (
    ("records", "record", "records"),
    ("flows", "flow", "flows"),
    ("lookups", "lookup", "lookups"),
    ("one_way_flows", "flow seen one way only", "flows seen one way only"),
    ("unnamed_flows", "flow with no name", "flows with no name"),
    ("encrypted_dns_flows", "encrypted DNS flow", "encrypted DNS flows"),
    ("ech_flows", "flow that hides its name (ECH)", "flows that hide their name (ECH)"),
    ("opaque_tunnels", "opaque tunnel", "opaque tunnels"),
    ("truncated_records", "truncated record", "truncated records"),
    ("drops", "record lost by the recorder", "records lost by the recorder"),
    ("rejected", "record refused", "records refused"),
)
"""Field, and what one and several of it are called."""


def status(one: Coverage) -> str:
    """`complete`, `incomplete`, or `not read`."""
    if one.error is not None and not (one.used or one.events):
        return "not read"
    return "incomplete" if one.incomplete else "complete"


def identity(one: Coverage, *, digest: bool = True) -> str:
    """Format, link types, size as stored and unpacked, and the first digits of the digest."""
    taken = f"sha256 {one.sha256[:12]}..." if one.sha256 and digest else "" if one.sha256 else "no digest taken"
    links = ", ".join(one.link_types)
    stored = "size unknown" if one.size is None else size(one.size)
    if one.compression:
        unpacked = "" if one.unpacked_size is None else f" ({size(one.unpacked_size)} unpacked, which offsets count)"
        stored = f"{stored} of {one.compression}{unpacked}"
    snaplen = f"snaplen {number(one.snaplen)}" if one.snaplen else ""
    return ", ".join(part for part in (one.format or "unknown format", links, snaplen, stored, taken) if part)


def lines(one: Coverage) -> list[str]:
    """What was read of the source, then what could not be seen."""
    return [line for line in (_records(one), _contents(one), _unseen(one), _lost(one)) if line] + remarks(one)


def overview(sources: Sequence[Coverage]) -> list[tuple[int, str]]:
    """What was read and what could not be seen, over all sources together; counters at zero are left out."""
    counted = [(sum(getattr(one, field) for one in sources), single, many) for field, single, many in _TOTALS]
    counted.append((sum(sum(one.unread.values()) for one in sources), "record not readable", "records not readable"))
    stopped = sum(one.error is not None for one in sources)
    counted.append((stopped, "source where reading stopped early", "sources where reading stopped early"))
    return [(count, single if count == 1 else many) for count, single, many in counted if count]


def remarks(one: Coverage) -> list[str]:
    """Limits that were hit, refused lines, notes, and why reading stopped."""
    limits = [f"limits hit: {_counts(one.limits)}"] if one.limits else []
    notes = [f"note: {note}" for note in one.notes]
    error = [f"reading stopped: {_skip(one.error)}"] if one.error else []
    empty = ["nothing in it could be used"] if not (one.error or one.used or one.events) else []
    return limits + _rejects(one) + notes + error + empty


def _records(one: Coverage) -> str:
    if not one.records:
        return "no records"
    what = f"{number(one.used or one.events)} of {plural(one.records, 'record')} used"
    skipped = f"; {number(sum(one.skipped.values()))} skipped ({_counts(one.skipped)})" if one.skipped else ""
    log = {"noise": one.noise, "unattributable": one.unattributable, "held back": one.held_back}
    rest = f"; {_counts(log)}" if any(log.values()) else ""
    return f"{what}{skipped}{rest}; {between(one.first, one.last)}"


def _contents(one: Coverage) -> str:
    if not (one.flows or one.lookups):
        return ""
    return f"{plural(one.flows, 'flow')}, {plural(one.lookups, 'lookup')}"


def _unseen(one: Coverage) -> str:
    amount = f" ({size(one.unnamed_bytes)})" if one.unnamed_bytes else ""  # the least known: 0 says nothing
    unnamed = f"{number(one.unnamed_flows)} with no name{amount}" if one.unnamed_flows else ""
    parts = [unnamed] if unnamed else []
    counted = {
        "one-way": one.one_way_flows,
        "encrypted DNS": one.encrypted_dns_flows,
        "ECH": one.ech_flows,
        "opaque tunnel": one.opaque_tunnels,
    }
    parts = [f"{number(count)} {what}" for what, count in counted.items() if count] + parts
    return f"of the flows: {', '.join(parts)}" if parts else ""


def _lost(one: Coverage) -> str:
    counted = {
        "truncated records": one.truncated_records,
        "lost by the recorder": one.drops,
        "out of order": one.out_of_order,
        "trailing bytes": one.trailing_bytes,
    }
    return _counts(counted)


def _rejects(one: Coverage) -> list[str]:
    if not one.rejected:
        return []
    told = [f"refused: {_skip(skip)}" for skip in one.rejects[:_REJECTS_TOLD]]
    return [f"{plural(one.rejected, 'record')} refused", *told]


def _skip(skip: Skip) -> str:
    where = [f"record {number(skip.record)}"] if skip.record is not None else []
    where += [f"offset {number(skip.offset)}"] if skip.offset is not None else []
    return f"{skip.code}{' at ' + ', '.join(where) if where else ''}: {short(skip.message, 200)}"


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{words(what)} {number(count)}" for what, count in counted.items() if count)

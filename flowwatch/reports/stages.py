"""The stages of a night in words: the same on the screen, in Markdown and on the web page.

Promises: what could not be told is said as such; of long lists the rest is counted. Observed text is returned as it is:
the sink escapes it.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence

from flowwatch.model import Instant, Opening, Stage
from flowwatch.reports.phrases import between, number, plural, sent, short, size, utc

SENDERS_TOLD = 8
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def nights(stages: Iterable[Stage]) -> list[tuple[Stage, ...]]:
    """The stages of each night, in order."""
    return [tuple(held) for _, held in itertools.groupby(stages, key=lambda one: (one.since, one.until))]


def night(stage: Stage) -> str:
    """`the night from T1 to T2`, or `all that was recorded`."""
    if stage.since is None and stage.until is None:
        return "all that was recorded"
    return f"the night {bounds(stage.since, stage.until)}"


def facts(stage: Stage) -> Iterator[tuple[str, str]]:
    """What is told of a stage, as (key, value)."""
    yield "channels", ", ".join(stage.channels)
    yield "windows", windows(stage.windows)
    yield "ran", ran(stage)
    if stage.after is not None:
        yield "delay", delay(stage)
    if stage.transmissions:
        yield "sent", volume(stage)
    yield "senders", "; ".join(senders(stage))


def windows(openings: Sequence[Opening]) -> str:
    """When the channels were open, each time once."""
    return "; ".join(dict.fromkeys(bounds(one.since, one.until) for one in openings))


def ran(stage: Stage) -> str:
    """First and last, and whether something was perhaps missed."""
    if stage.first is None:
        return "nothing was seen" if not stage.transmissions else "at an unknown time"
    perhaps = [word for word, known in (("before", stage.first_known), ("later", stage.last_known)) if not known]
    more = f"; perhaps also {' and '.join(perhaps)}, which was not seen" if perhaps else ""
    return between(stage.first, stage.last) + more


def volume(stage: Stage) -> str:
    """Transmissions, flows and bytes."""
    acked = "acknowledgements not recorded" if stage.bytes_acked is None else f"{size(stage.bytes_acked)} acknowledged"
    flows = plural(stage.flows, "flow")
    return f"{plural(stage.transmissions, 'transmission')} in {flows}, {sent(stage.sent)}, {acked}"


def senders(stage: Stage) -> Iterator[str]:
    """Who was heard; who was not, of those that the policy lists."""
    yield f"{number(len(stage.heard))} heard{_some(stage.heard)}"
    if stage.perhaps:
        yield f"{number(len(stage.perhaps))} perhaps heard, acknowledgements not seen{_some(stage.perhaps)}"
    listed = f"of {number(len(stage.listed))} listed"
    if stage.listed and not (stage.silent or stage.untold):
        yield f"none {listed} told as silent"
    if stage.silent:
        yield f"{number(len(stage.silent))} {listed} not heard as expected in time{_some(stage.silent)}"
    if stage.untold:
        yield f"{number(len(stage.untold))} {listed} could not be told{_some(stage.untold)}"


def delay(stage: Stage) -> str:
    """How long after the last of the stage before it began; what overlapped and what cannot be told is said so."""
    if stage.delay is None:
        return "cannot tell: of one of the two nothing with a time was seen"
    told = duration(abs(stage.delay.ns))
    if stage.delay.ns < 0:
        return f"overlaps: began {'' if stage.delay.exact else 'at least '}{told} before stage {stage.after} ended"
    if stage.delay.exact:
        return f"began {told} after stage {stage.after} ended"
    return f"cannot tell: in what was recorded it began {told} after stage {stage.after} ended, so no more than that"


def duration(ns: int) -> str:
    """Two units: `1 h 20 min`, `12 s`; below a second as `12 ms`."""
    seconds = ns // 10**9
    if not seconds:
        return f"{ns // 10**6} ms"
    told: list[str] = []
    rest = seconds
    for unit, length in _UNITS:
        count, rest = divmod(rest, length)
        if count or told:
            told.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in told[:2] if part)


def bounds(since: Instant | None, until: Instant | None) -> str:
    """`from T1 to T2`, as far as something bounds it."""
    if since is None and until is None:
        return "at any time"
    parts = [f"from {utc(since)}"] if since is not None else []
    return " ".join([*parts, f"to {utc(until)}"] if until is not None else parts)


def _some(told: Sequence[str]) -> str:
    """The first of them in brackets, and how many more there are."""
    more = f" and {number(len(told) - SENDERS_TOLD)} more" if len(told) > SENDERS_TOLD else ""
    return f" ({', '.join(short(one, 60) for one in told[:SENDERS_TOLD])}{more})" if told else ""

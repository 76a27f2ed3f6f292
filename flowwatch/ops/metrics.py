"""Figures of the scheduled check as a file for the node exporter's textfile collector.

Promises: the Prometheus text format 0.0.4, the same figures as the same bytes, HELP and TYPE once a family, names that
end in their unit, counters in `_total`, no timestamps (the collector takes none); a figure that is None is not there,
never zero; the file is there whole or not at all. No label holds an address, a name or a path: ids of the
configuration, verdicts, severities, lives and kinds of data alone.

Source: prometheus.io/docs/instrumenting/exposition_formats, .../practices/naming; node exporter, textfile collector.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from flowwatch.durable import replacing
from flowwatch.model import Instant, Life, Severity, Verdict


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How many findings stand like this."""

    verdict: Verdict
    severity: Severity
    life: Life
    count: int


class SourceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[source]]`; what is counted is counted since the state began."""

    id: str
    last_record: Instant | None
    """Time of its last record; None: it has none, or tells no time."""
    lag: int | None
    """Nanoseconds from its last record to the check."""
    records: int
    rejected: int
    held_back: int
    behind: int | None
    """Bytes that are there and not yet read; None: cannot be told (what waits is packed, or is no file)."""
    gaps: int


class ChannelFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[notify]]`, by its id."""

    id: str
    pending: int
    """Deliveries that are still tried."""
    given_up: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of the scheduled check after a run."""

    version: str
    """Of flowwatch."""
    last_run: Instant
    last_success: Instant | None
    """The last run that did its work, whatever it found: exit 0, 1 or 3; None: there was none."""
    duration: int
    """Nanoseconds the last run took."""
    exit_code: int
    findings: tuple[Found, ...] = ()
    sources: tuple[SourceFigures, ...] = ()
    channels: tuple[ChannelFigures, ...] = ()
    policy_ends: Instant | None = None
    """End of the last version of the policy; None: it has none."""
    exception_ends: Instant | None = None
    """The next end of an exception that is in force; None: there is none."""
    places: dict[str, int | None] = {}
    """Age in nanoseconds by body of location data, as `flowwatch.places.age.ages` has it."""
    state_bytes: int | None = None


class _Family(msgspec.Struct, frozen=True):
    name: str
    kind: str
    words: str
    samples: tuple[tuple[dict[str, str], str | None], ...]
    """Labels and value, in the order they are written."""


def text(figures: Figures) -> str:
    """The figures in the text format; a family without a sample is left out."""
    return "".join(line for family in _families(figures) for line in _lines(family))


def write(figures: Figures, path: Path) -> None:
    """Puts the file in the place of the one before, readable by all. Raises OSError."""
    with replacing(path) as file:
        file.write(text(figures).encode())


def _lines(family: _Family) -> Iterator[str]:
    told = [(labels, value) for labels, value in family.samples if value is not None]
    if told:
        yield f"# HELP {family.name} {family.words}\n# TYPE {family.name} {family.kind}\n"
    for labels, value in told:
        inside = ",".join(f'{name}="{_escaped(one)}"' for name, one in labels.items())
        yield f"{family.name}{f'{{{inside}}}' if inside else ''} {value}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _seconds(ns: int | None) -> str | None:
    """Nanoseconds as seconds, exactly."""
    if ns is None:
        return None
    whole, part = divmod(abs(ns), 10**9)
    digits = f"{whole}.{part:09}".rstrip("0").rstrip(".")
    return f"-{digits}" if ns < 0 else digits


def _families(figures: Figures) -> Iterator[_Family]:
    yield _one("build_info", "Version of flowwatch that ran.", "1", version=figures.version)
    yield _one("last_run_timestamp_seconds", "When the last check ended.", _seconds(figures.last_run))
    yield _one(
        "last_success_timestamp_seconds",
        "When a check last did its work, whatever it found (exit 0, 1 or 3).",
        _seconds(figures.last_success),
    )
    yield _one("last_run_duration_seconds", "How long the last check took.", _seconds(figures.duration))
    yield _one("last_run_exit_code", "Exit code of the last check.", str(figures.exit_code))
    yield _gauge(
        "findings", "Findings by verdict, severity and life; a combination without any is absent.", _found(figures)
    )
    yield from _of_sources(sorted(figures.sources, key=lambda one: one.id))
    yield from _of_channels(sorted(figures.channels, key=lambda one: one.id))
    yield _one(
        "policy_end_timestamp_seconds", "When the last version of the policy ends.", _seconds(figures.policy_ends)
    )
    yield _one(
        "exception_end_timestamp_seconds",
        "When the next exception in force ends.",
        _seconds(figures.exception_ends),
    )
    ages = (({"body": body}, _seconds(age)) for body, age in sorted(figures.places.items()))
    yield _gauge("places_age_seconds", "Age of a body of location data.", ages)
    size = figures.state_bytes
    yield _one("state_size_bytes", "Size of the state.", None if size is None else str(size))


def _found(figures: Figures) -> Iterator[tuple[dict[str, str], str]]:
    order = sorted(figures.findings, key=lambda one: (one.verdict.rank, one.severity.rank, one.life.value))
    for one in order:
        labels = {"verdict": one.verdict.value, "severity": one.severity.value, "life": one.life.value}
        yield labels, str(one.count)


def _of_sources(sources: list[SourceFigures]) -> Iterator[_Family]:
    labelled = [({"source": one.id}, one) for one in sources]
    yield _gauge(
        "source_last_record_timestamp_seconds",
        "Time of the last record of a source.",
        ((labels, _seconds(one.last_record)) for labels, one in labelled),
    )
    yield _gauge(
        "source_lag_seconds",
        "Time from the last record of a source to the check.",
        ((labels, _seconds(one.lag)) for labels, one in labelled),
    )
    yield _gauge(
        "source_unread_bytes",
        "Bytes of a source that are there and not yet read.",
        ((labels, None if one.behind is None else str(one.behind)) for labels, one in labelled),
    )
    yield _counter("source_records", "Records read.", ((labels, one.records) for labels, one in labelled))
    yield _counter("source_rejected_records", "Records refused.", ((labels, one.rejected) for labels, one in labelled))
    yield _counter(
        "source_held_back_records",
        "Records held back until more is known.",
        ((labels, one.held_back) for labels, one in labelled),
    )
    yield _counter("source_gaps", "Gaps in a source that were told.", ((labels, one.gaps) for labels, one in labelled))


def _of_channels(channels: list[ChannelFigures]) -> Iterator[_Family]:
    labelled = [({"channel": one.id}, one) for one in channels]
    pending = ((labels, str(one.pending)) for labels, one in labelled)
    yield _gauge("pending_deliveries", "Deliveries that are still tried.", pending)
    given_up = ((labels, str(one.given_up)) for labels, one in labelled)
    yield _gauge("given_up_deliveries", "Deliveries that are no longer tried and never arrived.", given_up)


def _one(name: str, words: str, value: str | None, **labels: str) -> _Family:
    return _gauge(name, words, [(labels, value)])


def _gauge(name: str, words: str, samples: Iterable[tuple[dict[str, str], str | None]]) -> _Family:
    return _Family(f"flowwatch_{name}", "gauge", words, tuple(samples))


def _counter(name: str, words: str, samples: Iterable[tuple[dict[str, str], int]]) -> _Family:
    return _Family(f"flowwatch_{name}_total", "counter", words, tuple((one, str(count)) for one, count in samples))

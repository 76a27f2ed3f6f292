"""Declared sensors of which nothing was read: what only they see is missing from the recording.

Said of the versions of the policy that were in force while something was recorded. Refuses to call it silence: perhaps
their files were only not given. That a source was read in part, or not at all, is told by its Coverage.
"""

from collections.abc import Iterable, Iterator

from flowwatch.judge.findings import id_of
from flowwatch.judge.night.heard import Night
from flowwatch.judge.remedies import remedy_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.model import Coverage, Finding, Reason, Severity, Sureness, Verdict
from flowwatch.policy.terms import Sensor


def absent(night: Night, coverage: Iterable[Coverage]) -> Iterator[Finding]:
    """One finding for each sensor that no source with a record in it is of."""
    held = [one for one in coverage if one.records and one.first is not None and one.last is not None]
    told: set[str] = set()
    for book in night.books.values():
        sources = [one for one in held if _in_force(book, one)]
        sensors = (book.vantages.of(one.source).sensor for one in sources)
        read = {sensor.id for sensor in sensors if sensor is not None}
        for sensor in book.policy.sensors if sources else ():
            if sensor.id not in read | told:
                told.add(sensor.id)
                yield _finding(sensor, book)


def _in_force(book: Rulebook, source: Coverage) -> bool:
    """Some of the time the source recorded."""
    header = book.policy.policy
    begun = header.valid_from is None or (source.last is not None and header.valid_from <= source.last)
    return begun and (header.valid_until is None or (source.first is not None and source.first < header.valid_until))


def _finding(sensor: Sensor, book: Rulebook) -> Finding:
    reason, rule = Reason.SENSOR_ABSENT, book.rule("sensor", sensor.id)
    sees = f" (sees {', '.join(sensor.sees)})" if sensor.sees else ""
    return Finding(
        id=id_of(rule, reason, None, ""),
        kind=reason,
        verdict=Verdict.INDETERMINATE,
        severity=Severity.INFO,
        confidence=Sureness.HIGH,
        confidence_why="no path that was read fits its `sources`",
        title=f"sensor {sensor.id}{sees}: {reason.sentence}",
        first_seen=None,
        last_seen=None,
        count=1,
        rule=rule,
        remedy=remedy_of(reason),
    )

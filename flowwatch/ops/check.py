"""The scheduled check, top to bottom: what is new is read, kept, judged and told, each step whole or not at all.

    outcome = check(load(Path("flowwatch.toml")))

Promises: a record is judged once, whenever the check is ended and however the logs rotate; what cannot be read, is
silent or gone is a finding; nothing is sent over a network here. Refuses to guess: a flow waits for the answers that
may name it, and is told as pending.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from flowwatch import policy
from flowwatch.model import Coverage, Finding, Instant, Life, ReadOptions, Reason, ReferenceData, Severity
from flowwatch.ops.config import Config, Loaded
from flowwatch.ops.deliveries import Outbox
from flowwatch.ops.docket import Docket
from flowwatch.ops.kept import Kept
from flowwatch.ops.life import Findings, Known
from flowwatch.ops.policies import keep, younger
from flowwatch.ops.reader import Desk, Reader, Span
from flowwatch.ops.state import State
from flowwatch.ops.streams import HOUR, Stream, Streams, lack, lacks, of_coverage, unseen
from flowwatch.places import Locator
from flowwatch.places.age import age, ages
from flowwatch.policy.terms import Expectation, Policy, PolicySet

_RIPE = 5000
"""Flows that one step judges."""
Clock = Callable[[], Instant]
"""Gives the time of day."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How this check differs from any other."""

    since: Instant | None = None
    """What is older is read past and not judged."""
    until: Instant | None = None
    """What is later is left out; with `dry_run` only, since it would be read past for ever."""
    dry_run: bool = False
    """Nothing is kept or told."""
    only_new: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found."""

    number: int
    started: Instant
    ended: Instant
    read: tuple[tuple[str, Coverage], ...]
    """By source what this check read."""
    streams: tuple[Stream, ...]
    findings: tuple[Known, ...]
    """All that are not quiet."""
    judged: int
    pending: int
    """Flows that wait for the answers that may name them."""
    changed: int
    """Decisions that later evidence changed."""
    undecided: int
    """Of what this check judged, the transmissions that could not be told."""
    only_new: bool
    policy_ends: Instant | None
    """End of the last version; None: it has none."""
    exception_ends: Instant | None
    """The next end of an exception that is in force."""
    places: dict[str, int | None]
    """Age of each body of location data in nanoseconds."""
    stale: tuple[str, ...]
    """Names of location data that is older than declared."""
    passed: int
    """Rows outside the time that was asked for."""
    shortfalls: tuple[str, ...]
    """Why it is incomplete, in words."""
    for_a_scan: tuple[tuple[str, str], ...] = ()
    """Kind and id of the channels and claims that say something of a whole recording, which no check judges."""

    @property
    def fresh(self) -> tuple[Known, ...]:
        """The findings seen first in this check."""
        return tuple(one for one in self.findings if one.first_check == self.number)

    def exit(self, config: Config) -> int:
        """1 for findings that stand, 3 for what is incomplete or could not be told, else 0."""
        told = [one for one in self.standing if not of_coverage(one.finding)]
        if any(one.finding.severity.rank >= config.fail_on.rank for one in told):
            return 1
        lacking = any(unseen(one.finding) and one.last_check == self.number for one in self.findings)
        return 3 if self.shortfalls or lacking or self.undecided > config.allow_undecided else 0

    @property
    def standing(self) -> tuple[Known, ...]:
        """What counts for the exit code: all that goes on, or what is new where only that is wanted."""
        return self.fresh if self.only_new else self.findings


_ANY = Wanted()


def check(loaded: Loaded, wanted: Wanted = _ANY, clock: Clock = time.time_ns) -> Outcome:
    """One check. Raises UsageError: nothing was judged by it, and nothing is lost."""
    config = loaded.config
    policies = policy.load(loaded.path(config.policy))
    databases = [loaded.path(one) for one in config.places]
    with (
        Locator(policies.place_facts, databases) as locator,
        State.open(loaded.state, alone=True) as state,
        _trial(state, wanted),
    ):
        return _Check(loaded, wanted, state, policies, locator, clock).run()


@contextlib.contextmanager
def _trial(state: State, wanted: Wanted) -> Iterator[None]:
    """A dry run is one transaction that is not kept."""
    if wanted.dry_run:
        with state.transaction(keep=False):
            yield
    else:
        yield


class _Check:
    """One check while it runs."""

    def __init__(
        self, loaded: Loaded, wanted: Wanted, state: State, policies: PolicySet, locator: Locator, clock: Clock
    ) -> None:
        config = self._config = loaded.config
        self._loaded, self._wanted, self._state, self._clock = loaded, wanted, state, clock
        self._started = clock()
        self._number = int(state.one("SELECT coalesce(max(number), 0) + 1 FROM checks"))
        binding, ports = policies.dns_binding, policies.control_ports
        self._kept = Kept(state, binding, policies.proxies, config.max_flow_age.ns, ports)
        self._docket = Docket(state, self._kept, policies, locator.locate, self._number, self._started, locator.stamp)
        self._findings, self._streams = Findings(state), Streams(state)
        self._reference = locator.reference
        self._policies = policies

    def run(self) -> Outcome:
        """Reads all that is new, judges what is ripe, closes."""
        with self._state.transaction():
            self._state.db.execute("INSERT INTO checks (number, started) VALUES (?, ?)", (self._number, self._started))
            keep(self._state, self._policies.versions, self._started)
        desk = Desk(
            self._state,
            self._kept,
            self._docket,
            self._streams,
            self._findings,
            self._options(),
            Span(self._wanted.since, self._wanted.until),
            self._number,
            self._started,
        )
        readers = [Reader(source, self._loaded, desk) for source in self._config.source]
        while behind := [one for one in readers if one.more]:
            min(behind, key=lambda one: one.stands).step()
            if all(one.begun for one in behind):  # what was never read may hold the names
                self._judge()
        for one in readers:
            one.close()
        self._judge()
        with self._state.transaction():
            return self._close(readers)

    def _options(self) -> ReadOptions:
        policies = self._policies
        return ReadOptions(digest=False, markers=policies.markers, digests=policies.wants_digests)

    def _judge(self) -> None:
        """Judges the flows that no answer still to come can name."""
        while ripe := self._kept.ripe(self._passed(), _RIPE):
            with self._state.transaction():
                self._docket.flows(ripe, self._streams.all())

    def _passed(self) -> Instant | None:
        """Flows begun by then wait no longer; None: no source holds lookups, so none waits."""
        naming = [one for one in self._declared() if one.lookups]
        if not naming:
            return None
        passed = [one.passed_until() or 0 for one in naming]
        return max(min(passed) - self._config.settle.ns, self._started - self._config.max_flow_age.ns)

    def _declared(self) -> list[Stream]:
        """The streams of the sources that the configuration names."""
        return [self._streams.get(source.id) for source in self._config.source]

    def _close(self, readers: Sequence[Reader]) -> Outcome:
        """What is lacking is told, what is old forgotten, what is new put into the outbox."""
        judged = younger(self._state, self._policies.versions, self._docket.earliest)
        for found in (*(found for one in readers for found in self._lacks(one)), *self._places_stale(), *judged):
            self._findings.holds(found, self._number)
        self._forget()
        outcome = self._outcome(readers)
        self._tell(outcome)
        self._findings.hush(self._number, self._config.quiet_after)  # only what was told can be quiet
        self._state.db.execute(
            "UPDATE checks SET ended = ?, exit = ?, words = ? WHERE number = ?",
            (outcome.ended, outcome.exit(self._config), "; ".join(outcome.shortfalls)[:4096], self._number),
        )
        return outcome

    def _tell(self, outcome: Outcome) -> None:
        """Puts into the outbox what is to be told."""
        box, config, now = Outbox(self._state), self._config, self._started
        box.tell_findings(config, list(self._findings.all()), self._policies.versions[-1].info, now)
        records = sum(told.records for _, told in outcome.read)
        standing = len(outcome.findings)
        box.tell_heartbeat(
            config, [f"Check {self._number} read {records} new records.", f"{standing} findings stand."], now
        )
        self._state.put("last_success", outcome.ended)

    def _lacks(self, reader: Reader) -> Iterator[Finding]:
        source, stream = reader.source, self._streams.get(reader.source.id)
        if reader.missing:
            yield lack(source.id, Reason.MISSING, f"source {source.id}: no file is where `paths` says", stream.last)
            return
        hour = self._started // HOUR - 1
        whole = stream.begun is not None and stream.begun < hour * HOUR
        yield from lacks(source, stream, self._streams.in_hour(source.id, hour) if whole else None, self._started)

    def _stale(self) -> Iterator[ReferenceData]:
        """Location data that is older than declared."""
        for one in self._reference:
            old = age(one, self._started)
            if old is not None and old > self._config.stale_places.ns:
                yield one

    def _places_stale(self) -> Iterator[Finding]:
        """It is a finding where a rule goes by places."""
        by_place = any(server.expect != Expectation() for one in self._policies.versions for server in one.servers)
        for one in self._stale() if by_place else ():
            title = f"location data {one.name} is of {one.date}, and rules go by it"
            yield lack(f"places {one.kind}", Reason.PLACES_STALE, title, None, Severity.LOW)

    def _clocks(self) -> Iterator[str]:
        """What shows that a clock is wrong: silence, rates and waiting go by it."""
        before = self._state.one("SELECT max(started) FROM checks WHERE number < ?", self._number)
        if before is not None and before > self._started:
            yield f"the clock stands {_shown(before - self._started)} before the last check: silence cannot be told"
        for one in self._declared():
            if one.last is not None and one.last - self._started > _AHEAD:
                ahead = _shown(one.last - self._started)
                yield f"source {one.source} has records {ahead} ahead of this clock: one of the two is wrong"

    def _in_scope(self) -> bool:
        """Something of what was read was ever judged; of nothing that was read nothing can be said."""
        judged = "SELECT 1 FROM tallies WHERE verdict <> 'out_of_scope' AND count > 0 LIMIT 1"
        waiting = self._kept.pending() > 0 or not any(one.events for one in self._declared())
        return waiting or self._state.one(judged) is not None

    def _exception_ends(self) -> Iterator[Instant]:
        """When the exceptions that have begun end."""
        for one in (one for version in self._policies.versions for one in version.exceptions):
            if one.from_ <= self._started:
                yield one.until

    def _forget(self) -> None:
        """Drops what no evidence can bear on any more, and what is past retention.

        Both by the time of the logs: a clock that jumps ahead drops nothing.
        """
        config = self._config
        lasts = [one.last for one in self._declared() if one.last is not None]
        latest = min(self._started, max(lasts, default=0))
        self._kept.forget(latest - config.max_flow_age.ns)
        self._streams.forget(latest - config.max_flow_age.ns)
        kept_since = latest - config.retention.ns
        self._findings.forget(kept_since)
        for statement in _PAST_RETENTION:
            self._state.db.execute(statement, (kept_since,))

    def _outcome(self, readers: Sequence[Reader]) -> Outcome:
        db, number = self._state.db, self._number
        changed = db.execute("SELECT count(*) FROM changes WHERE at = ?", (self._started,)).fetchone()[0]
        unplaced = [
            f"{source}: {count} requests to a proxy nobody names" for source, count in self._docket.unplaced.items()
        ]
        clocks = list(self._clocks())
        nothing = [] if self._in_scope() else ["nothing in scope: no zone of the policy sent or asked anything yet"]
        return Outcome(
            number=number,
            started=self._started,
            ended=self._clock(),
            only_new=self._wanted.only_new or self._config.only_new,
            read=tuple((one.source.id, told) for one in readers for told in one.read),
            streams=tuple(self._declared()),
            findings=tuple(self._findings.all(Life.NEW, Life.REPEATED, Life.RAISED)),
            judged=self._docket.judged,
            pending=self._kept.pending(),
            changed=changed,
            undecided=self._docket.undecided,
            policy_ends=self._policies.versions[-1].policy.valid_until,
            exception_ends=min((end for end in self._exception_ends() if end > self._started), default=None),
            stale=tuple(one.name for one in self._stale()),
            places=ages(self._reference, self._started),
            passed=sum(one.passed for one in readers),
            for_a_scan=_for_a_scan(self._policies.versions[-1]),
            shortfalls=tuple(
                dict.fromkeys([*(words for one in readers for words in one.shortfalls), *unplaced, *clocks, *nothing])
            ),
        )


def _for_a_scan(policy: Policy) -> tuple[tuple[str, str], ...]:
    channels = (("channel", one.id) for one in policy.channels if one.of_the_whole)
    return (*channels, *(("claim", one.id) for one in policy.claims))


def _shown(span: int) -> str:
    """A span of time for people, in its largest whole unit."""
    for name, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if span >= 2 * size * 10**9:
            return f"{span // (size * 10**9)} {name}"
    return f"{span // 10**9} seconds"


_AHEAD = 300 * 10**9
_PAST_RETENTION = (
    "DELETE FROM changes WHERE at < ?",
    "DELETE FROM sightings WHERE last < ?",
    "DELETE FROM checks WHERE started < ?",
    "DELETE FROM outbox WHERE state <> 'waiting' AND created < ?",
    "DELETE FROM tallies WHERE (day + 1) * 86400000000000 < ?",
)

"""Kept rows judged, and what changes by it: decisions, findings, what was seen of servers, uses of policy entries.

Promises: each row is judged once, with all that hangs together with it; where later evidence gives another decision,
the earlier one stands in `changes`, its share leaves its finding, and the later one takes its place. Counts of
decisions are those that stand now.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from flowwatch import transmissions
from flowwatch.judge import Bench, Uses, compare, decide, finding_of, findings_of
from flowwatch.model import (
    FLOWS,
    LOOKUPS,
    Coverage,
    Decision,
    Finding,
    Instant,
    LookupDecision,
    OpenedBy,
    Place,
    Ref,
    SeenName,
    Verdict,
    one_by_one,
)
from flowwatch.ops import uses
from flowwatch.ops.kept import CURSOR, STREAM, Kept, Row, table
from flowwatch.ops.life import Findings, Share, share_of, share_of_lookup
from flowwatch.ops.past import Sightings
from flowwatch.ops.state import State
from flowwatch.ops.streams import Stream
from flowwatch.policy.terms import PolicySet

_DAY = 86400 * 10**9
Locate = Callable[[str, Instant | None], Place]


class _Stood(NamedTuple):
    """A decision as it is kept."""

    verdict: str
    reason: str
    finding: str | None
    share: Share


class Docket:
    """Judges kept rows within the caller's transaction, as of one check."""

    def __init__(
        self,
        state: State,
        kept: Kept,
        policies: PolicySet,
        locate: Locate,
        check: int,
        now: Instant,
        stamp: str = "",
    ) -> None:
        self._state = state
        self._db = state.db
        self._kept = kept
        self._findings = Findings(state)
        self._policies = policies
        self._bench = Bench(policies, locate)
        self._locate, self._stamp = locate, stamp
        self._sightings = Sightings(state)
        self._check = check
        self._now = now
        self._binding = policies.dns_binding
        self._limit = min(one.defaults.dns_name_bytes for one in policies.versions)
        self.unplaced: Counter[str] = Counter()
        """By source the requests to a proxy that nobody names."""
        self._tallies: Counter[tuple[str, int, str]] = Counter()
        """Decisions by what they are on, day and verdict, that are not kept yet."""
        self._carried: set[tuple[str | None, str]] = set()
        """Findings with the names that were counted as carrying data."""
        self.judged = self.undecided = 0
        """Decisions made, and of them those that cannot be told."""
        self.earliest: dict[str, Instant] = {}
        """By policy version when the first of what it judged began."""

    def flows(self, numbers: Iterable[int], streams: Mapping[str, Stream]) -> None:
        """Judges rows of FLOWS and those they hang together with."""
        rows = self._kept.together(numbers)
        if not rows:
            return
        decisions = self._decisions(rows, streams)
        before = {
            (flow, side): _Stood(verdict, reason, finding, msgspec.json.decode(share, type=Share))
            for flow, side, verdict, reason, finding, share in self._db.execute(_STOOD, (json.dumps(list(rows)),))
        }
        for key, stood in before.items():
            after = decisions.get(key)
            if after is None or _stands(after) != stood:
                self._take_back(stood, "flow", rows[key[0]], after)
                self._db.execute("DELETE FROM decisions WHERE flow = ? AND side = ?", key)
        fresh = {key: one for key, one in decisions.items() if before.get(key) != _stands(one)}
        self._db.executemany(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(*key, *_stands(one)[:3], _json(share_of(one)), self._now) for key, one in fresh.items()],
        )
        self._tallies.update(("flow", one.transmission.start // _DAY, one.verdict.value) for one in fresh.values())
        self.judged += len(fresh)
        self.undecided += sum(one.verdict is Verdict.INDETERMINATE for one in fresh.values())
        self._began(fresh.values())
        self._found([(one, share_of(one)) for one in fresh.values()])
        self._compare(list(fresh.values()), [])
        self._tally()
        self._kept.judged(rows)

    def _began(self, fresh: Iterable[Decision]) -> None:
        """Takes down when the first of them began, by the version that judged it."""
        for one in fresh:
            if one.rule is not None and one.verdict is not Verdict.OUT_OF_SCOPE and one.transmission.timed:
                version, start = one.rule.policy_version, one.transmission.start
                self.earliest[version] = min(start, self.earliest.get(version, start))

    def _decisions(self, rows: Mapping[int, Row], streams: Mapping[str, Stream]) -> dict[tuple[int, str], Decision]:
        """By number of the row that tells it and side: the decisions on all of them."""
        skew = self._binding.skew.ns
        placed = transmissions.placed(table(map(_told_apart, rows.values()), FLOWS), self._policies.proxies, skew)
        self.unplaced.update(placed.left_out)
        asked = table(self._kept.answers_for(rows.values()).values(), LOOKUPS)
        hosts = {transmissions.one_text(row[side]) for row in rows.values() for side in _ENDS if side in row}
        coverage = _coverage(rows.values(), streams)
        derived = transmissions.derive(placed.flows, asked, coverage, self._binding, self._kept.recorded(hosts))
        sent = transmissions.with_controls(derived, self._policies.control_ports)
        used = Uses()
        decisions, _ = decide(sent, (), self._bench, used)
        uses.keep(self._state, used.of(self._bench), self._now)
        of = _Numbers(rows)
        return {(of.row(one), _SIDES[one.transmission.opened_by]): one for one in decisions}

    def lookups(self, numbers: Iterable[int], told: Iterable[str]) -> None:
        """Judges rows of LOOKUPS, and those whose names may carry data together with theirs.

        `told`: ids of the sources that tell what clients asked.
        """
        wanted = set(numbers)
        rows = self._kept.lookups(wanted | self._kept.beside(wanted, self._limit))
        clients_told = {row["source"] for row in rows.values() if row[STREAM] in set(told)}
        asked = transmissions.questions(table(rows.values(), LOOKUPS), clients_told)
        places = {id(lookup): number for number, lookup in zip(rows, asked, strict=True)}
        used = Uses()
        _, decisions = decide((), asked, self._bench, used)
        uses.keep(self._state, used.of(self._bench), self._now)
        before = {
            number: (verdict, reason, finding, share)
            for number, verdict, reason, finding, share in self._db.execute(_ASKED, (json.dumps(list(rows)),))
        }
        fresh: list[tuple[LookupDecision, Share]] = []
        changes = []
        for one in decisions:
            number = places[id(one.lookup)]
            verdict, reason, finding, share = before[number]
            if (verdict, reason, finding) == (one.verdict, one.reasons[0], finding_of(one)):
                continue
            if verdict:
                stood = _Stood(verdict, reason, finding, msgspec.json.decode(share, type=Share))
                self._take_back(stood, "lookup", rows[number], one)
            fresh.append((one, self._share(number, one)))
            changes.append((one.verdict, one.reasons[0], finding_of(one), _json(fresh[-1][1]), number))
        self._db.executemany(_DECIDED, changes)
        self.judged += len(fresh)
        self._found(fresh)
        self._compare([], [one for one, _ in fresh])
        self._tally()

    def _share(self, number: int, one: LookupDecision) -> Share:
        """What it adds to its finding; a name that carried data counts once, however often it was asked for."""
        self._tallies["lookup", (one.lookup.time or 0) // _DAY, one.verdict.value] += 1
        if one.carried_below is None:
            return share_of_lookup(one, first=False)
        finding = finding_of(one)
        key = (finding, one.lookup.qname)
        statement = "SELECT 1 FROM lookups WHERE finding = ? AND qname = ? AND id <> ? LIMIT 1"
        counted = key in self._carried or self._db.execute(statement, (*key, number)).fetchone() is not None
        self._carried.add(key)
        return share_of_lookup(one, first=not counted)

    def _take_back(self, stood: _Stood, what: str, row: Row, after: Decision | LookupDecision | None) -> None:
        """What stood stands no more: told beside what does now."""
        if stood.finding is not None:
            self._findings.taken_back(stood.finding, stood.share)
        time = row.get("start") or row.get("time") or row.get("asked") or 0
        self._tallies[what, time // _DAY, stood.verdict] -= 1
        now = ("none", None) if after is None else (f"{after.verdict} {after.reasons[0]}", finding_of(after))
        earlier = f"{stood.verdict} {stood.reason}"
        if (earlier, stood.finding) != now:
            record = row.get("first_record") or row.get("record") or 0
            self._db.execute(
                "INSERT INTO changes (at, stream, record, time, before, after, finding_before, finding_after)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (self._now, row[STREAM], record, time, earlier, now[0], stood.finding, now[1]),
            )

    def _tally(self) -> None:
        """Adds what was counted of decisions to what stands."""
        self._db.executemany(
            "INSERT INTO tallies (what, day, verdict, count) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT DO UPDATE SET count = count + ?4",
            [(*key, count) for key, count in self._tallies.items()],
        )
        self._tallies.clear()

    def _found(self, fresh: list[tuple[Decision, Share]] | list[tuple[LookupDecision, Share]]) -> None:
        """Adds fresh decisions to their findings."""
        shares: dict[str, Share] = defaultdict(Share)
        for one, share in fresh:
            if (finding := finding_of(one)) is not None:
                shares[finding] = shares[finding].plus(share)
        sent = [one for one, _ in fresh if isinstance(one, Decision)]
        asked = [one for one, _ in fresh if isinstance(one, LookupDecision)]
        for found in findings_of(one_by_one(sent), asked, ()):
            self._findings.seen(_as_read(found), shares[found.id], self._check)

    def _compare(self, sent: list[Decision], asked: list[LookupDecision]) -> None:
        """Tells what is seen of approved servers otherwise than before, and keeps what is seen."""
        servers = [*(one.server for one in sent), *(one.server for one in asked)]
        history = self._sightings.of(one for one in servers if one is not None)
        past = compare(sent, asked, self._bench.books, self._locate, history=history, stamp=self._stamp)
        for found in past.findings:
            self._findings.holds(_as_read(found), self._check)
        self._sightings.add(past.seen)


_ENDS = ("src_ip", "dst_ip", "nat_src_ip", "nat_dst_ip")
_RECORDS = 40
"""Bits of a record's number within its file; the number of the file stands above them."""
_RECORD = (1 << _RECORDS) - 1
_SIDES = {OpenedBy.SENDER: "src", OpenedBy.RECEIVER: "dst"}
_STOOD = """
SELECT flow, side, verdict, reason, finding, share FROM decisions WHERE flow IN (SELECT value FROM json_each(?))
"""
_DECIDED = "UPDATE lookups SET verdict = ?, reason = ?, finding = ?, share = ? WHERE id = ?"
_ASKED = "SELECT id, verdict, reason, finding, share FROM lookups WHERE id IN (SELECT value FROM json_each(?))"


def _told_apart(row: Row) -> Row:
    """The row with record numbers that no other file has: files of one name are read after one another."""
    file = row[CURSOR] << _RECORDS
    return row | {name: row[name] + file for name in ("first_record", "last_record") if name in row}


class _Numbers:
    """Which kept row a decision is told by."""

    def __init__(self, rows: Mapping[int, Row]) -> None:
        told = {number: _told_apart(row) for number, row in rows.items()}
        self._at = {(row["source"], row["first_record"]): number for number, row in told.items()}

    def row(self, decision: Decision) -> int:
        """Its number."""
        ref = decision.transmission.ref
        return self._at[ref.source, ref.first_record]


def _as_read(found: Finding) -> Finding:
    """The finding with the record numbers that its files have."""
    return msgspec.structs.replace(
        found,
        evidence=tuple(
            msgspec.structs.replace(one, record=one.record & _RECORD, last_record=one.last_record & _RECORD)
            for one in found.evidence
        ),
        names=tuple(one if one.ref is None else _named_as_read(one, one.ref) for one in found.names),
    )


def _named_as_read(name: SeenName, ref: Ref) -> SeenName:
    read = Ref(ref.source, ref.first_record & _RECORD, ref.last_record & _RECORD, ref.offset)
    return msgspec.structs.replace(name, ref=read)


def _coverage(rows: Iterable[Row], streams: Mapping[str, Stream]) -> list[Coverage]:
    """What is known of each file that rows are of."""
    files = {row["source"]: row[STREAM] for row in rows}
    return [streams[stream].coverage(path) for path, stream in sorted(files.items())]


def _stands(one: Decision) -> _Stood:
    return _Stood(one.verdict.value, one.reasons[0].value, finding_of(one), share_of(one))


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()

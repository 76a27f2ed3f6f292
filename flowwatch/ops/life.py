"""The life of a finding over many checks: new, repeated, raised, changed, quiet.

A finding is kept with the sum of what every decision it tells adds to it (`Share`), so that a decision which later
evidence changes takes its share along; its words and evidence are those of its worst.

Promises: counts are of what stands now; a finding that nothing stands for any more is `changed`, never deleted, until
retention; what was sent stays sent: a finding that is not seen again is `quiet`, which is no "resolved".
"""

from collections.abc import Iterator

import msgspec

from flowwatch.judge import bytes_in_names
from flowwatch.model import Decision, Finding, Instant, Life, LookupDecision
from flowwatch.ops.state import State

_EVIDENCE = 20
_NAMES = 20
_SENDERS = 1000


class Share(msgspec.Struct, frozen=True):
    """What decisions add to their finding."""

    count: int = 0
    attempts: int = 0
    least: int = 0
    most: int = 0
    unbounded: int = 0
    """Of how many no most is known."""
    ranges: int = 0
    """Of how many the size is known only as a range."""
    acked: int = 0
    acks: int = 0
    """Of how many acknowledgements are known."""

    def plus(self, other: "Share", sign: int = 1) -> "Share":
        """Both together, or without the other."""
        ours, theirs = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Share(*(one + sign * two for one, two in zip(ours, theirs, strict=True)))

    def told(self, finding: Finding) -> Finding:
        """The finding with these counts."""
        return msgspec.structs.replace(
            finding,
            count=self.count,
            attempts=self.attempts,
            bytes_sent=self.least,
            bytes_most=None if self.unbounded else self.most,
            bytes_unknown=self.ranges,
            bytes_acked=self.acked if self.acks else None,
        )


def share_of(decision: Decision) -> Share:
    """What a decision on a transmission adds."""
    sent = decision.transmission
    return Share(
        count=1,
        attempts=int(sent.attempted),
        least=sent.sent.least,
        most=sent.sent.most or 0,
        unbounded=int(sent.sent.most is None),
        ranges=int(sent.sent.exact is None),
        acked=sent.acked or 0,
        acks=int(sent.acked is not None),
    )


def share_of_lookup(decision: LookupDecision, *, first: bool) -> Share:
    """What a decision on a lookup adds; `first`: its name was not yet counted among those that carried data."""
    carried = bytes_in_names([decision]) if first else 0
    return Share(count=1, least=carried, most=carried)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as it is kept."""

    finding: Finding
    share: Share
    life: Life
    first_check: int
    last_check: int
    """The last check in which something of it was seen."""


class Findings:
    """All findings of a state, changed within the caller's transaction."""

    def __init__(self, state: State) -> None:
        self._db = state.db

    def get(self, id_: str) -> Known | None:
        """A finding by its id."""
        row = self._db.execute(f"{_SELECT} WHERE id = ?", (id_,)).fetchone()
        return None if row is None else _known(row)

    def all(self, *lives: Life) -> Iterator[Known]:
        """The findings of these lives, most severe first, then by id."""
        rows = map(_known, self._db.execute(_SELECT).fetchall())
        wanted = (one for one in rows if not lives or one.life in lives)
        yield from sorted(wanted, key=lambda one: (-one.finding.severity.rank, one.finding.id))

    def seen(self, found: Finding, share: Share, check: int) -> None:
        """Adds what a check saw of a finding."""
        before = self.get(found.id)
        if before is None:
            self._keep(
                Known(finding=share.told(found), share=share, life=Life.NEW, first_check=check, last_check=check)
            )
            return
        total = before.share.plus(share)
        self._keep(
            Known(
                finding=total.told(_merged(before.finding, found)),
                share=total,
                life=_next(before, found, check),
                first_check=before.first_check,
                last_check=check,
            )
        )

    def holds(self, found: Finding, check: int) -> None:
        """A condition (silence, a missing source) that holds in this check; once however often it is told."""
        before = self.get(found.id)
        if before is None or before.last_check != check:
            self.seen(found, Share(count=1), check)

    def taken_back(self, id_: str, share: Share) -> None:
        """Takes the share of decisions that later evidence changed from the finding that told them."""
        before = self.get(id_)
        if before is not None:
            left = before.share.plus(share, -1)
            life = before.life if left.count else Life.CHANGED
            self._keep(msgspec.structs.replace(before, finding=left.told(before.finding), share=left, life=life))

    def hush(self, check: int, after: int) -> None:
        """What nothing was seen of in so many checks that came to their end, this one among them, becomes quiet."""
        statement = "SELECT number FROM checks WHERE ended IS NOT NULL AND number < ? ORDER BY number DESC LIMIT ?"
        done = [check, *(number for (number,) in self._db.execute(statement, (check, after - 1)))]
        for known in self.all(Life.NEW, Life.REPEATED, Life.RAISED) if len(done) == after else ():
            if known.last_check < done[-1]:
                self._keep(msgspec.structs.replace(known, life=Life.QUIET))

    def forget(self, before: Instant) -> None:
        """Drops what is quiet, or nothing stands for, and was last seen before."""
        self._db.execute("DELETE FROM findings WHERE life IN ('quiet', 'changed') AND last_seen < ?", (before,))
        self._db.execute("DELETE FROM told WHERE finding NOT IN (SELECT id FROM findings)")

    def _keep(self, known: Known) -> None:
        finding = known.finding
        self._db.execute(
            "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                finding.id,
                _json(finding),
                _json(known.share),
                finding.severity,
                known.life,
                known.first_check,
                known.last_check,
                finding.last_seen or 0,
            ),
        )


_SELECT = "SELECT body, share, life, first_check, last_check FROM findings"


def _known(row: tuple[str, str, str, int, int]) -> Known:
    body, share, life, first, last = row
    return Known(
        finding=msgspec.json.decode(body, type=Finding),
        share=msgspec.json.decode(share, type=Share),
        life=Life(life),
        first_check=first,
        last_check=last,
    )


def _next(before: Known, found: Finding, check: int) -> Life:
    """Seen again: within the same check it stays what it was there."""
    if before.last_check == check and before.life in (Life.NEW, Life.RAISED):
        return before.life
    return Life.RAISED if found.severity.rank > before.finding.severity.rank else Life.REPEATED


def _merged(one: Finding, other: Finding) -> Finding:
    """Both as one: the words of the worse, the first stands where they are alike; what was seen of both."""
    ranks = [(each.verdict.rank, each.severity.rank) for each in (one, other)]
    worse = other if ranks[1] > ranks[0] else one
    openers = {each.opened_by for each in (one, other)}
    return msgspec.structs.replace(
        worse,
        severity=max(one.severity, other.severity, key=lambda severity: severity.rank),
        first_seen=min((at for at in (one.first_seen, other.first_seen) if at is not None), default=None),
        last_seen=max((at for at in (one.last_seen, other.last_seen) if at is not None), default=None),
        senders=tuple(sorted({*one.senders, *other.senders})[:_SENDERS]),
        opened_by=one.opened_by if len(openers) == 1 else None,
        names=tuple({(name.evidence, name.name): name for name in (*other.names, *one.names)}.values())[:_NAMES],
        labels=tuple({label.name: label for label in (*other.labels, *one.labels)}.values()),
        notes=tuple(dict.fromkeys((*one.notes, *other.notes))),
        evidence=(*one.evidence, *(each for each in other.evidence if each not in one.evidence))[:_EVIDENCE],
    )


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()

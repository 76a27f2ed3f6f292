"""Copies: what one sender uploaded to a destination that is not on the list, and alike to others soon before or after.

Alike are sizes that differ by two in a hundred at the most, or by what names, cookies and certificates make of the same
file; below some KiB these are most of what is compared. The *same data* is said only of equal digests of bodies and
files (`payload_sha256`). An upload is one that its sender opened: what others fetch goes wherever they ask from.

Promises: approved uploads are never the cause, only named as one of the copies; the order of nothing matters; the work
grows with what is not approved, not with the recording. Refuses to tell apart what has no time, and, behind an address
translation, senders by size alone. One address, one listed server, one name whose answers give several addresses not on
the list is one destination.
"""

import bisect
import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from flowwatch.alike import Numbers, flags, isin
from flowwatch.judge.findings import EVIDENCE_MOST, evidence_of, id_of, merged_labels, service_of, where_of
from flowwatch.judge.night.heard import Night, Sides, unlisted
from flowwatch.judge.remedies import remedy_of
from flowwatch.model import (
    Amount,
    Check,
    Coverage,
    Decision,
    Evidence,
    Finding,
    Group,
    NameClass,
    OpenedBy,
    Reason,
    Rule,
    Sureness,
    Transmission,
    TransmissionColumns,
    Truth,
    Verdict,
)
from flowwatch.policy.windows import written

SPAN: Final = 600 * 10**9
"""Copies begin within ten minutes: a file that is sent on by hand or by a script goes at once, chance takes longer."""
SIZE_LEAST: Final = 8_192
"""Of payload compared by size: handshake and headers alone are one to three KiB."""
OVERHEAD: Final = 512
"""Bytes by which names, cookies and headers of the same upload differ from one server to the next."""
SHARE: Final = 50
"""One part in so many may differ, too: retransmitted requests and the framing of large files."""
DIGEST_LEAST: Final = 1_024
"""Of payload compared by digest: empty bodies and signs of life are equal everywhere."""
_LOOKED_AT_MOST = 256
"""Other destinations of ten minutes that an upload is held against."""
_ALIKE_MOST = 16
"""Uploads alike to one of them that it is held against."""
_OTHERS_MOST = 20
_ANSWERED = frozenset({NameClass.ANSWER_SAME_CLIENT, NameClass.ANSWER_OTHER_CLIENT, NameClass.ANSWER_STALE})


class _Upload(msgspec.Struct, frozen=True, gc=False):
    """A transmission that its sender opened, by what it is compared by."""

    decision: Decision
    where: str
    measure: tuple[bool, int] | None
    """Whether the size is exact, else the most, and the size; None where it is too small or has no bound."""
    digests: frozenset[str]

    @property
    def sent(self) -> Transmission:
        """The transmission."""
        return self.decision.transmission


class _Event(msgspec.Struct, frozen=True, gc=False):
    """An upload to a destination that is not on the list, and its copies: one a destination."""

    cause: _Upload
    copies: tuple[_Upload, ...]


def repeated(night: Night, coverage: Iterable[Coverage]) -> Iterator[Finding]:
    """One finding a zone of the same data, and one of uploads alike in size, that went elsewhere than approved, too."""
    causes = [one for one in night.unlisted if _uploaded(one) and _comparable(one.transmission)]
    sources = {one.source: one for one in coverage}
    events: dict[tuple[str, bool], list[_Event]] = {}
    for sender in _by_sender(night, causes) if causes else ():
        for one in sender.causes():
            for same, copies in sender.copies(one):
                events.setdefault((one.decision.sender_zone or "", same), []).append(_Event(one, copies))
    for (_, same), found in sorted(events.items()):
        yield _finding(found, sources, same=same)


def _uploaded(decision: Decision) -> bool:
    sent = decision.transmission
    opened = sent.opened_by is OpenedBy.SENDER and sent.responder_is_receiver
    return opened and sent.timed and not sent.attempted and decision.verdict is not Verdict.OUT_OF_SCOPE


def _comparable(sent: Transmission) -> bool:
    return _measure(sent) is not None or bool(sent.payload_sha256)


def _by_sender(night: Night, causes: Sequence[Decision]) -> list["_Sender"]:
    """Everything uploaded by those who sent something that is not approved."""
    uploads: dict[str, list[Decision]] = {one.transmission.sender_ip: [] for one in causes}
    for one in night.where(_uploaded, among=functools.partial(_near, [one.transmission for one in causes])):
        if one.transmission.sender_ip in uploads:
            uploads[one.transmission.sender_ip].append(one)
    sides = [Sides(book) for book in night.books.values()]
    return [_Sender(uploads[sender], sides) for sender in sorted(uploads)]


def _near(causes: Sequence[Transmission], columns: TransmissionColumns, places: Numbers) -> Numbers:
    """Places of what one of the causes' senders sent within ten minutes of it, of about that size or with digests.

    More may be kept than is alike, never less: sizes are compared in steps, of which alike ones are two apart at most.
    """
    numbers = {address: number for number, address in enumerate(columns.addresses)}
    own = [
        np.array([of(one) for one in causes], np.int64) for of in (lambda one: numbers[one.sender_ip], _start, _most)
    ]
    cell, step = own[1] // SPAN, _steps(own[2])
    wanted = np.concatenate([_packed(own[0], cell + beside, step + more) for beside in (-1, 0, 1) for more in _BESIDE])
    digests = [flags(columns.flows[f"{side}_payload_sha256"].is_valid()) for side in ("src", "dst")]
    kept = []
    for begin in range(0, len(places), _PORTION):
        some = places[begin : begin + _PORTION]
        row, sender = columns.row[some], columns.senders(some)
        perhaps = isin(_packed(sender, columns.start[row] // SPAN, _steps(columns.most[some])), wanted)
        known = np.where(columns.forth[some], *(side[row] for side in digests))
        kept.append((some[perhaps], some[known & np.isin(sender, own[0])]))
    alike, same = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    row = columns.row[alike]
    alike = alike[_alike(columns.senders(alike), columns.start[row], columns.most[alike], own)]
    return np.union1d(alike, same)


_PORTION = 1 << 18


def _alike(sender: Numbers, start: Numbers, size: Numbers, causes: Sequence[Numbers]) -> Numbers:
    """Which of these are of a size that is alike to that of a cause of the same sender within ten minutes."""
    order = np.lexsort((start, sender))
    sender, start, size = sender[order], start[order], size[order]
    found = np.zeros(len(order), np.bool_)
    for whose, when, most in zip(*(one.tolist() for one in causes), strict=True):
        first, last = np.searchsorted(sender, [whose, whose + 1])
        first, last = first + np.searchsorted(start[first:last], [when - SPAN, when + SPAN + 1])
        least, highest = _bounds(most)
        found[first:last] |= (size[first:last] >= least) & (size[first:last] <= highest)
    return order[found]


def _bounds(size: int) -> tuple[int, int]:
    """The least and the most that is alike."""
    return size - max(OVERHEAD, size // SHARE), max(size + OVERHEAD, size * SHARE // (SHARE - 1))


def _start(sent: Transmission) -> int:
    return sent.start


def _most(sent: Transmission) -> int:
    return -1 if sent.sent.most is None else sent.sent.most


def _steps(size: Numbers) -> Numbers:
    """Sizes in steps of what may differ."""
    shares = _LINEAR // OVERHEAD + np.log(np.maximum(size, 1) / _LINEAR) * SHARE
    return np.where(size < _LINEAR, size // OVERHEAD, shares).astype(np.int64)


def _packed(sender: Numbers, cell: Numbers, step: Numbers) -> Numbers:
    """One number of three; different ones may share it, which keeps too much, never too little."""
    packed: Numbers = (sender.astype(np.int64) * _MIX + cell) * _MIX + step
    return packed


_BESIDE = range(-2, 3)
_LINEAR = OVERHEAD * SHARE
"""From here on a share of the size is more than the overhead."""
_MIX = 1 << 21


_Places = dict[str, list[_Upload]]
"""Uploads by destination, in order of size."""


class _Sender:
    """The uploads of one address, found by size or digest and time."""

    def __init__(self, decisions: Iterable[Decision], sides: Sequence[Sides]) -> None:
        found = (_upload(one, sides) for one in decisions)
        self._uploads = sorted((one for one in found if one.measure is not None or one.digests), key=_by_size)
        self._alike: dict[tuple[bool, int], _Places] = {}
        self._same: dict[tuple[str, int], _Places] = {}
        """By digest and the ten minutes it began in; `_alike` by exactness and ten minutes."""
        for one in self._uploads:
            cell = one.sent.start // SPAN
            if one.measure is not None:
                self._alike.setdefault((one.measure[0], cell), {}).setdefault(one.where, []).append(one)
            for digest in one.digests:
                self._same.setdefault((digest, cell), {}).setdefault(one.where, []).append(one)

    def causes(self) -> Iterator[_Upload]:
        """What went to a destination that is not on the list."""
        return (one for one in self._uploads if unlisted(one.decision))

    def copies(self, one: _Upload) -> Iterator[tuple[bool, tuple[_Upload, ...]]]:
        """Whether they are the same data, and one copy of each other destination, where there are any.

        A destination that got the same data is not told again for the size.
        """
        same = _one_each(
            one, (self._same.get((digest, cell)) for digest in sorted(one.digests) for cell in _cells(one))
        )
        if same:
            yield True, tuple(same.values())
        if one.measure is None:
            return
        exact, size = one.measure
        least, most = _bounds(size)
        held = (self._alike.get((exact, cell)) for cell in _cells(one))
        alike = _one_each(one, held, least, most, but=same)
        if alike:
            yield False, tuple(alike.values())


def _one_each(
    one: _Upload,
    cells: Iterable[_Places | None],
    least: int = 0,
    most: int | None = None,
    but: Collection[str] = (),
) -> dict[str, _Upload]:
    """One copy of each of so many other destinations, of a size from `least` to `most`; the first cell goes first."""
    found: dict[str, _Upload] = {}
    for places in filter(None, cells):
        for where in itertools.islice(places, _LOOKED_AT_MOST):
            if len(found) == _OTHERS_MOST:
                return found
            if where == one.where or where in found or where in but:
                continue
            held = places[where]
            first = bisect.bisect_left(held, least, key=_size)
            alike = itertools.islice(held, first, first + _ALIKE_MOST)
            fitting = (two for two in alike if (most is None or _size(two) <= most) and _is_copy(one, two))
            copy = next(fitting, None)
            if copy is not None:
                found[where] = copy
    return found


def _upload(decision: Decision, sides: Sequence[Sides]) -> _Upload:
    """The decision with what it is compared by."""
    sent = decision.transmission
    translated = any(side.outside(sent.sender_ip) for side in sides)
    told = sent.payload_sha256 if sent.sent.weight >= DIGEST_LEAST else None
    return _Upload(decision, where_of(decision), None if translated else _measure(sent), frozenset(told or ()))


def _measure(sent: Transmission) -> tuple[bool, int] | None:
    """Sizes of which one is exact and one only bounded are not compared, nor what had begun before the recording."""
    size = sent.sent.most
    if size is None or size < SIZE_LEAST or sent.begun_before:
        return None
    return sent.sent.exact is not None, size


def _cells(one: _Upload) -> tuple[int, int, int]:
    """Every ten minutes in which an upload may have begun that lies within ten minutes of this one; its own first."""
    cell = one.sent.start // SPAN
    return cell, cell - 1, cell + 1


def _is_copy(one: _Upload, two: _Upload) -> bool:
    apart = one.where != two.where and one.sent.receiver_ip != two.sent.receiver_ip
    by_proxy = one.where != two.where and one.decision.asked is not None and two.decision.asked is not None
    soon = abs(one.sent.start - two.sent.start) <= SPAN
    return soon and (apart or by_proxy) and not _one_service(one.decision, two.decision)


def _one_service(one: Decision, two: Decision) -> bool:
    """Two addresses that answers give for one name; unless one of them is approved."""
    if Group.CONFORMS in (one.verdict.group, two.verdict.group):
        return False
    names = {name.name for name in one.transmission.names if name.evidence in _ANSWERED}
    return any(name.evidence in _ANSWERED and name.name in names for name in two.transmission.names)


def _size(one: _Upload) -> int:
    return one.measure[1] if one.measure is not None else 0


def _by_size(one: _Upload) -> tuple[object, ...]:
    return (_size(one), *_place(one))


def _place(one: _Upload) -> tuple[object, ...]:
    return (one.sent.start, one.sent.ref, one.sent.flow)


def _finding(events: Sequence[_Event], sources: Mapping[str, Coverage], *, same: bool) -> Finding:
    causes = _in_order(one.cause for one in events)
    uploads = _in_order([*causes, *(copy for one in events for copy in one.copies)])
    worst = max((one.decision for one in causes), key=lambda one: (one.verdict.rank, one.severity.rank))
    severity = max((one.decision.severity for one in causes), key=lambda one: one.rank)
    acked = [one.sent.acked for one in causes if one.sent.acked is not None]
    sent = Amount.total(one.sent.sent for one in causes)
    services = {service_of(one.sent) for one in causes}
    rule = Rule("defaults", "fanout", worst.rule.policy_id, worst.rule.policy_version) if worst.rule else None
    sureness, why = _confidence(events, same=same)
    return Finding(
        id=id_of(rule, Reason.REPEATED, worst.sender_zone, "the same data" if same else "alike in size"),
        kind=Reason.REPEATED,
        verdict=worst.verdict,
        severity=severity.lowered() if sureness is Sureness.LOW else severity,
        confidence=sureness,
        confidence_why=why,
        title=_title(worst.sender_zone, uploads, causes, same=same),
        first_seen=min(one.sent.start for one in causes),
        last_seen=max(one.sent.end for one in causes),
        count=len(causes),
        attempts=0,
        bytes_sent=sent.least,
        bytes_most=sent.most,
        bytes_unknown=sum(one.sent.sent.exact is None for one in causes),
        bytes_acked=sum(acked) if acked else None,
        sender_zone=worst.sender_zone,
        senders=tuple(sorted({one.sent.sender_ip for one in causes})),
        receiver=None,
        service=services.pop() if len(services) == 1 else None,
        labels=merged_labels(one.decision for one in causes),
        rule=rule,
        checks=tuple(_checks(uploads)),
        remedy=remedy_of(Reason.REPEATED),
        evidence=tuple(_evidence(uploads, sources)),
    )


def _in_order(uploads: Iterable[_Upload]) -> list[_Upload]:
    """Each once, in order of time."""
    return sorted({id(one): one for one in uploads}.values(), key=_place)


def _title(zone: str | None, uploads: Sequence[_Upload], causes: Sequence[_Upload], *, same: bool) -> str:
    everywhere, unlisted = len({one.where for one in uploads}), len({one.where for one in causes})
    what = "the same data" if same else "uploads alike in size"
    who = f"zone {zone}" if zone is not None else "a sender"
    some = "" if unlisted == everywhere else f", {unlisted} of them"
    return f"{who} sent {what} to {everywhere} destinations{some} not on the approved list: {Reason.REPEATED.sentence}"


def _checks(uploads: Sequence[_Upload]) -> Iterator[Check]:
    """The first upload to each destination, those not approved before the others."""
    first: dict[str, _Upload] = {}
    for one in sorted(uploads, key=lambda one: (one.decision.verdict.group is Group.CONFORMS, _place(one))):
        first.setdefault(one.where, one)
    for one in list(first.values())[:_OTHERS_MOST]:
        yield Check("copies", Truth.FALSE, "one destination", _observed(one), Reason.REPEATED)


def _observed(one: _Upload) -> str:
    """Where it went, how large it was, when it began and who sent it."""
    decision, sent = one.decision, one.sent
    conforms = decision.verdict.group is Group.CONFORMS
    used = next((name.name for name in sent.names if name.used), None)
    known = decision.asked or (decision.server if conforms else used)
    address = decision.destination[0]
    judged = decision.verdict.value.replace("_", " ")
    located = f", located {', '.join(decision.place.countries)}" if decision.place and decision.place.countries else ""
    size = f"{sent.sent.weight:,} bytes" if sent.sent.exact is not None else f"up to {sent.sent.weight:,} bytes"
    to = f"{known} at {address}" if known else address
    return f"{size} to {to} ({judged}{located}) at {written(sent.start)} from {sent.sender_ip}"


def _evidence(uploads: Sequence[_Upload], sources: Mapping[str, Coverage]) -> Iterator[Evidence]:
    """The record of each copy; beyond twenty those of what is not approved stay."""
    kept = sorted(uploads, key=lambda one: (one.decision.verdict.group is Group.CONFORMS, _place(one)))[:EVIDENCE_MOST]
    for one in _in_order(kept):
        yield evidence_of(one.sent, f"copy: {one.decision.verdict.value.replace('_', ' ')}", sources)


def _confidence(events: Iterable[_Event], *, same: bool) -> tuple[Sureness, str]:
    if same:
        return Sureness.HIGH, "the digests of what was sent are equal"
    if any(len(one.copies) > 1 for one in events):
        return Sureness.MEDIUM, "three or more uploads alike in size; what was sent was not compared"
    return Sureness.LOW, "two uploads alike in size; what was sent was not compared"

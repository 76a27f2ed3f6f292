"""Transmissions that no rule can tell apart: they are judged once, by the first of them.

Two are of one cohort where everything a rule of any version looks at is the same. What rules only compare with bounds
counts by where it lies among the bounds: times among the edges of windows and validities, sizes among the thresholds of
classifiers, the initiator's address among the networks that the policy names. All else counts as it is.

Promises: judging a cohort's first gives the verdict of each (`judge(list(sent))` is the oracle). Refuses to look at
what only words tell: the conditions of another member are to be written anew.
"""

import bisect
import datetime as dt
import itertools
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from flowwatch.alike import Flags, Numbers, among, at_once, flags, numbers, plain, together, words
from flowwatch.judge.rulebook import PRIVATE, Rulebook
from flowwatch.judge.scope import SPECIAL
from flowwatch.model import EARLIEST, LATEST, MOST_COUNTED, Instant, TransmissionColumns, Transmissions, asks_by_path
from flowwatch.policy.match import Cidr, Networks, address_key, inside_nat64
from flowwatch.policy.terms import Expectation, Window
from flowwatch.policy.windows import opening

_OF_FLOW = (
    *("proto", "dst_port", "app", "sni", "alpn", "tls_version", "ech", "cert_spki_sha256", "cert_issuer", "cert_names"),
    *("http_host", "http_method", "http_hosts", "name", "name_source", "tunnel", "tunnel_ends"),
)
"""What counts as it is."""
_DAY = 86_400 * 10**9
_ADDRESSED_BY_PORT = [67, 68, 546, 547]
"""Ports of address configuration, of which both sides' count (`scope`); one that is not told may be any."""
_NO_PORT = -1
_NOWHERE = Expectation()


def cohorts(sent: Transmissions, books: Sequence[Rulebook]) -> Numbers:
    """The number of each transmission's cohort, counted as they come; `books` are all that may judge them."""
    columns = sent.columns
    flows = columns.flows
    opened, answered = _Direction(columns, "src"), _Direction(columns, "dst")
    both = together(_of_both(columns, books), len(flows))
    opening = together(itertools.chain([both], _of_one(opened, books)), len(flows))
    answer = together(itertools.chain([opening], _of_one(answered, books)), len(flows))
    row = columns.row
    return together([np.where(columns.forth, opening[row], answer[row]), columns.forth.astype(np.int64)], len(sent))


class _Direction:
    """The transmissions of one direction."""

    def __init__(self, columns: TransmissionColumns, side: str) -> None:
        self.columns = columns
        self.side = side
        self.places = np.flatnonzero(columns.forth == (side == "src"))
        self._rows = columns.row[self.places]

    def by_flow(self, values: Numbers) -> Numbers:
        """By flow the value of its transmission of this direction, 0 where there is none; `values` is by place."""
        found = np.zeros(len(self.columns.flows), values.dtype)
        found[self._rows] = values
        return found


def _of_both(columns: TransmissionColumns, books: Sequence[Rulebook]) -> Iterator[Numbers]:
    """What counts of a flow, whichever direction; one column after the other, since each takes memory."""
    flows = columns.flows
    told = [flows[name] for name in _OF_FLOW if flows[name].null_count < len(flows)]
    yield from at_once(numbers, told)
    yield _by_value(flows["source"], lambda source: tuple(_sensor(book, source) for book in books))
    yield from _addresses(columns, _Networks(books))
    yield _initiator_ports(columns)
    yield from _times(columns, books)
    yield from _paths(flows, books)


def _of_one(direction: _Direction, books: Sequence[Rulebook]) -> Iterator[Numbers]:
    """What counts of one direction, 0 where there is nothing of it; an answer is judged with its opening."""
    columns, flows, side = direction.columns, direction.columns.flows, direction.side
    yield from (numbers(flows[f"{side}_{what}"]) for what in ("clear", "markers"))
    yield direction.by_flow(np.maximum(columns.answers[direction.places], 0))
    yield direction.by_flow(columns.recorded[direction.places])
    if columns.controls.any():
        yield direction.by_flow(columns.controls[direction.places])
    yield from _sizes(direction, books)
    terms = [term for book in books for one in book.policy.classifiers for term in one.any_]
    if any(term.file_sha256_list is not None for term in terms):
        yield numbers(flows[f"{side}_payload_sha256"])


def _sensor(book: Rulebook, source: str) -> str | None:
    sensor = book.vantages.of(source).sensor
    return None if sensor is None else sensor.id


def _by_value(column: pa.ChunkedArray, of: Callable[[str], object]) -> Numbers:
    """By row what its value comes to, asked once a value; 0 for null."""
    texts, which = words(column)
    return np.append(_known(map(of, texts)), np.int32(0))[which]


def _known(values: Iterable[object]) -> Numbers:
    """By value its number, from 1."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(one, len(known)) + 1 for one in values], np.int32)


def _initiator_ports(columns: TransmissionColumns) -> Numbers:
    """The initiator's port where a rule may look at it, and whether who opened the flow is only guessed."""
    flows, guessed = columns.flows, _guessed(columns)
    port = numbers(flows["src_port"])
    told = plain(flows["src_port"].cast(pa.int64()).fill_null(_NO_PORT))
    configuring = np.isin(told, [*_ADDRESSED_BY_PORT, _NO_PORT])
    counts = guessed | configuring | among(flows["proto"], ["icmp", "icmp6"])
    return np.where(counts, port + 1, 0) * 2 + guessed


def _guessed(columns: TransmissionColumns) -> Flags:
    """Who opened the flow is only guessed (`opener_guessed`)."""
    basis = columns.flows["direction_basis"]
    return columns.begun_before & (among(basis, ["first_record"]) | ~flags(basis.is_valid()))


# Addresses


def _addresses(columns: TransmissionColumns, networks: "_Networks") -> Iterator[Numbers]:
    """The responder's address as it is, the initiator's by the networks of the policy, unless its place counts.

    Where who opened the flow is only guessed, the initiator may be the proxy that was asked for that very address.
    """
    yield columns.dst + 1
    yield np.where(_guessed(columns), columns.src + 1, 0)
    yield _known(map(networks.between, columns.addresses))[columns.src]


class _Networks:
    """Where an address lies among all networks that rules name."""

    def __init__(self, books: Sequence[Rulebook]) -> None:
        self._placed = Networks(
            (cidr, True)
            for book in books
            for server in book.policy.servers
            if server.expect != _NOWHERE
            for cidr in server.match.cidrs
        )
        points: dict[int, set[int]] = {4: set(), 6: set()}
        named = (cidr for book in books for cidr in _named(book.policy))
        for cidr in (*named, *SPECIAL, *map(Cidr.parse, PRIVATE)):
            points[cidr.version] |= {cidr.first, cidr.last + 1}
        for version, address in (one for book in books for one in book.broadcasts):
            points[version] |= {address, address + 1}
        self._points = {version: sorted(found) for version, found in points.items()}

    def between(self, address: str) -> object:
        """Equal where no network holds one address and not the other; the address itself where its place counts."""
        key = address_key(address)
        if key is None or self._placed.lookup(address):
            return address
        inner = inside_nat64(key)
        return tuple((version, bisect.bisect(self._points[version], at)) for version, at in filter(None, (key, inner)))


def _named(part: object) -> Iterator[Cidr]:
    """Every network in a policy."""
    if isinstance(part, Cidr):
        yield part
    elif isinstance(part, msgspec.Struct):
        for name in part.__struct_fields__:
            yield from _named(getattr(part, name))
    elif isinstance(part, tuple | list):
        for one in part:
            yield from _named(one)


# Times


def _times(columns: TransmissionColumns, books: Sequence[Rulebook]) -> Iterator[Numbers]:
    """Begin and end among the instants at which a rule changes."""
    flows = columns.flows
    if not len(flows):
        return
    days = np.unique(np.concatenate([columns.start, columns.end]) // _DAY).tolist()
    edges = np.array(sorted(set(_edges(books, days, columns.recorded_since))), np.int64)
    for times in (columns.start, columns.end):
        yield np.searchsorted(edges, times, side="right")
    yield columns.timed.astype(np.int64) * 2 + columns.begun_before
    errors = {sensor.clock_error.ns for book in books for sensor in book.policy.sensors} - {0}
    if errors and len(books) > 1:  # which version is nearer is a matter of nanoseconds there
        yield from _near(columns, books, max(errors))


def _near(columns: TransmissionColumns, books: Sequence[Rulebook], error: int) -> Iterator[Numbers]:
    ends = (getattr(book.policy.policy, name) for book in books for name in ("valid_from", "valid_until"))
    edges = [at for at in ends if at is not None]
    for times in (columns.start, columns.end):
        close = np.zeros(len(times), np.bool_)
        for at in edges:
            close |= (times >= at - 2 * error) & (times <= at + 2 * error)
        yield np.where(close, numbers(pa.array(times)), 0)


def _edges(books: Sequence[Rulebook], days: Sequence[int], since: Iterable[Instant]) -> Iterator[Instant]:
    """Every instant from which on a rule may hold that did not before, or no longer does, around some days."""
    return (at for at in _instants(books, days, since) if EARLIEST <= at <= LATEST)


def _instants(books: Sequence[Rulebook], days: Sequence[int], since: Iterable[Instant]) -> Iterator[int]:
    for book in books:
        policy, errors = book.policy, {0}
        for sensor in policy.sensors:
            errors |= {sensor.clock_error.ns, -sensor.clock_error.ns}
        told = [*_declared(book), *_daily(book, days, max(errors))]
        yield from (at + error for at in told for error in errors)
        yield from (at + policy.defaults.dns_binding.ttl_cap.ns for at in since)
        if any(server.expect != _NOWHERE for server in policy.servers):  # data ages by days
            yield from (day * _DAY for day in days)


def _declared(book: Rulebook) -> Iterator[Instant]:
    policy = book.policy
    told = [policy.policy.valid_from, policy.policy.valid_until]
    for window in (window for channel in policy.channels for window in channel.when):
        told += [window.from_, window.until]
    for exception in policy.exceptions:
        told += [exception.from_, exception.until]
    for place in policy.places:
        told += [place.from_, place.until]
    yield from (at for at in told if at is not None)


def _daily(book: Rulebook, days: Sequence[int], error: int) -> Iterator[Instant]:
    """The instants at which daily windows open and close around the days."""
    zone = zoneinfo.ZoneInfo(book.policy.policy.timezone)
    windows = {_clocked(window) for channel in book.policy.channels for window in channel.when if window.days}
    if not windows:
        return
    around = range(-3 - error // _DAY, 4 + error // _DAY)
    for day in sorted({day + near for day in days for near in around}):
        for window in windows:
            yield from opening(window, _EPOCH + dt.timedelta(days=day), zone)


_EPOCH = dt.date(1970, 1, 1)


def _clocked(window: Window) -> Window:
    """The hours alone: many windows share them."""
    return Window(start=window.start, end=window.end)


# Sizes and paths


def _sizes(direction: _Direction, books: Sequence[Rulebook]) -> Iterator[Numbers]:
    """Whether it was sent or only tried, and how much among the thresholds that rules compare it with."""
    terms = [term for book in books for one in book.policy.classifiers for term in one.any_]
    bounds = {book.policy.defaults.unread_min for book in books}
    bounds |= {term.bytes_out_min for term in terms if term.bytes_out_min is not None}
    limits = (channel.limits for book in books for channel in book.channels)
    bounds |= {one.bytes_out_per_flow + 1 for one in limits if one is not None and one.bytes_out_per_flow is not None}
    edges = np.array(sorted(min(one, MOST_COUNTED) for one in bounds), np.int64)
    columns, places = direction.columns, direction.places
    yield direction.by_flow(1 + columns.attempted[places].astype(np.int32))
    for amount in (columns.least[places], columns.most[places]):
        yield direction.by_flow(np.where(amount < 0, len(edges) + 1, np.searchsorted(edges, amount, side="right")))


def _paths(flows: pa.Table, books: Sequence[Rulebook]) -> Iterator[Numbers]:
    """Paths, as far as classifiers and proxies look at them."""
    terms = [term for book in books for one in book.policy.classifiers for term in one.any_]
    prefixes = sorted({term.http_path for term in terms if term.http_path is not None})
    yield _by_value(flows["http_path"], lambda path: (asks_by_path(path), *map(path.startswith, prefixes)))
    yield np.where(among(flows["http_method"], ["CONNECT"]), numbers(flows["http_path"]), 0)

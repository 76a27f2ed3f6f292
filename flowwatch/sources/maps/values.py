"""Values of a map's records as columns of the two tables: a small closed set of conversions.

Which conversion a column has follows from the column, save the unit of times and the words of enumerations. A value
that says something and is not of its type refuses its record (`bad_field:COLUMN`, `bad_timestamp`); one that says
nothing is null.
"""

import functools
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model.records import FLOWS, LOOKUPS
from flowwatch.sources import text
from flowwatch.sources.columns import by_value, instants
from flowwatch.sources.maps import answers, times, words
from flowwatch.sources.maps.language import Field, Rows, field
from flowwatch.sources.maps.splitting import Row, at_path
from flowwatch.sources.maps.times import Times


class Made:
    """Columns of the rows; `refused` has the reason codes, `unnamed` marks what has no name or lacks an address."""

    def __init__(
        self, rows: Rows, places: Sequence[tuple[int, int | None, Row]], nulls: frozenset[str], read: Times
    ) -> None:
        self._rows = rows
        self._times = read
        self._values = [row for _, _, row in places]
        self._nulls = nulls
        count = len(places)
        self.refused = pa.nulls(count, pa.utf8())
        self.number = pa.array([place[0] for place in places], pa.uint64())
        self.offset = pa.array([place[1] for place in places], pa.uint64())
        self.basis: pa.StringArray = pa.repeat("none", count)
        """How the time of each row was read, as `time_basis`."""
        self.unnamed = pa.repeat(pa.scalar(value=False), count)
        self.cut = 0
        """How many rows have an answer that is cut, which is left out."""
        schema = FLOWS if rows.table == "flows" else LOOKUPS
        fields = {name: field(value) for name, value in rows.fields.items()}
        spans = [name for name, one in fields.items() if one.after or one.before]
        self.columns: dict[str, pa.Array] = {}
        for name in [*(name for name in fields if name not in spans), *spans]:
            self.columns[name] = self._column(name, fields[name], schema.field(name).type)
        if rows.table == "flows":
            self._flows()
        else:
            self._lookups()

    def _flows(self) -> None:
        count = len(self._values)
        self.unnamed = pc.is_null(self.columns["src_ip"])
        if not self._rows.of_proxy:
            self.unnamed = pc.or_(self.unnamed, pc.is_null(self.columns["dst_ip"]))
        self.columns |= {"first_record": self.number, "last_record": self.number, "first_offset": self.offset}
        self.columns["parts"] = pa.repeat(pa.scalar(1, pa.uint32()), count)
        self.columns.setdefault("direction_basis", pa.repeat("log", count))
        if "start" in self.columns:
            self._untimed(self.columns["start"])
        if "end" in self.columns:
            self._refuse(pc.less(self.columns["end"], self.columns["start"]), "bad_timestamp")
        if self._rows.orientation == "record":
            self._orient()

    def _lookups(self) -> None:
        self.columns |= {"record": self.number, "offset": self.offset}
        names = self.columns["qname"]
        self.unnamed = pc.is_null(names)
        self.columns["name_exact"] = by_value(names, self._exact, pa.bool_())
        if "time" in self.columns:
            self._untimed(self.columns["time"])
        self.columns["time_basis"] = self.basis

    def _exact(self, name: str) -> bool:
        return text.exact(name) and not set(self._rows.lossy) & set(name)

    def _untimed(self, times: pa.Array) -> None:
        """Refuses rows that have a time which is none; a line that never had one is noted (`none`)."""
        self._refuse(pc.and_(pc.is_null(times), pc.not_equal(self.basis, "none")), "bad_timestamp")

    def _orient(self) -> None:
        """A record of what the responder sent becomes a row of its initiator with the bytes on the other side."""
        count = len(self._values)
        none = pa.nulls(count, pa.uint16())
        ports = [pc.fill_null(self.columns.get(name, none), 0) for name in ("src_port", "dst_port")]
        served = pc.and_(pc.and_(pc.greater(ports[0], 0), pc.less(ports[0], 1024)), pc.greater_equal(ports[1], 1024))
        serving = pc.and_(pc.and_(pc.greater(ports[1], 0), pc.less(ports[1], 1024)), pc.greater_equal(ports[0], 1024))
        begun, acknowledged = self._flags()
        answered = pc.and_(begun, acknowledged)
        swapped = pc.if_else(begun, answered, served)
        guessed = pc.if_else(pc.or_(served, serving), "port", "first_record")
        self.columns["direction_basis"] = pc.if_else(begun, "handshake", guessed)
        for one, other in (("src_ip", "dst_ip"), ("src_port", "dst_port")):
            if one in self.columns and other in self.columns:
                ours, theirs = self.columns[one], self.columns[other]
                self.columns[one] = pc.if_else(swapped, theirs, ours)
                self.columns[other] = pc.if_else(swapped, ours, theirs)
        for ending in ("bytes", "packets"):
            if f"src_{ending}" in self.columns:
                sent = self.columns[f"src_{ending}"]
                back = self.columns.get(f"dst_{ending}", pa.nulls(count, sent.type))
                self.columns[f"dst_{ending}"] = pc.if_else(swapped, sent, back)
                self.columns[f"src_{ending}"] = pc.if_else(swapped, back, sent)

    def _flags(self) -> tuple[pa.BooleanArray, pa.BooleanArray]:
        """Whether the record shows SYN, and whether ACK."""
        paths = self._rows.flags
        if isinstance(paths, tuple):
            syn, ack = (pc.is_in(self._texts((path,)), pa.array(["1", "true"])) for path in paths)
            return syn, ack
        flags = pc.fill_null(by_value(self._texts((paths,) if paths else ()), words.tcp_flags, pa.uint64()), 0).cast(
            pa.int64()
        )
        syn, ack = (
            pc.equal(pc.bit_wise_and(flags, bit), bit) for bit in (words.TCP_FLAGS["SYN"], words.TCP_FLAGS["ACK"])
        )
        return syn, ack

    def _column(self, name: str, one: Field, kind: pa.DataType) -> pa.Array:
        if one.const is not None:
            constant = pa.scalar(int(one.const), kind) if name == "sampled" else pa.scalar(one.const)
            return pa.repeat(constant, len(self._values))
        if one.message or name == "answers":
            return self._of_messages(name, one, kind) if one.message else self._answers(one, kind)
        texts = self._texts(one.paths, one.prefix)
        if one.nulls:
            texts = pc.if_else(pc.is_in(texts, pa.array(one.nulls)), None, texts)
        if one.unless:
            other = self._texts((one.unless,))
            texts = pc.if_else(pc.fill_null(pc.equal(texts, other), fill_value=False), None, texts)
        if one.part is not None:
            texts = by_value(texts, functools.partial(words.part, one.part))
        if one.words is not None:
            return by_value(texts, one.words.get)
        if pa.types.is_duration(kind):
            return self._checked(name, texts, times.spans(str(one.unit), texts).cast(kind))
        if pa.types.is_timestamp(kind):
            return self._time(name, one, texts) if one.unit else self._spanned(one, texts)
        change = (
            words.count
            if pa.types.is_uint64(kind)
            else words.port
            if pa.types.is_uint16(kind)
            else words.of_column(name)
        )
        change = words.counted if one.counted else change
        made = by_value(texts, change, kind if pa.types.is_integer(kind) else None)
        return self._less(name, self._checked(name, texts, made), one.minus)

    def _less(self, name: str, counts: pa.Array, part: str | None) -> pa.Array:
        """The counts without the part that stands at another path; null where either is."""
        if part is None:
            return counts
        texts = self._texts((part,))
        parts = self._checked(name, texts, by_value(texts, words.count, counts.type))
        more = pc.fill_null(pc.greater(parts, counts), fill_value=False)
        self._refuse(more, f"bad_field:{name}")
        return pc.subtract(counts, pc.if_else(more, 0, parts))

    def _time(self, name: str, one: Field, texts: pa.StringArray) -> pa.Array:
        times, basis = self._times.read(one.unit or (), texts)
        if name in ("start", "time") or (name == "end" and not self._tells_start()):
            self.basis = basis
        code = "date_order" if self._times.ambiguous(one.unit or ()) else "bad_timestamp"
        self._refuse(pc.and_(pc.is_valid(texts), pc.is_null(times)), code)
        return instants(times)

    def _tells_start(self) -> bool:
        """The start is told itself, not as a span before the end."""
        return "start" in self._rows.fields and not field(self._rows.fields["start"]).before

    def _spanned(self, one: Field, texts: pa.StringArray) -> pa.Array:
        """A time that lies a span after the start, or before the end."""
        length = times.spans(one.after or one.before or "", texts)
        self._refuse(pc.and_(pc.is_valid(texts), pc.is_null(length)), "bad_timestamp")
        ends = ("start", "time") if one.after else ("end", "time")
        end = next((self.columns[name] for name in ends if name in self.columns), pa.nulls(len(texts), pa.int64()))
        end = end.cast(pa.int64())
        found = pc.add(end, length) if one.after else pc.subtract(end, pc.fill_null(length, 0))
        self._refuse(pc.less(found, 0), "bad_timestamp")
        return instants(found)

    def _answers(self, one: Field, kind: pa.DataType) -> pa.Array:
        found = [_first(row, one.paths) for row in self._values]
        if one.answers == "chain":
            found = [None if isinstance(value, str) and value in self._nulls else value for value in found]
        made = [None if value is None else answers.answers_of(value, one) for value in found]
        if one.answers in ("ended", "typed"):
            self.cut = sum(answers.cut(value, one.answers) for value in found)
        bad = pa.array([value is not None and got is None for value, got in zip(found, made, strict=True)], pa.bool_())
        self._refuse(bad, "bad_field:answers")
        return pa.array(made, kind)

    def _of_messages(self, name: str, one: Field, kind: pa.DataType) -> pa.Array:
        texts = self._texts(one.paths).to_pylist()
        found = [None if told is None else answers.message_of(told, one.message) for told in texts]
        bad = [told is not None and message is None for told, message in zip(texts, found, strict=True)]
        self._refuse(pa.array(bad, pa.bool_()), f"bad_field:{name}")
        return pa.array([message and getattr(message, name) for message in found], kind)

    def texts(self, paths: Sequence[str]) -> list[tuple[str | None, ...]]:
        """Of each row the values at these paths."""
        return [tuple(self._told(row, (path,)) for path in paths) for row in self._values]

    def _texts(self, paths: Sequence[str], prefix: str = "") -> pa.StringArray:
        """The first value that says something, as text."""
        found = [self._told(row, paths) for row in self._values]
        return pa.array([one and one.removeprefix(prefix) for one in found] if prefix else found, pa.utf8())

    def _told(self, row: Row, paths: Sequence[str]) -> str | None:
        for path in paths:
            told = words.as_text(at_path(row, path))
            if told is not None and told not in self._nulls:
                return told
            if "+" in path and (together := [said for one in path.split("+") if (said := self._told(row, (one,)))]):
                return " ".join(together)
        return None

    def _checked(self, name: str, texts: pa.StringArray, column: pa.Array) -> pa.Array:
        self._refuse(pc.and_(pc.is_valid(texts), pc.is_null(column)), f"bad_field:{name}")
        return column

    def _refuse(self, bad: pa.BooleanArray, code: str) -> None:
        if pc.any(bad).as_py():
            self.refused = pc.coalesce(self.refused, pc.if_else(bad, code, pa.scalar(None, pa.utf8())))


def _first(row: Row, paths: Sequence[str]) -> object:
    return next((value for path in paths if (value := at_path(row, path)) is not None), None)

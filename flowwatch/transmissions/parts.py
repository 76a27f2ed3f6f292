"""Records that are parts of one connection become its one row: a table of FLOWS in, a table of FLOWS out.

An exporter cuts a long connection into records (NetFlow's active timeout, a cloud's interval), counts on in each of
them, or tells each direction apart. Parts of one source belong together by connection id, else by their two ends and
time: within the idle timeout (120 s, TCP 3600 s, as in captures) and until an opening of TCP begins another connection.

| `counter` | counts of the parts |
|---|---|
| `delta`, `single_packet` | added |
| `cumulative` | the largest |
| `final` | whole already; a one-way record is added to that of the other direction |

Promises: rows that are whole stay as they are; null counts stay null unless a part knows; what was denied in part was
not denied; `parts` says how many records; the order of rows changes nothing. The initiator is what a handshake shows,
else the log's own, else by port (below 1024, or outside the range that systems give out), else the record that began
first. Refuses to look at other sources: what several of them tell of a connection is never added (`connections`).
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.model import FLOWS, MOST_COUNTED

_SECOND = 10**9
IDLE = {"tcp": 3600 * _SECOND}
OTHER_IDLE = 120 * _SECOND
_RESENT = 127 * _SECOND
"""An opening is sent again for so long (six times, RFC 6298 2): packets logged one by one are one attempt."""
_GIVEN_OUT = 32768
"""From here on systems give ports to those who open connections (Linux; RFC 6335 has 49152)."""
_ADDED = ("delta", "single_packet")
_COUNTS = ("packets", "bytes", "payload", "acked")
_SIDED = (*_COUNTS, "markers", "clear", "payload_sha256")
_DIGESTS = ("src_payload_sha256", "dst_payload_sha256")
_SUMS = (*(f"{side}_{what}" for side in ("src", "dst") for what in _COUNTS), "bytes_total", "missing_bytes")
BASES = ("handshake", "request", "log", "peer_record", "port", "first_record")
"""How an initiator was decided, surest first."""
_OPENED = ("S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "SH")


def whole(flows: pa.Table) -> pa.Table:
    """The same connections, each source's parts of one merged; rows are in no promised order."""
    flows = _counted(flows)
    if _all_whole(flows):
        return flows
    partial = _partial(flows)
    if not pc.any(partial).as_py():
        return flows
    found = [flows.filter(pc.invert(partial)), *map(_joined_parts, _shares(flows.filter(partial)))]
    return pa.concat_tables(found).unify_dictionaries()


def _counted(flows: pa.Table) -> pa.Table:
    """A count that is larger than tables hold is the largest: no reader gives such a one."""
    most = pa.scalar(MOST_COUNTED, pa.uint64())
    for place, name in enumerate(flows.column_names):
        if name in _SUMS and pc.any(pc.greater(flows[name], most)).as_py():
            flows = flows.set_column(place, flows.field(name), pc.min_element_wise(flows[name], most, skip_nulls=False))
    return flows


def _all_whole(flows: pa.Table) -> bool:
    """Captures count payload and put their own parts together."""
    return not flows["src_payload"].null_count and set(flows["counter"].unique().to_pylist()) <= {"final"}


_SHARE = 1 << 20
"""Rows that are looked at together, so that sorting them takes little memory."""


def _shares(parts: pa.Table) -> Iterator[pa.Table]:
    """The rows in shares, those between two addresses always in one."""
    count = len(parts) // _SHARE + 1
    if count == 1:
        yield parts
        return
    codes = pc.fill_null(_joined(parts["src_ip"], parts["dst_ip"]).indices.cast(pa.int64()), -1)
    pair = pc.add(codes.slice(0, len(parts)), codes.slice(len(parts)))
    share = pc.subtract(pair, pc.multiply(pc.divide(pair, count), count))
    for one in range(count):
        yield parts.filter(pc.equal(share, one))


def _joined_parts(parts: pa.Table) -> pa.Table:
    if not len(parts):
        return parts
    parts = _in_order(parts)
    connection = _connections(parts)
    several = _several(connection)
    if not pc.any(several).as_py():
        return parts.select(FLOWS.names)
    merged = _merged(parts.filter(several), connection.filter(several))
    return pa.concat_tables([parts.select(FLOWS.names).filter(pc.invert(several)), merged])


def _partial(flows: pa.Table) -> pa.ChunkedArray:
    """Rows that may be parts: counted on or added up, or final and of one direction."""
    counter = pc.fill_null(flows["counter"], "")
    silent = [
        pc.equal(pc.fill_null(pc.coalesce(flows[f"{side}_packets"], flows[f"{side}_bytes"]), 0), 0) for side in _SIDES
    ]
    one_way = pc.and_(pc.equal(counter, "final"), pc.and_(pc.xor(*silent), pc.is_null(flows["state"])))
    uncounted = pc.is_null(pc.coalesce(flows["src_payload"], flows["dst_payload"], flows["src_acked"]))
    counted = (pc.is_null(pc.coalesce(flows[f"{side}_packets"], flows[f"{side}_bytes"])) for side in _SIDES)
    unnamed = pc.or_(pc.is_null(flows["conn_id"]), pc.xor(*counted))  # those with a name count both, be it nothing
    one_way = pc.and_(one_way, pc.and_(unnamed, uncounted))  # captures have put theirs together
    return pc.or_(pc.is_in(counter, pa.array([*_ADDED, "cumulative"])), one_way)


_SIDES = ("src", "dst")


def _in_order(parts: pa.Table) -> pa.Table:
    """The parts sorted by source, ends and time, with what they are told apart by as columns of numbers."""
    codes = pc.fill_null(_joined(parts["src_ip"], parts["dst_ip"]).indices.cast(pa.int64()), -1)
    count = len(parts)
    ports = [pc.if_else(_ported(parts), parts[f"{side}_port"], None) for side in _SIDES]
    src, dst = (_end(codes.slice(at, count), port) for at, port in zip((0, count), ports, strict=True))
    times = [parts[name].cast(pa.int64()) for name in ("start", "end")]
    start = pc.fill_null(pc.coalesce(*times), 0)
    parts = parts.append_column("_lo", pc.min_element_wise(src, dst))
    parts = parts.append_column("_hi", pc.max_element_wise(src, dst))
    parts = parts.append_column("_forth", pc.less_equal(src, dst))
    parts = parts.append_column("_start", start)
    parts = parts.append_column("_end", pc.max_element_wise(start, pc.coalesce(*times[::-1])))
    parts = parts.append_column("_opens", _opens(parts).cast(pa.int8()))
    for name in ("source", "proto", "conn_id"):
        parts = parts.append_column(f"_{name}", _codes(parts[name]))
    keys = [(name, "ascending") for name in (*_TOLD_APART, "_start")]
    order = pc.sort_indices(parts, [*keys, ("_opens", "descending"), ("first_record", "ascending")])
    return pa.Table.from_arrays([_taken(column, order) for column in parts.columns], schema=parts.schema)


_TOLD_APART = ("_source", "_proto", "_lo", "_hi", "_conn_id")


def _codes(column: pa.ChunkedArray) -> pa.Array:
    """A number a distinct value, -1 for null; which number says nothing."""
    return pc.fill_null(_encoded(column).indices.cast(pa.int64()), -1)


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """The words of a column, in one dictionary."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = encoded.unify_dictionaries().combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def _ported(parts: pa.Table) -> pa.ChunkedArray:
    """The row has ports: ICMP has type and code in their place, which differ by direction."""
    return pc.invert(pc.is_in(parts["proto"], pa.array(["icmp", "icmp6"])))


def _end(codes: pa.Array, ports: pa.ChunkedArray) -> pa.ChunkedArray:
    """An address and its port as one number."""
    return pc.add(pc.multiply(codes, 1 << 17), pc.fill_null(pc.add(ports.cast(pa.int64()), 1), 0))


def _opens(parts: pa.Table) -> pa.ChunkedArray:
    """The row shows the opening of a TCP connection, from who opened it."""
    shown = pc.or_(
        pc.equal(pc.fill_null(parts["direction_basis"], ""), "handshake"),
        pc.is_in(parts["state"], pa.array(_OPENED)),
    )
    initiator = pc.is_valid(pc.coalesce(parts["src_packets"], parts["src_bytes"], parts["src_payload"]))
    return pc.and_(pc.and_(pc.equal(parts["proto"], "tcp"), initiator), shown)


def _connections(parts: pa.Table) -> pa.Array:
    """The number of each part's connection, rising."""
    count = len(parts)
    columns = {
        name: parts[name].combine_chunks() for name in (*_TOLD_APART, "_start", "_end", "_opens", "counter", "proto")
    }
    another = _changes(*(columns[name] for name in _TOLD_APART))
    since = pc.subtract(columns["_start"].slice(1), _latest(another, columns["_end"]).slice(0, count - 1))
    since = pa.concat_arrays([pa.array([0], pa.int64()), since])
    tcp = pc.equal(columns["proto"], "tcp")
    idle = pc.greater(since, pc.if_else(tcp, IDLE["tcp"], OTHER_IDLE))
    idle = pc.and_(idle, pc.equal(columns["_conn_id"], -1))
    single = pc.equal(pc.fill_null(columns["counter"], ""), "single_packet")
    opens = pc.and_(pc.equal(columns["_opens"], 1), pc.equal(columns["_conn_id"], -1))
    opens = pc.and_(opens, pc.or_(pc.invert(single), pc.greater(since, _RESENT)))
    again = pc.and_(pc.equal(pc.fill_null(columns["counter"], ""), "final"), _same_way(parts))
    return _numbered(pc.or_(pc.or_(another, idle), pc.or_(opens, again)))


def _same_way(parts: pa.Table) -> pa.Array:
    """The row counts the same direction as the row before."""
    forth = pc.xor(parts["_forth"], pc.is_null(pc.coalesce(parts["src_packets"], parts["src_bytes"]))).combine_chunks()
    same = pc.equal(forth.slice(1), forth.slice(0, len(forth) - 1))
    return pa.concat_arrays([pa.array([False]), same])


def _changes(*columns: pa.Array) -> pa.Array:
    """True where one of the columns differs from the row before; of the first row too."""
    found = None
    for column in columns:
        differs = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1))
        found = differs if found is None else pc.or_(found, differs)
    return pa.concat_arrays([pa.array([True]), found])


def _numbered(first: pa.Array) -> pa.Array:
    return pc.cumulative_sum(first.cast(pa.int64()))


def _latest(first: pa.Array, ends: pa.Array) -> pa.Array:
    """The latest end so far among the rows since the last `first`.

    Ends are compared by their place in order, so that a running maximum of one number keeps the runs apart.
    """
    distinct = pc.unique(ends)
    distinct = distinct.take(pc.sort_indices(distinct))
    places = pc.index_in(ends, distinct).cast(pa.int64())
    base = pc.multiply(_numbered(first), len(distinct))
    return distinct.take(pc.subtract(pc.cumulative_max(pc.add(base, places)), base))


def _several(connection: pa.Array) -> pa.Array:
    """The row is not its connection's only one."""
    count = len(connection)
    same = pc.equal(connection.slice(1), connection.slice(0, count - 1))
    no = pa.array([False])
    return pc.or_(pa.concat_arrays([no, same]), pa.concat_arrays([same, no]))


def _merged(parts: pa.Table, connection: pa.Array) -> pa.Table:
    """One row a connection."""
    number = pc.subtract(_numbered(_changes(connection)), 1)
    forth, basis = _initiators(parts, number)
    flipped = pc.not_equal(parts["_forth"].combine_chunks(), forth.take(number))
    parts = _turned(parts, flipped)
    parts, denied = _denials(parts, number)
    firsts = _first_valid(parts, number)
    sums = _sums(parts, number)
    spans = _grouped(parts, number, [("_start", "min"), ("_end", "max"), ("last_record", "max"), ("parts", "sum")])
    sampled = _grouped(parts, number, [("sampled", "max")])["sampled_max"]
    made = {
        "start": spans["_start_min"].cast(FLOWS.field("start").type),
        "end": spans["_end_max"].cast(FLOWS.field("end").type),
        "last_record": spans["last_record_max"],
        "parts": pc.min_element_wise(spans["parts_sum"], (1 << 32) - 1).cast(pa.uint32()),
        "direction_basis": basis,
        "sampled": sampled,
        "action": pc.if_else(denied, "deny", firsts["action"]),
        **sums,
        **{name: _every(parts[name], number, len(firsts)) for name in _DIGESTS},
    }
    untimed = pc.is_null(firsts["start"])
    made["start"], made["end"] = (pc.if_else(untimed, firsts[name], made[name]) for name in ("start", "end"))
    return pa.Table.from_arrays([made.get(name, firsts[name]) for name in FLOWS.names], schema=firsts.schema)


def _initiators(parts: pa.Table, number: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(the initiator is the lower end, how that was decided) of each connection."""
    basis = pc.fill_null(parts["direction_basis"], "first_record").combine_chunks()
    src, dst = (pc.fill_null(parts[f"{side}_port"].cast(pa.int64()), 0).combine_chunks() for side in _SIDES)
    fixed = [pc.and_(pc.greater(one, 0), pc.less(one, _GIVEN_OUT)) for one in (src, dst)]
    guessed = pc.and_(pc.equal(basis, "first_record"), pc.xor(*fixed))
    guessed = pc.and_(guessed, _ported(parts).combine_chunks())
    forth = pc.xor(parts["_forth"].combine_chunks(), pc.and_(guessed, fixed[0]))
    basis = pc.if_else(guessed, "port", basis)
    rank = pc.fill_null(pc.index_in(basis, pa.array(BASES)), len(BASES)).cast(pa.int64())
    place = pc.add(pc.multiply(rank, len(parts)), pa.array(range(len(parts)), pa.int64()))
    least = _grouped(pa.table({"place": place}), number, [("place", "min")])["place_min"].combine_chunks()
    best = pc.subtract(least, pc.multiply(pc.divide(least, len(parts)), len(parts)))
    paired = _both_ways(parts, number)
    decided = basis.take(best)
    told = pc.if_else(pc.and_(paired, pc.is_in(decided, pa.array(["port", "first_record"]))), "peer_record", decided)
    return forth.take(best), told


def _denials(parts: pa.Table, number: pa.Array) -> tuple[pa.Table, pa.ChunkedArray]:
    """The parts without denials, and the connections of which every part was denied: a late packet often is."""
    denied = pc.equal(pc.fill_null(parts["action"], ""), "deny")
    every = _grouped(pa.table({"denied": denied}), number, [("denied", "all")])["denied_all"]
    at = parts.schema.get_field_index("action")
    return parts.set_column(at, "action", pc.if_else(denied, None, parts["action"])), every


def _both_ways(parts: pa.Table, number: pa.Array) -> pa.Array:
    """No record of the connection counted both directions, yet both were counted."""
    counted = [
        pc.is_valid(pc.coalesce(*(parts[f"{side}_{what}"] for what in _COUNTS))).combine_chunks() for side in _SIDES
    ]
    forth = parts["_forth"].combine_chunks()
    lower = pc.or_(pc.and_(counted[0], forth), pc.and_(counted[1], pc.invert(forth)))
    upper = pc.or_(pc.and_(counted[0], pc.invert(forth)), pc.and_(counted[1], forth))
    table = pa.table({"lower": lower, "upper": upper, "both": pc.and_(*counted)})
    found = _grouped(table, number, [("lower", "any"), ("upper", "any"), ("both", "any")])
    either = pc.and_(found["lower_any"], found["upper_any"])
    return pc.and_(either, pc.invert(found["both_any"])).combine_chunks()


def _turned(parts: pa.Table, flipped: pa.Array) -> pa.Table:
    """The parts with source and destination exchanged where they are flipped."""
    pairs = [(f"src_{what}", f"dst_{what}") for what in ("ip", "port", *_SIDED)]
    pairs += [(f"nat_src_{what}", f"nat_dst_{what}") for what in ("ip", "port")]
    count = len(parts)
    here = pa.array(range(count), pa.int64())
    turned = [pc.add(here, pc.if_else(flipped, *offsets)) for offsets in ((count, 0), (0, count))]
    for pair in pairs:
        if all(parts[name].null_count == count for name in pair):
            continue
        both = _joined(*(parts[name] for name in pair))
        for name, places in zip(pair, turned, strict=True):
            parts = parts.set_column(parts.schema.get_field_index(name), name, both.take(places))
    return parts


def _joined(*columns: pa.ChunkedArray) -> pa.Array:
    """The columns one below the other."""
    below = pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)
    return _encoded(below) if pa.types.is_dictionary(below.type) else below.combine_chunks()


def _first_valid(parts: pa.Table, number: pa.Array) -> pa.Table:
    """Of each column the first value that is there, by connection; where a record stands is the first record's."""
    count = len(parts)
    place = pa.array(range(count), pa.int64())
    gaps = [name for name in FLOWS.names if 0 < parts[name].null_count < count and name != "first_offset"]
    places = pa.table([place, *(pc.if_else(pc.is_valid(parts[name]), place, None) for name in gaps)], ["", *gaps])
    found = _grouped(places, number, [(name, "min") for name in ("", *gaps)])
    columns = [_taken(parts[name], found[f"{name if name in gaps else ''}_min"]) for name in FLOWS.names]
    return pa.Table.from_arrays(columns, schema=FLOWS)


def _every(column: pa.ChunkedArray, number: pa.Array, count: int) -> pa.Array:
    """What the lists of each of `count` connections hold, in order; null where none of its parts has a list."""
    if column.null_count == len(column):
        return pa.nulls(count, column.type)
    lists, numbers = column.combine_chunks(), pa.array(range(count), number.type)
    held = pa.table({"number": number.take(pc.list_parent_indices(lists)), "value": pc.list_flatten(lists)})
    held = held.group_by(["number", "value"], use_threads=False).aggregate([])
    held = held.sort_by([("number", "ascending"), ("value", "ascending")])
    held_by = held["number"].combine_chunks().value_counts()
    sizes = held_by.field("counts").take(pc.index_in(numbers, held_by.field("values")))
    ends = pc.cumulative_sum(pc.fill_null(sizes, 0)).cast(pa.int32())
    untold = pc.invert(pc.is_in(numbers, number.filter(pc.is_valid(lists))))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.ListArray.from_arrays(offsets, held["value"].combine_chunks(), mask=untold)


def _taken(column: pa.ChunkedArray, places: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """The values at the places; of a column without values that costs nothing."""
    return pa.nulls(len(places), column.type) if column.null_count == len(column) else column.take(places)


def _sums(parts: pa.Table, number: pa.Array) -> dict[str, pa.ChunkedArray]:
    """The counts of each connection: added, or where they count on the largest."""
    added = pc.not_equal(pc.fill_null(parts["counter"], ""), "cumulative")
    names = [name for name in _SUMS if parts[name].null_count < len(parts)]
    if not names:
        return {}
    columns = {f"{name}+": _roomy(pc.if_else(added, parts[name], None)) for name in names}
    columns |= {name: pc.if_else(added, None, parts[name]) for name in names}
    found = _grouped(pa.table(columns), number, [(name, "sum" if name.endswith("+") else "max") for name in columns])
    return {name: pc.max_element_wise(_fitting(found[f"{name}+_sum"]), found[f"{name}_max"]) for name in names}


def _fitting(sums: pa.ChunkedArray) -> pa.ChunkedArray:
    """The sums as counts; one that is too large is the largest."""
    if pa.types.is_uint64(sums.type):
        return sums
    return pc.if_else(pc.greater(sums, MOST_COUNTED), pa.scalar(MOST_COUNTED, sums.type), sums).cast(pa.uint64())


def _roomy(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values in a type whose sum cannot overflow."""
    largest = pc.max(values).as_py()
    return values if largest is None or largest * len(values) < MOST_COUNTED else values.cast(pa.decimal128(38, 0))


def _grouped(table: pa.Table, number: pa.Array, wanted: list[tuple[str, str]]) -> pa.Table:
    """Aggregates by connection, in its order; a null is passed over, nothing but nulls stays null."""
    table = table.append_column("_number", number)
    options = pc.ScalarAggregateOptions(skip_nulls=True, min_count=1)
    # one thread gives the groups as they come
    return table.group_by("_number", use_threads=False).aggregate([(*one, options) for one in wanted])

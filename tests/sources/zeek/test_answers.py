"""The answers of a whole chunk are those of its records, one at a time."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.sources.zeek import dns
from flowwatch.sources.zeek.cells import Cells, Chunk

ITEMS = st.sampled_from(["203.0.113.1", "2001:DB8::1", "Cdn.Example", "TXT 2 hi", "<unknown type=65>", "", None])
TTLS = st.sampled_from(["300.000000", "0.000000", "99999999999.000000", None])
RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["www.example", "A.EXAMPLE", None]),
        st.sampled_from(["1", "28", "255", "16", "5", None]),
        st.sampled_from(["0", "3", None]),
        st.none() | st.lists(ITEMS, max_size=3),
        st.none() | st.lists(TTLS, max_size=3),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(RECORDS)
def test_a_chunk_is_its_records(records):
    together = [answers for one in told(records) for answers in one]
    assert together == [answers for record in records for one in told([record]) for answers in one]


@given(RECORDS)
def test_each_item_is_an_answer_with_its_own_time_to_live(records):
    for (name, kind, rcode, items, ttls), (answers,) in zip(
        records, map(told, [[one] for one in records]), strict=True
    ):
        found = answers[0]
        if items is None and rcode is None:
            assert found is None
            continue
        word = {"1": "A", "28": "AAAA", "255": "ANY", "16": "TXT", "5": "CNAME"}.get(kind)
        expected = dns.typed((name or "").lower(), word, tuple(items or ()))
        assert [(one["name"], one["type"], one["data"]) for one in found] == list(expected)
        if ttls is None or len(ttls) != len(items or ()):
            assert all(one["ttl"] is None for one in found)
        else:
            seconds = {"300.000000": 300, "0.000000": 0}
            assert [one["ttl"] for one in found] == [seconds.get(ttl) for ttl in ttls]


def told(records):
    names, kinds, rcodes, items, ttls = zip(*records, strict=True) if records else [()] * 5
    words = {
        "ts": ["1.000000"] * len(records),
        "query": names,
        "qtype": kinds,
        "rcode": rcodes,
        "id.orig_h": ["192.0.2.1"] * len(records),
    }
    lists = {"answers": items, "TTLs": ttls}
    chunk = Chunk(
        pa.array(range(len(records)), pa.uint64()),
        pa.array(range(len(records)), pa.uint64()),
        {field: pa.array(values, pa.utf8()) for field, values in words.items()},
        {field: pa.array(values, pa.list_(pa.utf8())) for field, values in lists.items()},
    )
    return [dns.rows(Cells(chunk)).columns["answers"].to_pylist()]

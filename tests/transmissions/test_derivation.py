"""Laws of derivation over made-up tables."""

import random

from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Coverage
from flowwatch.transmissions import derive
from tests.transmissions.tables import flow, flows, lookups

_counts = st.one_of(st.none(), st.integers(0, 3))
_STATES = ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH", None, "else"]
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["a", "b"]),
            "proto": st.sampled_from(["tcp", "udp", "icmp", "sctp", "47"]),
            "state": st.sampled_from(_STATES),
            "src_payload": _counts,
            "dst_payload": _counts,
            "src_packets": _counts,
            "dst_packets": _counts,
            "src_acked": _counts,
            "bytes_scope": st.sampled_from(["ip", "payload", "unknown", None]),
            "direction_basis": st.sampled_from(["handshake", "log", "port", None]),
            "sampled": st.sampled_from([None, 1, 10]),
            "start": st.one_of(st.none(), st.integers(0, 99)),
            "end": st.one_of(st.none(), st.integers(0, 99)),
        }
    ),
    max_size=12,
)


def _table(rows):
    return [flow(**row, first_record=number + 1) for number, row in enumerate(rows)]


@given(_rows)
def test_every_direction_with_payload_appears_once_and_no_byte_is_lost(rows):
    found = derive(flows(*_table(rows)), lookups(), ())
    told = {(one.ref.first_record, one.opened_by.value): one.sent for one in found}
    assert len(told) == len(found)
    for number, row in enumerate(rows):
        for side, opened in (("src", "sender"), ("dst", "receiver")):
            if payload := row[f"{side}_payload"]:
                sent = told[number + 1, opened]
                assert sent.least >= payload
                recorded = row["proto"] not in ("tcp", "sctp") or row[f"{side}_packets"] != 0
                assert sent.exact == payload if recorded and row["sampled"] != 10 else sent.most is None


@given(_rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, chance: random.Random):
    table = _table(rows)
    found = derive(flows(*table), lookups(), ())
    chance.shuffle(table)
    assert derive(flows(*table), lookups(), ()) == found


@given(_rows)
def test_attempts_send_nothing_and_only_connections_have_them(rows):
    for one in derive(flows(*_table(rows)), lookups(), ()):
        assert one.start <= one.end
        assert one.sent.most is None or one.sent.least <= one.sent.most
        if one.attempted:
            assert one.sent.exact == 0
            assert one.proto in ("tcp", "sctp")
        else:
            assert one.sent.exact != 0


def test_flows_are_numbered_by_source_and_record():
    rows = [flow(source="b", first_record=1), flow(source="a", first_record=10), flow(source="a", first_record=9)]
    found = derive(flows(*rows), lookups(), ())
    assert [(one.flow, one.ref.source, one.ref.first_record) for one in found[::2]] == [
        (0, "a", 9),
        (1, "a", 10),
        (2, "b", 1),
    ]


def test_coverage_that_counts_one_way_flows_tells_of_a_sensor_of_both_directions():
    opening = flow(state="S0", **dict.fromkeys(["src_packets", "dst_packets"]), src_payload=0, dst_payload=0)
    (one,) = derive(flows(opening), lookups(), [Coverage(source="a.pcap", flows=2, one_way_flows=1)])
    assert one.attempted


def test_nothing_gives_nothing():
    assert derive(flows(), lookups(), ()) == ()

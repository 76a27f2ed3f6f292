"""Laws of derivation over made-up tables."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import MOST_COUNTED, Coverage
from flowwatch.transmissions import derive
from tests.transmissions.tables import SECOND, flow, flows, lookup, lookups

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
    return [flow(**row, first_record=number + 1, src_ip=f"192.0.2.{number + 1}") for number, row in enumerate(rows)]


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
    assert list(derive(flows(*table), lookups(), ())) == list(found)


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
    rows = [flow(source="b", first_record=1, src_port=1), flow(source="a", first_record=10)]
    rows.append(flow(source="a", first_record=9))
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
    assert not derive(flows(), lookups(), ())


def test_what_it_was_wrapped_in_is_turned_to_the_direction():
    wrapped = {
        "tunnel": ["vxlan:7", "pppoe", "gre"],
        "tunnel_ends": [_ends("a", "b"), _ends(None, None), _ends("c", "d")],
    }
    forth, back = derive(flows(flow(**wrapped)), lookups(), ())
    assert [(one.kind, one.sender, one.receiver) for one in forth.tunnel] == [
        ("vxlan:7", "a", "b"),
        ("pppoe", None, None),
        ("gre", "c", "d"),
    ]
    assert [(one.sender, one.receiver) for one in back.tunnel] == [("b", "a"), (None, None), ("d", "c")]


def test_a_layer_that_says_less_than_its_ends_is_kept():
    forth, _ = derive(flows(flow(tunnel=["gre"], tunnel_ends=[_ends("a", "b"), _ends("c", "d")])), lookups(), ())
    assert [(one.kind, one.receiver) for one in forth.tunnel] == [("gre", "b"), ("unknown", "d")]
    plain, _ = derive(flows(flow(tunnel=["gre"])), lookups(), ())
    assert [(one.kind, one.receiver) for one in plain.tunnel] == [("gre", None)]


def test_whose_lookups_were_recorded_is_told_by_source():
    """Where a source says when it starts, from then; else from its first lookup of that client."""
    asked = [lookup(source=name, time=990 * SECOND + n) for n, name in enumerate(("b.log", "a.log", "a.log"))]
    other = lookup(source="c.log", client_ip="192.0.2.99")
    forth, back = derive(flows(flow()), lookups(*asked, other), (Coverage(source="b.log", first=5),))
    assert [(one.source, one.start) for one in forth.lookups_recorded] == [("a.log", 990 * SECOND + 1), ("b.log", 5)]
    assert (forth.lookups_recorded_since, back.lookups_recorded) == (5, ())


def _ends(src, dst):
    return {"src": src, "dst": dst}


def test_a_flow_without_a_time_says_so():
    found = derive(flows(flow(), flow(start=None, end=None, src_port=1)), lookups(), ())
    assert {one.sender_port: one.timed for one in found if one.responder_is_receiver} == {
        1: False,
        flow()["src_port"]: True,
    }


@pytest.mark.parametrize("name", ["payload", "acked", "bytes", "packets"])
@pytest.mark.parametrize("scope", ["ip", "payload"])
def test_a_count_that_no_table_holds_counts_as_the_largest(name, scope):
    row = flow(bytes_scope=scope, bytes_total=2**64 - 1, **{f"{side}_{name}": 2**64 - 1 for side in ("src", "dst")})
    if name in ("bytes", "packets"):
        row |= dict.fromkeys(["src_payload", "dst_payload", "src_acked", "dst_acked"])
    other = flow(first_record=20, src_port=40_001)
    sent = derive(flows(row, other), lookups(), ())
    counts = [(one.sent.least, one.sent.most, one.acked) for one in sent]
    assert all(value is None or 0 <= value <= MOST_COUNTED for one in counts for value in one)
    assert name == "packets" or any((value or 0) > 2**62 for one in counts for value in one)

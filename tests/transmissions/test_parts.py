"""Records that are parts of one connection become its one row."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.transmissions import parts
from flowwatch.transmissions.parts import whole
from tests.transmissions.tables import SECOND, flow, flows

_UNCOUNTED = dict.fromkeys(["src_payload", "dst_payload", "src_acked", "dst_acked", "state"])


def record(number=1, *, back=False, at=1000, last=9, octets=100, **given):
    """An exporter's record of one direction, 192.0.2.17:40000 to 198.51.100.20:8443."""
    counts: dict[str, int | None] = {"src_packets": None, "src_bytes": None, "dst_packets": None, "dst_bytes": None}
    side = "dst" if back else "src"
    counts |= {f"{side}_packets": 1, f"{side}_bytes": octets}
    told = {"first_record": number, "last_record": number, "parts": 1, "counter": "delta", "direction_basis": "log"}
    return flow(**_UNCOUNTED | counts | told | {"start": at * SECOND, "end": (at + last) * SECOND} | given)


def reversed_record(number=1, **given):
    """The same of what the responder sent, told from its own side."""
    ends = {"src_ip": "198.51.100.20", "src_port": 8443, "dst_ip": "192.0.2.17", "dst_port": 40000}
    return record(number, **ends | given)


def told(*rows):
    names = ("src_ip", "src_bytes", "dst_bytes", "parts", "direction_basis")
    found = sorted(whole(flows(*rows)).to_pylist(), key=lambda row: (row["start"], row["first_record"]))
    return [tuple(row[name] for name in names) for row in found]


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 10**6), st.booleans()), min_size=2, max_size=9),
    st.randoms(),
)
def test_a_connection_cut_anywhere_is_one_with_the_sum_of_its_parts(cuts, chance: random.Random):
    gaps = itertools.accumulate(gap for gap, _, _ in cuts)
    rows = [record(n, at=at, octets=cut[1], back=cut[2]) for n, (at, cut) in enumerate(zip(gaps, cuts, strict=True))]
    chance.shuffle(rows)
    ((_, src, dst, count, _),) = told(*rows)
    assert ((src or 0) + (dst or 0), count) == (sum(octets for _, octets, _ in cuts), len(rows))
    assert (src is None) == all(back for _, _, back in cuts)


def test_what_counts_on_is_not_added():
    rows = [record(n, at=1000 + n, octets=octets, counter="cumulative") for n, octets in enumerate((10, 30, 20))]
    for order in itertools.permutations(rows):
        assert [row[1] for row in told(*order)] == [30]


def test_parts_that_count_nothing_are_one_connection_with_no_count():
    rows = [record(n, at=1000 + n, src_packets=None, src_bytes=None, counter="cumulative") for n in range(2)]
    assert told(*rows) == [("192.0.2.17", None, None, 2, "log")]


def test_the_type_of_an_icmp_message_is_no_port_that_tells_who_began():
    echoes = [
        record(
            n,
            at=1000 + n,
            proto="icmp",
            src_port=8,
            dst_port=0,
            counter="single_packet",
            direction_basis="first_record",
        )
        for n in range(2)
    ]
    assert told(*echoes) == [("192.0.2.17", 200, None, 2, "first_record")]


@pytest.mark.parametrize(
    ("actions", "action"),
    [(("deny", "deny"), "deny"), ((None, "deny"), None), (("deny", "allow"), "allow"), (("allow", "deny"), "allow")],
)
def test_what_was_denied_in_part_was_not_denied(actions, action):
    rows = [record(n, at=1000 + n, action=one) for n, one in enumerate(actions)]
    assert whole(flows(*rows))["action"].to_pylist() == [action]


def test_what_is_whole_stays_as_it_is():
    rows = [flow(), flow(first_record=10), flow(first_record=20, start=None, end=None)]
    assert whole(flows(*rows)) == flows(*rows)
    assert len(whole(flows())) == 0


@pytest.mark.parametrize("counter", ["delta", "final"])
def test_records_of_both_directions_are_one_flow(counter):
    basis = {"direction_basis": "first_record", "counter": counter}
    forth, back = record(2, at=1000, **basis), reversed_record(1, at=1000, octets=7, **basis)
    for order in itertools.permutations([forth, back]):
        assert told(*order) == [("192.0.2.17", 100, 7, 2, "peer_record")]


def test_the_first_record_opened_it_where_no_port_tells():
    ports = {"src_port": 5000, "dst_port": 6000, "direction_basis": "first_record"}
    back = {"src_port": 6000, "dst_port": 5000, "direction_basis": "first_record"}
    assert told(record(2, at=1001, **ports), reversed_record(1, at=1000, **back))[0][0] == "198.51.100.20"
    assert told(record(2, at=1000, **ports), reversed_record(1, at=1001, **back))[0][0] == "192.0.2.17"


def test_a_handshake_tells_who_opened_it_before_place_and_port():
    opened = record(2, at=1000, direction_basis="handshake", src_port=80, dst_port=40000)
    answer = reversed_record(1, at=1000, direction_basis="port", src_port=40000, dst_port=80)
    assert told(opened, answer) == [("192.0.2.17", 100, 100, 2, "handshake")]


def test_an_opening_begins_another_connection():
    opening = {"direction_basis": "handshake"}
    rows = [record(1, **opening), record(2, at=1010), record(3, at=1020, octets=1, **opening)]
    rows += [record(4, at=1020, back=True, octets=5, **opening), record(5, at=1030, octets=1)]
    assert [(src, dst) for _, src, dst, _, _ in told(*rows)] == [(200, None), (2, 5)]


def test_silence_ends_a_connection():
    udp = {"proto": "udp", "last": 0}
    assert len(told(record(1, **udp), record(2, at=1120, **udp))) == 1
    assert len(told(record(1, **udp), record(2, at=1121, **udp))) == 2
    assert len(told(record(1, last=0), record(2, at=4600))) == 1
    assert len(told(record(1, last=0), record(2, at=4601))) == 2


def test_a_long_record_keeps_a_connection_alive_though_a_short_one_came_between():
    assert len(told(record(1, last=5000), record(2, at=1001, last=0), record(3, at=6001))) == 1


def test_openings_that_are_logged_packet_by_packet_are_one_attempt():
    packet = {"counter": "single_packet", "state": "S0", "last": 0}
    assert len(told(*(record(n, at=1000 + at, **packet) for n, at in enumerate((0, 1, 3, 7, 300))))) == 2


def test_a_connection_id_stands_above_time_and_other_ids_are_others():
    rows = [record(1, conn_id="7"), record(2, at=90_000, conn_id="7"), record(3, conn_id="8")]
    assert sorted(row[3] for row in told(*rows)) == [1, 2]


def test_other_sources_are_not_added():
    assert len(told(record(1), record(1, source="b"))) == 2


def test_icmp_both_ways_is_one_whatever_its_types():
    request = record(1, proto="icmp", src_port=8, dst_port=0)
    answer = reversed_record(2, proto="icmp", src_port=0, dst_port=0, direction_basis="first_record")
    ((src, forth, back, _, _),) = told(request, answer)
    assert (src, forth, back) == ("192.0.2.17", 100, 100)


def test_what_only_a_part_knows_is_kept():
    table = whole(flows(record(1, at=1000), record(2, at=1010, sni="ingest.example", alpn=["h2"], sampled=10)))
    (row,) = table.to_pylist()
    assert (row["sni"], row["alpn"], row["sampled"]) == ("ingest.example", ["h2"], 10)
    assert (row["first_record"], row["last_record"], row["missing_bytes"]) == (1, 2, None)


def test_counts_too_large_to_add_are_the_largest_there_is():
    most = (1 << 63) - 1
    assert told(record(1, octets=most), record(2, at=1010, octets=most))[0][1] == most


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 400)), min_size=1, max_size=12))
def test_in_shares_or_at_once_it_is_the_same(rows):
    table = flows(
        *(
            record(n, src_ip=f"192.0.2.{host}", back=b, at=1000 + at, proto="udp")
            for n, (host, b, at) in enumerate(rows)
        )
    )
    at_once = sorted(map(str, whole(table).to_pylist()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_SHARE", 2)
        assert sorted(map(str, whole(table).to_pylist())) == at_once


@given(st.lists(st.tuples(st.integers(0, 2), st.none() | st.lists(st.sampled_from("abcd"))), max_size=9), st.randoms())
def test_digests_of_all_parts_are_kept(given_parts, chance: random.Random):
    rows = [
        record(n, conn_id=f"C{which}", src_payload_sha256=digests) for n, (which, digests) in enumerate(given_parts)
    ]
    told_of = {which: [d for which_too, d in given_parts if which_too == which] for which, _ in given_parts}
    expected = {
        f"C{which}": sorted({one for digests in lists for one in digests or ()}) if any(map(_listed, lists)) else None
        for which, lists in told_of.items()
        if len(lists) > 1
    }
    chance.shuffle(rows)
    found = {row["conn_id"]: row["src_payload_sha256"] for row in whole(flows(*rows)).to_pylist() if row["parts"] > 1}
    assert found == expected


def _listed(digests):
    return digests is not None

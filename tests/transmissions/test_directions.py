"""Who sent what: directions, attempts, amounts, and what was not recorded."""

from pathlib import Path

import pyarrow as pa
import pytest

from flowwatch import sources
from flowwatch.model import Amount, OpenedBy, Transmission
from flowwatch.transmissions import derive
from tests.transmissions.tables import attempt, flow, flows, lookups

UNKNOWN = Amount(0, None)


def told(*rows):
    return [(one.opened_by.value, one.attempted, one.sent) for one in derive(flows(*rows), lookups(), ())]


def first(*rows) -> Transmission:
    return derive(flows(*rows), lookups(), ())[0]


def test_a_flow_gives_one_transmission_for_each_direction_that_carried_payload():
    forth, back = derive(flows(flow()), lookups(), ())
    assert (forth.sender_ip, forth.receiver_ip, forth.receiver_port) == ("192.0.2.17", "198.51.100.20", 8443)
    assert (back.sender_ip, back.receiver_ip, back.receiver_port) == ("198.51.100.20", "192.0.2.17", 40000)
    assert forth.service_port == back.service_port == 8443
    assert (forth.opened_by, back.opened_by) == (OpenedBy.SENDER, OpenedBy.RECEIVER)
    assert (forth.sent.exact, forth.acked, back.sent.exact, back.acked) == (500, 500, 100, 100)
    assert forth.flow == back.flow == 0


def test_a_pull_is_told_as_what_the_server_sent():
    assert told(flow(src_payload=40, dst_payload=10**6)) == [
        ("sender", False, Amount.exactly(40)),
        ("receiver", False, Amount.exactly(10**6)),
    ]


@pytest.mark.parametrize("state", ["S0", "REJ", "S1", "SF", "RSTO", "RSTR", "RSTOS0", "SH", "S2", "S3"])
def test_an_opening_without_payload_is_an_attempt_where_both_directions_are_recorded(state):
    assert told(attempt(state=state, first_record=5), flow())[2:] == [("sender", True, Amount.exactly(0))]


def test_an_opening_is_an_attempt_whatever_the_other_side_sent():
    banner = flow(src_payload=0, dst_payload=80)
    assert told(banner) == [("sender", True, Amount.exactly(0)), ("receiver", False, Amount.exactly(80))]


def test_an_opening_in_a_one_way_recording_is_no_attempt_but_unknown():
    assert told(attempt()) == [("sender", False, UNKNOWN)]


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_what_a_firewall_let_nothing_of_through_is_an_attempt(proto):
    """It counts what it dropped: that never arrived."""
    uncounted = dict.fromkeys(["src_payload", "dst_payload", "src_acked", "dst_acked", "dst_packets", "state"])
    denied = flow(proto=proto, action="deny", src_packets=3, src_bytes=180, bytes_scope="ip", **uncounted)
    assert told(denied) == [("sender", True, Amount.exactly(0))]
    turned = {**denied, "src_packets": None, "src_bytes": None, "dst_packets": 3, "dst_bytes": 180}
    assert told(turned) == [("receiver", True, Amount.exactly(0))]
    assert told({**denied, "action": "allow"})[0][1] is False


def test_a_flow_that_was_denied_while_it_ran_did_send():
    assert told(flow(action="deny")) == told(flow())


def test_sources_are_sensors_of_their_own():
    assert told(attempt(source="a"), flow(source="b", src_port=1))[0] == ("sender", False, UNKNOWN)


@pytest.mark.parametrize("payloads", [(0, 0), (None, None)])
def test_a_connection_log_that_gives_no_count_for_a_refused_opening_means_none(payloads):
    row = attempt(state="REJ", src_payload=payloads[0], dst_payload=payloads[1], dst_packets=1)
    assert told(row) == [("sender", True, Amount.exactly(0))]


def test_the_unrecorded_side_of_a_connection_is_unknown_not_nothing():
    assert told(flow(dst_packets=0, dst_payload=0, dst_acked=None)) == [
        ("sender", False, Amount.exactly(500)),
        ("receiver", False, UNKNOWN),
    ]


def test_acknowledgements_tell_the_least_of_an_unrecorded_sender():
    row = flow(src_packets=0, src_payload=0, src_acked=4096, dst_payload=0, state="SHR")
    assert told(row) == [("sender", False, Amount(4096, None))]
    assert told(row | {"src_payload": 4096, "src_acked": None}) == [("sender", False, Amount(4096, None))]


def test_a_reset_out_of_nowhere_says_nothing_of_another_direction():
    row = attempt(src_packets=0, dst_packets=1, state="RSTRH", direction_basis="port")
    assert told(row, flow(first_record=5))[2:] == []


@pytest.mark.parametrize("state", ["SHR", "RSTRH"])
def test_an_answer_proves_an_opening(state):
    assert told(attempt(state=state, dst_packets=1)) == [("sender", True, Amount.exactly(0))]
    assert told(attempt(state=state, dst_packets=1, src_packets=0)) == [("sender", False, UNKNOWN)]


def test_a_midstream_close_is_no_opening():
    close = flow(state="SF", direction_basis="port", src_payload=0, dst_payload=0)
    assert told(close) == []


def test_of_sctp_no_opening_is_known_so_a_flow_without_payload_counts_as_one():
    row = attempt(proto="sctp", state=None, direction_basis="port", dst_packets=1)
    assert told(row) == [("sender", True, Amount.exactly(0))]
    assert not first(row).begun_before


@pytest.mark.parametrize("proto", ["udp", "icmp"])
def test_datagrams_are_sent_whether_answered_or_not(proto):
    row = flow(proto=proto, state=None, dst_packets=0, dst_payload=0, direction_basis="first_record")
    assert told(row) == [("sender", False, Amount.exactly(500))]
    assert not first(row).begun_before


def test_an_empty_datagram_and_bare_acknowledgements_carry_nothing():
    empty = {"src_payload": 0, "dst_payload": 0}
    assert told(flow(proto="udp", state=None, **empty), flow(state="OTH", direction_basis="port", **empty)) == []


@pytest.mark.parametrize(
    ("columns", "amount"),
    [
        ({"src_bytes": 700, "bytes_scope": "ip"}, Amount(0, 500)),
        ({"src_bytes": 700, "bytes_scope": "frame"}, Amount(0, 500)),
        ({"src_bytes": 700, "bytes_scope": "ip", "src_ip": "2001:db8::1"}, Amount(0, 400)),
        ({"src_bytes": 700, "bytes_scope": "ip", "proto": "udp"}, Amount(0, 560)),
        ({"src_bytes": 700, "bytes_scope": "ip", "src_packets": None}, Amount(0, 700)),
        ({"src_bytes": 700, "bytes_scope": "payload"}, Amount.exactly(700)),
        ({"src_bytes": 700, "bytes_scope": "body"}, Amount(700, None)),
        ({"src_bytes": None, "bytes_total": 900, "bytes_scope": "unknown"}, Amount(0, 900)),
        ({"src_bytes": None, "bytes_scope": None}, UNKNOWN),
        ({"src_bytes": None, "bytes_scope": None, "sni": "a.example"}, Amount(1, None)),
        ({"src_payload": 500, "sampled": 100}, Amount(500, None)),
    ],
)
def test_an_amount_is_exact_only_where_the_source_counts_payload(columns, amount):
    assert first(flow(**({"src_payload": None} | columns))).sent == amount


def test_icmp_has_a_type_and_no_ports():
    one = first(flow(proto="icmp", src_port=8, dst_port=0, state=None))
    assert (one.icmp_type, one.service_port, one.sender_port, one.receiver_port) == (8, None, None, None)


@pytest.mark.parametrize(
    ("state", "basis", "before"),
    [
        ("SF", "handshake", False),
        ("OTH", "request", True),
        ("SHR", "handshake", False),
        (None, "log", False),
        ("OTH", "log", True),
        ("SF", "port", True),
        ("RSTRH", "first_record", True),
        ("OTH", "handshake", False),
        (None, "port", True),
    ],
)
def test_a_connection_without_an_opening_had_begun_before(state, basis, before):
    assert first(flow(state=state, direction_basis=basis)).begun_before is before


def test_clear_text_is_told_by_direction():
    forth, back = derive(flows(flow(src_clear=True, dst_clear=False)), lookups(), ())
    assert (forth.clear, back.clear) == (True, False)


CAPTURES = sorted((Path(__file__).parents[2] / "captures").glob("*/input.pcap"))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.parent.name)
def test_what_an_ip_count_allows_holds_what_was_sent(capture):
    exact = sources.collect([str(capture)]).flows
    counted = exact
    for name in ("src_payload", "dst_payload"):
        at = exact.schema.get_field_index(name)
        counted = counted.set_column(at, name, pa.nulls(len(exact), pa.uint64()))
    sent = {(one.ref, one.opened_by): one.sent.exact for one in derive(exact, lookups(), ())}
    bounds = {(one.ref, one.opened_by): one.sent for one in derive(counted, lookups(), ())}
    assert any(bound.most for bound in bounds.values())
    for key, bound in bounds.items():
        assert bound.least <= (sent.get(key) or 0) <= (bound.most or 0)

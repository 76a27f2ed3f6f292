"""A `netflow` record as a row of FLOWS: one direction, which its fellow completes."""

import pytest

from flowwatch.sources import collect
from flowwatch.transmissions import derive

BACK = {"src_ip": "198.51.100.7", "src_port": 443, "dest_ip": "192.0.2.10", "dest_port": 40004}
ANSWERED = {"pkts": 12, "bytes": 4904, "start": "2026-11-22T07:51:12.719001+0000"}


def test_a_record_tells_one_direction_and_nothing_of_the_other(record, put, lines, eve):
    flows, _, coverage = eve(put(lines(record("netflow"), record("netflow", **BACK, netflow=ANSWERED))))
    forth, back = flows
    assert (forth["src_packets"], forth["src_bytes"], forth["bytes_scope"], forth["app"]) == (
        25,
        302870,
        "frame",
        "tls",
    )
    assert (back["src_ip"], back["src_bytes"], back["conn_id"]) == ("198.51.100.7", 4904, forth["conn_id"])
    assert not {"dst_packets", "dst_bytes", "state"} & (forth.keys() | back.keys())
    assert (forth["start"], forth["end"]) == (1795333872718001000, 1795333874218001000)
    assert {one["direction_basis"] for one in flows} == {"first_record"}
    assert (coverage.flows, coverage.one_way_flows) == (2, 0)


@pytest.mark.parametrize("turned", [False, True])
def test_both_records_are_one_connection_and_its_handshake_joins_it(turned, record, put, lines):
    both = [record("netflow"), record("netflow", **BACK, netflow=ANSWERED)]
    tls = record("tls", flow_id=1004, src_port=40004)
    found = collect([put(lines(*(both[::-1] if turned else both), tls))])
    forth, back = derive(found.flows, found.lookups, found.coverage)
    assert (forth.sender_ip, forth.receiver_ip, forth.sni) == ("192.0.2.10", "198.51.100.7", "results.example")
    assert (forth.sent.most, back.sent.most) == (302_870 - 25 * 40, 4904 - 12 * 40)


def test_a_record_alone_stays_one_direction(record, put, lines):
    found = collect([put(lines(record("netflow")))])
    forth = next(iter(derive(found.flows, found.lookups, found.coverage)))
    assert (forth.sender_ip, forth.sent.least, forth.sent.most) == ("192.0.2.10", 0, 302_870 - 25 * 40)


def test_messages_of_icmp_have_type_and_code_for_ports(record, put, lines, eve):
    ping = record("netflow", proto="ICMP", src_port=None, dest_port=None, icmp_type=8, icmp_code=0)
    flows, _, _ = eve(put(lines(ping)))
    assert (flows[0]["proto"], flows[0]["src_port"], flows[0]["dst_port"]) == ("icmp", 8, 0)

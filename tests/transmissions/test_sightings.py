"""One connection that several sources tell of is counted once, each source's figures kept apart."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Account, Amount, Coverage, NameClass, Ref
from flowwatch.transmissions import derive
from tests.transmissions.tables import SECOND, attempt, flow, flows, lookup, lookups
from tests.transmissions.test_parts import record

_UNCOUNTED = dict.fromkeys(["src_payload", "dst_payload", "src_acked", "dst_acked", "state"])
CAPTURE = flow(source="a.pcap")
NETFLOW = record(source="nf.csv", octets=800, src_packets=5)
SURICATA = flow(
    **_UNCOUNTED | {"source": "eve.json", "direction_basis": "log", "bytes_scope": "frame", "src_bytes": 770},
    sni="ingest.example",
)


def sent(*rows, coverage=()):
    return [one for one in derive(flows(*rows), lookups(), coverage) if one.responder_is_receiver]


def test_each_source_tells_its_part_and_the_bytes_are_those_of_the_one_that_counts_payload():
    for rows in itertools.permutations([CAPTURE, NETFLOW, SURICATA]):
        (one,) = sent(*rows)
        assert (one.sent, one.acked, one.ref.source) == (Amount.exactly(500), 500, "a.pcap")
        assert [(name.name, name.evidence, name.ref.source) for name in one.names] == [
            ("ingest.example", NameClass.SNI, "eve.json")
        ]
        assert one.accounts == (
            Account(Ref("a.pcap", 1, 9, 24), "payload", 500),
            Account(Ref("nf.csv", 1, 1, 24), "ip", 800),
            Account(Ref("eve.json", 1, 9, 24), "frame", 770),
        )


def test_where_none_counts_payload_it_is_a_range_and_never_a_sum():
    (one,) = sent(NETFLOW, SURICATA)
    assert one.sent == Amount(0, 800 - 5 * 40)


def test_sources_that_count_payload_differently_leave_a_range():
    (one,) = sent(CAPTURE, flow(source="b.pcap", src_payload=430))
    assert one.sent == Amount(430, 500)


def test_a_body_is_the_least_that_was_sent():
    body = flow(**_UNCOUNTED | {"source": "proxy.log", "bytes_scope": "body", "src_bytes": 300, "src_packets": None})
    (one,) = sent(body, NETFLOW)
    assert one.sent == Amount(300, 795 - 35 - 5 * 32)


def test_two_sensors_of_one_direction_each_are_one_flow():
    forth = flow(source="out.pcap", dst_packets=0, dst_payload=0, dst_acked=None, src_acked=None)
    back = flow(source="in.pcap", src_packets=0, src_payload=0, src_acked=500, dst_acked=None)
    for rows in itertools.permutations([forth, back]):
        told = derive(flows(*rows), lookups(), ())
        assert [one.sent for one in told] == [Amount.exactly(500), Amount.exactly(100)]
        assert told[0].acked == 500


def test_the_source_that_saw_the_opening_says_who_opened_it():
    turned = record(
        source="nf.csv", octets=800, src_ip="198.51.100.20", src_port=8443, dst_ip="192.0.2.17", dst_port=40000
    )
    turned["direction_basis"] = "first_record"
    for rows in itertools.permutations([attempt(), turned]):
        assert {one.receiver_ip for one in sent(*rows)} == {"198.51.100.20"}


@pytest.mark.parametrize("apart", [5, 6])
def test_clocks_may_differ_a_little(apart):
    later = flow(source="b.pcap", start=1000 * SECOND + apart * SECOND, end=(1001 + apart) * SECOND)
    assert len(sent(CAPTURE, later)) == (1 if apart <= 5 else 2)


def test_two_connections_between_the_same_ends_stay_two():
    second = {"start": 1002 * SECOND, "end": 1003 * SECOND, "first_record": 20}
    rows = [CAPTURE, flow(source="b.pcap"), flow(**second), flow(source="b.pcap", **second)]
    for order in itertools.permutations(rows):
        assert [one.sent.exact for one in derive(flows(*order), lookups(), ())] == [500, 100] * 2


def test_a_connection_that_files_of_one_recorder_cut_is_added():
    cut = {"source": "b.pcap", "start": 1001 * SECOND, "end": 1009 * SECOND, "direction_basis": "port", "state": "OTH"}
    coverage = [
        Coverage(source="a.pcap", format="pcap", first=900 * SECOND, last=1001 * SECOND),
        Coverage(source="b.pcap", format="pcap", first=1001 * SECOND, last=1100 * SECOND),
    ]
    (one,) = sent(CAPTURE, flow(**cut, src_payload=70), coverage=coverage)
    assert (one.sent.exact, one.begun_before, one.end) == (570, False, 1009 * SECOND)
    (one,) = sent(CAPTURE, flow(**cut, src_payload=70))
    assert one.sent == Amount(70, 500)


def test_packets_logged_one_by_one_say_that_something_passed_and_never_how_much():
    packet = record(source="fw.log", counter="single_packet", octets=60, state="S0")
    (one,) = sent(packet)
    assert (one.sent, one.attempted) == (Amount(0, None), False)
    (one,) = sent(packet, CAPTURE)
    assert one.sent == Amount.exactly(500)


PROXIED = {"dst_ip": "192.0.2.5", "dst_port": 3128}


def request(number, name, **given):
    told = {"first_record": number, "last_record": number, "direction_basis": "log", "bytes_scope": None}
    told |= {"src_port": None, "src_bytes": None, "src_packets": None, "name": name, "name_source": "connect"}
    return flow(**_UNCOUNTED | PROXIED | {"source": "proxy.log"} | told | given)


def test_a_proxy_s_row_without_a_port_names_what_the_flow_to_it_asked_for():
    later = {"start": 1002 * SECOND, "end": 1003 * SECOND}
    rows = [flow(**PROXIED), flow(**PROXIED | later, first_record=10, src_port=40001)]
    rows += [request(1, "a.example"), request(2, "b.example", **later)]
    for order in itertools.permutations(rows):
        found = sent(*order)
        assert [(one.sent.exact, one.http_hosts) for one in found] == [(500, ("a.example",)), (500, ("b.example",))]


def test_several_logs_of_one_proxy_tell_of_one_request():
    assert len(sent(request(1, "a.example"), request(1, "a.example", source="other.log"))) == 1
    assert len(sent(request(1, "a.example"), request(1, "b.example", source="other.log"))) == 2
    assert len(sent(request(1, "a.example"), request(2, "a.example"))) == 2


def test_several_requests_of_one_flow_are_all_told():
    (one,) = sent(flow(**PROXIED), request(1, "a.example"), request(2, "b.example"))
    assert one.http_hosts == ("a.example", "b.example")


INSIDE = flow(source="fw.log", direction_basis="log", nat_src_ip="203.0.113.5", nat_src_port=61000)
OUTSIDE = flow(source="out.pcap", src_ip="203.0.113.5", src_port=61000)


def test_a_translation_tells_who_sent():
    for rows in itertools.permutations([INSIDE, OUTSIDE]):
        (one,) = sent(*rows)
        assert (one.sender_ip, one.sender_port, one.receiver_ip) == ("192.0.2.17", 40000, "198.51.100.20")
        assert {account.ref.source for account in one.accounts} == {"fw.log", "out.pcap"}


def test_the_real_peer_is_the_receiver():
    to_front = flow(source="fw.log", dst_ip="192.0.2.99", nat_dst_ip="198.51.100.20", nat_dst_port=8443)
    (one,) = sent(to_front, flow(source="inside.pcap", dst_ip="192.0.2.99"), flow(source="out.pcap"))
    assert one.receiver_ip == "198.51.100.20"


def test_a_translation_of_another_time_tells_nothing():
    later = OUTSIDE | {"start": 5000 * SECOND, "end": 5001 * SECOND}
    assert [one.sender_ip for one in sent(INSIDE, later)] == ["192.0.2.17", "203.0.113.5"]


def test_a_lookup_of_one_source_names_the_flow_of_another():
    answer = lookup(("ingest.example", "A", "198.51.100.20", 60), source="dns.log")
    other = lookup(("other.example", "A", "198.51.100.20", 60), source="eve.json", record=2, qname="other.example")
    one = derive(flows(NETFLOW), lookups(answer, other), ())[0]
    assert {(name.name, name.evidence) for name in one.names} == {
        ("ingest.example", NameClass.ANSWER_SAME_CLIENT),
        ("other.example", NameClass.ANSWER_SAME_CLIENT),
    }


_times = st.integers(0, 40)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), _times, _times, st.booleans(), st.integers(0, 9)), max_size=7),
    st.randoms(),
)
def test_every_row_is_told_by_one_connection_and_their_order_changes_nothing(rows, chance):
    table = [
        flow(
            source=source,
            first_record=n + 1,
            last_record=n + 1,
            start=at * SECOND,
            end=(at + length) * SECOND,
            src_payload=payload,
            direction_basis="handshake" if opens else "port",
        )
        for n, (source, at, length, opens, payload) in enumerate(rows)
    ]
    found = derive(flows(*table), lookups(), ())
    chance.shuffle(table)
    assert list(derive(flows(*table), lookups(), ())) == list(found)
    forth = [one for one in found if one.responder_is_receiver]
    records = [(ref.source, ref.first_record) for one in forth for ref in ([a.ref for a in one.accounts] or [one.ref])]
    assert len(records) == len(set(records))

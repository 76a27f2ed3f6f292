"""Rows of one connection are one flow."""

import itertools

from flowwatch.model import Encapsulation, NameClass, Ref
from flowwatch.transmissions import derive
from tests.transmissions.tables import SECOND, flow, flows, lookups

CONN = flow(source="conn.log", conn_id="C1", direction_basis="log", first_record=7, last_record=7, first_offset=None)
SSL = flow(
    **dict.fromkeys(["src_payload", "dst_payload", "src_acked", "dst_acked", "src_packets", "dst_packets", "state"]),
    **dict.fromkeys(["src_bytes", "dst_bytes", "bytes_scope", "end", "first_offset"]),
    source="ssl.log",
    conn_id="C1",
    direction_basis="log",
    first_record=3,
    last_record=3,
    start=1000 * SECOND + 5,
    sni="ingest.example",
    tls_version="1.2",
    cert_names=["ingest.example", "*.other.example"],
)


def test_the_log_of_a_connection_and_of_its_tls_are_one_flow():
    for rows in itertools.permutations([CONN, SSL]):
        forth, back = derive(flows(*rows), lookups(), ())
        assert forth.ref == Ref("conn.log", 7, 7, None)
        assert (forth.sent.exact, back.sent.exact, forth.start) == (500, 100, 1000 * SECOND)
        assert [(one.name, one.evidence, one.ref) for one in forth.names] == [
            ("ingest.example", NameClass.CERTIFICATE, Ref("ssl.log", 3, 3, None)),
            ("ingest.example", NameClass.SNI, Ref("ssl.log", 3, 3, None)),
        ]
        assert forth.tls_version == back.tls_version == "1.2"
        assert back.names == ()


HTTP = {
    **SSL,
    **dict.fromkeys(["sni", "tls_version", "cert_names"]),
    "http_host": "a.example",
    "http_method": "CONNECT",
    "http_hosts": ["a.example"],
}


def test_of_several_requests_the_first_is_told_and_every_host_is_kept():
    later = HTTP | {"start": HTTP["start"] + 9, "first_record": 2, "http_host": "b.example", "http_method": "GET"}
    later["http_hosts"] = ["b.example", "a.example"]
    for rows in itertools.permutations([CONN, HTTP, later]):
        forth, _ = derive(flows(*rows), lookups(), ())
        assert (forth.http_method, forth.http_hosts) == ("CONNECT", ("a.example", "b.example"))
        assert [one.name for one in forth.names] == ["a.example", "b.example"]


def test_of_several_tunnels_asked_for_every_target_is_kept():
    first = HTTP | {"http_path": "a.example:443"}
    again = HTTP | {"start": HTTP["start"] + 9, "first_record": 2, "http_path": "a.example:22"}
    for rows in itertools.permutations([CONN, first, again]):
        forth, _ = derive(flows(*rows), lookups(), ())
        assert forth.http_hosts == ("a.example", "a.example:443", "a.example:22")
        assert [one.name for one in forth.names] == ["a.example"]
    forth, _ = derive(flows(CONN, first, first | {"first_record": 3}), lookups(), ())
    assert forth.http_hosts == ("a.example",)


def test_a_log_read_twice_counts_once():
    forth, _ = derive(flows(CONN, CONN | {"source": "copy.log"}), lookups(), ())
    assert forth.sent.exact == 500


def test_of_several_reports_of_a_connection_the_last_counts():
    early = CONN | {"first_record": 1, "src_payload": 200, "end": 1000 * SECOND + 1}
    forth, _ = derive(flows(early, CONN), lookups(), ())
    assert (forth.sent.exact, forth.ref.first_record) == (500, 7)


def test_other_ends_are_another_flow():
    assert len(derive(flows(CONN, SSL | {"src_port": 40001}), lookups(), ())) == 4


def test_the_connection_knows_the_protocol_that_the_log_of_tls_guessed():
    udp = CONN | {"proto": "udp", "state": None}
    assert {one.proto for one in derive(flows(udp, SSL), lookups(), ())} == {"udp"}


def test_rows_without_a_connection_id_stay_apart():
    assert {one.flow for one in derive(flows(flow(), flow(first_record=10)), lookups(), ())} == {0, 1}


def test_tls_without_its_connection_sent_something_unknown():
    forth, back = derive(flows(SSL), lookups(), ())
    assert (forth.sent.least, forth.sent.most, back.sent.least, back.sent.most) == (1, None, 0, None)
    assert forth.end == forth.start == 1000 * SECOND + 5


def test_what_a_connection_was_wrapped_in_is_one_row_s_as_a_whole():
    ends = [{"src": "192.0.2.1", "dst": "203.0.113.66"}]
    for rows in itertools.permutations(
        [CONN | {"tunnel": [], "tunnel_ends": []}, SSL | {"tunnel": ["gre"], "tunnel_ends": ends}]
    ):
        forth, back = derive(flows(*rows), lookups(), ())
        assert forth.tunnel == (Encapsulation("gre", "192.0.2.1", "203.0.113.66"),)
        assert back.tunnel == (Encapsulation("gre", "203.0.113.66", "192.0.2.1"),)


BODY = SSL | {
    **dict.fromkeys(["sni", "tls_version", "cert_names"]),
    "source": "files.log",
    "bytes_scope": "body",
    "counter": "delta",
    "src_bytes": 300,
    "src_payload_sha256": ["b"],
}


def test_bodies_stand_beside_the_count_of_their_connection_and_all_their_digests_are_kept():
    another = BODY | {"first_record": 4, "src_bytes": 100, "src_payload_sha256": ["a"]}
    back = BODY | {"first_record": 5, "src_bytes": None, "src_payload_sha256": None, "dst_bytes": 60}
    for rows in itertools.permutations([CONN, HTTP, BODY, another, back]):
        forth, other = derive(flows(*rows), lookups(), ())
        assert (forth.sent.exact, other.sent.exact, forth.ref.source) == (500, 100, "conn.log")
        assert forth.payload_sha256 == ("a", "b")
        assert [(one.ref.source, one.scope, one.counted) for one in forth.accounts] == [
            ("conn.log", "payload", 500),
            ("files.log", "body", 400),
        ]
        assert [one.counted for one in other.accounts] == [100, 60]


def test_bodies_prove_the_least_where_their_connection_was_not_counted():
    uncounted = CONN | dict.fromkeys(["src_payload", "dst_payload", "src_bytes", "dst_bytes", "src_acked", "dst_acked"])
    forth, _ = derive(flows(uncounted, BODY), lookups(), ())
    assert (forth.sent.least, forth.sent.most) == (300, None)


def test_rows_that_know_no_port_are_of_the_connection_of_their_id():
    portless = BODY | {"src_port": None, "dst_port": None}
    for rows in itertools.permutations([CONN, HTTP, portless]):
        forth, _ = derive(flows(*rows), lookups(), ())
        assert (forth.receiver_port, [one.counted for one in forth.accounts]) == (8443, [500, 300])
    for other in ({"conn_id": "C2"}, {"dst_ip": "198.51.100.21"}):
        assert len(derive(flows(CONN, portless | other), lookups(), ())) == 4


def test_bodies_stand_beside_also_what_other_sources_tell():
    capture = flow(src_payload=480, src_payload_sha256=["c"])
    turned = {"src_ip": "198.51.100.20", "src_port": 8443, "dst_ip": "192.0.2.17", "dst_port": 40000}
    swapped = [
        row | turned | {"src_payload": row["dst_payload"], "dst_payload": row["src_payload"]} for row in (CONN, BODY)
    ]
    swapped[1] |= {"src_bytes": None, "dst_bytes": 300, "src_payload_sha256": None, "dst_payload_sha256": ["b"]}
    for told in ([CONN, BODY], swapped):
        for rows in itertools.permutations([capture, *told]):
            forth, _ = derive(flows(*rows), lookups(), ())
            assert (forth.sender_ip, forth.payload_sha256) == ("192.0.2.17", ("b", "c"))
            assert {(one.ref.source, one.scope, one.counted) for one in forth.accounts} == {
                ("a.pcap", "payload", 480), ("conn.log", "payload", 500), ("files.log", "body", 300),
            }  # fmt: skip
            assert (forth.sent.least, forth.sent.most) == (480, 500)

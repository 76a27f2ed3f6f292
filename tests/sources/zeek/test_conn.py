"""conn.log: what each column becomes, and the traps of the format."""

import pytest

from flowwatch.sources import collect


@pytest.fixture
def flow(put, rows, tsv):
    """The one row of a conn.log with these changes."""

    def read(**changes):
        named = {key.replace("__", "."): value for key, value in changes.items()}
        collected = collect([put(tsv("conn", rows("conn", named)))])
        assert collected.coverage[0].rejects == ()
        return collected.flows.to_pylist()[0], collected.coverage[0]

    return read


def test_payload_counts_are_both_bytes_and_payload(flow):
    row, coverage = flow()
    assert (row["src_bytes"], row["src_payload"], row["dst_bytes"], row["dst_payload"]) == (301212, 301212, 4096, 4096)
    assert (row["bytes_scope"], row["counter"], row["direction_basis"]) == ("payload", "final", "log")
    assert (row["src_packets"], row["dst_packets"], row["missing_bytes"], row["parts"]) == (25, 12, 0, 1)
    assert (row["src_acked"], row["dst_acked"], row["sampled"]) == (None, None, None)
    assert (coverage.flows, coverage.one_way_flows, coverage.notes) == (1, 0, ())


def test_more_payload_than_ip_bytes_gives_the_ip_bytes_and_a_note(flow):
    row, coverage = flow(resp_bytes=1607364734, resp_ip_bytes=56983)
    assert (row["dst_payload"], row["src_payload"]) == (56983, 301212)
    assert coverage.notes == ("1 x payload count above the IP byte count: the IP byte count is used",)


def test_without_ip_bytes_the_payload_count_stands(flow):
    assert flow(orig_ip_bytes=0)[0]["src_payload"] == 301212
    assert flow(orig_ip_bytes=None)[0]["src_payload"] == 301212


def test_unset_counts_and_duration_are_null_and_nothing(flow):
    row, _ = flow(orig_bytes=None, resp_bytes=None, duration=None)
    assert (row["src_bytes"], row["src_payload"], row["dst_bytes"]) == (None, None, None)
    assert row["end"] == row["start"]


@pytest.mark.parametrize(
    ("changes", "proto", "state"),
    [
        ({}, "tcp", "SF"),
        ({"conn_state": "XX"}, "tcp", None),
        ({"proto": "udp"}, "udp", None),
        ({"proto": "icmp"}, "icmp", None),
        ({"proto": "icmp", "id__orig_h": "2001:db8::1", "id__resp_h": "2001:db8::2"}, "icmp6", None),
        ({"proto": "unknown_transport", "ip_proto": 132}, "sctp", None),
        ({"proto": "unknown_transport", "ip_proto": 47}, "47", None),
    ],
)
def test_protocol_and_state(flow, changes, proto, state):
    row, _ = flow(**changes)
    assert (row["proto"], row["state"]) == (proto, state)


@pytest.mark.parametrize(
    ("service", "app"),
    [
        ("ssl", "tls"),
        ("quic,ssl", "quic"),
        ("ssl,quic", "quic"),
        ("dns", "dns"),
        ("-ssl,http", "http"),
        ("ftp-data", "ftp-data"),
        ("-ftp-data,-ssl", None),
        ("", None),
        (None, None),
    ],
)
def test_service(flow, service, app):
    assert flow(service=service)[0]["app"] == app


def test_tags_outer_to_inner(flow):
    assert flow(vlan=100, inner_vlan=7)[0]["vlan"] == [100, 7]
    assert flow(vlan=100)[0]["vlan"] == [100]
    assert flow()[0]["vlan"] is None


def test_icmp_has_type_and_code_for_ports(flow):
    row, _ = flow(proto="icmp", id__orig_p=8, id__resp_p=0)
    assert (row["src_port"], row["dst_port"]) == (8, 0)


def test_one_way_flows_and_tunnels_are_counted(flow):
    assert flow(resp_pkts=0)[1].one_way_flows == 1
    assert "tunnel" in flow(tunnel_parents=["C9"])[1].notes[0]


def test_addresses_are_canonical_and_the_community_id_is_kept(flow):
    row, _ = flow(id__orig_h="2001:0db8:0::1", id__resp_h="2001:db8::2", community_id="1:abc=")
    assert (row["src_ip"], row["dst_ip"], row["community_id"]) == ("2001:db8::1", "2001:db8::2", "1:abc=")

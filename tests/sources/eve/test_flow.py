"""A `flow` record as a row of FLOWS."""

import pytest


@pytest.fixture
def row(record, put, lines, eve):
    """The row of the usual flow with a change, and the account."""

    def make(**change):
        flows, _, coverage = eve(put(lines(record("flow", **change))))
        return flows[0], coverage

    return make


def test_every_column_of_an_ordinary_flow(row):
    told, coverage = row(community_id="1:abc=", host="sensor-1")
    told.pop("source")
    assert told == {
        "first_record": 1,
        "last_record": 1,
        "first_offset": 0,
        "conn_id": "1001",
        "parts": 1,
        "start": 1795333872718001000,
        "end": 1795333874218001000,
        "direction_basis": "log",
        "counter": "final",
        "proto": "tcp",
        "src_ip": "192.0.2.10",
        "src_port": 40001,
        "dst_ip": "198.51.100.7",
        "dst_port": 443,
        "src_packets": 25,
        "dst_packets": 12,
        "src_bytes": 302870,
        "dst_bytes": 4904,
        "bytes_scope": "frame",
        "state": "SF",
        "app": "tls",
        "community_id": "1:abc=",
        "host": "sensor-1",
    }
    assert (coverage.format, coverage.first, coverage.last) == ("eve", told["start"], told["end"])


def test_the_times_are_the_flow_s_own_and_zones_are_kept_to(row):
    told, _ = row(flow={"start": "2026-11-22T09:51:12.718001+0200", "end": "2026-11-22T07:51:14Z"})
    assert (told["start"], told["end"]) == (1795333872718001000, 1795333874000000000)


@pytest.mark.parametrize(
    ("proto", "expected"),
    [
        ("TCP", "tcp"), ("UDP", "udp"), ("ICMP", "icmp"), ("IPv6-ICMP", "icmp6"), ("SCTP", "sctp"), ("GRE", "47"),
        ("ESP", "50"), ("006", "tcp"), ("253", "253"),
    ],
)  # fmt: skip
def test_protocols(proto, expected, row):
    assert row(proto=proto)[0]["proto"] == expected


def test_icmp_has_type_and_code_for_ports(row):
    told, _ = row(proto="ICMP", src_port=None, dest_port=None, icmp_type=8, icmp_code=0, tcp=None)
    assert (told["proto"], told["src_port"], told["dst_port"]) == ("icmp", 8, 0)
    assert "state" not in told


@pytest.mark.parametrize(
    ("sender", "answerer", "state"),
    [
        ("1b", "1b", "SF"), ("1a", "12", "S1"), ("1b", "12", "S2"), ("12", "13", "S3"), ("1e", "12", "RSTO"),
        ("1b", "1e", "RSTR"), ("02", "14", "REJ"), ("02", "00", "S0"), ("06", "00", "RSTOS0"), ("03", "00", "SH"),
        ("00", "13", "SHR"), ("00", "16", "RSTRH"), ("18", "18", "OTH"), ("00", "00", "OTH"), ("1e", "1e", None),
        ("02", "10", None), ("zz", "00", None),
    ],
)  # fmt: skip
def test_the_state_is_what_the_flags_of_both_sides_show(sender, answerer, state, row):
    told, _ = row(tcp={"tcp_flags_ts": sender, "tcp_flags_tc": answerer})
    assert told.get("state") == state


def test_a_record_without_flags_has_no_state(row):
    assert "state" not in row(tcp=None)[0]
    assert "state" not in row(proto="UDP")[0]


@pytest.mark.parametrize(
    ("app", "began_as", "expected"),
    [
        ("tls", None, "tls"), ("failed", None, None), ("unknown", None, None), (None, None, None),
        ("tls", "http", "http"), ("tls", "smtp", "smtp"), ("doh2", "http2", "http"),
        ("ftp-data", None, "ftp-data"), ("a b", None, None),
    ],
)  # fmt: skip
def test_the_application_is_what_the_flow_began_as(app, began_as, expected, row):
    assert row(app_proto=app, app_proto_orig=began_as)[0].get("app") == expected


def test_tags_may_be_one_or_several(row):
    assert row(vlan=[10, 20])[0]["vlan"] == [10, 20]
    assert row(vlan=10)[0]["vlan"] == [10]
    assert "vlan" not in row(vlan=[])[0]


def test_what_was_done_with_it(row):
    assert [row(flow={"action": word})[0].get("action") for word in ("pass", "drop", "x")] == ["allow", "deny", None]


def test_a_tunnel_has_its_kind_and_ends(row):
    outer = {"src_ip": "2001:0db8::0001", "dest_ip": "203.0.113.66", "proto": "GRE", "depth": 1}
    told, coverage = row(tunnel=outer)
    assert told["tunnel"] == ["gre"]
    assert told["tunnel_ends"] == [{"src": "2001:db8::1", "dst": "203.0.113.66"}]
    assert row(tunnel={**outer, "proto": "UDP", "dest_port": 4789})[0]["tunnel"] == ["vxlan"]
    assert coverage.notes == ()


def test_a_flow_in_a_tunnel_without_its_ends_is_noted(row):
    assert row(parent_id=77)[1].notes == ("1 x flow inside a tunnel that Suricata names by its own id only",)


def test_one_way_flows_are_counted(row):
    assert row(flow={"pkts_toclient": 0})[1].one_way_flows == 1
    assert row()[1].one_way_flows == 0

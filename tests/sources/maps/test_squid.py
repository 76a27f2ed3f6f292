"""Squid's access logs: what was asked of the proxy and by whom, and what the client sent only where the form has it."""

from pathlib import Path

import pytest

from flowwatch.sources.reading import Collected, collect

NATIVE = (
    "1795333877.106     63 192.0.2.17 TCP_TUNNEL/200 2169 CONNECT api.vendor.example:443 - HIER_DIRECT/198.51.100.7 -",
    "1795333878.011      7 192.0.2.17 TCP_MISS/200 273 POST http://in.vendor.example/p? ann HIER_DIRECT/198.51.100.8 x",
)
TUNNEL = '"CONNECT api.vendor.example:443 HTTP/1.1" 200 2169 TCP_TUNNEL:HIER_DIRECT'
POST = '"POST http://in.vendor.example/p? HTTP/1.1" 200 273 "-" "agent \\" 200 1 TCP_DENIED:HIER_NONE"'
COMMON = (
    f"192.0.2.17 - - [22/Nov/2026:08:51:17 +0100] {TUNNEL}",
    f"192.0.2.17 - ann [22/Nov/2026:08:51:18 +0100] {POST} TCP_MISS:HIER_DIRECT",
)
PAIRS = (
    (
        "ts=1795333877.106 tr=63 src=192.0.2.17:47722 dst=198.51.100.7:443 lport=41094 method=CONNECT "
        "uri=api.vendor.example:443 status=200 ss=TCP_TUNNEL hier=HIER_DIRECT req_bytes=101071 rep_bytes=2169 user=-"
    ),
    (
        "ts=1795333878.011 tr=7 src=[2001:db8::17]:47728 la=2001:db8::5 lp=3128 method=POST "
        "uri=https://in.vendor.example/p? status=200 ss=TCP_MISS hier=HIER_DIRECT req_bytes=5215 rep_bytes=273 user=ann"
    ),
)
SAMPLES = {"squid": "\n".join(NATIVE), "squid-common": "\n".join(COMMON), "squid-pairs": "\n".join(PAIRS)}


def read(tmp_path: Path, *lines: str) -> Collected:
    path = tmp_path / "log"
    path.write_text("\n".join(lines) + "\n")
    return collect([str(path)])


def test_the_reply_s_size_is_never_what_was_sent(tmp_path):
    for lines in (NATIVE, COMMON):
        tunnel, request = read(tmp_path, *lines).flows.to_pylist()
        assert [(row["src_bytes"], row["dst_bytes"]) for row in (tunnel, request)] == [(None, 2169), (None, 273)]
    assert read(tmp_path, *PAIRS).flows["src_bytes"].to_pylist() == [101071, 5215]


def test_who_asked_for_what_and_to_whom_is_null_where_the_proxy_does_not_name_itself(tmp_path):
    for lines in (NATIVE, COMMON):
        tunnel, request = read(tmp_path, *lines).flows.to_pylist()
        told = ("src_ip", "src_port", "dst_ip", "dst_port", "name", "name_source", "http_method", "http_host", "user")
        assert [tunnel[name] for name in told] == [
            "192.0.2.17", None, None, None, "api.vendor.example:443", "connect", "CONNECT", None, None,
        ]  # fmt: skip
        assert [request[name] for name in told] == [
            "192.0.2.17", None, None, None, "in.vendor.example", "url", "POST", "in.vendor.example", "ann",
        ]  # fmt: skip


def test_the_stamp_is_the_end(tmp_path):
    (row, _) = read(tmp_path, *NATIVE).flows.to_pylist()
    assert [str(row[name])[17:26] for name in ("start", "end")] == ["17.043000", "17.106000"]
    (row, _) = read(tmp_path, *COMMON).flows.to_pylist()
    assert {str(row[name]) for name in ("start", "end")} == {"2026-11-22 07:51:17+00:00"}


def test_a_form_of_its_own_has_the_client_s_port_and_perhaps_the_proxy(tmp_path):
    told = ("src_ip", "src_port", "dst_ip", "dst_port", "name", "bytes_scope")
    found = [tuple(row[name] for name in told) for row in read(tmp_path, *PAIRS).flows.to_pylist()]
    assert found == [
        ("192.0.2.17", 47722, None, None, "api.vendor.example:443", "body"),
        ("2001:db8::17", 47728, "2001:db8::5", 3128, "in.vendor.example:443", "body"),
    ]


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        (NATIVE[0].replace("TCP_TUNNEL/200", "TCP_DENIED/403"), "deny"),
        (NATIVE[0].replace("CONNECT api.vendor.example:443", "- error:transaction-end-before-headers"), "noise"),
        (NATIVE[0].replace("HIER_DIRECT/198.51.100.7", "HIER_NONE/-"), None),
        (NATIVE[0].replace("api.vendor.example:443", "api.vendor.example:443 x"), "rejected"),
    ],
)
def test_what_else_a_line_may_be(tmp_path, line, ends):
    found = read(tmp_path, *NATIVE * 4, line)
    told = found.coverage[0]
    if ends in ("noise", "rejected"):
        assert (told.events, getattr(told, ends)) == (8, 1)
    else:
        assert found.flows["action"].to_pylist()[-1] == ends


@pytest.mark.parametrize("name", ["native", "common", "combined", "flow"])
def test_nothing_of_the_scenario_is_refused(shared_logs, name):
    told = collect([str(shared_logs / f"scenario/squid-access-{name}.log")]).coverage[0]
    assert (told.events, told.records) == (3, 3)

"""http.log and quic.log: what was asked for, as flows without byte counts."""

import pytest

from flowwatch.sources import collect

COUNTS = ("src_bytes", "dst_bytes", "src_payload", "dst_payload", "src_packets", "counter", "bytes_total")


@pytest.fixture
def flow(put, rows, tsv):
    """The one row of a log with these changes."""

    def read(path, **changes):
        return collect([put(tsv(path, rows(path, changes)))]).flows.to_pylist()[0]

    return read


def test_a_request_has_a_host_and_no_bytes(flow):
    row = flow("http")
    assert (row["app"], row["proto"], row["http_host"]) == ("http", "tcp", "results.example")
    assert (row["http_method"], row["http_path"], row["http_user_agent"]) == ("POST", "/tally?x=1", "sender/1.0")
    assert (row["conn_id"], row["http_hosts"], row["src_clear"]) == ("CAbc1", ["results.example"], True)
    assert {row[name] for name in COUNTS} == {None}


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("http://a.example/x?y", "/x?y"),
        ("http://a.example?y", "?y"),
        ("http://a.example", "/"),
        ("a.example:443", "a.example:443"),
        ("/caf\xe9", "/caf\\xc3\\xa9"),
        (None, None),
    ],
)
def test_targets(flow, uri, path):
    assert flow("http", uri=uri)["http_path"] == path


@pytest.mark.parametrize(
    ("changes", "clear"),
    [
        ({}, (True, True)),
        ({"status_code": None}, (True, None)),
        ({"status_code": 101}, (None, None)),
        ({"method": "CONNECT"}, (None, None)),
        ({"method": None}, (None, None)),
    ],
)
def test_what_is_known_to_be_in_clear(flow, changes, clear):
    row = flow("http", **changes)
    assert (row["src_clear"], row["dst_clear"]) == clear


def test_a_request_without_a_host_has_none(flow):
    row = flow("http", host=None)
    assert (row["http_host"], row["http_hosts"]) == (None, None)


@pytest.mark.parametrize(("version", "tls"), [("1", "1.3"), ("quicv2", "1.3"), ("draft-29", None), (None, None)])
def test_a_quic_handshake_has_names_and_no_bytes(flow, version, tls):
    row = flow("quic", version=version)
    assert (row["app"], row["proto"], row["sni"], row["alpn"]) == ("quic", "udp", "results.example", ["h3"])
    assert (row["tls_version"], row["src_clear"], row["conn_id"]) == (tls, False, "CAbc1")
    assert {row[name] for name in COUNTS} == {None}
    assert flow("quic", server_name=None, client_protocol=None)["alpn"] is None

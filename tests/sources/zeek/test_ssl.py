"""ssl.log: handshakes as flows without byte counts, joined by `conn_id`."""

import pytest

from flowwatch.sources import collect


@pytest.fixture
def flow(put, rows, tsv):
    """The one row of an ssl.log with these changes."""

    def read(**changes):
        return collect([put(tsv("ssl", rows("ssl", changes)))]).flows.to_pylist()[0]

    return read


def test_a_handshake_has_names_and_no_bytes(flow):
    row = flow()
    assert (row["conn_id"], row["sni"], row["alpn"], row["tls_version"]) == ("CAbc1", "results.example", ["h2"], "1.2")
    assert (row["app"], row["proto"], row["cert_sha256"]) == ("tls", "tcp", "ab" * 32)
    assert (row["cert_subject"], row["cert_issuer"]) == ("CN=results.example", "CN=Test CA,O=Example")
    counts = ("src_bytes", "dst_bytes", "src_payload", "dst_payload", "src_packets", "counter", "bytes_total")
    assert {row[name] for name in counts} == {None}


@pytest.mark.parametrize(
    ("version", "expected", "proto"),
    [
        ("TLSv13", "1.3", "tcp"),
        ("TLSv10", "1.0", "tcp"),
        ("DTLSv12", "1.2", "udp"),
        ("other", None, "tcp"),
        (None, None, "tcp"),
    ],
)
def test_versions(flow, version, expected, proto):
    row = flow(version=version)
    assert (row["tls_version"], row["proto"]) == (expected, proto)


def test_http_3_is_quic_over_udp(flow):
    row = flow(next_protocol="h3")
    assert (row["app"], row["proto"]) == ("quic", "udp")


@pytest.mark.parametrize("prints", [None, [], ["ab" * 20], ["x" * 64]])
def test_only_sha256_is_taken_for_sha256(flow, prints):
    assert flow(cert_chain_fps=prints)["cert_sha256"] is None


def test_what_was_not_shown_is_null(flow):
    row = flow(server_name=None, next_protocol=None, subject="", issuer=None)
    assert (row["sni"], row["alpn"], row["cert_issuer"]) == (None, None, None)

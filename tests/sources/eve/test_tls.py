"""`tls` and `quic` records as flows that their conversation takes over."""

import base64
import hashlib

import pytest

from flowwatch.sources import collect
from flowwatch.transmissions import derive


@pytest.fixture
def row(record, put, lines, eve):
    def make(kind, **change):
        flows, _, coverage = eve(put(lines(record(kind, **change))))
        return (flows or [None])[0], coverage

    return make


def test_what_a_handshake_showed(row):
    der = b"certificate"
    told, _ = row(
        "tls",
        tls={
            "subject": "CN=B\u00fccher",
            "issuerdn": "CN=Test CA",
            "fingerprint": "aa:bb",
            "server_alpns": ["h2"],
            "notbefore": "2026-01-01T00:00:00",
            "notafter": "2027-01-01T00:00:00",
            "subjectaltname": ["Results.example", "*.example"],
            "chain": [base64.b64encode(der).decode(), "x"],
        },
    )
    assert (told["sni"], told["alpn"], told["tls_version"], told["ja4"]) == ("results.example", ["h2"], "1.2", "t12d")
    assert (told["cert_subject"], told["cert_issuer"]) == (r"CN=B\xc3\xbccher", "CN=Test CA")
    assert told["cert_names"] == ["results.example", "*.example"]
    assert told["cert_sha256"] == hashlib.sha256(der).hexdigest()
    assert told["cert_not_after"] - told["cert_not_before"] == 365 * 86_400 * 10**9
    assert (told["src_clear"], told["dst_clear"], told["app"]) == (False, False, "tls")
    assert not {"src_bytes", "src_packets", "state"} & told.keys()


@pytest.mark.parametrize(
    ("word", "version"), [("TLS 1.3", "1.3"), ("TLSv1", "1.0"), ("SSLv3", "SSLv3"), ("UNDETERMINED", None)]
)
def test_versions(word, version, row):
    assert row("tls", tls={"version": word})[0].get("tls_version") == version


def test_a_fingerprint_that_is_not_sha256_has_no_column(row):
    told, _ = row("tls", tls={"fingerprint": "00:11", "certificate": "not base64!"})
    assert "cert_sha256" not in told


@pytest.mark.parametrize(("began_as", "clear"), [("http", False), ("smtp", None)])
def test_a_handshake_in_mid_conversation_leaves_it_what_it_began_as(began_as, clear, row):
    told, _ = row("tls", tls={"from_proto": began_as})
    assert (told["app"], told["sni"], told.get("src_clear")) == (began_as, "results.example", clear)


def test_quic(row):
    told, _ = row("quic")
    assert (told["app"], told["sni"], told["alpn"], told["ech"]) == ("quic", "results.example", ["h3"], False)
    assert (told["tls_version"], told["proto"]) == ("1.3", "udp")
    told, _ = row("quic", quic={"extensions": [{"type": 65037}]})
    assert told["ech"] is True
    assert "ech" not in row("quic", quic={"extensions": None, "version": "Q046"})[0]


def test_a_quic_record_of_the_server_s_packet_is_turned(row):
    told, _ = row("quic", src_ip="198.51.100.7", src_port=443, dest_ip="192.0.2.10", dest_port=40003)
    assert (told["src_ip"], told["src_port"], told["dst_ip"], told["dst_port"]) == (
        "192.0.2.10",
        40003,
        "198.51.100.7",
        443,
    )


def test_a_quic_record_without_a_name_is_noise(row):
    assert row("quic", quic={"sni": None})[1].noise == 1


def test_flow_handshake_and_requests_become_one_conversation(record, put, lines):
    ends = {"flow_id": 1002, "src_port": 40002, "dest_port": 80}
    records = [
        record("tls"),
        *(record("http", http={"hostname": f"{host}.example"}) for host in ("results", "other", "results")),
        record("flow"),
        record("flow", app_proto="http", **ends),
    ]
    found = collect([put(lines(*records))])
    forth = [one for one in derive(found.flows, found.lookups, found.coverage) if one.responder_is_receiver]
    assert [(one.sni, one.http_hosts, one.clear) for one in forth] == [
        ("results.example", None, False),
        (None, ("results.example", "other.example"), True),
    ]
    assert all(one.sent.most == 302_870 - 25 * 40 for one in forth)  # 25 packets, each with IPv4 and TCP headers

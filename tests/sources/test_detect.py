"""Formats by content: what is read is detected, what is not is named, nothing is guessed."""

import bz2
import gzip
import lzma
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.errors import UsageError
from flowwatch.model.records import Skip
from flowwatch.sources.detect import detect, named
from flowwatch.sources.formats import FORMATS, Format
from flowwatch.sources.opened import Opened
from flowwatch.sources.paths import expand


def name_of(head):
    found = detect(head)
    return found.name if isinstance(found, Format) else found.code


@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34])
@pytest.mark.parametrize("order", "<>")
def test_captures_by_their_magic_in_both_byte_orders(magic, order):
    assert name_of(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 1)) == "pcap"


@pytest.mark.parametrize("order", "<>")
def test_pcapng_by_its_section_header(order):
    assert name_of(struct.pack(order + "IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)) == "pcapng"
    assert name_of(struct.pack(order + "III", 0x0A0D0D0A, 28, 0x12345678)) == "unknown_format"


@pytest.mark.parametrize("path", ["conn", "dns", "ssl", "http", "quic", "files", "x509"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_zeek_logs_as_text_and_as_json(path, mark, rows, tsv, jsonl):
    assert name_of(mark + tsv(path, rows(path, {}))) == f"zeek-{path}"
    assert name_of(mark + jsonl(rows(path, {}))) == f"zeek-{path}"


def test_zeek_json_says_its_log_by_path_or_stream(rows, jsonl):
    said = rows("dns", {"_path": "conn"}), rows("dns", {"@stream": "ssl"}), rows("dns", {"_path": "smtp"})
    assert [name_of(jsonl(one)) for one in said] == ["zeek-conn", "zeek-ssl", "unsupported_format"]


def test_another_zeek_log_is_named_and_not_read(tsv):
    found = detect(tsv("smtp", [{"ts": "1.0", "uid": "C1", "helo": "a.example"}]))
    assert isinstance(found, Skip)
    assert (found.code, "smtp.log" in found.message) == ("unsupported_format", True)


@pytest.mark.parametrize(("make", "program"), [(bz2.compress, "bzip2"), (lzma.compress, "xz"), (gzip.compress, "gzip")])
def test_what_is_compressed_twice_is_told(put, make, program):
    with Opened(put(gzip.compress(make(b"x")))) as opened:
        found = detect(opened.head)
    assert isinstance(found, Skip)
    assert found.code == "unknown_format"
    assert "compressed twice" in found.message
    assert f"{program} -dc FILE | flowwatch scan -" in found.message


def test_text_that_begins_as_bzip2_does_is_text(put):
    with Opened(put(b"BZh9 is how a line may begin\n")) as opened:
        assert opened.compression is None


def test_empty_input_has_its_own_code():
    assert name_of(b"") == name_of(b"\r\n \n") == "empty"


def erf(seconds, kind=2, length=64):
    return struct.pack("<II", 0, seconds) + struct.pack(">BBHHH", kind, 4, length, 0, 46) + bytes(48)


def test_erf_is_told_by_records_in_a_row():
    assert name_of(b"".join(map(erf, (1_700_000_000, 1_700_000_000, 1_700_000_007)))) == "erf"
    assert name_of(erf(1_700_000_000) * 2) == "erf"
    for no in (
        erf(0) * 3,
        erf(1_700_000_000) + erf(1_800_000_000) * 2,
        erf(1_700_000_000, kind=0) * 3,
        erf(1_700_000_000) * 2 + bytes(64),
        erf(1_700_000_000) * 2 + b"cut",
        erf(1_700_000_000, length=16) * 3,
    ):
        assert name_of(no) != "erf"


def test_at_most_three_guesses_are_told():
    lines = (
        b"dnsmasq[1]: query[A] a.example from 192.0.2.1",
        b"[1795332993] unbound[2:0] query: 192.0.2.1 a.example. A IN",
        b"client @0x1 192.0.2.1#53 (a.example): query: a.example IN A + (192.0.2.53)",
        b'[INFO] 192.0.2.10:5 - 7 "A IN api.vendor.test. udp 41 false 512" NOERROR qr,rd 68 0.03s',
    )
    found = detect(b"\n".join(lines) + b"\n")
    assert isinstance(found, Skip)
    assert found.message.startswith("looks like ")
    named, tried = found.message.split(";")[:2]
    assert [word in named for word in ("bind-query", "dnsmasq", "unbound", "coredns")].count(True) == 3
    assert tried.startswith(" lines tried: dnsmasq[1]: query[A] a.example from 192.0.2.1 | [1795332993] unbound")


def test_a_format_is_found_by_its_name_or_the_names_are_told():
    assert [named(entry.name) for entry in FORMATS] == list(FORMATS)
    with pytest.raises(UsageError, match=r"pcap, .*zeek-ssl, zeek-http, .*bind-query"):
        named("netflow")


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_detection_raise(head):
    for start in (b"", b"{", b"[{", b"#fields\t", b'{"ts":', b"\x1f\x8b"):
        assert isinstance(detect(start + head), Format | Skip)


_READ = {
    "badinput/csv-injection": "umbrella-dns",
    "dnsmasq/sample": "dnsmasq",
    "wrappers/sample-docker": "dnsmasq",
    "scenario/dnsmasq.log": "dnsmasq",
    "badinput/timestamps-odd.log": "dnsmasq",
    "unbound/sample": "unbound",
    "scenario/unbound.log": "unbound",
    "pdns-recursor/sample-4.8-structured": "powerdns",
    "pdns-recursor/sample-5.2-structured": "powerdns",
    "pdns-recursor/sample-4.8-unstructured": "powerdns-text",
    "pdns-recursor/sample-4.8-protobuf.bin": "powerdns-protobuf",
    "knot-resolver/": "knot-resolver",
    "wrappers/sample-cri": "coredns",
    "zeek-conn/": "zeek-conn",
    "zeek-dns/": "zeek-dns",
    "zeek-ssl/": "zeek-ssl",
    "zeek-http/": "zeek-http",
    "zeek-quic/": "zeek-quic",
    "zeek-files/": "zeek-files",
    "badinput/only-header.log": "zeek-dns",
    "badinput/zeek-schema-change.log": "zeek-conn",
    ".pcap": "pcap",
    "suricata-": "eve",
    "badinput/json-": "eve",
    "bind9-query/rotation": "bind-query",
    "bind9-query/sample-9.18-query": "bind-query",
    "bind9-query/sample-9.20": "bind-query",
    "bind9-query/sample-syslog": "bind-query",
    "scenario/bind-query.log": "bind-query",
    "badinput/invalid-utf8.log": "bind-query",
    "badinput/joined-lines.log": "bind-query",
    "badinput/long-line.log": "bind-query",
    "badinput/nul-block.log": "bind-query",
    "badinput/plain-named.gz": "bind-query",
    "badinput/query": "bind-query",
    "badinput/truncated-last-line.log": "bind-query",
    "badinput/rotation-": "bind-query",
    ".expected.ocsf.json": "ocsf",
    "aws-vpcflow/sample-ocsf-v8-csv.csv": "aws-vpc-flow-csv",
    ".parquet": "parquet",
    "cdns/sample-gold.cbor": "c-dns",
    ".fstrm": "dnstap",
    ".dnstap": "dnstap",
    "route53-resolver/sample-ocsf.json": "route53-resolver",
    "azure-flow/sample": "azure-nsg-flow",
    "adguardhome/sample": "adguard-home",
    "coredns/sample": "coredns",
    "envoy/sample": "envoy",
    "cisco-asa/": "cisco-asa",
    "bind9-response/sample": "bind-response",
    "bind9-rpz/": "bind-rpz",
    "passivedns/sample": "passivedns",
    "scenario/ulogd-flow.jsonl": "ulogd-flow",
    "scenario/ulogd-flow.log": "ulogd-flow-log",
    "scenario/ulogd-pkt.jsonl": "ulogd-packet",
    "scenario/ulogd-pkt.log": "netfilter-log",
    "scenario/dmesg": "netfilter-log",
    "iptables/": "netfilter-log",
    "nftables/": "netfilter-log",
    "conntrack": "conntrack",
    "badinput/csv-injection-umbrella": "umbrella-dns",
    "squid-access-native": "squid",
    "squid-access-common": "squid-common",
    "squid-access-combined": "squid-common",
    "squid-access-flow": "squid-pairs",
    "nfdump/sample-nfdump-1.7.5.ndjson": "nfdump-json",
    "nfdump/sample-nfdump-1.7.5.json": "nfdump-json",
    "nfdump/sample-nfdump-1.7.1.json": "nfdump-json",
    "nfdump/sample-nfdump-1.6.22.quiet.json": "nfdump-json-1.6",
    "nfdump/sample-nfdump-1.7.5.csv-fast": "nfdump-csv-epoch",
    "nfdump/sample-nfdump-1.7.5.csvfmt": "nfdump-csv-epoch",
    "nfdump/sample-nfdump-1.7.5.csv": "nfdump-csv",
    "nfdump/sample-nfdump-1.6.22.csv": "nfdump-csv-1.6",
    "nfdump/sample-nfdump-1.7.1.csv": "nfdump-csv-1.6",
    "nfdump/sample-nfdump-1.7.1.tzNY.csv": "nfdump-csv-1.6",
    "badinput/csv-injection-umbrella.csv": "umbrella-dns",
    "silk/sample": "silk-rwcut-csv",
    "argus/sample": "argus-binetflow",
    "nfcapd.2": "nfcapd",
    ".evtx": "evtx",
    "sysmon-22/sample-otrf-nxlog-winlogbeat.jsonl": "sysmon",
    "pihole-ftl/sample-schema-v21.db": "pihole-ftl",
}
_OTHERWISE = (".fstrm.expected.jsonl", ".dnstap.expected.jsonl", ".debug-dns.txt", ".xz")
_NAMED = {
    ".xz": "xz",
    "bind9-query/sample": "BIND",
    "nfdump/sample": "nfdump",
    "sysmon-22/": "Sysmon",
}  # fmt: skip


def test_every_shared_sample_is_detected_right_or_refused(shared_logs):
    wrong = []
    for path in expand([str(shared_logs)]):
        name = path.removeprefix(f"{shared_logs}/")
        with Opened(path) as opened:
            found = detect(opened.head)
        if isinstance(found, Format):
            if not any(part in name and expected == found.name for part, expected in _READ.items()):
                wrong.append((name, found.name))
        elif any(part in name for part in _READ if not part.startswith("zeek-")) and not name.endswith(_OTHERWISE):
            wrong.append((name, found.code))
    assert wrong == []


def test_every_known_shared_sample_is_refused_by_name(shared_logs):
    wrong = []
    for path in expand([str(shared_logs)]):
        name = path.removeprefix(f"{shared_logs}/")
        expected = next((word for part, word in _NAMED.items() if part in name), None)
        with Opened(path) as opened:
            found = detect(opened.head)
        if (
            expected
            and isinstance(found, Skip)
            and not name.endswith((".expected.jsonl", ".ocsf.json", ".txt", "-named.gz"))
        ):
            best = found.message.removeprefix("looks like ").partition(";")[0]
            wrong += [] if expected in best else [(name, found.message)]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'{"type":"report","schema":"flowwatch.report/1","flowwatch":"0.1.0"}', "flowwatch report"),
        (b'{"source":"a.pcap","first_record":1,"last_record":2}', "flowwatch flows"),
        (b'{"source":"a.pcap","record":1,"offset":24,"name_exact":true}', "flowwatch lookups"),
    ],
)
def test_our_own_output_is_named_and_not_read(line, name):
    refused = detect(line + b"\n")
    assert isinstance(refused, Skip)
    assert refused.message.startswith(f"looks like {name} (90)")
    assert refused.message.endswith("--input-format names one")

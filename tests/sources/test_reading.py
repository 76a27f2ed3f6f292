"""One source or several: what cannot be read stands in Coverage and stops nothing."""

import hashlib
import io
import os
import sys

import pyarrow as pa
import pytest
from msgspec import structs

from flowwatch.errors import UsageError
from flowwatch.model.records import FLOWS, LOOKUPS, ReadOptions
from flowwatch.sources import FORMATS, collect, read


def drained(source, **options):
    reading = read(source, ReadOptions(**options))
    batches = list(reading)
    return batches, reading.coverage


def test_the_formats_of_this_version_in_order():
    zeek = ["zeek-conn", "zeek-dns", "zeek-ssl", "zeek-http", "zeek-quic", "zeek-files", "zeek-x509"]
    assert [entry.name for entry in FORMATS] == [
        "pcap",
        "pcapng",
        "snoop",
        "erf",
        *zeek,
        "eve",
        "bind-query",
        "dnsmasq",
        "dnstap",
        "powerdns-protobuf",
        "c-dns",
    ]


def test_batches_have_exactly_the_schema(put, rows, tsv):
    for path, schema, table in (("conn", FLOWS, "flows"), ("dns", LOOKUPS, "lookups"), ("ssl", FLOWS, "flows")):
        batches, coverage = drained(put(tsv(path, rows(path, {}, {}))))
        assert [name for name, _ in batches] == [table]
        assert batches[0][1].schema.equals(schema)
        batches[0][1].validate(full=True)
        assert coverage.events == 2


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda folder: str(folder / "missing"), "not_found"),
        (str, "is_a_folder"),
        (lambda folder: "/dev/null", "empty"),
        (lambda folder: "a\x00b", "unreadable"),
    ],
)
def test_what_cannot_be_opened_is_told_and_never_raises(tmp_path, make, code):
    batches, coverage = drained(make(tmp_path))
    assert (batches, coverage.error.code, coverage.incomplete) == ([], code, True)


def test_an_unreadable_file_is_told(put, monkeypatch):
    source = put(b"x")
    if os.geteuid() == 0:
        monkeypatch.setattr("flowwatch.sources.stored._open", _refused)
    else:
        os.chmod(source, 0)  # noqa: PTH101
    _, coverage = drained(source)
    assert (coverage.error.code, coverage.error.message) == ("unreadable", "Permission denied")


def _refused(source):
    raise PermissionError(13, "Permission denied")


def test_unknown_input_is_counted_and_digested_all_the_same(put):
    data = b"nothing known\n" * 9000
    _, coverage = drained(put(data))
    assert (coverage.error.code, coverage.size) == ("unknown_format", len(data))
    assert coverage.sha256 == hashlib.sha256(data).hexdigest()


def test_an_input_format_overrides_and_an_unknown_one_is_a_usage_error(put, rows, tsv):
    source = put(tsv("conn_long", rows("conn", {})))
    assert drained(source)[1].error.code == "unsupported_format"
    assert drained(source, input_format="zeek-conn")[1].events == 1
    with pytest.raises(UsageError, match="zeek-dns"):
        read(source, ReadOptions(input_format="zeek"))


def test_an_empty_input_is_empty_whatever_it_is_said_to_be(put):
    assert drained(put(b""), input_format="zeek-dns")[1].error.code == "empty"


def test_standard_input_is_read_to_its_end_without_a_line_end(rows, tsv, monkeypatch):
    data = tsv("dns", rows("dns", {}, {}))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data.removesuffix(b"\n"))))
    batches, coverage = drained("-")
    assert (coverage.source, coverage.events, coverage.size) == ("-", 2, len(data) - 1)
    assert [batch["source"].to_pylist() for _, batch in batches] == [["-"], ["-"]]


def test_progress_adds_up_to_the_bytes_read(put, rows, tsv):
    data = tsv("conn", rows("conn", *[{}] * 2000))
    told: list[int] = []
    for _ in read(put(data), progress=told.append):
        pass
    assert sum(told) == len(data)


def test_no_digest_when_switched_off(put, rows, tsv):
    assert drained(put(tsv("ssl", rows("ssl", {}))), digest=False)[1].sha256 is None


@pytest.mark.parametrize("path", ["conn", "dns", "ssl"])
def test_a_compressed_log_gives_the_rows_and_the_account_of_the_plain_one(put, packed, rows, tsv, jsonl, path):
    for data in (tsv(path, rows(path, *[{}] * 3000)), jsonl(rows(path, *[{}] * 3000))):
        stored = packed(data)
        plain, told = collect([put(data)]), collect([put(stored)])
        assert told.flows.equals(plain.flows)
        assert told.lookups.equals(plain.lookups)
        coverage = told.coverage[0]
        assert (coverage.size, coverage.unpacked_size) == (len(stored), len(data))
        assert coverage.sha256 == hashlib.sha256(stored).hexdigest()
        assert as_plain(coverage, data) == plain.coverage[0]


def as_plain(coverage, data):
    """The account with what is said of the bytes as stored put back to the plain ones."""
    digest = hashlib.sha256(data).hexdigest()
    return structs.replace(coverage, sha256=digest, size=len(data), compression=None, unpacked_size=None)


def test_a_compressed_log_cut_short_keeps_its_whole_lines_and_is_incomplete(put, packed, rows, tsv):
    data = tsv("conn", rows("conn", *[{"uid": f"C{at:x}"} for at in range(30_000)]))
    stored = packed(data)
    _, coverage = drained(put(stored[: len(stored) * 3 // 4]))
    assert (coverage.error.code, coverage.incomplete, coverage.rejected) == ("truncated", True, 0)
    assert coverage.compression in coverage.error.message
    assert 0 < coverage.events < 30_000
    assert coverage.error.offset == len(b"\n".join(data.split(b"\n")[: coverage.records])) + 1


def test_a_compressed_input_that_cannot_be_read_is_told_by_its_code(put, packed):
    _, coverage = drained(put(packed(b"nothing known\n" * 9000)))
    assert (coverage.error.code, coverage.compression is None) == ("unknown_format", False)
    _, coverage = drained(put(packed(b"#fields\tts\n")[:6]))
    assert coverage.error.code == "truncated"
    _, coverage = drained(put(packed(b"")))
    assert coverage.error.code == "empty"


def test_several_sources_stand_in_the_order_given_each_by_record(put, rows, tsv, jsonl):
    sources = [
        put(tsv("conn", rows("conn", {"uid": "C1"}, {"uid": "C2"})), "z.log"),
        put(b"unknown", "unknown"),
        put(jsonl(rows("ssl", {"uid": "C3"})), "a.json"),
        put(jsonl(rows("dns", {})), "m.json"),
    ]
    collected = collect(sources)
    assert collected.flows.schema.equals(FLOWS)
    assert collected.lookups.schema.equals(LOOKUPS)
    assert collected.flows["conn_id"].to_pylist() == ["C1", "C2", "C3"]
    assert collected.lookups["source"].to_pylist() == [sources[3]]
    assert [one.source for one in collected.coverage] == sources
    assert [one.error is None for one in collected.coverage] == [True, False, True, True]


def test_nothing_collected_is_two_empty_tables():
    collected = collect([])
    assert (collected.flows.num_rows, collected.lookups.num_rows, collected.coverage) == (0, 0, ())
    assert isinstance(collected.flows, pa.Table)


def test_copies_of_one_file_are_read_and_told(put, rows, tsv):
    log = tsv("conn", rows("conn", {}, {}))
    one, other, changed = put(log, "a.log"), put(log, "b.log"), put(log + b"#close\n", "c.log")
    told = [coverage.notes for coverage in collect([one, other, changed]).coverage]
    assert told == [(), (f"the same bytes as {one}: what they hold is counted again",), ()]
    assert not any(coverage.notes for coverage in collect([one, other], ReadOptions(digest=False)).coverage)

"""The law of accounting: every record ends as exactly one thing, whatever the bytes and the size of blocks."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.sources import collect
from flowwatch.sources.detect import detect, named
from flowwatch.sources.logs import LogRecords
from flowwatch.sources.opened import Opened
from flowwatch.sources.zeek import KINDS, ZeekLog
from flowwatch.sources.zeek import tsv as tsv_module
from tests.sources.conftest import by_hosts
from tests.sources.laws import lawful

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
SIZES = (7, 64, 1000, 1 << 22)


def read(source, kind="conn", *, block=1 << 22, forced=False):
    """All rows as one table, and the account."""
    with Opened(source) as opened:
        log = ZeekLog(KINDS[kind], opened.name, opened.head, forced=forced)
        records = LogRecords(opened, log, block=block)
        batches = [batch for _, batch in records]
        for batch in batches:
            batch.validate(full=True)
    schema = KINDS[kind].schema
    same = [batch for batch in batches if batch.schema.equals(schema)]
    return decoded(pa.Table.from_batches(same, schema)), records.coverage


def decoded(table):
    """The rows without dictionaries, which may hold values of rows that are not there."""
    kinds = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    return table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))


def text_of(table):
    """Rows without where they stood."""
    return [
        {key: str(value) for key, value in row.items() if "record" not in key and "offset" not in key}
        for row in table.to_pylist()
    ]


@pytest.fixture
def several(rows):
    """Rows of each log, odd ones among them."""
    return {
        "conn": rows("conn", {}, {"orig_bytes": None}, {"proto": "udp", "service": None}, {"vlan": 7}),
        "dns": rows(
            "dns", {}, {"query": None}, {"answers": None, "TTLs": None}, {"id.resp_p": 137}, {"query": "b\\x20c"}
        ),
        "ssl": rows("ssl", {}, {"server_name": None}, {"cert_chain_fps": []}),
        "http": rows("http", {}, {"method": "CONNECT", "uri": "a.example:443"}, {"host": None}, {"status_code": 101}),
        "quic": rows("quic", {}, {"server_name": None}, {"version": "draft-29"}),
        "files": rows("files", {}, by_hosts(), {"is_orig": False}, {"is_orig": None}, by_hosts(conn_uids=[]), {}),
        "x509": rows("x509", {}, {"san.dns": None}),
    }


@pytest.mark.parametrize("kind", list(KINDS))
def test_text_and_json_of_the_same_rows_give_the_same_tables(kind, several, put, tsv, jsonl):
    one, first = read(put(tsv(kind, several[kind]), "a"), kind)
    other, second = read(put(jsonl(several[kind]), "a"), kind)
    assert text_of(one) == text_of(other)
    assert (first.events, first.unattributable) == (second.events, second.unattributable)
    assert lawful(first)
    assert lawful(second)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("form", ["tsv", "jsonl", "pretty", "crlf"])
def test_the_size_of_blocks_changes_nothing(kind, form, several, put, tsv, jsonl):
    rows = several[kind] * 3
    pretty = json.dumps([json.loads(line) for line in jsonl(rows).splitlines()], indent=1).encode()
    forms = {"tsv": tsv(kind, rows), "jsonl": jsonl(rows), "pretty": pretty, "crlf": tsv(kind, rows, end="\r\n")}
    source = put(forms[form][:-1] + b"\nbroken\n")
    tables, accounts = zip(*(read(source, kind, block=size) for size in SIZES), strict=True)
    assert all(table.equals(tables[0]) for table in tables)
    assert all(account == accounts[0] for account in accounts)
    assert accounts[0].events >= 3 or accounts[0].noise >= 3
    assert accounts[0].rejected >= 1


def test_line_and_offset_lead_to_the_record(put, rows, tsv, jsonl):
    for data in (tsv("conn", rows("conn", {}, {}, {})), jsonl(rows("conn", {}, {}, {}))):
        table, _ = read(put(data))
        lines = data.split(b"\n")
        for row in table.to_pylist():
            line = lines[row["first_record"] - 1]
            assert data[row["first_offset"] :].startswith(line)
            assert b"CAbc1" in line


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ts": "soon"}, "bad_timestamp"),
        ({"ts": None}, "bad_timestamp"),
        ({"orig_bytes": -1}, "bad_field:orig_bytes"),
        ({"orig_bytes": 10**30}, "bad_field:orig_bytes"),
        ({"orig_bytes": 2**63}, "bad_field:orig_bytes"),
        ({"id.orig_p": 65536}, "bad_field:id.orig_p"),
        ({"id.resp_h": "results.example"}, "bad_field:id.resp_h"),
        ({"id.resp_h": None}, "bad_field:id.resp_h"),
        ({"proto": "unknown_transport"}, "bad_field:proto"),
        ({"duration": "-1.000000"}, "bad_field:duration"),
    ],
)
def test_a_value_not_of_its_type_refuses_the_record_by_name(change, code, put, rows, tsv, jsonl):
    for data, line in ((tsv("conn", rows("conn", {}, change)), 8), (jsonl(rows("conn", {}, change)), 2)):
        _, coverage = read(put(data))
        assert [(one.code, one.record) for one in coverage.rejects] == [(code, line)]
        assert data[coverage.rejects[0].offset :] == data.split(b"\n")[line - 1] + b"\n"
        assert coverage.events == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"1795333874.0\tC3", "short_row"),
        (b"a\tb\tc\td", "extra_columns"),
        (b"1.5\t\xff\tx", "not_utf8"),
        (b"x" * ((1 << 20) + 1), "line_too_long"),
    ],
)
def test_a_broken_line_is_refused_with_its_reason(line, code, put):
    head = b"#path\tdns\n#fields\tts\tquery\tid.orig_h\n"
    _, coverage = read(put(head + line + b"\n1.0\ta\t192.0.2.1\n"), "dns")
    assert [(one.code, one.record, one.offset) for one in coverage.rejects] == [(code, 3, len(head))]
    assert coverage.events == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"ts":1.0,"query":', "json_syntax"),
        (b"[1]", "json_syntax"),
        (b"7", "json_syntax"),
        (b'{"ts":' + b"[" * 70 + b"]" * 70 + b"}", "json_depth"),
        (b'{"ts":1.0,"query":"\xff"}', "not_utf8"),
        (b'{"ts":1.0,"query":{"a":1},"id.orig_h":"192.0.2.1"}', "bad_field:query"),
        (b'{"ts":1.0,"_path":"smtp"}', "unsupported_log"),
        (b'{"ts":1.0,"query":"' + b"x" * (1 << 20) + b'"}', "line_too_long"),
    ],
)
def test_a_broken_object_is_refused_with_its_reason(line, code, put):
    good = b'{"ts":1.0,"query":"a","id.orig_h":"192.0.2.1"}\n'
    _, coverage = read(put(good + line + b"\n" + good), "dns")
    assert [(one.code, one.record, one.offset) for one in coverage.rejects] == [(code, 2, len(good))]
    assert coverage.events == 2


def test_a_header_may_change_in_mid_file(put, rows, tsv):
    first, second = rows("conn", {"uid": "C1"}), [{**rows("conn", {"uid": "C2"})[0], "new_column": 1}]
    joined = (
        tsv("conn", first)
        + tsv("conn", second)
        + tsv("dns", rows("dns", {}))
        + tsv("smtp", [{"ts": "1.0", "uid": "C3"}])
    )
    collected = collect([put(joined)])
    (coverage,) = collected.coverage
    assert collected.flows["conn_id"].to_pylist() == ["C1", "C2"]
    assert (collected.lookups.num_rows, coverage.events) == (1, 3)
    assert [one.code for one in coverage.rejects] == ["unsupported_log"]
    assert lawful(coverage)


def test_too_many_headers_are_refused_and_counted(put, monkeypatch):
    monkeypatch.setattr(tsv_module, "MOST_HEADERS", 3)
    parts = (f"#path\tdns\n#fields\tts\tquery\tid.orig_h\tx{n}\n1.0\ta\t192.0.2.1\t-\n" for n in range(5))
    _, coverage = read(put("".join(parts).encode()), "dns")
    assert lawful(coverage)
    assert {one.code for one in coverage.rejects} == {"too_many_headers"}


def test_records_before_any_header_are_refused(put):
    _, coverage = read(put(b"1.0\tC1\n"), forced=True)
    assert [one.code for one in coverage.rejects] == ["no_header"]


def _with_underscores(row):
    return {key.replace(".", "_"): value for key, value in row.items()}


def _nested(row):
    found: dict[str, Any] = {}
    for key, value in row.items():
        outer, dot, inner = key.partition(".")
        (found.setdefault(outer, {}) if dot else found)[inner or outer] = value
    return found


_SPELT = {
    "underscores": _with_underscores,
    "nested": _nested,
    "stream": lambda row: {**_with_underscores(row), "@stream": None, "@system": "sensor"},
    "nulls": lambda row: {**dict.fromkeys(["uid", "tunnel_parents", "id.vlan", "vlan"]), **row},
}
"""Ways in which shippers change the objects of Zeek's JSON."""


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("way", _SPELT)
def test_json_may_spell_the_fields_of_a_record_in_a_record_in_several_ways(way, kind, several, put, jsonl):
    flat = [json.loads(line) for line in jsonl(several[kind]).splitlines()]
    spelt = [_SPELT[way](row) for row in flat]
    if way == "stream":
        spelt = [row | {"@stream": kind} for row in spelt]
    data = "".join(json.dumps(row) + "\n" for row in spelt).encode()
    expected, account = read(put(jsonl(several[kind]), "a"), kind)
    found, coverage = read(put(data, "a"), kind)
    assert text_of(found) == text_of(expected)
    assert (coverage.events, coverage.noise, coverage.notes) == (account.events, account.noise, account.notes)
    assert coverage.rejects == account.rejects
    with Opened(put(data, "a")) as opened:
        assert detect(opened.head) is named(f"zeek-{kind}")


@pytest.mark.parametrize("kind", list(KINDS))
def test_words_for_unset_and_empty_are_those_of_the_header(kind, several, put, tsv):
    usual = tsv(kind, several[kind])
    other = usual.replace(b"(empty)", b"NONE").replace(b"#unset_field\t-", b"#unset_field\t")
    other = b"\n".join(
        line if line.startswith(b"#") else b"\t".join(b"" if cell == b"-" else cell for cell in line.split(b"\t"))
        for line in other.split(b"\n")
    )
    (expected, account), (found, coverage) = (read(put(data, "a"), kind) for data in (usual, other))
    assert text_of(found) == text_of(expected)
    assert (coverage.events, coverage.unattributable) == (account.events, account.unattributable)


@pytest.mark.parametrize("other", ["conn", "ssl"])
def test_json_records_of_several_logs_in_one_file_are_told_apart_by_their_keys(other, put, rows, jsonl):
    lookups, flows = rows("dns", {"trans_id": 7}), rows(other, {})
    mixed = collect([put(jsonl(lookups) + jsonl(flows))])
    assert (mixed.lookups.num_rows, mixed.flows.num_rows) == (1, 1)
    assert mixed.coverage[0].unattributable == 0


def test_a_json_record_of_a_log_that_is_not_read_is_refused_by_its_keys(put, rows, jsonl):
    other = b'{"ts":1.0,"uid":"C1","id.orig_h":"192.0.2.1","trans_depth":1,"helo":"a.example"}\n'
    (coverage,) = collect([put(jsonl(rows("conn", {})) + other)]).coverage
    assert [reject.code for reject in coverage.rejects] == ["unsupported_log"]
    assert coverage.incomplete


def test_objects_over_several_lines_are_records_numbered_by_their_first(put, rows, jsonl):
    objects = [json.loads(line) for line in jsonl(rows("dns", {}, {}, {})).splitlines()]
    data = json.dumps(objects, indent=2).encode()
    table, coverage = read(put(data), "dns")
    assert (coverage.records, coverage.events) == (3, 3)
    for row in table.to_pylist():
        assert data[row["offset"] :].startswith(b'{\n    "ts"')
        assert data[: row["offset"]].count(b"\n") == row["record"] - 1


def test_an_object_without_its_end_takes_no_other_with_it(put, rows, jsonl):
    good = jsonl(rows("dns", {}, {}))
    _, coverage = read(put(b'{\n "ts": 1.0,\n "query": "a"\n' + good), "dns")
    assert (coverage.events, [one.code for one in coverage.rejects]) == (2, ["json_syntax"])
    assert lawful(coverage)
    _, coverage = read(put(b'[{"ts": 1.0,\n"query": "a"'), "dns")
    assert (coverage.records, coverage.rejected) == (1, 1)


def test_numbers_in_json_stay_decimal(put):
    row = b'{"ts":1588205199.824370001,"id.orig_h":"192.0.2.1","query":"a"}'
    table, _ = read(put(row), "dns")
    assert table["time"].cast(pa.int64()).to_pylist() == [1588205199824370001]


def test_order_and_span_are_told(put, rows, tsv):
    times = ("1795333874.000000", "1795333872.000000", "1795333873.000000", "1795333871.000000")
    source = put(tsv("conn", rows("conn", *({"ts": time} for time in times))))
    for size in SIZES:
        _, coverage = read(source, block=size)
        assert coverage.out_of_order == 2
        assert (coverage.first, coverage.last) == (1795333871 * 10**9, 1795333874 * 10**9)


def test_only_the_first_hundred_refused_records_are_kept(put):
    _, coverage = read(put(b"#fields\tts\n" + b"x\ty\n" * 150))
    assert (coverage.rejected, len(coverage.rejects)) == (150, 100)
    assert [one.record for one in coverage.rejects] == list(range(2, 102))


@st.composite
def damaged(draw, data):
    """The bytes with pieces overwritten, cut out or doubled."""
    damaged_data = bytearray(data)
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(damaged_data)))
        until = min(len(damaged_data), at + draw(st.integers(0, 40)))
        piece = draw(
            st.binary(max_size=12)
            | st.sampled_from(
                [b"\n", b"\t", b"#", b"#fields\t", b"#separator ", b"\r\n", b'"', b"{", b"}", b"[", b"\\", b"\\x"]
            )
            | st.just(bytes(damaged_data[at:until]) * 2)
        )
        damaged_data[at:until] = piece
    return bytes(damaged_data)


@QUIET
@given(chosen=st.data())
@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("form", ["tsv", "jsonl", "pretty"])
def test_no_damage_raises_or_breaks_the_law(kind, form, chosen, several, put, tsv, jsonl):
    objects = [json.loads(line) for line in jsonl(several[kind]).splitlines()]
    forms = {
        "tsv": tsv(kind, several[kind]),
        "jsonl": jsonl(several[kind]),
        "pretty": json.dumps(objects, indent=1).encode(),
    }
    source = put(chosen.draw(damaged(forms[form])))
    table, coverage = read(source, kind, forced=True)
    again, same = read(source, kind, forced=True, block=50)
    assert lawful(coverage)
    assert same == coverage
    assert again.equals(table)


@QUIET
@given(data=st.binary(max_size=300), start=st.sampled_from([b"", b"#fields\tts\tuid\n", b"{", b"[{", b'{"ts":']))
def test_no_bytes_raise_or_break_the_law(data, start, put):
    for kind in KINDS:
        _, coverage = read(put(start + data), kind, forced=True)
        assert lawful(coverage)


def test_the_shared_samples_are_read_whole(shared_logs):
    sources = [str(path) for kind in KINDS for path in sorted(shared_logs.glob(f"zeek-{kind}/sample*.log"))]
    collected = collect(sources)
    assert len(sources) == 14
    assert [one.rejects for one in collected.coverage] == [()] * len(sources)
    assert all(lawful(one) and one.events for one in collected.coverage)


def test_the_same_sample_as_text_and_as_json_tells_the_same(shared_logs):
    for kind, name in (("dns", "sample-zed"), ("dns", "sample-zed-%s-odd"), ("ssl", "sample-zed")):
        pattern = name if "%s" in name else name + "-%s"
        text, _ = read(str(shared_logs / f"zeek-{kind}" / f"{pattern % 'tsv'}.log"), kind)
        other, _ = read(str(shared_logs / f"zeek-{kind}" / f"{pattern % 'json'}.log"), kind)
        ignored = ("source", "latency", "time", "first_record", "start", "end")
        assert text.num_rows == other.num_rows
        for one, two in zip(text_of(text), text_of(other), strict=True):
            assert {k: v for k, v in one.items() if k not in ignored} == {
                k: v for k, v in two.items() if k not in ignored
            }


@pytest.mark.parametrize("answers", ['["198.51.100.7", 5, true, null]', '"198.51.100.7"', "[]", "null"])
def test_lists_in_json_may_hold_any_single_values(answers, put):
    row = f'{{"ts":1.0,"id.orig_h":"192.0.2.1","query":"a","qtype":1,"rcode":0,"answers":{answers}}}\n'
    plain = '{"ts":1.0,"id.orig_h":"192.0.2.1","query":"a","answers":["b"]}\n'
    table, coverage = read(put((row + plain).encode()), "dns")
    assert (coverage.rejects, table.num_rows) == ((), 2)
    _, coverage = read(put(row.replace(answers, "[[1]]").encode()), "dns")
    assert [one.code for one in coverage.rejects] == ["bad_field:answers"]

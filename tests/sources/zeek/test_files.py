"""files.log: content sent in one direction, as flows in body bytes; x509.log: certificates, which are no flows."""

import pytest

from flowwatch.model import Amount
from flowwatch.sources import collect
from flowwatch.transmissions import derive
from tests.sources.conftest import by_hosts
from tests.sources.laws import lawful

DIGEST = "ef" * 32


@pytest.fixture
def flow(put, rows, tsv):
    """The one row of a files.log with these changes."""

    def read(**changes):
        return collect([put(tsv("files", rows("files", changes)))]).flows.to_pylist()[0]

    return read


@pytest.fixture
def left_out(put, rows, tsv):
    """The account of a files.log with one record that is no row."""

    def read(**changes):
        collected = collect([put(tsv("files", rows("files", changes)))])
        assert collected.flows.num_rows == 0
        assert lawful(collected.coverage[0])
        return collected.coverage[0]

    return read


def told(row):
    """Counts and digests by side."""
    return tuple(row[f"{side}_{what}"] for what in ("bytes", "payload_sha256") for side in ("src", "dst"))


def test_what_the_initiator_sent_counts_as_its_body(flow):
    row = flow()
    assert told(row) == (5000, None, [DIGEST], None)
    assert (row["bytes_scope"], row["counter"], row["app"], row["proto"]) == ("body", "delta", "http", "tcp")
    assert (row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"]) == (
        "192.0.2.10", 48986, "198.51.100.7", 80,
    )  # fmt: skip
    assert (row["conn_id"], row["direction_basis"], row["src_payload"]) == ("CAbc1", "log", None)
    assert (row["end"] - row["start"]).total_seconds() == 0.25


def test_what_the_responder_sent_is_on_its_side(flow):
    row = flow(source="FTP_DATA", is_orig=False)
    assert told(row) == (None, 5000, None, [DIGEST])
    assert (row["src_ip"], row["app"]) == ("192.0.2.10", "ftp-data")


@pytest.mark.parametrize("forth", [True, False])
def test_older_logs_name_hosts_and_the_side_that_sent_says_who_opened(flow, forth):
    ends = {"tx_hosts": ["192.0.2.10"], "rx_hosts": ["198.51.100.7"]}
    if not forth:
        ends = dict(zip(ends, reversed(ends.values()), strict=True))
    row = flow(**by_hosts(is_orig=forth, **ends))
    assert (row["src_ip"], row["dst_ip"], row["conn_id"]) == ("192.0.2.10", "198.51.100.7", "CAbc1")
    assert (row["src_port"], row["dst_port"]) == (None, None)
    assert told(row) == ((5000, None, [DIGEST], None) if forth else (None, 5000, None, [DIGEST]))


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"seen_bytes": 4000}, 4000),
        ({"seen_bytes": 0, "total_bytes": None, "source": "SMTP"}, 0),
        ({"total_bytes": None, "source": "SSL", "is_orig": False}, 5000),
        ({"total_bytes": None}, None),
        ({"is_orig": False}, None),
        ({"is_orig": False, "conn_uids": ["CAbc1"]}, 5000),
        ({"conn_uids": ["CAbc1", "CAbc2"]}, None),
        ({"source": "SMB"}, None),
        ({"source": "SPICY_ZIP"}, None),
        ({"source": None}, None),
        ({"parent_fuid": "FParent1"}, None),
    ],
    ids=str,
)
def test_only_content_that_certainly_ran_over_the_connection_counts(flow, changes, count):
    row = flow(**changes)
    assert row["src_bytes" if changes.get("is_orig", True) else "dst_bytes"] == count
    expected = ("unknown", None) if count is None else ("body", "delta")
    assert (row["bytes_scope"], row["counter"]) == expected


@pytest.mark.parametrize(
    ("changes", "digests"),
    [
        ({"total_bytes": None}, [DIGEST]),
        ({"missing_bytes": None, "overflow_bytes": None, "timedout": None}, [DIGEST]),
        ({"missing_bytes": 1}, None),
        ({"overflow_bytes": 1}, None),
        ({"timedout": True}, None),
        ({"seen_bytes": 4999}, None),
        ({"sha256": None}, None),
        ({"sha256": "ef" * 20}, None),
    ],
    ids=str,
)
def test_a_digest_is_that_of_the_whole(flow, changes, digests):
    assert flow(**changes)["src_payload_sha256"] == digests


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"is_orig": None}, "without the side that sent it"),
        (by_hosts(is_orig=None), "without the side that sent it"),
        (by_hosts(conn_uids=None), "of no connection"),
        (by_hosts(conn_uids=[]), "of no connection"),
        (by_hosts(tx_hosts=[]), "of no connection"),
        (by_hosts(rx_hosts=["198.51.100.7", "198.51.100.8"]), "of no connection"),
        (by_hosts(conn_uids=["CAbc1", "CAbc2"]), "over several connections"),
    ],
    ids=str,
)
def test_a_file_without_sender_or_connection_is_counted_and_is_no_row(left_out, changes, why):
    coverage = left_out(**changes)
    assert (coverage.unattributable, coverage.rejected) == (1, 0)
    assert [why in note for note in coverage.notes] == [True]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"is_orig": "maybe"}, "bad_field:is_orig"),
        ({"id.resp_h": "x"}, "bad_field:id.resp_h"),
        (by_hosts(tx_hosts=["x"]), "bad_field:tx_hosts"),
        ({"seen_bytes": "many"}, "bad_field:seen_bytes"),
        ({"timedout": "7"}, "bad_field:timedout"),
    ],
    ids=str,
)
def test_a_value_not_of_its_type_refuses_the_record(left_out, changes, code):
    assert [one.code for one in left_out(**changes).rejects] == [code]


@pytest.mark.parametrize("older", [False, True])
def test_connection_request_and_file_of_one_upload_are_one_transmission(older, put, rows, tsv):
    ends = {"id.resp_p": 80, "service": "http", "orig_bytes": 5300}
    file = by_hosts() if older else {}
    logs = {
        "conn": rows("conn", ends),
        "http": rows("http", {}),
        "files": rows("files", {**file, "seen_bytes": 3000, "total_bytes": 3000}, {**file, "sha256": "0a" * 32}),
    }
    for names in (list(logs), list(logs)[::-1]):
        paths = [put(tsv(name, logs[name]), name) for name in names]
        collected = collect(paths)
        forth, back = derive(collected.flows, collected.lookups, collected.coverage)
        assert (forth.sent, back.sent) == (Amount.exactly(5300), Amount.exactly(4096))
        assert (forth.http_method, forth.payload_sha256) == ("POST", ("0a" * 32, DIGEST))
        assert [(one.ref.source, one.scope, one.counted) for one in forth.accounts] == [
            (paths[names.index("conn")], "payload", 5300),
            (paths[names.index("files")], "body", 8000),
        ]
        assert back.payload_sha256 is None


def test_files_alone_prove_the_least_that_was_sent(put, rows, tsv):
    collected = collect([put(tsv("files", rows("files", {}, {"seen_bytes": 4000}, {"uid": "CAbc2", "id.orig_p": 1})))])
    sent = [
        one.sent for one in derive(collected.flows, collected.lookups, collected.coverage) if one.responder_is_receiver
    ]
    assert sent == [Amount(9000, None), Amount(5000, None)]


def test_certificates_are_counted_and_give_no_row(put, rows, tsv):
    collected = collect([put(tsv("x509", rows("x509", {}, {})))])
    (coverage,) = collected.coverage
    assert (collected.flows.num_rows, coverage.events, coverage.rejected) == (0, 0, 0)
    assert lawful(coverage)
    assert [note.startswith("2 x certificate") and "ssl.log" in note for note in coverage.notes] == [True]
    assert coverage.shortfalls == ("nothing in it could be used",)


def test_the_sample_tells_what_the_server_sent(shared_logs):
    collected = collect([str(shared_logs / "zeek-files" / "sample-slips-test10.log")])
    found = collected.flows.to_pylist()
    assert [row["dst_bytes"] for row in found] == [1638, 1174, 527]
    assert [len(row["dst_payload_sha256"] or ()) for row in found] == [1, 1, 0]
    assert {(row["src_ip"], row["src_bytes"], row["conn_id"]) for row in found} == {
        ("147.32.83.156", None, "CYetmM3b29tLNkUk42")
    }


def test_a_sensor_that_adds_its_own_fields_and_writes_times_as_text(put, rows, jsonl):
    usual = rows("files", {}, by_hosts())
    own = {"_path": "files", "_system_name": "sensor", "_write_ts": "2026-11-22T07:51:13.000000Z"}
    changed = [{**own, **row, "ts": "2026-11-22T07:51:12.720000Z"} for row in usual]
    found, expected = (collect([put(jsonl(one), "files.log")]) for one in (changed, usual))
    assert found.coverage[0].format == "zeek-files"
    columns = [name for name in expected.flows.column_names if name != "first_offset"]
    assert found.flows.select(columns) == expected.flows.select(columns)

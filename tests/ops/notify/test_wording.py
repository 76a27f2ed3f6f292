import json
import re

import jsonschema
import msgspec
import pytest

from flowwatch.model import AlertKind, Life
from flowwatch.ops.notify import body, text
from flowwatch.ops.notify.wording import LONGEST_SUBJECT, line, subject
from flowwatch.reports import jsonl

BLAME = re.compile(
    r"attack|leak|breach|fraud|suspicious|malicious|rogue|exfiltrat|threat|compromis|hack|illegal|evil", re.IGNORECASE
)


def _printable(shown: str) -> bool:
    return all(" " <= one <= "~" for one in shown)


def test_the_words_of_a_finding(alert):
    assert text(alert) == (
        "high: Results were sent to an address that is not on the approved list\n"
        "First told now.\n"
        "Seen by the check of this hour.\n"
        "\n"
        "    verdict     unapproved\n"
        "    seen        3 transmissions, of them 1 attempt; 1.2 MB sent, acknowledgement unseen; "
        "2026-11-04T23:30:00Z to 2026-11-05T00:30:00Z\n"
        "    from        zone precincts: 192.0.2.17\n"
        "    to          203.0.113.99 tcp/8443\n"
        "    names       carrier.example (sni)\n"
        "    place       not looked up\n"
        "    reason      destination.unlisted: the receiver is not on the approved list\n"
        "    rule        defaults defaults of county-results 2026.11.1\n"
        "                address differs: declared 198.51.100.20/32, observed 203.0.113.99\n"
        "    confidence  high, the receiver's address was read from every packet\n"
        "    records     night.pcap records 37 to 45, offset 4,096\n"
        "    next        Ask who runs this address.\n"
        "    id          0123456789ab\n"
        "    policy      county-results 2026.11.1: Results (sha256 efefefefefef...)\n"
        "    told        2026-11-05T00:30:00Z by flowwatch 0.1.0 on sensor.county.example\n"
        "    delivery    d-0001\n"
        "\n"
        "A destination is the first address seen; onward use is not observable. "
        "Nothing is said of unrecorded traffic.\n"
    )


def test_the_words_of_the_check_itself(of_check):
    assert text(of_check) == (
        "high: The check could not do its work\n"
        "Seen by the check of this hour.\n"
        "\n"
        "    policy      county-results 2026.11.1: Results (sha256 efefefefefef...)\n"
        "    about       failure\n"
        "    told        2026-11-05T00:30:00Z by flowwatch 0.1.0 on sensor.county.example\n"
        "    delivery    d-0001\n"
    )


def test_no_word_of_blame(alert, of_check):
    for life in Life:
        assert not BLAME.search(text(msgspec.structs.replace(alert, life=life)))
    for kind in AlertKind:
        assert not BLAME.search(text(msgspec.structs.replace(of_check, kind=kind)))


def test_observed_text_adds_no_line_and_no_control_byte(hostile, alert):
    told = text(hostile)
    assert all(map(_printable, told.split("\n")))
    assert sum(one.startswith("    ") for one in told.split("\n")) <= 20
    assert next(one for one in told.split("\n") if not one.startswith("    ")).startswith("high: Sent to ")
    assert _printable(line(hostile))
    assert _printable(subject(hostile))
    assert len(subject(hostile)) <= LONGEST_SUBJECT


def test_many_lines_are_cut_and_said(of_check):
    told = text(msgspec.structs.replace(of_check, lines=tuple("x" * 5_000 for _ in range(100_000))))
    assert "... and 99,800 more lines" in told
    assert len(told) < 400_000


def test_the_body_is_the_line_of_the_schema_and_the_same_bytes_each_time(alert, hostile, of_check):
    validator = jsonschema.Draft202012Validator(jsonl.json_schema("alert"))
    for one in (alert, hostile, of_check):
        validator.validate(json.loads(body(one)))
        assert _printable(body(one).decode("ascii"))
        assert body(one) == body(msgspec.structs.replace(one))
        assert list(json.loads(body(one))) == sorted(json.loads(body(one)))


def test_the_body_loses_nothing(alert, hostile):
    told = json.loads(body(alert))
    assert (told["type"], told["schema"]) == ("alert", "flowwatch.alert/1")
    assert told["time"] == "2026-11-05T00:30:00.123456789Z"
    assert told["finding"]["evidence"][0]["record"] == 37
    assert set(told) == {"type", "schema", *alert.__struct_fields__}
    assert json.loads(body(hostile))["lines"] == list(hostile.lines)


@pytest.mark.parametrize("key", ["delivery", "kind", "time", "severity", "title", "finding", "life", "schema", "type"])
def test_a_wrong_value_does_not_validate(alert, key):
    validator = jsonschema.Draft202012Validator(jsonl.json_schema("alert"))
    assert not validator.is_valid(json.loads(body(alert)) | {key: -1.5})

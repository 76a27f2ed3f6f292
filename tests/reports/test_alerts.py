"""Laws of every format of an alert: one line, printable, bounded, the same each time, and everything has a place."""

import copy
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import AlertKind, Life, Place, Reason, Verdict
from flowwatch.reports import alert_line, alert_lines, alerts, fields

FORMATS = ("jsonl", "ocsf", "ecs", "eve", "cef")
FOREIGN = FORMATS[1:]
MOST = 400_000
"""Bytes of a line of a format that bounds its texts and lists."""


@pytest.mark.parametrize("fmt", FORMATS)
@given(data=st.data())
def test_any_alert_is_one_line_of_printable_ascii_and_the_same_each_time(fmt, data, made_up):
    alert = data.draw(made_up)
    line = alert_line(alert, fmt)
    assert line.endswith(b"\n")
    assert all(0x20 <= byte <= 0x7E for byte in line[:-1])
    assert alert_line(copy.deepcopy(alert), fmt) == line
    assert fmt == "jsonl" or len(line) < MOST


@pytest.mark.parametrize("fmt", ["ocsf", "ecs", "eve"])
@given(data=st.data())
def test_any_text_is_printable_ascii_after_decoding_too(fmt, data, made_up):
    row = json.loads(alert_line(data.draw(made_up), fmt))
    for text in _leaves(row, str):
        assert all(" " <= one <= "~" for one in text)
        assert len(text) <= 1_400


@pytest.mark.parametrize("fmt", ["ocsf", "ecs", "eve"])
@given(data=st.data())
def test_any_number_fits_64_bits_with_sign(fmt, data, made_up):
    numbers = _leaves(json.loads(alert_line(data.draw(made_up), fmt)), int)
    assert all(-(2**63) <= one < 2**63 for one in numbers)


@pytest.mark.parametrize("fmt", FOREIGN)
def test_a_huge_alert_stays_small_and_says_how_much_it_leaves_out(fmt, told):
    one = told[1].finding
    long = "\u202e" * 9_000
    names = tuple(msgspec.structs.replace(one.names[0], name=f"{at}{long}") for at in range(300))
    place = msgspec.structs.replace(one.place, located=one.place.located * 200, why=long)
    evidence = one.evidence * 500
    many = tuple(f"192.0.2.{at % 250}" for at in range(5_000))
    huge = msgspec.structs.replace(
        one, title=long, senders=many, names=names, place=place, evidence=evidence, checks=one.checks * 99, asked=long
    )
    line = alert_line(msgspec.structs.replace(told[1], finding=huge, title=long, lines=(long,) * 99), fmt)
    assert len(line) < MOST
    for left in ("4980", "480"):
        assert left in line.decode(), left


TOKENS = {
    "delivery": b"DELIVERY",
    "life": b"changed",
    "id": b"FINDING",
    "kind": b"destination.unlisted",
    "verdict": b"prohibited",
    "policy": b"POLICY",
    "version": b"2026.77.1",
    "entry": b"ENTRY",
    "bytes": b"987654321",
    "sender": b"192.0.2.201",
    "second sender": b"192.0.2.202",
    "destination": b"203.0.113.203",
    "port": b"61234",
    "name": b"names.example",
    "second name": b"other.example",
    "country": b"XB",
    "basis": b"places.mmdb",
    "network": b"64509",
    "label": b"LABEL",
    "source": b"captures/night.pcap",
    "record": b"7654",
    "remedy": b"REMEDY",
    "host": b"watch.example",
    "line": b"LINE",
}


@pytest.mark.parametrize("fmt", FORMATS)
def test_everything_a_finding_tells_has_a_place(fmt, told):
    line = alert_line(_marked(told[1]), fmt)
    assert {what for what, token in TOKENS.items() if token not in line} == set()


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_kind_and_every_reason_is_told(fmt, told):
    finding = told[1].finding
    for reason in Reason:
        alert = msgspec.structs.replace(told[1], finding=msgspec.structs.replace(finding, kind=reason))
        assert reason.value.encode() in alert_line(alert, fmt)
    lines = {alert_line(one, fmt) for one in told}
    assert len(lines) == len(told)


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_findings_of_a_report_in_its_order(fmt, rich, nothing):
    lines = list(alert_lines(rich, fmt))
    assert lines == [alert_line(alerts.of(one, rich), fmt) for one in rich.findings]
    assert [one.id.encode() in line for one, line in zip(rich.findings, lines, strict=True)] == [True] * len(lines)
    assert list(alert_lines(nothing, fmt)) == []


def test_a_finding_is_told_as_of_when_it_was_last_seen(rich, nothing):
    one = rich.findings[0]
    alert = alerts.of(one, rich)
    assert (alert.delivery, alert.kind, alert.time) == (one.id, AlertKind.FINDING, one.last_seen)
    assert alert.policy == rich.policies[-1]
    untimed = msgspec.structs.replace(one, last_seen=None)
    assert alerts.of(untimed, rich).time == rich.last
    for report in (rich, nothing):
        assert alerts.of(untimed, report).lines == (alerts.UNTIMED,)


def test_of_facts_that_disagree_none_is_chosen(told):
    place = told[1].finding.place
    assert place.countries == ("XB", "XC")
    assert fields.country(place) is None
    assert fields.as_number(place) == 64501
    other = msgspec.structs.replace(place, asn=(*place.asn, msgspec.structs.replace(place.asn[0], value="AS64502")))
    assert fields.as_number(other) is None
    assert fields.as_number(Place(address="192.0.2.1")) is None


@pytest.mark.parametrize("told", ["", "a", "192.0.2.256", "fe80::1%eth0", "192.0.2.1\n", "\uff11.2.3.4", None])
def test_what_is_no_address_is_none(told):
    assert fields.ip(told) is None


@given(st.text(st.characters(), max_size=3_000))
def test_text_is_bounded(text):
    assert len(fields.text(text)) <= fields.TEXT_MOST


def test_who_has_to_look(told):
    quiet = [one.life for one in told if one.finding and not fields.calls(one)]
    assert quiet == [Life.QUIET]
    others = {one.kind: fields.calls(one) for one in told if one.finding is None}
    assert [kind for kind, calls in others.items() if not calls] == [AlertKind.HEARTBEAT, AlertKind.TRIAL]


def _marked(alert):
    """The alert with a token of its own in every place."""
    one = alert.finding
    rule = msgspec.structs.replace(one.rule, id="ENTRY", policy_id="POLICY", policy_version="2026.77.1")
    located = tuple(msgspec.structs.replace(place, source="places.mmdb") for place in one.place.located[:1])
    asn = (msgspec.structs.replace(one.place.asn[0], value="64509"),)
    evidence = msgspec.structs.replace(one.evidence[0], source="captures/night.pcap", record=7654)
    finding = msgspec.structs.replace(
        one,
        id="FINDING",
        kind=Reason.DESTINATION_UNLISTED,
        verdict=Verdict.PROHIBITED,
        rule=rule,
        bytes_sent=987654321,
        bytes_most=987654321,
        senders=("192.0.2.201", "192.0.2.202"),
        receiver=msgspec.structs.replace(one.receiver, address="203.0.113.203", port=61234),
        names=tuple(msgspec.structs.replace(one.names[0], name=name) for name in ("names.example", "other.example")),
        place=msgspec.structs.replace(one.place, address="203.0.113.203", located=located, asn=asn),
        labels=(msgspec.structs.replace(one.labels[0], name="LABEL"),),
        evidence=(evidence,),
        remedy="REMEDY",
    )
    marks = {"delivery": "DELIVERY", "life": Life.CHANGED, "host": "watch.example", "lines": ("LINE",)}
    return msgspec.structs.replace(alert, finding=finding, **marks)


def _leaves(value, kind):
    """Every value of that type, however deep."""
    if isinstance(value, kind):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [leaf for one in inner for leaf in _leaves(one, kind)]

"""Every alert read back by a parser of CEF's grammar, which refuses what is none."""

import re

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowwatch.model import Severity
from flowwatch.reports import alerts, cef, escape, fields, flat

_FIELD = r"((?:[^|\\]|\\[|\\])*)"
_LINE = re.compile(rf"CEF:0\|{_FIELD}\|{_FIELD}\|{_FIELD}\|{_FIELD}\|{_FIELD}\|(10|[0-9])\|([ -~]*)\n", re.ASCII)
_PAIR = re.compile(r"([A-Za-z0-9]+)=((?:[^=\\]|\\[=\\])*?)(?: (?=[A-Za-z0-9]+=)|$)", re.ASCII)
_NUMBERS = {"rt", "start", "end", "cnt", "out", "dpt"}
_DICTIONARY = _NUMBERS | {
    "externalId", "dvchost", "act", "msg", "outcome", "proto", "app", "src", "dst", "dhost", "filePath", "fileHash",
    *(f"{key}{label}" for key in ("c6a2", "c6a3", "cs1", "cs2", "cs3", "cs4", "cs5", "cs6") for label in ("", "Label")),
}  # fmt: skip


def parsed(line):
    """Header fields and extension, unescaped; ValueError where the line is not of the grammar."""
    found = _LINE.fullmatch(line.decode("ascii"))
    if found is None:
        raise ValueError("no CEF line")
    *header, extension = found.groups()
    pairs, at = {}, 0
    while at < len(extension):
        pair = _PAIR.match(extension, at)
        if pair is None or pair[1] in pairs:
            raise ValueError(f"no key and value at {at}")
        pairs[pair[1]] = re.sub(r"\\(.)", r"\1", pair[2])
        at = pair.end()
    for key, value in pairs.items():
        if value != value.strip(" "):
            raise ValueError(f"{key} is no value that every reader keeps")
        if key in _NUMBERS and not re.fullmatch(r"-?[0-9]+", value):
            raise ValueError(f"{key} is no number")
        if key not in _DICTIONARY and not re.fullmatch(r"flowwatch([A-Z][a-z0-9]*)+", key):
            raise ValueError(f"{key} is no key")
    return [re.sub(r"\\(.)", r"\1", field) for field in header], pairs


def test_every_sort_of_alert_is_of_the_grammar(told):
    for alert in told:
        header, pairs = parsed(cef.line(alert))
        assert header[:5] == ["flowwatch", "flowwatch", "0.1.0", fields.code(alert), fields.sentence(alert)]
        assert pairs["flowwatchDelivery"] == alert.delivery


@given(data=st.data())
def test_any_alert_is_read_back_as_it_was(data, made_up):
    alert = data.draw(made_up)
    header, pairs = parsed(cef.line(alert))
    for read, was in (
        (header[2], alert.version),
        (pairs.get("msg", ""), alert.title),
        (pairs.get("dvchost", ""), alert.host),
        (pairs.get("flowwatchDelivery", ""), alert.delivery),
    ):
        assert escape.undo(read) == was or len(escape.terminal(was)) > fields.TEXT_MOST
    words = flat.facts(alert).keys()
    assert {cef._key(word) for word in words - {"title", "host", *cef._CUSTOM}} <= pairs.keys()
    assert {pairs[f"cs{at}Label"] for at in range(1, 7) if f"cs{at}" in pairs} == words & set(cef._CUSTOM)


@given(st.lists(st.text(st.characters(), min_size=1, max_size=20), min_size=1, max_size=20))
@example(["a; b", "; ", ";"])
@example([" ", "\\u{3b}", "a=b|c\\"])
def test_texts_of_a_list_are_told_apart(told, texts):
    finding = msgspec.structs.replace(told[1].finding, senders=tuple(texts))
    _, pairs = parsed(cef.line(msgspec.structs.replace(told[1], finding=finding)))
    value = pairs["flowwatchSenders"]
    assert [escape.undo(one) for one in value.split("; ")] == texts or "more" in value


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CEF:0", b"CEF:1"),
        (b"|8|", b"|11|"),
        (b"|8|", b"|high|"),
        (b"flowwatch|flowwatch|", b"flow|watch|flowwatch|"),
        (b"\\=", b"="),
        (b"\\\\u", b"\\u"),
        (b" dpt=8443", b" dpt=many"),
        (b" dpt=8443", b" dpt=8443 dpt=8443"),
        (b" dpt=8443", b" madeUp=8443"),
        (b" dpt=8443", b"\n"),
        (b" act=observed", b" act= observed"),
        (b"\n", b""),
    ],
)
def test_the_grammar_refuses_what_is_none(told, old, new):
    line = cef.line(told[1])
    assert old in line
    parsed(line)
    with pytest.raises(ValueError, match=r"is no|no key|no CEF"):
        parsed(line.replace(old, new, 1))


def test_addresses_by_their_version(told):
    six = next(one for one in told if one.finding and one.finding.receiver and ":" in one.finding.receiver.address)
    _, pairs = parsed(cef.line(six))
    assert (pairs["c6a3"], pairs["c6a3Label"]) == ("2001:db8:ffff::99", "Destination IPv6 Address")
    assert pairs["src"] == "192.0.2.17"
    assert "dst" not in pairs


def test_severity_grows_to_ten(told):
    said = [parsed(cef.line(msgspec.structs.replace(told[1], severity=one)))[0][5] for one in Severity]
    assert said == ["1", "3", "5", "8", "10"]


def test_a_list_that_is_too_long_says_how_many_are_left(told, rich):
    names = tuple(msgspec.structs.replace(told[1].finding.names[0], name=f"{at}{'n' * 990}") for at in range(9))
    finding = msgspec.structs.replace(rich.findings[1], names=names)
    _, pairs = parsed(cef.line(alerts.of(finding, rich)))
    assert pairs["cs3"].endswith("; and 5 more")

r"""An alert as a line of ArcSight's Common Event Format, `CEF:0`, without the syslog header.

Promises: in the header `\` and `|` are escaped, in the extension `\` and `=`; blanks at the ends of a value are
`\u{20}`, so that what was written can be read again. Keys of the dictionary hold what they are for: `src dst dpt proto
dhost out cnt start end rt msg outcome externalId filePath fileHash`, IPv6 addresses in `c6a2` and `c6a3`, and `cs1` to
`cs6` with their labels. The rest is in keys of our own, `flowwatchVerdict` and so on. Of the words of `flat`, which may
have several texts, these are parted by `; `, and a semicolon within one is `\u{3b}`; texts beyond VALUE_MOST characters
are counted at the end. Observed text is in no header field and no key.
Severity: info 1, low 3, medium 5, high 8, critical 10.
Source: Micro Focus, "Implementing ArcSight Common Event Format", version 25 (2017).
"""

import re
from collections.abc import Sequence

from flowwatch.model import Alert, Finding, Severity
from flowwatch.reports import fields, flat

VALUE_MOST = 4_000
"""Characters of a value with several texts."""
_SEVERITIES = {Severity.INFO: 1, Severity.LOW: 3, Severity.MEDIUM: 5, Severity.HIGH: 8, Severity.CRITICAL: 10}
_EDGES = re.compile(r"^ | $")
_EXTERNAL_ID_MOST = 40
_CUSTOM = ("policy", "rule", "names", "located", "operated", "labels")
"""Words in `cs1` to `cs6`."""
_MAPPED = frozenset({"title", "host"})
"""Words that keys of the dictionary hold whole."""


def line(alert: Alert) -> bytes:
    """The alert as one line."""
    header = ("flowwatch", "flowwatch", alert.version, fields.code(alert), fields.sentence(alert))
    named = "|".join(_escaped(fields.text(text), "|") for text in header)
    extension = " ".join(f"{key}={_escaped(value, '=')}" for key, value in _extension(alert).items())
    return f"CEF:0|{named}|{_SEVERITIES[alert.severity]}|{extension}\n".encode("ascii")


def _extension(alert: Alert) -> dict[str, str]:
    """Key -> printable text, none empty."""
    one = alert.finding
    told: dict[str, str | int | None] = {
        "rt": fields.milliseconds(alert.time),
        "externalId": alert.delivery if len(fields.text(alert.delivery)) <= _EXTERNAL_ID_MOST else None,
        "dvchost": alert.host,
        "act": "observed" if one else None,
        "msg": alert.title,
        **(_of_finding(one) if one else {}),
    }
    held = {key: fields.text(str(value)) for key, value in told.items() if value is not None and value != ""}
    for word, texts in flat.facts(alert).items():
        if word in _CUSTOM:
            at = _CUSTOM.index(word) + 1
            held |= {f"cs{at}": _parted(texts), f"cs{at}Label": word}
        elif word not in _MAPPED:
            held[_key(word)] = _parted(texts)
    return held


def _of_finding(one: Finding) -> dict[str, str | int | None]:
    record = one.evidence[0] if one.evidence else None
    return {
        "outcome": one.verdict,
        "cnt": fields.number(one.count),
        "start": None if one.first_seen is None else fields.milliseconds(one.first_seen),
        "end": None if one.last_seen is None else fields.milliseconds(one.last_seen),
        "proto": fields.transport(one),
        "app": "dns" if one.of_lookups else None,
        **_address("src", "c6a2", "Source IPv6 Address", next(filter(None, map(fields.ip, one.senders)), None)),
        **_address("dst", "c6a3", "Destination IPv6 Address", fields.ip(fields.receiver(one))),
        "dpt": fields.port(one),
        "dhost": fields.host(one),
        "out": None if one.of_lookups or one.sent.exact is None else fields.number(one.sent.exact),
        "filePath": record.source if record else None,
        "fileHash": record.sha256 if record else None,
    }


def _address(key: str, key_six: str, label: str, address: str | None) -> dict[str, str | int | None]:
    if address is None or ":" not in address:
        return {key: address}
    return {key_six: address, f"{key_six}Label": label}


def _parted(texts: Sequence[str]) -> str:
    """The texts one after the other, as many as VALUE_MOST characters hold."""
    told = ""
    for at, text in enumerate(texts):
        more = fields.text(text).replace(";", "\\u{3b}")
        if at and len(told) + len(more) > VALUE_MOST:
            return f"{told}; and {len(texts) - at} more"
        told = f"{told}; {more}" if at else more
    return told


def _key(word: str) -> str:
    """`first_seen` -> `flowwatchFirstSeen`."""
    return "flowwatch" + "".join(part.capitalize() for part in word.split("_"))


def _escaped(printable: str, end: str) -> str:
    return _EDGES.sub(r"\\u{20}", printable).replace("\\", "\\\\").replace(end, f"\\{end}")

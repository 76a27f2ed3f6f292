"""Short plain phrases for people, shared by the screen and the web page: the same fact reads the same in both.

Promises: fixed words are ASCII and neutral. Observed text inside a phrase is returned as it is: the sink escapes it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from flowwatch.model import (
    OF_THE_WHOLE,
    ONLY_TOLD,
    Alert,
    Amount,
    Check,
    Coverage,
    Destination,
    Endpoint,
    Evidence,
    Finding,
    Group,
    Instant,
    OpenedBy,
    PolicyInfo,
    Reason,
    ReferenceData,
    Report,
    Rule,
    SeenName,
    Severity,
    Truth,
    Verdict,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN_NAME = re.compile(r"[\w.*:\\-]+", re.ASCII)

LIMITS_OF_SIGHT = (
    "A destination is the first address seen; onward use is not observable. Nothing is said of unrecorded traffic."
)
LONGEST_TOLD = 1_400
"""Characters of a sentence with a name: a DNS name of 255 bytes, each escaped as four, takes 1,016."""
OPENED_ITSELF = "which opened the flow itself"
LOOKUPS_ALONE = "From lookups alone it cannot be told whether anything was sent."
NO_POLICY = (
    "No policy was given, so no transmission could be told. Begin with `flowwatch policy learn` over recordings known "
    "to be good, or with `flowwatch policy first`; review what it writes, keep it as flowwatch.policy.toml, run again."
)


def headline(report: Report, shown: Callable[[str], str] = str) -> str:
    """The sentence every summary opens with; `shown` says how the names of sources are written."""
    told = {group: number(report.group(group).count) for group in Group}
    return (
        f"Recorded by {recorded_by(report.coverage, shown)} from {utc(report.first)} to {utc(report.last)}: "
        f"of {number(report.judged)} transmissions from declared zones {told[Group.CONFORMS]} conform, "
        f"{told[Group.VIOLATES]} violate, {told[Group.CANNOT_TELL]} could not be told; "
        f"{told[Group.OUT_OF_SCOPE]} out of scope. {LIMITS_OF_SIGHT}"
    )


def in_names(findings: Iterable[Finding]) -> str:
    """What was sent within DNS names, which no transmission counts; nothing where that was not seen."""
    found = [one for one in findings if one.kind is Reason.DATA_IN_NAMES]
    if not found:
        return ""
    least = sum(one.bytes_sent for one in found)
    amount = f", at least {size(least)}" if least else ""
    return (
        f"Besides, {plural(sum(one.count for one in found), 'lookup')} count as data sent within the names asked "
        f"for{amount} ({plural(len(found), 'finding')}); the figures over transmissions do not hold them."
    )


def of_the_whole(findings: Iterable[Finding]) -> str:
    """How many findings are about the recording as a whole, which no transmission counts; nothing without any."""
    found = [one for one in findings if one.kind in OF_THE_WHOLE]
    if not found:
        return ""
    untold = sum(one.verdict.group is Group.CANNOT_TELL and one.kind not in ONLY_TOLD for one in found)
    open_ = f", {number(untold)} of them of what could not be told" if untold else ""
    told = plural(len(found), "finding is", "findings are")
    return f"Besides, {told} of the recording as a whole{open_}; the figures over transmissions do not hold them."


def no_history(report: Report) -> str:
    """Of which servers the history holds nothing; nothing where none was given, or it holds all."""
    if not report.unknown:
        return ""
    shown = ", ".join(report.unknown[:_UNKNOWN_TOLD])
    more = f" and {number(len(report.unknown) - _UNKNOWN_TOLD)} more" if len(report.unknown) > _UNKNOWN_TOLD else ""
    return f"No history of {plural(len(report.unknown), 'server')}: changes cannot be told ({shown}{more})."


_UNKNOWN_TOLD = 6


def first_to_look_at(findings: Sequence[Finding]) -> list[Finding]:
    """The first few findings that matter, most severe first; none where there are only lesser ones."""
    return [one for one in findings[:3] if one.severity.rank >= Severity.MEDIUM.rank]


def recorded_by(coverage: Sequence[Coverage], shown: Callable[[str], str] = str) -> str:
    """How many sources and the first names: `3 sources (a.pcap, b.pcap, dns.log)`; folders where names repeat.

    A file that held no record recorded nothing; coverage tells it.
    """
    held = [one for one in coverage if one.records] or coverage
    if not held:
        return "no source"
    told = source_names(coverage)
    names = [shown(short(told[one.source], 40)) for one in held[:3]]
    more = f" and {number(len(held) - 3)} more" if len(held) > 3 else ""
    return f"{plural(len(held), 'source')} ({', '.join(names)}{more})"


def source_names(coverage: Sequence[Coverage]) -> dict[str, str]:
    """Each source by its shortest name: the last part of its path, as many parts as tell all of them apart."""
    paths = {one.source: one.source.split("/") for one in coverage}
    for parts in range(1, max(map(len, paths.values()), default=1)):
        names = {source: "/".join(path[-parts:]) for source, path in paths.items()}
        if len(set(names.values())) == len(names):
            return names
    return {source: source for source in paths}


def utc(instant: Instant | None) -> str:
    """UTC to the second: `2026-11-04T01:30:00Z`; `unknown` without one."""
    if instant is None:
        return "unknown"
    return f"{_EPOCH + timedelta(seconds=instant // 1_000_000_000):%Y-%m-%dT%H:%M:%S}Z"


def between(first: Instant | None, last: Instant | None) -> str:
    """`T1 to T2`, or one time where both fall in the same second."""
    if first is None and last is None:
        return "at an unknown time"
    return utc(first) if utc(first) == utc(last) else f"{utc(first)} to {utc(last)}"


def number(count: int) -> str:
    """The count with a comma at each thousand."""
    return f"{count:,}"


def plural(count: int, word: str, many: str | None = None) -> str:
    """`1 flow`, `2 flows`."""
    return f"{number(count)} {word if count == 1 else many or f'{word}s'}"


def size(count: int | None) -> str:
    """Bytes for people in powers of 1000: `812 B`, `12.3 kB`; `not recorded` for None."""
    if count is None:
        return "not recorded"
    if count < 1000:
        return f"{count} B"
    scaled, unit = float(count), 0
    while round(scaled, 1) >= 1000:
        scaled, unit = scaled / 1000, unit + 1
    return f"{scaled:.1f} {('B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB')[unit]}"


def sent(amount: Amount) -> str:
    """Bytes sent; `<=` and `>=` where only a bound is known."""
    if amount.most is None:
        return f">= {size(amount.least)}"
    if amount.exact is not None:
        return size(amount.exact)
    return f"{size(amount.least)} to {size(amount.most)}" if amount.least else f"<= {size(amount.most)}"


def words(code: str) -> str:
    """A code as words: `cannot_tell` -> `cannot tell`."""
    return code.replace("_", " ")


def in_group(count: int, group: Group) -> str:
    """`1 conforms`, `3 violate`, `2 cannot tell`."""
    return f"{number(count)} {words(group) if count == 1 else words(group).removesuffix('s')}"


def short(text: str, width: int) -> str:
    """The text, its middle left out as `...` beyond `width` characters."""
    if len(text) <= width:
        return text
    tail = (width - 3) // 2
    return f"{text[: width - 3 - tail]}...{text[len(text) - tail :]}"


def names(seen: Iterable[SeenName]) -> list[tuple[str, str]]:
    """Distinct names, strongest first, each with its evidence classes: `("a.example", "certificate, sni")`."""
    classes: dict[str, dict[str, None]] = {}
    for one in sorted(seen, key=lambda one: one.evidence.rank):
        classes.setdefault(one.name, {})[_evidence_class(one)] = None
    return [(quoted(name), ", ".join(found)) for name, found in classes.items()]


def bounded(text: str) -> str:
    """Text with a stranger's name in it; beyond what the longest DNS name takes, its middle is left out."""
    return short(text, LONGEST_TOLD)


def quoted(name: str) -> str:
    """The name; in quotes where it holds what our own sentences are made of (blanks, commas, brackets)."""
    told = bounded(name)
    if _PLAIN_NAME.fullmatch(told):
        return told
    inner = told.replace('"', '\\"')
    return f'"{inner}"'


def _evidence_class(seen: SeenName) -> str:
    remarks = [
        word
        for word, holds in (
            ("ECH outer name", seen.outer),
            ("lossy", not seen.exact),
            ("from before the recording: unknown", seen.from_before_capture),
        )
        if holds
    ]
    return " ".join([seen.evidence.value, *(f"[{word}]" for word in remarks)])


def record(one: Evidence, names: Mapping[str, str]) -> str:
    """`night.pcap records 37 to 45, offset 22,096`: where to look; `names` as of `source_names`."""
    last = f" to {number(one.last_record)}" if one.last_record != one.record else ""
    offset = "" if one.offset is None else f", offset {number(one.offset)}"
    return f"{names.get(one.source, one.source)} record{'s' if last else ''} {number(one.record)}{last}{offset}"


def endpoint(address: str | None, port: int | None, proto: str) -> str:
    """`203.0.113.99 tcp/8443`."""
    service = proto if port is None else f"{proto}/{port}"
    return f"{address} {service}" if address else service


def receiver(finding: Finding) -> str:
    """Where a finding's data went, or what was asked for."""
    side: Endpoint | None = finding.receiver
    if of_the_reading(finding):
        return ""
    if of_silence(finding):
        return f"server {finding.server}" if finding.server else "no destination"
    if finding.kind in (Reason.REPEATED, Reason.SEEN_AFTER):
        return "several destinations"
    if side is None or side.address is None:
        several = finding.kind is Reason.CLAIM_CONTRADICTED
        return "several destinations, or one in a tunnel" if several else finding.service or "no destination"
    if finding.via is not None:
        return f"{through(finding.via, finding.asked)} at {side.address} {finding.service or ''}".rstrip()
    zone = f" (zone {side.zone})" if side.zone else ""
    pulled = f", {OPENED_ITSELF}" if finding.opened_by is OpenedBy.RECEIVER else ""
    return f"{side.address} {finding.service or ''}".rstrip() + zone + pulled


def through(via: str, asked: str | None) -> str:
    """`up.example through proxy squid`; `proxy squid` where no host asked of it is told."""
    return f"proxy {via}" if asked is None else f"{quoted(asked)} through proxy {via}"


def destination(one: Destination) -> str:
    """`203.0.113.99 tcp/8443`; of a proxy what was asked of it first."""
    at = endpoint(one.address, one.port, one.proto)
    return at if one.via is None else f"{through(one.via, one.asked)} at {at}"


def server(name: str, verdict: Verdict) -> str:
    """`server results-primary`; unless the verdict shows that it is that server, it was only compared with it."""
    is_it = verdict in (Verdict.APPROVED, Verdict.EXCEPTED, Verdict.DEVIATION)
    return f"server {name}" if is_it else f"compared with server {name}"


def senders(finding: Finding, cap: int = 6) -> str:
    """The sender zone and its addresses; `declared zones` where it is not one alone. Nothing where nothing was sent."""
    if of_the_reading(finding) or (of_silence(finding) and not finding.sender_zone and not finding.senders):
        return ""
    several = "declared zones" if finding.kind in OF_THE_WHOLE else "no declared zone"
    zone = f"zone {finding.sender_zone}" if finding.sender_zone else several
    more = f" and {number(len(finding.senders) - cap)} more" if len(finding.senders) > cap else ""
    return f"{zone}: {', '.join(finding.senders[:cap]) or 'address unknown'}{more}"


def rule(decided: Rule | None) -> str:
    """`channel precinct-to-primary of county-results 2026.11.1`, or that no entry decided."""
    if decided is None:
        return "no entry of a policy"
    agreed = f" (agreement {decided.agreement})" if decided.agreement else ""
    return f"{decided.kind} {decided.id} of {decided.policy_id} {decided.policy_version}{agreed}"


def policy(one: PolicyInfo) -> str:
    """Id, version, title and the first digits of the digest."""
    titled = f": {one.title}" if one.title else ""
    return f"{one.id} {one.version}{titled} (sha256 {one.sha256[:12]}...)"


def reference(one: ReferenceData) -> str:
    """Name, version, kind, date and attribution of a body of location data."""
    named = f"{one.name} {one.version}" if one.version else one.name
    dated = f"of {one.date}" if one.date else "undated"
    return ", ".join(part for part in (named, one.kind, dated, one.attribution) if part)


def check(one: Check) -> str:
    """What was declared and what was observed."""
    outcome = {Truth.TRUE: "holds", Truth.FALSE: "differs", Truth.UNSEEN: "unseen"}[one.truth]
    observed = bounded(one.observed or "nothing")
    return f"{one.what} {outcome}: declared {one.declared or 'nothing'}, observed {observed}"


def how_much(finding: Finding) -> str:
    """How often, how many bytes, when."""
    when = between(finding.first_seen, finding.last_seen)
    if of_the_reading(finding):
        return when if finding.first_seen is not None else ""
    if finding.of_lookups and finding.bytes_sent:
        return f"{how_often(finding)}, {sent(finding.sent)} in the names, {when}"
    if of_silence(finding):
        return f"{how_often(finding)}, by {utc(finding.last_seen)}"
    if of_change(finding) or finding.of_lookups or finding.attempts == finding.count:
        return f"{how_often(finding)}, {when}"
    attempts = f", of them {plural(finding.attempts, 'attempt')}" if finding.attempts else ""
    gone = f"{sent(finding.sent)} sent, {acked(finding.bytes_acked)}"
    return f"{how_often(finding)}{attempts}; {gone}; {when}"


def of_silence(finding: Finding) -> bool:
    """It tells of what was not sent."""
    return finding.kind in (Reason.NOT_HEARD, Reason.PRESENCE_UNSEEN)


def of_the_reading(finding: Finding) -> bool:
    """It tells of a source or of the policy alone, not of what was sent."""
    young = finding.kind is Reason.SEEN_AFTER and not finding.senders
    return young or finding.kind.startswith("coverage.")


def of_change(finding: Finding) -> bool:
    """It tells of a server that is not as it was seen before, not of what was sent."""
    return finding.kind in _CHANGES


_CHANGES = frozenset(one for one in Reason if one.startswith("drift.")) | {
    Reason.REFERENCE_CHANGED,
    Reason.DORMANT_RETURNED,
}


def how_often(finding: Finding) -> str:
    """`3 lookups`, `3 attempts` where nothing else was seen, `3 transmissions`; of silence `3 senders`."""
    if of_the_reading(finding):
        return ""
    if of_change(finding):
        return "1 server"
    if of_silence(finding):
        return plural(len(finding.senders), "sender") if finding.senders else "1 channel"
    if finding.of_lookups:
        return plural(finding.count, "lookup")
    return plural(finding.count, "attempt" if finding.attempts == finding.count else "transmission")


def acked(count: int | None) -> str:
    """`1.2 MB acknowledged`, or that acknowledgements were not recorded."""
    return "acknowledgement unseen" if count is None else f"{size(count)} acknowledged"


def by_severity(findings: Sequence[Finding | Alert]) -> str:
    """`7: 1 critical, 2 high, 4 low`."""
    counts = {level: sum(one.severity is level for one in findings) for level in reversed(Severity)}
    parts = ", ".join(f"{number(count)} {level}" for level, count in counts.items() if count)
    return f"{number(len(findings))}: {parts}" if parts else "none"


def lookups(verdicts: dict[Verdict, int]) -> str:
    """`412 lookups: 380 approved, 32 unapproved`."""
    parts = ", ".join(f"{number(count)} {words(verdict)}" for verdict, count in verdicts.items() if count)
    return f"{plural(sum(verdicts.values()), 'lookup')}: {parts}" if parts else "no lookups"

"""A rich made-up Report: every severity, verdict and evidence class, hostile text, IPv6, ranges, a pull; and alerts."""

import enum
import types
import typing
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from flowwatch.model import (
    Alert,
    AlertKind,
    Amount,
    Answer,
    Basis,
    Candidate,
    Check,
    ClaimAnswer,
    ClaimOutcome,
    Confidence,
    Coverage,
    Decision,
    Delay,
    Destination,
    Endpoint,
    Evidence,
    Fact,
    Finding,
    Label,
    Life,
    Lookup,
    LookupDecision,
    NameClass,
    OpenedBy,
    Opening,
    Place,
    PolicyInfo,
    Ran,
    Reason,
    Ref,
    ReferenceData,
    Report,
    Rule,
    SeenName,
    Severity,
    Sighting,
    Skip,
    Stage,
    Sureness,
    Tally,
    Trait,
    Transmission,
    Truth,
    Use,
    Verdict,
)
from flowwatch.reports import alerts
from flowwatch.reports.jsonl import INSTANTS

T0 = 1_793_838_600_123_456_789  # 2026-11-05T00:30:00.123456789Z
SECOND = 1_000_000_000
PCAP = "captures/county-07/night.pcap"
ZEEK = "logs/dns.log"

SCRIPT = "<script>alert(1)</script>.example"
BIDI = "evil\u202egpj.example"
CONTROL = "a\x1b]0;owned\x07\x1b[2Jb.example"
WIDE = "\uff1dcmd\u200b.example"
FORMULA = "=HYPERLINK(1).example"
LONG = ".".join(["l" * 40] * 4 + ["thirty-one-characters-and-more1", "test"])
FORGED = "ok\\u{1b}.example\nfinding critical forged"
HOSTILE = (SCRIPT, BIDI, CONTROL, WIDE, FORMULA, LONG, FORGED)

RULE = Rule("channel", "precinct-to-primary", "county-results", "2026.11.1")


def named(name: str, evidence: NameClass = NameClass.SNI, **more: object) -> SeenName:
    return SeenName(name=name, evidence=evidence, ref=Ref(PCAP, 17, 17, 4_096), **more)  # type: ignore[arg-type]


def place(
    address: str, *countries: str, confidence: Confidence, asn: str = "64500", by: str = "Example Hosting"
) -> Place:
    located = tuple(
        Candidate(country=one, basis=Basis.DATABASE, source="example.mmdb", source_date="2026-10-30")
        for one in countries
    )
    return Place(
        address=address,
        located=located,
        confidence=confidence,
        registered=(Fact("XZ", "example.mmdb"),),
        asn=(Fact(asn, "example.mmdb"),),
        organisation=(Fact(by, "example.mmdb"),),
        why="one database names a country",
    )


PRIMARY = place("198.51.100.20", "XA", confidence=Confidence.STATED, by="State election office")
ABROAD = place(
    "203.0.113.99", "XB", "XC", confidence=Confidence.DISPUTED, asn="64501", by="H\u00f4tel \u202eserver & <Sons>"
)
SIX = Place(address="2001:db8:ffff::99", confidence=Confidence.INDETERMINATE, why="nothing found", anycast=True)
OWN = Place(address="192.0.2.130", confidence=Confidence.NOT_APPLICABLE, special="Documentation (TEST-NET-1)")


def transmission(flow: int, **change: object) -> Transmission:
    base = Transmission(
        flow=flow,
        ref=Ref(PCAP, 17 + flow * 10, 25 + flow * 10, 4_096 + flow * 9_000),
        proto="tcp",
        sender_ip="192.0.2.17",
        sender_port=50_000 + flow,
        receiver_ip="198.51.100.20",
        receiver_port=8443,
        service_port=8443,
        opened_by=OpenedBy.SENDER,
        direction_basis="handshake",
        start=T0 + flow * SECOND,
        end=T0 + (flow + 2) * SECOND,
        sent=Amount.exactly(1_234_567),
        acked=1_234_567,
        state="SF",
        names=(named("ingest.results.example.org"),),
        app="tls",
        alpn=("h2",),
        tls_version="1.3",
        ech=False,
        clear=False,
    )
    return msgspec.structs.replace(base, **change)


def decision(one: Transmission, verdict: Verdict, *reasons: Reason, **change: object) -> Decision:
    base = Decision(
        transmission=one,
        verdict=verdict,
        reasons=reasons,
        severity=Severity.INFO,
        sender_zone="precincts",
        labels=(Label("unread", Sureness.MEDIUM),),
        place=PRIMARY,
        rule=RULE,
        checks=(Check("port", Truth.TRUE, "8443", "8443"),),
    )
    return msgspec.structs.replace(base, **change)


def _decisions() -> tuple[Decision, ...]:
    abroad = transmission(
        2,
        receiver_ip="203.0.113.99",
        names=tuple(named(name) for name in HOSTILE),
        sent=Amount(12_345, 20_000),
        acked=None,
    )
    six = transmission(3, receiver_ip="2001:db8:ffff::99", names=(), sent=Amount(20_480, None), acked=None, ech=True)
    attempt = transmission(4, receiver_ip="203.0.113.99", attempted=True, sent=Amount.exactly(0), acked=0, state="S0")
    pulled = transmission(
        5, receiver_ip="203.0.113.7", receiver_port=40_001, opened_by=OpenedBy.RECEIVER, service_port=443, names=()
    )
    return (
        decision(transmission(1), Verdict.APPROVED, Reason.APPROVED, server="results-primary"),
        decision(abroad, Verdict.UNAPPROVED, Reason.NAME_LISTED_ADDRESS_UNLISTED, severity=Severity.HIGH, place=ABROAD),
        decision(six, Verdict.INDETERMINATE, Reason.NAME_UNOBSERVED, severity=Severity.LOW, place=SIX, rule=None),
        decision(attempt, Verdict.UNAPPROVED, Reason.DESTINATION_UNLISTED, severity=Severity.MEDIUM, place=ABROAD),
        decision(pulled, Verdict.PROHIBITED, Reason.PROHIBITED, severity=Severity.CRITICAL, place=None),
        decision(
            transmission(7, receiver_ip="192.0.2.8", receiver_port=3128, service_port=3128, names=()),
            Verdict.UNAPPROVED,
            Reason.DESTINATION_UNLISTED,
            severity=Severity.MEDIUM,
            via="squid",
            asked=SCRIPT,
            place=None,
        ),
        decision(
            transmission(
                6, receiver_ip="192.0.2.130", proto="icmp", receiver_port=None, service_port=None, sender_port=None
            ),
            Verdict.OUT_OF_SCOPE,
            Reason.WITHIN_ZONE,
            place=OWN,
            rule=None,
            labels=(),
        ),
    )


def finding(number: int, severity: Severity, kind: Reason, title: str, **change: object) -> Finding:
    base = Finding(
        id=f"{number:012x}",
        kind=kind,
        verdict=Verdict.UNAPPROVED,
        severity=severity,
        confidence=Sureness.HIGH,
        confidence_why="the receiver's address was read from every packet",
        title=title,
        first_seen=T0,
        last_seen=T0 + 3_600 * SECOND,
        count=3,
        attempts=1,
        bytes_sent=1_234_567,
        bytes_most=1_234_567,
        bytes_unknown=0,
        bytes_acked=1_234_000,
        sender_zone="precincts",
        senders=tuple(f"192.0.2.{last}" for last in range(17, 27)),
        receiver=Endpoint(zone=None, address="203.0.113.99", port=8443),
        service="tcp/8443",
        opened_by=OpenedBy.SENDER,
        names=tuple(named(name) for name in HOSTILE),
        place=ABROAD,
        labels=(Label("results", Sureness.HIGH, "err-cdf-xml"),),
        rule=RULE,
        checks=(
            Check("address", Truth.FALSE, "198.51.100.20/32", "203.0.113.99", Reason.NAME_LISTED_ADDRESS_UNLISTED),
            Check("country", Truth.UNSEEN, "XA", "XB, XC (disputed)", Reason.LOCATION_UNPROVEN),
            Check("port", Truth.TRUE, "8443", "8443"),
        ),
        notes=(Reason.TLS_KEY_UNOBSERVED,),
        remedy="Ask who runs 203.0.113.99, and what answered the name at that time.",
        evidence=(
            Evidence(
                source=PCAP,
                sha256="ab" * 32,
                record=37,
                last_record=45,
                offset=22_096,
                time=T0,
                how="first record of the transmission",
                format="pcap",
                community_id="1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            ),
        ),
    )
    return msgspec.structs.replace(base, **change)


def _findings() -> tuple[Finding, ...]:
    asked = finding(
        5,
        Severity.LOW,
        Reason.LOOKUP_UNAPPROVED,
        "A name was asked for that is not on the approved list",
        receiver=None,
        service=None,
        opened_by=None,
        names=(),
        asked=SCRIPT,
        place=None,
        labels=(),
        checks=(),
        notes=(),
        rule=None,
        attempts=0,
        bytes_sent=0,
        bytes_most=0,
        bytes_unknown=0,
        bytes_acked=None,
    )
    in_names = msgspec.structs.replace(
        asked,
        id=f"{8:012x}",
        kind=Reason.DATA_IN_NAMES,
        severity=Severity.MEDIUM,
        title="zone precincts asked for names below carrier.example: they count as data sent",
        count=412,
        bytes_sent=9_100,
        bytes_most=9_100,
        asked="carrier.example",
        labels=(Label("bulk"),),
    )
    proxied = finding(
        7,
        Severity.MEDIUM,
        Reason.DESTINATION_UNLISTED,
        f"zone precincts asked proxy squid (tcp/3128) for {SCRIPT}: the receiver is not on the approved list",
        receiver=Endpoint(zone=None, address="192.0.2.8", port=3128),
        service="tcp/3128",
        names=(),
        asked=SCRIPT,
        via="squid",
        place=None,
        notes=(Reason.PROXY_ADDRESS,),
    )
    return (
        finding(
            1,
            Severity.CRITICAL,
            Reason.PROHIBITED,
            "Results in clear were fetched from zone precincts by an address that is not on the approved list",
            verdict=Verdict.PROHIBITED,
            receiver=Endpoint(zone=None, address="203.0.113.7", port=40_001),
            service="tcp/443",
            opened_by=OpenedBy.RECEIVER,
            names=(),
            place=None,
            rule=Rule("prohibited", "no-cleartext", "county-results", "2026.11.1"),
        ),
        finding(
            2, Severity.HIGH, Reason.NAME_LISTED_ADDRESS_UNLISTED, "A listed name was used at an address not listed"
        ),
        finding(
            3,
            Severity.MEDIUM,
            Reason.DESTINATION_UNLISTED,
            "Unread content was sent to a receiver not on the approved list",
            receiver=Endpoint(zone=None, address="2001:db8:ffff::99", port=443),
            service="udp/443",
            place=SIX,
            names=(named("cover.example.net", outer=True),),
        ),
        proxied,
        in_names,
        asked,
        finding(
            6,
            Severity.INFO,
            Reason.NAME_UNOBSERVED,
            "No name was seen for a listed address",
            verdict=Verdict.INDETERMINATE,
        ),
    )


def destination(address: str, worst: Verdict, **change: object) -> Destination:
    base = Destination(
        address=address,
        port=8443,
        proto="tcp",
        opened_by=OpenedBy.SENDER,
        zone=None,
        server=None,
        names=(),
        place=None,
        verdicts={worst: 3},
        worst=worst,
        reasons=(Reason.DESTINATION_UNLISTED,),
        transmissions=3,
        attempts=1,
        bytes_sent=1_234_567,
        bytes_most=1_234_567,
        bytes_unknown=0,
        bytes_acked=1_234_567,
        first=T0,
        last=T0 + 3_600 * SECOND,
        sender_zones=("precincts",),
        senders=10,
        labels=("results",),
    )
    return msgspec.structs.replace(base, **change)


def _destinations() -> tuple[Destination, ...]:
    answer = named(
        "ingest.results.example.org",
        NameClass.ANSWER_SAME_CLIENT,
        chain=("edge.cdn.example.net",),
        live_from=T0 - SECOND,
        live_until=T0 + 300 * SECOND,
        client="192.0.2.17",
        resolver="192.0.2.53",
    )
    return (
        destination("203.0.113.7", Verdict.PROHIBITED, port=443, opened_by=OpenedBy.RECEIVER),
        destination(
            "203.0.113.99",
            Verdict.UNAPPROVED,
            names=tuple(named(name) for name in HOSTILE),
            place=ABROAD,
            bytes_most=None,
            bytes_unknown=1,
            bytes_acked=None,
        ),
        destination("192.0.2.8", Verdict.UNAPPROVED, port=3128, via="squid", asked=SCRIPT),
        destination(
            "2001:db8:ffff::99",
            Verdict.INDETERMINATE,
            proto="udp",
            port=443,
            place=SIX,
            names=(named("cover.example.net", outer=True),),
        ),
        destination(
            "198.51.100.20",
            Verdict.APPROVED,
            server="results-primary",
            place=PRIMARY,
            reasons=(Reason.APPROVED,),
            names=(named("ingest.results.example.org"), answer, named("old.example.org", NameClass.ANSWER_STALE)),
            transmissions=120,
            attempts=0,
            bytes_sent=148_148_040,
            bytes_most=148_148_040,
            bytes_acked=148_148_040,
        ),
    )


def _coverage() -> tuple[Coverage, ...]:
    return (
        Coverage(
            source=PCAP,
            format="pcap",
            sha256="ab" * 32,
            size=123_456_789,
            link_types=("ethernet",),
            snaplen=262_144,
            records=1_240,
            bytes=120_000_000,
            first=T0,
            last=T0 + 3_600 * SECOND,
            used=1_230,
            skipped={"no_ip": 4, "truncated_header": 6},
            truncated_records=6,
            drops=2,
            flows=120,
            lookups=14,
            one_way_flows=5,
            unnamed_flows=3,
            unnamed_bytes=12_345,
            encrypted_dns_flows=2,
            ech_flows=1,
            limits={"flows": 1},
        ),
        Coverage(
            source=ZEEK,
            format="zeek dns, tsv",
            sha256="cd" * 32,
            size=4_321,
            records=30,
            first=T0,
            last=T0 + 60 * SECOND,
            events=26,
            noise=2,
            rejected=2,
            rejects=(Skip("bad_time", f"the time is no number: {CONTROL}", 120, 14),),
            lookups=26,
        ),
        Coverage(
            source=f"captures/{SCRIPT}\u202e\n.pcap",
            error=Skip("unknown_format", "no known format; the first bytes look most like: gzip, pcapng", 0),
        ),
    )


def _lookups() -> tuple[LookupDecision, ...]:
    lookup = Lookup(
        ref=Ref(ZEEK, 5, 5, 312),
        time=T0,
        client_ip="192.0.2.17",
        server_ip="192.0.2.53",
        server_port=53,
        transport="udp",
        qname=SCRIPT,
        qtype="A",
        rcode="NOERROR",
        answers=(Answer(SCRIPT, "A", "203.0.113.99", 60),),
        flags=("rd", "ra"),
    )
    return (
        LookupDecision(
            lookup=lookup,
            verdict=Verdict.UNAPPROVED,
            reasons=(Reason.LOOKUP_UNAPPROVED,),
            severity=Severity.LOW,
            sender_zone="precincts",
        ),
    )


def _stages() -> tuple[Stage, ...]:
    """A night of two stages that overlap, with hostile text for a sender, and one in which nothing was seen."""
    night: dict[str, Any] = {"since": T0 - 3_600 * SECOND, "until": T0 + 36_000 * SECOND}
    return (
        Stage(
            **night,
            number=1,
            channels=("precinct-to-backup", "precinct-to-primary"),
            windows=(
                Opening("precinct-to-backup", night["since"], night["until"]),
                Opening("precinct-to-primary", night["since"], night["until"]),
            ),
            first=T0,
            last=T0 + 600 * SECOND,
            first_known=True,
            ran=(Ran(T0, T0 + SECOND), Ran(T0 + 300 * SECOND, T0 + 600 * SECOND)),
            flows=3,
            transmissions=3,
            bytes_sent=24_690,
            bytes_most=None,
            bytes_unknown=1,
            bytes_acked=None,
            heard=("192.0.2.17", SCRIPT),
            perhaps=("192.0.2.18",),
            listed=("192.0.2.17", "192.0.2.18", "192.0.2.32/29", "192.0.2.40"),
            silent=("192.0.2.32/29",),
            untold=("192.0.2.18", "192.0.2.40"),
        ),
        Stage(
            **night,
            number=2,
            channels=("site-to-publishing",),
            windows=(Opening("site-to-publishing", T0, night["until"]),),
            first=T0 + 120 * SECOND,
            last=T0 + 720 * SECOND,
            first_known=True,
            last_known=True,
            ran=(Ran(T0 + 120 * SECOND, T0 + 720 * SECOND),),
            flows=1,
            transmissions=1,
            bytes_sent=1_000,
            bytes_most=1_000,
            bytes_acked=1_000,
            heard=("192.0.2.140",),
            after=1,
            delay=Delay(-480 * SECOND, exact=False),
        ),
        Stage(
            since=None,
            until=None,
            number=3,
            channels=("archive",),
            windows=(Opening("archive", None, None),),
        ),
    )


def _claims(evidence: tuple[Evidence, ...]) -> tuple[ClaimAnswer, ...]:
    """Every outcome, with a time that the claim names, one that it does not, and none at all."""
    untold = ClaimAnswer(
        rule=Rule("claim", "nothing-in-xb", "county-results", "2026.11.1"),
        says="nothing goes from zone precincts to XB",
        outcome=ClaimOutcome.CANNOT_TELL,
        zones=("precincts",),
        start=T0,
        end=T0 + 3_600 * SECOND,
        time_declared=True,
        transmissions=1_200,
        contrary=0,
        undetermined=2,
        attempts=3,
        missing=(f"2 transmissions to an address that may be in XB: 203.0.113.99 ({SCRIPT})", CONTROL),
        evidence=evidence,
    )
    contrary = msgspec.structs.replace(
        untold,
        rule=Rule("claim", "published-late", "county-results", "2026.11.1"),
        says="nothing goes from any zone to server publishing, or from it",
        outcome=ClaimOutcome.DOES_NOT_HOLD,
        time_declared=False,
        contrary=4,
        attempts=0,
        missing=(),
        finding=f"{2:012x}",
    )
    none = msgspec.structs.replace(contrary, outcome=ClaimOutcome.NO_CONTRARY_OBSERVATION, contrary=0, undetermined=0)
    return (untold, contrary, msgspec.structs.replace(none, start=None, end=None, evidence=(), finding=None))


def rich_report() -> Report:
    """Everything a Report may hold, at least once."""
    tallies = {verdict: Tally() for verdict in Verdict} | {
        Verdict.APPROVED: Tally(120, 0, 148_148_040, 148_148_040),
        Verdict.EXCEPTED: Tally(2, 0, 4_000, 4_000),
        Verdict.PROHIBITED: Tally(1, 0, 1_234_567, 1_234_567),
        Verdict.UNAPPROVED: Tally(6, 2, 2_469_134, 2_469_134),
        Verdict.INDETERMINATE: Tally(3, 1, 1_234_567, 1_234_567),
        Verdict.OUT_OF_SCOPE: Tally(41, 0, 90_000, 90_000),
    }
    return Report(
        version="0.1.0",
        policies=(
            PolicyInfo(
                id="county-results",
                version="2026.11.1",
                title="Result transmission, general election",
                sha256="ef" * 32,
                files=("policy.toml",),
            ),
        ),
        coverage=_coverage(),
        reference=(
            ReferenceData(
                name="example.mmdb",
                kind="Example-Country",
                date="2026-10-30",
                sha256="01" * 32,
                path="places/example.mmdb",
                attribution="Example geolocation data, example licence",
                fields=("country",),
            ),
        ),
        decisions=_decisions(),
        lookups=_lookups(),
        findings=_findings(),
        destinations=_destinations(),
        verdicts=tallies,
        out_of_scope={"scope.within_zone": Tally(1, 0, 1_234_567, 1_234_567)},
        lookup_verdicts={Verdict.APPROVED: 39, Verdict.UNAPPROVED: 1},
        stages=_stages(),
        seen=_seen(),
        uses=(
            Use(Rule("zone", "precincts", "county-results", "2026.11.1"), 132, T0 + 3_600 * SECOND),
            Use(RULE, 0, None),
            Use(Rule("exception", "EX-2026-031", "county-results", "2026.11.1"), 0, None),
        ),
        claims=_claims(_findings()[0].evidence),
    )


def _seen() -> tuple[Sighting, ...]:
    at = Sighting(
        server="results-primary", trait=Trait.ADDRESS, value="198.51.100.20", at="198.51.100.20", first=1, last=2
    )
    network = {"trait": Trait.NETWORK, "value": "AS64500", "by": "2026-09-21/0a1b", "operator": "State Data Centre"}
    return at, msgspec.structs.replace(at, **network)


def empty_report() -> Report:
    """Nothing read, nothing judged, no policy."""
    return Report(
        version="0.1.0",
        policies=(),
        coverage=(),
        reference=(),
        decisions=(),
        lookups=(),
        findings=(),
        destinations=(),
        verdicts={verdict: Tally() for verdict in Verdict},
        out_of_scope={},
        lookup_verdicts={},
    )


@pytest.fixture(scope="session")
def rich() -> Report:
    return rich_report()


@pytest.fixture(scope="session")
def nothing() -> Report:
    return empty_report()


@pytest.fixture(scope="session")
def hostile() -> tuple[str, ...]:
    return HOSTILE


COVERAGE_FINDING = finding(
    9,
    Severity.MEDIUM,
    Reason.SILENT,
    "source resolver told nothing for 15 minutes",
    verdict=Verdict.INDETERMINATE,
    first_seen=None,
    last_seen=None,
    count=1,
    attempts=0,
    bytes_sent=0,
    bytes_most=None,
    bytes_acked=None,
    sender_zone=None,
    senders=(),
    receiver=None,
    service=None,
    opened_by=None,
    names=(),
    place=None,
    labels=(),
    rule=None,
    checks=(),
    notes=(),
    remedy="",
    evidence=(),
)
"""What a finding about a source leaves empty: no sender, no receiver, nothing asked for."""


def alert(kind: AlertKind = AlertKind.HEARTBEAT, **change: object) -> Alert:
    base = Alert(
        delivery=f"01jb-{kind}",
        kind=kind,
        time=T0,
        severity=Severity.INFO,
        title="3 sources were read, nothing new was found",
        lines=("Read until 2026-11-05T00:30:00Z.", "The policy is in force."),
        policy=rich_report().policies[-1],
        host="watch.example",
        version="0.1.0",
    )
    return msgspec.structs.replace(base, **change)


def every_alert() -> tuple[Alert, ...]:
    """Every kind, every life, every sort of finding."""
    report = rich_report()
    told = [alerts.of(one, report) for one in (*report.findings, COVERAGE_FINDING)]
    lived = [msgspec.structs.replace(told[1], life=life, host="watch.example") for life in Life]
    return (*told, *lived, *map(alert, AlertKind), alert(policy=None, host="", lines=()))


_ODD = (
    *HOSTILE, "", " ", " a ", "=", "|", "\\", "\\u{20}", "a=b", "a|b\\", "x src=192.0.2.9", "a; b", "\udc80", "\x7f",
    "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "AS64500", "1" * 5_000, "\u202e" * 3_000, "tcp/443", "gre",
)  # fmt: skip


@st.composite
def _text(draw: st.DrawFn) -> str:
    """A function, so that Hypothesis prints its name and not all of `_ODD`."""
    return draw(st.sampled_from(_ODD) | st.text(max_size=12))


def _anything(kind: Any, name: str) -> st.SearchStrategy[Any]:
    """Whatever the annotation allows, hostile text everywhere."""
    inner = typing.get_args(kind)
    if isinstance(kind, types.UnionType):
        return st.none() | _anything(next(one for one in inner if one is not type(None)), name)
    if typing.get_origin(kind) is tuple:
        return st.lists(_anything(inner[0], name), max_size=2).map(tuple)
    if issubclass(kind, msgspec.Struct):
        fields = {field.name: _anything(field.type, field.name) for field in msgspec.structs.fields(kind)}
        return st.builds(kind, **fields)
    return st.sampled_from(list(kind)) if issubclass(kind, enum.Enum) else _SCALARS[kind](name)


_BOUNDS = {"port": (0, 65_535)} | dict.fromkeys(INSTANTS, (-(2**63), 2**63 - 1))
_SCALARS: dict[type, typing.Callable[[str], st.SearchStrategy[Any]]] = {
    str: lambda name: st.binary(min_size=32, max_size=32).map(bytes.hex) if name == "sha256" else _text(),
    bool: lambda _: st.booleans(),
    int: lambda name: st.integers(*_BOUNDS.get(name, (0, 2**64 - 1))),
}


@pytest.fixture(scope="session")
def made_up() -> st.SearchStrategy[Alert]:
    """Any alert at all."""
    return _anything(Alert, "")


@pytest.fixture(scope="session")
def told() -> tuple[Alert, ...]:
    return every_alert()

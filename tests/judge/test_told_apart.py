"""Two flows that differ in one thing, of which a rule says something, are judged apart; everything else is the same.

One line a thing: the rule that sees it, what differs, and what both have. Values that rules compare with a bound lie
right at it, a nanosecond, a byte or an address apart.
"""

import datetime as dt
from typing import Any, NamedTuple

import msgspec
import pytest

from flowwatch.model import Basis, Candidate, Confidence, Coverage, Place
from flowwatch.places import Locator
from flowwatch.policy import parse
from flowwatch.policy.terms import PolicySet, Term
from flowwatch.transmissions import derive, questions
from flowwatch.transmissions.naming import MOST_LIVE
from tests.judge.alike import WAYS, judged_alike, numbered_alike, unworded
from tests.transmissions.tables import SECOND, flow, flows, lookup, lookups

MIDNIGHT = int(dt.datetime(2026, 11, 3, tzinfo=dt.UTC).timestamp()) * SECOND
"""On a Tuesday, an hour before the one of Berlin's next day."""
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOON = MIDNIGHT + 12 * HOUR
DIGESTS = ["ab" * 32, "cd" * 32]

BASE = """
schema = "flowwatch.policy/1"
[policy]
id = "made-up"
timezone = "Europe/Berlin"
version = "VERSION"
VALIDITY
[defaults]
DEFAULTS
[[zone]]
id = "a"
cidrs = ["192.0.2.0/28", "2001:db8:a::/48"]
nat = ["203.0.113.200/31"]
[[zone]]
id = "inner"
cidrs = ["192.0.2.8/29"]
within = "a"
[[zone]]
id = "b"
cidrs = ["192.0.2.16/28"]
[[server]]
id = "address"
match = { cidrs = ["198.51.100.1/32", "2001:db8:f::1/128"] }
[[server]]
id = "both"
match = { cidrs = ["198.51.100.2/32"], names = ["one.r.example"] }
[[server]]
id = "named"
match = { names = ["*.r.example"], aliases = ["**.cdn.test"] }
[[server]]
id = "sealed"
match = { cidrs = ["198.51.100.3/32"] }
tls = { required = true, min_version = "1.2", issuers = ["CN=R"], names = ["two.r.example"] }
[[server]]
id = "pinned"
match = { cidrs = ["198.51.100.6/32"] }
tls = { spki_sha256 = ["DIGEST"] }
[[server]]
id = "placed"
match = { cidrs = ["198.51.100.64/28"] }
expect = { countries = ["XA"] }
"""
BASE = BASE.replace("DIGEST", DIGESTS[0]) + WAYS


def _to(server, *besides, from_="a"):
    """A channel from the zone to the server."""
    id_ = server.removeprefix("zone:")
    head = f'[[channel]]\nid = "to-{id_}"\nfrom = ["{from_}"]\nto = ["{server}"]'
    return "\n".join([head, *besides, ""])


def _labelled(term, label="bulk"):
    """What such a term labels, which no channel carries."""
    return f'[[classifier]]\nid = "one-{label}"\nlabel = "{label}"\nany = [{{ {term} }}]\n'


ADDRESS, BOTH, NAMED, SEALED, PINNED = map(_to, ("address", "both", "named", "sealed", "pinned"))
AT_443 = _to("address", "service = { ports = [443] }")
ANSWERED = _to("zone:a", 'opened_by = "receiver"', from_="b")
ANYBODY = _to("any", "service = { ports = [443] }", "limits = { bytes_out_per_flow = 1_200 }")
PLACED = _to("placed", 'opened_by = "either"')
PROXIED = _to("proxy") + _to("both", 'via = ["proxy"]', "service = { ports = [443] }")
CLEAR = '[[prohibited]]\nid = "clear"\nwhen = { cleartext = true }\n'
WINDOW = _to("address", "when = [{ from = 2026-11-03T12:00:10Z, until = 2026-11-03T12:00:50Z }]")
EVENINGS = _to("address", 'when = [{ days = ["mon"], start = "20:00", end = "01:00" }]')
HOURS = (
    'when = [{ days = ["tue"], start = "00:30", end = "02:00" }, { days = ["tue"], start = "20:00", end = "21:00" }]'
)
NIGHTS = _to("address", HOURS)
SENSOR = '[[sensor]]\nid = "in"\nsources = ["in.pcap"]\nside = "inside"\nclock_error = "2s"\n'
SPAN = "from = 2026-11-03T12:00:10Z\nuntil = 2026-11-03T12:00:50Z\n"
EXCEPTION = f'[[exception]]\nid = "EX-1"\nreason = "r"\n{SPAN}applies = {{ zone = "a" }}\n'
PLACE = f'[[place]]\ncidr = "198.51.100.64/32"\ncountry = "XB"\n{SPAN}'
UPLOADS = _labelled('http_path = "/put"', "other") + _labelled('http_path = "/up"')
MARKED = _labelled('payload_contains = "MARK"')
LISTED = _labelled("bytes_out_min = 1", "listed")
"""The term stands for a list of digests."""

COVERAGE = (
    Coverage(source="else.pcap", first=NOON, flows=2, one_way_flows=1, encrypted_dns_flows=1, ech_flows=1),
    Coverage(source="dns.log", first=NOON - 40 * SECOND),
)
DEFAULTS = 'unread_min = 700\ndns_binding = { ttl_cap = "1m", grace = "1s", skew = "1s" }'
ZONE_WIDE = DEFAULTS.replace(" }", ', client = "same_zone" }')


class Version(NamedTuple):
    """The rules of one policy version, and since when or until when it is valid."""

    rules: str
    validity: str = ""
    defaults: str = DEFAULTS


def _policy(versions):
    return PolicySet(tuple(_parsed(str(number), one) for number, one in enumerate(versions)))


def _parsed(number, version):
    text = BASE.replace("VERSION", number).replace("VALIDITY", version.validity).replace("DEFAULTS", version.defaults)
    policy = parse(text + version.rules)
    terms = {"listed": (Term(file_sha256_list="list", digests=frozenset(DIGESTS[:1])),)}
    found = (msgspec.structs.replace(one, any_=terms.get(one.label, one.any_)) for one in policy.classifiers)
    return msgspec.structs.replace(policy, classifiers=tuple(found))


MARKERS = [one.id for one in _policy([Version(MARKED)]).markers]


class Pair(NamedTuple):
    """Two flows, what answers told before them, and the versions that see how they differ."""

    versions: tuple[Version, ...]
    one: dict[str, Any]
    other: dict[str, Any]
    told: tuple[dict[str, Any], ...] = ()


def apart(rules, one, other, told=(), **like):
    """By what each has."""
    versions = (Version(rules),) if isinstance(rules, str) else rules
    return Pair(versions, like | one, like | other, told)


def differ(rules, column, one, other, told=(), **like):
    """By one column."""
    return apart(rules, {column: one}, {column: other}, told, **like)


def at(rules, edge, told=(), **like):
    """One a nanosecond before an instant, the other at it."""
    before, then = ({"start": when, "end": when} for when in (edge - 1, edge))
    return apart(rules, before, then, told, **like)


def answer(name="one.r.example", chain=None, ttl=300, **changes):
    """A lookup half a minute before noon."""
    usual = {"source": "dns.log", "time": NOON - 30 * SECOND, "client_ip": "192.0.2.1", "server_ip": "203.0.113.53"}
    records = [(name, "CNAME", chain, 300)] if chain else []
    return lookup(*records, (chain or name, "A", "203.0.113.9", ttl), **(usual | {"qname": name} | changes))


def told_otherwise(versions, both, **then):
    """What was told of the address ended; seconds later something else was told."""
    second = both | {"time": NOON - 27 * SECOND, "record": 2} | then
    return meanwhile(versions, answer(ttl=1, **both), answer(**second))


def meanwhile(versions, *told):
    """One before and one after 28 seconds before noon, to the address that was told of."""
    before, then = ({"start": when, "end": when} for when in (NOON - 29 * SECOND, NOON - 26 * SECOND))
    return apart(versions, before, then, told, dst_ip="203.0.113.9")


BOUNDED = (Version(ADDRESS + SENSOR, "valid_from = 2026-11-03T12:00:30Z\nvalid_until = 2026-11-03T12:01:00Z"),)
GAP = (
    Version(ADDRESS + SENSOR, "valid_until = 2026-11-03T12:00:30Z"),
    Version(SENSOR, "valid_from = 2026-11-03T12:00:33Z"),
)


def _second(first, second, defaults=DEFAULTS):
    """Two versions, of which the second is in force from noon on."""
    edge = "2026-11-03T12:00:00Z"
    return (Version(first, f"valid_until = {edge}"), Version(second, f"valid_from = {edge}", defaults))


TLS = {"app": "tls", "tls_version": "1.2", "cert_issuer": "CN=R", "cert_names": ["two.r.example"]}
SEALED_LIKE = TLS | {"dst_ip": "198.51.100.3"}
PROXY_LIKE = {"dst_ip": "198.51.100.4", "app": "http"}
SOURCES = [{"source": "in.pcap"}, {"source": "else.pcap", "src_port": 40001}]
"""Of two connections: two records of one would be joined."""
TWO = ("192.0.2.4", "192.0.2.5")
"""Clients that no network tells apart."""
UNSENT = {"src_payload": 0, "dst_payload": 0, "src_acked": None, "dst_acked": None, "dst_packets": 0}
UNCOUNTED = {"src_payload": None, "bytes_scope": "ip", "src_packets": 1}
GUESSED = {"direction_basis": "first_record", "state": "OTH"}
UDP = {"proto": "udp", "state": None}
CONFIGURED = UDP | {"src_ip": "192.0.2.17", "dst_ip": "192.0.2.1"}
NEAR = {"source": "in.pcap", "start": NOON + 312 * SECOND // 10, "end": NOON + 316 * SECOND // 10}
"""Between two versions; which is nearer is seen in a tenth of a second."""
WHILE = {"start": NOON + 20 * SECOND, "end": NOON + 20 * SECOND}
IN_ZONE = (Version(NAMED, "", ZONE_WIDE),)
OTHERS = {"client_ip": "192.0.2.2"}
"""Told to another client of the zone."""

PAIRS = {
    "protocol": differ(_to("address", 'service = { proto = "tcp" }'), "proto", "tcp", "udp"),
    "port": differ(AT_443, "dst_port", 443, 444),
    "app": differ(SEALED, "app", "tls", "http", **(SEALED_LIKE | {"tls_version": None})),
    "sni": differ(BOTH, "sni", "one.r.example", "x.test", dst_ip="198.51.100.2"),
    "alpn": differ(ADDRESS, "alpn", ["dot"], ["h2"]),
    "tls version": differ(SEALED, "tls_version", "1.2", "1.1", **SEALED_LIKE),
    "ech": differ(ADDRESS, "ech", True, None),
    "key": differ(PINNED, "cert_spki_sha256", *DIGESTS, **TLS, dst_ip="198.51.100.6"),
    "issuer": differ(SEALED, "cert_issuer", "CN=R", "CN=X", **SEALED_LIKE),
    "names of a certificate": differ(SEALED, "cert_names", ["two.r.example"], ["x.test"], **SEALED_LIKE),
    "host": differ(BOTH, "http_host", "one.r.example", "x.test", dst_ip="198.51.100.2"),
    "hosts": differ(BOTH, "http_hosts", ["one.r.example"], ["x.test"], dst_ip="198.51.100.2"),
    "method": differ(PROXIED, "http_method", "GET", "CONNECT", **PROXY_LIKE, sni="one.r.example"),
    "name": differ(PROXIED, "name", "one.r.example", "x.test", **PROXY_LIKE, name_source="connect"),
    "kind of name": differ(PROXIED, "name_source", "connect", "sni", **PROXY_LIKE, name="one.r.example"),
    "layer": differ(ADDRESS, "tunnel", ["gre"], ["mpls"]),
    "end of a layer": differ(
        ADDRESS, "tunnel_ends", *([{"src": "192.0.2.1", "dst": f"203.0.113.{end}"}] for end in (9, 66)), tunnel=["gre"]
    ),
    "source": apart(ADDRESS + SENSOR, *SOURCES, src_ip="203.0.113.200"),
    "source to a later version": apart(_second(ADDRESS, ADDRESS + SENSOR), *SOURCES, src_ip="203.0.113.200"),
    "receiver": differ(ADDRESS, "dst_ip", "198.51.100.1", "198.51.100.7"),
    "direction": apart(ADDRESS, {}, {"src_ip": "198.51.100.1", "dst_ip": "192.0.2.1"}),
    "read in clear": differ(ADDRESS + CLEAR, "src_clear", True, None),
    "answer read in clear": differ(ADDRESS + CLEAR + ANYBODY, "dst_clear", True, None, dst_ip="192.0.2.17"),
    "marker": differ(ADDRESS + MARKED, "src_markers", MARKERS, None),
    "marker in the answer": differ(ADDRESS + MARKED, "dst_markers", MARKERS, None, dst_ip="192.0.2.17"),
    "digest": differ(ADDRESS + LISTED, "src_payload_sha256", *([one] for one in DIGESTS)),
    "digest of an answer": differ(
        ADDRESS + LISTED, "dst_payload_sha256", *([one] for one in DIGESTS), dst_ip="192.0.2.17"
    ),
    # the initiator's address
    "first of a network": differ(ADDRESS, "src_ip", "203.0.113.199", "203.0.113.200"),
    "last of a network": differ(ADDRESS, "src_ip", "203.0.113.201", "203.0.113.202"),
    "translated address": differ(ADDRESS, "src_ip", "64:ff9b::c000:207", "64:ff9b::c000:212"),
    "translator": differ(ANSWERED, "src_ip", "224.0.0.9", "64:ff9b::e000:9", dst_ip="192.0.2.17"),
    "broadcast": differ(ANSWERED, "src_ip", "192.0.2.14", "192.0.2.15", **UDP, dst_ip="192.0.2.17"),
    "link-local": differ(ADDRESS, "src_ip", "169.254.0.0", "169.253.255.255"),
    "private": differ(
        ADDRESS, "src_ip", "10.0.0.0", "9.255.255.255", **UDP, dst_ip="192.0.2.1", src_port=68, dst_port=67
    ),
    "place": differ(PLACED, "src_ip", "198.51.100.70", "198.51.100.71", **WHILE, dst_ip="192.0.2.1"),
    "address asked for": differ(
        PROXIED, "src_ip", "192.0.2.2", "192.0.2.3", **GUESSED, dst_ip="192.0.2.17", http_hosts=["192.0.2.2"]
    ),
    # the initiator's port
    "message": differ(ADDRESS, "src_port", 8, 3, proto="icmp", dst_port=0, state=None),
    "message of IPv6": differ(ADDRESS, "src_port", 128, 1, proto="icmp6", dst_port=0, state=None),
    "client's port": differ(ADDRESS, "src_port", 68, 69, **CONFIGURED, dst_port=67),
    "server's port": differ(ADDRESS, "src_port", 67, 66, **CONFIGURED, dst_port=68),
    "client's port of IPv6": differ(ADDRESS, "src_port", 546, 545, **CONFIGURED, dst_port=547),
    "server's port of IPv6": differ(ADDRESS, "src_port", 547, 548, **CONFIGURED, dst_port=546),
    "port that is not told": differ(ADDRESS, "src_port", None, 80, **UDP, dst_ip="255.255.255.255", dst_port=67),
    "port of whoever opened it": differ(AT_443, "src_port", 443, 444, **GUESSED, dst_port=444),
    "guess": differ(ADDRESS, "direction_basis", "first_record", "port", state="OTH"),
    "guess at a port that counts": differ(ADDRESS, "direction_basis", "first_record", "port", state="OTH", src_port=67),
    "guess by nothing": differ(ADDRESS, "direction_basis", None, "port", state="OTH"),
    # times
    "validity begins": at(BOUNDED, NOON + 30 * SECOND),
    "validity ends": at(BOUNDED, NOON + 60 * SECOND),
    "validity begins by a clock": at(BOUNDED, NOON + 28 * SECOND, source="in.pcap"),
    "validity ends by a clock": at(BOUNDED, NOON + 62 * SECOND, source="in.pcap"),
    "validity ends and the clock is right": at(BOUNDED, NOON + 60 * SECOND, source="in.pcap"),
    "nearer version by its end": differ(
        GAP,
        "end",
        NOON + 313 * SECOND // 10,
        NOON + 319 * SECOND // 10,
        **(NEAR | {"start": NOON + 312 * SECOND // 10}),
    ),
    "nearer version by its begin": differ(GAP, "start", NEAR["start"], NOON + 315 * SECOND // 10, **NEAR),
    "window begins": at(WINDOW, NOON + 10 * SECOND),
    "window ends": at(WINDOW, NOON + 50 * SECOND),
    "begin": differ(WINDOW, "start", NOON + 10 * SECOND - 1, NOON + 10 * SECOND, end=NOON + 20 * SECOND),
    "end": differ(WINDOW, "end", NOON + 50 * SECOND - 1, NOON + 50 * SECOND, start=NOON + 20 * SECOND),
    "exception begins": at(EXCEPTION, NOON + 10 * SECOND),
    "exception ends": at(EXCEPTION, NOON + 50 * SECOND),
    "place begins": at(PLACED + PLACE, NOON + 10 * SECOND, dst_ip="198.51.100.64"),
    "place ends": at(PLACED + PLACE, NOON + 50 * SECOND, dst_ip="198.51.100.64"),
    "place is too old": at(PLACED, MIDNIGHT + DAY, dst_ip="198.51.100.70"),
    "evening begins": at(EVENINGS, MIDNIGHT - 5 * HOUR),
    "evening ends": at(EVENINGS, MIDNIGHT),
    "night begins where it is the next day": at(NIGHTS, MIDNIGHT - HOUR // 2),
    "evening after the night begins": at(NIGHTS, MIDNIGHT + 19 * HOUR),
    "evening ends by a clock that is days off": at(
        EVENINGS + SENSOR.replace("2s", "78h"), MIDNIGHT + 78 * HOUR, source="in.pcap"
    ),
    "time told": apart(WINDOW, *({"start": when, "end": when} for when in (0, None)), source="untimed.log"),
    "begun before": differ(WINDOW, "direction_basis", "handshake", "port", **WHILE, state="OTH"),
    # sizes
    "unread": differ(ADDRESS, "src_payload", 699, 700),
    "unread in the answer": differ(ADDRESS, "dst_payload", 699, 700, dst_ip="192.0.2.17"),
    "unread by a later version": differ(
        _second(ADDRESS, ADDRESS, DEFAULTS.replace("700", "600")), "src_payload", 599, 600
    ),
    "so many bytes": differ(ADDRESS + _labelled("bytes_out_min = 1000"), "src_payload", 999, 1000),
    "more than a flow may have": differ(ANYBODY, "src_payload", 1200, 1201, src_clear=True),
    "more than can be counted": differ(
        ANYBODY.replace("1_200", str(2**63 - 1)), "src_payload", 699, 700, src_clear=None, dst_ip="192.0.2.17"
    ),
    "attempt": apart(ADDRESS, {"state": "S0"}, UNCOUNTED | {"src_bytes": 45}, **UNSENT, dst_ip="203.0.113.9"),
    "opening of an answer": differ(
        _to("zone:b") + _labelled("bytes_out_min = 1000"),
        "src_payload",
        0,
        5,
        state="OTH",
        direction_basis="port",
        dst_ip="192.0.2.17",
    ),
    "at least": apart(
        ADDRESS + _labelled("bytes_out_min = 1000"), {"src_payload": 1500}, UNCOUNTED | {"src_bytes": 1540}
    ),
    "at most": differ(ADDRESS, "counter", "final", "single_packet", src_payload=5),
    # paths
    "path of encrypted DNS": differ(ADDRESS, "http_path", "/dns-query", "/x"),
    "path of a term": differ(ADDRESS + UPLOADS, "http_path", "/up", "/x"),
    "target of a tunnel": differ(
        PROXIED,
        "http_path",
        "one.r.example:443",
        "one.r.example:22",
        **PROXY_LIKE,
        http_method="CONNECT",
        http_host="one.r.example",
    ),
    # what answers say
    "lookups recorded": differ(NAMED, "src_ip", *TWO, (answer(client_ip=TWO[0]),), **WHILE, dst_ip="203.0.113.10"),
    "lookups recorded for long": at(NAMED, NOON + 20 * SECOND, (answer(),), dst_ip="203.0.113.10"),
    "lookups recorded for longer": at(
        _second(NAMED, NAMED, DEFAULTS.replace("1m", "5m")), NOON + 260 * SECOND, (answer(),), dst_ip="203.0.113.10"
    ),
    "answer given": at(NAMED, NOON - 31 * SECOND, (answer(),), dst_ip="203.0.113.9"),
    "answer ended": at(NAMED, NOON - 28 * SECOND + 1, (answer(ttl=1),), dst_ip="203.0.113.9"),
    "answer to whom": differ(
        NAMED,
        "src_ip",
        *TWO,
        (answer(client_ip=TWO[0]), answer("x.test", client_ip=TWO[1], record=2)),
        dst_ip="203.0.113.9",
    ),
    "answer's name": told_otherwise(NAMED, {}, qname="x.test", name="x.test"),
    "answer's way": told_otherwise(NAMED, {}, chain="e.other.test"),
    "answer's resolver": told_otherwise(NAMED, {}, server_ip="203.0.113.54"),
    "answer written lossily": told_otherwise(NAMED, {}, name_exact=False),
    "another's name": told_otherwise(IN_ZONE, OTHERS, qname="x.test", name="x.test"),
    "another's way": told_otherwise(IN_ZONE, OTHERS, chain="e.other.test"),
    "another's resolver": told_otherwise(IN_ZONE, OTHERS, server_ip="203.0.113.54"),
    "another's written lossily": told_otherwise(IN_ZONE, OTHERS, name_exact=False),
    "another's zone": told_otherwise(IN_ZONE, OTHERS, client_ip="192.0.2.17"),
    "another's zone as its sensor sees it": told_otherwise(
        (Version(NAMED + SENSOR, "", ZONE_WIDE),), {"client_ip": "203.0.113.200"}, source="in.pcap"
    ),
    "another's under an older version": told_otherwise(
        (
            Version(NAMED, "valid_until = 2026-11-03T12:00:00Z", ZONE_WIDE),
            Version(NAMED, "valid_from = 2026-11-03T12:00:00Z"),
        ),
        OTHERS,
        server_ip="203.0.113.54",
    ),
    "more names than are kept": meanwhile(
        NAMED,
        answer("first.r.example", ttl=2, time=NOON - 31 * SECOND),
        *(answer(f"n{number}.r.example", record=number + 2) for number in range(MOST_LIVE)),
    ),
}
USUAL = {
    "source": "else.pcap",
    "src_ip": "192.0.2.1",
    "dst_ip": "198.51.100.1",
    "dst_port": 443,
    "start": NOON,
    "end": NOON,
}
DATED = Candidate(country="XB", basis=Basis.DATABASE, source="db", source_date="2026-09-19")
"""Until midnight it shows where an address is, no longer then."""


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_what_differs_in_one_thing_that_a_rule_sees_is_judged_apart(pair):
    one, other = flow(**(USUAL | pair.one)), flow(**(USUAL | pair.other))
    policy, told = _policy(pair.versions), lookups(*pair.told)
    with Locator(policy.place_facts, embedded=None) as locator:

        def located(address, at):
            if address == "198.51.100.70":
                return Place(address=address, located=(DATED,), confidence=Confidence.CORROBORATED)
            return locator.locate(address, at)

        def judged(first, second):
            rows = flows(first, second | {"first_record": 10, "last_record": 19})
            sent = derive(rows, told, COVERAGE, policy.dns_binding)
            numbered_alike(sent, policy.dns_binding)
            return judged_alike(sent, questions(told), policy, located, COVERAGE)

        assert _says(judged(one, other)) != _says(judged(one, one)), "no rule sees it"
        judged(other, one)


def _says(judgement):
    """What is decided, and how many each finding tells of."""
    decided = [msgspec.structs.replace(unworded(one), transmission=None) for one in judgement.decisions]
    return decided, sorted((one.kind, one.count) for one in judgement.findings)

"""Judging columns gives what judging one by one gives, whatever the policy and the recording.

Flows are made a few at a time and each many times again with a column or two changed, so that what tells two cohorts
apart is often the only difference. They are drawn from a seed: a recording is a hundred choices, too many to be drawn
one by one. All must be equal, but for one thing: of a name in a finding or destination columns may show the record,
client and time of another lookup or flow that tells the same name in the same class.
"""

import datetime as dt
import functools
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.judge.past.met import met
from flowwatch.model import Amount, Coverage, OpenedBy, Place
from flowwatch.places import Locator
from flowwatch.policy import parse
from flowwatch.policy.terms import DnsBinding, PolicySet
from flowwatch.transmissions import derivation, derive, questions
from flowwatch.transmissions.connections import connections
from flowwatch.transmissions.directions import (
    Sent,
    Side,
    both_seen,
    both_sides_seen,
    opening_seen,
    openings_seen,
    sent,
    sent_columns,
)
from flowwatch.transmissions.joining import joined
from flowwatch.transmissions.parts import whole
from flowwatch.transmissions.rows import flow_rows
from flowwatch.transmissions.translation import untranslated
from tests.judge.alike import WAYS, judged_alike, numbered_alike
from tests.transmissions.tables import SECOND, flow, flows, lookup, lookups

MIDNIGHT = int(dt.datetime(2026, 11, 3, tzinfo=dt.UTC).timestamp()) * SECOND
DAY = 86_400 * SECOND
DIGEST = "ab" * 32

HEAD = """
schema = "flowwatch.policy/1"
[policy]
id = "made-up"
timezone = "Europe/Berlin"
"""
PARTS = {
    "zones": """
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
""",
    "sensors": """
[[sensor]]
id = "in"
sources = ["in*.pcap"]
side = "inside"
clock_error = "2s"
strip = ["gre"]
sees = ["a"]
[[sensor]]
id = "out"
sources = ["out.pcap"]
side = "outside"
""",
    "servers": """
[[server]]
id = "address"
match = { cidrs = ["198.51.100.1/32", "2001:db8:f::1/128"] }
[[server]]
id = "both"
match = { cidrs = ["198.51.100.1/32", "198.51.100.2/32"], names = ["one.r.example"] }
[[server]]
id = "named"
match = { names = ["*.r.example"], aliases = ["**.cdn.test"] }
[[server]]
id = "sealed"
dedicated = true
match = { cidrs = ["198.51.100.3/32", "192.0.2.20/32"], names = ["two.r.example"] }
tls = { required = true, min_version = "1.2", issuers = ["CN=R"], names = ["two.r.example"] }
[[server]]
id = "placed"
match = { cidrs = ["198.51.100.64/28", "192.0.2.4/30"] }
expect = { countries = ["XA"], asns = [64500], cloud = { provider = "Cloud", regions = ["east"] } }
[[server]]
id = "pinned"
match = { cidrs = ["198.51.100.6/32"] }
tls = { spki_sha256 = ["DIGEST"] }
""".replace("DIGEST", DIGEST),
    "ways": WAYS,
    "classifiers": """
[[classifier]]
id = "big"
label = "bulk"
any = [{ bytes_out_min = 1_000 }]
[[classifier]]
id = "by-name"
label = "results"
confidence = "medium"
any = [{ sni = "two.r.example" }, { http_host = "one.r.example", from_zone = "a" }]
[[classifier]]
id = "by-path"
label = "public"
any = [{ http_path = "/up" }, { dst_port = 8443, from_zone = "inner" }]
[[classifier]]
id = "marked"
label = "marked"
any = [{ payload_contains = "MARK" }, { payload_hex = "00ff00ff" }]
""",
    "prohibitions": """
[[prohibited]]
id = "clear"
when = { labels = ["bulk"], cleartext = true }
[[prohibited]]
id = "named"
when = { to = { names = ["two.r.example"] }, zone = "b" }
severity = "critical"
[[prohibited]]
id = "telnet"
when = { service = { proto = "tcp", ports = [23] }, to = { cidrs = ["198.51.100.0/28"] } }
""",
    "exceptions": """
[[exception]]
id = "EX-1"
reason = "r"
from = 2026-11-03T00:00:10Z
until = 2026-11-03T00:00:40Z
applies = { zone = "a" }
carries = ["bulk"]
lifts = ["clear"]
[[exception]]
id = "EX-2"
reason = "r"
from = 2026-11-03T00:00:00Z
until = 2026-11-03T00:01:00Z
applies = { to = { cidrs = ["203.0.113.0/25"], names = ["x.test"] }, service = { ports = [443] } }
""",
    "places": """
[[place]]
cidr = "198.51.100.64/26"
country = "XA"
asn = 64500
provider = "Cloud"
provider_region = "east"
until = 2026-11-03T00:00:20Z
[[place]]
cidr = "198.51.100.64/26"
country = "XB"
asn = 64501
from = 2026-11-03T00:00:20Z
[[place]]
cidr = "192.0.2.4/32"
country = "XB"
""",
    "claims": """
[[claim]]
id = "nowhere"
no = { country = "XB" }
[[claim]]
id = "only"
only_to = ["address", "zone:b"]
from = ["a"]
""",
}
CHANNELS = {
    "address": 'from = ["a"]\nto = ["address"]\ncarries = ["bulk", "results"]\n',
    "both": 'from = ["a", "b"]\nto = ["both"]\nservice = { ports = [443] }\ncarries = ["bulk", "marked"]\n',
    "named": 'from = ["a"]\nto = ["named"]\ncarries = ["bulk", "results", "public"]\n',
    "sealed": 'from = ["192.0.2.0/30"]\nto = ["sealed"]\nopened_by = "either"\ncarries = ["results", "bulk"]\n',
    "placed": 'from = ["a", "b"]\nto = ["placed"]\nopened_by = "either"\ncarries = ["bulk", "public"]\n',
    "pinned": 'from = ["a", "b"]\nto = ["pinned"]\nservice = { proto = "tcp" }\n',
    "within": 'from = ["a", "b"]\nto = ["zone:b", "zone:inner"]\nservice = { ports = [443, 8443] }\n',
    "answered": 'from = ["b"]\nto = ["zone:a"]\nopened_by = "receiver"\ncarries = ["bulk"]\n',
    "proxied": 'from = ["a"]\nto = ["proxy"]\n',
    "via": 'from = ["a", "b"]\nto = ["both", "named", "placed"]\nvia = ["proxy"]\nservice = { ports = [443, 80] }\n',
    "daily": 'from = ["b"]\nto = ["address"]\n'
    'when = [{ days = ["mon", "tue"], start = "20:00", end = "01:00" }, { days = ["tue"], start = "01:00", '
    'end = "02:30", until = 2026-11-03T01:00:30Z }]\n',
    "once": 'from = ["b"]\nto = ["pinned", "both"]\n'
    "when = [{ from = 2026-11-03T00:00:10Z, until = 2026-11-03T00:00:50Z }]\n",
    "anybody": 'from = ["b"]\nto = ["any"]\nservice = { ports = [443] }\nlimits = { bytes_out_per_flow = 1_200 }\n',
    "limited": 'from = ["inner"]\nto = ["address"]\ncarries = ["bulk"]\n'
    "limits = { bytes_out_per_hour = 5_000, flows_per_hour = 2 }\n",
    "silent": 'from = ["b"]\nto = ["both"]\nexpected = { min_flows = 2, by = 2026-11-03T00:01:00Z }\n',
    "quic": 'from = ["a", "b"]\nto = ["address", "pinned"]\nservice = { proto = "udp" }\ncarries = ["bulk"]\n',
}
DEFAULTS = [
    'dns_binding = { ttl_cap = "1m", grace = "1s", skew = "1s" }\n',
    'unread_min = 700\ndns_binding = { ttl_cap = "1m", grace = "1s", client = "same_zone", cname = "asked_only" }\n',
    'unknown_location = "note"\nlocations = "any"\n',
]
VALIDITIES = [
    [(None, None)],
    [("2026-11-02T00:00:00Z", "2026-11-03T00:00:30Z"), ("2026-11-03T00:00:30Z", None)],
    [(None, "2026-11-03T00:00:30Z"), ("2026-11-03T00:00:33Z", "2026-11-03T00:01:00Z")],
]


@functools.cache
def _version(number, validity, defaults, parts, channels):
    """A version with these parts and channels; what the channels and prohibitions name is always there."""
    edges = [f"{name} = {at}" for name, at in zip(("valid_from", "valid_until"), validity, strict=True) if at]
    text = "\n".join([HEAD, f'version = "{number}"', *edges, "[defaults]", defaults])
    always = ("zones", "servers", "ways", "classifiers", "prohibitions")
    text += "".join(PARTS[name] for name in (*always, *sorted(parts)))
    text += "".join(f'[[channel]]\nid = "{name}"\n{CHANNELS[name]}' for name in sorted(channels))
    version = parse(text)
    digests = msgspec.structs.replace(
        version.classifiers[0].any_[0], bytes_out_min=None, file_sha256_list="list", digests=frozenset({DIGEST})
    )
    listed = msgspec.structs.replace(version.classifiers[0], id="listed", label="marked", any_=(digests,))
    return msgspec.structs.replace(version, classifiers=(*version.classifiers, listed))


MARKERS = sorted(
    marker.id
    for one in _version(1, (None, None), "", frozenset(), frozenset()).classifiers
    for term in one.any_
    for marker in term.markers
)


def _policies(draw):
    """A policy set of one or two versions, or none."""
    if draw.random() < 0.05:
        return None
    return PolicySet(
        tuple(
            _version(number, validity, draw.choice(DEFAULTS), _some(draw, OPTIONAL), _some(draw, sorted(CHANNELS)))
            for number, validity in enumerate(draw.choice(VALIDITIES))
        )
    )


OPTIONAL = ["sensors", "exceptions", "places", "claims"]


def _some(draw, pool):
    return frozenset(one for one in pool if draw.random() < 0.7)


EDGES = [MIDNIGHT + after * SECOND for after in (0, 10, 20, 30, 33, 40, 50, 60, 3600, 3630, 5400)]
EDGES += [MIDNIGHT - DAY, MIDNIGHT - 5 * 3600 * SECOND, MIDNIGHT - 6 * DAY, -(2**62) - DAY, 2**62 + DAY]
ADDRESSES = [
    *("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.9", "192.0.2.15", "192.0.2.17"),
    *("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.9", "192.0.2.15", "192.0.2.17"),
    *("192.0.2.18", "192.0.2.20", "192.0.2.31", "192.0.2.40", "2001:db8:a::1", "2001:db8:f::1", "fe80::1"),
    *("198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5", "198.51.100.6"),
    *("198.51.100.65", "198.51.100.66", "203.0.113.9", "203.0.113.53", "203.0.113.66", "203.0.113.200"),
    *("203.0.113.201", "224.0.0.251", "255.255.255.255", "64:ff9b::c633:6401", "64:ff9b::c000:201"),
    *("::ffff:198.51.100.1", "::ffff:192.0.2.1", "10.1.2.3", "10.1.2.4", "169.254.1.1", "host.test"),
]
NAMES = ["one.r.example", "two.r.example", "x.test", "p.test", "a.b.r.example", "bad\\000.r.example"]
HOSTS = [
    *("one.r.example", "one.r.example:443", "two.r.example", "x.test", "p.test", "198.51.100.2", "198.51.100.65"),
    *("198.51.100.4", "192.0.2.2", "198.51.100.1:22", "[2001:db8:f::1]:443"),
]
PORTS = [None, 3, 8, 11, 23, 53, 67, 68, 80, 443, 443, 443, 8443, 40000, 40001, 546, 547]
COUNTS = [None, 0, 1, 9, 699, 700, 999, 1000, 1001, 1200, 1201, 4095, 4096, 5000, 2**63 - 1]
DIGESTS = [DIGEST, "cd" * 32]


def _time(draw):
    """An instant at or beside one at which a rule changes, or by as much as clocks are off beside it."""
    if draw.random() < 0.05:
        return None
    return draw.choice(EDGES) + draw.choice([0, 0, -2, -1, 1, 2]) * 2 * SECOND + draw.choice([-1, 0, 1, SECOND])


def _words(pool):
    return lambda draw: draw.choice([None, [], [draw.choice(pool)], [draw.choice(pool), draw.choice(pool)]])


def _layers(draw):
    ends = [(draw.choice([None, *ADDRESSES]), draw.choice([None, *ADDRESSES])) for _ in range(2)]
    given_ = [draw.choice([None, dict(zip(("src", "dst"), one, strict=True))]) for one in ends]
    kinds = [draw.choice(["gre", "vxlan:7", "mpls", "wireguard"]) for _ in ends]
    return list(zip(kinds, given_, strict=True))[: draw.randrange(3)]


CHANGES = {
    "source": ["in.pcap", "in2.pcap", "out.pcap", "else.pcap"],
    "start": _time,
    "end": _time,
    "proto": ["tcp", "tcp", "udp", "udp", "icmp", "icmp6", "sctp"],
    "src_ip": ADDRESSES,
    "dst_ip": ADDRESSES,
    "src_port": PORTS,
    "dst_port": PORTS,
    "conn_id": [None, "c1", "c2"],
    "direction_basis": [None, "handshake", "request", "log", "port", "first_record", "first_record"],
    "src_packets": [None, 0, 1, 5, 2**41],
    "dst_packets": [None, 0, 1, 4],
    "src_bytes": COUNTS,
    "dst_bytes": COUNTS,
    "bytes_scope": [None, "ip", "frame", "payload", "body"],
    "bytes_total": COUNTS,
    "counter": [None, "final", "cumulative", "delta", "single_packet"],
    "src_payload": COUNTS,
    "dst_payload": COUNTS,
    "src_acked": COUNTS,
    "dst_acked": COUNTS,
    "state": [None, "S0", "S1", "SF", "REJ", "OTH", "RSTO", "SH", "SHR", "RSTRH"],
    "layers": _layers,
    "app": [None, "tls", "http", "quic", "socks", "dns", "ftp-data"],
    "sni": [None, *NAMES],
    "alpn": _words(["h2", "h3"]),
    "tls_version": [None, "1.1", "1.2", "1.3"],
    "ech": [None, True, False],
    "cert_spki_sha256": [None, *DIGESTS],
    "cert_issuer": [None, "CN=R", "CN=X"],
    "cert_names": _words([*NAMES, "*.r.example"]),
    "http_host": [None, *HOSTS],
    "http_method": [None, "GET", "CONNECT"],
    "http_path": [None, "/", "/up", "/up/1", "http://x.test/", "one.r.example:443", "x.test:1"],
    "http_hosts": _words(HOSTS),
    "src_markers": _words(MARKERS),
    "dst_markers": _words(MARKERS),
    "src_clear": [None, True, False],
    "dst_clear": [None, True, False],
    "src_payload_sha256": _words(DIGESTS),
    "dst_payload_sha256": _words(DIGESTS),
    "sampled": [None, 1, 100],
    "name": [None, *HOSTS],
    "name_source": [None, "sni", "http_host", "connect", "url"],
    "action": [None, "allow", "deny"],
    "nat_src_ip": [None, *ADDRESSES],
    "nat_dst_ip": [None, *ADDRESSES],
    "community_id": [None, "1:x"],
}
JOINING = {"conn_id", "nat_src_ip", "nat_dst_ip"}
ALONE = sorted(set(CHANGES) - JOINING)
"""Columns that do not join rows to others."""
UNCOUNTED = dict.fromkeys(["src_payload", "dst_payload", "src_acked", "dst_acked"])
UNSENT = {"src_payload": 0, "dst_payload": 0, "src_acked": None, "dst_acked": None, "dst_packets": 0}
QUIC = {"proto": "udp", "state": None, "dst_port": 443}
SEALED = {"app": "tls", "tls_version": "1.2", "cert_issuer": "CN=R", "dst_payload": 0}
MOVED = {"app": None, "sni": None, "dst_ip": "203.0.113.9"}
"""What may be a QUIC connection that went on at another address."""


def _moved(draw):
    """Such a connection, or one with a handshake of its own."""
    return MOVED | {"alpn": draw.choice([None, None, ["h3"]])}


USUAL = [
    {"dst_port": 443, "app": "tls", "tls_version": "1.2", "sni": "one.r.example", "dst_ip": "198.51.100.2"},
    {"dst_port": 443, "app": "tls", "tls_version": "1.3", "sni": "two.r.example", "dst_ip": "198.51.100.3"},
    {"dst_ip": "203.0.113.9", "app": "tls", "tls_version": "1.2", "cert_names": ["one.r.example"]},
    {"dst_ip": "198.51.100.1", "src_ip": "192.0.2.17", "direction_basis": "first_record", "state": "OTH"},
    {"dst_ip": "198.51.100.4", "app": "http", "http_method": "CONNECT", "http_path": "one.r.example:443"},
    {"dst_ip": "198.51.100.5", "app": "http", "http_method": "GET", "http_hosts": ["one.r.example", "198.51.100.65"]},
    {"dst_ip": "198.51.100.65", "dst_port": 443},
    {"src_ip": "198.51.100.65", "dst_ip": "192.0.2.4"},
    {"src_ip": "192.0.2.4", "dst_ip": "192.0.2.17", "dst_port": 443},
    {"src_ip": "192.0.2.17", "dst_ip": "192.0.2.1", "dst_port": 443},
    {"src_ip": "203.0.113.9", "dst_ip": "192.0.2.17", "dst_port": 443},
    QUIC | {"app": "quic", "sni": "one.r.example", "dst_ip": "198.51.100.1", "dst_payload": 0},
    QUIC | {"app": "quic", "dst_ip": "198.51.100.6", "src_acked": None},
    QUIC | {"app": None, "dst_ip": "203.0.113.9"},
    {"proto": "udp", "src_port": 68, "dst_port": 67, "dst_ip": "255.255.255.255", "state": None},
    {"proto": "icmp", "src_port": 8, "dst_port": 0, "dst_ip": "203.0.113.9", "state": None},
    {"bytes_scope": "ip", "src_packets": 9, "dst_ip": "203.0.113.9", **UNCOUNTED},
    {"dst_ip": "198.51.100.6", "cert_spki_sha256": DIGEST, "tls_version": "1.2", "app": "tls"},
    UNSENT | {"state": "S0"},
    {"dst_ip": "198.51.100.3", "sni": "two.r.example", "cert_names": ["two.r.example"], **SEALED},
    {"dst_ip": "198.51.100.4", "app": "tls", "sni": "one.r.example", "http_method": "CONNECT"},
    {"dst_ip": "198.51.100.5", "app": "http", "name": "one.r.example", "name_source": "connect"},
    {"src_ip": "203.0.113.200", "dst_ip": "198.51.100.1"},
    {"dst_ip": "198.51.100.1", "layers": [("gre", {"src": "192.0.2.1", "dst": "203.0.113.9"})]},
]


def _changed(draw, row, names, count):
    pools = {name: CHANGES[name] for name in draw.sample(names, count)}
    return row | {name: pool(draw) if callable(pool) else draw.choice(pool) for name, pool in pools.items()}


def _rows(draw, names=ALONE, kinds=3, most=16):
    """Rows of FLOWS, in any order of record, each like one of a few but for a column or two."""
    made = []
    for _ in range(draw.randint(1, kinds)):
        start = _time(draw) or MIDNIGHT
        usual = {"source": "in.pcap", "src_ip": "192.0.2.1", "start": start, "end": start}
        like = _changed(draw, flow(**(usual | draw.choice(USUAL))), names, draw.randrange(4))
        again = [_changed(draw, like, names, draw.choice([0, 1, 1, 1, 2])) for _ in range(draw.randint(1, most))]
        made += [
            _whole(one | _moved(draw) if like.get("app") == "quic" and draw.random() < 0.5 else one) for one in again
        ]
    order = draw.sample(range(len(made)), len(made))
    shared = draw.choice([1, 1, 1, 2])
    return [
        one | {"first_record": place // shared, "last_record": draw.choice([None, place // shared])}
        for place, one in zip(order, made, strict=True)
    ]


def _whole(row):
    """The row with its layers as the table has them."""
    layers = row.get("layers", ())
    ends = {"tunnel": [kind for kind, _ in layers], "tunnel_ends": [ends for _, ends in layers]} if layers else {}
    return {name: value for name, value in row.items() if name != "layers"} | ends


def _lookups(draw, rows, most=4):
    """Lookups whose answers live and end around the flows, mostly of their addresses."""
    found = []
    near = [(one["src_ip"], one["dst_ip"]) for one in rows if "host.test" not in (one["src_ip"], one["dst_ip"])]
    near = [*near, *(one[::-1] for one in near), (draw.choice(ADDRESSES[:16]), draw.choice(ADDRESSES[:-1]))]
    for place in range(draw.randrange(most + 1)):
        name, chain = draw.choice(NAMES), draw.choice([None, None, "e.cdn.test", "e.other.test"])
        records = [(name, "CNAME", chain, 300)] if chain else []
        client, address = draw.choice(near)
        records.append((chain or name, "A", address, draw.choice([None, 1, 9, 300])))
        found.append(
            lookup(
                *records,
                record=place,
                source=draw.choice(["in.pcap", "dns.log"]),
                time=MIDNIGHT + draw.choice([-70, -31, -9, 0, 3, 9, 20]) * SECOND,
                client_ip=client,
                server_ip=draw.choice(["203.0.113.53", "203.0.113.53", "203.0.113.54"]),
                qname=name,
                name_exact=draw.random() < 0.8,
            )
        )
    return found


def _coverage(draw):
    """What was recorded, perhaps."""
    first = MIDNIGHT - draw.choice([86_400, 60, 30]) * SECOND
    sources = draw.choice([(), ("in.pcap", "out.pcap", "dns.log")])
    return tuple(Coverage(source=one, first=first, last=MIDNIGHT + DAY) for one in sources)


@pytest.fixture(autouse=True, scope="module")
def _in_small_portions():
    """Flows are told a few at a time, so that what belongs together lies on both sides of an edge."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(derivation, "_PORTION", 3)
        yield


LAWS = settings(max_examples=50, deadline=None)
DRAWN = st.integers(0, 2**64).map(random.Random)


@LAWS
@given(draw=DRAWN)
def test_judging_columns_is_judging_one_by_one(draw):
    policy, coverage = _policies(draw), _coverage(draw)
    made = _rows(draw)
    given_, told = flows(*made), lookups(*_lookups(draw, made))
    derived, asked = derive(given_, told, coverage, policy.dns_binding if policy else DnsBinding()), questions(told)
    with Locator(policy.place_facts if policy else (), embedded=None) as locator:
        judged_alike(derived, asked, policy, locator.locate, coverage)


@LAWS
@given(draw=DRAWN, both=st.booleans())
def test_what_sides_sent_is_told_of_columns_as_of_rows(draw, both):
    given_ = flows(*_rows(draw))
    made = flow_rows(given_)
    openings, seen = openings_seen(given_), both_sides_seen(given_)
    assert openings.tolist() == [opening_seen(row) for row in made]
    assert seen.tolist() == [both_seen(row) for row in made]
    recorded = seen | both
    for side in Side:
        told = sent_columns(given_, side, openings=openings, both_recorded=recorded)
        for place in told.known.nonzero()[0]:
            kind, amount = sent(made[place], side, both_recorded=bool(recorded[place]))
            assert (told.payload[place], told.attempts[place]) == (kind is Sent.PAYLOAD, kind is Sent.ATTEMPT)
            if kind is not Sent.NOTHING:
                most = None if told.most[place] < 0 else told.most[place]
                assert Amount(told.least[place], most) == amount


@LAWS
@given(draw=DRAWN)
def test_joined_rows_are_the_connections_in_their_order(draw):
    given_ = flows(*_rows(draw, [*CHANGES, *JOINING, *JOINING], kinds=2))
    skew = draw.choice([0, 1, 5]) * SECOND
    recorders = draw.choice([{}, {"in.pcap": "tap", "in2.pcap": "tap"}])
    whole_ = whole(given_)
    expected = connections(untranslated(flow_rows(whole_), skew), recorders, skew)
    found = joined(whole_, recorders, skew)
    assert found.rows(np.arange(len(found.flows))) == expected
    plain = [msgspec.structs.replace(row, told=None, named_by=None) for row in expected]
    assert flow_rows(found.flows) == plain


@LAWS
@given(draw=DRAWN)
def test_equal_numbers_say_the_same_of_answers_and_of_who_recorded_lookups(draw):
    policy, made = _policies(draw), _rows(draw)
    binding = policy.dns_binding if policy else DnsBinding()
    numbered_alike(derive(flows(*made), lookups(*_lookups(draw, made, most=16)), _coverage(draw), binding), binding)


def test_who_is_left_of_a_cohort_whose_first_has_moved_keeps_its_own_decision():
    """The first continues an approved QUIC connection, the other came too late for that."""
    policy = PolicySet((_version(1, (None, None), "", frozenset(), frozenset({"quic"})),))
    quic = flow(**(QUIC | {"app": "quic", "src_ip": "192.0.2.1", "dst_ip": "198.51.100.1", "dst_payload": 0}))
    moved = quic | MOVED | {"first_record": 2, "start": quic["start"] + 3 * SECOND, "end": quic["end"] + 3 * SECOND}
    late = moved | {"first_record": 3, "start": quic["start"] + 90 * SECOND, "end": quic["end"] + 90 * SECOND}
    sent = derive(flows(quic, moved, late), lookups(), ())
    one, other = _both(sent, policy)
    assert [found.verdict.value for found in one.decisions] == ["approved", "indeterminate", "unapproved"]
    assert one.findings == other.findings


@pytest.mark.parametrize("at", [-(2**63), 2**63 - 1])
def test_times_at_the_ends_of_what_tables_hold_are_judged(at):
    """A daily window, a cap and answers lie around them, beyond what a table holds."""
    policy = PolicySet((_version(1, (None, None), DEFAULTS[0], frozenset({"sensors"}), frozenset(CHANNELS)),))
    given_ = [flow(start=at, end=at), flow(start=at, end=2**63 - 1, first_record=2), flow(start=None, end=None)]
    told = lookups(lookup(("ingest.example", "A", "198.51.100.20", 2**32 - 1), time=at))
    _both(derive(flows(*given_), told, (), policy.dns_binding), policy)


def test_rows_of_a_connection_whose_counts_no_table_holds_together_count_the_most():
    rows_ = [flow(first_record=place, conn_id="c", src_payload=2**63 - 1) for place in range(2)]
    rows_.append(flow(first_record=4, src_payload=2**63 - 1))
    sent = derive(flows(*rows_), lookups(), ())
    assert [one.sent.exact for one in sent if one.opened_by is OpenedBy.SENDER] == [2**63 - 1] * 2
    one, _ = _both(sent, None)
    assert sum(tally.bytes for tally in one.verdicts.values()) == 2 * (2**63 - 1) + sum(
        one.sent.least for one in sent if one.opened_by is OpenedBy.RECEIVER
    )


def test_a_last_record_before_the_first_changes_no_order():
    rows_ = [flow(first_record=9, last_record=last, src_port=40_000 + at) for at, last in enumerate((None, 3, 9, 12))]
    _both(derive(flows(*rows_), lookups(), ()), None)


def test_a_destination_has_the_names_that_its_latest_transmission_knew():
    """Another client asks between two transmissions that are judged as one."""
    rows_ = [flow(start=MIDNIGHT + at * SECOND, end=None, first_record=at) for at in (1, 90)]
    asked = {"qname": "x.test", "time": MIDNIGHT + 60 * SECOND, "client_ip": "192.0.2.9"}
    told = lookups(lookup(("x.test", "A", rows_[0]["dst_ip"], 300), **asked))
    one, _ = _both(derive(flows(*rows_), told, ()), None)
    assert {(name.name, name.evidence.value) for row in one.destinations for name in row.names} == {
        ("x.test", "answer_other_client")
    }


def test_what_strangers_fetch_goes_to_each_of_them():
    """Answers to two of them are of one cohort, and two destinations, each in its own place."""
    rows_ = [
        flow(first_record=at, src_ip=stranger, src_port=40_000 + at, dst_ip="10.0.0.1")
        for at, stranger in enumerate(("203.0.113.8", "203.0.113.9", "203.0.113.8"))
    ]
    each = judged_alike(derive(flows(*rows_), lookups(), ()), [], None, lambda one, _at: Place(address=one))
    assert {(one.address, one.place.address, one.transmissions) for one in each.destinations} == {
        ("203.0.113.8", "203.0.113.8", 2),
        ("203.0.113.9", "203.0.113.9", 1),
    }


def test_an_attempt_of_which_neither_end_can_be_seen_is_none():
    """Two alike, so that one is told by the other's decision."""
    sensor = '[[sensor]]\nid = "s"\nsources = ["a.pcap"]\nsees = ["b"]\n'
    policy = PolicySet((parse(HEAD + 'version = "1"\n' + PARTS["zones"] + sensor),))
    nothing = {"state": "S0", "src_payload": 0, "dst_payload": 0, "dst_packets": 0, "src_ip": "192.0.2.1"}
    both = flow(first_record=9, src_ip="192.0.2.1")  # so that the source is known to record both directions
    rows_ = [flow(first_record=at, start=(1000 + at) * SECOND, **nothing) for at in range(2)]
    each = judged_alike(derive(flows(*rows_, both), lookups(), ()), [], policy, lambda one, _at: Place(address=one))
    assert [(one.transmission.attempted, one.transmission.sent.most) for one in each.decisions[:2]] == [
        (False, None)
    ] * 2


def test_a_server_is_met_at_each_address_and_day_where_anything_was_acknowledged():
    """Flows of one cohort: refused and taken, on two days, and fetched by two addresses of one server."""
    server = '[[server]]\nid = "s"\nmatch = { cidrs = ["198.51.100.40/30"] }\n'
    channel = '[[channel]]\nid = "c"\nfrom = ["a"]\nto = ["s"]\nopened_by = "either"\n'
    policy = PolicySet((parse(HEAD + 'version = "1"\n' + PARTS["zones"] + server + channel),))
    here, asked, *asking = "192.0.2.1", "198.51.100.40", "198.51.100.41", "198.51.100.42"
    times = ((MIDNIGHT, 0), (MIDNIGHT + SECOND, 500), (MIDNIGHT + DAY, 500))
    taken = [{"src_ip": here, "dst_ip": asked, "start": at, "src_acked": acked} for at, acked in times]
    fetched = [{"src_ip": one, "dst_ip": here, "start": MIDNIGHT, "dst_acked": 100} for one in asking]
    rows_ = [flow(first_record=at, end=None, **one) for at, one in enumerate([*taken, *fetched])]
    each = judged_alike(derive(flows(*rows_), lookups(), ()), [], policy, lambda one, _at: Place(address=one))
    assert sorted((one.address, one.first) for one in met(each.decisions)) == [
        (asked, MIDNIGHT + SECOND),
        (asked, MIDNIGHT + DAY),
        *((one, MIDNIGHT) for one in asking),
    ]


def test_what_several_sources_count_is_told_of_every_flow_of_a_portion():
    told = [
        flow(source=source, first_record=at, src_port=40_000 + at, src_payload=payload)
        for source, payload in (("a.pcap", 500), ("b.pcap", 400))
        for at in range(7)
    ]
    sent = [one for one in derive(flows(*told), lookups(), ()) if one.opened_by is OpenedBy.SENDER]
    assert [(one.sent.least, one.sent.most) for one in sent] == [(400, 500)] * 7


def test_an_answer_within_the_clocks_difference_after_a_flow_has_another_number():
    rows_ = [flow(first_record=at, start=at * SECOND) for at in (1050, 1061)]
    answers = [
        lookup((name, "A", rows_[0]["dst_ip"], 300), record=at, qname=name, time=at * SECOND, client_ip="192.0.2.17")
        for name, at in (("a.example", 1000), ("b.example", 1063))
    ]
    sent = derive(flows(*rows_), lookups(*answers), ())
    assert [sorted({name.name for name in one.names}) for one in sent if one.names] == [
        ["a.example"],
        ["a.example", "b.example"],
    ]
    numbered_alike(sent, DnsBinding())


@pytest.mark.parametrize("versions", [0, 1])
def test_of_nothing_nothing_is_judged(versions):
    whole_ = _version(1, (None, None), "", frozenset(), frozenset(CHANNELS))
    policy = PolicySet((whole_,)) if versions else None
    one, _ = _both(derive(flows(), lookups(), ()), policy)
    assert (list(one.decisions), one.destinations) == ([], ())


def _both(sent, policy):
    """The judgements on columns and one by one, whose decisions and tallies are equal."""
    one, other = (judge(each, [], policy, lambda address, _at: Place(address=address)) for each in (sent, list(sent)))
    assert list(one.decisions) == list(other.decisions)
    assert (one.verdicts, one.out_of_scope) == (other.verdicts, other.out_of_scope)
    return one, other

"""The logs of resolvers that run, read while they are written and rotate: each question once, none invented."""

import re
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import dns.name
import msgspec
import pytest

from flowwatch.ops import scheduled
from flowwatch.ops.check import Wanted
from flowwatch.ops.config import load
from flowwatch.ops.state import FILE
from flowwatch.ops.streams import of_coverage
from tests.ops import resolvers

COUNT = 2400
POLICY = """
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "1"
[defaults]
dns_name_bytes = 100000000
[[zone]]
id = "office"
cidrs = ["127.0.0.0/8"]
[[lookup]]
names = ["*.results.example"]
"""
CONFIG = """
schema = "flowwatch.config/1"
policy = "policy.toml"
state = "state"
storm = 1000000
settle = "0s"
[[source]]
id = "resolver"
paths = ["logs/query.log*"]
[[output]]
format = "jsonl"
path = "alerts.jsonl"
"""


class Site:
    """A folder with a resolver's log, checked as it grows."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "logs" / "query.log"
        self.log.parent.mkdir()
        (folder / "policy.toml").write_text(POLICY)
        (folder / "flowwatch.toml").write_text(CONFIG)
        self.outcomes = []

    def check(self):
        self.outcomes.append(scheduled.run(load(self.folder / "flowwatch.toml"), Wanted()))

    def asked(self, resolver):
        """Has the resolver asked and its log rotated twice, and checks all the while; what was asked."""
        wanted = resolvers.questions(COUNT, seed=6)
        rotations = [COUNT // 3, 2 * COUNT // 3]

        def between(done):
            if rotations and done >= rotations[0]:
                rotations.pop(0)
                resolver.rotate()

        first = resolvers.ask(resolver.port, wanted[:1], between)  # a log without a question tells no format
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(resolvers.ask, resolver.port, wanted[1:], between)
            while not asking.done():
                self.check()
        self.check()
        return first + asking.result()

    def judged(self):
        """By client, name, type, rcode and addresses of the answer: how many lookups the state holds, all judged."""
        rows = self._ask("SELECT id, row, verdict FROM lookups")
        assert all(verdict for _, _, verdict in rows)
        led: dict[int, list[str]] = {}
        for address, number in self._ask("SELECT address, lookup FROM answers"):
            led.setdefault(number, []).append(address)
        unpacked = [(number, msgspec.msgpack.decode(row)) for number, row, _ in rows]
        return Counter(
            (row["client_ip"], row["qname"], row["qtype"], row.get("rcode"), tuple(sorted(led.get(number, ()))))
            for number, row in unpacked
        )

    def _ask(self, statement):
        db = sqlite3.connect(self.folder / "state" / FILE)
        try:
            return db.execute(statement).fetchall()
        finally:
            db.close()

    def assert_whole(self, refused=0):
        """Nothing is lacking, and every line of the logs is accounted for once."""
        for outcome in self.outcomes:
            assert not [one.finding.title for one in outcome.findings if of_coverage(one.finding)]
            assert not outcome.shortfalls
        [stream] = self.outcomes[-1].streams
        lines = sum(one.read_bytes().count(b"\n") for one in self.log.parent.iterdir())
        assert stream.records == lines
        assert stream.records == stream.events + stream.noise + stream.unattributable + stream.rejected
        assert (stream.rejected, stream.gaps, stream.behind, stream.unattributable) == (refused, 0, 0, 0)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def _exact(label):
    return "".join(chr(one) if 0x20 < one < 0x7F and one not in b".\\" else f"\\{one:03}" for one in label.lower())


def _of_named(name: dns.name.Name) -> str:
    """As BIND tells it: exactly."""
    return ".".join(map(_exact, name.labels[:-1])) or "."


def _of_unbound(name: dns.name.Name) -> str:
    """As unbound tells it: what it does not print is a question mark."""
    return _of_named(dns.name.Name(re.sub(rb"[^A-Za-z0-9*_-]", b"?", one) for one in name.labels)) or "."


def _of_dnsmasq(name: dns.name.Name) -> str:
    """As dnsmasq tells it: as it is, or not at all."""
    plain = all(0x20 <= one < 0x7F and one != 0x2E for label in name.labels for one in label)
    return _of_named(name) if plain else "<name\\032unprintable>"


BIND = [
    pytest.param({"printed": "print-time iso8601;"}, id="iso8601"),
    pytest.param({"printed": "print-time yes; print-category yes; print-severity yes;", "default": "told"}, id="all"),
    pytest.param({"printed": "print-time yes;", "file": "versions unlimited size 80k"}, id="own rotation"),
]


@pytest.mark.parametrize("settings", BIND)
def test_named(site, named, tmp_path, settings):
    with resolvers.named(named, tmp_path, site.log, **settings) as resolver:
        asked = site.asked(resolver)
        assert site.judged() == Counter((one.client, _of_named(one.name), one.type, None, ()) for one in asked)
        site.assert_whole()


def test_named_with_its_responses(site, named, tmp_path):
    if not resolvers.is_bind_of(named, (9, 20)):
        pytest.skip("before BIND 9.20 no response is logged")
    told = {
        "printed": "print-time iso8601;",
        "options": "responselog yes;",
        "categories": "category responses { told; };",
    }
    with resolvers.named(named, tmp_path, site.log, **told) as resolver:
        asked = site.asked(resolver)
        assert site.judged() == Counter((one.client, _of_named(one.name), one.type, one.rcode, ()) for one in asked)
        site.assert_whole()


@pytest.mark.parametrize("hup", [False, True])
@pytest.mark.parametrize(
    "options", ["", "log-tag-queryreply: yes\n    log-time-ascii: yes\n    log-local-actions: yes"]
)
def test_unbound(site, unbound, tmp_path, options, hup):
    with resolvers.unbound(unbound, tmp_path, site.log, options, hup=hup) as resolver:
        asked = site.asked(resolver)
        assert site.judged() == Counter((one.client, _of_unbound(one.name), one.type, one.rcode, ()) for one in asked)
        site.assert_whole()


@pytest.mark.parametrize("option", ["--log-queries", "--log-queries=extra"])
def test_dnsmasq(site, dnsmasq, tmp_path, option):
    with resolvers.dnsmasq(dnsmasq, tmp_path, site.log, option) as resolver:
        asked = site.asked(resolver)
        assert site.judged() == Counter(_told_by_dnsmasq(one, option) for one in asked)
        site.assert_whole()


@pytest.mark.parametrize("option", ["--log-queries", "--log-queries=extra"])
def test_dnsmasq_that_asks_another(site, dnsmasq, tmp_path, option):
    above = tmp_path / "above"
    above.mkdir()
    with (
        resolvers.dnsmasq(dnsmasq, above, above / "log") as other,
        resolvers.dnsmasq(dnsmasq, tmp_path, site.log, option, upstream=other.port) as resolver,
    ):
        asked = site.asked(resolver)
        assert site.judged() == Counter(_told_by_dnsmasq(one, option) for one in asked)
        site.assert_whole()


def _told_by_dnsmasq(one, option):
    """An error that does not say of which question is of none."""
    nameless = one.rcode == "REFUSED" and option == "--log-queries"
    return one.client, _of_dnsmasq(one.name), one.type, None if nameless else one.rcode, one.addresses

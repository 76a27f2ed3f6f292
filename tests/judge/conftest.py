"""A small policy to vary, transmissions to judge by it, and a bench to judge them at."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from flowwatch.judge import Bench, Derivation
from flowwatch.model import (
    Amount,
    Basis,
    Candidate,
    Confidence,
    Fact,
    Lookup,
    LookupDecision,
    NameClass,
    OpenedBy,
    Place,
    Ref,
    SeenName,
    Transmission,
)
from flowwatch.policy import parse
from flowwatch.policy.terms import PolicySet

NOON = int(dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC).timestamp()) * 10**9
HOUR = 3600 * 10**9

BASE = """
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "1"
[[zone]]
id = "precincts"
cidrs = ["192.0.2.0/26"]
[[zone]]
id = "collection"
cidrs = ["192.0.2.64/26"]
[[zone]]
id = "office"
cidrs = ["192.0.2.128/25"]
[[server]]
id = "dns"
role = "resolver"
match = { cidrs = ["198.51.100.53/32"] }
"""

PRIMARY = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"], names = ["ingest.results.example"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
service = { proto = "tcp", ports = [8443] }
carries = ["results"]
"""

CLOUD = """
[[server]]
id = "cloud"
match = { names = ["up.vendor.example"], aliases = ["**.cdn.example"] }
[[channel]]
id = "to-cloud"
from = ["precincts"]
to = ["cloud"]
"""


class Court:
    """Judges by one policy text (added to BASE), or several as versions."""

    def __init__(self, *texts: str, locate: Callable[[str, int | None], Place] | None = None) -> None:
        self.policies = PolicySet(tuple(parse(text if "schema =" in text else BASE + text) for text in texts))
        self.bench = Bench(self.policies, locate or (lambda address, _at: Place(address=address)), every=True)

    def derive(
        self, transmission: Transmission, opening: Transmission | None = None, labels: tuple[str, ...] | None = None
    ) -> Derivation:
        return self.bench.derive(transmission, opening, labels)

    def told(
        self, transmission: Transmission, opening: Transmission | None = None, labels: tuple[str, ...] | None = None
    ) -> tuple[str, ...]:
        """Verdict and reasons."""
        decision = self.derive(transmission, opening, labels).decision
        return (decision.verdict.value, *(reason.value for reason in decision.reasons))

    def notes(self, transmission: Transmission) -> tuple[str, ...]:
        return tuple(note.value for note in self.derive(transmission).decision.notes)

    def asked(self, lookup: Lookup) -> LookupDecision:
        return self.bench.lookup(lookup)


def make_sent(**changes: Any) -> Transmission:
    """A TLS upload of 20 kB from a precinct to the primary, by its name; `changes` are its fields."""
    fields: dict[str, Any] = {
        "flow": 1,
        "ref": Ref("tap.pcap", 1, 9, 24),
        "proto": "tcp",
        "sender_ip": "192.0.2.17",
        "sender_port": 50_000,
        "receiver_ip": "198.51.100.20",
        "receiver_port": 8443,
        "service_port": 8443,
        "opened_by": OpenedBy.SENDER,
        "direction_basis": "handshake",
        "start": NOON,
        "end": NOON + 10**9,
        "sent": Amount.exactly(20_000),
        "acked": 20_000,
        "names": make_used("ingest.results.example"),
        "app": "tls",
        "tls_version": "1.3",
        "clear": False,
    }
    port = {"receiver_port": changes["service_port"]} if "service_port" in changes else {}
    return Transmission(**(fields | port | changes))


def make_used(*names: str, **changes: Any) -> tuple[SeenName, ...]:
    return tuple(SeenName(**({"name": name, "evidence": NameClass.SNI} | changes)) for name in names)


def make_answer(name: str, /, **changes: Any) -> tuple[SeenName, ...]:
    """A live answer to the precinct from the listed resolver."""
    fields: dict[str, Any] = {
        "name": name,
        "evidence": NameClass.ANSWER_SAME_CLIENT,
        "client": "192.0.2.17",
        "resolver": "198.51.100.53",
    }
    return (SeenName(**(fields | changes)),)


def make_reply(transmission: Transmission, **changes: Any) -> Transmission:
    """The answering direction of a flow."""
    fields: dict[str, Any] = {
        "flow": transmission.flow,
        "ref": transmission.ref,
        "proto": transmission.proto,
        "sender_ip": transmission.receiver_ip,
        "sender_port": transmission.receiver_port,
        "receiver_ip": transmission.sender_ip,
        "receiver_port": transmission.sender_port,
        "service_port": transmission.service_port,
        "opened_by": OpenedBy.RECEIVER,
        "direction_basis": transmission.direction_basis,
        "start": transmission.start,
        "end": transmission.end,
        "sent": Amount.exactly(500),
        "app": transmission.app,
        "tls_version": transmission.tls_version,
    }
    return Transmission(**(fields | changes))


def make_place(*countries: str | None, **changes: Any) -> Place:
    """A place two databases agree on, dated the day of the traffic."""
    source: dict[str, Any] = {
        key: changes.pop(key) for key in ("basis", "source_date", "provider", "provider_region") if key in changes
    }
    fields: dict[str, Any] = {"basis": Basis.DATABASE, "source_date": "2026-11-01", "source": "db"} | source
    located = tuple(Candidate(country=country, **fields) for country in countries)
    return Place(**({"address": "198.51.100.20", "located": located, "confidence": Confidence.CORROBORATED} | changes))


def make_asked(qname: str, **changes: Any) -> Lookup:
    fields: dict[str, Any] = {
        "ref": Ref("dns.log", 1, 1),
        "time": NOON,
        "client_ip": "192.0.2.17",
        "server_ip": "198.51.100.53",
        "qname": qname,
        "qtype": "A",
    }
    return Lookup(**(fields | changes))


class Make:
    """What tests are made of."""

    BASE, PRIMARY, CLOUD, NOON, HOUR = BASE, PRIMARY, CLOUD, NOON, HOUR
    court = Court
    sent = staticmethod(make_sent)
    used = staticmethod(make_used)
    answer = staticmethod(make_answer)
    reply = staticmethod(make_reply)
    place = staticmethod(make_place)
    asked = staticmethod(make_asked)
    fact = Fact


@pytest.fixture(scope="session")
def make() -> type[Make]:
    return Make

"""The made-up county of the sample cases: who has which address, and how its machines ask and send.

Promises that every case means the same machine by the same name. What a case's policy says of these machines stands in
that policy alone.
"""

from typing import NamedTuple

from conversations import Hello, Recording, lookup, tls

RESOLVER = "198.51.100.53"
CLOCK = "198.51.100.123"
RESULTS_SITE = "192.0.2.140"
RESULTS_SITE_V6 = "2001:db8:10::140"
EXPORT_SERVER = "192.0.2.200"
MIRROR = "198.51.100.100"


class Host(NamedTuple):
    """A machine with its name; `alias` is where a CNAME leads on the way to its address."""

    name: str
    address: str
    alias: str | None = None


PRIMARY = Host("ingest.results.example", "198.51.100.20")
BACKUP = Host("backup.results.example", "198.51.100.36")
DATABASE = Host("db.results.example", "198.51.100.68")
PUBLISHING = Host("publish.results.example", "203.0.113.10", "edge-7.cdn.example")


def precinct(number: int) -> str:
    """The address of a precinct's machine."""
    return f"192.0.2.{10 + number}"


def ask(recording: Recording, client: str, host: Host, at: int) -> int:
    """The client asks its resolver for the host's address; returns the time after it."""
    kind = "AAAA" if ":" in host.address else "A"
    resolver = RESOLVER if "." in client else "2001:db8:53::53"
    if host.alias is None:
        answers = [(host.name, kind, host.address, 300)]
    else:
        answers = [(host.name, "CNAME", host.alias, 300), (host.alias, kind, host.address, 60)]
    return lookup(recording, client, resolver, host.name, *answers, at=at, kind=kind)


def send(recording: Recording, client: str, host: Host, sent: int, at: int, received: int = 900) -> int:
    """The client asks for the host, then sends it exactly `sent` payload bytes over TLS; returns the time after it."""
    begun = ask(recording, client, host, at)
    return tls(recording, client, host.address, at=begun, hello=Hello(host.name), sent=sent, received=received)

"""What the suites of Suricata and tcpdump expect of captures: records, who talked to whom, and how many packets.

Suricata's facts and tcpdump's printed lines are examples, not lists: what they name must be told, what they do not name
proves nothing. Only the number of packets (`totals`) is complete. Floors stand in tests/floors.json under `peer_flows`.
"""

import ipaddress
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flowwatch import sources
from flowwatch.model import ReadOptions

ROOT = Path(__file__).parent.parent.parent
CORPORA = ROOT.parent / "shared" / "corpora"
FLOORS = json.loads((ROOT / "tests" / "floors.json").read_text())["peer_flows"]
COLUMNS = ["src_ip", "src_port", "dst_ip", "dst_port", "src_packets", "dst_packets", "tunnel_ends"]

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside this checkout")

End = tuple[str, int | None]


@dataclass
class Told:
    """What flowwatch tells of one capture."""

    records: int
    packets: Counter[tuple[End, End]] = field(default_factory=Counter)
    """Packets by sender and receiver, with ports and without."""
    around: set[frozenset[str]] = field(default_factory=set)
    """Ends of the tunnels."""

    def knows(self, src: End, dst: End) -> bool:
        """True where somebody talked between these ends, in either direction, or a tunnel ran between them."""
        pairs = ((src, dst), (dst, src))
        return any(pair in self.packets for pair in pairs) or frozenset((src[0], dst[0])) in self.around


@dataclass
class Tally:
    """How many facts of one kind were expected, and which of them are not told."""

    expected: int = 0
    missed: list[str] = field(default_factory=list)

    def add(self, holds: bool, what: str) -> None:
        self.expected += 1
        if not holds:
            self.missed.append(what)

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.expected


def address(text: str) -> str | None:
    """The address, or None where a printed line was cut at another place."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def told(capture: str) -> Told:
    read = sources.collect([str(CORPORA / "captures" / capture)], ReadOptions(digest=False))
    out = Told(read.coverage[0].records)
    for row in read.flows.select(COLUMNS).to_pylist():
        src, dst = (row["src_ip"], row["src_port"]), (row["dst_ip"], row["dst_port"])
        for one, other, count in ((src, dst, row["src_packets"]), (dst, src, row["dst_packets"])):
            for pair in ((one, other), ((one[0], None), (other[0], None))):
                out.packets[pair] += count or 0
        for ends in row["tunnel_ends"] or ():
            out.around.add(frozenset((ends["src"], ends["dst"])))
    return out


def peers() -> Iterator[dict[str, Any]]:
    with (CORPORA / "peers.jsonl").open() as lines:
        yield from map(json.loads, lines)


def ends_of(fact: dict[str, Any], names: tuple[str, str, str, str]) -> tuple[End, End] | None:
    """Sender and receiver that a fact names; ports only where it has both."""
    src, sport, dst, dport = (fact.get(name) for name in names)
    src, dst = (address(text or "") for text in (src, dst))
    if src is None or dst is None:
        return None
    ports = (sport, dport) if sport and dport else (None, None)
    return (src, ports[0]), (dst, ports[1])


def check(peer: dict[str, Any], seen: Told, tallies: dict[str, Tally]) -> None:
    """Adds what one test of a peer expects."""
    if "totals" in peer:
        expected = peer["totals"]["packets"]
        tallies["records"].add(seen.records == expected, f"{peer['test']}: {expected}, not {seen.records}")
    for fact in peer.get("endpoints", ()):
        if pair := ends_of(fact, ("src", "sport", "dst", "dport")):
            tallies["endpoints"].add(seen.knows(*pair), f"{peer['test']}: {pair}")
    for match in (fact["match"] for fact in peer.get("facts", ()) if fact["count"]):
        pair = ends_of(match, ("src_ip", "src_port", "dest_ip", "dest_port"))
        if pair is None:
            continue
        tallies["addresses"].add(seen.knows(*pair), f"{peer['test']}: {pair}")
        if match.get("event_type") == "flow" and "flow.pkts_toserver" in match and pair[0][1]:
            expected = (match["flow.pkts_toserver"], match["flow.pkts_toclient"])
            found = (seen.packets[pair], seen.packets[pair[::-1]])
            tallies["packets"].add(expected == found, f"{peer['test']}: {pair} {expected}, not {found}")


def tallied() -> dict[str, Tally]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    known: dict[str, Told] = {}
    for peer in peers():
        if not {"totals", "endpoints", "facts"} & peer.keys() or not (CORPORA / "captures" / peer["capture"]).exists():
            continue
        if peer["capture"] not in known:
            known[peer["capture"]] = told(peer["capture"])
        check(peer, known[peer["capture"]], tallies)
    return tallies


def test_what_the_peers_expect_is_told() -> None:
    for what, tally in tallied().items():
        assert tally.recall >= FLOORS[what], (what, tally.recall, tally.missed)

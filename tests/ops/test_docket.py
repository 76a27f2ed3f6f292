"""Rows that come a few at a time, in any order, end in the decisions that judging all at once gives."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from flowwatch import policy, sources
from flowwatch.audit import audit
from flowwatch.model import FLOWS, LOOKUPS, OF_THE_WHOLE, ReadOptions
from flowwatch.ops.docket import Docket
from flowwatch.ops.kept import Kept, Place
from flowwatch.ops.kept import table as as_table
from flowwatch.ops.state import State
from flowwatch.ops.streams import Stream
from flowwatch.places import Locator
from flowwatch.policy.terms import DnsBinding
from tests.judge.test_awkward import AT, FILES, FTP, HEAD, SITE, conversations, ftp

GREAT = "cdn-publishing"
"""18,000 flows of three kinds, which say nothing that the others do not."""
CASES = sorted(
    one.parent for one in (Path(__file__).parents[2] / "captures").glob("*/policy.toml") if one.parent.name != GREAT
)
SCENARIO = Path(__file__).parents[3] / "shared" / "logs" / "scenario"
RULES = Path(__file__).parents[1] / "cases" / "scenario" / "policy.toml"
AGE = 48 * 3600 * 10**9


class Told(msgspec.Struct):
    """What stands after all rows."""

    flows: dict[Any, int]
    lookups: dict[Any, int]
    findings: dict[str, tuple[int, int, int | None]]


def at_once(paths, rules):
    report = audit(paths, rules, options=ReadOptions(digest=False))
    flows = Counter(
        (str(one.verdict), str(one.reasons[0]), str(one.transmission.sent.least), one.transmission.opened_by)
        for one in report.decisions
    )
    lookups = Counter((str(one.verdict), str(one.reasons[0])) for one in report.lookups)
    found = [one for one in report.findings if one.kind not in OF_THE_WHOLE]  # those are for a whole recording
    return Told(flows, lookups, {one.id: (one.count, one.bytes_sent, one.bytes_most) for one in found})


def bit_by_bit(paths, rules, folder, chance, pieces):
    policies = policy.load(rules)
    options = ReadOptions(digest=False, markers=policies.markers, digests=policies.wants_digests)
    collected = sources.collect(sources.expand(paths), options)
    streams = {one.source: _stream(one) for one in collected.coverage}
    with Locator(policies.place_facts) as locator, State.open(folder, alone=True) as state:
        binding, ports = policies.dns_binding, policies.control_ports
        kept = Kept(state, binding, policies.proxies, AGE, ports)
        docket = Docket(state, kept, policies, locator.locate, 1, 0)
        for flows, lookups in _portions(collected, chance, pieces):
            with state.transaction():
                _take(kept, docket, flows, lookups, streams)
            assert not kept.pending()
        return _told(state)


def _stream(coverage):
    return Stream(source=coverage.source).plus(coverage)


def _portions(collected, chance, pieces):
    """The rows in random order, a few at a time."""
    parts = []
    for table in (collected.flows, collected.lookups):
        order = list(range(len(table)))
        chance.shuffle(order)
        cuts = sorted(chance.randint(0, len(order)) for _ in range(pieces - 1))
        parts.append(
            [table.take(pa.array(order[a:b], pa.int64())) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
        )
    return zip(*parts, strict=True)


def _take(kept, docket, flows, lookups, streams):
    for one in streams:
        place = Place(one, list(streams).index(one))
        kept.add_flows(flows.filter(pa.compute.equal(flows["source"], one)), place)
        own = lookups.filter(pa.compute.equal(lookups["source"], one))
        if len(own):
            clients = kept.clients(own, one, one, streams[one].first or 0)
            asked = kept.add_lookups(own, place)
            told = [name for name in streams if "client" in lookups["vantage"].unique().to_pylist()]
            docket.lookups(asked, told)
            docket.flows(kept.named_by(asked) | kept.of_clients(clients), streams)
    docket.flows(kept.ripe(None, 1 << 30), streams)


def _told(state):
    flows = Counter(
        (verdict, reason, str(msgspec.json.decode(share)["least"]), {"src": "sender", "dst": "receiver"}[side])
        for verdict, reason, share, side in state.db.execute("SELECT verdict, reason, share, side FROM decisions")
    )
    lookups = Counter(state.db.execute("SELECT verdict, reason FROM lookups"))
    rows = [
        msgspec.json.decode(body) for (body,) in state.db.execute("SELECT body FROM findings WHERE life <> 'changed'")
    ]
    found = [one for one in rows if one["kind"] not in OF_THE_WHOLE]  # changes of a server hang on what came first
    return Told(flows, lookups, {one["id"]: (one["count"], one["bytes_sent"], one.get("bytes_most")) for one in found})


@pytest.mark.parametrize("case", CASES, ids=[one.name for one in CASES])
@pytest.mark.parametrize("pieces", [1, 7])
def test_a_few_rows_at_a_time_end_as_all_at_once(case, pieces, tmp_path):
    paths = [str(one) for one in sorted(case.glob("input.*"))]
    expected = at_once(paths, case / "policy.toml")
    found = bit_by_bit(paths, case / "policy.toml", tmp_path / "state", random.Random(pieces), pieces)  # noqa: S311 - an order
    assert found == expected


@pytest.mark.parametrize("chance", range(4))
def test_data_of_ftp_is_judged_beside_what_announced_it_whichever_is_read_first(chance, tmp_path):
    night = conversations.Recording()
    for number in range(3):
        ftp(night, SITE, FTP, passive=bool(number % 2), at=AT + number * conversations.seconds(400))
    night.write(tmp_path / "tap.pcap")
    (tmp_path / "policy.toml").write_text(HEAD + FILES)
    paths, rules = [str(tmp_path / "tap.pcap")], tmp_path / "policy.toml"
    found = bit_by_bit(paths, rules, tmp_path / "state", random.Random(chance), 6)  # noqa: S311 - an order
    assert found == at_once(paths, rules)
    assert {verdict for verdict, *_ in found.flows} == {"approved", "out_of_scope"}


@pytest.mark.skipif(not SCENARIO.exists(), reason="the recorded scenario is not beside the repository")
@pytest.mark.parametrize("pieces", [1, 9])
@pytest.mark.parametrize(
    "names",
    [
        ["inside.pcap"],
        ["suricata-7.0.10-eve.json"],
        ["bind-query.log", "ulogd-flow.jsonl"],
        ["squid-access-native.log", "unbound.log", "suricata-8.0.7-eve.json", "conntrack-events.log"],
    ],
)
def test_the_scenario_too(names, pieces, tmp_path):
    paths = [str(SCENARIO / one) for one in names]
    assert bit_by_bit(paths, RULES, tmp_path / "state", random.Random(3), pieces) == at_once(paths, RULES)  # noqa: S311 - an order


def test_other_connections_between_the_same_hosts_are_left_alone(tmp_path):
    """What is looked at for one row does not grow with the traffic of its hosts."""
    rows = [
        {"source": "x", "first_record": number, "start": number, "end": number, "proto": "tcp", "src_ip": "192.0.2.7",
         "dst_ip": "198.51.100.10", "src_port": 1024 + number, "dst_port": 443}
        for number in range(300)
    ]  # fmt: skip
    with State.open(tmp_path / "state", alone=True) as state:
        kept = Kept(state, DnsBinding(), (), AGE)
        numbers = kept.add_flows(as_table(rows, FLOWS), Place("x", 1))
        assert list(kept.together(numbers[:1])) == numbers[:1]


def test_of_an_address_that_many_ask_for_no_more_than_is_needed_is_looked_at(tmp_path):
    answer = [{"name": "a.example", "type": "A", "data": "198.51.100.10", "ttl": 60}]
    minute = 60 * 10**9
    rows = [
        {"source": "x", "record": number, "time": number * minute, "client_ip": "192.0.2.7", "qname": "a.example",
         "qtype": "A", "rcode": "NOERROR", "answers": answer}
        for number in range(3000)
    ]  # fmt: skip
    flow = {"start": 2900 * minute, "end": 2900 * minute, "src_ip": "192.0.2.7", "dst_ip": "198.51.100.10"}
    with State.open(tmp_path / "state", alone=True) as state:
        kept = Kept(state, DnsBinding(), (), AGE)
        kept.add_lookups(as_table(rows, LOOKUPS), Place("x", 1))
        found = {row["record"] for row in kept.answers_for([flow]).values()}
    assert {2894, 2899, 2900} <= found
    assert len(found) <= 1024 + 8
    assert max(found) == 2900

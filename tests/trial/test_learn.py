"""A draft learned from recordings can be used, allows what it was learned from and no more, and marks every entry."""

import datetime as dt
import itertools
import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.audit import audit
from flowwatch.errors import UsageError
from flowwatch.model import Group, Verdict
from flowwatch.policy import lint, load, parse
from flowwatch.policy.match import Cidr, PortRange
from flowwatch.policy.terms import Policy, PolicySet, Zone
from flowwatch.trial import Draft, added, learn, lesson, whole

CAPTURES = Path(__file__).parents[2] / "captures"
GREAT = "cdn-publishing"
"""18,000 flows of three kinds, which say nothing that the others do not."""
CASES = sorted(path.parent for path in CAPTURES.glob("*/policy.toml") if path.parent.name != GREAT)
NIGHT = CAPTURES / "approved-night"
SITES = (Zone(id="sites", cidrs=(Cidr.parse("192.0.2.0/25"),)),)
COUNTY = (*SITES, Zone(id="collection", cidrs=(Cidr.parse("192.0.2.128/25"), Cidr.parse("2001:db8:10::/64"))))
AT = 1_793_755_800
"""2026-11-04T01:30:00Z."""


def inputs(case: Path) -> list[Path]:
    return sorted(case.glob("input*"))


def drafted(draft: Draft) -> Policy:
    return parse(whole(draft))


def rests_on_something(draft: Draft) -> bool:
    learned = {("server", one.id) for one in draft.servers} | {("channel", one.id) for one in draft.channels}
    return learned | {("lookup", one.id) for one in draft.lookups} <= draft.seen.keys()


def entries(policy: Policy) -> int:
    tables = policy.zones, policy.servers, policy.channels, policy.lookups
    return sum(len(table) for table in tables)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_what_was_learned_from_conforms_but_for_what_the_draft_says_it_left_out(case):
    zones = tuple(Zone(id=one.id, cidrs=one.cidrs) for one in load(case / "policy.toml").versions[0].zones)
    draft = learn(inputs(case), zones)
    policy = drafted(draft)
    report = audit(inputs(case), PolicySet((policy,)))
    against = [one for one in report.decisions if one.verdict.group in (Group.VIOLATES, Group.CANNOT_TELL)]
    asked = [one for one in report.lookups if one.verdict.group in (Group.VIOLATES, Group.CANNOT_TELL)]
    assert sum(count for words, count in draft.left.items() if words.startswith("transmissions")) == len(against)
    assert sum(count for words, count in draft.left.items() if words.startswith("lookups")) == len(asked)
    assert draft.tried == {group: report.group(group).count for group in Group}
    assert all(one.transmission.attempted for one in against)
    assert rests_on_something(draft)
    assert {one.code for one in lint(PolicySet((policy,)), dt.date(2026, 11, 1))} <= {"server.unbindable"}
    assert (policy.prohibitions, policy.exceptions) == ((), ())
    assert whole(draft).count("\n# REVIEW: ") == entries(policy) + 1, "every entry and [policy] itself"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_the_text_means_what_was_learned(case):
    zones = tuple(Zone(id=one.id, cidrs=one.cidrs) for one in load(case / "policy.toml").versions[0].zones)
    draft = learn(inputs(case), zones)
    policy = drafted(draft)
    assert (policy.zones, policy.servers, policy.lookups) == (draft.zones, draft.servers, draft.lookups)
    assert policy.channels == draft.channels


def test_servers_are_known_by_their_names_where_those_are_bound_and_by_address_otherwise():
    policy = drafted(learn(inputs(NIGHT), COUNTY))
    by_id = {one.id: one for one in policy.servers}
    assert str(by_id["ingest.results.example"].match.names[0]) == "ingest.results.example"
    assert [str(one) for one in by_id["publish.results.example"].match.aliases] == ["edge-7.cdn.example"]
    assert str(by_id["resolver-198.51.100.53"].match.cidrs[0]) == "198.51.100.53/32"
    assert by_id["resolver-198.51.100.53"].role == "resolver"
    pulled = learn(inputs(CAPTURES / "pulled-from-outside"), COUNTY)
    assert {one.opened_by for one in pulled.channels} == {"receiver"}
    assert all(server.match.cidrs for server in pulled.servers)


def test_an_entry_bears_its_evidence_and_the_window_that_was_seen():
    text = whole(learn(inputs(NIGHT), COUNTY))
    [block] = [one for one in text.split("\n\n") if 'id = "sites-to-ingest.results.example"' in one]
    mark, *_, window = block.splitlines()
    assert re.fullmatch(
        r"# REVIEW: 4 transmissions, 36\.0 kB sent, 2026-11-04T01:30:00Z to 2026-11-04T01:36:00Z; "
        r"first in .*input\.pcap record 3",
        mark,
    )
    assert window == "# when = [{ from = 2026-11-04T01:30:00Z, until = 2026-11-04T01:36:01Z }]"
    within = parse(text.replace("# when = ", "when = "))
    assert audit(inputs(NIGHT), PolicySet((within,))).group(Group.VIOLATES).count == 0


def test_what_a_second_recording_adds_is_not_approved():
    draft = PolicySet((drafted(learn(inputs(NIGHT), COUNTY)),))
    second = CAPTURES / "forwarded-copies"
    report = audit([*inputs(NIGHT), *inputs(second)], draft)
    new = {one.transmission.receiver_ip for one in report.decisions if one.verdict is Verdict.UNAPPROVED}
    assert new >= {"203.0.113.70", "203.0.113.90", "2001:db8:b::15"}
    sources = {one.transmission.ref.source for one in report.decisions if one.verdict.group is Group.VIOLATES}
    assert sources == {str(one) for one in inputs(second)}


def test_a_policy_to_begin_with_stays_word_for_word_and_only_what_it_leaves_open_is_learned():
    base = (NIGHT / "policy.toml").read_text()
    draft = learn(inputs(CAPTURES / "forwarded-copies"), base=parse(base))
    text = added(draft, base)
    assert text.startswith(base.rstrip("\n"))
    policy = parse(text)
    written = {one.id for one in parse(base).servers}
    assert {one.id for one in policy.servers} - written == {one.id for one in draft.servers}
    assert not {one.id for one in draft.servers} & written
    assert {str(name) for one in draft.servers for name in one.match.names} <= {
        "archive.partner.example", "sync.partner.example", "drop.partner.example",
    }  # fmt: skip
    again = learn(inputs(CAPTURES / "forwarded-copies"), base=policy)
    assert (again.servers, again.channels, again.lookups) == ((), (), ())


def test_what_the_policy_begun_with_prohibits_is_not_learned():
    case = CAPTURES / "cleartext-results"
    draft = learn(inputs(case), base=load(case / "policy.toml").versions[0])
    assert draft.left["transmissions: prohibited by the policy begun with"]
    report = audit(inputs(case), PolicySet((parse(added(draft, (case / "policy.toml").read_text())),)))
    assert report.verdicts[Verdict.PROHIBITED].count


def test_without_zones_the_private_networks_seen_are_taken_and_without_any_that_is_said(tmp_path):
    log = tmp_path / "conn.log"
    log.write_text(conn("10.8.0.9", "203.0.113.7", 22) + conn("192.168.4.4", "203.0.113.7", 22))
    draft = learn([log])
    assert [str(cidr) for zone in draft.zones for cidr in zone.cidrs] == ["10.0.0.0/8", "192.168.0.0/16"]
    assert len(draft.channels) == 2
    with pytest.raises(UsageError, match=r"no private address was seen .*192\.0\.2\.0/24 opened the most"):
        learn(inputs(NIGHT))


def test_a_server_known_by_name_is_told_with_the_addresses_it_was_seen_at():
    text = whole(learn(inputs(NIGHT), COUNTY))
    [block] = [one for one in text.split("\n\n") if 'id = "db.results.example"' in one and "[[server]]" in one]
    said = "# seen at 198.51.100.68; `cidrs` beside `names` would allow those alone"
    assert block.splitlines()[-1] == said


def test_what_the_policy_begun_with_leaves_undecided_is_left_to_it():
    placed = 'names = ["publish.results.example"], aliases = ["edge-7.cdn.example"] }'
    text = whole(learn(inputs(NIGHT), COUNTY)).replace(placed, f'{placed}\nexpect = {{ countries = ["XA"] }}')
    draft = learn(inputs(NIGHT), base=parse(text))
    assert draft.left == {"transmissions: refused or left undecided by an entry of the policy begun with": 1}


def test_what_is_beyond_the_most_servers_is_left_out_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(lesson, "MOST_SERVERS", 3)
    log = tmp_path / "conn.log"
    log.write_text("".join(conn("192.0.2.9", f"203.0.113.{number}", 443, f"C{number}") for number in range(9)))
    draft = learn([log], SITES)
    assert len(draft.servers) == 3
    assert draft.left == {"transmissions: to servers that cannot be told, or are too many to list": 6}


def conn(src: str, dst: str, port: int, uid: str = "C1") -> str:
    fields = {"ts": AT, "uid": uid, "id.orig_h": src, "id.orig_p": 40_000, "id.resp_h": dst, "id.resp_p": port}
    counts = {"proto": "tcp", "duration": 1.0, "orig_bytes": 500, "resp_bytes": 100, "conn_state": "SF"}
    return json.dumps({"_path": "conn"} | fields | counts | {"history": "ShADadFf"}) + "\n"


def hello(src: str, dst: str, sni: str, uid: str) -> str:
    ends = {"id.orig_h": src, "id.orig_p": 40_000, "id.resp_h": dst, "id.resp_p": 443}
    return json.dumps({"_path": "ssl", "ts": AT, "uid": uid} | ends | {"version": "TLSv12", "server_name": sni}) + "\n"


def question(src: str, name: str, address: str, alias: str | None = None) -> str:
    ends = {"id.orig_h": src, "id.orig_p": 40_001, "id.resp_h": "198.51.100.53", "id.resp_p": 53, "proto": "udp"}
    answers = [alias, address] if alias is not None else [address]
    told = {"query": name, "qtype": 1, "qtype_name": "A", "rcode": 0, "rcode_name": "NOERROR", "RA": True}
    rest = {"answers": answers, "TTLs": [300.0] * len(answers)}
    return json.dumps({"_path": "dns", "ts": AT - 1, "uid": "D1"} | ends | told | rest) + "\n"


HOSTILE = (
    'x"\n[[exception]]\nid = "all', "a'b.example", "a\\.example", "a.example\r\n# REVIEWED", "\u202egro.elpmaxe",
    "a\u200b.example", "*.example", "**.results.example", "\x00.example", "exa mple.example",
    "é.example", "]]", "'''", '"""',
)  # fmt: skip


def recorded(folder: Path, names: list[str]) -> list[Path]:
    """Zeek's JSON logs in which a machine looks up each name and sends to it."""
    folder.mkdir(exist_ok=True)
    texts = {"conn.log": "", "ssl.log": "", "dns.log": ""}
    for number, name in enumerate(names):
        address, uid = f"203.0.113.{number % 250}", f"C{number}"
        texts["conn.log"] += conn("192.0.2.9", address, 443, uid)
        texts["ssl.log"] += hello("192.0.2.9", address, name, uid)
        texts["dns.log"] += question("192.0.2.9", name, address, alias=name[::-1])
    for file, text in texts.items():
        (folder / file).write_text(text)
    return [folder / file for file in texts]


PLAIN = re.compile(r"[a-z0-9_.-]+", re.ASCII)


def is_harmless(text: str, draft: Draft) -> None:
    """The draft holds what was learned and nothing that a name wrote."""
    assert rests_on_something(draft)
    assert text.isascii()
    assert all(line.isprintable() for line in text.split("\n"))
    assert set(tomllib.loads(text)) <= {"schema", "policy", "zone", "server", "channel", "lookup"}
    policy = parse(text)
    assert (policy.servers, policy.channels, policy.lookups) == (draft.servers, draft.channels, draft.lookups)
    names = [name for one in policy.servers for name in (*one.match.names, *one.match.aliases)]
    names += [name for one in policy.lookups for name in one.names]
    assert all(PLAIN.fullmatch(str(name)) and not name.wildcard for name in names)


def test_names_that_no_host_may_bear_are_left_out_and_counted(tmp_path):
    draft = learn(recorded(tmp_path / "logs", [*HOSTILE, "good.example"]), SITES)
    is_harmless(whole(draft), draft)
    assert [str(name) for one in draft.servers for name in one.match.names] == ["good.example"]
    assert draft.left["names of receivers that are no plain host names"] >= len(HOSTILE) - 2
    assert draft.left["lookups of names that are no plain host names"] >= len(HOSTILE) - 2
    by_address = {cidr.address for one in draft.servers for cidr in one.match.cidrs}
    assert by_address >= {f"203.0.113.{number}" for number in range(len(HOSTILE))}


def test_a_source_with_a_hostile_path_stays_within_its_comment(tmp_path):
    folder = tmp_path / 'x\n[[exception]]\nid = "all" \u202e'
    draft = learn(recorded(folder, ["good.example"]), SITES)
    is_harmless(whole(draft), draft)


@settings(max_examples=25)
@given(names=st.lists(st.text(min_size=1, max_size=40) | st.sampled_from(HOSTILE), min_size=1, max_size=6))
def test_whatever_names_there_are_the_draft_can_be_used(tmp_path_factory, names):
    sources = recorded(tmp_path_factory.mktemp("logs"), names)
    draft = learn(sources, SITES)
    is_harmless(whole(draft), draft)
    report = audit(sources, PolicySet((drafted(draft),)))
    assert report.group(Group.VIOLATES).count == report.group(Group.CANNOT_TELL).count == 0


@given(st.sets(st.integers(0, 65_535) | st.integers(0, 12), max_size=30))
def test_ranges_of_ports_hold_the_ports_that_were_seen_and_no_others(ports):
    ranges: tuple[PortRange, ...] = ()
    for port in ports:
        ranges = lesson._with(ranges, port)
    assert sorted(one for each in ranges for one in range(each.first, each.last + 1)) == sorted(ports)
    assert all(one.last + 1 < other.first for one, other in itertools.pairwise(ranges))

"""The scheduled check: evidence that comes later, what is lacking, what may be wrong with the state or the clock."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowwatch.audit import audit
from flowwatch.errors import UsageError
from flowwatch.model import Reason
from flowwatch.ops import scheduled, state
from flowwatch.ops.check import Wanted
from flowwatch.ops.config import load
from flowwatch.ops.reader import Reader
from flowwatch.ops.state import FILE, MIGRATIONS, State, StateError
from flowwatch.ops.uses import last_uses

SECOND = 10**9
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
NOON = 1_790_000_000 * SECOND
POLICY = """
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "1"
[[zone]]
id = "office"
cidrs = ["192.0.2.0/24"]
[[server]]
id = "ingest"
role = "collection_primary"
match = { names = ["ingest.example"], cidrs = ["198.51.100.10/32"] }
[[server]]
id = "resolver"
role = "resolver"
match = { cidrs = ["192.0.2.53/32"] }
dedicated = true
[[channel]]
id = "up"
from = ["office"]
to = ["ingest"]
"""
CONFIG = """
schema = "flowwatch.config/1"
policy = "policy.toml"
state = "state"
settle = "10m"
fail_on = "low"
[[source]]
id = "flows"
paths = ["flows.json*"]
[[source]]
id = "names"
paths = ["names.json*"]
{source}
[[output]]
path = "alerts.jsonl"
min_severity = "info"
{more}
"""


class Place:
    """A folder with a configuration and two logs in EVE's form: of flows and of DNS answers."""

    def __init__(self, folder):
        self.folder = folder
        self.now = NOON
        (folder / "policy.toml").write_text(POLICY)
        self.configure()

    def configure(self, more="", source=""):
        (self.folder / "flowwatch.toml").write_text(CONFIG.format(more=more, source=source))

    def flow(self, at, receiver="198.51.100.10", port=4000):
        flow = {"pkts_toserver": 5, "pkts_toclient": 4, "bytes_toserver": 900, "bytes_toclient": 400,
                "start": _eve(at), "end": _eve(at), "age": 0, "state": "closed", "reason": "timeout",
                "alerted": False}  # fmt: skip
        self._write("flows", {"timestamp": _eve(at), "flow_id": port, "event_type": "flow", "src_ip": "192.0.2.7",
                              "src_port": port, "dest_ip": receiver, "dest_port": 443, "proto": "TCP",
                              "flow": flow})  # fmt: skip

    def answer(self, at, name="ingest.example", address="198.51.100.10", client="192.0.2.7"):
        answers = [{"rrname": name, "rrtype": "A", "ttl": 60, "rdata": address}]
        self._write("names", {"timestamp": _eve(at), "flow_id": at % 10**9, "event_type": "dns", "src_ip": client,
                              "src_port": 5000, "dest_ip": "192.0.2.53", "dest_port": 53, "proto": "UDP",
                              "dns": {"version": 2, "type": "answer", "id": 1, "flags": "8180", "qr": True,
                                      "rrname": name, "rrtype": "A", "rcode": "NOERROR",
                                      "answers": answers}})  # fmt: skip

    def _write(self, name, event):
        with (self.folder / f"{name}.json").open("a") as log:
            log.write(json.dumps(event) + "\n")

    def check(self, **wanted):
        return scheduled.run(self.loaded, Wanted(**wanted), lambda: self.now)

    @property
    def loaded(self):
        return load(self.folder / "flowwatch.toml")

    def standing(self):
        """What stands of the flows: verdict and reason."""
        return self.ask("SELECT verdict, reason FROM decisions WHERE side = 'src'")

    def ask(self, statement):
        db = sqlite3.connect(self.folder / "state" / FILE)
        try:
            return db.execute(statement).fetchall()
        finally:
            db.close()

    def told(self):
        path = self.folder / "alerts.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _eve(at):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // SECOND)) + f".{at % SECOND // 1000:06d}+0000"


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_a_flow_waits_for_the_answer_that_names_it(place):
    place.answer(NOON - HOUR, name="other.example", address="203.0.113.1")
    place.flow(NOON - MINUTE)
    first = place.check()
    assert (first.pending, place.standing()) == (1, [])
    place.answer(NOON - 2 * MINUTE)  # written minutes later
    place.now += 5 * MINUTE
    assert place.check().pending == 1
    place.now += 10 * MINUTE
    assert place.check().pending == 0
    assert place.standing() == [("approved", "channel.approved")]
    assert place.told() == [] or all(one["finding"]["kind"] != "name.unobserved" for one in place.told())


def test_evidence_that_comes_after_the_wait_changes_the_verdict_and_both_are_kept(place):
    place.answer(NOON - HOUR, name="other.example", address="203.0.113.1")
    place.flow(NOON - MINUTE)
    place.now += 20 * MINUTE
    early = place.check()
    assert place.standing() == [("indeterminate", "name.unobserved")]
    assert early.undecided == 1
    place.answer(NOON - 2 * MINUTE)
    place.now += MINUTE
    late = place.check()
    assert place.standing() == [("approved", "channel.approved")]
    assert late.changed == 1
    assert place.ask("SELECT before, after FROM changes") == [
        ("indeterminate name.unobserved", "approved channel.approved")
    ]
    lives = [one["life"] for one in place.told() if one["finding"]["kind"] == "name.unobserved"]
    assert lives == ["new", "changed"]


def test_without_a_source_of_lookups_no_flow_waits(place):
    place.flow(NOON)
    assert place.check().pending == 0
    assert len(place.standing()) == 1


def test_the_last_use_of_each_entry_is_kept_by_the_time_of_the_traffic(place):
    place.answer(NOON - HOUR)
    place.flow(NOON - HOUR + SECOND)
    place.check()
    known = last_uses(place.folder / "state")
    assert known.since == NOON
    assert known.entries.keys() >= {("zone", "office"), ("server", "ingest"), ("channel", "up"), ("server", "resolver")}
    assert known.entries["channel", "up"] == NOON - HOUR + SECOND
    place.now += HOUR
    place.flow(NOON - 2 * HOUR, port=4001)
    place.check()
    assert last_uses(place.folder / "state").since == NOON
    assert last_uses(place.folder / "state").entries["channel", "up"] == NOON - HOUR + SECOND, (
        "an earlier one changes nothing"
    )
    place.now += HOUR
    place.flow(NOON + MINUTE, port=4002)
    place.answer(NOON + MINUTE - SECOND)
    place.check()
    assert last_uses(place.folder / "state").entries["channel", "up"] == NOON + MINUTE


def test_what_no_answer_came_for_in_two_days_waits_no_longer(place):
    place.answer(NOON - 60 * HOUR)
    place.flow(NOON - 50 * HOUR)
    (place.folder / "names.json").rename(place.folder / "names.away")
    place.answer(NOON - 60 * HOUR)
    assert place.check().pending == 0


def test_a_source_without_files_is_told_and_no_success(place):
    place.flow(NOON)
    outcome = place.check()
    kinds = {one.finding.kind for one in outcome.findings}
    assert Reason.MISSING in kinds
    assert outcome.exit(place.loaded.config) == 3
    assert any(one["finding"]["kind"] == "coverage.missing" for one in place.told())


@pytest.mark.parametrize(("later", "told"), [(10 * MINUTE, False), (20 * MINUTE, True)])
def test_silence_is_told(place, later, told):
    place.configure(source='max_silence = "15m"')
    place.answer(NOON)
    place.flow(NOON)
    place.now += later
    outcome = place.check()
    assert (Reason.SILENT in {one.finding.kind for one in outcome.findings}) is told


def test_an_hour_below_the_declared_rate_is_told_once_the_hour_is_over(place):
    place.configure(source="min_per_hour = 3")
    place.now = NOON - NOON % HOUR
    place.answer(place.now + MINUTE)
    assert Reason.BELOW_RATE not in {one.finding.kind for one in place.check().findings}
    place.now += 2 * HOUR + MINUTE
    place.answer(place.now - 30 * MINUTE)
    assert Reason.BELOW_RATE in {one.finding.kind for one in place.check().findings}
    hour = place.now - place.now % HOUR
    for minute in range(5):
        place.answer(hour + minute * MINUTE)
    place.now += HOUR
    outcome = place.check()
    assert not [
        one for one in outcome.findings if one.finding.kind is Reason.BELOW_RATE and one.last_check == outcome.number
    ]


def test_a_file_that_is_gone_before_it_was_read_is_a_gap_told_once(place):
    place.answer(NOON)
    place.flow(NOON)
    place.check()
    (place.folder / "names.json").unlink()
    place.answer(NOON + HOUR, name="x.example")
    place.now += HOUR
    place.check()
    gaps = [one for one in place.told() if one["finding"]["kind"] == "coverage.gap"]
    assert len(gaps) == 1
    place.now += MINUTE
    place.check()
    assert len([one for one in place.told() if one["finding"]["kind"] == "coverage.gap"]) == 1


def test_a_change_of_format_is_told(place):
    place.answer(NOON)
    place.check()
    (place.folder / "names.json").rename(place.folder / "names.json.1")
    line = "21-Sep-2026 14:13:20.000 client @0x7f 192.0.2.7#4000 (a.example): query: a.example IN A + (192.0.2.53)\n"
    (place.folder / "names.json").write_text(line)
    place.now += MINUTE
    assert Reason.FORMAT_CHANGED in {one.finding.kind for one in place.check().findings}


def test_a_dry_run_says_the_same_and_keeps_nothing(place):
    place.flow(NOON, receiver="203.0.113.9")
    tried = place.check(dry_run=True)
    assert not place.told()
    real = place.check()
    assert [one.finding.id for one in tried.findings] == [one.finding.id for one in real.findings]
    assert real.number == 1


def test_what_is_older_than_asked_for_is_passed_over_and_counted(place):
    place.flow(NOON - HOUR, receiver="203.0.113.9")
    place.flow(NOON, receiver="203.0.113.8", port=4001)
    outcome = place.check(since=NOON - MINUTE)
    assert outcome.passed == 1
    assert len(place.standing()) == 1
    assert place.check().judged == 0


def test_only_new_findings_count_where_only_those_are_wanted(place):
    place.answer(NOON)
    place.flow(NOON, receiver="203.0.113.9")
    place.now += 20 * MINUTE
    assert place.check().exit(place.loaded.config) == 1
    place.now += MINUTE
    assert place.check().exit(place.loaded.config) == 1
    assert place.check(only_new=True).exit(place.loaded.config) == 0


def test_a_finding_is_quiet_after_so_many_checks_without_it(place):
    place.answer(NOON)
    place.flow(NOON, receiver="203.0.113.9")
    place.now += 20 * MINUTE
    codes = []
    for _ in range(5):
        codes.append(place.check().exit(place.loaded.config))
        place.now += MINUTE
    assert codes == [1, 1, 1, 1, 0]
    assert [one["life"] for one in place.told()] == ["new", "quiet"]


def test_two_checks_at_once_are_refused_and_the_second_loses_nothing(place):
    place.flow(NOON)
    with State.open(place.loaded.state, alone=True), pytest.raises(StateError, match="another check"):
        place.check()
    assert len([place.check()]) == 1
    assert len(place.standing()) == 1


def test_a_check_that_ended_locks_nobody_out_through_a_process_that_was_just_being_started(place):
    with State.open(place.loaded.state, alone=True) as state:
        assert state._lock is not None
        copy = os.dup(state._lock)  # as a child has it until it becomes another program
    try:
        assert place.check().number == 1
    finally:
        os.close(copy)


def test_a_state_of_a_later_version_is_left_alone(place):
    place.check()
    db = sqlite3.connect(place.folder / "state" / FILE)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StateError, match="later version"):
        place.check()


@pytest.mark.parametrize("how", ["head", "middle", "short", "empty words"])
def test_a_damaged_state_is_told_and_not_written_over(place, how):
    for port in range(200):
        place.flow(NOON, port=4000 + port)
    place.check()
    file = place.folder / "state" / FILE
    for one in file.parent.glob(f"{FILE}-*"):
        one.unlink()
    content = bytearray(file.read_bytes())
    if how == "head":
        content[:100] = b"\0" * 100
    elif how == "middle":
        content[4096:] = os.urandom(len(content) - 4096)
    elif how == "short":
        del content[5000:]
    else:
        content[:] = b"not a database at all" * 300
    file.write_bytes(content)
    with pytest.raises(StateError, match=r"state\.sqlite3"):
        place.check()
    assert file.read_bytes()[:5000] == bytes(content[:5000])


def test_a_state_that_cannot_be_written_is_told(place):
    place.folder.joinpath("state").write_text("a file")
    with pytest.raises(StateError, match="cannot be"):
        place.check()


def test_a_policy_that_is_wrong_is_told_to_those_who_are_told_of_failures(place):
    place.configure(more='[[notify]]\ntype = "file"\npath = "told.txt"\n')
    (place.folder / "policy.toml").write_text("nonsense")
    with pytest.raises(UsageError):
        place.check()
    delivered = list(scheduled.notify(place.loaded, everything=True))
    assert [one.fault for one in delivered] == [None]
    assert "policy.toml" in (place.folder / "told.txt").read_text()


@pytest.mark.parametrize("jump", [-HOUR, -400 * 24 * HOUR, 400 * 24 * HOUR])
def test_a_clock_that_jumps_loses_nothing(place, jump):
    place.answer(NOON)
    place.flow(NOON)
    place.now += 20 * MINUTE
    place.check()
    place.now += jump
    place.flow(NOON + MINUTE, port=4001)
    told = place.check().shortfalls
    assert any("before the last check" in words for words in told) is (jump < 0)
    assert sum("ahead of this clock" in words for words in told) == (2 if jump < 0 else 0)
    place.now = NOON + HOUR
    place.answer(NOON + HOUR)
    place.check()
    assert place.ask("SELECT sum(count) FROM tallies WHERE what = 'flow'") == [(4,)]


def test_what_is_older_than_evidence_may_be_is_forgotten(place):
    for day in range(10):
        place.answer(NOON + day * 24 * HOUR)
        place.flow(NOON + day * 24 * HOUR, port=4000 + day)
        place.now = NOON + day * 24 * HOUR + HOUR
        place.check()
    assert place.ask("SELECT count(*) FROM flows")[0][0] <= 4
    assert place.ask("SELECT count(*) FROM lookups")[0][0] <= 4
    assert place.ask("SELECT sum(count) FROM tallies WHERE what = 'flow'") == [(20,)]


def test_what_was_seen_of_a_server_is_kept(place):
    place.answer(NOON)
    place.flow(NOON + MINUTE)
    place.now += HOUR
    place.check()
    seen = {(server, trait): value for server, trait, value in place.ask("SELECT server, trait, value FROM sightings")}
    assert seen["ingest", "address"] == "198.51.100.10"
    assert seen["ingest", "answer"] == "198.51.100.10"


PLACE = """
[[place]]
cidr = "198.51.100.10/32"
country = "XA"
asn = {}
{}
"""
DAY = 24 * HOUR


def _used(place, at):
    """The server is used at that time, and checked an hour later."""
    place.answer(at)
    place.flow(at + MINUTE, port=4000 + at // DAY % 1000)
    place.now = at + HOUR
    place.check()


def _found(place):
    """Reason, and in how many checks it was found, but for the sources' silence."""
    asked = "SELECT json_extract(body, '$.kind'), json_extract(body, '$.count') FROM findings ORDER BY 1"
    return [(kind, count) for kind, count in place.ask(asked) if not kind.startswith("coverage.")]


def test_a_server_that_drifts_is_told_once(place):
    moved = PLACE.format(64500, "until = 2026-09-25T00:00:00Z") + PLACE.format(64501, "from = 2026-09-25T00:00:00Z")
    (place.folder / "policy.toml").write_text(POLICY + moved)
    for day in (0, 1):
        _used(place, NOON + day * DAY)
    assert _found(place) == []
    for day in (7, 8, 9):
        _used(place, NOON + day * DAY)
    assert _found(place) == [("drift.network", 1)]
    ((known,),) = place.ask("SELECT json_extract(body, '$.checks') FROM findings WHERE body LIKE '%drift.network%'")
    (check,) = json.loads(known)
    assert check["declared"].startswith("AS64500 at 198.51.100.10, seen 2026-09-21T14:14:20Z")
    assert check["observed"].startswith("AS64501 at 198.51.100.10, seen 2026-09-28T14:14:20Z")


def test_other_location_data_alone_is_no_drift(place):
    (place.folder / "policy.toml").write_text(POLICY + PLACE.format(64500, ""))
    _used(place, NOON)
    (place.folder / "policy.toml").write_text(POLICY + PLACE.format(64501, ""))
    for day in (7, 8):
        _used(place, NOON + day * DAY)
    assert _found(place) == [("reference.changed", 1)]


def test_a_drift_is_told_once_though_the_check_is_ended(place, monkeypatch):
    """What is seen moves with the finding that tells it: both or neither are kept."""
    moved = PLACE.format(64500, "until = 2026-09-25T00:00:00Z") + PLACE.format(64501, "from = 2026-09-25T00:00:00Z")
    (place.folder / "policy.toml").write_text(POLICY + moved)
    _used(place, NOON)
    with monkeypatch.context() as ended:
        ended.setattr("flowwatch.ops.kept.Kept.judged", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            _used(place, NOON + 7 * DAY)
    assert place.ask("SELECT value FROM sightings WHERE trait = 'network'") == [("AS64500",)]
    place.check()
    place.check()
    assert _found(place) == [("drift.network", 1)]


def _interrupted(*_):
    raise KeyboardInterrupt


def test_a_server_that_returns_is_told_each_time(place):
    (place.folder / "policy.toml").write_text(POLICY + '[defaults]\ndormant_after = "30d"\n')
    for day in (0, 20, 60, 61, 120):
        _used(place, NOON + day * DAY)
    assert _found(place) == [("presence.dormant_returned", 2)]


def test_a_full_disk_is_told_and_nothing_is_lost(place, monkeypatch):
    place.check()
    for port in range(400):
        place.flow(NOON, port=1024 + port)
    connected, small = state._connected, [True]

    def on_a_small_disk(file):
        db = connected(file)
        if small[0]:
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {pages + 4}")
        return db

    monkeypatch.setattr(state, "_connected", on_a_small_disk)
    with pytest.raises(StateError, match="the disk is full"):
        place.check()
    small[0] = False
    place.check()
    assert len(place.standing()) == 400
    assert place.ask("SELECT sum(count) FROM tallies WHERE what = 'flow'") == [(800,)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('format = "nonsense"', "source names: no input format"),
        ('timezone = "Mars/Olympus"', "source names: there is no time zone"),
        ('maps = ["none.toml"]', "source names: .*none.toml"),
    ],
)
def test_what_is_wrong_with_a_source_is_told_before_anything_is_read(place, given, told):
    place.flow(NOON)
    place.configure(source=given)
    with pytest.raises(UsageError, match=told):
        place.check()
    place.configure()
    place.check()
    assert len(place.standing()) == 1


def test_files_that_are_read_whole_are_read_once_they_are_complete(place, tmp_path):
    """Captures of a rotation, as `tcpdump -G` writes them."""
    captures = tmp_path / "captures"
    captures.mkdir()
    sample = Path(__file__).parents[2] / "captures" / "approved-night" / "input.pcap"
    rules = sample.with_name("policy.toml")
    config = CONFIG.replace('policy = "policy.toml"', f'policy = "{rules}"').split("[[source]]")[0]
    config += '[[source]]\nid = "wire"\npaths = ["captures/*.pcap"]\n'
    (tmp_path / "flowwatch.toml").write_text(config)
    first, second = captures / "1.pcap", captures / "2.pcap"
    content = sample.read_bytes()
    first.write_bytes(content[: len(content) // 2])
    place.now = time.time_ns()
    assert place.check().judged == 0  # it is still being written
    first.write_bytes(content)
    _written_before(first, place.now - 10 * SECOND)
    second.write_bytes((sample.parent.parent / "data-in-names" / "input.pcap").read_bytes()[:2000])
    outcome = place.check()
    expected = audit([sample], rules)
    assert outcome.judged == len(expected.decisions) + len(expected.lookups)
    assert place.check().judged == 0
    assert sorted(place.ask("SELECT verdict FROM decisions")) == sorted((one.verdict,) for one in expected.decisions)


def _written_before(path, at):
    os.utime(path, ns=(at, at))


def test_following_goes_on_until_it_is_ended(place):
    place.flow(NOON)
    command = [sys.executable, "-m", "flowwatch", "check", "--config", str(place.folder / "flowwatch.toml"), "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            assert "1 record read" in next(line for line in following.stdout if line.startswith("check 1,"))
            place.flow(NOON, port=4001)
            assert "1 record read" in next(line for line in following.stdout if line.startswith("check 2,"))
        finally:
            following.send_signal(signal.SIGTERM)
        following.stdout.read()
    assert following.returncode in (0, 1, 3)
    assert len(place.standing()) == 2


def test_a_gap_that_was_found_is_told_though_the_check_was_ended(place, monkeypatch):
    place.answer(NOON)
    place.flow(NOON)
    place.check()
    (place.folder / "names.json").unlink()
    place.answer(NOON + HOUR, name="x.example")
    place.now += HOUR
    with monkeypatch.context() as patched:
        patched.setattr(Reader, "step", _ended)
        with pytest.raises(KeyboardInterrupt):
            place.check()
    place.check()
    assert len([one for one in place.told() if one["finding"]["kind"] == "coverage.gap"]) == 1


def _ended(_reader):
    raise KeyboardInterrupt


def test_a_check_in_whose_scope_nothing_is_is_no_success(place):
    place.answer(NOON, client="203.0.113.77")
    outcome = place.check()
    assert any("nothing in scope" in words for words in outcome.shortfalls)
    place.answer(NOON)
    assert not any("nothing in scope" in words for words in place.check().shortfalls)


def test_refused_lines_make_a_check_incomplete_and_are_counted(place):
    place.answer(NOON)
    place.flow(NOON)
    place.check()
    with (place.folder / "names.json").open("a") as log:
        log.write("{nonsense\n")
    outcome = place.check()
    assert any("lines refused (1)" in words for words in outcome.shortfalls)
    assert next(one for one in outcome.streams if one.source == "names").rejected == 1
    assert not place.check().shortfalls

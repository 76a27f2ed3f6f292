"""One source read file by file: what a new log begins with, and what of it counts."""

import os
import time

import pytest

from flowwatch.model import Reason
from flowwatch.ops.check import Wanted, check
from flowwatch.ops.config import load
from flowwatch.ops.state import State
from flowwatch.ops.streams import of_coverage

POLICY = """
schema = "flowwatch.policy/1"
[policy]
id = "county"
version = "1"
[[zone]]
id = "office"
cidrs = ["192.0.2.0/24"]
[[lookup]]
names = ["*.results.example"]
"""
CONFIG = """
schema = "flowwatch.config/1"
policy = "policy.toml"
state = "state"
[[source]]
id = "resolver"
paths = ["query.log*"]
[[output]]
format = "jsonl"
path = "alerts.jsonl"
"""
UNBOUND = {
    "begin": "[1790000000] unbound[9:0] notice: init module 0: iterator\n",
    "ask": "[1790000000] unbound[9:0] info: 192.0.2.7 a.results.example. A IN\n"
    "[1790000000] unbound[9:0] info: 192.0.2.7 a.results.example. A IN NOERROR 0.0 1 52\n",
}
DNSMASQ = {
    "begin": "Sep 21 13:33:20 dnsmasq[9]: started, version 2.90 cachesize 150\n",
    "ask": "Sep 21 13:33:20 dnsmasq[9]: 1 192.0.2.7/4000 query[A] a.results.example from 192.0.2.7\n"
    "Sep 21 13:33:20 dnsmasq[9]: 1 192.0.2.7/4000 config a.results.example is 198.51.100.7\n",
}
BIND = {
    "begin": "2026-09-21T13:33:20.000 general: info: received SIGHUP signal to reload zones\n",
    "ask": "2026-09-21T13:33:20.000 queries: info: client @0x7f 192.0.2.7#4000 (a.results.example): "
    "query: a.results.example IN A + (192.0.2.53)\n",
}
ANSWERED = BIND["ask"] + (
    "2026-09-21T13:33:20.000 responses: info: client @0x7f 192.0.2.7#4000 (a.results.example): "
    "response: a.results.example IN A NOERROR 1 0 0 + (192.0.2.53)\n"
)


class Logs:
    """A folder with the logs of one source."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "query.log"
        self.second = 20
        (folder / "policy.toml").write_text(POLICY)
        (folder / "flowwatch.toml").write_text(CONFIG)

    def write(self, text):
        with self.log.open("a") as log:
            log.write(
                text.replace("13:33:20", f"13:33:{self.second}").replace("[1790000000]", f"[17900000{self.second}]")
            )

    def rotate(self, number=1):
        """What is written from now on is of a later time, and so of another log."""
        self.second += 1
        self.log.rename(self.log.with_name(f"query.log.{number}"))

    def check(self):
        """The source after a check, and what of it is lacking."""
        outcome = check(load(self.folder / "flowwatch.toml"), Wanted())
        [stream] = outcome.streams
        parts = stream.events, stream.noise, stream.unattributable, stream.rejected
        assert stream.records == sum(parts)
        return stream, {one.finding.kind for one in outcome.findings if of_coverage(one.finding)}


@pytest.fixture
def logs(tmp_path):
    return Logs(tmp_path)


@pytest.mark.parametrize("program", [UNBOUND, DNSMASQ, BIND], ids=["unbound", "dnsmasq", "named"])
def test_a_log_that_begins_without_a_question_is_waited_for(logs, program):
    logs.write(program["begin"] + program["ask"])
    before, lacking = logs.check()
    assert (before.lookups, lacking) == (1, set())
    logs.rotate()
    logs.write(program["begin"])
    for _ in range(2):
        waiting, lacking = logs.check()
        assert (waiting.records, waiting.lookups, lacking) == (before.records, 1, set())
    logs.write(program["ask"])
    after, lacking = logs.check()
    assert (after.records, after.lookups, lacking) == (2 * before.records, 2, set())


@pytest.mark.parametrize("program", [UNBOUND, DNSMASQ, BIND], ids=["unbound", "dnsmasq", "named"])
def test_a_log_that_ended_without_a_question_is_read_as_those_before_it(logs, program):
    logs.write(program["ask"])
    before, _ = logs.check()
    logs.rotate()
    logs.write(program["begin"])
    hour_ago = time.time() - 3600
    os.utime(logs.log, (hour_ago, hour_ago))
    logs.rotate(2)
    logs.write(program["ask"])
    after, lacking = logs.check()
    assert lacking == set()
    assert after.noise == before.noise + program["begin"].count("\n")
    assert after.lookups == 2


def test_the_first_log_of_a_source_has_to_tell_what_it_is(logs):
    logs.write(UNBOUND["begin"])
    _, lacking = logs.check()
    assert lacking == {Reason.UNREADABLE, Reason.EMPTY}


def test_questions_whose_responses_are_still_to_come_are_no_other_format(logs):
    logs.write(ANSWERED)
    before, _ = logs.check()
    assert before.format == "bind-response"
    logs.rotate()
    logs.write(BIND["ask"])
    after, lacking = logs.check()
    assert (after.format, lacking) == ("bind-response", set())


def test_responses_that_are_logged_from_now_on_are_read(logs):
    logs.write(BIND["ask"])
    assert logs.check()[0].format == "bind-query"
    logs.rotate()
    logs.write(ANSWERED)
    after, lacking = logs.check()
    assert (after.format, after.lookups) == ("bind-response", 2)
    assert lacking == {Reason.FORMAT_CHANGED}


@pytest.mark.parametrize("text", ["nothing that is known\n", DNSMASQ["begin"]])
def test_a_short_log_in_which_a_line_is_refused_is_not_believed(logs, text):
    logs.write(UNBOUND["ask"])
    logs.check()
    logs.rotate()
    logs.write(text)
    assert Reason.UNREADABLE in logs.check()[1]


def test_another_format_is_read_as_it_is_and_told(logs):
    logs.write(UNBOUND["ask"])
    logs.check()
    logs.rotate()
    logs.write(DNSMASQ["ask"])
    after, lacking = logs.check()
    assert (after.format, after.lookups, lacking) == ("dnsmasq", 2, {Reason.FORMAT_CHANGED})


def test_a_line_that_is_held_back_counts_once(logs):
    whole = UNBOUND["ask"]
    logs.write(whole + whole[:30])
    for _ in range(3):
        stream, lacking = logs.check()
        assert (stream.records, lacking) == (2, set())
    logs.write(whole[30:])
    assert logs.check()[0].records == 4


@pytest.mark.parametrize("begun", ["config a.results.example is <CNAME>", "config b.results.example is 198.51.100.6"])
def test_an_answer_of_which_a_part_was_read_first_is_of_the_same_lookup(logs, begun):
    at = "Sep 21 13:33:20 dnsmasq[9]: 1 192.0.2.7/4000 "
    asked = "a" if "CNAME" in begun else "b"
    told = [f"query[A] {asked}.results.example from 192.0.2.7", begun,
            "config b.results.example is 198.51.100.7", "query[A] c.results.example from 192.0.2.7"]  # fmt: skip
    for line in told:
        logs.write(f"{at}{line}\n")
        logs.check()
    with State.open(logs.folder / "state", alone=False) as state:
        rows = state.db.execute("SELECT qname, bound, verdict <> '' FROM lookups ORDER BY record").fetchall()
        assert rows == [(f"{asked}.results.example", 1, 1), ("c.results.example", 0, 1)]
        addresses = {address for (address,) in state.db.execute("SELECT address FROM answers")}
        assert addresses == {word for line in told for word in line.split() if word.startswith("198.")}

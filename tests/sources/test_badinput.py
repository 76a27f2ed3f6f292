"""Every file of bad input ends as it should: read as far as it goes, the rest refused with its place, nothing lost."""

import pytest

from flowwatch.sources.reading import collect
from tests.sources.laws import lawful

ENDS = {
    "csv-injection-umbrella.csv": ("umbrella-dns", 3, ["short_row"]),
    "empty.log": (None, 0, ["empty"]),
    "invalid-utf8.log": ("bind-query", 4, ["not_utf8"]),
    "joined-lines.log": ("bind-query", 9, ["query_line"]),
    "json-array.json": ("eve", 4, []),
    "json-bad.jsonl": ("eve", 2, 8),
    "log-injection-dnsmasq.log": (None, 0, ["empty"]),
    "long-line.log": ("bind-query", 2, ["line_too_long"]),
    "nul-block.log": ("bind-query", 19, ["foreign_line"]),
    "only-header.log": ("zeek-dns", 0, []),
    "plain-named.gz": ("bind-query", 45, []),
    "query-truncated.log.gz": ("bind-query", 37, ["truncated"]),
    "query-two-members.log.gz": ("bind-query", 45, []),
    "query.log.gz": ("bind-query", 45, []),
    "query.log.xz": ("bind-query", 45, []),
    "rotation-copytruncate/run1/query.log": ("bind-query", 20, []),
    "rotation-copytruncate/run2/query.log": ("bind-query", 32, []),
    "rotation-copytruncate/run3/query.log": ("bind-query", 13, []),
    "rotation-copytruncate/run3/query.log.1": ("bind-query", 33, []),
    "rotation-rename/run2/query.log": ("bind-query", 13, []),
    "rotation-rename/run2/query.log.1.gz": ("bind-query", 32, []),
    "sample-no-linefeeds.log": (None, 0, ["no_line_ends"]),
    "timestamps-odd.log": ("dnsmasq", 5, ["bad_timestamp"]),
    "truncated-last-line.log": ("bind-query", 45, []),
    "zeek-schema-change.log": ("zeek-conn", 2, ["short_row"]),
}
"""Format, events, and the codes of what was refused or why reading stopped (or how many)."""


def test_no_file_is_left_out(shared_logs):
    folder = shared_logs / "badinput"
    assert {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()} == ENDS.keys()


@pytest.mark.parametrize("name", ENDS)
def test_bad_input_ends_as_it_should(shared_logs, name):
    form, events, codes = ENDS[name]
    (coverage,) = collect([str(shared_logs / "badinput" / name)]).coverage
    assert (coverage.format, coverage.events) == (form, events)
    assert lawful(coverage)
    told = [one.code for one in (*coverage.rejects, coverage.error) if one]
    assert (len(told) if isinstance(codes, int) else told) == codes
    assert coverage.held_back == (name == "truncated-last-line.log")
    assert coverage.incomplete == bool(told or not events)

"""Every shared sample is read whole and accounted for to the line; what is not is named here with its reason."""

import pytest

from flowwatch.sources.reading import collect
from tests.sources.laws import lawful

SHORT = {
    "bind9-query/sample-9.18-default.log": "unknown_format",  # no question is in it
    "dnstap/sample-bind-9.18-live-copy.fstrm": "truncated_stream",  # copied while BIND wrote it
    "nfdump/sample-nfdump-1.6.22.extended": "unknown_format",  # rounded for people: the refusal says what to do
    "nfdump/sample-nfdump-1.6.22.line": "unknown_format",
    "nfdump/sample-nfdump-1.6.22.pipe": "unknown_format",
    "nfdump/sample-nfdump-1.7.1.extended": "unknown_format",
    "nfdump/sample-nfdump-1.7.1.line": "unknown_format",
    "nfdump/sample-nfdump-1.7.1.pipe": "unknown_format",
    "nfdump/sample-nfdump-1.7.5.line": "unknown_format",
}
"""Code of the error."""
REFUSED = {"dnstap/sample-unbound-1.17.fstrm": 4}
"""Records that are none: what a client sent there was no DNS message."""
EMPTY = {"dnstap/sample-compactor.dnstap": "questions to an authority, none of a client"}
UNENDED = "cisco-asa/"
"""One line each, without its end."""
_NO_SAMPLES = (".md", ".tsv", ".txt", ".h", ".sql", "README")


def _samples(folder):
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = str(path.relative_to(folder))
        told = "truth" in name or ".expected" in name or name.endswith(_NO_SAMPLES)
        if not told and not name.startswith(("badinput/", "scenario/how/")):
            yield name, path


@pytest.mark.usefixtures("nfdump")
def test_every_sample_is_read_whole(shared_logs):
    wrong, seen = [], set()
    for name, path in _samples(shared_logs):
        (coverage,) = collect([str(path)]).coverage
        seen.add(name)
        error = coverage.error.code if coverage.error else None
        law = coverage.format in ("pcap", "pcapng", None) or lawful(coverage)
        whole = (error, coverage.rejected) == (SHORT.get(name), REFUSED.get(name, 0))
        read = coverage.used or coverage.events or name in EMPTY or error == "unknown_format"
        held = coverage.held_back == name.startswith(UNENDED)
        if not (law and whole and held and (read or name.startswith(UNENDED))):
            wrong.append((name, error, coverage.rejected, coverage.held_back, coverage.rejects[:1]))
    assert wrong == []
    assert {*SHORT, *REFUSED, *EMPTY} <= seen
    assert len(seen) > 100


@pytest.mark.parametrize("name", ["302013", "302016", "106023"])
def test_a_line_that_is_whole_but_for_its_end_is_read_with_it(shared_logs, tmp_path, name):
    path = tmp_path / "log"
    path.write_bytes((shared_logs / f"cisco-asa/sample-ocsf-{name}.log").read_bytes() + b"\n")
    found = collect([str(path)])
    assert (found.coverage[0].events, found.coverage[0].rejected) == (1, 0)

import msgspec
import pytest

from flowwatch.model import Coverage, Skip
from flowwatch.reports import coverage

WHOLE = Coverage(source="a.pcap", format="pcap", size=10, sha256="ab" * 32, records=987, used=987, first=0, last=1)
COUNTERS = [
    field.name
    for field in msgspec.structs.fields(Coverage)
    if field.type is int and field.name not in {"records", "bytes", "used", "events", "unnamed_bytes"}
]


@pytest.mark.parametrize("counter", COUNTERS)
def test_every_counter_that_is_not_zero_is_told(counter):
    one = msgspec.structs.replace(WHOLE, **{counter: 765_432})
    assert "765,432" in "\n".join(coverage.lines(one))
    assert "765,432" not in "\n".join(coverage.lines(WHOLE))


def test_skips_limits_notes_refusals_and_the_error_are_told():
    one = msgspec.structs.replace(
        WHOLE,
        skipped={"truncated_header": 3},
        limits={"flows": 7},
        notes=("the clock jumped",),
        rejected=1,
        rejects=(Skip("bad_time", "no number", 120, 14),),
        error=Skip("cut", "the file ends in a record", 512, 9),
    )
    said = "\n".join(coverage.lines(one))
    for words in (
        "truncated header 3",
        "flows 7",
        "the clock jumped",
        "bad_time at record 14, offset 120",
        "cut at rec",
    ):
        assert words in said


def test_status():
    assert coverage.status(WHOLE) == "complete"
    assert coverage.status(msgspec.structs.replace(WHOLE, drops=1)) == "incomplete"
    assert coverage.status(Coverage(source="x", error=Skip("unknown_format", "?"))) == "not read"


def test_the_overview_adds_up_and_leaves_zeros_out(rich):
    said = {what: count for count, what in coverage.overview(rich.coverage)}
    assert said["records"] == 1_270
    assert said["records not readable"] == 6
    assert said["source where reading stopped early"] == 1
    assert "opaque tunnels" not in said


def test_of_what_was_unpacked_it_is_said_what_offsets_count():
    one = msgspec.structs.replace(WHOLE, compression="gzip", unpacked_size=2_000)
    assert "10 B of gzip (2.0 kB unpacked, which offsets count)" in coverage.identity(one)
    assert "offsets" not in coverage.identity(WHOLE)


def test_flows_with_no_name_whose_bytes_are_not_known_are_not_called_empty():
    one = msgspec.structs.replace(WHOLE, unnamed_flows=3)
    assert "of the flows: 3 with no name" in coverage.lines(one)
    assert "of the flows: 3 with no name (5 B)" in coverage.lines(msgspec.structs.replace(one, unnamed_bytes=5))

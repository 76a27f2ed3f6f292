"""The stages against the clock: everything on one scale, in place, and within the drawing or running out of it."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Coverage, Delay, Opening, Ran, Stage
from flowwatch.reports import stages, timeline

SECOND = 10**9
TIMES = st.integers(1_700_000_000, 1_700_400_000).map(lambda at: at * SECOND)
SPANS = st.tuples(TIMES, TIMES).map(sorted)


@given(
    ran=st.lists(st.lists(SPANS, max_size=4), min_size=1, max_size=4),
    recorded=st.lists(SPANS, max_size=3),
    window=SPANS | st.just([None, None]),
)
def test_everything_is_on_the_scale_in_the_order_of_time(ran, recorded, window):
    since, until = window
    held = [
        Stage(
            since=since,
            until=until,
            number=number,
            channels=("up",),
            windows=(Opening("up", since, until),),
            first=min((first for first, _ in spans), default=None),
            last=max((last for _, last in spans), default=None),
            ran=tuple(Ran(first, last) for first, last in sorted(spans)),
            after=number - 1 or None,
        )
        for number, spans in enumerate(ran, 1)
    ]
    coverage = [Coverage(source="tap.pcap", first=first, last=last) for first, last in recorded]
    (night,) = timeline.drawn(held, coverage)
    for row, spans in zip(night.rows, ran, strict=True):
        assert [bar.start for bar in row.ran] == sorted(bar.start for bar in row.ran)
        assert len(row.ran) == len(spans)
        assert all(0 <= bar.start <= 100 and bar.width > 0 for bar in row.ran)
        assert all(bar.width > 0 and bar.start >= -20 for bar in row.windows)
        assert all(bar.start + bar.width <= 121 for bar in (*row.windows, *row.ran))
    assert all(0 <= mark.at <= 100 for mark in night.marks)
    assert len(night.marks) <= 7


def test_nights_stand_apart(rich):
    told = timeline.drawn(rich.stages, rich.coverage)
    assert [[row.stage.number for row in one.rows] for one in told] == [[1, 2], [3]]
    assert told[0].rows[1].ended is not None
    assert told[0].rows[0].waited is None


def test_delays_in_words(rich):
    second = rich.stages[1]

    def said(ns, *, exact):
        return stages.delay(msgspec.structs.replace(second, delay=Delay(ns, exact)))

    assert said(80 * 60 * SECOND, exact=True) == "began 1 h 20 min after stage 1 ended"
    assert said(-12 * SECOND, exact=True) == "overlaps: began 12 s before stage 1 ended"
    assert said(-12 * SECOND, exact=False) == "overlaps: began at least 12 s before stage 1 ended"
    assert said(12 * 10**6, exact=False) == (
        "cannot tell: in what was recorded it began 12 ms after stage 1 ended, so no more than that"
    )
    assert stages.delay(msgspec.structs.replace(second, delay=None)).startswith("cannot tell: ")


def test_lengths_in_words():
    assert [stages.duration(seconds * SECOND) for seconds in (0, 59, 60, 3_600, 3_601, 90_061)] == [
        "0 ms", "59 s", "1 min", "1 h", "1 h", "1 d 1 h",
    ]  # fmt: skip

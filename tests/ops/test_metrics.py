"""The metrics file, read by the parser of the Prometheus client."""

import re
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from flowwatch.model import Life, Severity, Verdict
from flowwatch.ops.metrics import ChannelFigures, Figures, Found, SourceFigures, text, write

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
NOW = 1_790_000_000_123_456_789
SOURCE = SourceFigures(
    id="resolver", last_record=NOW - 10**9, lag=10**9, records=7, rejected=1, held_back=2, behind=40, gaps=0
)
FULL = Figures(
    version="0.1.0",
    last_run=NOW,
    last_success=NOW,
    duration=1_500_000_000,
    exit_code=1,
    findings=(
        Found(verdict=Verdict.UNAPPROVED, severity=Severity.HIGH, life=Life.REPEATED, count=2),
        Found(verdict=Verdict.UNAPPROVED, severity=Severity.HIGH, life=Life.NEW, count=3),
        Found(verdict=Verdict.DEVIATION, severity=Severity.LOW, life=Life.NEW, count=1),
    ),
    sources=(msgspec.structs.replace(SOURCE, id="z"), SOURCE),
    channels=(ChannelFigures(id="smtp-1", pending=4, given_up=0),),
    policy_ends=NOW + 10**9,
    exception_ends=NOW + 2 * 10**9,
    places={"location-1": 86_400 * 10**9, "network-1": None},
    state_bytes=4096,
)
LEAST = Figures(version="0.1.0", last_run=NOW, last_success=None, duration=0, exit_code=2)
UNITS = ("_info", "_seconds", "_code", "_findings", "_records", "_gaps", "_bytes", "_deliveries")
"""What a name ends in: a base unit, or the things that are counted."""

COUNTS = st.integers(0, 2**63)
TIMES = st.none() | st.integers(-(2**62), 2**62)
IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FIGURES = st.builds(
    Figures,
    version=IDS,
    last_run=st.integers(0, 2**62),
    last_success=TIMES,
    duration=COUNTS,
    exit_code=st.integers(0, 255),
    findings=st.lists(
        st.builds(
            Found,
            verdict=st.sampled_from(Verdict),
            severity=st.sampled_from(Severity),
            life=st.sampled_from(Life),
            count=COUNTS,
        ),
        unique_by=lambda one: (one.verdict, one.severity, one.life),
    ).map(tuple),
    sources=st.lists(
        st.builds(
            SourceFigures,
            id=IDS,
            last_record=TIMES,
            lag=TIMES,
            records=COUNTS,
            rejected=COUNTS,
            held_back=COUNTS,
            behind=st.none() | COUNTS,
            gaps=COUNTS,
        ),
        unique_by=lambda one: one.id,
    ).map(tuple),
    channels=st.lists(
        st.builds(ChannelFigures, id=IDS, pending=COUNTS, given_up=COUNTS), unique_by=lambda one: one.id
    ).map(tuple),
    policy_ends=TIMES,
    exception_ends=TIMES,
    places=st.dictionaries(IDS, TIMES),
    state_bytes=st.none() | COUNTS,
)


def read(content: str) -> dict[str, Metric]:
    families = list(text_string_to_metric_families(content))
    names = [one.name for one in families]
    assert len(set(names)) == len(names)
    return dict(zip(names, families, strict=True))


def value(families: Mapping[str, Metric], family: str, **labels: str) -> float | None:
    found = [one.value for one in families[family].samples if one.labels == labels] if family in families else []
    assert len(found) <= 1
    return found[0] if found else None


@given(FIGURES)
def test_the_scrapers_parser_reads_every_figure_and_no_more(figures):
    families = read(text(figures))
    assert value(families, "flowwatch_build_info", version=figures.version) == 1
    assert value(families, "flowwatch_last_run_timestamp_seconds") == pytest.approx(figures.last_run / 1e9)
    for one in figures.sources:
        assert value(families, "flowwatch_source_records", source=one.id) == one.records
        assert value(families, "flowwatch_source_unread_bytes", source=one.id) == one.behind
        lag = value(families, "flowwatch_source_lag_seconds", source=one.id)
        assert (lag is None) == (one.lag is None)
    for one in figures.channels:
        assert value(families, "flowwatch_pending_deliveries", channel=one.id) == one.pending
    assert sum(len(one.samples) for one in families.values() if one.name == "flowwatch_findings") == len(
        figures.findings
    )
    told = value(families, "flowwatch_policy_end_timestamp_seconds")
    assert (told is None) == (figures.policy_ends is None)
    ages = families.get("flowwatch_places_age_seconds")
    bodies = {one.labels["body"] for one in ages.samples} if ages else set()
    assert bodies == {body for body, age in figures.places.items() if age is not None}


@given(FIGURES)
def test_help_and_type_stand_once_before_the_samples_of_a_family(figures):
    family, seen = "", set()
    for line in text(figures).split("\n")[:-1]:
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert family not in seen
            seen.add(family)
        else:
            assert line.startswith((f"# TYPE {family} ", f"{family}{{", f"{family} "))


def test_names_end_in_their_unit_and_counters_in_total_and_no_sample_has_a_time():
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text(FULL), re.MULTILINE))
    assert len(types) == 19
    for name, kind in types.items():
        assert name.endswith("_total") == (kind == "counter")
        assert name.removesuffix("_total").endswith(UNITS)
    for family in read(text(FULL)).values():
        assert all(one.timestamp is None for one in family.samples)


def test_the_page_names_every_metric_with_its_labels():
    rows = re.findall(r"^\| `(flowwatch_\w+)` \| (.*?) ?\|", PAGE.read_text(), re.MULTILINE)
    told = {(name, tuple(re.findall(r"`(\w+)`", labels))) for name, labels in rows}
    samples = [one for family in read(text(FULL)).values() for one in family.samples]
    assert told == {(one.name, tuple(one.labels)) for one in samples}


def test_labels_are_ids_and_fixed_words():
    labels = {name for family in read(text(FULL)).values() for one in family.samples for name in one.labels}
    assert labels == {"version", "verdict", "severity", "life", "source", "channel", "body"}


def test_the_order_does_not_hang_on_the_order_of_what_is_given():
    turned = msgspec.structs.replace(
        FULL, findings=FULL.findings[::-1], sources=FULL.sources[::-1], places=dict(reversed(FULL.places.items()))
    )
    assert text(turned) == text(FULL)


def test_what_cannot_be_said_is_not_there():
    families = read(text(LEAST))
    assert set(families) == {
        f"flowwatch_{name}"
        for name in ("build_info", "last_run_timestamp_seconds", "last_run_duration_seconds", "last_run_exit_code")
    }


def test_a_time_is_exact():
    assert f"flowwatch_last_run_timestamp_seconds {NOW // 10**9}.{NOW % 10**9}\n" in text(FULL)


def test_the_file_is_replaced_readable_by_all_with_nothing_left_beside_it(tmp_path):
    path = tmp_path / "flowwatch.prom"
    for figures in (LEAST, FULL):
        write(figures, path)
        assert path.read_text() == text(figures)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]

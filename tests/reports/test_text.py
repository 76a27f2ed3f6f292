"""Golden screens: after a wanted change run with FLOWWATCH_UPDATE_GOLDEN=1 and read the difference."""

import html
import io
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from flowwatch.model import Amount, Coverage, Fact, Group, Reason, Tally, Verdict
from flowwatch.reports import jsonl_lines, phrases, render_html, render_markdown, text, write_text
from flowwatch.reports.gathered import gathered

GOLDEN = Path(__file__).parent / "golden"
BANNED = (
    "attack", "leak", "breach", "fraud", "suspicious", "malicious", "rogue", "exfiltrat", "compromis", "threat",
    "hack", "illegal", "criminal", "stolen", "adversar", "intru",
)  # fmt: skip


def screen(report, width, **console):
    file = io.StringIO()
    text.render(report, Console(file=file, width=width, **({"color_system": None, "force_terminal": False} | console)))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("which", ["rich", "nothing"])
def test_the_screen_is_the_golden_one(which, width, request):
    shown = screen(request.getfixturevalue(which), width)
    kept = GOLDEN / f"{which}-{width}.txt"
    if os.environ.get("FLOWWATCH_UPDATE_GOLDEN"):
        kept.write_text(shown, "ascii")
    assert shown == kept.read_text("ascii")


@pytest.mark.parametrize("width", [40, 80, 100, 120, 200])
def test_lines_are_printable_ascii_within_the_width_and_end_without_blanks(rich, width):
    for line in screen(rich, width).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()
        assert all(" " <= one <= "~" for one in line)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=60), st.sampled_from([80, 120]))
def test_hostile_text_never_reaches_the_screen_raw(rich, observed, width):
    changed = _with_text(rich, observed)
    assert all(" " <= one <= "~" or one == "\n" for one in screen(changed, width))


def test_colour_is_for_terminals_that_want_it(rich, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in screen(rich, 100, color_system="auto", force_terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in screen(rich, 100, color_system="auto", force_terminal=True)


def test_colours_change_no_letter(rich):
    coloured = Console(file=io.StringIO(), width=100, color_system="truecolor", force_terminal=True, record=True)
    text.render(rich, coloured)
    assert coloured.export_text() == screen(rich, 100)


def test_a_file_gets_the_plain_screen_whatever_the_environment(rich, monkeypatch):
    monkeypatch.setenv("COLUMNS", "33")
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.BytesIO()
    write_text(rich, file)
    assert file.getvalue().decode("ascii") == screen(rich, text.PLAIN_WIDTH)


def test_what_is_left_out_is_counted(rich):
    many = msgspec.structs.replace(
        rich,
        findings=rich.findings * 20,
        destinations=rich.destinations * 20,
        coverage=tuple(Coverage(source=f"{n}.pcap", records=1, used=1, flows=1) for n in range(50)) + rich.coverage,
    )
    shown = screen(many, 100)
    assert f"... and {140 - text.FINDINGS_TOLD} more (use --format jsonl)" in shown
    lines = gathered(many.destinations)[: text.DESTINATIONS_TOLD]
    assert f"... and {100 - sum(one.addresses for one in lines)} more (use --format jsonl)" in shown
    assert f"... and {53 - text.SOURCES_TOLD} more sources, 0 of them incomplete (use --format jsonl)" in shown
    assert "logs/dns.log  incomplete" in shown


def test_without_a_policy_the_last_line_says_what_to_do(nothing):
    last = " ".join(screen(nothing, 100).rstrip().splitlines()[-3:])
    assert " ".join(last.split()) == phrases.NO_POLICY


def test_no_word_of_blame_is_ever_printed(rich, nothing):
    said = "".join(
        screen(report, 200) + render_html(report) + b"".join(jsonl_lines(report)).decode() for report in (rich, nothing)
    )
    said += " ".join(reason.sentence for reason in Reason)
    assert [word for word in BANNED if word in said.lower()] == []


def test_the_same_report_gives_the_same_bytes_in_any_time_zone(rich, monkeypatch):
    def everything():
        return screen(rich, 100), render_html(rich), b"".join(jsonl_lines(rich))

    here = everything()
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert everything() == here


def _with_text(report, observed):
    """The report with the observed text wherever strangers write."""
    replace = msgspec.structs.replace
    name = replace(report.findings[1].names[0], name=observed)
    place = replace(report.findings[1].place, organisation=(Fact(observed, "x"),))
    found = replace(report.findings[1], names=(name,), place=place, title=observed, asked=observed, senders=(observed,))
    reached = replace(report.destinations[1], names=(name,), place=place, address=observed)
    source = replace(report.coverage[0], source=observed, format=observed, notes=(observed,), limits={observed: 1})
    claim = replace(
        report.claims[0], missing=(observed,), evidence=(replace(report.claims[0].evidence[0], source=observed),)
    )
    return replace(report, findings=(found,), destinations=(reached,), coverage=(source,), claims=(claim,))


def test_bytes_known_only_as_a_range_are_told_as_bounds_in_every_summary(rich):
    some, all_of_them = Tally(5, 0, 31_000, None, 1), Tally(6, 2, 0, 2_469_134, 6)
    odd = {**rich.verdicts, Verdict.APPROVED: some, Verdict.UNAPPROVED: all_of_them}
    report = msgspec.structs.replace(rich, verdicts=odd)
    for told in (screen(report, 100), render_markdown(report), html.unescape(render_html(report))):
        assert ">= 31.0 kB" in told
        assert "<= 2.5 MB" in told
    assert report.group(Group.VIOLATES).bytes_unknown == 6
    assert report.group(Group.VIOLATES).sent == Amount(1_234_567, 1_234_567 + 2_469_134)

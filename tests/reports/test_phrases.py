import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import (
    Amount,
    Check,
    Coverage,
    NameClass,
    PolicyInfo,
    Reason,
    Rule,
    SeenName,
    Truth,
    Verdict,
)
from flowwatch.reports import jsonl_lines, phrases, placed, render_html, render_markdown, write_text


def test_the_headline_is_the_contracts_sentence(rich):
    source = Coverage(source="captures/a.pcap", first=0, last=61_000_000_000)
    assert phrases.headline(msgspec.structs.replace(rich, coverage=(source,))) == (
        "Recorded by 1 source (a.pcap) from 1970-01-01T00:00:00Z to 1970-01-01T00:01:01Z: "
        "of 132 transmissions from declared zones 122 conform, 7 violate, 3 could not be told; 41 out of scope. "
        "A destination is the first address seen; onward use is not observable. Nothing is said of unrecorded traffic."
    )


def test_many_sources_are_counted_and_three_named():
    sources = [Coverage(source=f"in/{number}.pcap") for number in range(1_200)]
    assert phrases.recorded_by(sources) == "1,200 sources (0.pcap, 1.pcap, 2.pcap and 1,197 more)"


def test_sources_of_the_same_name_are_told_apart():
    sources = [Coverage(source=f"captures/{place}/input.pcap") for place in ("north", "south")]
    assert phrases.recorded_by(sources) == "2 sources (north/input.pcap, south/input.pcap)"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (12_345, "12.3 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (2**63, "9.2 EB"),
        (None, "not recorded"),
    ],
)
def test_sizes(count, text):
    assert phrases.size(count) == text


@given(st.integers(0, 2**64 - 1))
def test_a_size_is_short_and_within_a_twentieth(count):
    value, unit = phrases.size(count).split()
    assert len(value) <= 5
    meant = float(value) * 1000 ** ("B", "kB", "MB", "GB", "TB", "PB", "EB").index(unit)
    assert abs(meant - count) <= 0.05 * count


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_instant_of_the_tables_can_be_said(instant):
    assert phrases.utc(instant).endswith("Z")


def test_a_name_cannot_pass_for_two_or_claim_its_own_evidence():
    seen = (SeenName(name='good.example (certificate), "y', evidence=NameClass.SNI),)
    assert phrases.names(seen) == [('"good.example (certificate), \\"y"', "sni")]


def test_names_stand_strongest_first_with_all_their_evidence():
    seen = (
        SeenName(name="b.example", evidence=NameClass.SNI, outer=True),
        SeenName(name="a.example", evidence=NameClass.SNI),
        SeenName(name="a.example", evidence=NameClass.CERTIFICATE),
    )
    assert phrases.names(seen) == [("a.example", "certificate, sni"), ("b.example", "sni [ECH outer name]")]


@given(st.text(), st.integers(8, 80))
def test_a_shortened_text_keeps_its_ends_within_the_width(text, width):
    shown = phrases.short(text, width)
    assert len(shown) <= max(width, 0)
    assert shown == text or (shown[0] == text[0] and shown[-1] == text[-1])


def test_what_was_only_tried_is_called_an_attempt(rich):
    tried = msgspec.structs.replace(rich.findings[1], count=2, attempts=2, bytes_sent=0, bytes_acked=0)
    assert phrases.how_much(tried) == "2 attempts, 2026-11-05T00:30:00Z to 2026-11-05T01:30:00Z"


def test_an_unseen_acknowledgement_is_not_zero():
    assert phrases.acked(None) == "acknowledgement unseen"
    assert phrases.acked(0) == "0 B acknowledged"


def test_an_address_that_only_resembles_a_server_is_not_called_it():
    assert phrases.server("primary", Verdict.DEVIATION) == "server primary"
    assert phrases.server("primary", Verdict.UNAPPROVED) == "compared with server primary"


def test_what_went_through_a_proxy_says_so(rich):
    reached = msgspec.structs.replace(rich.destinations[0], address="192.0.2.250", port=3128, proto="tcp", via="squid")
    assert phrases.destination(reached) == "proxy squid at 192.0.2.250 tcp/3128"
    asked = msgspec.structs.replace(reached, asked="a, b.example", place=None)
    assert phrases.destination(asked) == '"a, b.example" through proxy squid at 192.0.2.250 tcp/3128'
    assert (placed.unplaced(asked), placed.unplaced(reached)) == ("known to a proxy by name only", "not looked up")


def test_a_policy_without_a_title_has_no_empty_place_for_it():
    one = PolicyInfo(id="p", version="1", title="", sha256="ab" * 32, files=())
    assert phrases.policy(one) == "p 1 (sha256 abababababab...)"


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (Amount.exactly(0), "0 B"),
        (Amount.exactly(5_000), "5.0 kB"),
        (Amount(0, 5_000), "<= 5.0 kB"),
        (Amount(700, None), ">= 700 B"),
        (Amount(700, 5_000), "700 B to 5.0 kB"),
        (Amount.total([Amount(1, 2), Amount(3, None)]), ">= 4 B"),
        (Amount.total([]), "0 B"),
    ],
)
def test_an_amount_is_told_exactly_or_by_its_bounds(amount, told):
    assert phrases.sent(amount) == told


def test_a_name_longer_than_any_does_not_drown_the_report(rich):
    endless = "a." * 40_000
    seen = SeenName(name=endless, evidence=NameClass.SNI)
    first, second, *rest = rich.findings
    check = Check(what="name", truth=Truth.FALSE, declared="a.example", observed=endless)
    odd = msgspec.structs.replace(first, title=f"sent to {endless}", names=(seen,), checks=(check,))
    asked = msgspec.structs.replace(second, title=f"asked for {endless}", asked=endless)
    report = msgspec.structs.replace(rich, findings=(odd, asked, *rest))
    file = io.BytesIO()
    write_text(report, file)
    for told, plain in (
        (render_markdown(report), render_markdown(rich)),
        (render_html(report), render_html(rich)),
        (file.getvalue(), b""),
    ):
        assert len(told) < len(plain) + 40_000
    assert sum(map(len, jsonl_lines(report))) > 400_000  # whole where machines read


def test_the_longest_name_there_is_is_told_whole():
    longest = ".".join([r"\000" * 63] * 3 + [r"\000" * 61])
    assert phrases.quoted(longest) == longest


def test_a_file_without_a_record_recorded_nothing():
    night, notes = Coverage(source="night.pcap", records=3), Coverage(source="README.md")
    assert phrases.recorded_by([notes, night]) == "1 source (night.pcap)"
    assert phrases.recorded_by([notes]) == "1 source (README.md)"
    assert phrases.recorded_by([]) == "no source"


def test_what_the_recording_as_a_whole_shows_is_told_beside_the_figures(rich):
    assert phrases.of_the_whole(rich.findings) == ""
    one = msgspec.structs.replace(rich.findings[0], kind=Reason.VOLUME, verdict=Verdict.DEVIATION)
    other = msgspec.structs.replace(one, kind=Reason.STATE_UNSEEN, verdict=Verdict.INDETERMINATE)
    assert phrases.of_the_whole([one]) == (
        "Besides, 1 finding is of the recording as a whole; the figures over transmissions do not hold them."
    )
    said = "Besides, 2 findings are of the recording as a whole, 1 of them of what could not be told"
    assert phrases.of_the_whole([one, other]).startswith(said)
    report, file = msgspec.structs.replace(rich, findings=(one, other)), io.BytesIO()
    write_text(report, file)
    for shown in (" ".join(file.getvalue().decode().split()), render_html(report), render_markdown(report)):
        assert said in shown


def test_silence_counts_senders_and_no_bytes(rich):
    silent = msgspec.structs.replace(
        rich.findings[0], kind=Reason.NOT_HEARD, senders=("192.0.2.1", "192.0.2.2"), receiver=None, last_seen=0
    )
    assert phrases.how_much(silent) == "2 senders, by 1970-01-01T00:00:00Z"
    assert phrases.how_often(msgspec.structs.replace(silent, senders=())) == "1 channel"


def test_senders_of_several_zones_are_not_said_to_be_of_none(rich):
    one = msgspec.structs.replace(rich.findings[0], kind=Reason.CLAIM_CONTRADICTED, sender_zone=None)
    assert phrases.senders(one).startswith("declared zones: ")
    assert phrases.senders(msgspec.structs.replace(one, kind=Reason.NOT_HEARD, senders=())) == ""


def test_a_finding_of_a_source_or_the_policy_counts_nothing_sent(rich):
    bare = msgspec.structs.replace(rich.findings[0], sender_zone=None, senders=(), receiver=None, first_seen=None)
    for kind in (Reason.SENSOR_ABSENT, Reason.SEEN_AFTER, Reason.GAP):
        one = msgspec.structs.replace(bare, kind=kind)
        assert {phrases.how_much(one), phrases.how_often(one), phrases.senders(one), phrases.receiver(one)} == {""}
        report, file = msgspec.structs.replace(rich, findings=(one,)), io.BytesIO()
        write_text(report, file)
        for shown in (file.getvalue().decode(), render_html(report), render_markdown(report)):
            assert one.id in shown
            assert "no declared zone" not in shown
            assert "address unknown" not in shown


def test_what_a_channel_rests_on_is_told_with_it():
    rule = Rule("channel", "up", "county", "1", "ICA-7")
    assert phrases.rule(rule) == "channel up of county 1 (agreement ICA-7)"


def test_a_change_of_a_server_counts_no_transmissions(rich):
    one = msgspec.structs.replace(rich.findings[0], kind=Reason.DRIFT_KEY, first_seen=0, last_seen=0)
    assert phrases.how_much(one) == "1 server, 1970-01-01T00:00:00Z"


def test_servers_without_history_are_told_where_a_history_was_given(rich):
    assert phrases.no_history(rich) == ""
    assert phrases.no_history(msgspec.structs.replace(rich, unknown=())) == ""
    told = msgspec.structs.replace(rich, unknown=("a", "b"))
    said = "No history of 2 servers: changes cannot be told (a, b)."
    assert phrases.no_history(told) == said
    file = io.BytesIO()
    write_text(told, file)
    for shown in (" ".join(file.getvalue().decode().split()), render_html(told), render_markdown(told)):
        assert said in shown

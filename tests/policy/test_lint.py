"""Lint: each warning appears for the policy that earns it, alone, and not for the policy beside it."""

import datetime as dt
from pathlib import Path

import pytest

from flowwatch.policy import lint, load, parse
from flowwatch.policy.terms import PolicySet

TODAY = dt.date(2026, 10, 1)
CLEAN = """schema = "flowwatch.policy/1"
[policy]
id = "p"
version = "1"
timezone = "America/New_York"
[[zone]]
id = "sites"
cidrs = ["192.0.2.0/25"]
[[server]]
id = "results"
match = { cidrs = ["198.51.100.20/32"], names = ["a.results.example.org"] }
[[channel]]
id = "up"
from = ["sites"]
to = ["results"]
"""
EXCEPTION = """[[exception]]
id = "X"
applies = { zone = "sites" }
reason = "r"
from = 2026-09-25T00:00:00-04:00
until = 2026-10-25T00:00:00-04:00
"""
SECOND = """[[server]]
id = "second"
match = {{ {match} }}
[[channel]]
id = "to-second"
from = ["sites"]
to = ["second"]
"""
CHANNEL = '[[channel]]\nid = "two"\nfrom = {from_}\nto = ["results"]\n{more}\n'
CLASSIFIER = '[[classifier]]\nid = "c"\nlabel = "results"\nany = [{ dst_port = 1 }]\n'


def told(text, today=TODAY):
    return [(one.code, one.entry) for one in lint(PolicySet((parse(text),)), today)]


def second(match):
    return CLEAN + SECOND.format(match=match)


def channel(senders='["sites"]', more=""):
    return CLEAN + CHANNEL.format(from_=senders, more=more)


def until(day, version="1"):
    return CLEAN.replace('version = "1"', f'version = "{version}"\nvalid_until = {day}T00:00:00-04:00')


HOUR = "between = [2026-11-03T22:00:00-04:00, 2026-11-04T02:00:00-04:00]"
ELSEWHERE = second('cidrs = ["198.51.100.21/32"]')
EXPECTED = CLEAN.replace("[[channel]]", 'expect = { countries = ["XA"], asns = [64500] }\n[[channel]]')


def claim(says, text=CLEAN):
    return f'{text}\n[[claim]]\nid = "c"\n{says}\n'


CASES = [
    (CLEAN, []),
    # channels that allow nothing of their own
    (channel(), [("channel.duplicate", "channel two")]),
    (channel(more="service = { ports = [1] }"), [("channel.shadowed", "channel two")]),
    (channel(more='carries = ["unread"]'), [("channel.shadowed", "channel up")]),
    (channel(more='opened_by = "either"'), [("channel.shadowed", "channel up")]),
    (channel(more='opened_by = "receiver"'), []),
    (channel('["192.0.2.64/26"]'), []),
    (channel('["192.0.2.0/24"]'), [("channel.shadowed", "channel up")]),
    (
        channel('["inner"]') + '[[zone]]\nid = "inner"\nwithin = "sites"\ncidrs = ["192.0.2.0/26"]',
        [("channel.shadowed", "channel two")],
    ),
    (channel('["inner"]') + '[[zone]]\nid = "inner"\ncidrs = ["192.0.2.0/26"]', [("zone.nested", "zone inner")]),
    (channel('["203.0.113.0/24"]'), [("channel.never", "channel two")]),
    # servers that one transmission could be either of
    (second('cidrs = ["198.51.100.0/24"]'), [("server.overlap", "server second")]),
    (second('cidrs = ["198.51.100.20/32"], names = ["b.results.example.org"]'), []),
    (second('cidrs = ["198.51.100.20/32"], names = ["*.results.example.org"]'), [("server.overlap", "server second")]),
    (second('cidrs = ["198.51.100.21/32"], names = ["a.results.example.org"]'), []),
    # entries nothing refers to
    (CLEAN + '[[server]]\nid = "x"\nmatch = { cidrs = ["198.51.100.21/32"] }', [("server.unused", "server x")]),
    (CLEAN + '[[zone]]\nid = "x"\ncidrs = ["203.0.113.0/24"]', [("zone.unused", "zone x")]),
    (CLEAN + '[[zone]]\nid = "x"\ncidrs = ["192.0.2.0/26"]\nwithin = "sites"', []),
    (CLEAN + CLASSIFIER, [("label.unused", "classifier c")]),
    (CLEAN + 'carries = ["results"]\n' + CLASSIFIER, []),
    (
        CLEAN + 'carries = ["result"]\n' + CLASSIFIER,
        [("label.unused", "classifier c"), ("label.never_given", "channel up")],
    ),
    (CLEAN + '[[prohibited]]\nid = "x"\nwhen = { labels = ["results"] }', [("label.never_given", "prohibited x")]),
    (
        CLEAN + '[severity]\nunapproved = { results = "high", none = "low" }',
        [("label.never_given", "severity unapproved")],
    ),
    # keys that say nothing where they stand
    (second('names = ["b.results.example.org"]'), [("server.unbindable", "server second")]),
    (second('names = ["b.results.example.org"]').replace("match = { names", 'role = "resolver"\nmatch = { names'), []),
    (
        second('cidrs = ["203.0.113.1"], aliases = ["b.example.org"]'),
        [("server.aliases_without_names", "server second")],
    ),
    # what covers a lot
    (CLEAN + '[[lookup]]\nnames = ["**.example.org"]', [("name.wide", "lookup lookup-1")]),
    (CLEAN + '[[lookup]]\nnames = ["*.example.org", "**.a.example.org"]', []),
    (CLEAN.replace("192.0.2.0/25", "192.0.0.0/7").replace("192.0.0.0", "192.0.0.0"), [("cidr.wide", "zone sites")]),
    (CLEAN.replace("192.0.2.0/25", "192.0.0.0/8"), []),
    # countries
    (CLEAN.replace("[[channel]]", 'expect = { countries = ["GB", "XA"] }\n[[channel]]'), []),
    (
        CLEAN.replace("[[channel]]", 'expect = { countries = ["UK"] }\n[[channel]]'),
        [("country.unassigned", "server results")],
    ),
    (
        CLEAN + '[[place]]\ncidr = "10.0.0.0/8"\nregistered = "EU"\ncountry = "YY"',
        [("country.unassigned", "place 10.0.0.0/8")],
    ),
    # exceptions and their time
    (CLEAN + EXCEPTION, []),
    (CLEAN + EXCEPTION.replace("2026-10-25", "2026-10-15"), [("exception.expiring", "exception X")]),
    (CLEAN + EXCEPTION.replace("2026-10-25", "2026-10-01"), [("exception.expired", "exception X")]),
    (CLEAN + EXCEPTION.replace("2026-10-25", "2026-12-25"), [("exception.long", "exception X")]),
    (CLEAN + EXCEPTION + "[defaults]\nexception_max_days = 29", [("exception.long", "exception X")]),
    (
        until("2026-10-20").replace("valid_until", "valid_from") + EXCEPTION.replace("10-25", "10-20"),
        [("exception.never", "exception X")],
    ),
    # claims: their time, their labels, and channels that lead where nothing goes
    (claim('no = { country = "XB" }'), []),
    (claim('no = { country = "XB" }\nlabels = ["x"]'), [("label.never_given", "claim c")]),
    (claim(f'server = "results"\n{HOUR}', until("2026-12-01")), []),
    (claim(f'server = "results"\n{HOUR}', until("2026-11-03")), [("claim.never", "claim c")]),
    (claim('server = "results"\nbefore = 2026-12-02T00:00:00Z', until("2026-12-01")), []),
    (claim(f'server = "results"\n{HOUR}', until("2026-11-04")), [("claim.outside", "claim c")]),
    (claim('only_to = ["results"]\nfrom = ["sites"]'), []),
    (claim('only_to = ["results"]\nfrom = ["sites"]', ELSEWHERE), [("claim.against_channel", "claim c")]),
    (claim('only_to = ["results", "second"]\nfrom = ["sites"]', ELSEWHERE), []),
    (claim('only_to = ["results"]\nfrom = ["sites"]\nlabels = ["none"]', ELSEWHERE), []),
    (claim('no = { cidrs = ["198.51.100.16/28"] }'), [("claim.against_channel", "claim c")]),
    (claim("no = { asn = 64500 }", EXPECTED), [("claim.against_channel", "claim c")]),
    (claim('no = { country = "XA" }', EXPECTED), [("claim.against_channel", "claim c")]),
    (claim('no = { country = "XB" }', EXPECTED), []),
    (claim('server = "old"', CLEAN + '[[server]]\nid = "old"\nmatch = { cidrs = ["203.0.113.9/32"] }'), []),
    (
        claim(
            'only_to = ["results", "zone:x"]\nfrom = ["sites"]',
            CLEAN + '[[zone]]\nid = "x"\ncidrs = ["203.0.113.0/24"]',
        ),
        [],
    ),
    # windows
    (CLEAN + 'when = [{ days = ["sat"], start = "22:00", end = "02:00" }]', [("window.clock_change", "channel up")]),
    (CLEAN + 'when = [{ days = ["sat"], start = "22:00", end = "01:00" }]', []),
    (CLEAN + 'when = [{ days = ["mon"], start = "00:00" }]', []),
    (until("2026-10-20") + 'when = [{ days = ["sun"] }]', []),
    (until("2026-12-01") + "when = [{ from = 2026-12-01T00:00:00-04:00 }]", [("window.never", "channel up")]),
    # the policy itself
    (until("2026-10-16"), []),
    (until("2026-10-15"), [("policy.expiring", "policy 1")]),
    (until("2026-10-01"), [("policy.expired", "policy 1")]),
    (CLEAN.split("[[zone]]", maxsplit=1)[0], [("policy.no_zone", "policy")]),
    (CLEAN.split("[[server]]", maxsplit=1)[0], [("policy.no_channel", "policy"), ("zone.unused", "zone sites")]),
]


@pytest.mark.parametrize(("text", "codes"), CASES)
def test_each_warning(text, codes):
    assert told(text) == codes


def test_a_list_without_a_digest(tmp_path):
    (tmp_path / "l.txt").write_text("# none yet\n")
    text = CLEAN + 'carries = ["results"]\n' + CLASSIFIER.replace("dst_port = 1", 'file_sha256_list = "l.txt"')
    (tmp_path / "p.toml").write_text(text)
    assert [one.code for one in lint(load(tmp_path / "p.toml"), TODAY)] == ["list.empty"]


def test_an_ended_version_is_not_told_about_its_days_and_a_gap_is():
    old = until("2026-09-30") + EXCEPTION.replace("10-25", "09-28").replace("09-25", "09-20")
    new = until("2026-12-01", version="2").replace("valid_until", "valid_from = 2026-10-01T00:00:00-04:00\nvalid_until")
    warnings = lint(PolicySet((parse(old), parse(new))), TODAY)
    assert [(one.code, one.version) for one in warnings] == [("policy.gap", "2")]
    assert "from 2026-09-30T04:00:00Z to 2026-10-01T04:00:00Z" in warnings[0].message


def test_file_and_line_while_the_file_is_as_it_was_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text(channel())
    policies = load(Path("p.toml"))
    (warning,) = lint(policies, TODAY)
    assert str(warning) == "p.toml:16: channel two: it allows the same as channel 'up' [channel.duplicate]"
    Path("p.toml").write_text("# changed\n" + channel())
    (warning,) = lint(policies, TODAY)
    assert str(warning) == "channel two: it allows the same as channel 'up' [channel.duplicate]"


def test_a_country_that_was_meant_is_named():
    text = CLEAN.replace("[[channel]]", 'expect = { countries = ["UK"] }\n[[channel]]')
    (warning,) = lint(PolicySet((parse(text),)), TODAY)
    assert (
        warning.message
        == "'UK' is no country code of ISO 3166-1 (did you mean 'GB', Britain (UK) or 'VG', Virgin Islands (UK)?)"
    )


def test_words_of_a_clock_change():
    (warning,) = lint(PolicySet((parse(CLEAN + 'when = [{ days = ["sun"] }]'),)), TODAY)
    assert warning.message == "the clock changes in the window of 2026-11-01: it lasts 25 h, not 24 h"


PROXY = '[[server]]\nid = "way-out"\nrole = "proxy"\nmatch = {{ cidrs = ["198.51.100.99/32"] }}\n{more}\n'
TO_PROXY = '[[channel]]\nid = "to-proxy"\nfrom = ["sites"]\nto = ["way-out"]\n'


def test_a_proxy_that_no_channel_runs_through():
    assert told(CLEAN + PROXY.format(more=TO_PROXY)) == [("proxy.without_via", "server way-out")]
    through = CLEAN + 'via = ["way-out"]\n'
    assert told(through + PROXY.format(more=TO_PROXY)) == []
    assert told(through + PROXY.format(more="")) == [("server.unused", "server way-out")]


def test_through_a_proxy_a_server_needs_names():
    through = CLEAN.replace(', names = ["a.results.example.org"]', "") + 'via = ["way-out"]\n'
    assert told(through + PROXY.format(more=TO_PROXY)) == [("channel.via_without_names", "channel up")]


def test_a_tunnels_end_needs_no_channel():
    tunnel = '[[server]]\nid = "gate"\nrole = "tunnel"\nmatch = { cidrs = ["198.51.100.90/32"] }\n'
    assert told(CLEAN + tunnel) == []
    assert told(CLEAN + tunnel.replace('"tunnel"', '"other"')) == [("server.unused", "server gate")]


def test_a_channel_that_may_run_through_a_proxy_allows_more():
    both = CLEAN + CHANNEL.format(from_='["sites"]', more='via = ["way-out"]') + PROXY.format(more=TO_PROXY)
    assert told(both) == [("channel.shadowed", "channel up")]


def test_two_sensors_of_the_same_sources():
    sensor = '[[sensor]]\nid = "{}"\nsources = ["inside/**", "{}"]\n'
    assert told(CLEAN + sensor.format("a", "x") + sensor.format("b", "y")) == [("sensor.overlap", "sensor b")]
    assert told(CLEAN + sensor.format("a", "x")) == []


MARKER = """[[classifier]]
id = "c"
label = "results"
any = [{ %s }]
[[prohibited]]
id = "no"
when = { labels = ["results"], cleartext = true }
"""


@pytest.mark.parametrize(
    "term",
    [
        'payload_contains = "HTTP/1.1"',
        'payload_contains = "<?xml version="',
        'payload_contains = "Content-Type: application/xml"',
        'payload_contains = "results.example.org"',
        'payload_hex = "00000000"',
        'payload_hex = "474554202f"',
    ],
)
def test_a_marker_that_ordinary_payload_holds(term):
    assert told(CLEAN + MARKER % term) == [("marker.wide", "classifier c")]


@pytest.mark.parametrize(
    "term",
    ['payload_contains = "http://itl.nist.gov/ns/voting/1500-100/v2"', 'payload_hex = "504b0304"', 'sni = "a.example"'],
)
def test_a_marker_of_its_own_format(term):
    assert told(CLEAN + MARKER % term) == []


def test_bulk_is_given_to_data_in_names_without_a_classifier():
    assert told(CLEAN + '[severity]\nunapproved = { bulk = "low" }\n') == []
    assert told(CLEAN + '[severity]\ndeviation = { bulk = "low" }\n') == [("label.never_given", "severity deviation")]


def test_of_two_limits_one_that_is_never_met():
    limits = "limits = {{ bytes_out_per_flow = {}, bytes_out_per_hour = 1_000 }}\n"
    assert told(CLEAN + limits.format(1_001)) == [("channel.limit_idle", "channel up")]
    assert told(CLEAN + limits.format(1_000)) == []


def test_what_may_go_to_whomever_without_an_end():
    anybody = CLEAN + '[[channel]]\nid = "out"\nfrom = ["sites"]\nto = ["any"]\nservice = { ports = [123] }\n'
    limits = "limits = {{ {} = 1_000 }}\n"
    assert told(anybody + limits.format("flows_per_hour")) == [("channel.any_unbounded", "channel out")]
    assert told(anybody + limits.format("bytes_out_per_flow")) == []


def test_a_channel_without_related_data_shadows_none_with():
    service = "service = {{ ports = [21], related = {} }}"
    plain = CLEAN + service.format("false") + "\n"
    assert told(plain + CHANNEL.format(from_='["sites"]', more=service.format("true"))) == [
        ("channel.shadowed", "channel up")
    ]


def test_a_channel_with_limits_shadows_none_without():
    limited = channel(more="limits = { flows_per_hour = 9 }")
    assert told(limited) == [("channel.shadowed", "channel two")]
    assert told(limited.replace('to = ["results"]\n[[', 'to = ["results"]\nlimits = { flows_per_hour = 1 }\n[[')) == []


def test_an_order_that_contradicts_the_stages_or_cannot_be_shown_to_be_broken():
    two = channel('["192.0.2.64/26"]', 'after = ["up"]\nstage = 1\n')
    assert told(two) == [("channel.after_unbounded", "channel two")]
    begun = two.replace('version = "1"', 'version = "1"\nvalid_from = 2026-09-01T00:00:00Z')
    assert told(begun) == []
    staged = begun.replace('to = ["results"]\n[[', 'to = ["results"]\nstage = 1\n[[')
    assert told(staged) == [("channel.stage_order", "channel two")]
    assert told(staged.replace('after = ["up"]\nstage = 1', 'after = ["up"]\nstage = 2')) == []


def test_a_backup_that_leads_where_its_primary_leads():
    backup = channel('["192.0.2.64/26"]', 'only_when_down = ["up"]')
    assert told(backup) == [("channel.stands_in_for_itself", "channel two")]
    assert told(second('cidrs = ["198.51.100.36/32"]') + 'only_when_down = ["up"]\n') == []


@pytest.mark.parametrize(
    ("senders", "code"),
    [("192.0.2.17", None), ("192.0.2.16/29", None), ("192.0.2.200", "expected.outside"), ("", "list.empty")],
)
def test_senders_that_the_channel_does_not_start_from(tmp_path, senders, code):
    (tmp_path / "sites.txt").write_text(senders)
    path = tmp_path / "p.toml"
    path.write_text(CLEAN + 'expected = { per = "sender", senders = "sites.txt", by = 2026-11-04T02:00:00Z }\n')
    assert [one.code for one in lint(load(path), TODAY)] == ([code] if code else [])


def test_what_is_expected_when_the_policy_is_not_valid():
    expected = "expected = { by = 2026-11-04T02:00:00-05:00 }\n"
    assert told(until("2026-12-01") + expected) == []
    assert told(until("2026-11-01") + expected) == [("expected.never", "channel up")]
    for day, told_of in (("sat", [("expected.never", "channel up")]), ("tue", [])):
        nightly = f'when = [{{ days = ["{day}"], start = "20:00", end = "06:00" }}]\nexpected = {{ by = "22:00" }}\n'
        between = until("2026-11-05").replace("valid_until", "valid_from = 2026-11-03T00:00:00Z\nvalid_until", 1)
        assert [one for one in told(between + nightly) if one[0] == "expected.never"] == told_of
    assert told(CLEAN + expected) == []


def test_marks_of_a_draft_are_told_until_the_last_is_gone(tmp_path):
    file = tmp_path / "p.toml"
    file.write_text(
        CLEAN.replace("[[zone]]", "# REVIEW: seen\n[[zone]]").replace("[[server]]", " # REVIEW\n[[server]]")
    )
    [told] = lint(load(file), TODAY)
    assert (told.code, told.file, told.line) == ("policy.review", str(file), 6)
    assert "2 entries await review" in str(told)
    file.write_text(file.read_text().replace("# REVIEW: seen\n", ""))
    [told] = lint(load(file), TODAY)
    assert "1 entry awaits review" in str(told)
    file.write_text(CLEAN + '# REVIEWED by two\n# see the REVIEW\n[[lookup]]\nnames = ["a.example"] # REVIEW\n')
    assert lint(load(file), TODAY) == ()


def test_marks_are_found_in_parts_too(tmp_path):
    file, part = tmp_path / "p.toml", tmp_path / "part.toml"
    file.write_text('include = ["part.toml"]\n' + CLEAN)
    part.write_text('# REVIEW\n[[lookup]]\nnames = ["a.example"]\n')
    [told] = lint(load(file), TODAY)
    assert (told.code, told.file, told.line) == ("policy.review", str(part), 1)


def test_a_warning_names_the_part_that_its_entry_is_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text('include = ["a.toml", "b.toml"]\n' + CLEAN)
    Path("a.toml").write_text('[[lookup]]\nnames = ["a.example"]\n')
    Path("b.toml").write_text('[[lookup]]\nnames = ["b.example"]\n\n[[lookup]]\nnames = ["**.example.org"]\n')
    (told,) = lint(load(Path("p.toml")), TODAY)
    assert str(told).startswith("b.toml:5: lookup lookup-3: **.example.org covers")
    Path("p.toml").write_text('include = ["a.toml", "b.toml"]\n' + until("2026-10-15"))
    assert [str(one).partition(" ")[0] for one in lint(load(Path("p.toml")), TODAY)] == ["b.toml:5:", "p.toml:6:"]

"""Sensors: which source is whose, what can be seen there, from which side, and how sure its clock is."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.sensors import Vantages
from flowwatch.model import Amount, Encapsulation, LookupsRecorded, Ref
from flowwatch.policy import parse

MS = 10**6
SECOND = 1000 * MS
CLOCK = "time.within_clock_error"


def sensor(name="tap", sources=("tap.pcap",), **keys):
    written = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[[sensor]]\nid = "{name}"\nsources = {list(sources)}\n{written}'


@pytest.fixture
def whose(make):
    """Id of the sensor of a source."""

    def found(source, *sensors):
        vantage = Vantages(parse(make.BASE + "".join(sensors))).of(source)
        return vantage.sensor and vantage.sensor.id

    return found


@pytest.mark.parametrize(
    ("glob", "fits", "differs"),
    [
        (
            "tap.pcap",
            ["tap.pcap", "./tap.pcap", "/data/tap.pcap", "../tap.pcap"],
            ["a/tap.pcap", "tap.pcap.gz", "xtap.pcap"],
        ),
        (
            "captures/county/**",
            [
                "captures/county/a.pcap",
                "./captures/county/b/c.pcap",
                "/srv/captures/county/x",
                "../../captures/county/x",
            ],
            ["captures/state/a.pcap", "old/captures/county/a.pcap", "/srv/captures/county", "captures/countyx/a"],
        ),
        (
            "./captures//county/*.pcap",
            ["captures/county/a.pcap"],
            ["captures/county/b/a.pcap", "captures/county/.pcapx"],
        ),
        ("captures/**/a.pcap", ["captures/a.pcap", "captures/b/c/a.pcap"], ["captures/b/ca.pcap"]),
        (
            "**/night-?.pcap",
            ["night-1.pcap", "x/y/night-2.pcap", "/x/night-3.pcap"],
            ["night-12.pcap", "x/night-/.pcap"],
        ),
        ("/srv/tap/*", ["/srv/tap/a", "//srv/tap/a"], ["srv/tap/a", "/x/srv/tap/a", "/srv/tap/a/b"]),
        ("-", ["-"], ["a"]),
        ("a[1].pcap", ["a[1].pcap"], ["a1.pcap"]),
        ("a.pcap", ["a.pcap"], ["axpcap"]),
    ],
)
def test_globs_over_the_path_as_given(whose, glob, fits, differs):
    assert [one for one in fits if whose(one, sensor(sources=[glob])) != "tap"] == []
    assert [one for one in differs if whose(one, sensor(sources=[glob])) is not None] == []


def test_of_several_the_glob_that_says_most_stands_then_the_first_id(whose):
    wide, narrow = sensor("a", ["captures/**"]), sensor("z", ["x/*", "captures/county/**"])
    for sensors in ((wide, narrow), (narrow, wide)):
        assert whose("captures/county/a.pcap", *sensors) == "z"
        assert whose("captures/b.pcap", *sensors) == "a"
    twins = sensor("b", ["captures/*"]), sensor("a", ["captures/**"])
    assert whose("captures/b.pcap", *twins) == whose("captures/b.pcap", *twins[::-1]) == "a"


def test_a_source_of_no_sensor_sees_all(make):
    vantage = Vantages(parse(make.BASE + sensor(sees=["precincts"], clock_error='"1s"', strip=["gre"]))).of(
        "other.pcap"
    )
    assert (vantage.sensor, vantage.clock_error, vantage.sees(("office",))) == (None, 0, True)
    layers = (Encapsulation("gre", "192.0.2.70", "203.0.113.1"),)
    assert vantage.layers(make.sent(tunnel=layers)) == layers


NAT = """
[[zone]]
id = "branch"
cidrs = ["10.1.0.0/16"]
nat = ["203.0.113.5/32"]
[[zone]]
id = "lab"
cidrs = ["10.1.2.0/24"]
within = "branch"
nat = ["203.0.113.8/30"]
"""


@pytest.mark.parametrize(("side", "known"), [('"inside"', False), ('"outside"', True), (None, True)])
def test_translated_addresses_are_the_zone_but_for_a_sensor_inside(make, side, known):
    tap = sensor(**({} if side is None else {"side": side}))
    channel = '[[channel]]\nid = "b"\nfrom = ["branch"]\nto = ["primary"]\ncarries = ["results"]\n'
    court = make.court(NAT + tap + make.PRIMARY + channel)
    translated = make.sent(sender_ip="203.0.113.5")
    assert court.told(translated)[0] == ("approved" if known else "out_of_scope")
    assert court.told(make.sent(sender_ip="10.1.0.9"))[0] == "approved"
    towards = court.derive(make.sent(receiver_ip="203.0.113.9", names=())).decision
    assert towards.receiver_zone == ("lab" if known else None)
    elsewhere = Ref("other.pcap", 1, 1)
    assert court.told(make.sent(sender_ip="203.0.113.5", ref=elsewhere))[0] == "approved"
    asked = make.asked("x.test", client_ip="203.0.113.5", ref=Ref("tap.pcap", 1, 1))
    assert court.asked(asked).sender_zone == ("branch" if known else None)


def test_an_answer_to_a_translated_address_knows_its_opening(make):
    channel = '[[channel]]\nid = "b"\nfrom = ["branch"]\nto = ["zone:precincts"]\n'
    court = make.court(NAT + channel)
    request = make.sent(sender_ip="203.0.113.5", receiver_ip="192.0.2.17", names=())
    assert court.told(make.reply(request), request) == ("approved", "channel.answer")


def test_absence_of_lookups_counts_only_where_the_sender_s_zone_is_seen(make):
    text = make.CLOUD + sensor("dns", ["dns.log"], sees=["office"]) + sensor("other", ["all.log"], sees=["precincts"])
    court = make.court(text)
    seen = make.sent(names=(), lookups_recorded_since=0)
    told = {
        sources: court.told(
            msgspec.structs.replace(seen, lookups_recorded=tuple(LookupsRecorded(one, 0) for one in sources))
        )
        for sources in ((), ("dns.log",), ("dns.log", "all.log"), ("elsewhere.log",))
    }
    unlisted, unseen = ("unapproved", "destination.unlisted"), ("indeterminate", "dns.binding_unobserved")
    assert told == {(): unlisted, ("dns.log",): unseen, ("dns.log", "all.log"): unlisted, ("elsewhere.log",): unlisted}


def test_what_recorded_too_late_where_the_zone_is_seen_proves_nothing(make):
    court = make.court(make.CLOUD + sensor("dns", ["dns.log"], sees=["office"]))
    recorded = (LookupsRecorded("dns.log", 0), LookupsRecorded("all.log", make.NOON))
    sent = make.sent(names=(), lookups_recorded_since=0, lookups_recorded=recorded)
    assert court.told(sent) == ("indeterminate", "dns.binding_unobserved")


def test_a_zone_within_a_seen_one_is_seen(make):
    inner = '[[zone]]\nid = "desk"\ncidrs = ["192.0.2.16/28"]\nwithin = "precincts"\n'
    court = make.court(inner + make.CLOUD + sensor("dns", ["dns.log"], sees=["precincts"]))
    sent = make.sent(names=(), lookups_recorded_since=0, lookups_recorded=(LookupsRecorded("dns.log", 0),))
    assert court.told(sent) == ("unapproved", "destination.unlisted")


def test_an_opening_recorded_where_neither_end_is_seen_is_no_attempt(make):
    tried = make.sent(attempted=True, sent=Amount.exactly(0), receiver_ip="203.0.113.9", names=())
    blind = make.court(sensor(sees=["office"])).derive(tried).decision
    assert (blind.transmission.attempted, blind.transmission.sent) == (False, Amount(0, None))
    for zones in (["precincts"], ["office", "precincts"]):
        assert make.court(sensor(sees=zones)).derive(tried).decision.transmission == tried
    assert make.court("").derive(tried).decision.transmission == tried
    towards = make.sent(attempted=True, sent=Amount.exactly(0), receiver_ip="192.0.2.130", names=())
    assert make.court(sensor(sees=["office"])).derive(towards).decision.transmission == towards


WINDOW = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
when = [{ from = 2026-11-03T12:00:00Z, until = 2026-11-03T13:00:00Z }]
"""
DAILY = WINDOW.replace(
    "{ from = 2026-11-03T12:00:00Z, until = 2026-11-03T13:00:00Z }",
    '{ days = ["tue"], start = "12:00", end = "13:00" }',
)


@pytest.mark.parametrize("text", [WINDOW, DAILY])
@pytest.mark.parametrize(
    ("start", "end", "verdict", "noted"),
    [
        (0, 3599 * SECOND, "approved", False),
        (-200 * MS, 0, "approved", True),
        (-200 * MS - 1, 0, "deviation", False),
        (0, 3600 * SECOND + 200 * MS - 1, "approved", True),
        (0, 3600 * SECOND + 200 * MS, "deviation", False),
        (-200 * MS, 3600 * SECOND + 199 * MS, "approved", True),
    ],
)
def test_a_clock_error_widens_the_edges_of_a_window_to_a_note(make, text, start, end, verdict, noted):
    sent = make.sent(names=(), start=make.NOON + start, end=make.NOON + end)
    court = make.court(text + sensor(clock_error='"200ms"'))
    assert court.told(sent)[0] == verdict
    assert (CLOCK in court.notes(sent)) is noted
    exact = "approved" if verdict == "approved" and not noted else "deviation"
    assert make.court(text).told(sent)[0] == exact
    assert court.told(msgspec.structs.replace(sent, ref=Ref("other.pcap", 1, 1)))[0] == exact


def test_a_clock_error_of_days_reaches_the_window_days_away(make):
    sent = make.sent(names=(), start=make.NOON + 72 * make.HOUR, end=make.NOON + 72 * make.HOUR)
    assert make.court(DAILY + sensor(clock_error='"72h"')).told(sent)[0] == "approved"
    assert make.court(DAILY + sensor(clock_error='"71h"')).told(sent)[0] == "deviation"


def test_begun_before_stays_unseen_within_the_clock_error(make):
    sent = make.sent(names=(), start=make.NOON - 100 * MS, end=make.NOON, begun_before=True)
    court = make.court(WINDOW + sensor(clock_error='"200ms"'))
    assert court.told(sent) == ("indeterminate", "time.begun_before_recording")


def test_a_clock_error_widens_an_exception(make):
    text = """
[[exception]]
id = "EX"
reason = "r"
applies = { zone = "precincts" }
from = 2026-11-03T12:00:00Z
until = 2026-11-03T13:00:00Z
"""
    sent = make.sent(start=make.NOON - 100 * MS)
    assert make.court(text).told(sent) == ("unapproved", "destination.unlisted", "exception.expired")
    court = make.court(text + sensor(clock_error='"200ms"'))
    assert (court.told(sent)[0], court.notes(sent)) == ("excepted", (CLOCK,))


LAWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LAWS
@given(order=st.permutations([("any", "**"), ("a", "a/**"), ("b", "a/b/*"), ("c", "*/b/c"), ("d", "a/b/c")]))
def test_the_order_of_sensors_changes_nothing(make, whose, order):
    sensors = [sensor(name, [glob]) for name, glob in order]
    found = {path: whose(path, *sensors) for path in ("a/b/c", "a/b/d", "a/e", "x/b/c", "e")}
    assert found == {"a/b/c": "d", "a/b/d": "b", "a/e": "a", "x/b/c": "any", "e": "any"}


def test_zones_without_translation_look_alike_everywhere(make):
    vantages = Rulebook.of(parse(make.BASE + sensor(side='"outside"'))).vantages
    assert vantages.of("tap.pcap").zones is vantages.of("other").zones


def test_the_sensor_s_own_layers_are_not_the_traffic_s(make):
    vantage = Vantages(parse(make.BASE + sensor(strip=["vxlan"]))).of("tap.pcap")
    own, gre = Encapsulation("vxlan:100", "192.0.2.1", "192.0.2.2"), Encapsulation("gre", "192.0.2.70", "203.0.113.1")
    assert vantage.layers(make.sent(tunnel=(own, gre))) == (gre,)
    assert vantage.sender_zone(make.sent(sender_ip="10.0.0.1", tunnel=(own, gre))) == "collection"
    assert vantage.sender_zone(make.sent(tunnel=(own, gre))) == "precincts"

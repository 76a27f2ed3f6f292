"""Exceptions are judged at the time of the traffic, cover deviations too, and only the labels they list."""

EXCEPTION = """
[[exception]]
id = "EX-1"
applies = { zone = "precincts", to = { cidrs = ["203.0.113.45/32"] }, service = { proto = "tcp", ports = [443] } }
carries = ["bulk"]
reason = "vendor support"
from = 2026-11-03T12:00:00Z
until = 2026-11-03T13:00:00Z
"""


def _to_vendor(make, **changes):
    return make.sent(**({"receiver_ip": "203.0.113.45", "service_port": 443, "names": ()} | changes))


def test_an_exception_covers_what_no_channel_allows(make):
    court = make.court(make.PRIMARY + EXCEPTION)
    assert court.told(_to_vendor(make)) == ("excepted", "exception.applies")
    assert court.told(_to_vendor(make, service_port=22))[0] == "unapproved"
    assert court.told(_to_vendor(make, sender_ip="192.0.2.70"))[0] == "unapproved"
    assert court.told(_to_vendor(make, receiver_ip="203.0.113.46"))[0] == "unapproved"


def test_only_labels_it_lists(make):
    court = make.court(make.PRIMARY + EXCEPTION)
    assert court.told(_to_vendor(make), labels=("bulk",))[0] == "excepted"
    assert court.told(_to_vendor(make), labels=("results",))[0] == "unapproved"


def test_it_covers_deviations_too(make):
    text = EXCEPTION.replace("203.0.113.45", "198.51.100.20")
    deviating = make.sent(service_port=443)
    assert make.court(make.PRIMARY).told(deviating)[0] == "deviation"
    assert make.court(make.PRIMARY + text).told(deviating)[0] == "excepted"


def test_an_approving_channel_comes_first(make):
    text = EXCEPTION.replace("203.0.113.45", "198.51.100.20").replace("[443]", "[8443]")
    assert make.court(make.PRIMARY + text).told(make.sent())[0] == "approved"


def test_not_in_force_at_that_time(make):
    court = make.court(make.PRIMARY + EXCEPTION)
    hour = make.HOUR
    told = ("unapproved", "destination.unlisted", "exception.expired")
    assert court.told(_to_vendor(make, start=make.NOON + hour, end=make.NOON + hour)) == told
    assert court.told(_to_vendor(make, end=make.NOON + hour)) == told
    assert court.told(_to_vendor(make, start=make.NOON - 1)) == told
    assert court.told(_to_vendor(make, end=make.NOON + hour - 1))[0] == "excepted"


def test_begun_before_the_recording_is_unseen(make):
    told = make.court(make.PRIMARY + EXCEPTION).told(_to_vendor(make, begun_before=True))
    assert told == ("indeterminate", "time.begun_before_recording")

"""What a transmission bears, and what that does to channels."""

import pytest

from flowwatch.model import Amount, NameClass, OpenedBy

CLASSIFIERS = """
[[classifier]]
id = "big"
label = "bulk"
any = [{ bytes_out_min = 1_000_000 }]
[[classifier]]
id = "by-name"
label = "results"
confidence = "medium"
any = [{ sni = "ingest.results.example" }, { http_host = "**.results.example", http_path = "/upload" }]
[[classifier]]
id = "by-port"
label = "syslog"
any = [{ dst_port = 514, from_zone = "precincts" }]
"""


@pytest.fixture
def labelled(make):
    court = make.court(make.PRIMARY + CLASSIFIERS)
    return lambda **changes: [label.name for label in court.derive(make.sent(**changes)).decision.labels]


def test_labels_are_what_classifiers_matched(make, labelled):
    assert labelled() == ["results"]
    assert labelled(sent=Amount.exactly(1_000_000)) == ["bulk", "results"]
    assert labelled(names=(), proto="udp", service_port=514) == ["syslog"]
    host = make.used("a.results.example", evidence=NameClass.HTTP_HOST)
    assert labelled(names=host, http_path="/upload/1") == ["results"]
    assert labelled(names=host, http_path="/other") == ["unread"]


def test_what_was_asked_for_labels_the_answer_that_carries_it(labelled):
    fetched = {"names": (), "opened_by": OpenedBy.RECEIVER, "http_hosts": ("a.results.example",)}
    assert labelled(**fetched, http_path="/upload/1") == ["results"]
    assert labelled(**fetched, http_path="/other") == ["unread"]
    sealed = {"names": (), "opened_by": OpenedBy.RECEIVER}
    assert labelled(**sealed, sni="ingest.results.example") == ["results"]
    assert labelled(**sealed, sni="other.results.example") == ["unread"]


def test_an_ech_outer_name_matches_no_classifier(make, labelled):
    assert labelled(names=make.used("ingest.results.example", outer=True)) == ["unread"]


@pytest.mark.parametrize(
    ("label", "changes"),
    [
        ("unread", {}),
        ("unread", {"clear": None}),
        ("none", {"clear": True}),
        ("none", {"sent": Amount.exactly(4_095)}),
        ("unread", {"sent": Amount.exactly(4_096)}),
        ("none", {"sent": Amount(0, 4_000)}),
        ("unread", {"sent": Amount(0, 4_096)}),
        ("unread", {"sent": Amount(0, None)}),
        ("none", {"sent": Amount.exactly(0), "attempted": True}),
    ],
)
def test_else_none_or_unread(labelled, label, changes):
    assert labelled(names=(), **changes)[-1] == label


def test_confidence_is_the_classifiers(make):
    court = make.court(make.PRIMARY + CLASSIFIERS)
    (label,) = court.derive(make.sent()).decision.labels
    assert (label.sureness, label.classifier) == ("medium", "by-name")


def test_a_threshold_inside_a_range_is_unseen(make):
    court = make.court(make.PRIMARY + CLASSIFIERS)
    assert court.told(make.sent(sent=Amount(999_999, 1_000_001))) == ("indeterminate", "condition.unseen")
    assert court.told(make.sent(sent=Amount(5, 999_999)))[0] == "approved"
    assert court.told(make.sent(sent=Amount(1_000_000, None))) == ("deviation", "label.not_carried")


def test_a_channel_without_carries_carries_no_labelled_data_but_refuses_nothing_unread(make):
    court = make.court(make.PRIMARY.replace('carries = ["results"]', "") + CLASSIFIERS)
    assert court.told(make.sent()) == ("deviation", "label.not_carried")
    bare = make.court(make.PRIMARY.replace('carries = ["results"]', ""))
    assert bare.derive(make.sent()).decision.labels[0].name == "unread"
    assert bare.told(make.sent())[0] == "approved"

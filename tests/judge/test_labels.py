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


def test_icmp_has_no_port_that_could_be_unseen(make):
    court = make.court(make.PRIMARY + CLASSIFIERS)
    ping = make.sent(proto="icmp", names=(), service_port=None, clear=True)
    assert court.derive(ping, labels=None).decision.labels[0].name == "none"
    assert court.told(ping)[0] == "deviation"
    unported = make.sent(names=(), service_port=None, clear=True)
    assert court.told(unported)[0] == "indeterminate"


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


MARKED = """
[[classifier]]
id = "document"
label = "results"
any = [{ payload_contains = "<results county=" }]
[[classifier]]
id = "export"
label = "bulk"
any = [{ payload_contains = "EXPORT 7", payload_hex = "00ff00fe" }, { payload_hex = "cafebabe", bytes_out_min = 1_000 }]
"""


@pytest.fixture
def marked(make):
    court = make.court(make.PRIMARY + MARKED)
    ids = [
        [marker.id for marker in term.markers] for one in court.policies.versions[0].classifiers for term in one.any_
    ]

    def run(*markers, **changes):
        sent = make.sent(**({"names": (), "clear": True, "markers": markers} | changes))
        return [label.name for label in court.derive(sent).decision.labels]

    return run, ids


def test_a_marker_found_in_this_direction_labels_it(marked):
    labels, ids = marked
    assert ids[0] == ["document"]
    assert labels("document") == ["results"]
    assert labels() == ["none"]
    assert labels("other", "document") == ["results"]


def test_every_marker_and_every_other_key_of_a_term_must_hold(marked):
    labels, ((_document,), both, (last,)) = marked
    assert len(both) == 2
    assert labels(*both) == ["bulk"]
    assert [labels(one) for one in both] == [["none"], ["none"]]
    assert labels(last, sent=Amount.exactly(999)) == ["none"]
    assert labels(last, sent=Amount.exactly(1_000)) == ["bulk"]


def test_content_that_could_not_be_read_is_unread_not_unseen(make, marked):
    labels, _ = marked
    assert labels(markers=None, clear=None) == ["unread"]
    assert labels(markers=None, clear=False) == ["unread"]
    court = make.court(make.PRIMARY + MARKED)
    assert court.told(make.sent(markers=None, clear=None))[0] == "approved"


def test_a_marker_shows_that_it_was_read_in_clear(marked):
    labels, _ = marked
    assert labels("other", clear=None) == ["none"]
    assert labels("other", clear=False) == ["none"]
    assert labels(clear=None) == ["unread"]


def test_an_answer_that_carries_a_marked_document_is_labelled_and_the_request_is_not(make):
    court = make.court(make.PRIMARY + MARKED)
    request = make.sent(sender_ip="203.0.113.9", receiver_ip="192.0.2.17", names=(), clear=True, markers=())
    answer = make.reply(request, clear=True, markers=("document",))
    decision = court.derive(answer, request).decision
    assert [label.name for label in decision.labels] == ["results"]
    assert (decision.verdict, decision.severity) == ("unapproved", "critical")
    fetched = make.sent(clear=True, markers=())
    carried = make.reply(fetched, sender_ip="198.51.100.20", clear=True, markers=("document",))
    assert court.derive(carried, fetched).decision.verdict == "out_of_scope"


def test_an_answer_alone_says_nothing_of_what_the_request_held(make):
    court = make.court(make.PRIMARY.replace('carries = ["results"]', 'opened_by = "receiver"') + MARKED)
    answer = make.reply(
        make.sent(sender_ip="198.51.100.20", receiver_ip="192.0.2.17"),
        receiver_ip="198.51.100.20",
        markers=("document",),
    )
    assert "label.not_carried" in court.told(answer)


def test_a_host_is_a_host_with_its_port(make, labelled):
    fetched = {"names": (), "opened_by": OpenedBy.RECEIVER, "http_path": "/upload/1"}
    assert labelled(**fetched, http_hosts=("A.Results.Example.:8443",)) == ["results"]

"""Channels: any fully satisfied one approves; a nearest one is named where some condition fails."""

from flowwatch.model import OpenedBy


def test_omitted_conditions_do_not_restrict(make):
    text = make.PRIMARY.replace('service = { proto = "tcp", ports = [8443] }\n', "")
    assert make.court(text).told(make.sent(proto="udp", service_port=1))[0] == "approved"


def test_some_condition_fails_is_a_deviation_with_its_differences(make):
    told = make.court(make.PRIMARY).told(make.sent(proto="udp", service_port=443))
    assert told == ("deviation", "service.proto", "service.port")


def test_the_nearest_channel_is_reported(make):
    near = '[[channel]]\nid = "z-near"\nfrom = ["precincts"]\nto = ["primary"]\nservice = { proto = "udp" }\n'
    court = make.court(make.PRIMARY + near)
    decision = court.derive(make.sent(proto="sctp", service_port=443)).decision
    assert (decision.verdict, decision.rule.id) == ("deviation", "z-near")
    tie = near.replace("z-near", "a-near").replace('proto = "udp"', 'proto = "udp"')
    assert make.court(make.PRIMARY + near + tie).derive(make.sent(proto="sctp")).decision.rule.id == "a-near"


def test_a_server_listed_for_other_zones_only(make):
    told = make.court(make.PRIMARY).told(make.sent(sender_ip="192.0.2.70"))
    assert told == ("unapproved", "channel.none_from_zone")


def test_from_may_be_a_network(make):
    text = make.PRIMARY.replace('["precincts"]', '["192.0.2.70/32"]')
    assert make.court(text).told(make.sent(sender_ip="192.0.2.70"))[0] == "approved"
    assert make.court(text).told(make.sent(sender_ip="192.0.2.71"))[0] == "unapproved"


def test_within_inherits_the_outer_zones_channels(make):
    inner = '[[zone]]\nid = "desk"\ncidrs = ["192.0.2.16/28"]\n'
    assert make.court(make.PRIMARY + inner).told(make.sent())[1] == "channel.none_from_zone"
    assert make.court(make.PRIMARY + inner + 'within = "precincts"\n').told(make.sent())[0] == "approved"


def test_zone_to_zone_is_judged_like_any_other(make):
    text = '[[channel]]\nid = "hand-in"\nfrom = ["precincts"]\nto = ["zone:collection"]\nservice = { ports = [8443] }\n'
    court = make.court(text)
    to = {"receiver_ip": "192.0.2.70", "names": ()}
    assert court.told(make.sent(**to)) == ("approved", "channel.approved")
    assert court.told(make.sent(service_port=22, **to)) == ("deviation", "service.port")
    assert court.told(make.sent(receiver_ip="192.0.2.140", names=())) == ("unapproved", "channel.none_to_zone")


def test_opened_by(make):
    pull = make.sent(opened_by=OpenedBy.RECEIVER, sender_port=8443, receiver_port=50_000, names=())
    dedicated = make.PRIMARY.replace('id = "primary"', 'id = "primary"\ndedicated = true')
    for declared, told in (("sender", "deviation"), ("receiver", "approved"), ("either", "approved")):
        text = dedicated + f'opened_by = "{declared}"\n'
        assert make.court(text).told(pull)[0] == told
    assert make.court(dedicated).told(pull) == ("deviation", "channel.opened_by")


def test_who_opened_is_unseen_where_only_the_first_record_says_so(make):
    guessed = make.sent(begun_before=True, direction_basis="first_record", service_port=50_001, sender_port=8443)
    assert make.court(make.PRIMARY).told(guessed) == ("indeterminate", "condition.unseen")


def test_a_port_the_source_does_not_give_is_unseen(make):
    assert make.court(make.PRIMARY).told(make.sent(service_port=None)) == ("indeterminate", "condition.unseen")


def test_icmp_has_none_to_fit(make):
    ported = make.PRIMARY.replace('proto = "tcp", ', "")
    ping = make.sent(proto="icmp", service_port=None)
    assert make.court(ported).told(ping) == ("deviation", "service.port")
    assert make.court(ported.replace("ports = [8443]", 'proto = "icmp"')).told(ping)[0] == "approved"


WINDOW = "when = [{ from = 2026-11-03T12:00:00Z, until = 2026-11-03T13:00:00Z }]\n"


def test_windows_are_half_open_from_first_to_last_payload(make):
    court = make.court(make.PRIMARY + WINDOW)
    hour = make.HOUR
    assert court.told(make.sent())[0] == "approved"
    assert court.told(make.sent(start=make.NOON - 1)) == ("deviation", "time.outside_window")
    assert court.told(make.sent(end=make.NOON + hour)) == ("deviation", "time.ends_outside")
    assert court.told(make.sent(end=make.NOON + hour - 1))[0] == "approved"
    assert court.told(make.sent(start=make.NOON + hour, end=make.NOON + hour)) == ("deviation", "time.outside_window")


def test_begun_before_the_recording_leaves_the_lower_edge_unseen(make):
    begun = make.sent(begun_before=True)
    assert make.court(make.PRIMARY + WINDOW).told(begun) == ("indeterminate", "time.begun_before_recording")
    assert make.court(make.PRIMARY).told(begun)[0] == "approved"


def test_unseen_is_indeterminate_unless_another_channel_approves(make):
    other = '[[channel]]\nid = "wide"\nfrom = ["precincts"]\nto = ["primary"]\ncarries = ["results"]\n'
    text = make.PRIMARY + WINDOW
    assert make.court(text).told(make.sent(begun_before=True))[0] == "indeterminate"
    assert make.court(text + other).told(make.sent(begun_before=True))[0] == "approved"


def test_an_attempt_is_judged_by_its_initiator_one_step_lower(make):
    court = make.court(make.PRIMARY)
    sent = court.derive(make.sent(receiver_ip="203.0.113.9", names=(), clear=True)).decision
    attempt = court.derive(make.sent(receiver_ip="203.0.113.9", names=(), clear=None, attempted=True)).decision
    assert (sent.severity, attempt.severity) == ("low", "info")
    assert sent.verdict == attempt.verdict == "unapproved"


def test_small_and_sealed_does_not_pass_unnoticed(make):
    decision = make.court(make.PRIMARY).derive(make.sent(receiver_ip="203.0.113.9", names=make.used("x.test"))).decision
    assert (decision.verdict, decision.severity, decision.labels[0].name) == ("unapproved", "medium", "unread")


def test_what_has_no_time_lies_in_no_window_and_outside_none(make):
    court = make.court(make.PRIMARY + WINDOW)
    assert court.told(make.sent(timed=False, start=0, end=0)) == ("indeterminate", "condition.unseen")
    assert make.court(make.PRIMARY).told(make.sent(timed=False, start=0, end=0))[0] == "approved"

"""Destination rows."""

from flowwatch.judge import judge
from flowwatch.model import Amount, Place


def _rows(make, *transmissions):
    court = make.court(make.PRIMARY)
    return judge(transmissions, [], court.policies, lambda address, _at: Place(address=address), []).destinations


def test_one_row_a_receiver_worst_first_then_by_bytes(make):
    rows = _rows(
        make,
        make.sent(flow=1),
        make.sent(flow=2, service_port=22),
        make.sent(flow=3, receiver_ip="203.0.113.9", names=()),
        make.sent(flow=4, receiver_ip="203.0.113.9", names=(), sent=Amount(7, None), acked=None),
        make.sent(flow=5, receiver_ip="203.0.113.8", names=(), attempted=True, sent=Amount.exactly(0), acked=None),
    )
    assert [(row.address, row.port, row.worst.value) for row in rows] == [
        ("203.0.113.9", 8443, "unapproved"),
        ("203.0.113.8", 8443, "unapproved"),
        ("198.51.100.20", 22, "deviation"),
        ("198.51.100.20", 8443, "approved"),
    ]
    first, second = rows[:2]
    assert (first.transmissions, first.bytes_sent, first.bytes_unknown, first.bytes_acked) == (2, 20_007, 1, 20_000)
    assert (second.attempts, second.bytes_acked, second.senders) == (1, None, 1)


def test_out_of_scope_has_no_destination(make):
    assert _rows(make, make.sent(sender_ip="203.0.113.1")) == ()

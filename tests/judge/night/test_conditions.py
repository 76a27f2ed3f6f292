"""Conditions of a whole night: by the nearest channel, everything that differs told."""

from flowwatch.judge import judge
from flowwatch.model import OF_THE_WHOLE, Amount, Place, Ref

POLICY = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
limits = { bytes_out_per_flow = 1_000, flows_per_hour = 2 }
"""


def test_a_finding_tells_everything_that_differs_in_its_channel(make):
    sent = [
        make.sent(flow=n, ref=Ref("tap.pcap", n, n), sent=Amount.exactly(size))
        for n, size in enumerate((10, 2_000, 10), 1)
    ]
    judged = judge(sent, (), make.court(POLICY).policies, lambda address, _at: Place(address=address))
    (one,) = judged.findings
    assert {check.what for check in one.checks} == {"bytes_out_per_flow", "flows_per_hour"}
    assert one.count == 3


def test_no_single_verdict_has_a_reason_of_the_whole(make):
    judged = judge([make.sent()], (), make.court(POLICY).policies, lambda address, _at: Place(address=address))
    assert not any(OF_THE_WHOLE & set(one.reasons) for one in judged.decisions)
    assert [one.kind for one in judged.findings if one.kind in OF_THE_WHOLE]


def test_an_answer_counts_on_no_channel(make):
    policy = POLICY.replace('to = ["primary"]', 'to = ["zone:collection"]')
    request = make.sent(receiver_ip="192.0.2.70", names=(), sent=Amount.exactly(5))
    judged = judge(
        [request, make.reply(request, sent=Amount.exactly(9_000))],
        (),
        make.court(policy).policies,
        lambda address, _at: Place(address=address),
    )
    assert [one.verdict.value for one in judged.decisions] == ["approved", "approved"]
    assert judged.findings == ()

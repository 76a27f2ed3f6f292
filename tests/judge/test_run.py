"""Everything judged: what belongs together is judged together, lookups apart."""

from flowwatch.judge import judge
from flowwatch.model import Answer, Place, Verdict


def test_an_answer_knows_what_opened_its_flow_wherever_it_stands(make):
    request = make.sent(flow=7, receiver_ip="192.0.2.70", names=())
    answer = make.reply(request)
    text = '[[channel]]\nid = "x"\nfrom = ["precincts"]\nto = ["zone:collection"]\n'
    for order in ([request, answer], [answer, request]):
        judged = judge(order, [], make.court(text).policies, _nowhere, [])
        assert [one.verdict.value for one in judged.decisions] == ["approved", "approved"]
        assert judged.decisions[1].reasons[0] == "channel.answer"


def test_lookups_are_counted_apart(make):
    asked = [
        make.asked("ingest.results.example", answers=(Answer("ingest.results.example", "A", "198.51.100.20"),)),
        make.asked("x.test"),
    ]
    judged = judge([], asked, make.court(make.PRIMARY).policies, _nowhere, [])
    assert judged.lookup_verdicts[Verdict.APPROVED] == judged.lookup_verdicts[Verdict.UNAPPROVED] == 1
    assert sum(tally.count for tally in judged.verdicts.values()) == 0


def _nowhere(address, _at):
    return Place(address=address)

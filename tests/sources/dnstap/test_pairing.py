"""Questions and answers of one stream, put together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.sources.dnstap import pairing
from flowwatch.sources.dnstap.pairing import PATIENCE, One, Pairs

SENT = st.tuples(
    st.booleans(),
    st.sampled_from(("a", "b")),
    st.sampled_from(("x", "y", None)),
    st.none() | st.sampled_from((0, 1, PATIENCE, PATIENCE + 1, 3 * PATIENCE)),
)


@pytest.mark.parametrize("most", [1, 3, 100])
@given(st.data())
def test_each_is_told_once_and_pairs_are_of_one_question(most, data):
    sent = data.draw(st.lists(SENT, max_size=40))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairing, "MOST_QUESTIONS", most)
        patch.setattr(pairing, "MOST_EARLY", most)
        pairs, given_in = Pairs(), {}
        for serial, (is_answer, party, name, time) in enumerate(sent):
            one = One(serial, party, 1, (name, "A") if name else (None, None), time)
            if is_answer:
                if pairs.answer(one):
                    given_in[serial] = one
            elif name:
                pairs.question(one)
                given_in[serial] = one
            assert len(pairs.waiting) <= 2 * most
        pairs.end()
    told = [serial for first, last in pairs.done for serial in sorted({first, last})]
    assert sorted(told) == sorted(given_in)
    for question, answer in pairs.done:
        if question != answer:
            one, other = given_in[question], given_in[answer]
            assert (sent[question][0], sent[answer][0], one.party) == (False, True, other.party)
            assert other.asked in (one.asked, (None, None))
            if one.time is not None and other.time is not None:
                assert abs(other.time - one.time) <= PATIENCE
                assert question < answer or one.time <= other.time
    assert pairs.waiting == []


def test_an_answer_older_than_a_later_question_is_not_its_answer():
    pairs = Pairs()
    assert pairs.answer(One(1, "a", 1, ("x", "A"), 5))
    pairs.question(One(2, "a", 1, ("x", "A"), 6))
    pairs.end()
    assert sorted(pairs.done) == [(1, 1), (2, 2)]

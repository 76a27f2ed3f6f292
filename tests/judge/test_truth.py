"""Three-valued logic: Kleene's tables, and that unseen never decides what a value would."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, conjunction, disjunction, known
from flowwatch.model import Truth

_MANY = st.lists(st.sampled_from(Truth), max_size=6)
_NOT = {TRUE: FALSE, FALSE: TRUE, UNSEEN: UNSEEN}


def _fillings(truths):
    """Every way the unseen may turn out."""
    return itertools.product(*[(TRUE, FALSE) if one is UNSEEN else (one,) for one in truths])


@given(_MANY)
def test_conjunction_and_disjunction_are_what_every_filling_agrees_on(truths):
    for join, plain in ((conjunction, all), (disjunction, any)):
        outcomes = {plain(one is TRUE for one in filled) for filled in _fillings(truths)}
        expected = UNSEEN if len(outcomes) == 2 else known(outcomes.pop())
        assert join(truths) is expected


@given(_MANY)
def test_de_morgan(truths):
    assert _NOT[conjunction(truths)] is disjunction(_NOT[one] for one in truths)


@given(_MANY.flatmap(st.permutations))
def test_order_changes_nothing(truths):
    assert conjunction(truths) is conjunction(sorted(truths))
    assert disjunction(truths) is disjunction(sorted(truths))

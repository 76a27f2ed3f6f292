"""The words of the flat formats: in one order, each with texts, none lost unsaid, all of them documented."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import OpenedBy
from flowwatch.reports import fields, flat

PAGE = Path(__file__).parent.parent.parent / "docs" / "alerts.md"


@pytest.fixture(scope="module")
def words():
    return re.findall(r"`(\w+)`", PAGE.read_text().split("for good.\n")[1])


@given(data=st.data())
def test_words_stand_in_the_order_of_the_page_each_with_texts(data, made_up, words):
    told = flat.facts(data.draw(made_up))
    assert list(told) == [word for word in words if word in told]
    assert all(texts and all(texts) and len(texts) <= fields.LIST_MOST for texts in told.values())


def test_every_word_of_the_page_is_used(told, words):
    one = told[1].finding
    full = msgspec.structs.replace(
        one,
        server="results-primary",
        asked="a.example",
        via="squid",
        opened_by=OpenedBy.SENDER,
        senders=("192.0.2.1",) * 25,
        receiver=msgspec.structs.replace(one.receiver, zone="state"),
    )
    facts = flat.facts(msgspec.structs.replace(told[-3], finding=full, life="raised"))
    assert list(facts) == words
    assert facts["left_out"] == ("senders 5",)

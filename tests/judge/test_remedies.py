"""Neutral words only, in everything the judge can say."""

import re
from pathlib import Path

import flowwatch.judge
from flowwatch.judge.remedies import REMEDIES, remedy_of
from flowwatch.model import Reason

BANNED = re.compile(
    r"attack|leak|breach|fraud|suspicious|malicious|rogue|exfiltrat|theft|steal|compromis|hack|illegal|tamper|evil|"
    r"threat|victim|adversar|infect",
    re.IGNORECASE,
)


def test_sentences_and_remedies_are_neutral():
    for text in [reason.sentence for reason in Reason] + list(REMEDIES.values()):
        assert not BANNED.search(text), text


def test_nothing_in_the_room_speaks_otherwise():
    room = Path(flowwatch.judge.__file__).parent
    files = sorted(room.glob("*.py"))
    assert len(files) > 10
    for file in files:
        assert not BANNED.search(file.read_text()), file


def test_every_reason_a_finding_may_have_has_a_remedy():
    conforming = {"channel.approved", "channel.answer", "exception.applies", "dns.approved_lookup", "policy.none_given"}
    told = {reason for reason in Reason if not reason.startswith("scope.") and reason.value not in conforming}
    assert told == set(REMEDIES)
    assert all(remedy_of(reason).endswith(".") for reason in Reason)

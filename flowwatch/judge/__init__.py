"""Transmissions and lookups against a policy: verdicts, findings, destinations.

Promises: pure (no input or output, inputs untouched, no clock); three-valued (what was not seen never approves); the
order of rules and inputs changes nothing; neutral words; what the recording as a whole shows changes no single verdict.
Refuses: counting once what a client's and a proxy's records both show.
"""

from flowwatch.judge.bench import Bench
from flowwatch.judge.carried_in_names import below, bytes_in_names, with_data_in_names
from flowwatch.judge.considered import Considered
from flowwatch.judge.derivation import Derivation
from flowwatch.judge.findings import finding_of, findings_of, merged_names
from flowwatch.judge.night.explained import OfTheWhole, of_one, unasked
from flowwatch.judge.observation import observe, ties
from flowwatch.judge.past import Past, compare
from flowwatch.judge.remedies import remedy_of
from flowwatch.judge.rulebook import Rulebook
from flowwatch.judge.run import Judgement, decide, judge
from flowwatch.judge.unused import Uses

__all__ = [
    "Bench",
    "Considered",
    "Derivation",
    "Judgement",
    "OfTheWhole",
    "Past",
    "Rulebook",
    "Uses",
    "below",
    "bytes_in_names",
    "compare",
    "decide",
    "finding_of",
    "findings_of",
    "judge",
    "merged_names",
    "observe",
    "of_one",
    "remedy_of",
    "ties",
    "unasked",
    "with_data_in_names",
]

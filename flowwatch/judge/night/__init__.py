"""The recording as a whole against what channels say of a whole night.

Promises: pure and order-free; verdicts of single transmissions stay as they are, so nothing here turns a violation into
an approval. What could not be seen is told as such, never passed over. Heard is only what channels approve: what
differs in itself is a finding already.
"""

from flowwatch.judge.night.claims import claims_answered
from flowwatch.judge.night.conditions import judge_the_night

__all__ = ["claims_answered", "judge_the_night"]

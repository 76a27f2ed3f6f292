r"""BIND 9 query log (category `queries`, 9.9 to 9.20): one question a line, as rows of LOOKUPS without answers.

    [TIME ][queries: ][info: ]client [@0x1 ]192.0.2.1#53[/key K] (NAME): [view V: ]query: NAME IN A +E(0)K (192.0.2.53)

Promises the law of accounting: every line ends as an event, noise or refused with line, offset and reason. Refuses to
say more than was logged: a name was asked for, never that it was answered or that anything was sent.
"""

from flowwatch.sources.bind.grammar import score
from flowwatch.sources.bind.reader import BindLog

__all__ = ["BindLog", "score"]

"""dnstap files: a DNS server's messages in Frame Streams, paired to rows of LOOKUPS with their answers.

Promises the law of accounting over data frames: a question that was asked or answered is an event, also the second of
the two that make a row. Names, answers and types come out as from a capture of the same messages. Refuses to take time
for order (frames of several threads are interleaved), and to tell twice what a server's clients asked: what it asked
itself upstream has `vantage` `upstream`.
"""

from flowwatch.sources.dnstap.frames import is_dnstap
from flowwatch.sources.dnstap.reader import DnstapRecords

__all__ = ["DnstapRecords", "is_dnstap"]

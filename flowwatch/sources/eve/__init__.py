"""Suricata's EVE logs (JSON; seen of versions 7 and 8) as rows of both tables.

Read are `flow`, `netflow`, `dns`, `tls`, `http`, `fileinfo` and `quic`. Promises the law of accounting: every record
ends as an event, noise, unattributable or refused with line, offset and reason; records of other types are counted by
type. Refuses to sum: requests and handshakes are rows of their own, which `conn_id` joins to their flow.
"""

from flowwatch.sources.eve.reader import EveLog
from flowwatch.sources.eve.sniff import score

__all__ = ["EveLog", "score"]

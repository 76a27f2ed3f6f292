"""Zeek logs (conn, dns, ssl, http, quic, files, x509; tab-separated or JSON) as rows of the two tables.

Promises the law of accounting: every record ends as an event, noise, unattributable or refused with line, offset and
reason. Refuses logs of other names: they are named, not guessed at.
"""

from flowwatch.sources.zeek.kinds import KINDS
from flowwatch.sources.zeek.reader import ZeekLog

__all__ = ["KINDS", "ZeekLog"]

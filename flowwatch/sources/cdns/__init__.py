"""C-DNS files (RFC 8618, and the draft whose files say 0.2): questions and answers that a collector packed in blocks.

Promises the law of accounting over the items of a file, read block by block; messages are put together again from what
was kept of them and read by the core, as a capture's are. Refuses to tell what was not kept: answers are null where the
collector left their records out, and so is an address that it shortened. Needs the extra `cdns`.
"""

from flowwatch.sources.cdns.reader import CdnsRecords
from flowwatch.sources.cdns.stream import is_cdns

__all__ = ["CdnsRecords", "is_cdns"]

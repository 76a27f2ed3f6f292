"""Inputs to the two tables: one file an input format, one ordered list of formats, chosen by content.

    reading = sources.read("monday.pcap")
    for table, batch in reading: ...      # "flows" | "lookups", pyarrow.RecordBatch of FLOWS or LOOKUPS
    reading.coverage                      # complete after the last batch

A log that grows is read on with `sources.resume`, which loads the readers of logs.

Promises: bad input never raises, it stands in `coverage` with code, offset and words; nothing is dropped without being
counted; gzip, zstd, xz, bzip2 and lz4 are unpacked on the way; a capture that is still being written can be followed.
Refuses: URLs, other compressions and formats that are not in `FORMATS` (they are named where they are known).
"""

from flowwatch.sources.formats import FORMATS
from flowwatch.sources.growing import patience
from flowwatch.sources.paths import expand
from flowwatch.sources.reading import Collected, Part, Reading, collect, parts, read
from flowwatch.sources.rotation import runs

__all__ = [
    "FORMATS",
    "Collected",
    "Part",
    "Reading",
    "collect",
    "expand",
    "parts",
    "patience",
    "read",
    "runs",
]

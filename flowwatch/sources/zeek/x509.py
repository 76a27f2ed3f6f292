"""Zeek x509.log: certificates, each told once a day and without the connections that showed it.

None of its records is a flow: all are noise, counted and noted. What a connection showed stands in its ssl.log, which
names the certificate by its digest and gives subject and issuer; names and validity stand here alone and are not used.
"""

import pyarrow as pa

from flowwatch.sources.zeek.cells import Cells
from flowwatch.sources.zeek.rows import Rows

FIELDS = ("ts",)
LISTS = ()
_NO_FLOW = "certificate of no named connection: what a connection showed is taken from ssl.log"


def rows(cells: Cells) -> Rows:
    """No row: every record is noise."""
    every = cells.all(value=True, kind=pa.bool_())
    return Rows(table="flows", columns={}, time=cells.time("ts"), noise=every, notes={_NO_FLOW: every})

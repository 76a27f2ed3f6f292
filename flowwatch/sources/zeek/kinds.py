"""The Zeek logs that are read, in one list: which columns each takes, and what becomes of them."""

from collections.abc import Callable, Sequence

import msgspec
import pyarrow as pa

from flowwatch.model.records import FLOWS, LOOKUPS
from flowwatch.sources.zeek import conn, dns, files, http, quic, ssl, x509
from flowwatch.sources.zeek.cells import Cells
from flowwatch.sources.zeek.rows import Rows


class Kind(msgspec.Struct, frozen=True):
    """One of Zeek's logs."""

    path: str
    """As in `#path` and `_path`."""
    fields: Sequence[str]
    lists: Sequence[str]
    rows: Callable[[Cells], Rows]
    schema: pa.Schema

    @property
    def name(self) -> str:
        """Of the input format."""
        return f"zeek-{self.path}"


KINDS = {
    kind.path: kind
    for kind in (
        Kind("conn", conn.FIELDS, conn.LISTS, conn.rows, FLOWS),
        Kind("dns", dns.FIELDS, dns.LISTS, dns.rows, LOOKUPS),
        Kind("ssl", ssl.FIELDS, ssl.LISTS, ssl.rows, FLOWS),
        Kind("http", http.FIELDS, http.LISTS, http.rows, FLOWS),
        Kind("quic", quic.FIELDS, quic.LISTS, quic.rows, FLOWS),
        Kind("files", files.FIELDS, files.LISTS, files.rows, FLOWS),
        Kind("x509", x509.FIELDS, x509.LISTS, x509.rows, FLOWS),
    )
}
"""By `path`."""


class Choice(msgspec.Struct, frozen=True):
    """Which log a record belongs to, where the file may hold several."""

    usual: Kind
    """What the file was detected as, or is said to be."""
    forced: bool = False
    """The user said so: it stands for logs of unknown name too."""

    def of(self, path: str | None) -> Kind | None:
        """The log `path` names, the usual one where none is named; None for one that is not read."""
        if path is None:
            return self.usual
        return KINDS.get(path) or (self.usual if self.forced else None)

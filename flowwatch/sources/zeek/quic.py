"""Zeek quic.log: what a QUIC handshake showed, as a flow without byte counts that `conn_id` joins to its connection.

`client_protocol` is the first protocol the client offered (ALPN); a record without a server name says only that QUIC
was spoken.
"""

import pyarrow as pa

from flowwatch.sources.columns import by_value
from flowwatch.sources.zeek import text
from flowwatch.sources.zeek.cells import Cells
from flowwatch.sources.zeek.conn import identity
from flowwatch.sources.zeek.rows import Rows

FIELDS = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "server_name", "client_protocol",
    "community_id",
)  # fmt: skip
LISTS = ()
_WITH_TLS_1_3 = frozenset({"1", "quicv2"})
"""Versions of RFC 9000 and RFC 9369, which know no other TLS (RFC 9001 4.2)."""


def rows(cells: Cells) -> Rows:
    """The chunk as rows of FLOWS."""
    start = cells.time("ts")
    columns = {
        **identity(cells, start, start),
        "proto": cells.all("udp"),
        "bytes_scope": cells.all("unknown"),
        "community_id": cells.printable("community_id"),
        "app": cells.all("quic"),
        "sni": by_value(cells.raw("server_name"), text.host),
        "alpn": by_value(cells.raw("client_protocol"), text.alone, pa.list_(pa.utf8())),
        "tls_version": by_value(cells.raw("version"), _tls),
        **{f"{side}_clear": cells.all(value=False, kind=pa.bool_()) for side in ("src", "dst")},
    }
    return Rows(table="flows", columns=columns, time=start)


def _tls(version: str) -> str | None:
    return "1.3" if version in _WITH_TLS_1_3 else None

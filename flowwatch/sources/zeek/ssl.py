"""Zeek ssl.log: what a TLS handshake showed, as a flow without byte counts that `conn_id` joins to its connection.

The log does not say the transport: DTLS and HTTP/3 are UDP, else TCP is meant; conn.log knows. A digest is taken over
from `cert_chain_fps` where it is SHA-256 (64 hexadecimal digits; older Zeek wrote SHA-1).
"""

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value
from flowwatch.sources.zeek import text
from flowwatch.sources.zeek.cells import Cells, sha256
from flowwatch.sources.zeek.conn import identity
from flowwatch.sources.zeek.rows import Rows

FIELDS = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "server_name", "next_protocol",
    "subject", "issuer", "ja4", "community_id",
)  # fmt: skip
LISTS = ("cert_chain_fps",)
_VERSIONS = {
    "SSLv3": "3.0",
    "TLSv10": "1.0",
    "TLSv11": "1.1",
    "TLSv12": "1.2",
    "TLSv13": "1.3",
    "DTLSv10": "1.1",
    "DTLSv12": "1.2",
    "DTLSv13": "1.3",
}
"""DTLS by the version of TLS it is made from (RFC 4347, RFC 6347, RFC 9147)."""


def rows(cells: Cells) -> Rows:
    """The chunk as rows of FLOWS."""
    start = cells.time("ts")
    http3 = pc.equal(pc.fill_null(cells.raw("next_protocol"), ""), "h3")
    datagrams = pc.or_(http3, pc.starts_with(pc.fill_null(cells.raw("version"), ""), "DTLS"))
    columns = {
        **identity(cells, start, start),
        "proto": pc.if_else(datagrams, "udp", "tcp"),
        "bytes_scope": cells.all("unknown"),
        "community_id": cells.printable("community_id"),
        "app": pc.if_else(http3, "quic", "tls"),
        "sni": by_value(cells.raw("server_name"), text.host),
        "alpn": by_value(cells.raw("next_protocol"), text.alone, pa.list_(pa.utf8())),
        "tls_version": by_value(cells.raw("version"), _VERSIONS.get),
        "ja4": cells.printable("ja4"),
        "cert_sha256": _leaf(cells),
        "cert_subject": cells.printable("subject"),
        "cert_issuer": cells.printable("issuer"),
    }
    return Rows(table="flows", columns=columns, time=start)


def _leaf(cells: Cells) -> pa.StringArray:
    """SHA-256 of the first certificate the server showed."""
    chains = cells.listed("cert_chain_fps")
    some = pc.greater(pc.fill_null(pc.list_value_length(chains), 0), 0)
    found = pc.list_element(chains.filter(some), 0)
    return sha256(pc.replace_with_mask(cells.nulls(pa.utf8()), some, found))

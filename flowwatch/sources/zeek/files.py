"""Zeek files.log: one file a record, as a flow whose counted bytes are the content sent in one direction.

`is_orig` says who sent it: the flow's initiator or its responder. Zeek from 5.1 names the connection as its other logs
do; before, hosts without ports (`tx_hosts` sent to `rx_hosts`) and the ids of all connections (`conn_uids`). A record
that does not say who sent the file, or over which one connection, is unattributable.

`seen_bytes` is the content as Zeek gave it to its analyzers, so at least that much ran only where nothing makes content
longer than what is sent (base64 makes it shorter). Of HTTP that is known by `total_bytes`, which Zeek sets only where
it undid no compression. Null is the count of what may have run over several connections in parts, for each of which
Zeek tells the whole (an answer over HTTP that came in ranges, unless `conn_uids` has but one; SMB), of a file that was
within another, and of other analyzers. The digest is that of the content, null where a part of it was not seen.

Zeek leaves certificates of TLS out unless told (`X509::log_x509_in_files_log`); older versions have them. The log does
not say the transport: DTLS and Kerberos' `KRB` are UDP, else TCP is meant; conn.log knows.
Source: Zeek's base/frameworks/files/main.zeek, `get_file_handle` of each protocol, and analyzer/protocol/http/HTTP.cc.
"""

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value
from flowwatch.sources.zeek.cells import Cells, printable, sha256
from flowwatch.sources.zeek.conn import connection
from flowwatch.sources.zeek.rows import Rows

FIELDS = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "source", "duration", "is_orig", "seen_bytes",
    "total_bytes", "missing_bytes", "overflow_bytes", "timedout", "parent_fuid", "sha256",
)  # fmt: skip
LISTS = ("tx_hosts", "rx_hosts", "conn_uids")
_NEVER_LONGER = ("FTP_DATA", "IRC_DATA", "SMTP", "SSL", "DTLS", "KRB", "KRB_TCP")
"""Analyzers of one connection that give content as it was sent, or undo only what makes it longer."""
_DATAGRAMS = ("DTLS", "KRB")
_APPS = {"HTTP": "http", "SMTP": "smtp", "FTP_DATA": "ftp-data", "SSL": "tls", "DTLS": "dtls"}
_NO_SENDER = "file without the side that sent it"
_NO_CONNECTION = "file of no connection"
_SEVERAL = "file over several connections: what each carried is not told"


def rows(cells: Cells) -> Rows:
    """The chunk as rows of FLOWS."""
    start, forth = cells.time("ts"), cells.flag("is_orig")
    seen, total = cells.count("seen_bytes"), cells.count("total_bytes")
    count, digest = _count(cells, forth, seen, total), _digest(cells, seen, total)
    columns = {
        **connection(cells, start, pc.add(start, pc.fill_null(cells.span("duration"), 0))),
        "proto": pc.if_else(pc.is_in(cells.raw("source"), pa.array(_DATAGRAMS)), "udp", "tcp"),
        "src_bytes": pc.if_else(forth, count, None),
        "dst_bytes": pc.if_else(forth, None, count),
        "bytes_scope": pc.if_else(pc.is_valid(count), "body", "unknown"),
        "counter": pc.if_else(pc.is_valid(count), "delta", pa.scalar(None, pa.utf8())),
        "app": by_value(cells.raw("source"), _APPS.get),
        "src_payload_sha256": pc.if_else(forth, digest, None),
        "dst_payload_sha256": pc.if_else(forth, None, digest),
    }
    columns |= _between_hosts(cells, forth, columns)
    unsent = pc.is_null(forth)
    unplaced = pc.or_(pc.is_null(columns["src_ip"]), pc.is_null(columns["dst_ip"]))
    notes = _notes(cells, unsent, unplaced)
    return Rows(table="flows", columns=columns, time=start, unattributable=pc.or_(unsent, unplaced), notes=notes)


def _between_hosts(cells: Cells, forth: pa.BooleanArray, told: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Both ends and the id, where not told otherwise by the one connection's hosts that older logs name."""
    alone = cells.only("conn_uids")
    hosts = {field: cells.address(field, cells.only(field)).dictionary_decode() for field in ("tx_hosts", "rx_hosts")}
    sender, receiver = (pc.if_else(pc.is_valid(alone), one, None) for one in hosts.values())
    ends = {"src_ip": pc.if_else(forth, sender, receiver), "dst_ip": pc.if_else(forth, receiver, sender)}
    placed = {side: pc.coalesce(told[side].dictionary_decode(), end) for side, end in ends.items()}
    named = {"conn_id": pc.coalesce(told["conn_id"], printable(alone))}
    return named | {side: column.dictionary_encode() for side, column in placed.items()}


def _notes(cells: Cells, unsent: pa.BooleanArray, unplaced: pa.BooleanArray) -> dict[str, pa.BooleanArray]:
    """Why records are unattributable, one reason each."""
    left = pc.and_(unplaced, pc.invert(unsent))
    several = _several(cells.listed("conn_uids"))
    return {_NO_SENDER: unsent, _SEVERAL: pc.and_(left, several), _NO_CONNECTION: pc.and_(left, pc.invert(several))}


def _count(cells: Cells, forth: pa.BooleanArray, seen: pa.UInt64Array, total: pa.UInt64Array) -> pa.UInt64Array:
    """Bytes of content that certainly ran over this connection; null where that cannot be told."""
    source, ids = cells.raw("source"), cells.listed("conn_uids")
    alone = pc.is_valid(cells.only("conn_uids"))
    plain_http = pc.and_(pc.equal(source, "HTTP"), pc.and_(pc.is_valid(total), pc.or_(forth, alone)))
    certain = pc.or_(pc.is_in(source, pa.array(_NEVER_LONGER)), plain_http)
    certain = pc.and_(certain, pc.and_(pc.is_null(cells.raw("parent_fuid")), pc.invert(_several(ids))))
    return pc.if_else(certain, seen, None)


def _digest(cells: Cells, seen: pa.UInt64Array, total: pa.UInt64Array) -> pa.ListArray:
    """SHA-256 of the content, of which no byte is missing."""
    whole = pc.fill_null(pc.greater_equal(seen, total), fill_value=True)
    for field in ("missing_bytes", "overflow_bytes"):
        whole = pc.and_(whole, pc.equal(pc.fill_null(cells.count(field), 0), 0))
    whole = pc.and_(whole, pc.invert(pc.fill_null(cells.flag("timedout"), fill_value=False)))
    found = pc.if_else(whole, sha256(cells.raw("sha256")), None)
    alone = pa.array(range(len(found) + 1), pa.int32())
    return pa.ListArray.from_arrays(alone, found, mask=pc.is_null(found))


def _several(lists: pa.ListArray) -> pa.BooleanArray:
    return pc.fill_null(pc.greater(pc.list_value_length(lists), 1), fill_value=False)

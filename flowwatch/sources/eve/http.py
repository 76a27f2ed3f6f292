"""EVE `http`: one request a record, as a flow without counts that `conn_id` joins to its conversation.

`http.length` is the size of the answer's body and is not taken for what was sent. A request that Suricata could read
ran in clear, and so did its answer; behind CONNECT and an upgrade what follows is not known to be.

`fileinfo`: a request's body, or one file of it, from who sent it: at least so much was sent. The answer to a POST is
logged with the same words; the sender of a body is taken for the client where its port is the higher one, which
`direction_basis` `port` says. What the answer holds, and files of other protocols, are noise.
"""

import re

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value
from flowwatch.sources.eve.cells import Cells, Rows, host_name, shown
from flowwatch.sources.eve.events import Header
from flowwatch.sources.eve.flow import identity

_LONGEST_PATH, _LONGEST_AGENT = 4096, 1024
_SENDING = pa.array(["POST", "PUT", "PATCH"])
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_NO_BODY = "file that is not known to be a request's body"


def rows(cells: Cells) -> Rows:
    """The records as rows of FLOWS."""
    time = cells.time("timestamp")
    hosts = _hosts(cells)
    clear = _in_clear(cells)
    columns = {
        **identity(cells, time, time),
        "bytes_scope": cells.all("unknown"),
        "app": cells.all("http"),
        "http_host": hosts,
        "http_method": cells.printable("http.http_method"),
        "http_path": _paths(cells),
        "http_user_agent": pc.utf8_slice_codeunits(cells.printable("http.http_user_agent"), 0, _LONGEST_AGENT),
        "http_hosts": by_value(hosts, lambda host: [host], pa.list_(pa.utf8())),
        "src_clear": clear,
        "dst_clear": pc.if_else(pc.is_valid(cells.values("http.status")), clear, None),
    }
    return Rows(columns=columns, start=time, end=time)


def files(cells: Cells) -> Rows:
    """Records of type `fileinfo` as rows of FLOWS; the size, and the digest, only of what was recorded without gaps."""
    made = rows(cells)
    gaps = pc.fill_null(cells.values("fileinfo.gaps"), fill_value=False)
    closed = pc.equal(pc.fill_null(cells.values("fileinfo.state"), ""), "CLOSED")
    digest = pc.if_else(pc.and_not(closed, gaps), cells.values("fileinfo.sha256"), None)
    columns = made.columns | {
        "direction_basis": cells.all("port"),
        "bytes_scope": cells.all("body"),
        "src_bytes": pc.if_else(gaps, None, cells.values("fileinfo.size", pa.uint64())),
        "src_payload_sha256": by_value(digest, _digests, pa.list_(pa.utf8())),
        "dst_clear": pa.nulls(len(cells), pa.bool_()),
    }
    sends = pc.is_in(pc.utf8_upper(columns["http_method"]), _SENDING)
    ahead = pc.fill_null(pc.greater(columns["src_port"], columns["dst_port"]), fill_value=False)
    other = pc.invert(pc.and_(sends, ahead))
    return Rows(columns=columns, start=made.start, end=made.end, noise=other, notes={_NO_BODY: other})


def _digests(digest: str) -> list[str] | None:
    return [digest.lower()] if _SHA256.fullmatch(digest) else None


def _hosts(cells: Cells) -> pa.StringArray:
    """The host asked for; in HTTP/2 its `:authority` where Suricata leaves out `hostname`."""
    named = cells.values("http.hostname")
    pseudo = pc.if_else(pc.is_null(named), cells.each("http.request_headers", _authority), None)
    return pc.coalesce(cells.host("http.hostname"), pseudo)


def _authority(data: str) -> str | None:
    headers = _HEADERS.decode(data)
    return host_name(next((one.value for one in headers if one.name == ":authority" and one.value), ""))


def _paths(cells: Cells) -> pa.StringArray:
    """Path and query; the whole target of CONNECT."""
    connects = pc.fill_null(pc.equal(cells.values("http.http_method"), "CONNECT"), fill_value=False)
    whole = cells.each("http.url", lambda url: shown(url[:_LONGEST_PATH]))
    return pc.if_else(connects, whole, cells.each("http.url", _path))


def _path(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if not mark or not scheme.isalnum():
        return shown(url[:_LONGEST_PATH])
    start = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    return shown(rest[start : start + _LONGEST_PATH]) or "/"


def _in_clear(cells: Cells) -> pa.BooleanArray:
    method, status = cells.values("http.http_method"), cells.values("http.status")
    ended = pc.or_(pc.equal(method, "CONNECT"), pc.fill_null(pc.equal(status, _SWITCHING), fill_value=False))
    return pc.if_else(pc.invert(ended), pa.scalar(value=True), pa.scalar(None, pa.bool_()))


_SWITCHING = 101
_HEADERS = msgspec.json.Decoder(list[Header])

"""Zeek http.log: one request a record, as a flow without byte counts that `conn_id` joins to its connection.

A request that Zeek could read ran in clear, and so did its answer; behind CONNECT and an upgrade what follows is not
known to be. `host` is the Host header without its port; `uri` may be a whole target, whose host is then asked for.
"""

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.columns import by_value
from flowwatch.sources.zeek import text
from flowwatch.sources.zeek.cells import Cells
from flowwatch.sources.zeek.conn import identity
from flowwatch.sources.zeek.rows import Rows

FIELDS = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "method", "host", "uri", "user_agent",
    "status_code", "community_id",
)  # fmt: skip
LISTS = ()
_LONGEST_PATH, _LONGEST_AGENT = 4096, 1024
_SWITCHING = "101"


def rows(cells: Cells) -> Rows:
    """The chunk as rows of FLOWS."""
    start = cells.time("ts")
    hosts, method = by_value(cells.raw("host"), text.host), cells.printable("method")
    other = pc.or_(pc.equal(method, "CONNECT"), pc.equal(pc.fill_null(cells.raw("status_code"), ""), _SWITCHING))
    clear = pc.if_else(pc.fill_null(other, fill_value=True), pa.scalar(None, pa.bool_()), pa.scalar(value=True))
    columns = {
        **identity(cells, start, start),
        "proto": cells.all("tcp"),
        "bytes_scope": cells.all("unknown"),
        "community_id": cells.printable("community_id"),
        "app": cells.all("http"),
        "http_host": hosts,
        "http_method": method,
        "http_path": by_value(cells.raw("uri"), _path),
        "http_user_agent": pc.utf8_slice_codeunits(cells.printable("user_agent"), 0, _LONGEST_AGENT),
        "http_hosts": by_value(hosts, lambda host: [host], pa.list_(pa.utf8())),
        "src_clear": clear,
        "dst_clear": pc.if_else(pc.is_valid(cells.raw("status_code")), clear, None),
    }
    return Rows(table="flows", columns=columns, time=start)


def _path(target: str) -> str:
    """Path and query of a request's target."""
    scheme, mark, rest = target.partition("://")
    if mark and scheme.isalnum():
        start = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
        target = rest[start:] or "/"
    return text.printable(target[:_LONGEST_PATH])

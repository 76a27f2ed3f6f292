"""EVE `http`: one request a record, as a flow without counts that `conn_id` joins to its conversation.

`http.length` is the size of the answer's body and is not taken for what was sent. A request that Suricata could read
ran in clear, and so did its answer; behind CONNECT and an upgrade what follows is not known to be.
"""

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources.eve.cells import Cells, Rows, host_name, shown
from flowwatch.sources.eve.events import Event
from flowwatch.sources.eve.flow import identity

_LONGEST_PATH, _LONGEST_AGENT = 4096, 1024


def rows(cells: Cells) -> Rows:
    """The records as rows of FLOWS."""
    time = cells.time("timestamp")
    hosts = cells.each(_host)
    methods = cells.printable("http.http_method")
    clear = cells.each(_in_clear, pa.bool_())
    columns = {
        **identity(cells, time, time),
        "bytes_scope": cells.all("unknown"),
        "app": cells.all("http"),
        "http_host": hosts,
        "http_method": methods,
        "http_path": cells.each(_path),
        "http_user_agent": pc.utf8_slice_codeunits(cells.printable("http.http_user_agent"), 0, _LONGEST_AGENT),
        "http_hosts": cells.each(lambda event: None if (host := _host(event)) is None else [host], pa.list_(pa.utf8())),
        "src_clear": clear,
        "dst_clear": pc.if_else(pc.is_valid(cells.values("http.status", pa.int64())), clear, None),
    }
    return Rows(columns=columns, start=time, end=time)


def _host(event: Event) -> str | None:
    """The host asked for; in HTTP/2 its `:authority` where Suricata leaves out `hostname`."""
    http = event.http
    if http is None:
        return None
    if http.hostname is not None:
        return host_name(http.hostname)
    pseudo = (one.value for one in http.request_headers or () if one.name == ":authority" and one.value)
    return host_name(next(pseudo, ""))


def _path(event: Event) -> str | None:
    """Path and query; the whole target of CONNECT."""
    http = event.http
    if http is None or http.url is None:
        return None
    scheme, mark, rest = http.url.partition("://")
    if not mark or not scheme.isalnum() or http.http_method == "CONNECT":
        return shown(http.url[:_LONGEST_PATH])
    start = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    return shown(rest[start : start + _LONGEST_PATH]) or "/"


def _in_clear(event: Event) -> bool | None:
    http = event.http
    told = http is not None and http.http_method not in (None, "CONNECT") and http.status != _SWITCHING
    return True if told else None


_SWITCHING = 101

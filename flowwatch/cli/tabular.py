"""A table for a person at a terminal: of records the columns one reads first, everything escaped."""

import datetime as dt
import io
from typing import TYPE_CHECKING, Any, BinaryIO

from rich.console import Console
from rich.table import Table

from flowwatch.cli.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

_ALWAYS = {
    "flows": ("start", "proto", "src_ip", "src_port", "dst_ip", "dst_port"),
    "lookups": ("time", "client_ip", "qname", "qtype", "rcode"),
}
_FLOWS = (*_ALWAYS["flows"], "app", "sni", "http_host", "name", "action")
_PAYLOAD = ("src_payload", "dst_payload", "src_acked", "state")
_BYTES = ("src_bytes", "dst_bytes", "bytes_total", "bytes_scope")
"""Shown where no payload is counted."""
_LOOKUPS = ("time", "client_ip", "server_ip", "transport", "qname", "qtype", "rcode", "answers", "policy_action")
_MOST = 500
_WIDEST = 4000
"""Characters of a line: a cell is never cut to the terminal's width, the terminal folds the line."""


def show(kind: str, table: "pa.Table", file: BinaryIO) -> None:
    """Write the first rows as a table; a last line says how many there are and how to get all of them."""
    columns = _columns(kind, table)
    rows = _milliseconds(table.slice(0, _MOST).select(columns)).to_pylist()
    draw(columns, [[_cell(row[name]) for name in columns] for row in rows], file)
    more = f" (the first {_MOST} shown; --format jsonl prints all)" if table.num_rows > _MOST else ""
    file.write(f"{table.num_rows} {kind}{more}\n".encode())


def draw(columns: "Sequence[str]", rows: "Sequence[Sequence[str]]", file: BinaryIO) -> None:
    """Write cells, which are printable, below the names of their columns."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        right = name.endswith(("payload", "acked", "port", "bytes", "total", "days"))
        grid.add_column(name, justify="right" if right else "left", no_wrap=True)
    for cells in rows:
        grid.add_row(*cells)
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=file.isatty(), width=_WIDEST, markup=False, emoji=False)
    console.print(grid, highlight=False)
    lines = (line.rstrip() for line in drawn.getvalue().splitlines())
    file.writelines(f"{line}\n".encode("ascii", "backslashreplace") for line in lines)


def _columns(kind: str, table: "pa.Table") -> list[str]:
    """Those one reads first, without what this input never says."""
    said = {name for name in table.column_names if table[name].null_count < table.num_rows}
    wanted = (*_FLOWS, *(_PAYLOAD if "src_payload" in said else _BYTES)) if kind == "flows" else _LOOKUPS
    return [name for name in wanted if name in said or name in _ALWAYS[kind] or not table.num_rows]


def _milliseconds(table: "pa.Table") -> "pa.Table":
    """Times as a person reads them; nanoseconds are for the machine formats."""
    import pyarrow as pa

    fields = [f.with_type(pa.timestamp("ms", tz="UTC")) if pa.types.is_timestamp(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields), safe=False)


def _cell(value: Any) -> str:  # noqa: ANN401 - any column
    if value is None:
        return ""
    if isinstance(value, list):
        return printable(" ".join(_item(one) for one in value))
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    return printable(str(value))


def _item(one: Any) -> str:  # noqa: ANN401 - a word or an answer
    return f"{one['type']} {one['data']}" if isinstance(one, dict) else str(one)

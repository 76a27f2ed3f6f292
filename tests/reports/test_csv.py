import csv
import io
import json

import msgspec
import pytest

from flowwatch.model import frames
from flowwatch.reports import write_csv

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def written(report, part="findings"):
    file = io.BytesIO()
    write_csv(report, file, part)
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))


@pytest.mark.parametrize(("part", "schema"), [("findings", frames.FINDINGS), ("destinations", frames.DESTINATIONS)])
def test_a_row_each_below_the_columns(rich, nothing, part, schema):
    rows = written(rich, part)
    assert rows[0] == schema.names
    assert len(rows) - 1 == len(getattr(rich, part))
    assert written(nothing, part) == [schema.names]


def test_a_finding_reads_back(rich):
    names, *rows = written(rich)
    row = dict(zip(names, rows[1], strict=True))
    one = rich.findings[1]
    assert (row["id"], row["kind"], row["bytes_sent"]) == (one.id, one.kind, str(one.bytes_sent))
    assert json.loads(row["senders"]) == list(one.senders)
    assert json.loads(row["names"]) == [seen.name for seen in one.names]
    assert (row["confidence"], row["place_confidence"]) == ("high", "disputed")
    assert json.loads(row["located_by"]) == ["example.mmdb, 2026-10-30"]


@pytest.mark.parametrize("first", FORMULA)
def test_no_cell_begins_a_formula(rich, first):
    odd = f"{first}cmd()"
    finding = msgspec.structs.replace(rich.findings[3], title=odd, asked=odd, remedy=odd)
    reached = msgspec.structs.replace(rich.destinations[2], address=odd, asked=odd)
    report = msgspec.structs.replace(rich, findings=(finding,), destinations=(reached,))
    cells = [cell for part in ("findings", "destinations") for row in written(report, part)[1:] for cell in row]
    assert cells.count(f"'{odd}") == 5
    assert not [cell for cell in cells if cell.startswith(FORMULA)]

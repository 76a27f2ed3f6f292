"""Captures nobody here made, cut short anywhere and with any bytes changed: survived, every record accounted for."""

import csv
import io
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("flowwatch._native", reason="the core is not built")
from flowwatch._native import CaptureError, read_capture  # noqa: TID251 - the border itself is tried here

CORPORA = Path(__file__).parent.parent.parent.parent / "shared" / "corpora"
CAPTURES = 50
MUTATIONS = 10_000
LARGEST = 60_000
"""Bytes of a capture that is tried."""
EVERY_BYTE = 1200
"""A file of at most so many bytes is cut at each of them."""
PLACES = 150
"""Cuts of a longer file."""
PATIENCE = 20
"""Seconds for all that is made of one capture (it takes less than one): a guard against reading that never ends."""
AROUND = (0, 1, 7, 8, 12, 15, 16, 17, 28, 32)
"""Bytes into a record: its header, block header and first bytes of the packet."""

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside this checkout")


def chosen() -> list[Path]:
    """The longest capture that is not too long of each format, wrapper and link type; then the second, and so on."""
    if not CORPORA.is_dir():
        return []
    groups: dict[tuple[str, ...], list[tuple[int, str]]] = {}
    for row in csv.DictReader((CORPORA / "manifest.tsv").read_text().splitlines(), delimiter="\t"):
        path = CORPORA / "captures" / row["source"] / row["path"]
        if int(row["bytes"]) <= LARGEST and path.exists():
            group = groups.setdefault((row["format"], row["wrapper"], row["linktypes"]), [])
            group.append((int(row["bytes"]), str(path)))
    ranked = [
        (rank, key, path)
        for key, group in groups.items()
        for rank, (_, path) in enumerate(sorted(group, reverse=True)[:CAPTURES])
    ]
    return [Path(path) for _, _, path in sorted(ranked)[:CAPTURES]]


@contextmanager
def guarded() -> Iterator[None]:
    """Interrupts what never ends."""

    def stop(*_: object) -> None:
        raise TimeoutError("the reading does not end")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def survives(data: bytes) -> dict[str, Any] | None:
    """The account of these bytes, its laws held; None where they are no capture."""
    reader = read_capture(io.BytesIO(data), digest=False, name="any")
    rows = {"flows": 0, "lookups": 0}
    try:
        for table, batch in reader:
            rows[table] += batch.num_rows
    except CaptureError:
        return None
    [told] = reader.coverage
    assert told["records"] == told["used"] + sum(told["skipped"].values())
    assert rows == {"flows": told["flows"], "lookups": told["lookups"]}
    assert told["size"] == len(data)
    assert told["trailing_bytes"] <= max(len(data), told["unpacked_size"] or 0)
    return dict(told)


def cuts(data: bytes) -> list[int]:
    """Where a file is cut: everywhere, or around the records where conversations begin and at places between."""
    if len(data) <= EVERY_BYTE:
        return list(range(len(data)))
    flows, _ = read_capture(io.BytesIO(data), digest=False, name="any").collect()
    begins = pa.table(flows)["first_offset"].to_pylist()
    near = [at + more for at in begins for more in AROUND if at + more < len(data)]
    step = max(1, len(data) // PLACES)
    return sorted({*near[:: max(1, len(near) // PLACES)], *range(0, len(data), step)})


@pytest.mark.parametrize("path", chosen(), ids=lambda path: "/".join(path.relative_to(CORPORA / "captures").parts))
def test_cut_short_and_changed(path):
    data = path.read_bytes()
    dice = random.Random(str(path.relative_to(CORPORA)))  # noqa: S311 - the same every time
    with guarded():
        whole = survives(data)
        if whole is not None:
            cut_short(data, whole)
        for _ in range(MUTATIONS // CAPTURES):
            survives(changed(data, dice))


def cut_short(data: bytes, whole: dict[str, Any]) -> None:
    """What is read of a part is no more than what is read of all."""
    for end in cuts(data):
        told = survives(data[:end])
        if told is not None:
            assert told["records"] <= whole["records"], end
            assert told["used"] <= whole["used"], end


def changed(data: bytes, dice: random.Random) -> bytes:
    """A few bytes set, left out, doubled or put in; half the time near the front, where headers are."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(min(len(out), 400) if dice.random() < 0.5 else len(out))
        match dice.randrange(6):
            case 0:
                del out[at : at + dice.randint(1, 9)]
            case 1:
                out[at:at] = dice.randbytes(dice.randint(1, 9))
            case 2:
                out[at:at] = out[at : at + dice.randint(1, 200)]
            case _:
                out[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        if not out:
            return b""
    return bytes(out)

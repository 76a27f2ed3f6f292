"""Makes the log of `cdn-publishing`: `python captures/cdn-publishing/make.py [FOLDER]`.

A Zeek `conn.log` of 18,000 reads, packed: as packets it would be a gigabyte.
"""

import json
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import instant, seconds  # noqa: E402

READS, EACH = 18_000, 3_333
"""Of a minute; microseconds from one to the next."""
EDGES = [f"203.0.113.{number}" for number in range(1, 49)]
"""The content network's machines."""
READER, STRANGER = "203.0.113.200", "203.0.113.140"


def make(folder: Path) -> None:
    """Write the log into `folder`."""
    at = instant("2026-11-03T22:00:00-05:00")
    rows = [*reads(at), *others(at)]
    lines = (json.dumps(row) + "\n" for row in sorted(rows, key=lambda row: float(str(row["ts"]))))
    (folder / "input.log.xz").write_bytes(lzma.compress("".join(lines).encode()))


def reads(at: int) -> Iterator[dict[str, object]]:
    """300 a second, from one machine of the network after the other; pages of four sizes."""
    for number in range(READS):
        edge = EDGES[number % len(EDGES)]
        port = 20_000 + number // len(EDGES)
        yield row(
            number, at + number * EACH, (edge, port), (county.RESULTS_SITE, 443), 700, 9_000 + 4_000 * (number % 4)
        )


def others(at: int) -> Iterator[dict[str, object]]:
    """The night's results come in from the centre; one reader goes round the network; one upload goes out."""
    site = county.RESULTS_SITE
    yield row(READS, at - seconds(60), (county.PRIMARY.address, 50_001), (site, 8443), 40_000, 500)
    yield row(READS + 1, at + seconds(20), (READER, 50_002), (site, 443), 700, 13_000)
    yield row(READS + 2, at + seconds(30), (site, 50_003), (STRANGER, 443), 40_000, 900)


def row(
    number: int, at: int, client: tuple[str, int], server: tuple[str, int], sent: int, received: int
) -> dict[str, object]:
    """One line of a finished TLS connection that took 20 milliseconds."""
    up, down = (packets(size) for size in (sent, received))
    return {
        "ts": at / 1_000_000,
        "uid": f"C{number}",
        "id.orig_h": client[0],
        "id.orig_p": client[1],
        "id.resp_h": server[0],
        "id.resp_p": server[1],
        "proto": "tcp",
        "service": "ssl",
        "duration": 0.02,
        "orig_bytes": sent,
        "resp_bytes": received,
        "conn_state": "SF",
        "missed_bytes": 0,
        "history": "ShADadFf",
        "orig_pkts": up,
        "orig_ip_bytes": sent + 40 * up,
        "resp_pkts": down,
        "resp_ip_bytes": received + 40 * down,
    }


def packets(size: int) -> int:
    """Segments of 1,460 bytes, with those that open and close."""
    return -(-size // 1_460) + 4


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

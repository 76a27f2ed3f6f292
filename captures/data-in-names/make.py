"""Makes the recording of `data-in-names`: `python captures/data-in-names/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, instant, lookup, seconds  # noqa: E402
from messages import results_file  # noqa: E402

CARRIED = 30
"""Bytes of the file in one label, as hexadecimal."""


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    for number in range(1, 4):
        county.send(night, county.precinct(number), county.PRIMARY, 16_000 + 100 * number, at)
        at += seconds(30)
    document, client = results_file(1_500), county.precinct(6)
    for start in range(0, len(document), CARRIED):
        name = f"{document[start : start + CARRIED].hex()}.n{start // CARRIED}.t.helper.example"
        lookup(night, client, county.RESOLVER, name, at=at, rcode=3)
        at += seconds(1.5)
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

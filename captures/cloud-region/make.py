"""Makes the recording of `cloud-region`: `python captures/cloud-region/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, instant, seconds  # noqa: E402


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    for number in range(1, 4):
        county.send(night, county.precinct(number), county.PRIMARY, 12_000 + 500 * number, at)
        county.send(night, county.precinct(number), county.BACKUP, 12_000 + 500 * number, at + seconds(5))
        at += seconds(60)
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

"""Makes the recording of `more-than-declared`: `python captures/more-than-declared/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, instant, seconds  # noqa: E402


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    county.send(night, county.precinct(1), county.PRIMARY, 9_000, at)
    county.send(night, county.precinct(2), county.PRIMARY, 26_000, at + seconds(60))
    for number in range(3, 8):  # 21:50 to 22:10: each clock hour holds less than the limit
        county.send(night, county.precinct(number), county.PRIMARY, 9_000, at + seconds(4_800 + 300 * (number - 3)))
    county.send(night, county.precinct(8), county.PRIMARY, 9_000, at + seconds(9_000))
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

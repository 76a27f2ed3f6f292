"""Makes the recording of `right-name-wrong-address`: `python captures/right-name-wrong-address/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, instant, seconds  # noqa: E402

ELSEWHERE = county.Host(county.PRIMARY.name, "203.0.113.99")


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    county.send(night, county.precinct(1), county.PRIMARY, 9_000, at)
    county.send(night, county.precinct(2), county.PRIMARY, 9_400, at + seconds(60))
    county.send(night, county.precinct(3), ELSEWHERE, 9_200, at + seconds(120))
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

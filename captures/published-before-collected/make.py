"""Makes the recording of `published-before-collected`: `python make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, instant, seconds  # noqa: E402


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:00:30-05:00")
    for number in range(1, 4):
        county.ask(night, county.precinct(number), county.PRIMARY, at + seconds(number))
    county.send(night, county.RESULTS_SITE, county.PUBLISHING, 12_000, at + seconds(600))
    for number in range(1, 4):
        county.send(night, county.precinct(number), county.PRIMARY, 9_000, at + seconds(900 + 60 * number))
    county.send(night, county.RESULTS_SITE, county.PUBLISHING, 12_100, at + seconds(2_400))
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

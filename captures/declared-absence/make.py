"""Makes the recording of `declared-absence`: `python captures/declared-absence/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, Tcp, instant, seconds  # noqa: E402

UPDATES = county.Host("updates.vendor.example", "203.0.113.130")
ABROAD = "203.0.113.70"


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, polls_close = Recording(), instant("2026-11-03T20:00:00-05:00")
    county.ask(night, county.RESULTS_SITE, county.PUBLISHING, polls_close - seconds(7_000))
    county.send(night, county.precinct(4), UPDATES, 1_200, polls_close + seconds(300), received=40_000)
    for number in range(1, 4):
        county.send(night, county.precinct(number), county.PRIMARY, 9_000, polls_close + seconds(600 * number))
    Tcp(night, county.precinct(2), ABROAD, 443, polls_close + seconds(2_400)).ask().ask_again(1)  # nothing answers
    county.send(night, county.RESULTS_SITE, county.PUBLISHING, 12_000, polls_close + seconds(7_000))
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

"""Makes the recording of `small-and-sealed`: `python captures/small-and-sealed/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, instant, seconds  # noqa: E402

HELPER = county.Host("telemetry.helper.example", "203.0.113.120")


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    for number in range(1, 9):
        county.send(night, county.precinct(number), county.PRIMARY, 16_000 + 100 * number, at)
        at += seconds(40)
    county.send(night, county.precinct(5), HELPER, 20_000, at - seconds(90))
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

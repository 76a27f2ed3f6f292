"""Makes the recording of `no-result-data`: `python captures/no-result-data/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, instant, seconds  # noqa: E402

SITES = [
    county.Host("www.news.example", "203.0.113.31"),
    county.Host("static.news.example", "203.0.113.32", "edge-3.cdn.example"),
    county.Host("maps.travel.example", "203.0.113.33"),
    county.Host("weather.example", "2001:db8:c::8"),
]


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    day, at = Recording(), instant("2026-11-03T12:05:00-05:00")
    for number in range(1, 4):
        for site in SITES:
            client = f"2001:db8:10::{number}" if ":" in site.address else county.precinct(number)
            county.send(day, client, site, 1_200 + 90 * number, at, received=8_000)
            at += seconds(11)
    day.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

"""Makes the recording of `forwarded-copies`: `python captures/forwarded-copies/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, instant, seconds  # noqa: E402

HOME = county.Host("archive.partner.example", "203.0.113.70")
ABROAD = county.Host("sync.partner.example", "2001:db8:b::15")
SOMEWHERE = county.Host("drop.partner.example", "203.0.113.90")


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T21:10:00-05:00")
    county.send(night, county.RESULTS_SITE, county.DATABASE, 30_200, at)
    county.send(night, county.RESULTS_SITE, HOME, 30_200, at + seconds(4))
    county.send(night, county.RESULTS_SITE_V6, ABROAD, 30_200, at + seconds(6))
    county.send(night, county.RESULTS_SITE, SOMEWHERE, 30_200, at + seconds(9))
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

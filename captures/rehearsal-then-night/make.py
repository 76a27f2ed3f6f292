"""Makes the recordings of `rehearsal-then-night`: `python captures/rehearsal-then-night/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Hello, Recording, instant, seconds, tls  # noqa: E402

VENDOR = county.Host("support.vendor.example", "203.0.113.150")
PARTNER = county.Host("sync.partner.example", "203.0.113.77")
REHEARSALS = ("2026-10-13T19:10:00-04:00", "2026-10-20T19:05:00-04:00", "2026-10-27T19:15:00-04:00")


def make(folder: Path) -> None:
    """Write the recordings of three rehearsals and of the night into `folder`."""
    for number, begun in enumerate(REHEARSALS, 1):
        rehearsal, at = Recording(), instant(begun)
        _collect(rehearsal, range(1, 3 + (number > 1)), 5_000, at)
        if number == 1:  # a machine that is being set up calls its maker
            county.send(rehearsal, county.precinct(2), VENDOR, 6_000, at + seconds(900))
        if number == 3:  # what is collected is published too
            county.send(rehearsal, county.RESULTS_SITE, county.PUBLISHING, 5_000, at + seconds(1_200))
        county.send(rehearsal, county.RESULTS_SITE, county.DATABASE, 8_000, at + seconds(1_000))
        rehearsal.write(folder / f"rehearsal-{number}.pcap")
    night, at = Recording(), instant("2026-11-03T20:15:00-05:00")
    _collect(night, range(1, 5), 9_000, at)
    county.send(night, county.RESULTS_SITE, county.DATABASE, 36_000, at + seconds(1_000))
    county.send(night, county.RESULTS_SITE, county.PUBLISHING, 12_000, at + seconds(1_200))
    county.send(night, county.precinct(2), VENDOR, 6_000, at + seconds(1_500))
    asked = county.ask(night, county.precinct(3), county.PRIMARY, at + seconds(1_800))
    hello = Hello(county.PRIMARY.name)
    tls(night, county.precinct(3), county.PRIMARY.address, at=asked, hello=hello, sent=9_000, port=8443)
    county.send(night, county.RESULTS_SITE, PARTNER, 36_000, at + seconds(2_400))
    night.write(folder / "input.pcap")


def _collect(recording: Recording, precincts: range, sent: int, at: int) -> None:
    """Each precinct sends to the collection centre, one after the other."""
    for place, number in enumerate(precincts):
        county.send(recording, county.precinct(number), county.PRIMARY, sent, at + seconds(120 * place))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

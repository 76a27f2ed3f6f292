"""Makes the recording of `refused-and-blackholed`: `python captures/refused-and-blackholed/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Hello, Recording, Tcp, instant, seconds, tls  # noqa: E402


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    Tcp(night, county.precinct(1), "203.0.113.66", 9, at).ask().refuse()
    unanswered = Tcp(night, county.precinct(2), "203.0.113.200", 443, at + seconds(10))
    unanswered.ask().ask_again(1).ask_again(2)
    Tcp(night, county.precinct(3), county.BACKUP.address, 443, at + seconds(20)).ask().refuse()
    tls(
        night,
        county.precinct(3),
        county.BACKUP.address,
        at=at + seconds(50),
        hello=Hello(county.BACKUP.name),
        sent=9_000,
    )
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

"""Makes the recording of `one-sided`: `python captures/one-sided/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Hello, Recording, instant, seconds, tls  # noqa: E402


def make(folder: Path) -> None:
    """Write both recordings into `folder`/input."""
    (folder / "input").mkdir(exist_ok=True)
    at = instant("2026-11-03T20:30:00-05:00")
    leaving = Recording(lambda sender, _: sender.startswith("192.0.2."))
    tls(leaving, county.precinct(1), county.PRIMARY.address, at=at, hello=Hello(county.PRIMARY.name), sent=9_000)
    tls(
        leaving,
        county.precinct(2),
        "203.0.113.80",
        at=at + seconds(60),
        hello=Hello("sync.partner.example"),
        sent=9_100,
    )
    leaving.write(folder / "input" / "leaving.pcap")
    arriving = Recording(lambda _, receiver: receiver.startswith("192.0.2."))
    at += seconds(3_600)
    tls(arriving, county.precinct(3), county.PRIMARY.address, at=at, hello=Hello(county.PRIMARY.name), sent=9_200)
    tls(
        arriving,
        county.precinct(4),
        "203.0.113.81",
        at=at + seconds(60),
        hello=Hello("drop.partner.example"),
        sent=9_300,
    )
    arriving.write(folder / "input" / "arriving.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

"""Makes the recording of `tunnel-to-a-stranger`: `python captures/tunnel-to-a-stranger/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Hello, Recording, Tunnel, instant, seconds, tls  # noqa: E402

NEAR, FAR, STRANGER = "192.0.2.1", "198.51.100.90", "203.0.113.150"


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    declared = Tunnel(night, NEAR, FAR, "192.0.2.", gre=False)
    to_primary = Hello(county.PRIMARY.name)
    tls(declared, county.precinct(1), county.PRIMARY.address, at=at, hello=to_primary, sent=16_100)
    own = Tunnel(night, county.precinct(2), STRANGER, "192.0.2.")
    tls(own, county.precinct(2), county.PRIMARY.address, at=at + seconds(30), hello=to_primary, sent=16_200)
    hidden = Tunnel(night, county.precinct(3), STRANGER, "203.0.113.1")
    tls(hidden, "203.0.113.17", "203.0.113.201", at=at + seconds(60), hello=Hello("inner.helper.example"), sent=16_300)
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

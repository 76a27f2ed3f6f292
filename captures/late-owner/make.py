"""Makes the recordings of `late-owner`: `python captures/late-owner/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from certificates import certificate  # noqa: E402
from conversations import Recording, Tcp, instant, seconds  # noqa: E402
from messages import client_hello, sealed, server_flight  # noqa: E402


def upload(night: Recording, number: int, shown: bytes, at: int) -> None:
    """Results sent over TLS 1.2 to the collection centre, which shows this certificate."""
    talk = Tcp(night, county.precinct(number), county.PRIMARY.address, 443, at).open()
    talk.client(client_hello(talk.seed, county.PRIMARY.name, newest=0x0303)).server(server_flight(talk.seed, shown))
    talk.client(sealed(talk.seed + "up", 9_000)).close()


def make(folder: Path) -> None:
    """Write the recordings of both nights into `folder`."""
    rehearsal, at = Recording(), instant("2026-10-27T20:30:00-04:00")
    for number in (1, 2, 3):
        upload(rehearsal, number, certificate("county", county.PRIMARY.name), at + seconds(60 * number))
    rehearsal.write(folder / "earlier.pcap")
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    for number in (1, 2, 3):
        upload(night, number, certificate("other", county.PRIMARY.name), at + seconds(60 * number))
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

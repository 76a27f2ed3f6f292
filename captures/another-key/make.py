"""Makes the recording of `another-key`: `python captures/another-key/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from certificates import certificate  # noqa: E402
from conversations import Recording, Tcp, instant, seconds  # noqa: E402
from messages import client_hello, sealed, server_flight  # noqa: E402

ELSEWHERE = "203.0.113.99"


def upload(night: Recording, client: str, server: str, shown: bytes, at: int) -> None:
    """Results sent over TLS 1.2 to a server that shows this certificate."""
    talk = Tcp(night, client, server, 443, at).open()
    talk.client(client_hello(talk.seed, county.PRIMARY.name, newest=0x0303)).server(server_flight(talk.seed, shown))
    talk.client(sealed(talk.seed + "up", 9_000)).close()


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    county_key = certificate("county", county.PRIMARY.name)
    other_key = certificate("other", county.PRIMARY.name)
    upload(night, county.precinct(1), county.PRIMARY.address, county_key, at)
    upload(night, county.precinct(2), ELSEWHERE, other_key, at + seconds(60))
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

"""Makes the recording of `blind-spots`: `python captures/blind-spots/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Hello, Recording, Tcp, instant, seconds, tls  # noqa: E402
from messages import sealed  # noqa: E402


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    _under_way(night, county.precinct(1), county.BACKUP.address, at)
    for number, port, alpn in ((2, 853, "dot"), (3, 443, "h2")):
        hello = Hello("dns.resolver.example", (alpn,))
        tls(night, county.precinct(number), county.RESOLVER, at=at + seconds(number), port=port, hello=hello, sent=900)
    edge, outer = county.PUBLISHING.address, Hello("public.cdn.example", ech=True)
    tls(night, county.precinct(4), edge, at=at + seconds(10), hello=outer, sent=6_000)
    tls(night, county.precinct(5), edge, at=at + seconds(20), hello=Hello(county.PUBLISHING.name), sent=6_100)
    tls(night, county.precinct(6), county.PRIMARY.address, at=at + seconds(30), hello=Hello(None), sent=6_200)
    tls(night, county.precinct(7), county.BACKUP.address, at=at + seconds(40), hello=Hello(None), sent=6_300)
    tls(
        night,
        county.precinct(8),
        county.DATABASE.address,
        at=at + seconds(50),
        hello=Hello(county.DATABASE.name),
        sent=6_400,
    )
    night.write(folder / "input.pcap")


def _under_way(night: Recording, client: str, server: str, at: int) -> None:
    """An upload that had begun before the recording: neither handshake nor hello is in it."""
    talk = Tcp(night, client, server, 443, at)
    talk.client(sealed("under way", 5_000)).close()


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

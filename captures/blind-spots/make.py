"""Makes the recording of `blind-spots`: `python captures/blind-spots/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, Tcp, instant, seconds, tls  # noqa: E402
from messages import sealed  # noqa: E402


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    _under_way(night, county.precinct(1), county.BACKUP.address, at)
    ask_sealed = {"sni": "dns.resolver.example", "sent": 900, "received": 1_800}
    tls(night, county.precinct(2), county.RESOLVER, at=at + seconds(1), port=853, alpn=("dot",), **ask_sealed)
    tls(night, county.precinct(3), county.RESOLVER, at=at + seconds(2), **ask_sealed)
    edge, name = county.PUBLISHING.address, county.PUBLISHING.name
    tls(night, county.precinct(4), edge, at=at + seconds(10), sni="public.cdn.example", sent=6_000, ech=True)
    tls(night, county.precinct(5), edge, at=at + seconds(20), sni=name, sent=6_100)
    tls(night, county.precinct(6), county.PRIMARY.address, at=at + seconds(30), sni=None, sent=6_200)
    tls(night, county.precinct(7), county.BACKUP.address, at=at + seconds(40), sni=None, sent=6_300)
    tls(night, county.precinct(8), county.DATABASE.address, at=at + seconds(50), sni=county.DATABASE.name, sent=6_400)
    night.write(folder / "input.pcap")


def _under_way(night: Recording, client: str, server: str, at: int) -> None:
    """An upload that had begun before the recording: neither handshake nor hello is in it."""
    talk = Tcp(night, client, server, 443, at)
    talk.client(sealed("under way", 5_000)).close()


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

"""Makes the recording of `through-the-proxy`: `python captures/through-the-proxy/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, Tcp, clear, instant, seconds  # noqa: E402
from messages import client_hello, http_request, http_response, sealed, server_hello  # noqa: E402

PROXY = "198.51.100.99"


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    connect(night, county.precinct(1), "ingest.results.example", at, sent=16_100)
    connect(night, county.precinct(2), "sync.partner.example", at + seconds(30), sent=16_200)
    connect(
        night, county.precinct(3), "ingest.results.example", at + seconds(60), sent=16_300, hello="drop.partner.example"
    )
    county.send(night, county.precinct(4), county.PRIMARY, 16_400, at + seconds(90))
    post(night, county.precinct(5), "notices.county.example", at + seconds(120))
    unread(night, county.precinct(6), at + seconds(150))
    night.write(folder / "input.pcap")


def connect(night: Recording, client: str, host: str, at: int, *, sent: int, hello: str | None = None) -> None:
    """A CONNECT (RFC 9110 9.3.6) and TLS to the host behind it; `hello` is what the TLS hello asks for instead."""
    talk = Tcp(night, client, PROXY, 3128, at).open()
    talk.client(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    talk.server(b"HTTP/1.1 200 Connection established\r\n\r\n")
    talk.client(client_hello(talk.seed, hello or host)).server(server_hello(talk.seed))
    talk.client(sealed(talk.seed + "up", sent)).server(sealed(talk.seed + "down", 500))
    talk.close()


def post(night: Recording, client: str, host: str, at: int) -> None:
    """A small request in clear through the proxy, with the whole target (RFC 9112 3.2.2)."""
    request = http_request("POST", host, f"http://{host}/alive", b"ok\n" * 20)
    clear(night, client, PROXY, at=at, request=request, response=http_response(b"", "text/plain"), port=3128)


def unread(night: Recording, client: str, at: int) -> None:
    """Bytes that tell nothing of where they go on to."""
    Tcp(night, client, PROXY, 3128, at).open().client(sealed("unread", 5_000)).close()


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

"""Makes the recording of `cleartext-results`: `python captures/cleartext-results/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, Tcp, clear, instant, seconds  # noqa: E402
from messages import http_request, http_response, results_file  # noqa: E402

STRANGER = "203.0.113.77"


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    county.send(night, county.precinct(1), county.PRIMARY, 16_100, at)
    begun = county.ask(night, county.precinct(2), county.PRIMARY, at + seconds(30))
    request = http_request("POST", county.PRIMARY.name, "/upload", results_file(9_000))
    clear(
        night, county.precinct(2), county.PRIMARY.address, at=begun, request=request, response=http_response(b"<ok/>")
    )
    bare(night, county.precinct(3), at + seconds(60))
    fetch = http_request("GET", "export.county.example", "/today")
    answer = http_response(results_file(20_000))
    clear(night, STRANGER, county.EXPORT_SERVER, at=at + seconds(90), request=fetch, response=answer, port=8080)
    letter = http_request("POST", county.PRIMARY.name, "/upload", b"all quiet here\n" * 300)
    clear(
        night,
        county.precinct(4),
        county.PRIMARY.address,
        at=at + seconds(120),
        request=letter,
        response=http_response(b"<ok/>"),
    )
    night.write(folder / "input.pcap")


def bare(night: Recording, client: str, at: int) -> None:
    """The document over a bare TCP connection, behind no protocol that names anything."""
    Tcp(night, client, STRANGER, 9100, at).open().client(results_file(7_000)).close()


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

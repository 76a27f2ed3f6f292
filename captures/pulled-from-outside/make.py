"""Makes the recording of `pulled-from-outside`: `python captures/pulled-from-outside/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, clear, instant, seconds  # noqa: E402
from messages import http_request, http_response, results_file  # noqa: E402

STRANGER = "203.0.113.77"


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T22:00:00-05:00")
    request = http_request("GET", "export.county.example", "/results/export.xml")
    response = http_response(results_file(24_000))
    for visitor in (county.MIRROR, STRANGER):
        clear(night, visitor, county.EXPORT_SERVER, at=at, request=request, response=response)
        at += seconds(300)
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

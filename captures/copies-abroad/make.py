"""Makes the recording of `copies-abroad` and its list: `python captures/copies-abroad/make.py [FOLDER]`."""

import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, clear, instant, seconds  # noqa: E402
from messages import http_request, http_response, results_file  # noqa: E402

IN_XB = county.Host("files.partner.example", "203.0.113.80")
IN_XC = county.Host("store.helper.example", "203.0.113.140")
FILE = results_file(20_000)


def make(folder: Path) -> None:
    """Write the recording, and the digest of the night's file, into `folder`."""
    night, at = Recording(), instant("2026-11-03T21:10:00-05:00")
    sealed(night, at)
    in_clear(night, at + seconds(900))
    twice_as_declared(night, at + seconds(1_800))
    night.write(folder / "input.pcap")
    (folder / "files.sha256").write_text(f"{hashlib.sha256(FILE).hexdigest()}  county.xml\n")


def sealed(night: Recording, at: int) -> None:
    """The first precinct sends to the centre, then uploads of nearly that size to two others."""
    county.send(night, county.precinct(1), county.PRIMARY, 30_200, at)
    county.send(night, county.precinct(1), IN_XB, 30_260, at + seconds(20))
    county.send(night, county.precinct(1), IN_XC, 30_190, at + seconds(45))


def in_clear(night: Recording, at: int) -> None:
    """The second precinct sends one file to both, readable."""
    for later, host in ((0, IN_XB), (30, IN_XC)):
        begun = county.ask(night, county.precinct(2), host, at + seconds(later))
        put = http_request("PUT", host.name, "/county.xml", FILE)
        clear(night, county.precinct(2), host.address, at=begun, request=put, response=http_response(b"ok"))


def twice_as_declared(night: Recording, at: int) -> None:
    """The third precinct sends to the centre and to its backup, as declared: that is no finding."""
    county.send(night, county.precinct(3), county.PRIMARY, 28_000, at)
    county.send(night, county.precinct(3), county.BACKUP, 28_010, at + seconds(5))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

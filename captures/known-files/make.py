"""Makes the recording of `known-files` and its list: `python captures/known-files/make.py [FOLDER]`."""

import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, clear, instant, seconds  # noqa: E402
from messages import http_request, http_response, results_file  # noqa: E402

STRANGER = "203.0.113.77"
FILES = {
    "precinct-12.xml": results_file(9_000),
    "precinct-13.xml": results_file(7_000),
    "county.xml": results_file(20_000),
}
BOUNDARY = "----form-7"


def make(folder: Path) -> None:
    """Write the recording, and the digests of the night's files, into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    put = chunked_request("PUT", "drop.example", "/12", FILES["precinct-12.xml"])
    clear(night, county.precinct(2), STRANGER, at=at, request=put, response=http_response(b"ok"), port=8080)
    post = form_request("drop.example", "/form", FILES["precinct-13.xml"])
    clear(
        night, county.precinct(3), STRANGER, at=at + seconds(30), request=post, response=http_response(b"ok"), port=8080
    )
    fetch = http_request("GET", "export.county.example", "/today")
    answer = http_response(FILES["county.xml"])
    clear(night, STRANGER, county.EXPORT_SERVER, at=at + seconds(60), request=fetch, response=answer, port=8080)
    letter = http_request("POST", "drop.example", "/upload", b"all quiet here\n" * 300)
    clear(
        night,
        county.precinct(4),
        STRANGER,
        at=at + seconds(90),
        request=letter,
        response=http_response(b"ok"),
        port=8080,
    )
    night.write(folder / "input.pcap")
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in FILES.items()]
    (folder / "files.sha256").write_text("# as sha256sum writes it\n" + "".join(lines))


def chunked_request(method: str, host: str, path: str, body: bytes) -> bytes:
    """A request whose body is cut into chunks of 4 KiB (RFC 9112 7.1)."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunks = [body[at : at + 4096] for at in range(0, len(body), 4096)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n"


def form_request(host: str, path: str, file: bytes) -> bytes:
    """An upload as a browser sends a form with one field and one file (RFC 7578)."""
    field = 'Content-Disposition: form-data; name="county"\r\n\r\n07'
    named = 'Content-Disposition: form-data; name="file"; filename="13.xml"\r\nContent-Type: text/xml\r\n\r\n'
    body = f"--{BOUNDARY}\r\n{field}\r\n--{BOUNDARY}\r\n{named}".encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

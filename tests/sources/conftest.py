"""Hand-made Zeek logs with reserved names and addresses, as tab-separated text and as JSON."""

import bz2
import gzip
import json
import lzma
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

CONN = {
    "ts": "1795333872.718001",
    "uid": "CAbc1",
    "id.orig_h": "192.0.2.10",
    "id.orig_p": 48986,
    "id.resp_h": "198.51.100.7",
    "id.resp_p": 443,
    "proto": "tcp",
    "service": "ssl",
    "duration": "1.500000",
    "orig_bytes": 301212,
    "resp_bytes": 4096,
    "conn_state": "SF",
    "local_orig": True,
    "missed_bytes": 0,
    "history": "ShADadFf",
    "orig_pkts": 25,
    "orig_ip_bytes": 302520,
    "resp_pkts": 12,
    "resp_ip_bytes": 4736,
    "tunnel_parents": None,
}
_TOLD_OF_CONN = {
    **{name: CONN[name] for name in CONN if name == "uid" or name.startswith("id.")},
    "ts": "1795333872.720000",
}
"""What the logs of its protocols say of the same connection."""
DNS = {
    "ts": "1795333870.000001",
    "uid": "CDns1",
    "id.orig_h": "192.0.2.10",
    "id.orig_p": 40000,
    "id.resp_h": "192.0.2.53",
    "id.resp_p": 53,
    "proto": "udp",
    "trans_id": 7,
    "rtt": "0.001528",
    "query": "results.example",
    "qclass": 1,
    "qclass_name": "C_INTERNET",
    "qtype": 1,
    "qtype_name": "A",
    "rcode": 0,
    "rcode_name": "NOERROR",
    "AA": False,
    "TC": False,
    "RD": True,
    "RA": True,
    "answers": ["edge.example", "198.51.100.7"],
    "TTLs": ["300.000000", "60.000000"],
    "rejected": False,
}
SSL = {
    **_TOLD_OF_CONN,
    "version": "TLSv12",
    "cipher": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "server_name": "Results.Example",
    "next_protocol": "h2",
    "cert_chain_fps": ["AB" * 32, "cd" * 32],
    "subject": "CN=results.example",
    "issuer": "CN=Test CA,O=Example",
}
HTTP = {
    **_TOLD_OF_CONN,
    "id.resp_p": 80,
    "trans_depth": 1,
    "method": "POST",
    "host": "Results.Example",
    "uri": "/tally?x=1",
    "user_agent": "sender/1.0",
    "request_body_len": 5000,
    "response_body_len": 2,
    "status_code": 200,
    "tags": [],
}
QUIC = {
    **_TOLD_OF_CONN,
    "version": "1",
    "client_initial_dcid": "95412c47018cdfe8",
    "server_name": "Results.Example",
    "client_protocol": "h3",
    "history": "ISishIHhhIH",
}
FILES = {
    **{name: HTTP[name] for name in HTTP if name in ("ts", "uid") or name.startswith("id.")},
    "fuid": "FUp1",
    "source": "HTTP",
    "depth": 0,
    "analyzers": ["SHA256"],
    "mime_type": "text/csv",
    "filename": "tally.csv",
    "duration": "0.250000",
    "local_orig": True,
    "is_orig": True,
    "seen_bytes": 5000,
    "total_bytes": 5000,
    "missing_bytes": 0,
    "overflow_bytes": 0,
    "timedout": False,
    "parent_fuid": None,
    "sha256": "EF" * 32,
}
_BY_HOSTS = {
    "uid": None,
    **dict.fromkeys(name for name in FILES if name.startswith("id.")),
    "conn_uids": ["CAbc1"],
    "tx_hosts": ["192.0.2.10"],
    "rx_hosts": ["198.51.100.7"],
}
"""What files.log said of the connection before Zeek 5.1."""
X509 = {
    "ts": "1795333872.719000",
    "fingerprint": "ab" * 32,
    "certificate.version": 3,
    "certificate.subject": "CN=results.example",
    "certificate.issuer": "CN=Test CA,O=Example",
    "certificate.not_valid_before": "1767225600.000000",
    "san.dns": ["results.example"],
    "host_cert": True,
    "client_cert": False,
}
_BASE = {"conn": CONN, "dns": DNS, "ssl": SSL, "http": HTTP, "quic": QUIC, "files": FILES, "x509": X509}
_NUMBERS = ("ts", "duration", "rtt")


def by_hosts(**changes: object) -> dict[str, object]:
    """What changes a usual row of files.log to one of Zeek before 5.1."""
    return {**_BY_HOSTS, **changes}


def rows_of(path: str, *changes: dict[str, object]) -> list[dict[str, object]]:
    """One row a change of the usual row of that log."""
    return [{**_BASE[path], **change} for change in changes]


def tsv_of(path: str, rows: list[dict[str, object]], *, end: str = "\n") -> bytes:
    """The rows as Zeek's tab-separated log."""
    fields = list(dict.fromkeys(key for row in rows for key in row)) or list(_BASE[path])
    lines = [r"#separator \x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", f"#path\t{path}"]
    lines.append("\t".join(["#fields", *fields]))
    lines += ["\t".join(_cell(row.get(field)) for field in fields) for row in rows]
    return "".join(line + end for line in lines).encode()


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(_cell, value)) or "(empty)"
    if isinstance(value, bool):
        return "T" if value else "F"
    return "-" if value is None else str(value) or "(empty)"


def jsonl_of(rows: list[dict[str, object]]) -> bytes:
    """The rows as JSON, one object a line; unset fields left out, times as numbers."""
    lines = []
    for row in rows:
        kept = {key: value for key, value in row.items() if value is not None}
        text = json.dumps(kept)
        for key in _NUMBERS:
            text = re.sub(rf'"{key}": "(-?[0-9.]+)"', rf'"{key}": \1', text)
        lines.append(text)
    return "".join(line + "\n" for line in lines).encode()


@pytest.fixture
def rows() -> Callable[..., list[dict[str, object]]]:
    return rows_of


@pytest.fixture
def tsv() -> Callable[..., bytes]:
    return tsv_of


@pytest.fixture
def jsonl() -> Callable[..., bytes]:
    return jsonl_of


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., str]:
    """Writes bytes to a file and gives its path."""

    def write(data: bytes, name: str = "input") -> str:
        path = tmp_path / name
        path.write_bytes(data)
        return str(path)

    return write


def zstd_of(data: bytes) -> bytes:
    """The bytes as a zstd stream of two frames with one to be skipped between them."""
    half = len(data) // 2
    frames: list[bytes] = [pa.compress(part, codec="zstd", asbytes=True) for part in (data[:half], data[half:])]
    return b"\x53\x2a\x4d\x18\x02\0\0\0ab".join(frames)


def gzip_of(data: bytes) -> bytes:
    """The bytes as a gzip stream of two members and padding."""
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:]) + bytes(512)


def halves(compress: Callable[[bytes], bytes], between: bytes = b"") -> Callable[[bytes], bytes]:
    """A way to pack bytes as two streams, one after the other."""

    def both(data: bytes) -> bytes:
        half = len(data) // 2
        return between.join(compress(part) for part in (data[:half], data[half:]))

    return both


def lz4_of(data: bytes) -> bytes:
    """The bytes as one lz4 frame."""
    return bytes(pa.compress(data, codec="lz4", asbytes=True))


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip_of,
    "zstd": zstd_of,
    "xz": halves(lzma.compress, bytes(8)),
    "bzip2": halves(lambda data: bz2.compress(data, 1)),
    "lz4": halves(lz4_of, b"\x53\x2a\x4d\x18\x02\0\0\0ab"),
}
"""Bytes packed in every way that is unpacked, by its name."""


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def packed(request: pytest.FixtureRequest) -> Callable[[bytes], bytes]:
    """Compresses bytes, each way in turn."""
    compress: Callable[[bytes], bytes] = request.param
    return compress


@pytest.fixture(scope="session")
def shared_logs() -> Path:
    """The sample logs beside the repository."""
    folder = Path(__file__).parents[3] / "shared" / "logs"
    if not folder.is_dir():
        pytest.skip("the shared sample logs are not here")
    return folder

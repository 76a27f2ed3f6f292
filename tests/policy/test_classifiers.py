"""The shipped classifiers: each says why, what it mistakes and what it cannot tell, and is tried both ways."""

import datetime as dt
import importlib.util
import re
import shutil
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from flowwatch.audit import audit
from flowwatch.model import OpenedBy
from flowwatch.policy import lint, load
from flowwatch.policy.terms import PolicySet
from flowwatch.trial import run_tests

ROOT = Path(__file__).parents[2]
SHELF = sorted((ROOT / "flowwatch" / "policy" / "classifiers").glob("*.toml"))
HEAD = """schema = "flowwatch.policy/1"
include = [{parts}]
[policy]
id = "p"
version = "1"
[[zone]]
id = "sites"
cidrs = ["192.0.2.0/25"]
[[server]]
id = "results"
match = {{ cidrs = ["198.51.100.20/32"] }}
[[channel]]
id = "up"
from = ["sites"]
to = ["results"]
carries = ["results", "event-log", "bulk", "database"]
"""
MAC = "02:00:00:00:00:01"
CLIENT, SERVER = "192.0.2.17", "198.51.100.20"


def _messages() -> ModuleType:
    """How the sample captures write TLS."""
    spec = importlib.util.spec_from_file_location("messages", ROOT / "captures" / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


messages = _messages()


def including(folder: Path, parts: Iterable[Path]) -> PolicySet:
    """A policy in the folder that includes copies of the parts."""
    for part in parts:
        shutil.copy(part, folder / part.name)
    policy = folder / "policy.toml"
    policy.write_text(HEAD.format(parts=", ".join(f'"{part.name}"' for part in parts)))
    return load(policy)


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> PolicySet:
    return including(tmp_path_factory.mktemp("policy"), SHELF)


@pytest.mark.parametrize("part", SHELF, ids=lambda path: path.stem)
def test_each_can_be_included_alone_and_its_tests_hold(part, tmp_path):
    policies = including(tmp_path, [part])
    results = run_tests(policies)
    assert [one.name for one in results if not one.passed] == []
    labels = {one.label for one in policies.versions[0].classifiers}
    assert {label for one in results for label in one.expected.labels} == labels | {"none"}, "a true and a false one"
    assert all(one.name.startswith(f"{part.stem}: ") for one in results)
    text = part.read_text()
    for heading in ("# Why: ", "# False positives: ", "# Not told: "):
        assert heading in text
    assert all(one.id.startswith(part.stem) for one in policies.versions[0].classifiers)


def test_all_together_can_be_included_and_earn_no_warning(policies):
    assert [str(one) for one in lint(policies, dt.date(2026, 11, 1))] == []
    assert all(one.passed for one in run_tests(policies))
    assert len(SHELF) == 6


Exchange = list[tuple[str, bytes]]
"""What each side sends, in order: `>` the client, `<` the server."""


def capture(path: Path, exchange: Exchange, port: int) -> Path:
    """A TCP conversation with handshake and close as a pcap file."""
    frames: list[bytes] = []
    at = {">": 1_000, "<": 9_000}

    def add(side: str, flags: str, payload: bytes = b"") -> None:
        other = "<" if side == ">" else ">"
        ends = (CLIENT, SERVER, 40_001, port) if side == ">" else (SERVER, CLIENT, port, 40_001)
        tcp = TCP(sport=ends[2], dport=ends[3], seq=at[side], ack=at[other] if "A" in flags else 0, flags=flags)
        frames.append(
            bytes(
                Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=ends[0], dst=ends[1]) / tcp / payload
            )
        )
        at[side] += len(payload) + ("S" in flags or "F" in flags)

    for side, flags in ((">", "S"), ("<", "SA"), (">", "A")):
        add(side, flags)
    for side, payload in exchange:
        for start in range(0, len(payload), 1_400):
            add(side, "PA", payload[start : start + 1_400])
            add("<" if side == ">" else ">", "A")
    for side in (">", "<"):
        add(side, "FA")
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for number, frame in enumerate(frames):
            file.write(struct.pack("<4I", 1_793_755_800, number * 100, len(frame), len(frame)) + frame)
    return path


@pytest.fixture
def labels(tmp_path, policies) -> Callable[[Exchange, int], dict[OpenedBy, set[str]]]:
    """A function from an exchange to the labels of each direction, the client's under `sender`."""

    def told(exchange: Exchange, port: int) -> dict[OpenedBy, set[str]]:
        report = audit([capture(tmp_path / "c.pcap", exchange, port)], policies)
        return {one.transmission.opened_by: {label.name for label in one.labels} for one in report.decisions}

    return told


def put(body: bytes, *headers: str, path: str = "/up") -> Exchange:
    head = "\r\n".join([f"PUT {path} HTTP/1.1", "Host: store.example", f"Content-Length: {len(body)}", *headers])
    return [(">", head.encode() + b"\r\n\r\n" + body), ("<", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]


def ssh(amount: int) -> Exchange:
    versions = [("<", b"SSH-2.0-server\r\n"), (">", b"SSH-2.0-client\r\n")]
    return [*versions, (">", b"\xa5" * amount), ("<", b"\x5a" * 900)]


REPORT = b'<?xml version="1.0"?>\n<ElectionReport xmlns="http://itl.nist.gov/ns/voting/1500-100/v2"><Election/></ElectionReport>'
LOG = b'<ElectionEventLog xmlns="http://itl.nist.gov/ns/voting/1500-101/v1"><Device/></ElectionEventLog>'
BALLOT = b'<BallotDefinition xmlns="http://itl.nist.gov/ns/voting/1500-20/v1"/>'
SSL_REQUEST = struct.pack("!2I", 8, 80_877_103)
STARTUP = struct.pack("!2I", 41, 196_608) + b"user\0tally\0database\0results\0\0"
AUTHENTICATED = b"R" + struct.pack("!2I", 8, 0) + b"S" + struct.pack("!I", 25) + b"server_version\0" + b"17.0\0\0"
GREETING = bytes([74, 0, 0, 0, 10]) + b"8.0.36\0" + bytes(8) + b"12345678\0" + bytes(18) + b"caching_sha2_password\0"


def prelogin(options: list[bytes], kind: int = 0x12) -> bytes:
    """A PRELOGIN message of [MS-TDS] 2.2.6.5 with these option values."""
    offset, table, data = 5 * len(options) + 1, b"", b""
    for token, value in enumerate(options):
        table += struct.pack("!BHH", token, offset + len(data), len(value))
        data += value
    body = table + b"\xff" + data
    return struct.pack("!BBHHBB", kind, 1, len(body) + 8, 0, 1, 0) + body


VERSION = b"\x10\x00\x10\x00\x00\x00"
PRELOGINS = [
    [VERSION, b"\x00", b"\x00", b"\x00\x00\x10\x00", *rest]
    for rest in ([], [b"\x00"], [b"\x00", bytes(36)], [b"\x00", bytes(36), b"\x01"])
]


DATABASE, NONE, BULK, RESULTS, UNREAD = {"database"}, {"none"}, {"bulk"}, {"results"}, {"unread"}
FETCH = [(">", b"GET /r HTTP/1.1\r\nHost: r.example\r\n\r\n"), ("<", b"HTTP/1.1 200 OK\r\n\r\n" + REPORT)]
JSON_REPORT, JSON_LOG = (
    b'{ "@type" :\n "ElectionResults.ElectionReport" }',
    b'{"@type":"EventLogging.ElectionEventLog"}',
)
S3, AZURE = "x-amz-content-sha256: UNSIGNED-PAYLOAD", "x-ms-blob-type: BlockBlob"
TLS = [
    (">", messages.client_hello("c", "db.example")),
    ("<", messages.server_hello("s")),
    (">", messages.sealed("d", 9_000)),
]
TRIED: dict[str, tuple[Exchange, int, set[str], set[str]]] = {
    "results as XML": (put(REPORT), 8080, RESULTS, NONE),
    "results fetched": (FETCH, 80, NONE, RESULTS),
    "results as JSON": (put(JSON_REPORT), 8080, RESULTS, NONE),
    "log as XML": (put(LOG), 8080, {"event-log"}, NONE),
    "log as JSON": (put(JSON_LOG), 8080, {"event-log"}, NONE),
    "another format of the family": (put(BALLOT), 8080, NONE, NONE),
    "a megabyte": (put(bytes(1_000_000)), 8080, BULK, NONE),
    "less than a megabyte": (put(bytes(900_000)), 8080, NONE, NONE),
    "files over SSH": (ssh(60_000), 22, BULK, NONE),
    "files over SSH at another port": (ssh(60_000), 2222, UNREAD, NONE),
    "a terminal over SSH": (ssh(3_000), 22, NONE, NONE),
    "PostgreSQL": ([(">", STARTUP), ("<", AUTHENTICATED)], 5432, DATABASE, DATABASE),
    "PostgreSQL that goes on with TLS": ([(">", SSL_REQUEST), ("<", b"S"), *TLS], 6432, DATABASE, NONE),
    "MySQL": ([("<", GREETING), (">", bytes(32))], 3306, NONE, DATABASE),
    "MySQL that goes on with TLS": ([("<", GREETING), (">", bytes(36)), *TLS], 3306, UNREAD, DATABASE),
    "another protocol at a database's port": ([(">", b"INSERT INTO user VALUES (1)"), ("<", b"ok")], 5432, NONE, NONE),
    "S3": (put(bytes(20_000), S3), 9000, BULK, NONE),
    "a little to S3": (put(bytes(2_000), S3), 9000, NONE, NONE),
    "Azure Blob": (put(bytes(20_000), AZURE), 80, BULK, NONE),
    "Google Cloud Storage": (put(bytes(20_000), path="/upload/storage/v1/b/copies/o"), 80, BULK, NONE),
    "an upload elsewhere": (put(bytes(20_000)), 80, NONE, NONE),
}
for options in PRELOGINS:
    TRIED[f"TDS, {len(options)} options"] = (
        [(">", prelogin(options)), ("<", prelogin(options, 4))], 1433, DATABASE, DATABASE
    )  # fmt: skip


@pytest.mark.parametrize(("exchange", "port", "sender", "receiver"), TRIED.values(), ids=TRIED.keys())
def test_a_recording_is_labelled_by_what_it_holds_and_by_nothing_like_it(labels, exchange, port, sender, receiver):
    told = labels(exchange, port)
    assert told[OpenedBy.SENDER] == sender
    assert told[OpenedBy.RECEIVER] == receiver


def test_the_page_and_the_shelf_name_the_same():
    page = (ROOT / "docs" / "policy.md").read_text()
    listed = set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE))
    assert listed == {part.stem for part in SHELF}

"""JA4 of every hello in the corpora, made here of what tshark reads of its lists, against what the core tells.

tshark reads more hellos than a flow has a first one of (answers to a HelloRetryRequest, EAP, OpenVPN), so each of ours
must be one of its; what it reads otherwise is named. This needs no JA4 of tshark's own, which later versions have.
"""

import csv
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowwatch import sources
from flowwatch.model import ReadOptions

CORPORA = Path(__file__).parent.parent.parent.parent / "shared" / "corpora"
FIELDS = (
    "frame.protocols",
    "tls.handshake.type",
    "tls.handshake.version",
    "tls.handshake.extensions.supported_version",
    "tls.handshake.ciphersuite",
    "tls.handshake.extension.type",
    "tls.handshake.sig_hash_alg",
    "tls.handshake.extensions_alpn_str",
)
GREASE = frozenset(0x1010 * digit + 0x0A0A for digit in range(16))
DELEGATED = 34
"""Delegated credentials (RFC 9345), whose algorithms stand in the same field of tshark as those of signatures."""
VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3"}
OTHERWISE = {
    # The hello behind a CONNECT whose answer the capture has not: tshark waits for the answer.
    "suricata-verify/tests/bug-2512/sample_10.62.112.41_62227.pcap",
    # A client that goes on after version negotiation, whose second Initials tshark does not open.
    "tcpdump/tests/quic_vn.pcap",
}

pytestmark = [
    pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside this checkout"),
    pytest.mark.usefixtures("tshark"),
]


def test_every_fingerprint_is_one_of_what_tshark_reads():
    told = 0
    for name in with_hellos():
        path = CORPORA / "captures" / name
        flows = sources.collect([str(path)], ReadOptions(digest=False)).flows
        mine = {one for one in flows["ja4"].to_pylist() if one and one[0] != "d"}
        theirs = read_by_tshark(path)
        surplus = {one for one in mine if one not in theirs and one.rpartition("_")[0] not in theirs}
        assert bool(surplus) == (name in OTHERWISE), (name, surplus)
        told += len(mine)
    assert told > 150


def with_hellos() -> Iterator[str]:
    """Captures in which tshark found a hello over TCP or QUIC."""
    for row in csv.DictReader((CORPORA / "manifest.tsv").read_text().splitlines(), delimiter="\t"):
        path = CORPORA / "truth" / f"{row['sha256']}.json"
        truth = json.loads(path.read_text()) if path.exists() else None
        if truth and (truth["tls"] or truth["quic"]):
            yield f"{row['source']}/{row['path']}"


def read_by_tshark(path: Path) -> set[str]:
    fields = [word for field in FIELDS for word in ("-e", field)]
    command = ["tshark", "-r", str(path), "-Y", "tls.handshake.type==1", "-T", "fields", *fields]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    split = (line.split("\t") for line in lines)
    return {ja4(dict(zip(FIELDS, columns, strict=True))) for columns in split if columns[1] == "1"}


def ja4(read: dict[str, str]) -> str:
    """The fingerprint of these lists, after FoxIO's JA4.md; without its last part where tshark mixes two lists up."""
    protocols, _, version, versions, ciphers, extensions, algorithms, alpn = (read[field] for field in FIELDS)
    kinds, suites = numbers(extensions), numbers(ciphers)
    newest = VERSIONS.get(max(numbers(versions) or numbers(version)), "00")
    listed = ",".join(f"{kind:04x}" for kind in sorted(kinds) if kind not in (0, 16))
    if listed and numbers(algorithms):
        listed += "_" + ",".join(f"{one:04x}" for one in numbers(algorithms))
    first = alpn.split(",")[0]
    front = f"{'q' if 'quic' in protocols else 't'}{newest}{'d' if 0 in kinds else 'i'}"
    front += f"{min(len(suites), 99):02}{min(len(kinds), 99):02}{first[:1] + first[-1:] or '00'}"
    told = [front, digest(",".join(f"{one:04x}" for one in sorted(suites))), digest(listed)]
    return "_".join(told[:2] if DELEGATED in kinds else told)


def numbers(text: str) -> list[int]:
    return [one for one in (int(word, 0) for word in text.split(",") if word) if one not in GREASE]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12

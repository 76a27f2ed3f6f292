"""A Zeek `dns.log` as tab-separated text, as Zeek writes it with its default script.

Promises the same bytes for the same rows. Refuses to guess: what a row does not give is `-`.
"""

import hashlib
from pathlib import Path

_COLUMNS = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port", "id.resp_h": "addr", "id.resp_p": "port",
    "proto": "enum", "trans_id": "count", "rtt": "interval", "query": "string", "qclass": "count",
    "qclass_name": "string", "qtype": "count", "qtype_name": "string", "rcode": "count", "rcode_name": "string",
    "AA": "bool", "TC": "bool", "RD": "bool", "RA": "bool", "Z": "count", "answers": "vector[string]",
    "TTLs": "vector[interval]", "rejected": "bool",
}  # fmt: skip
_TYPES = {"A": 1, "AAAA": 28}
_RCODES = {"NOERROR": 0, "NXDOMAIN": 3}


def row(
    at: int,
    client: str,
    resolver: str,
    name: str,
    *answers: tuple[str, int],
    kind: str = "A",
    rcode: str = "NOERROR",
) -> dict[str, str]:
    """One line of the log: `at` in microseconds, `answers` as (data, ttl) in message order."""
    digest = hashlib.sha256(f"{at} {client} {name} {kind}".encode())
    port = 30_000 + digest.digest()[0] * 64 + digest.digest()[1] % 64
    return {
        "ts": f"{at // 1_000_000}.{at % 1_000_000:06d}",
        "uid": "C" + digest.hexdigest()[:17],
        "id.orig_h": client,
        "id.orig_p": str(port),
        "id.resp_h": resolver,
        "id.resp_p": "53",
        "proto": "udp",
        "trans_id": str(digest.digest()[2] * 256 + digest.digest()[3]),
        "rtt": "0.009000",
        "query": name,
        "qclass": "1",
        "qclass_name": "C_INTERNET",
        "qtype": str(_TYPES[kind]),
        "qtype_name": kind,
        "rcode": str(_RCODES[rcode]),
        "rcode_name": rcode,
        "AA": "F",
        "TC": "F",
        "RD": "T",
        "RA": "T",
        "Z": "0",
        "answers": ",".join(data for data, _ in answers) or "-",
        "TTLs": ",".join(f"{ttl}.000000" for _, ttl in answers) or "-",
        "rejected": "F",
    }


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """Write the whole log, its header and closing line included."""
    lines = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tdns"]
    lines += [
        "#open\t2026-11-04-01-00-00",
        "#fields\t" + "\t".join(_COLUMNS),
        "#types\t" + "\t".join(_COLUMNS.values()),
    ]
    lines += ["\t".join(one[column] for column in _COLUMNS) for one in rows]
    path.write_text("\n".join([*lines, "#close\t2026-11-04-06-00-00"]) + "\n", encoding="ascii", newline="\n")

"""Which Zeek log the first bytes of an input are of, by its header or by the keys of its first object."""

import json
import re
from collections.abc import Set

from flowwatch.sources.zeek.header import Header, after

_KEY = re.compile(r'"([^"\\]{1,64})"\s*:')
_TELLING: tuple[tuple[str, set[str], set[str]], ...] = (
    ("dns", {"trans_id"}, {"query", "qtype", "qtype_name", "rcode_name"}),
    ("conn", set(), {"conn_state", "orig_ip_bytes"}),
    ("quic", {"client_initial_dcid"}, set()),
    ("ssl", set(), {"cipher", "server_name", "cert_chain_fps", "cert_chain_fuids", "validation_status"}),
    ("http", {"method"}, {"host", "uri", "status_code"}),
    ("files", {"fuid", "source"}, {"seen_bytes", "total_bytes", "mime_type"}),
    ("smtp", {"trans_depth"}, {"helo", "mailfrom", "rcptto"}),
    ("x509", {"certificate.subject"}, {"fingerprint", "id"}),
)
"""Path, keys of which all are there, keys of which one is; the first that fits."""
_OWN = frozenset({"uid", "id.orig_h", "fuid", "certificate.subject"})
"""Keys of which every log of Zeek has one, beside `ts`."""
_RECORDS = (("id", "id_orig_h"), ("certificate", "certificate_subject"))
"""Fields that are records, and a key that tells that their dots were replaced."""
_CERTAIN, _LIKELY, _FAIR = 100, 90, 80


def path(head: bytes) -> tuple[str | None, int]:
    """The log's `path` and a score of 0 to 100; (None, score): Zeek's without a name, (None, 0): not Zeek's."""
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip()
    if text.startswith("#"):
        return _by_header(text)
    if text.startswith(("{", "[")):
        return _by_keys(text)
    return None, 0


def _by_header(text: str) -> tuple[str | None, int]:
    header = Header()
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        header = after(header, line)
    if header.path and header.fields:
        return header.path, _CERTAIN
    return (told(set(header.fields)), _FAIR) if "ts" in header.fields else (None, 0)


def _by_keys(text: str) -> tuple[str | None, int]:
    row = flat(first_object(text))
    named, keys = row.get("_path", row.get("@stream")), row.keys()
    of_zeek = "ts" in keys and (bool(keys & _OWN) or isinstance(row.get("id"), dict))
    if isinstance(named, str) and of_zeek:
        return named, _CERTAIN
    return (told(keys), _LIKELY) if of_zeek else (None, 0)


def flat(row: dict[str, object]) -> dict[str, object]:
    """The object with the fields of its records (`id`, `certificate`) by their dotted names, whoever changed them."""
    for outer, telling in _RECORDS:
        inner = row.get(outer)
        if isinstance(inner, dict):
            row.update({f"{outer}.{name}": value for name, value in inner.items()})
        if telling in row:
            start = f"{outer}_"
            names = [name for name in row if name.startswith(start)]
            row.update({f"{outer}.{name.removeprefix(start)}": row[name] for name in names})
    return row


def told(keys: Set[str]) -> str | None:
    """The `path` of the log whose records have such keys, None where they do not tell."""
    for name, every, some in _TELLING:
        if every <= keys and (not some or some & keys):
            return name
    return None


def first_object(text: str) -> dict[str, object]:
    """The first JSON object of the text; where it does not end within it, its keys without their values."""
    try:
        row, _ = json.JSONDecoder().raw_decode(text.lstrip("[ \t\r\n"))
    except (ValueError, RecursionError):
        return dict.fromkeys(_KEY.findall(text.partition("\n")[0] if "}" in text.partition("\n")[0] else text))
    return row if isinstance(row, dict) else {}

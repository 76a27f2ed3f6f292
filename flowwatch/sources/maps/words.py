"""Single values of a map's records, as a log writes them, to the words and numbers of the two tables.

Each conversion gives None where the value is not of its type.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from flowwatch.sources import text
from flowwatch.sources.mnemonics import class_word, rcode_word, spelt, type_word

_ADDRESSES = frozenset({"src_ip", "dst_ip", "client_ip", "server_ip", "nat_src_ip", "nat_dst_ip"})
_NAMES = frozenset({"qname", "name", "sni", "http_host"})
_DIGITS = re.compile(r"\d{1,19}", re.ASCII)
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp"}
_WORDED = {"ipv6-icmp": "icmp6", "icmpv6": "icmp6", "igmp": "2", "gre": "47", "esp": "50", "ah": "51", "udplite": "136"}
TCP_FLAGS = {"FIN": 0x01, "SYN": 0x02, "RST": 0x04, "PSH": 0x08, "ACK": 0x10, "URG": 0x20, "ECE": 0x40, "CWR": 0x80}
_NAMED = re.compile(r"[a-z][a-z0-9-]{0,15}", re.ASCII)
_NUMBERED = re.compile(r"(?:TYPE|CLASS)?(\d{1,5})(?: \((\w{1,16})\))?", re.ASCII)
_COUNT = (1 << 63) - 1
_AUTHORITY = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]{0,31})://)?(?:[^@/?#]{0,1024}@)?(?:\[([0-9A-Fa-f:.]+)\]|([^:/?#\[\]@]{1,1024}))"
    r"(?::(\d{1,5}))?(?:[/?#].*)?",
    re.ASCII | re.DOTALL,
)
_PORTS = {"http": "80", "https": "443", "ftp": "21"}
_LENGTH = re.compile(rb"\((\d{1,2})\)")


def as_text(value: object) -> str | None:
    """A JSON value or a cell as text; what is no single value, and a binary fraction that is no number, says itself."""
    if value is None or isinstance(value, str):
        return None if value is None else value.encode("utf-8", "replace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else format(Decimal(repr(value)), "f") if _plain(value) else "?"


def _plain(value: object) -> bool:
    return isinstance(value, float) and abs(value) < 1e15


def of_column(name: str) -> Callable[[str], str | None]:
    """The change of a column of words."""
    if name in _ADDRESSES:
        return text.address
    if name in _NAMES:
        return text.printed_name
    return {
        "proto": protocol,
        "qtype": record_type,
        "qclass": record_class,
        "rcode": response_code,
        "transport": protocol,
    }.get(name, lambda value: text.printable(value.encode()))


def protocol(value: str) -> str | None:
    """`tcp`, `udp`, `icmp`, `icmp6`, `sctp`, else the IANA number, from a number or a word."""
    if value.isdecimal() and len(value) < 4:
        return _PROTOCOLS.get(int(value), value if int(value) < 256 else None)
    word = value.lower()
    return _WORDED.get(word, word) if _NAMED.fullmatch(word) else None


def record_type(value: str) -> str | None:
    """The mnemonic of a record type, from a number or a word, as `1`, `TYPE1`, `1 (A)`."""
    numbered = _NUMBERED.fullmatch(value)
    if numbered:
        return type_word(int(numbered[1])) if int(numbered[1]) <= 0xFFFF else None
    return spelt(value)


def record_class(value: str) -> str | None:
    """The mnemonic of a class, from a number or a word."""
    numbered = _NUMBERED.fullmatch(value)
    if numbered:
        return class_word(int(numbered[1])) if int(numbered[1]) <= 0xFFFF else None
    return spelt(value)


def response_code(value: str) -> str | None:
    """The mnemonic of a response code, from a number or a word, as `NameError`."""
    if value.isdecimal() and len(value) < 5:
        return rcode_word(int(value))
    word = value.upper().replace("_", "")
    return {"NAMEERROR": "NXDOMAIN", "SERVERFAILURE": "SERVFAIL"}.get(word, spelt(word))


def count(value: str) -> int | None:
    """A whole number of 63 bits, in digits."""
    return int(value) if _DIGITS.fullmatch(value) and int(value) <= _COUNT else None


def tcp_flags(value: str) -> int | None:
    """TCP flags as a number, from one or from their words."""
    if value.isdecimal():
        return count(value)
    return sum({TCP_FLAGS.get(word, 0) for word in value.split()})


def port(value: str) -> int | None:
    """A port, in digits."""
    return int(value) if value.isdecimal() and value.isascii() and len(value) < 6 and int(value) <= 0xFFFF else None


def part(which: str, value: str) -> str | None:
    """The host, the port, or both of `HOST:PORT` or of a URL; None where it has none.

    Of both HTTP's own port is left out, as a request for an `http` target leaves it out (RFC 9110 4.2.1).
    """
    found = _AUTHORITY.fullmatch(value)
    if found is None:
        return None
    scheme, bracketed, host, port = found.groups()
    if which == "host":
        return bracketed or host
    port = port or _PORTS.get((scheme or "").lower())
    if which == "port":
        return port
    host = f"[{bracketed}]" if bracketed else host
    return host if port in (None, "80") else f"{host}:{port}"


def counted(value: str) -> str | None:
    """A DNS name whose labels stand behind their lengths, as `(3)www(7)example(0)`; None where a length does not fit.

    Labels are taken by their length, so that one may hold what looks like another (`(3)`).
    """
    if value.startswith(".") and value.endswith("."):
        return text.printed_name(value[1:])  # as Windows 2003 and older print it
    data, at = value.encode("utf-8", "replace"), 0
    labels: list[str] = []
    while found := _LENGTH.match(data, at):
        size, at = int(found[1]), found.end()
        if size == 0:
            return (".".join(labels) or ".") if at == len(data) else None
        labels.append(text.label(data[at : at + size]))
        at += size
    return None

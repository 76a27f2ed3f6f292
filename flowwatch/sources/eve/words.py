r"""Suricata's words and text to ours.

Suricata writes bytes that are UTF-8 as they are; where they are not, each byte from 128 on as `\xNN` (jsonbuilder,
`try_string_from_bytes`). Nothing marks which of both it was, so a name that holds such an escape is not exact. Labels
of a name are joined with dots, and a dot within one is not marked.
"""

import functools
import re

from flowwatch.sources import text
from flowwatch.sources.mnemonics import rcode_word, spelt, type_word

_ESCAPE = re.compile(rb"\\x([89a-f][0-9a-f])")
_PLAIN_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,3}")
_PROTOCOLS = {
    "hopopt": "0", "icmp": "icmp", "igmp": "2", "ip-in-ip": "4", "tcp": "tcp", "udp": "udp", "dccp": "33", "ipv6": "41",
    "ipv6-route": "43", "ipv6-frag": "44", "rsvp": "46", "gre": "47", "esp": "50", "ah": "51", "ipv6-icmp": "icmp6",
    "ipv6-nonxt": "59", "ipv6-opts": "60", "eigrp": "88", "ospf": "89", "etherip": "97", "pim": "103", "ipcomp": "108",
    "vrrp": "112", "l2tp": "115", "sctp": "sctp", "udplite": "136", "mpls-in-ip": "137",
}  # fmt: skip
_BY_NUMBER = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmp6", "132": "sctp"}
_APPS = {"failed": None, "unknown": None, "ssl": "tls", "http1": "http", "http2": "http", "doh2": "http"}
_APPS |= {"http_any": "http"}
_TYPES = {"ND": "MD", "NSAPPT": "NSAP-PTR", "CDSNKEY": "CDNSKEY"}
"""Types that Suricata 7 misspells."""
_TLS = {"TLSv1": "1.0", "TLS 1.1": "1.1", "TLS 1.2": "1.2", "TLS 1.3": "1.3", "SSLv3": "SSLv3", "SSLv2": "SSLv2"}
_TUNNELS = {"gre": "gre", "ip-in-ip": "ipip", "ipv6": "ipv6", "pppoe": "pppoe"}
_TUNNEL_PORTS = {2152: "gtpu", 3544: "teredo", 4789: "vxlan", 6081: "geneve"}
_FLAGS = (("aa", 0x400), ("tc", 0x200), ("rd", 0x100), ("ra", 0x80), ("ad", 0x20), ("cd", 0x10))
_FIN, _SYN, _RST = 1, 2, 4


def unescaped(value: str) -> bytes:
    """The bytes Suricata saw, where its text says them."""
    data = value.encode("utf-8", "surrogatepass")
    return _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), data) if b"\\x" in data else data


@functools.lru_cache(maxsize=1 << 16)
def name(value: str) -> tuple[str, bool]:
    """A DNS name as our tables have it, and whether it is exactly the one that was asked."""
    if _PLAIN_NAME.fullmatch(value):
        return value, True
    escaped = text.name(unescaped(value))
    return escaped, text.exact(escaped) and not _ESCAPE.search(value.encode("utf-8", "surrogatepass"))


@functools.lru_cache(maxsize=1 << 10)
def record_type(word: str) -> str | None:
    """The mnemonic of a type, which Suricata writes as such, as a number, or as `TYPEnnn`."""
    digits = word.removeprefix("TYPE")
    if digits.isascii() and digits.isdecimal() and len(digits) <= 5:
        return type_word(int(digits))
    plain = spelt(word.replace("-", ""))
    return _TYPES.get(word) or (word.upper() if plain else None)


@functools.lru_cache(maxsize=1 << 8)
def rcode(word: str) -> str | None:
    """The mnemonic of a response code."""
    if word.isascii() and word.isdecimal() and len(word) <= 5:
        return rcode_word(int(word))
    return spelt(word.partition("/")[0])


@functools.lru_cache(maxsize=1 << 12)
def header_flags(digits: str) -> tuple[str, ...] | None:
    """The bits of a DNS header that were set (RFC 1035 4.1.1, RFC 4035 3), from hexadecimal; None where it is none."""
    try:
        bits = int(digits, 16)
    except ValueError:
        return None
    return tuple(flag for flag, bit in _FLAGS if bits & bit)


def protocol(word: str) -> str | None:
    """`tcp`, `udp`, ..., else the IANA number, from Suricata's name or three digits; None where unknown."""
    if word.isascii() and word.isdecimal() and len(word) <= 3 and int(word) <= 255:
        number = str(int(word))
        return _BY_NUMBER.get(number, number)
    return _PROTOCOLS.get(word.lower())


def app(word: str) -> str | None:
    """The application's word; None where Suricata recognised none."""
    plain = word.isascii() and word.replace("-", "").replace("_", "").isalnum() and len(word) <= 32
    return _APPS.get(word, word.lower()) if plain else None


def tls_version(word: str) -> str | None:
    """`1.3`, `1.2`, ...; None where undetermined."""
    return _TLS.get(word)


def canonical(address: str | None) -> str | None:
    """The address in canonical form; None where it is none."""
    return text.address(address) if address else None


def tunnel(proto: str, port: int | None) -> str:
    """The kind of an encapsulation from the protocol of its outer packet and, over UDP, its port."""
    word = proto.lower()
    if word == "udp":
        return _TUNNEL_PORTS.get(port or 0, "udp")
    return _TUNNELS.get(word) or (word if word.isascii() and word.isalnum() and len(word) <= 16 else "unknown")


def state(flags: str) -> str | None:
    """Zeek's `conn_state` word from the flags each side ever sent (`1b/1b`, initiator first).

    Flags have no order, so of two resets the first cannot be told: None. Neither SYN: `OTH`, the connection had begun.
    """
    try:
        sender, answerer = (int(side or "0", 16) for side in flags.split("/"))
    except ValueError:
        return None
    if sender & _SYN and answerer & _SYN:
        return _ending(sender, answerer)
    if sender & _SYN:
        return _unanswered(sender, answerer)
    if answerer & _SYN:
        return "RSTRH" if answerer & _RST else "SHR" if answerer & _FIN else None
    return "OTH"


def _ending(sender: int, answerer: int) -> str | None:
    """Of a connection that was established."""
    if sender & answerer & _RST:
        return None
    if (sender | answerer) & _RST:
        return "RSTO" if sender & _RST else "RSTR"
    closed = bool(sender & _FIN), bool(answerer & _FIN)
    return {(True, True): "SF", (True, False): "S2", (False, True): "S3"}.get(closed, "S1")


def _unanswered(sender: int, answerer: int) -> str | None:
    """Of an opening without the answer to it."""
    if answerer:
        return "REJ" if answerer & _RST else None
    return "RSTOS0" if sender & _RST else "SH" if sender & _FIN else "S0"

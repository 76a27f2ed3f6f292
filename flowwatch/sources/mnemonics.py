"""Numbers of the DNS as their IANA mnemonics, the same words as the Rust core writes.

What is not listed is written as RFC 3597 5 has it: `TYPE65280`, `CLASS32`, `RCODE15`.
"""

_TYPES = {
    1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS",
    12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 19: "X25", 20: "ISDN", 21: "RT",
    22: "NSAP", 23: "NSAP-PTR", 24: "SIG", 25: "KEY", 26: "PX", 27: "GPOS", 28: "AAAA", 29: "LOC", 30: "NXT", 33: "SRV",
    35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP",
    45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA",
    53: "SMIMEA", 55: "HIP", 56: "NINFO", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD",
    64: "SVCB", 65: "HTTPS", 66: "DSYNC", 67: "HHIT", 68: "BRID", 99: "SPF", 103: "UNSPEC", 104: "NID", 105: "L32",
    106: "L64", 107: "LP", 108: "EUI48", 109: "EUI64", 128: "NXNAME", 249: "TKEY", 250: "TSIG", 251: "IXFR",
    252: "AXFR", 253: "MAILB", 254: "MAILA", 255: "ANY", 256: "URI", 257: "CAA", 258: "AVC", 260: "AMTRELAY",
    261: "RESINFO", 262: "WALLET", 32768: "TA", 32769: "DLV",
}  # fmt: skip
_CLASSES = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
_RCODES = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
    8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI", 16: "BADVERS", 17: "BADKEY", 18: "BADTIME",
    19: "BADMODE", 20: "BADNAME", 21: "BADALG", 22: "BADTRUNC", 23: "BADCOOKIE",
}  # fmt: skip
_UNICAST_OR_FLUSH = 0x8000
"""The top bit of the class, which mDNS uses for itself (RFC 6762 5.4, 10.2)."""
_SPELT = {
    "*": "ANY",
    "C_INTERNET": "IN",
    "C_CHAOS": "CH",
    "C_HESIOD": "HS",
    "C_NONE": "NONE",
    "C_ANY": "ANY",
}
"""Zeek's own words (base/protocols/dns/consts.zeek)."""


def type_word(code: int) -> str:
    """`A`, `AAAA`, `HTTPS`, ..., else `TYPEnnn`."""
    return _TYPES.get(code, f"TYPE{code}")


def class_word(code: int) -> str:
    """`IN`, `CH`, `HS`, `NONE`, `ANY`, else `CLASSnnn`."""
    return _CLASSES.get(code & ~_UNICAST_OR_FLUSH, f"CLASS{code}")


def rcode_word(code: int) -> str:
    """`NOERROR`, `NXDOMAIN`, ..., else `RCODEnn`."""
    return _RCODES.get(code, f"RCODE{code}")


def spelt(word: str) -> str | None:
    """The mnemonic of a code the log gives only by Zeek's name for it; None where that is no word."""
    plain = word.isascii() and word.isalnum() and len(word) <= 16
    return _SPELT.get(word, word.upper() if plain else None)

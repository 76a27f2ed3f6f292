"""EVE `tls` and `quic`: what a handshake showed, as a flow without counts that `conn_id` joins to its conversation.

`tls.fingerprint` is SHA-1 and has no column; the digest is taken where the certificate itself is logged. A handshake
behind HTTP CONNECT names what the proxy reached; the conversation is still one that began as `http`, and is sealed but
for the CONNECT itself. After STARTTLS what came before may have been in clear, so that is not told. A `quic` record is
logged for either direction; only the one with a server name is the client's, and a client's port is the higher one.
"""

import base64
import binascii
import hashlib

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import moments
from flowwatch.sources.columns import by_value, instants
from flowwatch.sources.eve import words
from flowwatch.sources.eve.cells import Cells, Rows, host_name, shown
from flowwatch.sources.eve.events import Extension
from flowwatch.sources.eve.flow import identity

_WORDS = pa.list_(pa.utf8())
_NAMELESS = "QUIC packet without a server name"
_ALPN, _ECH = 16, 0xFE0D
"""TLS extensions (RFC 7301, RFC 9849)."""
_QUIC_WITH_TLS = {"1": "1.3", "v1": "1.3", "2": "1.3", "v2": "1.3"}
_SERVICES = 1024


def rows(cells: Cells) -> Rows:
    """Records of type `tls` as rows of FLOWS."""
    time = cells.time("timestamp")
    began = cells.each("tls.from_proto", lambda word: word or None).fill_null("tls")
    sealed = pc.is_in(began, pa.array(["tls", "http"]))
    columns = {
        **identity(cells, time, time),
        "bytes_scope": cells.all("unknown"),
        "app": by_value(began, words.app),
        "sni": cells.host("tls.sni"),
        "alpn": pc.coalesce(*(cells.each(f"tls.{side}_alpns", _protocols, _WORDS) for side in ("server", "client"))),
        "tls_version": cells.each("tls.version", words.tls_version),
        "ja4": cells.printable("tls.ja4"),
        "cert_sha256": _digests(cells),
        "cert_subject": cells.printable("tls.subject"),
        "cert_issuer": cells.printable("tls.issuerdn"),
        "cert_names": cells.each("tls.subjectaltname", _certified, _WORDS),
        "cert_not_before": _day(cells, "tls.notbefore"),
        "cert_not_after": _day(cells, "tls.notafter"),
        **{f"{side}_clear": pc.if_else(sealed, pa.scalar(value=False), None) for side in ("src", "dst")},
    }
    return Rows(columns=columns, start=time, end=time)


def quic(cells: Cells) -> Rows:
    """Records of type `quic` as rows of FLOWS."""
    time = cells.time("timestamp")
    names = cells.host("quic.sni")
    columns = {
        **identity(cells, time, time),
        "bytes_scope": cells.all("unknown"),
        "app": cells.all("quic"),
        "sni": names,
        "alpn": cells.each("quic.extensions", _offered, _WORDS),
        "tls_version": cells.each("quic.version", _QUIC_WITH_TLS.get),
        "ech": cells.each("quic.extensions", _encrypted, pa.bool_()),
        "ja4": cells.printable("quic.ja4"),
        **{f"{side}_clear": cells.all(value=False, kind=pa.bool_()) for side in ("src", "dst")},
    }
    _turned(columns)
    nameless = pc.is_null(names)
    return Rows(columns=columns, start=time, end=time, noise=nameless, notes={_NAMELESS: nameless})


def _turned(columns: dict[str, pa.Array]) -> None:
    """Turns the records that a server's packet gave."""
    src, dst = columns["src_port"], columns["dst_port"]
    back = pc.fill_null(pc.and_(pc.less(src, _SERVICES), pc.greater_equal(dst, _SERVICES)), fill_value=False)
    if pc.any(back).as_py():
        for one, other in (("src_ip", "dst_ip"), ("src_port", "dst_port")):
            first, second = (_plain(columns[side]) for side in (one, other))
            columns[one], columns[other] = pc.if_else(back, second, first), pc.if_else(back, first, second)


def _plain(column: pa.Array) -> pa.Array:
    return column.cast(pa.utf8()) if pa.types.is_dictionary(column.type) else column


def _day(cells: Cells, path: str) -> pa.Array:
    """A time of a certificate, which is UTC (RFC 5280 4.1.2.5); null where the tables cannot hold it."""
    return instants(moments.column(cells.values(path)))


def _protocols(data: str) -> list[str] | None:
    return [shown(one) for one in _TEXTS.decode(data)] or None


def _certified(data: str) -> list[str] | None:
    told = _TEXTS.decode(data)
    return [found for one in told if (found := host_name(one))] if told else None


def _digests(cells: Cells) -> pa.StringArray:
    """SHA-256 of the leaf certificates that the log holds: alone, else as the first of the chain."""
    alone = cells.values("tls.certificate")
    first = cells.each("tls.chain", lambda data: next(iter(_TEXTS.decode(data)), None))
    return by_value(pc.coalesce(pc.if_else(pc.equal(alone, ""), None, alone), first), _digest)


def _digest(leaf: str) -> str | None:
    """From the base64 of its DER form; None where it is none."""
    try:
        return hashlib.sha256(base64.b64decode(leaf, validate=True)).hexdigest() if leaf else None
    except (binascii.Error, ValueError):
        return None


def _offered(data: str) -> list[str] | None:
    """The protocols a client offered."""
    for extension in _EXTENSIONS.decode(data):
        if extension.type == _ALPN and extension.values:
            return [shown(one) for one in extension.values]
    return None


def _encrypted(data: str) -> bool | None:
    """Whether Encrypted ClientHello was offered; None where the log has no list of extensions."""
    extensions = _EXTENSIONS.decode(data)
    return any(extension.type == _ECH for extension in extensions) if extensions else None


_TEXTS = msgspec.json.Decoder(list[str])
_EXTENSIONS = msgspec.json.Decoder(list[Extension])

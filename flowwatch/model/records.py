"""The two Arrow tables every source produces, and the Coverage that says what it could not see."""

from collections.abc import Callable

import msgspec
import pyarrow as pa

from flowwatch.model.time import Instant

_TIME = pa.timestamp("ns", tz="UTC")
_WORD = pa.dictionary(pa.int32(), pa.utf8())
_WORDS = pa.list_(pa.utf8())
_TUNNEL_ENDS = pa.list_(pa.struct([("src", pa.utf8()), ("dst", pa.utf8())]))
_ANSWERS = pa.list_(pa.struct([("name", pa.utf8()), ("type", pa.utf8()), ("data", pa.utf8()), ("ttl", pa.uint32())]))

FLOWS = pa.schema(
    [
        ("source", _WORD),
        ("first_record", pa.uint64()),
        ("last_record", pa.uint64()),
        ("first_offset", pa.uint64()),
        ("start", _TIME),
        ("end", _TIME),
        ("proto", pa.utf8()),
        ("src_ip", _WORD),
        ("dst_ip", _WORD),
        ("src_port", pa.uint16()),
        ("dst_port", pa.uint16()),
        ("conn_id", pa.utf8()),
        ("parts", pa.uint32()),
        ("direction_basis", pa.utf8()),
        ("src_packets", pa.uint64()),
        ("dst_packets", pa.uint64()),
        ("src_bytes", pa.uint64()),
        ("dst_bytes", pa.uint64()),
        ("bytes_scope", pa.utf8()),
        ("bytes_total", pa.uint64()),
        ("counter", pa.utf8()),
        ("src_payload", pa.uint64()),
        ("dst_payload", pa.uint64()),
        ("src_acked", pa.uint64()),
        ("dst_acked", pa.uint64()),
        ("missing_bytes", pa.uint64()),
        ("state", pa.utf8()),
        ("vlan", pa.list_(pa.uint16())),
        ("tunnel", _WORDS),
        ("tunnel_ends", _TUNNEL_ENDS),
        ("community_id", pa.utf8()),
        ("app", pa.utf8()),
        ("sni", pa.utf8()),
        ("alpn", _WORDS),
        ("tls_version", pa.utf8()),
        ("ech", pa.bool_()),
        ("ja4", pa.utf8()),
        ("cert_sha256", pa.utf8()),
        ("cert_spki_sha256", pa.utf8()),
        ("cert_subject", pa.utf8()),
        ("cert_issuer", pa.utf8()),
        ("cert_names", _WORDS),
        ("cert_not_before", _TIME),
        ("cert_not_after", _TIME),
        ("http_host", pa.utf8()),
        ("http_method", pa.utf8()),
        ("http_path", pa.utf8()),
        ("http_user_agent", pa.utf8()),
        ("http_hosts", _WORDS),
        ("src_markers", _WORDS),
        ("dst_markers", _WORDS),
        ("src_clear", pa.bool_()),
        ("dst_clear", pa.bool_()),
        ("src_payload_sha256", _WORDS),
        ("dst_payload_sha256", _WORDS),
        ("sampled", pa.uint32()),
        ("action", pa.utf8()),
        ("nat_src_ip", pa.utf8()),
        ("nat_src_port", pa.uint16()),
        ("nat_dst_ip", pa.utf8()),
        ("nat_dst_port", pa.uint16()),
        ("host", pa.utf8()),
        ("user", pa.utf8()),
        ("process", pa.utf8()),
        ("name", pa.utf8()),
        ("name_source", pa.utf8()),
    ]
)
"""One row a bidirectional conversation; `src` is the initiator, `dst` the responder."""
MOST_COUNTED = (1 << 63) - 1
"""The largest count the tables hold."""

LOOKUPS = pa.schema(
    [
        ("source", _WORD),
        ("record", pa.uint64()),
        ("offset", pa.uint64()),
        ("time", _TIME),
        ("client_ip", _WORD),
        ("client_port", pa.uint16()),
        ("server_ip", _WORD),
        ("server_port", pa.uint16()),
        ("transport", pa.utf8()),
        ("qname", pa.utf8()),
        ("qtype", pa.utf8()),
        ("qclass", pa.utf8()),
        ("name_exact", pa.bool_()),
        ("vantage", pa.utf8()),
        ("asked", _TIME),
        ("answer_record", pa.uint64()),
        ("answer_offset", pa.uint64()),
        ("latency", pa.duration("ns")),
        ("rcode", pa.utf8()),
        ("answers", _ANSWERS),
        ("flags", _WORDS),
        ("view", pa.utf8()),
        ("policy_action", pa.utf8()),
        ("process", pa.utf8()),
        ("time_basis", pa.utf8()),
    ]
)
"""One row a DNS question with the answer if the source has it."""


class Marker(msgspec.Struct, frozen=True, order=True):
    """Bytes that a source looks for in payload it reads in clear; `id` is what `src_markers`, `dst_markers` hold."""

    id: str
    pattern: bytes


Refused = Callable[[str, str, int, int, bytes | None], None]
"""Takes a refused record: reason code, message, record number, byte offset, its bytes where they are known."""


class ReadOptions(msgspec.Struct, frozen=True):
    """What a source is asked to extract."""

    digest: bool = True
    """Take the SHA-256 of the bytes as stored (Coverage says so when not)."""
    input_format: str | None = None
    """Read as this format instead of detecting one."""
    maps: tuple[str, ...] = ()
    """Files of the operator's own maps of formats; tried before what is built in."""
    timezone: str | None = None
    """Zone of times that name none, by its IANA name; None: UTC is assumed, and said."""
    rejects: Callable[[str, str], Refused] | None = None
    """What takes the refused records of a source (its name as text) that is read as a format (its name)."""
    threads: int = 1
    """That read at once; the rows are the same for any number."""
    eager: bool = False
    """Give out rows as soon as they are known, however few."""
    markers: tuple[Marker, ...] = ()
    """Looked for in both directions of every conversation; none: `src_markers` and `dst_markers` stay null."""
    follow: float | None = None
    """Seconds without growth after which the end of a capture is believed; None: at once."""
    digests: bool = False
    """Take the SHA-256 of bodies and files sent in clear, for `src_payload_sha256` and `dst_payload_sha256`."""

    def refused(self, source: str, name: str) -> Refused | None:
        """What takes refused records of that source, read as the format of that name."""
        return self.rejects(source, name) if self.rejects is not None else None


class Ref(msgspec.Struct, frozen=True, order=True):
    """Where a fact came from: source path as given, first and last record (from 1), byte offset of the first."""

    source: str
    first_record: int
    last_record: int
    offset: int | None = None


class Skip(msgspec.Struct, frozen=True):
    """Why reading stopped or a line was refused: stable code, byte offset, line or record number, words."""

    code: str
    message: str
    offset: int | None = None
    record: int | None = None


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What one source held and what could not be seen in it.

    Laws: for captures `records = used + sum(skipped)`; for logs
    `records = events + noise + unattributable + rejected + held_back`.
    """

    source: str
    recorder: str | None = None
    """What its files are declared to be of, where they follow one another; None: told by where and when they lie."""
    format: str | None = None
    sha256: str | None = None
    """Of the bytes as stored; None when taking digests was switched off or the source could not be read."""
    size: int | None = None
    """Bytes as stored."""
    compression: str | None = None
    """`gzip`, `zstd`, `xz`, `bzip2` or `lz4`; None where it is stored as it is. Offsets count unpacked bytes."""
    unpacked_size: int | None = None
    """Bytes unpacked, where the source is compressed."""
    link_types: tuple[str, ...] = ()
    snaplen: int | None = None
    records: int = 0
    bytes: int = 0
    first: Instant | None = None
    last: Instant | None = None
    used: int = 0
    skipped: dict[str, int] = {}
    truncated_records: int = 0
    drops: int = 0
    """Packets the writer itself reported as lost (pcapng statistics and packets, snoop, ERF)."""
    out_of_order: int = 0
    trailing_bytes: int = 0
    events: int = 0
    noise: int = 0
    unattributable: int = 0
    rejected: int = 0
    held_back: int = 0
    rejects: tuple[Skip, ...] = ()
    """The first refused lines, capped; `rejected` has the count."""
    flows: int = 0
    lookups: int = 0
    one_way_flows: int = 0
    unnamed_flows: int = 0
    unnamed_bytes: int = 0
    encrypted_dns_flows: int = 0
    ech_flows: int = 0
    opaque_tunnels: int = 0
    limits: dict[str, int] = {}
    """Limits that were hit, by name, with how often."""
    notes: tuple[str, ...] = ()
    error: Skip | None = None
    """Why reading stopped before the end; what was read until then is kept."""

    @property
    def unread(self) -> dict[str, int]:
        """Records whose traffic could not be read, by reason; traffic known not to be IP is not among them."""
        return {reason: count for reason, count in self.skipped.items() if reason not in _HARMLESS_SKIPS}

    @property
    def incomplete(self) -> bool:
        """Something of this source was not read, was lost or cut, so absence proves nothing (exit 3)."""
        return bool(self.shortfalls)

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """What of this source was not read, was lost or cut, each in words; empty when nothing was."""
        if self.error:
            return (self.error.message,)
        counts = {
            **{f"records not read: {reason}": count for reason, count in self.unread.items()},
            "packets lost by the writer": self.drops,
            "lines refused": self.rejected,
            **{f"limit hit: {name}": count for name, count in self.limits.items()},
            "bytes after the last record": self.trailing_bytes,
        }
        words = tuple(f"{what} ({count})" for what, count in counts.items() if count)
        return words or (() if self.used or self.events else ("nothing in it could be used",))


_HARMLESS_SKIPS = frozenset({"no_ip"})

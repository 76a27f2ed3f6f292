"""The border with the Rust core, as Python sees it: bytes of a capture in, Arrow batches and a coverage out.

Parsing runs without the interpreter lock; an interrupt is noticed within about 100 ms.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, TypedDict, final

__all__ = [
    "Batch",
    "CaptureError",
    "Reader",
    "Schema",
    "Table",
    "Unpacked",
    "flows_schema",
    "lookups_schema",
    "read_capture",
    "split_bind",
    "split_columns",
    "split_eve",
    "split_messages",
    "write_jsonl",
]

class _Readable(Protocol):
    """A binary file object that blocks; `read1` is used where there is one, so that a live source is seen at once."""

    def read(self, size: int, /) -> bytes: ...

class _ArrowArray(Protocol):
    """One record batch for whoever reads Arrow PyCapsules."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

class _ArrowStream(Protocol):
    """A stream of record batches for whoever reads Arrow PyCapsules."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class _Stop(TypedDict):
    """Why reading stopped before the end of the input."""

    code: str
    """`truncated`, `bad_record`, `bad_compression` or `read_error`."""
    offset: int
    """Byte offset, in the unpacked input, of the record that could not be read."""
    message: str

class _Coverage(TypedDict):
    """What one capture held and what could not be seen in it: `records = used + sum(skipped.values())`."""

    format: str | None
    """`pcap`, `pcapng`, `snoop` or `erf`; None before the end."""
    link_types: list[str]
    """Names of the link types of the interfaces, by number; `LINKTYPE_n` where it is not read."""
    snaplen: int
    """Largest snapshot length declared."""
    size: int
    """Bytes of the input as stored."""
    sha256: str | None
    """Of these bytes, lower-case hexadecimal; None without digest or before the end."""
    compression: Literal["gzip", "zstd", "xz", "bzip2", "lz4"] | None
    """How the input is stored; None before the end."""
    unpacked_size: int | None
    """Bytes unpacked; None where it is not compressed."""
    records: int
    used: int
    skipped: dict[str, int]
    """Records in no flow, by reason."""
    bytes: int
    """On the wire, as the record headers say."""
    first_time: int | None
    """Earliest record, ns since 1970."""
    last_time: int | None
    """Latest record, ns since 1970."""
    truncated_records: int
    """Records of which fewer bytes were kept than were on the wire."""
    interface_drops: int
    """Packets lost as the writer says (pcapng, snoop, ERF)."""
    out_of_order: int
    """Records older than the one before."""
    untimed: int
    """Records without a time (pcapng simple packets)."""
    trailing_bytes: int
    """Bytes at the end that are no record."""
    unknown_blocks: int
    """Blocks of pcapng of a type that is not read."""
    blocks: dict[str, int]
    """Blocks of pcapng by the names the draft gives them (`SHB`, `EPB`, ...); others are `other`."""
    resolved_names: list[tuple[str, str]]
    """Addresses and names that the writer of a pcapng file resolved, at most 1024; they prove nothing."""
    incomplete_datagrams: int
    """IP datagrams in fragments that did not all come."""
    fragment_overlaps: int
    """IP fragments that say other bytes than one before them."""
    dns_repeated: int
    """Questions asked again with the same id: one row, the first time."""
    dns_other_opcodes: int
    """DNS messages that are neither a query nor its response: no row."""
    dns_nameless: int
    """DNS messages with neither question nor answer: no row."""
    dns_announcements: int
    """mDNS messages to the group with records that nobody was seen to ask for: no row for these."""
    flows: int
    lookups: int
    one_way_flows: int
    unreadable_certificates: int
    """Certificates of servers that hold to no form: of these only the digest is told."""
    opaque_tunnels: int
    """Flows that are tunnels whose inside cannot be read (`esp`, `ipcomp`, `wireguard`, `openvpn`)."""
    limits: dict[str, int]
    """Limits that were hit, how often."""
    error: _Stop | None

class CaptureError(ValueError):
    """The input is not a capture file. Damage after a good header is no error: `Reader.coverage["error"]` tells it."""

    code: str
    """`not_a_capture`; `truncated` or `bad_compression` where a compressed input breaks before its capture begins."""
    offset: int
    """Byte where the file header, or the compressed stream, fails."""

@final
class Batch:
    """Some rows of one table; a record batch for whoever reads Arrow PyCapsules."""

    @property
    def num_rows(self) -> int:
        """Rows."""

    def __len__(self) -> int: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def __arrow_c_schema__(self) -> object: ...

@final
class Table:
    """All rows of one table; an Arrow stream that can be read again and again."""

    @property
    def num_rows(self) -> int:
        """Rows."""

    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...

@final
class Schema:
    """The schema of one table for whoever reads Arrow PyCapsules."""

    def __arrow_c_schema__(self) -> object: ...

@final
class Reader:
    """The rows of one capture as they are found, in no promised order."""

    def __iter__(self) -> Iterator[tuple[Literal["flows", "lookups"], Batch]]: ...
    def __next__(self) -> tuple[Literal["flows", "lookups"], Batch]: ...
    def collect(self) -> tuple[Table, Table]:
        """All rows that are left, as two tables: (FLOWS, LOOKUPS)."""

    @property
    def coverage(self) -> list[_Coverage]:
        """What was read of each source and what was not, as new dicts; complete after the last batch."""

    @property
    def progress(self) -> int:
        """Stored bytes read so far, of all sources together."""

@final
class Unpacked:
    """The bytes of a compressed stream, unpacked from a file object of the stored ones; memory does not grow with it.

    Members, frames and streams one after the other are one stream.
    """

    def __new__(cls, source: _Readable, compression: Literal["gzip", "zstd", "xz", "bzip2", "lz4"], /) -> Unpacked: ...
    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end and where the stream breaks. Raises what `source.read` raises."""

    @property
    def fault(self) -> tuple[str, int, str] | None:
        """Why the stream could not be read to its end, or None.

        Code (`truncated`, `bad_compression`), byte of the stored stream, words.
        """

def read_capture(
    source: str | _Readable,
    /,
    *,
    digest: bool = True,
    name: str | None = None,
    then: Sequence[tuple[str, str]] = ...,
    markers: Sequence[tuple[str, bytes]] = ...,
    digests: bool = False,
    threads: int = 1,
    eager: bool = False,
    follow: float | None = None,
    in_time: bool = False,
) -> Reader:
    """A Reader of the capture at a path (`-` is standard input) or in a binary file object.

    `name` is the text of the column `source`: without it the path as given, or the file object's name. `then` are files
    (path, name) that go on where the one before ended: conversations run on from one to the next, each row is of the
    source of its first record, and `coverage` has an entry for each. With `in_time` a file does not go on with the one
    before it where it begins before that ended, or more than 30 seconds after.
    `digest=False` leaves out the SHA-256 of the input. pcap, pcapng, snoop and ERF are read, told apart by content;
    gzip, zstd, xz, bzip2 and lz4 are unpacked on the way.
    `markers` are ids with the bytes they stand for; an id may have several. They are looked for in the first 64 KiB
    that each end of a conversation sent in clear, and `src_markers`, `dst_markers` say which were found: an empty list
    where none was, null where that could not be told (encrypted, compressed, or some of it not recorded).
    `digests=True` fills `src_payload_sha256`, `dst_payload_sha256` with the SHA-256 of what each end sent over HTTP in
    clear, or as a whole FTP data connection, and was recorded whole: each body without its transfer coding, as sent
    and, where that was gzip or deflate, unpacked; and each part of a multipart body. Empty ones are left out. Sorted,
    at most 256 of each end; an empty list where there was none, null where that could not be told. `coverage["limits"]`
    counts `bodies_cut` (not recorded whole), `bodies_packed` (in a coding that was not undone), `bodies_many`.
    `threads` read at once, eight at most; the rows are the same for any number. `eager` gives out rows as soon as they
    are known, however few.

    `follow` is for an input that is still being written: its end is believed only after so many seconds without growth.
    A file that becomes shorter meanwhile ends with an error in its coverage; one that is replaced by another of its
    name is read on.

    Raises ValueError for a marker without bytes or a `follow` below zero, OSError (its subclass, with errno and
    filename) here or on the first batch when the first input cannot be read, and CaptureError on the first batch when
    it is no capture. What is wrong with a later one stands in its coverage.
    """

def write_jsonl(table: _ArrowArray | _ArrowStream, fd: int, /) -> int:
    """Writes rows as JSON lines to a file descriptor; returns how many.

    One object a line with the table's column names; nulls are left out, lists stay lists, times are RFC 3339 with
    nanoseconds and `Z`, durations whole nanoseconds. Raises OSError as `os.write` does.
    """

def flows_schema() -> Schema:
    """The schema of FLOWS."""

def lookups_schema() -> Schema:
    """The schema of LOOKUPS."""

def split_bind(block: bytes, /) -> tuple[Batch, Batch]:
    """The questions of a block of lines of a BIND 9 query log, and where its other lines stand.

    Questions: `line` (from 0) and `start` (first byte) as uint32, then `frame` (syslog's time), `time`, `client`,
    `port`, `name`, `view`, `class`, `type`, `flags`, `server` as printed (utf8), null where the line has none. Others:
    `line`, `start`, `end`.
    """

def split_columns(lines: _ArrowArray, /, *, separator: str, unset: str, wanted: Sequence[int]) -> Batch:
    """How many values each line (utf8) has, as `count`, and a column for each wanted place, which must ascend.

    A value is null where the line has fewer, or it is `unset`. Raises TypeError where the lines are not utf8,
    ValueError for an empty separator or places that do not ascend.
    """

def split_eve(block: bytes, /) -> dict[str, Batch]:
    """The records of a block of lines of an EVE log, one object a line.

    `flow`, `netflow`, `dns`, `tls`, `http`, `fileinfo`, `quic`, `stats`, each that is there: `line` (from 0) and
    `start` (first byte) as uint32, then the fields by their path (`dns.rrname`): utf8, int64 or bool, null where the
    record has none or null; arrays, and `dns.grouped`, as the JSON they stand as; an object (`dns`, `tunnel`): whether
    it is there. `unread`: `line`, `start`, `event_type` of the records of other types. `others`: `line`, `start`,
    `end` of the lines that are not taken: what is no object of the types of `sources.eve.events`, and what is one in
    an unusual way.
    """

def split_messages(messages: _ArrowArray, /) -> Batch:
    """DNS messages (binary, without the length of TCP) as rows, one a question with its share of the answers.

    `message` (index of the message, uint32, ascending), `id` (uint16; null: the bytes are no DNS message), `response`,
    `opcode`, `flags`, `rcode` and `answers` (null in queries), `qname`, `qtype`, `qclass` (null where the message names
    nothing), `cut` (a limit was hit: not every question or answer is there); written as in LOOKUPS. Every message has a
    row. Records that answer none of the questions are rows under the question each would answer. Raises TypeError
    where the messages are not binary.
    """

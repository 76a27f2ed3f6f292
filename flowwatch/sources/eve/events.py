"""What is read of an EVE record (Suricata up to 8, `etc/schema.json`), typed; everything else in it is passed over.

A record whose fields are not of their types is refused by the field's name. Records of other types than the ones that
are read count for their type alone, whatever else they hold.
"""

import re
from typing import Annotated

import msgspec

from flowwatch.sources.objects import broken_code

_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Number = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_Port = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
_Seconds = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]


class Flow(msgspec.Struct, gc=False, omit_defaults=True):
    """`flow`: counts of frames by direction, first and last packet."""

    start: str | None = None
    end: str | None = None
    pkts_toserver: _Count | None = None
    pkts_toclient: _Count | None = None
    bytes_toserver: _Count | None = None
    bytes_toclient: _Count | None = None
    action: str | None = None


class Netflow(msgspec.Struct, gc=False, omit_defaults=True):
    """`netflow`: the frames of one direction, first and last packet."""

    pkts: _Count | None = None
    bytes: _Count | None = None
    start: str | None = None
    end: str | None = None


class Tcp(msgspec.Struct, gc=False, omit_defaults=True):
    """`tcp`: the flags each side ever sent, in hexadecimal."""

    tcp_flags_ts: str | None = None
    tcp_flags_tc: str | None = None


class Question(msgspec.Struct, gc=False, omit_defaults=True):
    """One of `dns.queries` (version 3)."""

    rrname: str | None = None
    rrtype: str | None = None
    rrname_truncated: bool = False


class Authority(msgspec.Struct, gc=False, omit_defaults=True):
    """`soa` of a record."""

    mname: str = ""
    rname: str = ""
    serial: _Count = 0
    refresh: _Count = 0
    retry: _Count = 0
    expire: _Count = 0
    minimum: _Count = 0


class Service(msgspec.Struct, gc=False, omit_defaults=True):
    """`srv` of a record."""

    priority: _Port = 0
    weight: _Port = 0
    port: _Port = 0
    name: str = ""


class Record(msgspec.Struct, gc=False, omit_defaults=True):
    """One of `dns.answers`."""

    rrname: str | None = None
    rrtype: str | None = None
    ttl: _Seconds | None = None
    rdata: str | None = None
    soa: Authority | None = None
    srv: Service | None = None


class Dns(msgspec.Struct, gc=False, omit_defaults=True):
    """`dns`: one message; of an answer of version 1 one record."""

    type: str = ""
    version: _Number | None = None
    id: _Number | None = None
    flags: str | None = None
    opcode: _Number | None = None
    rcode: str | None = None
    rrname: str | None = None
    rrtype: str | None = None
    rrname_truncated: bool = False
    ttl: _Seconds | None = None
    rdata: str | None = None
    queries: list[Question] | None = None
    answers: list[Record] | None = None
    grouped: msgspec.Raw = msgspec.Raw(b"null")
    """The data of the answers by type, undecoded: what is left where `answers` is switched off."""


class Tls(msgspec.Struct, gc=False, omit_defaults=True):
    """`tls`: what a handshake showed."""

    sni: str | None = None
    version: str | None = None
    ja4: str | None = None
    client_alpns: list[str] | None = None
    server_alpns: list[str] | None = None
    subject: str | None = None
    issuerdn: str | None = None
    subjectaltname: list[str] | None = None
    notbefore: str | None = None
    notafter: str | None = None
    certificate: str | None = None
    chain: list[str] | None = None
    from_proto: str | None = None


class Header(msgspec.Struct, gc=False, omit_defaults=True):
    """One of `http.request_headers`; entries of other shapes have neither."""

    name: str | None = None
    value: str | None = None


class Http(msgspec.Struct, gc=False, omit_defaults=True):
    """`http`: one request with its answer."""

    hostname: str | None = None
    url: str | None = None
    http_method: str | None = None
    http_user_agent: str | None = None
    version: str | None = None
    status: _Number | None = None
    request_headers: list[Header] | None = None


class Fileinfo(msgspec.Struct, gc=False, omit_defaults=True):
    """`fileinfo`: what was sent as one file."""

    sha256: str | None = None
    gaps: bool = False
    state: str | None = None
    size: _Count | None = None


class Extension(msgspec.Struct, gc=False, omit_defaults=True):
    """One of `quic.extensions`."""

    type: _Number | None = None
    values: list[str] | None = None


class Quic(msgspec.Struct, gc=False, omit_defaults=True):
    """`quic`: what an Initial packet showed."""

    version: str | None = None
    sni: str | None = None
    ja4: str | None = None
    extensions: list[Extension] | None = None


class Tunnel(msgspec.Struct, gc=False, omit_defaults=True):
    """`tunnel`: the outermost layer around the record's packets."""

    src_ip: str | None = None
    dest_ip: str | None = None
    dest_port: _Port | None = None
    proto: str | None = None


class _Capture(msgspec.Struct, gc=False, omit_defaults=True):
    kernel_drops: _Count = 0


class Stats(msgspec.Struct, gc=False, omit_defaults=True):
    """`stats`: of its many counters, what the capture lost."""

    capture: _Capture | None = None


class Event(msgspec.Struct, gc=False, omit_defaults=True):
    """One record."""

    event_type: str = ""
    timestamp: str | None = None
    flow_id: _Count | None = None
    parent_id: _Count | None = None
    src_ip: str | None = None
    src_port: _Port | None = None
    dest_ip: str | None = None
    dest_port: _Port | None = None
    proto: str | None = None
    icmp_type: _Port | None = None
    icmp_code: _Port | None = None
    vlan: list[_Port] | _Port | None = None
    community_id: str | None = None
    host: str | None = None
    app_proto: str | None = None
    app_proto_orig: str | None = None
    flow: Flow | None = None
    tcp: Tcp | None = None
    dns: Dns | None = None
    tls: Tls | None = None
    http: Http | None = None
    fileinfo: Fileinfo | None = None
    netflow: Netflow | None = None
    quic: Quic | None = None
    tunnel: Tunnel | None = None
    stats: Stats | None = None


class _Type(msgspec.Struct, gc=False, omit_defaults=True):
    event_type: str = ""


READ = frozenset({"flow", "netflow", "dns", "tls", "http", "fileinfo", "quic", "stats"})
"""Types whose fields are looked at."""
_LINES = msgspec.json.Decoder(Event)
_TYPE = msgspec.json.Decoder(_Type)
_WHERE = re.compile(r"`\$\.?([^`]*)`")
_ITEM = re.compile(r"\[[^]]*\]")


def event(data: bytes) -> Event | str:
    """The record, or the reason code why it is none."""
    try:
        found = _LINES.decode(data)
    except msgspec.ValidationError as error:
        return _unread(data) or _code(str(error))
    except (msgspec.DecodeError, ValueError):
        return broken_code(data)
    except RecursionError:
        return "json_depth"
    return found if found.event_type else "no_event_type"


def usual(record: Event) -> bytes:
    """The record as a line that the core takes: what is read of it, in the usual way."""
    if record.dns is not None and bytes(record.dns.grouped) != b"null":  # none is left out, as every default
        record.dns.grouped = _on_one_line(record.dns.grouped)
    return msgspec.json.encode(record)


def _on_one_line(groups: msgspec.Raw) -> msgspec.Raw:
    """The groups where they are UTF-8, else such as cannot be read; a line feed in JSON is only ever a space."""
    data = bytes(groups)
    try:
        data.decode()
    except UnicodeDecodeError:
        return msgspec.Raw(b"false")
    return msgspec.Raw(data.replace(b"\n", b" "))


def _unread(data: bytes) -> Event | None:
    """The record of a type that is not looked at, by its type alone."""
    try:
        kind = _TYPE.decode(data).event_type
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return Event(event_type=kind) if kind and kind not in READ else None


def _code(message: str) -> str:
    where = _WHERE.search(message)
    return f"bad_field:{_ITEM.sub('', where[1])}" if where and where[1] else "json_syntax"

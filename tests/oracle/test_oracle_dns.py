"""DNS: dnspython builds the messages and says what is in them; the core must tell the same of the packets."""

import ipaddress
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CAA
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.DNAME
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.NS
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.SOA
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rdtypes.IN.HTTPS
import dns.rdtypes.IN.SRV
import dns.rdtypes.svcbbase
import dns.rrset
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

CLIENT, SERVER = "192.0.2.10", "198.51.100.53"
START = 1_795_333_872_000_000_000
IN = dns.rdataclass.IN
FLAGS = ["aa", "tc", "rd", "ra", "ad", "cd"]


def label_text(label: bytes) -> str:
    """As records.md has it: what is not printable ASCII, and dot, backslash and space, as three decimal digits."""
    plain = set(range(0x21, 0x7F)) - set(b".\\")
    return "".join(chr(byte).lower() if byte in plain else f"\\{byte:03d}" for byte in label)


def name_text(name: dns.name.Name) -> str:
    return ".".join(label_text(label) for label in name.labels if label) or "."


def service_text(rdata: Any) -> str:
    key: Callable[[int], str] = dns.rdtypes.svcbbase.key_to_text
    params = [key(k) + (f"={v.to_text()}" if v is not None else "") for k, v in sorted(rdata.params.items())]
    return " ".join([str(rdata.priority), name_text(rdata.target), *params])


def soa_text(rdata: Any) -> str:
    numbers = (rdata.serial, rdata.refresh, rdata.retry, rdata.expire, rdata.minimum)
    return " ".join([name_text(rdata.mname), name_text(rdata.rname), *map(str, numbers)])


def generic_text(rdata: Any) -> str:
    wire = rdata.to_wire()
    return f"\\# {len(wire)} {wire.hex()}".rstrip()


TEXTS: dict[str, Callable[[Any], str]] = {
    "A": lambda rdata: rdata.address,
    "AAAA": lambda rdata: str(ipaddress.ip_address(rdata.address)),
    **dict.fromkeys(("CNAME", "NS", "PTR", "DNAME"), lambda rdata: name_text(rdata.target)),
    "MX": lambda rdata: f"{rdata.preference} {name_text(rdata.exchange)}",
    "SRV": lambda rdata: f"{rdata.priority} {rdata.weight} {rdata.port} {name_text(rdata.target)}",
    "TXT": lambda rdata: rdata.to_text(),
    "CAA": lambda rdata: rdata.to_text(),
    "SOA": soa_text,
    "HTTPS": service_text,
}

labels = st.one_of(
    st.sampled_from([b"results", b"Example", b"www", b"test", b"_tcp"]),
    st.binary(min_size=1, max_size=12),
)
names = st.lists(labels, max_size=5).map(lambda parts: dns.name.Name([*parts, b""]))
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
ipv4 = st.integers(0, 2**32 - 1).map(lambda n: str(ipaddress.IPv4Address(n)))
ipv6 = st.integers(2**64, 2**128 - 1).map(lambda n: str(ipaddress.IPv6Address(n)))
strings = st.lists(st.binary(max_size=40), min_size=1, max_size=4)
protocols = st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=3)


def made(cls: Any, rdtype: str, *fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dns.rdata.Rdata]:
    return st.builds(cls, st.just(IN), st.just(dns.rdatatype.from_text(rdtype)), *fields)


made_https: Callable[..., dns.rdata.Rdata] = dns.rdtypes.IN.HTTPS.HTTPS


def service(fields: tuple[int, dns.name.Name, list[bytes], list[str], list[str], bytes]) -> dns.rdata.Rdata:
    priority, target, alpn, v4, v6, other = fields
    base: Any = dns.rdtypes.svcbbase
    params: dict[int, Any] = {1: base.ALPNParam(alpn), 2: None, 3: base.PortParam(priority)}
    if v4:
        params[4] = base.IPv4HintParam(v4)
    if v6:
        params[6] = base.IPv6HintParam(v6)
    params[7] = base.GenericParam(other)
    return made_https(IN, dns.rdatatype.HTTPS, priority, target, params)


rdatas = st.one_of(
    made(dns.rdtypes.IN.A.A, "A", ipv4),
    made(dns.rdtypes.IN.AAAA.AAAA, "AAAA", ipv6),
    made(dns.rdtypes.ANY.CNAME.CNAME, "CNAME", names),
    made(dns.rdtypes.ANY.NS.NS, "NS", names),
    made(dns.rdtypes.ANY.PTR.PTR, "PTR", names),
    made(dns.rdtypes.ANY.DNAME.DNAME, "DNAME", names),
    made(dns.rdtypes.ANY.MX.MX, "MX", u16, names),
    made(dns.rdtypes.IN.SRV.SRV, "SRV", u16, u16, u16, names),
    made(dns.rdtypes.ANY.TXT.TXT, "TXT", strings),
    made(dns.rdtypes.ANY.SOA.SOA, "SOA", names, names, u32, *[st.integers(0, 2**31 - 1)] * 4),
    made(dns.rdtypes.ANY.CAA.CAA, "CAA", st.integers(0, 255), st.just(b"issue"), st.binary(max_size=30)),
    st.tuples(
        st.integers(1, 0xFFFF),
        names,
        protocols,
        st.lists(ipv4, max_size=2),
        st.lists(ipv6, max_size=2),
        st.binary(min_size=1, max_size=9),
    ).map(service),
    st.binary(max_size=40).map(lambda data: dns.rdata.GenericRdata(IN, dns.rdatatype.RdataType.make(65280), data)),
)
records = st.tuples(names, st.integers(0, 2**31 - 1), rdatas)
rcodes = st.sampled_from(
    [dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.BADVERS]
)
qtypes = st.sampled_from(["A", "AAAA", "MX", "TXT", "HTTPS", "PTR", "SRV", "TYPE65280", "DS", "NS"])


@dataclass(frozen=True)
class Exchange:
    """A question and its answer on the wire, and what dnspython reads there."""

    query: bytes
    reply: bytes

    def row(self) -> dict[str, Any]:
        """The columns that the two messages decide."""
        asked = dns.message.from_wire(self.query).question[0]
        reply = dns.message.from_wire(self.reply, one_rr_per_rrset=True)
        answers = []
        for rrset in reply.answer:
            kind = dns.rdatatype.to_text(rrset.rdtype)
            text = TEXTS.get(kind, generic_text)(rrset[0])
            answers.append({"name": name_text(rrset.name), "type": kind, "data": text, "ttl": rrset.ttl})
        return {
            "qname": name_text(asked.name),
            "qtype": dns.rdatatype.to_text(asked.rdtype),
            "qclass": dns.rdataclass.to_text(asked.rdclass),
            "rcode": dns.rcode.to_text(reply.rcode()),
            "flags": [flag for flag in FLAGS if reply.flags & dns.flags.from_text(flag)],
            "answers": answers,
        }


@st.composite
def exchanges(draw: st.DrawFn, number: int = 0) -> Exchange:
    query = dns.message.make_query(draw(names), draw(qtypes), use_edns=0, want_dnssec=draw(st.booleans()))
    query.id = (draw(st.integers(0, 0xFF)) << 8) + number
    reply = dns.message.make_response(query)
    for flag in draw(st.lists(st.sampled_from(FLAGS), unique=True)):
        reply.flags |= dns.flags.from_text(flag)
    for name, ttl, rdata in draw(st.lists(records, max_size=6)):
        reply.answer.append(dns.rrset.from_rdata(name, ttl, rdata))
    reply.set_rcode(draw(rcodes))
    return Exchange(query.to_wire(), reply.to_wire(max_size=65535))


def ethernet(packet: Any) -> bytes:
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet)


def timed(frames: Sequence[bytes], packet: type[Any]) -> list[Any]:
    return [packet(START + number * 1_000_003, frame) for number, frame in enumerate(frames)]


def expected(
    told: Exchange, rows: Any, asked: int, answered: int, transport: str, ports: tuple[int, int]
) -> dict[str, Any]:
    """The whole row; `asked` and `answered` are the numbers, from 0, of the packets that completed each message."""
    times = [START + number * 1_000_003 for number in (asked, answered)]
    return {
        **told.row(),
        "record": asked + 1,
        "offset": rows.offsets[asked],
        "time": times[1],
        "client_ip": CLIENT,
        "client_port": ports[0],
        "server_ip": SERVER,
        "server_port": ports[1],
        "transport": transport,
        "name_exact": True,
        "vantage": "client",
        "asked": times[0],
        "answer_record": answered + 1,
        "answer_offset": rows.offsets[answered],
        "latency": times[1] - times[0],
        "time_basis": "explicit",
    }


def without_source(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    bare = [{name: value for name, value in row.items() if name != "source"} for row in rows]
    return sorted(bare, key=repr_of)


def repr_of(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))


@settings(max_examples=150, deadline=None)
@given(told=exchanges(), server_port=st.sampled_from([53, 5300]))
def test_datagrams(rows_of: Any, packet: Any, told: Exchange, server_port: int) -> None:
    frames = [
        ethernet(IP(src=CLIENT, dst=SERVER) / UDP(sport=40000, dport=server_port) / Raw(told.query)),
        ethernet(IP(src=SERVER, dst=CLIENT) / UDP(sport=server_port, dport=40000) / Raw(told.reply)),
    ]
    rows = rows_of(timed(frames, packet))
    row = expected(told, rows, 0, 1, "udp", (40000, server_port))
    assert without_source(rows.lookups) == without_source([row])
    assert [flow["app"] for flow in rows.flows] == ["dns"]


def pieces(stream: bytes, cuts: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """The stream cut at these places, each piece with its position."""
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        yield start, stream[start:end]


def completions(sent: Sequence[tuple[int, int, int]], messages: Sequence[bytes]) -> list[int]:
    """For each framed message, the number of the packet with which all bytes up to its end were there."""
    there: set[int] = set()
    done: list[int] = []
    ends = list(itertools.accumulate(len(message) + 2 for message in messages))
    contiguous = 0
    for number, start, length in sent:
        there.update(range(start, start + length))
        while contiguous in there:
            contiguous += 1
        done += [number] * (sum(end <= contiguous for end in ends) - len(done))
    return done


@settings(max_examples=60, deadline=None)
@given(data=st.data(), count=st.integers(1, 4), server_port=st.sampled_from([53, 5300]))
def test_streams(rows_of: Any, packet: Any, data: st.DataObject, count: int, server_port: int) -> None:
    told = [data.draw(exchanges(number)) for number in range(count)]
    answered_in = data.draw(st.permutations(range(count)))
    cuts = st.lists(st.integers(0, 5000), max_size=6)
    frames = [ethernet(IP(src=CLIENT, dst=SERVER) / TCP(sport=40000, dport=server_port, flags="S", seq=99))]
    frames.append(
        ethernet(IP(src=SERVER, dst=CLIENT) / TCP(sport=server_port, dport=40000, flags="SA", seq=7, ack=100))
    )
    done = []
    replies = [told[number].reply for number in answered_in]
    for messages, ends in ([m.query for m in told], (CLIENT, SERVER)), (replies, (SERVER, CLIENT)):
        ports = (40000, server_port) if ends[0] == CLIENT else (server_port, 40000)
        stream = b"".join(len(m).to_bytes(2, "big") + m for m in messages)
        parts = data.draw(st.permutations(list(pieces(stream, data.draw(cuts)))))
        sent = [(len(frames) + at, start, len(part)) for at, (start, part) in enumerate(parts)]
        first = 100 if ends[0] == CLIENT else 8
        for start, part in parts:
            tcp = TCP(sport=ports[0], dport=ports[1], flags="PA", seq=first + start, ack=8)
            frames.append(ethernet(IP(src=ends[0], dst=ends[1]) / tcp / Raw(part)))
        done.append(completions(sent, messages))
    rows = rows_of(timed(frames, packet))
    asked, answered = done
    wanted = [
        expected(one, rows, asked[number], answered[answered_in.index(number)], "tcp", (40000, server_port))
        for number, one in enumerate(told)
    ]
    assert without_source(rows.lookups) == without_source(wanted)


@settings(max_examples=30, deadline=None)
@given(told=exchanges(), cut=st.integers(1, 400))
def test_datagrams_cut_by_the_snaplen_tell_a_part_and_nothing_else(
    rows_of: Any, packet: Any, told: Exchange, cut: int
) -> None:
    frame = ethernet(IP(src=SERVER, dst=CLIENT) / UDP(sport=53, dport=40000) / Raw(told.reply))
    kept = frame[: max(42 + 12, len(frame) - cut)]
    rows = rows_of([packet(START, kept, len(frame))])
    whole = told.row()
    for row in rows.lookups:
        assert (row["qname"], row["qtype"]) == (whole["qname"], whole["qtype"])
        assert row["answers"] == whole["answers"][: len(row["answers"])]


changes = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(told=exchanges(), changes=changes)
def test_a_changed_answer_is_read_as_dnspython_reads_it(
    rows_of: Any, packet: Any, told: Exchange, changes: list[tuple[int, int]]
) -> None:
    wire = bytearray(told.reply)
    for at, byte in changes:
        wire[at % len(wire)] = byte
    wire[2] = wire[2] & 0x87 | 0x80  # still the answer to a query
    frame = ethernet(IP(src=SERVER, dst=CLIENT) / UDP(sport=53, dport=40000) / Raw(bytes(wire)))
    rows = rows_of([packet(START, frame)]).lookups
    try:
        reply = dns.message.from_wire(bytes(wire), one_rr_per_rrset=True)
    except (dns.exception.DNSException, ValueError, OverflowError):
        return  # it is enough that reading survives
    if len(reply.question) != 1:
        return
    [row] = rows
    asked = reply.question[0]
    assert (row["qname"], row["rcode"]) == (name_text(asked.name), rcode_of(reply))
    assert [answer["name"] for answer in row["answers"]] == [name_text(rrset.name) for rrset in reply.answer]
    for answer, rrset in zip(row["answers"], reply.answer, strict=True):
        kind = dns.rdatatype.to_text(rrset.rdtype)
        if kind in TEXTS and rrset.rdclass == IN:
            assert (answer["type"], answer["data"]) == (kind, TEXTS[kind](rrset[0]))


def rcode_of(reply: dns.message.Message) -> str:
    """The mnemonic that the core has, else the number."""
    code = reply.rcode()
    word = dns.rcode.to_text(code)
    return {"BADVERS": "BADVERS"}.get(word, word) if not word.isdigit() else f"RCODE{int(code)}"

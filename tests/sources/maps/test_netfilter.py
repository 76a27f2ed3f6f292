"""What Linux says of packets and connections: netfilter's log, connection tracking, and ulogd's forms of both."""

import json
from pathlib import Path

import pytest

from flowwatch.model.records import ReadOptions
from flowwatch.sources.reading import Collected, collect

PACKET = (
    "IN=eth0 OUT=eth1 MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC=192.0.2.17 DST=203.0.113.66 LEN=60 TOS=0x00 "
    "PREC=0x00 TTL=63 ID=27351 DF PROTO=TCP SPT=48986 DPT=443 WINDOW=64240 RES=0x00 SYN URGP=0 "
)
NFT = (
    "nft-new IN=eth0 OUT=eth1 MACSRC=02:00:00:00:00:01 MACDST=02:00:00:00:00:02 MACPROTO=86dd "
    "SRC=2001:0db8:0020:0000:0000:0000:0000:0010 DST=2001:0db8:0051:0000:0000:0000:0000:0007 LEN=80 TC=0 HOPLIMIT=63 "
    "FLOWLBL=89604 PROTO=TCP SPT=46816 DPT=443 SEQ=3029801888 ACK=0 WINDOW=64800 RES=0x00 SYN URGP=0 OPT (020405A0) "
)
ANSWER = PACKET.replace("RES=0x00 SYN", "RES=0x00 ACK SYN").replace("SRC=192.0.2.17 DST=203.0.113.66", "SRC=A DST=B")
ANSWER = ANSWER.replace("SRC=A DST=B", "SRC=203.0.113.66 DST=192.0.2.17").replace(
    "SPT=48986 DPT=443", "SPT=443 DPT=48986"
)
UDP = (
    "nflog-new:  IN=eth0 OUT=eth1 MAC= SRC=192.0.2.17 DST=192.0.2.20 LEN=1028 TOS=00 PREC=0x00 TTL=63 ID=32682 DF "
    "PROTO=UDP SPT=43469 DPT=514 LEN=1008 MARK=0x0 "
)
UNREACHABLE = (
    "IN=eth0 OUT=eth1 SRC=203.0.113.1 DST=192.0.2.17 LEN=88 TOS=0x00 PREC=0xC0 TTL=64 ID=1 PROTO=ICMP TYPE=3 CODE=13 "
    "[SRC=192.0.2.17 DST=203.0.113.67 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=2 DF PROTO=TCP SPT=48987 DPT=25 WINDOW=64240 "
    "RES=0x00 SYN URGP=0 ] "
)
DESTROYED = (
    "[1795333926.000681]\t[DESTROY] ipv4     2 tcp      6 TIME_WAIT src=192.0.2.17 dst=203.0.113.66 sport=44148 "
    "dport=443 packets=14 bytes=21544 src=203.0.113.66 dst=198.51.100.1 sport=443 dport=10001 packets=10 bytes=2657 "
    "[ASSURED] delta-time=120 id=354512489"
)
BEGUN = (
    "[1795333805.438669]\t    [NEW] ipv4     2 tcp      6 120 SYN_SENT src=192.0.2.17 dst=203.0.113.66 sport=44148 "
    "dport=443 [UNREPLIED] src=203.0.113.66 dst=198.51.100.1 sport=443 dport=10001 id=354512489"
)
LISTED = (
    "ipv4     2 udp      17 26 src=192.0.2.17 dst=192.0.2.53 sport=60682 dport=53 packets=1 bytes=84 [UNREPLIED] "
    "src=192.0.2.53 dst=192.0.2.17 sport=53 dport=60682 packets=0 bytes=0 mark=0 zone=0 delta-time=3 use=2"
)
ENDED = (
    "Nov 22 07:51:18 vm [DESTROY] ORIG: SRC=192.0.2.17 DST=203.0.113.66 PROTO=TCP SPT=57218 DPT=9 PKTS=1 BYTES=60 , "
    "REPLY: SRC=203.0.113.66 DST=192.0.2.17 PROTO=TCP SPT=9 DPT=57218 PKTS=1 BYTES=40 "
)
NFLOG: dict[str, object] = {
    "timestamp": "2026-11-22T08:49:48.884383", "raw.pktlen": 60, "oob.prefix": "new: ", "oob.time.sec": 1795333788,
    "oob.time.usec": 884383, "oob.hook": 2, "ip.protocol": 6, "ip.totlen": 60, "src_port": 443, "dest_port": 37350,
    "tcp.ack": 1, "tcp.syn": 1, "src_ip": "203.0.113.66", "dest_ip": "192.0.2.17",
}  # fmt: skip
SAMPLES = {
    "netfilter-log": "\n".join(f"[ 1961.19235{at}] {one}" for at, one in enumerate((PACKET, NFT, ANSWER, UDP))),
    "conntrack": f"{BEGUN}\n{DESTROYED}\n{LISTED}",
    "ulogd-flow-log": ENDED,
    "ulogd-packet": json.dumps(NFLOG),
}


def read(tmp_path: Path, *lines: str, name: str | None = None) -> Collected:
    path = tmp_path / "log"
    path.write_text("\n".join(lines) + "\n")
    return collect([str(path)], ReadOptions(input_format=name))


def ends(row):
    return tuple(row[name] for name in ("src_ip", "src_port", "dst_ip", "dst_port"))


@pytest.mark.parametrize(
    ("front", "time", "host"),
    [
        ("", None, None),
        ("[ 1961.192350] FW-OUT-NEW: ", None, None),
        ("[Sun Nov 22 07:51:12 2026] FW: ", "2026-11-22 07:51:12+00:00", None),
        ("2026-11-22T07:51:12,192350+00:00 [FW drop] ", "2026-11-22 07:51:12.192350+00:00", None),
        ("2026-11-22T08:51:12.192350+01:00 gw kernel: [1.2] FW ", "2026-11-22 07:51:12.192350+00:00", "gw"),
        ("<4>2026-11-22T07:51:12Z gw kernel: FW ", "2026-11-22 07:51:12+00:00", "gw"),
        ("<4>1 2026-11-22T07:51:12Z gw kernel - - - [    1.2] FW ", "2026-11-22 07:51:12+00:00", "gw"),
        ("<4>1 2026-11-22T07:51:12Z gw ulogd 77 - - FW ", "2026-11-22 07:51:12+00:00", "gw"),
    ],
)
def test_a_packet_behind_whatever_stands_in_front(tmp_path, front, time, host):
    (row,) = read(tmp_path, front + PACKET, name="netfilter-log").flows.to_pylist()
    assert (str(row["start"]) if row["start"] else None, row["host"]) == (time, host)
    assert ends(row) == ("192.0.2.17", 48986, "203.0.113.66", 443)
    assert (row["src_bytes"], row["bytes_scope"], row["counter"]) == (60, "ip", "single_packet")
    assert (row["direction_basis"], row["action"]) == ("handshake", None)


def test_addresses_are_canonical_and_an_answer_is_the_initiator_s_row(tmp_path):
    first, second = read(tmp_path, NFT, ANSWER).flows.to_pylist()
    assert ends(first) == ("2001:db8:20::10", 46816, "2001:db8:51::7", 443)
    assert ends(second) == ("192.0.2.17", 48986, "203.0.113.66", 443)
    assert (second["src_bytes"], second["dst_bytes"]) == (None, 60)


def test_the_packet_within_an_icmp_error_is_not_taken(tmp_path):
    (row,) = read(tmp_path, UNREACHABLE).flows.to_pylist()
    assert (row["proto"], *ends(row)) == ("icmp", "203.0.113.1", 3, "192.0.2.17", 13)


def test_a_later_fragment_has_no_ports(tmp_path):
    (row,) = read(
        tmp_path, UDP.replace("DF PROTO=UDP SPT=43469 DPT=514 LEN=1008", "FRAG:185 PROTO=UDP")
    ).flows.to_pylist()
    assert (row["proto"], *ends(row)) == ("udp", "192.0.2.17", None, "192.0.2.20", None)


@pytest.mark.parametrize(
    ("prefix", "action"),
    [("[UFW BLOCK] ", "deny"), ("[UFW ALLOW] ", "allow"), ("[UFW LIMIT BLOCK] ", "deny"), ("[UFW AUDIT] ", None)]
    + [(prefix, None) for prefix in ("DROP: ", "[DENY] ", "[Block Wan in] ", "FW BLOCK ", "ACCEPT IN ")],
)
def test_only_ufw_s_own_words_are_an_action(tmp_path, prefix, action):
    (row,) = read(tmp_path, "Nov 22 07:51:12 gw kernel: " + prefix + PACKET).flows.to_pylist()
    assert row["action"] == action


def test_other_lines_are_noise_and_a_packet_that_cannot_be_read_is_counted(tmp_path):
    found = read(
        tmp_path,
        "Nov 22 07:51:12 gw kernel: [1.2] eth0: link is up",
        "Nov 22 07:51:12 gw sshd[7]: Invalid user " + PACKET,
        "Nov 22 07:51:12 gw kernel: " + PACKET[:150],
        "Nov 22 07:51:12 gw kernel: IN=eth0 OUT= ARP HTYPE=1 PTYPE=0x0800 OPCODE=1",
        "Nov 22 07:51:12 gw kernel: " + PACKET,
        name="netfilter-log",
    )
    told = found.coverage[0]
    assert (told.records, told.events, told.noise, told.unattributable, told.rejected) == (5, 1, 3, 1, 0)


def test_packets_between_lines_of_other_programs_are_read_beside_them(tmp_path):
    query = "client @0x7f 192.0.2.17#5 (api.vendor.example): query: api.vendor.example IN A +E(0)K (192.0.2.53)"
    lines = [
        f"Nov 22 07:51:12 gw named[9]: {query}",
        f"Nov 22 07:51:12 gw kernel: [1.2] [UFW BLOCK] {PACKET}",
        "Nov 22 07:51:12 gw kernel: [1.3] eth0: link is up",
        "Nov 22 07:51:12 gw cron[7]: a job",
    ]
    found = read(tmp_path, *lines * 3)
    told = found.coverage[0]
    assert told.format == "bind-query+netfilter-log"
    assert (told.flows, told.lookups, told.noise, told.rejected) == (3, 3, 6, 0)


def test_a_translated_conversation_in_json(tmp_path):
    conversation = {
        "orig.ip.protocol": 6, "orig.l4.sport": 40000, "orig.l4.dport": 443, "orig.raw.pktlen": 9,
        "reply.raw.pktlen": 8, "reply.l4.sport": 443, "reply.l4.dport": 10001, "flow.end.sec": 1795333793,
        "ct.event": 4, "src_ip": "192.0.2.17", "dest_ip": "203.0.113.66",
        "reply.ip.saddr.str": "203.0.113.66", "reply.ip.daddr.str": "198.51.100.1",
    }  # fmt: skip
    (row,) = read(tmp_path, json.dumps(conversation)).flows.to_pylist()
    told = [row[f"nat_{side}_{what}"] for side in ("src", "dst") for what in ("ip", "port")]
    assert told == ["198.51.100.1", 10001, None, None]


def test_a_list_and_the_events_of_connection_tracking(tmp_path):
    begun, ended, listed = read(tmp_path, BEGUN, DESTROYED, LISTED).flows.to_pylist()
    assert ends(begun) == ends(ended) == ("192.0.2.17", 44148, "203.0.113.66", 443)
    assert begun["conn_id"] == ended["conn_id"] == "354512489"
    assert [ended[f"{side}_{what}"] for side in ("src", "dst") for what in ("packets", "bytes")] == [
        14,
        21544,
        10,
        2657,
    ]
    assert (ended["nat_src_ip"], ended["nat_src_port"]) == ("198.51.100.1", 10001)
    assert (ended["nat_dst_ip"], ended["nat_dst_port"], ended["state"]) == (None, None, None)
    assert (ended["end"] - ended["start"]).total_seconds() == 120
    assert (begun["src_bytes"], begun["counter"], ended["counter"]) == (None, "cumulative", "final")
    assert (listed["dst_packets"], listed["counter"], listed["start"], listed["end"]) == (0, "cumulative", None, None)
    assert (listed["nat_src_ip"], listed["nat_src_port"]) == (None, None)


def test_a_beginning_without_an_id_is_noise_since_its_end_could_not_be_told_to_be_its_own(tmp_path):
    told = read(tmp_path, BEGUN.replace(" id=354512489", ""), DESTROYED).coverage[0]
    assert (told.events, told.noise) == (1, 1)


def test_a_span_that_ends_before_1970_is_refused(tmp_path):
    told = read(tmp_path, DESTROYED, DESTROYED.replace("delta-time=120", "delta-time=4000000000")).coverage[0]
    assert [one.code for one in told.rejects] == ["bad_timestamp"]


@pytest.mark.parametrize("line", [ENDED.rstrip(), DESTROYED, PACKET])
def test_a_last_line_that_nothing_ends_may_be_cut_in_a_number_and_is_held_back(tmp_path, line):
    path = tmp_path / "log"
    path.write_text(f"{line}\n{line[:-1]}")
    told = collect([str(path)]).coverage[0]
    assert (told.events, told.held_back) == (1, 1)


def test_ulogd_s_text_has_both_tuples(tmp_path):
    (row,) = read(tmp_path, ENDED).flows.to_pylist()
    assert (*ends(row), row["src_bytes"], row["dst_bytes"]) == ("192.0.2.17", 57218, "203.0.113.66", 9, 60, 40)
    assert (row["host"], row["nat_dst_ip"], row["counter"]) == ("vm", None, "final")


def test_ulogd_s_packet_takes_the_time_that_has_a_zone_and_the_initiator_by_its_flags(tmp_path):
    (row,) = read(tmp_path, json.dumps(NFLOG)).flows.to_pylist()
    assert (*ends(row), row["direction_basis"]) == ("192.0.2.17", 37350, "203.0.113.66", 443, "handshake")
    assert (str(row["start"]), row["src_bytes"], row["dst_bytes"]) == ("2026-11-22 07:49:48+00:00", None, 60)


@pytest.mark.parametrize(
    "name",
    [
        "dmesg.log",
        "dmesg-T.log",
        "dmesg-iso.log",
        "ulogd-pkt.log",
        "ulogd-pkt.jsonl",
        "ulogd-flow.log",
        "conntrack-events.log",
        "conntrack-list.log",
        "proc-nf_conntrack.log",
    ],
)
def test_nothing_of_the_scenario_is_refused(shared_logs, name):
    told = collect([str(shared_logs / "scenario" / name)]).coverage[0]
    assert told.events
    assert (told.rejected, told.unattributable, told.held_back) == (0, 0, 0)


def test_text_and_json_of_ulogd_say_the_same(shared_logs):
    def told(name):
        rows = collect([str(shared_logs / "scenario" / name)]).flows.to_pylist()
        return {(*ends(row), row["src_bytes"], row["dst_bytes"]) for row in rows if row["proto"] in ("tcp", "udp")}

    assert told("ulogd-flow.log") <= told("ulogd-flow.jsonl")

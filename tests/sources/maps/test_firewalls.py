"""Firewalls: what their maps read of sessions, names and translated addresses, and what they leave."""

import json
from pathlib import Path

import pytest

from flowwatch.model.records import ReadOptions
from flowwatch.sources.reading import Collected, collect
from flowwatch.transmissions import derive

TRAFFIC = (
    "<14>Nov 22 08:00:21 fw 1,2026/11/22 08:00:20,0123,TRAFFIC,{subtype},2560,2026/11/22 08:00:20,192.0.2.10,"
    "203.0.113.66,{natsrc},{natdst},{rule},corp\\user,,ssl,vsys1,in,out,eth1,eth2,fwd,2026/11/22 08:00:20,77,1,40000,"
    "443,{ports},0x40,tcp,{action},5900,5000,900,12,2026/11/22 08:00:00,15,any,,1,0x0,XA,XB,,7,5,tcp-fin"
)
URL = (
    "Nov 22 08:00:21 fw 1,2026/11/22 08:00:02,0123,THREAT,url,2560,2026/11/22 08:00:02,192.0.2.10,203.0.113.66,"
    "198.51.100.1,203.0.113.66,web,corp\\user,,ssl,vsys1,in,out,eth1,eth2,fwd,2026/11/22 08:00:02,77,1,40000,443,1025,"
    '443,0x40,tcp,alert,"collector.example/a,b",(9999),any,informational,client-to-server'
)
TRANSLATED = {"natsrc": "198.51.100.1", "natdst": "203.0.113.66", "ports": "1025,443"}
NOWHERE = ".".join("0000")
PLAIN = {"natsrc": NOWHERE, "natdst": NOWHERE, "ports": "0,0"}
SYSTEM = "Nov 22 08:00:21 fw 1,2026/11/22 08:00:02,0123,SYSTEM,general,0,2026/11/22 08:00:02,,general,,0,0,general"
PALOALTO = "\n".join(
    [
        TRAFFIC.format(subtype="start", rule="web", action="allow", **TRANSLATED),
        TRAFFIC.format(subtype="end", rule='"web, out"', action="allow", **TRANSLATED),
        URL,
        SYSTEM,
    ]
)
PALOALTO_CEF = (
    "<14>Nov 22 08:00:21 fw CEF:0|Palo Alto Networks|PAN-OS|11.0.0|end|TRAFFIC|1|rt=Nov 22 2026 08:00:21 GMT "
    "deviceExternalId=0123 src=192.0.2.10 dst=203.0.113.66 sourceTranslatedAddress=198.51.100.1 "
    "destinationTranslatedAddress=203.0.113.66 cs1Label=Rule cs1=web out suser=corp\\\\user cn1Label=SessionID cn1=77 "
    "spt=40000 dpt=443 sourceTranslatedPort=1025 destinationTranslatedPort=443 proto=tcp act=allow "
    "flexNumber1Label=Total bytes flexNumber1=5900 in=5000 out=900 PanOSPacketsReceived=5 PanOSPacketsSent=7 "
    "start=Nov 22 2026 08:00:15 GMT cn3Label=Elapsed time in seconds cn3=15"
)
PALOALTO_LEEF = (
    "<14>Nov 22 08:00:21 fw LEEF:2.0|Palo Alto Networks|PAN-OS Syslog Integration|11.0|allow|x7C|cat=TRAFFIC|"
    "Subtype=end|devTime=Nov 22 2026 08:00:15 GMT|src=192.0.2.10|dst=203.0.113.66|srcPostNAT=198.51.100.1|"
    "dstPostNAT=203.0.113.66|SessionID=77|srcPort=40000|dstPort=443|srcPostNATPort=1025|dstPostNATPort=443|proto=tcp|action=allow|srcBytes=5000"
    "|dstBytes=900|ElapsedTime=15|srcPackets=7|dstPackets=5|SourceUser=corp\\user"
)
FORTI_CEF = (
    "<189>Nov 22 08:00:15 fw CEF:0|Fortinet|Fortigate|v7.4.1|00013|traffic:forward close|3|deviceExternalId=FG1 "
    "FTNTFGTeventtime=1795334415 cat=traffic:forward FTNTFGTsubtype=forward src=192.0.2.10 spt=40000 dst=203.0.113.66 "
    "dpt=443 proto=6 act=close externalId=77 FTNTFGTduration=15 out=5000 in=900 FTNTFGTsentpkt=7 FTNTFGTrcvdpkt=5 "
    "sourceTranslatedAddress=198.51.100.1 sourceTranslatedPort=1025"
)
FORTI_DNS = (
    'date=2026-11-22 time=09:00:1{second} tz="+0100" logid="1501054802" type="utm" subtype="dns" eventtype="{event}" '
    'sessionid=9 srcip=192.0.2.10 srcport=5353 dstip=192.0.2.53 dstport=53 proto=17 qname="collector.example" '
    'qtype="A" qclass="IN" xid=4660{more}'
)
ASA = "Nov 22 2026 08:00:{second} fw : %ASA-6-{said}"
OUT = "for outside:203.0.113.66/443 {far} to inside:192.0.2.10/40000 {near}"
BUILT = ASA.format(second="00", said="302013: Built {way} TCP connection 77 " + OUT)
TEARDOWN = ASA.format(
    second="15",
    said="302014: Teardown TCP connection 77 for outside:203.0.113.66/443 to inside:192.0.2.10/40000 "
    "duration 0:00:15 bytes 5900 TCP FINs from inside (corp\\user)",
)
FTD = (
    "2026-11-22T08:00:16Z ftd  %FTD-1-43000{end}: EventPriority: Low, DeviceUUID: 1, InstanceID: 2, FirstPacketSecond: "
    "2026-11-22T08:00:00Z, ConnectionID: 77, AccessControlRuleAction: {action}, SrcIP: 192.0.2.10, "
    "DstIP: 203.0.113.66, SrcPort: 40000, DstPort: 443, Protocol: tcp, UserAgent: a (b, like c) d{agent}, "
    "ConnectionDuration: {took}, InitiatorPackets: 7, ResponderPackets: 5, InitiatorBytes: {sent}, "
    "ResponderBytes: 900, URL: https://collector.example/a, NAT_InitiatorPort: 1025, "
    "NAT_InitiatorIP: 198.51.100.1, NAT_ResponderPort: 443, NAT_ResponderIP: 203.0.113.66"
)
BEGUN = FTD.format(end=2, action="Allow", agent="", took=0, sent=74)
ENDED = FTD.format(end=3, action="Allow", agent="", took=15, sent=5000)
FILTER = "Nov 22 08:00:15 {frame}: 4,,,1000000103,em0,match,{action},in,{packet}"
TCP4 = "4,0x0,,64,0,0,DF,6,tcp,60,192.0.2.10,203.0.113.66,40000,443,0,{flags},1,,64240,,mss;nop"
UDP6 = "6,0x00,0x9e6c5,1,udp,17,91,2001:db8::10,2001:db8::66,5353,53,51"
ICMP4 = "4,0x0,,64,1,0,none,1,icmp,84,192.0.2.10,203.0.113.66,request,53,2"
SAMPLES: dict[str, str] = {
    "paloalto": PALOALTO,
    "paloalto-cef": PALOALTO_CEF,
    "paloalto-leef": PALOALTO_LEEF,
    "fortinet-cef": FORTI_CEF,
    "filterlog": "\n".join(
        [
            FILTER.format(frame="fw filterlog[123]", action="block", packet=TCP4.format(flags="S")),
            FILTER.format(frame="fw filterlog[123]", action="pass", packet=UDP6),
            "Nov 22 08:00:15 fw sshd[4]: closed",
            FILTER.format(frame="fw filterlog[123]", action="rdr", packet=ICMP4),
        ]
    ),
    "cisco-asa": "\n".join(
        [
            BUILT.format(way="outbound", far="(203.0.113.66/443)", near="(198.51.100.1/1025)(corp\\user)"),
            TEARDOWN,
            ASA.format(second="16", said="305011: Built dynamic TCP translation from in:192.0.2.10/1 to x:192.0.2.1/2"),
            BEGUN,
            ENDED,
        ]
    ),
}


def read(tmp_path: Path, *lines: str) -> Collected:
    path = tmp_path / "log"
    path.write_text("\n".join(lines) + "\n")
    return collect([str(path)], ReadOptions())


def pick(row, *names):
    return tuple(row[name] for name in names)


SESSION = (
    *("src_ip", "src_port", "dst_ip", "dst_port", "proto", "src_bytes", "dst_bytes", "conn_id", "action"),
    *("nat_src_ip", "nat_src_port", "nat_dst_ip", "nat_dst_port"),
)
TOLD = (
    *("192.0.2.10", 40000, "203.0.113.66", 443, "tcp", 5000, 900, "77", "allow"),
    *("198.51.100.1", 1025, None, None),
)


@pytest.mark.parametrize("name", ["paloalto", "paloalto-cef", "paloalto-leef", "fortinet-cef"])
def test_a_session_says_the_same_in_every_form(tmp_path, name):
    found = read(tmp_path, SAMPLES[name])
    assert found.coverage[0].format == name
    row = found.flows.to_pylist()[0]
    assert pick(row, *SESSION) == TOLD
    assert [str(row[end])[11:19] for end in ("start", "end")] == ["08:00:00", "08:00:15"]


def test_a_url_gives_its_session_a_name_and_nothing_else(tmp_path):
    found = read(tmp_path, PALOALTO)
    assert (found.coverage[0].noise, found.coverage[0].rejected) == (2, 0)
    assert pick(found.flows.to_pylist()[1], "name", "name_source", "src_bytes") == (
        "collector.example",
        "http_host",
        None,
    )
    (sent, _) = derive(found.flows, found.lookups, found.coverage)
    assert [name.name for name in sent.names] == ["collector.example"]
    assert (sent.sender_ip, sent.receiver_ip) == ("192.0.2.10", "203.0.113.66")


@pytest.mark.parametrize("subtype", ["drop", "deny"])
def test_a_session_that_was_denied_is_an_attempt_without_translation(tmp_path, subtype):
    found = read(
        tmp_path, TRAFFIC.format(subtype=subtype, rule="x", action="deny", **PLAIN).replace("5000,900", "60,0")
    )
    (row,) = found.flows.to_pylist()
    assert pick(row, "action", "nat_src_ip", "nat_src_port", "nat_dst_port") == ("deny", None, None, None)


def test_a_row_that_is_cut_is_refused(tmp_path):
    line = TRAFFIC.format(subtype="end", rule="x", action="allow", **PLAIN)
    found = read(tmp_path, line, line[: line.index(",900")])
    assert (found.coverage[0].events, [one.code for one in found.coverage[0].rejects]) == (1, ["short_row"])


@pytest.mark.parametrize("zone", ['eventtime=1795334415', 'eventtime=1795334415000', 'eventtime=1795334415000000000',
                                  'tz="+0100"'])  # fmt: skip
def test_the_time_of_a_session_is_its_own_or_that_of_its_zone(tmp_path, zone):
    line = (
        f'date=2026-11-22 time=09:00:15 {zone} type="traffic" srcip=192.0.2.10 dstip=203.0.113.66 proto=6 duration=15 '
        "sentbyte=5000 sentdelta=100 sessionid=77 transip=198.51.100.1 transport=1025 tranip=0.0.0.0 tranport=0"
    )
    (row,) = read(tmp_path, line).flows.to_pylist()
    assert [str(row[end])[11:19] for end in ("start", "end")] == ["08:00:00", "08:00:15"]
    assert pick(row, "nat_src_ip", "nat_src_port", "nat_dst_ip", "nat_dst_port") == ("198.51.100.1", 1025, None, None)


def test_a_web_filter_names_its_session(tmp_path):
    line = FORTI_DNS.replace('subtype="dns"', 'subtype="webfilter"').format(second=5, event="ftgd_allow", more="")
    (row,) = read(tmp_path, line + ' hostname="collector.example" action="passthrough"').flows.to_pylist()
    assert pick(row, "name", "name_source", "conn_id", "action", "src_bytes") == (
        "collector.example", "http_host", "9", "allow", None,
    )  # fmt: skip


def test_a_time_of_a_number_of_digits_that_says_nothing_is_none(tmp_path):
    line = 'date=2026-11-22 time=09:00:15 eventtime={} type="traffic" srcip=192.0.2.10 dstip=203.0.113.66 proto=6'
    found = read(tmp_path, *[line.format(1795334415)] * 9, line.format(12345))
    assert [one.code for one in found.coverage[0].rejects] == ["bad_timestamp"]


def test_the_end_of_a_connection_alone_is_turned_by_its_ports(tmp_path):
    served = TEARDOWN.replace("66/443", "66/50000").replace("10/40000", "10/443")
    (row,) = read(tmp_path, served).flows.to_pylist()
    assert pick(row, "src_ip", "dst_ip", "dst_port", "direction_basis") == ("203.0.113.66", "192.0.2.10", 443, "port")


def test_a_lookup_of_a_gate_has_its_addresses(tmp_path):
    asked = FORTI_DNS.format(second=5, event="dns-query", more="")
    answer = FORTI_DNS.format(second=6, event="dns-response", more=' action="{}" ipaddr="203.0.113.66, 203.0.113.67"')
    (row,) = read(tmp_path, asked, answer.format("pass")).lookups.to_pylist()
    assert pick(row, "client_ip", "server_ip", "transport", "qname", "policy_action", "time_basis") == (
        "192.0.2.10", "192.0.2.53", "udp", "collector.example", "allow", "explicit",
    )  # fmt: skip
    assert [one["data"] for one in row["answers"]] == ["203.0.113.66", "203.0.113.67"]
    (row,) = read(tmp_path, answer.format("block")).lookups.to_pylist()
    assert row["policy_action"] == "block"


@pytest.mark.parametrize(
    ("way", "ends"),
    [
        ("outbound", ("192.0.2.10", 40000, "203.0.113.66", 443, "198.51.100.1", 1025)),
        ("inbound", ("203.0.113.66", 443, "192.0.2.10", 40000, None, None)),
    ],
)
def test_the_beginning_of_a_connection_tells_who_opened_it_and_its_end_how_much(tmp_path, way, ends):
    begun = BUILT.format(way=way, far="(203.0.113.66/443)", near="(198.51.100.1/1025)")
    found = read(tmp_path, begun, TEARDOWN)
    first, second = found.flows.to_pylist()
    told = pick(first, "src_ip", "src_port", "dst_ip", "dst_port", "nat_src_ip", "nat_src_port")
    assert (told, first["direction_basis"], first["bytes_total"]) == (ends, "log", None)
    assert pick(second, "direction_basis", "bytes_total", "src_bytes", "state") == ("port", 5900, None, "SF")
    assert [str(second[end])[11:19] for end in ("start", "end")] == ["08:00:00", "08:00:15"]
    both = derive(found.flows, found.lookups, found.coverage)
    assert [(one.sender_ip, one.opened_by) for one in both] == [(ends[0], "sender"), (ends[2], "receiver")]
    assert {(one.sent.least, one.sent.most, one.ref.last_record) for one in both} == {(0, 5900, 2)}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('106023: Deny tcp src outside:203.0.113.66/80 dst inside:192.0.2.10/8277 by access-group "in" [0x0, 0x0]',
         ("tcp", "203.0.113.66", 80, "192.0.2.10", 8277)),
        ('106023: Deny icmp src outside:2001:db8::66 dst inside:2001:db8::10(u) (type 8, code 0) by access-group',
         ("icmp", "2001:db8::66", 8, "2001:db8::10", 0)),
        ("106100: access-list acl denied udp inside/192.0.2.10(5353)(user) -> outside/203.0.113.66(53) hit-cnt 1",
         ("udp", "192.0.2.10", 5353, "203.0.113.66", 53)),
        ("106001: Inbound TCP connection denied from 203.0.113.66/1234 to 192.0.2.10/80 flags SYN on interface outside",
         ("tcp", "203.0.113.66", 1234, "192.0.2.10", 80)),
        ("106006: Deny inbound UDP from 203.0.113.66/1 to 192.0.2.10/2 on interface outside",
         ("udp", "203.0.113.66", 1, "192.0.2.10", 2)),
    ],
)  # fmt: skip
def test_what_was_denied_is_an_attempt(tmp_path, said, told):
    found = read(tmp_path, ASA.format(second="00", said=said))
    (row,) = found.flows.to_pylist()
    assert pick(row, "proto", "src_ip", "src_port", "dst_ip", "dst_port") == told
    assert pick(row, "action", "counter") == ("deny", "single_packet")
    (one,) = derive(found.flows, found.lookups, found.coverage)
    assert one.attempted


def test_echo_has_its_type_and_who_sent_it(tmp_path):
    said = "connection for faddr 203.0.113.66/0 gaddr 198.51.100.1/512 laddr 192.0.2.10/512(user) type 8 code 0"
    built, torn = (
        ASA.format(second=second, said=f"{event} ICMP {said}")
        for second, event in (("00", "302020: Built outbound"), ("02", "302021: Teardown"))
    )
    found = read(tmp_path, built, torn)
    row = found.flows.to_pylist()[0]
    assert pick(row, "proto", "src_ip", "dst_ip", "src_port", "dst_port", "nat_src_ip") == (
        "icmp", "192.0.2.10", "203.0.113.66", 8, 0, "198.51.100.1",
    )  # fmt: skip
    assert {one.flow for one in derive(found.flows, found.lookups, found.coverage)} == {0}


@pytest.mark.parametrize(
    "said",
    [
        TEARDOWN.replace("inside:192.0.2.10", "inside:desk-7"),
        TEARDOWN.partition("bytes")[0],
        ASA.format(second="00", said="302013: Built sideways TCP connection"),
    ],
)
def test_names_in_place_of_addresses_and_cut_lines_are_counted_and_say_nothing(tmp_path, said):
    found = read(tmp_path, said, TEARDOWN)
    assert (found.coverage[0].unattributable, found.coverage[0].events) == (1, 1)


@pytest.mark.parametrize(
    "head",
    [
        "<166>Nov 22 2026 08:00:15: ", "<166>:Nov 22 08:00:15 UTC: ", "<166>2026-11-22T08:00:15Z fw : ",
        "Nov 22 09:30:00 relay Nov 22 2026 08:00:15 fw : ", "Nov 22 2026 08:00:15 localhost CiscoASA[999]: ",
        "2026-11-22T08:00:15.5+00:00 fw ", "<166>1 2026-11-22T08:00:15Z fw ASA - - - ",
    ],
)  # fmt: skip
def test_the_time_stands_in_many_forms(tmp_path, head):
    (row,) = read(tmp_path, head + TEARDOWN[TEARDOWN.index("%") :]).flows.to_pylist()
    assert str(row["end"])[11:19] == "08:00:15"


def test_an_ftd_connection_is_one_told_twice(tmp_path):
    found = read(tmp_path, BEGUN, ENDED)
    rows = found.flows.to_pylist()
    assert pick(rows[1], *SESSION[:7]) == TOLD[:7]
    assert pick(rows[1], "conn_id", "action", *SESSION[9:], "name") == ("2 77", *TOLD[8:], "collector.example")
    assert [str(rows[1][end])[11:19] for end in ("start", "end")] == ["08:00:00", "08:00:15"]
    both = derive(found.flows, found.lookups, found.coverage)
    assert [one.ref.last_record for one in both] == [2, 2]


def test_what_a_client_wrote_does_not_count_for_what_the_gate_counted(tmp_path):
    spoof = FTD.format(end=3, action="Allow", agent=", InitiatorBytes: 0", took=15, sent=5000)
    found = read(tmp_path, spoof, ENDED)
    assert [one.code for one in found.coverage[0].rejects] == ["double_key"]


@pytest.mark.parametrize("event", ["302013", "302016", "106023", "305011"])
def test_asa_has_what_the_expected_event_says(tmp_path, shared_logs, event):
    expected = json.loads((shared_logs / f"cisco-asa/sample-ocsf-{event}.expected.ocsf.json").read_text())
    found = read(tmp_path, (shared_logs / f"cisco-asa/sample-ocsf-{event}.log").read_text())  # its line has no end
    if event == "305011":
        assert (found.flows.num_rows, found.coverage[0].noise) == (0, 1)
        return
    (row,) = found.flows.to_pylist()
    ends = {(expected[end]["ip"], expected[end]["port"]) for end in ("src_endpoint", "dst_endpoint")}
    assert {pick(row, "src_ip", "src_port"), pick(row, "dst_ip", "dst_port")} == ends
    assert int(row["end"].timestamp() * 1000) == expected["time"]
    assert row["bytes_total"] == expected.get("traffic", {}).get("bytes")
    assert row["proto"] == expected["connection_info"]["protocol_name"].lower()


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (TCP4.format(flags="S"), ("tcp", "192.0.2.10", 40000, "203.0.113.66", 443, "handshake", 60, None)),
        (TCP4.format(flags="SEC"), ("tcp", "192.0.2.10", 40000, "203.0.113.66", 443, "handshake", 60, None)),
        (TCP4.format(flags="A"), ("tcp", "192.0.2.10", 40000, "203.0.113.66", 443, "port", 60, None)),
        (TCP4.format(flags="SA").replace("40000,443", "443,40000"),
         ("tcp", "203.0.113.66", 40000, "192.0.2.10", 443, "port", None, 60)),
        (UDP6, ("udp", "2001:db8::10", 5353, "2001:db8::66", 53, "port", 91, None)),
        (ICMP4, ("icmp", "192.0.2.10", None, "203.0.113.66", None, "first_record", 84, None)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("frame", ["fw filterlog[123]", "fw filterlog", "filterlog[123]"])
@pytest.mark.parametrize(("action", "verdict"), [("pass", "allow"), ("block", "deny")])
def test_a_packet_of_a_filter_is_told_as_one(tmp_path, packet, told, frame, action, verdict):
    found = read(tmp_path, FILTER.format(frame=frame, action=action, packet=packet))
    assert found.coverage[0].format == "filterlog"
    (row,) = found.flows.to_pylist()
    names = ("proto", "src_ip", "src_port", "dst_ip", "dst_port", "direction_basis", "src_bytes", "dst_bytes")
    assert pick(row, *names) == told
    assert pick(row, "action", "counter", "bytes_scope") == (verdict, "single_packet", "ip")


def test_a_filter_among_other_programs(tmp_path):
    other = "<30>1 2026-11-22T08:00:15Z fw sshd 4 - - closed"
    packet = FILTER.format(frame="fw filterlog[123]", action="pass", packet=UDP6)
    framed = '<134>1 2026-11-22T08:00:16Z fw filterlog 123 - [meta sequenceId="1"] ' + packet.partition(": ")[2]
    found = read(tmp_path, *[other, framed] * 9, packet.replace("in,6", "in,9"))
    assert (found.coverage[0].noise, found.coverage[0].events, found.coverage[0].rejected) == (9, 9, 1)

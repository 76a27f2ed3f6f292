"""Maps: what each shipped one reads, the language's refusals, and the laws of every reader."""

import base64
import gzip
import json
import re
from collections import Counter
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from flowwatch.errors import UsageError
from flowwatch.model.records import ReadOptions
from flowwatch.sources import text
from flowwatch.sources.logs import LogRecords
from flowwatch.sources.maps import MapLog, load, pairing, shipped
from flowwatch.sources.moments import Clock
from flowwatch.sources.opened import Opened
from flowwatch.sources.reading import Collected, collect
from flowwatch.sources.text import printed_name
from tests.sources.maps import test_appliances, test_firewalls, test_netfilter, test_squid

DOCS = Path(__file__).parents[3] / "docs" / "maps.md"
AWS_HEAD = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
AWS = [
    "2 123456789012 eni-1 192.0.2.10 203.0.113.66 40000 443 6 7 5000 1795333000 1795333060 ACCEPT OK",
    "2 123456789012 eni-1 203.0.113.66 192.0.2.10 443 40000 6 5 900 1795333000 1795333060 ACCEPT OK",
    "2 123456789012 eni-1 192.0.2.10 203.0.113.67 40001 25 6 1 40 1795333000 1795333060 REJECT OK",
    "2 123456789012 eni-1 - - - - - - - 1795333000 1795333060 - NODATA",
    "2 123456789012 eni-1 - - - - - - - 1795333000 1795333060 - SKIPDATA",
]
ROUTE53 = {
    "query_timestamp": "2026-11-22T07:00:00Z",
    "query_name": "api.vendor.test.",
    "query_type": "A",
    "query_class": "IN",
    "rcode": "NOERROR",
    "answers": [{"Rdata": "198.51.100.7", "Type": "A", "Class": "IN"}],
    "srcaddr": "192.0.2.10",
    "srcport": "15083",
    "transport": "UDP",
}
GCP_DNS = {
    "timestamp": "2026-11-22T07:00:00.123456789Z",
    "jsonPayload": {
        "queryName": "api.vendor.test.",
        "queryType": "A",
        "sourceIP": "192.0.2.10",
        "responseCode": "NOERROR",
        "rdata": "api.vendor.test.\t300\tIN\ta\t198.51.100.7\napi.vendor.test.\t300\tIN\ta\t198.51...",
    },
}
GCP_VPC = {
    "jsonPayload": {
        "connection": {
            "src_ip": "192.0.2.10", "src_port": 40000, "dest_ip": "203.0.113.66", "dest_port": 443, "protocol": 6,
        },
        "bytes_sent": "5000",
        "packets_sent": "7",
        "start_time": "2026-11-22T07:00:00.1Z",
        "end_time": "2026-11-22T07:00:05.1Z",
        "reporter": "SRC",
    }
}  # fmt: skip
VNET = {
    "records": [
        {
            "macAddress": "00",
            "flowRecords": {
                "flows": [
                    {
                        "aclID": "x",
                        "flowGroups": [
                            {
                                "rule": "r",
                                "flowTuples": [
                                    "1795333000123,192.0.2.10,203.0.113.66,40000,443,6,O,B,NX,0,0,0,0",
                                    "1795333001123,192.0.2.10,203.0.113.66,40000,443,6,O,E,NX,7,5000,5,900",
                                    "short,tuple",
                                ],
                            }
                        ],
                    }
                ]
            },
        }
    ]
}
OCSF = {
    "class_uid": 4003, "category_uid": 4, "time": 1795333000123, "src_endpoint": {"ip": "192.0.2.10", "port": 5},
    "query": {"hostname": "API.vendor.test", "type": "AAAA", "class": "IN"}, "rcode": "NOERROR",
    "answers": [{"type": "AAAA", "rdata": "2001:DB8::7", "ttl": 60}],
}  # fmt: skip
ECS = {
    "@timestamp": "2026-11-22T07:00:00Z", "ecs": {"version": "8"},
    "source": {"ip": "192.0.2.10", "port": 4, "bytes": 5}, "destination": {"ip": "203.0.113.66", "port": 443},
    "network": {"transport": "tcp"},
}  # fmt: skip
ADGUARD = {
    "IP": "192.0.2.10", "T": "2026-11-22T08:00:00.5+01:00", "QH": "api.vendor.test", "QT": "A", "QC": "IN", "CP": "doh",
    "Answer": base64.b64encode(
        bytes.fromhex("000081800001000100000000036170690676656e646f7204746573740000010001c00c000100010000003c0004c6336407")
    ).decode(),
    "Result": {"IsFiltered": False},
}  # fmt: skip
FORTI = (
    'date=2026-11-22 time=07:00:00 devname="fw" eventtime=1795333000123456789 type="traffic" srcip=192.0.2.10 '
    'srcport=40000 dstip=203.0.113.66 dstport=443 proto=6 action="close" sentbyte=5000 rcvdbyte=900 sessionid=7'
)
ENVOY = (
    '[2026-11-22T07:00:00.310Z] "POST /a HTTP/2" 204 - 154 0 226 100 "192.0.2.10" "agent" "id" "api.vendor.test" '
    '"tcp://203.0.113.66:80"'
)
NFDUMP: dict[str, object] = {
    "type": "FLOW", "export_sysid": 1, "first": "2026-11-22T07:56:07.005", "last": "2026-11-22T07:56:07.110",
    "in_packets": 23, "in_bytes": 172096, "proto": 6, "tcp_flags": "...AP.SF", "src_port": 48986, "dst_port": 443,
    "src4_addr": "192.0.2.10", "dst4_addr": "203.0.113.66",
}  # fmt: skip
NFDUMP_16 = {key.replace("first", "t_first").replace("last", "t_last"): value for key, value in NFDUMP.items()}
NFDUMP_16 |= {"t_first": "2026-11-22T07:56:07.5", "t_last": "2026-11-22T07:56:07.110"}
NFDUMP_CSV = (
    "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows",
    "2026-11-22 07:56:07.005,0.105,6,192.0.2.10,48986,203.0.113.66,443,23,172096,1",
    "2026-11-22 07:56:07.005,0.105,1,192.0.2.10,0,203.0.113.66,8.0,1,84,1",
)
WINDOWS = """
DNS Server log file creation at 11/22/2026 7:00:00 AM
\tField #  Information         Values
11/22/2026 7:35:23 AM 0F64 PACKET  000000D2F1A10A60 UDP Rcv 192.0.2.10      1a2b   Q [0001   D   NOERROR] A      (7)results(7)example(0)
11/22/2026 7:35:23 AM 0F64 PACKET  000000D2F1A10A61 UDP Snd 198.51.100.53   77aa   Q [0001   D   NOERROR] A      (7)results(7)example(0)
11/22/2026 7:35:24 AM 0F64 PACKET  000000D2F1A10A61 UDP Rcv 198.51.100.53   77aa R Q [8081   DR  NOERROR] A      (7)results(7)example(0)
11/22/2026 7:35:24 AM 0F64 PACKET  000000D2F1A10A60 UDP Snd 192.0.2.10      1a2b R Q [8081   DR NXDOMAIN] A      (7)results(7)example(0)
11/22/2026 7:35:25 AM 0F64 PACKET  000000D2F1A10A62 UDP Rcv 192.0.2.10      1a2c   Q [0001   D   NOERROR] AAAA   (8)a.b(3)cc(7)example(0)"""  # noqa: E501
PDNS = (
    'Nov 22 07:38:44 PowerDNS Recursor 4.8.8\nNov 22 07:38:47 msg="Question" subsystem="syncres" level="0" '
    'prio="Info" tid="1" ts="1795333127.317" mtid="1" proto="udp" qname="a\\\\032b.example" qtype="A" '
    'remote="[2001:db8::1]:37583"\nNov 22 07:38:47 msg="Answer" subsystem="syncres" prio="Info" ts="1795333127.318" '
    'answers="2" mtid="1" proto="udp" qname="a\\\\032b.example" qtype="A" rcode="3" remote="[2001:db8::1]:37583"'
)
SILK = (
    "sIP,dIP,sPort,dPort,protocol,packets,bytes,flags,sTime,duration,eTime,sensor",
    "192.0.2.10,203.0.113.66,40000,443,6,8,5000,FSA,2026/11/22T07:00:00.083,0.006,2026/11/22T07:00:00.089,S1",
    "203.0.113.66,192.0.2.10,443,40000,6,8,900,FSA,2026/11/22T07:00:00.084,0.006,2026/11/22T07:00:00.090,S1",
    "192.0.2.10,203.0.113.66,0,2048,1,1,84,,2026/11/22T07:00:01.083,0.000,2026/11/22T07:00:01.083,S1",
)
ARGUS = (
    "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts,Label",
    "2026/11/22 07:00:00.325010,1.500000,tcp,192.0.2.10,40000,   ->,203.0.113.66,443,FSPA_FSPA,0,0,12,5900,5000,7,",
    "2026/11/22 07:00:00.325010,1.500000,tcp,203.0.113.66,443,   <-,192.0.2.10,40000,FSPA_FSPA,0,0,12,5900,900,5,",
    "2026/11/22 07:00:01.000000,0.100000,udp,192.0.2.10,40001,  <->,192.0.2.53,53,CON,0,0,2,142,63,1,",
    "2026/11/22 07:00:02.000000,0.000000,icmp,192.0.2.10,0x0008,   ->,192.0.2.1,0x7208,ECO,0,,1,72,72,1,",
    "2026/11/22 07:00:03.000000,0.000000,arp,192.0.2.10,,  who,192.0.2.1,,INT,,,1,60,60,1,",
)
SAMPLES: dict[str, str] = {
    "silk-rwcut": "\n".join("|".join(f"{cell:>20}" for cell in line.split(",")) + "|" for line in SILK),
    "silk-rwcut-csv": "\n".join(SILK),
    "argus-binetflow": "\n".join(ARGUS),
    "unbound": "[1795333202] unbound[1:0] query: 192.0.2.10 a.example. A IN\n"
    "[1795333202] unbound[1:0] info: rpz: applied [z] a.example. rpz-nxdomain 192.0.2.10@5 a.example. A IN\n"
    "[1795333203] unbound[1:0] reply: 192.0.2.10 a.example. A IN NXDOMAIN 0.000272 0 74 on udp 192.0.2.53 53",
    "powerdns": PDNS,
    "powerdns-json": json.dumps(
        {
            "level": "0",
            "msg": "Question",
            "prio": "Info",
            "proto": "udp",
            "qname": "a.example",
            "qtype": "A",
            "remote": "192.0.2.10:5",
            "subsystem": "syncres",
            "ts": "1795333127.317",
        }
    ),
    "powerdns-text": "Nov 22 07:39:17 1 [1/1] question for 'a\\032b.example|A' from 192.0.2.10:5\n"
    "Nov 22 07:39:17 1 [1/1] answer to question 'a\\032b.example|A': 2 answers, 1 additional, rcode=0",
    "windows-dns-debug": WINDOWS,
    "knot-resolver": "[iterat][39937.00]   'a.example.' type 'A' new uid was assigned .01, parent uid .00",
    "nfdump-json": json.dumps(NFDUMP),
    "nfdump-json-1.6": json.dumps(NFDUMP_16, indent="\t"),
    "nfdump-csv": "\n".join(NFDUMP_CSV),
    "nfdump-csv-1.6": "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt\n"
    "2026-11-22 07:56:07,2026-11-22 07:56:07,0.105,192.0.2.10,203.0.113.66,48986,443,TCP,...AP.SF,0,0,23,172096,0,0\n"
    "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n1,172096,23,1,1,1",
    "nfdump-csv-epoch": "firstSeen,lastSeen,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes\n"
    "1795334167.005,1795334167.110,6,192.0.2.10,48986,203.0.113.66,443,23,172096",
    "aws-vpc-flow": "\n".join([AWS_HEAD, *AWS]),
    "route53-resolver": json.dumps(ROUTE53),
    "gcp-dns": json.dumps(GCP_DNS),
    "gcp-vpc-flow": json.dumps(GCP_VPC),
    "azure-vnet-flow": json.dumps(VNET),
    "ocsf": json.dumps(OCSF),
    "ecs": json.dumps(ECS, indent=1),
    "passivedns": "1795333000.5||192.0.2.10||192.0.2.53||IN||api.vendor.test.||A||198.51.100.7||60||5",
    "envoy": ENVOY,
    "coredns": '[INFO] 192.0.2.10:5 - 7 "A IN api.vendor.test. udp 41 false 512" NOERROR qr,rd 68 0.03s',
    "fortinet-traffic": FORTI,
    "adguard-home": json.dumps(ADGUARD),
    "umbrella-dns": '"2026-11-22 07:00:00","a","a,b","192.0.2.10","198.51.100.1","Allowed","1 (A)","NOERROR",'
    '"api.vendor.test.","x"',
    **test_appliances.SAMPLES,
    **test_firewalls.SAMPLES,
    **test_netfilter.SAMPLES,
    **test_squid.SAMPLES,
}

NFDUMP_COLUMNS = ("src_ip", "dst_ip", "proto", "start", "end", "src_packets", "dst_packets", "src_bytes", "dst_bytes")


def read(tmp_path: Path, data: str | bytes, maps: tuple[str, ...] = (), input_format: str | None = None) -> Collected:
    path = tmp_path / "log"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return collect([str(path)], ReadOptions(maps=maps, input_format=input_format))


def law(found: Collected) -> None:
    told = found.coverage[0]
    ends = told.events + told.noise + told.unattributable + told.rejected + told.held_back
    assert told.records == ends
    assert told.events >= found.flows.num_rows + found.lookups.num_rows  # a question and its answer are one row


@pytest.mark.parametrize("name", ["nfdump-json", "nfdump-json-1.6", "nfdump-csv"])
def test_every_form_of_nfdump_tells_the_same_time(tmp_path, name):
    """Version 1.6 leaves out the zeros in front of milliseconds."""
    row = read(tmp_path, SAMPLES[name] + "\n").flows.to_pylist()[0]
    assert [str(row[end])[17:] for end in ("start", "end")] == ["07.005000+00:00", "07.110000+00:00"]
    assert (row["src_bytes"], row["direction_basis"], row["counter"]) == (172096, "port", "delta")


@pytest.mark.parametrize(("ports", "sent", "back"), [((40000, 443), 700, 90), ((443, 40000), 90, 700)])
def test_a_record_of_both_directions_keeps_both(tmp_path, ports, sent, back):
    both = NFDUMP | {"in_bytes": 700, "out_bytes": 90} | dict(zip(("src_port", "dst_port"), ports, strict=True))
    (row,) = read(tmp_path, json.dumps(both)).flows.to_pylist()
    assert (row["src_bytes"], row["dst_bytes"], row["dst_port"]) == (sent, back, 443)


@pytest.mark.parametrize("name", ["silk-rwcut", "silk-rwcut-csv"])
def test_silk_tells_a_record_of_each_direction_and_no_ports_of_icmp(tmp_path, name):
    first, second, third = read(tmp_path, SAMPLES[name] + "\n").flows.to_pylist()
    assert {one["src_ip"] for one in (first, second, third)} == {"192.0.2.10"}
    assert [(one["src_bytes"], one["dst_bytes"]) for one in (first, second, third)] == [
        (5000, None), (None, 900), (84, None),
    ]  # fmt: skip
    assert (third["src_port"], third["dst_port"]) == (None, None)
    assert str(first["end"]) == "2026-11-22 07:00:00.089000+00:00"


def test_argus_counts_both_directions_and_says_who_opened(tmp_path):
    found = read(tmp_path, SAMPLES["argus-binetflow"] + "\n")
    out, back, asked, ping = found.flows.to_pylist()
    for row in (out, back):
        assert (row["src_ip"], row["src_bytes"], row["dst_bytes"]) == ("192.0.2.10", 5000, 900)
        assert (row["src_packets"], row["dst_packets"], row["direction_basis"]) == (7, 5, "log")
    assert (asked["dst_bytes"], asked["direction_basis"], ping["src_port"]) == (79, "first_record", None)
    assert found.coverage[0].noise == 2
    assert found.coverage[0].rejected == 0


def test_argus_without_the_source_bytes_has_only_the_total(tmp_path):
    cut = "\n".join(",".join(line.split(",")[:13]) for line in ARGUS)
    out, _, _, ping = read(tmp_path, cut + "\n").flows.to_pylist()
    assert (out["bytes_total"], out["src_bytes"], out["dst_bytes"]) == (5900, None, None)
    assert (out["dst_port"], ping["bytes_total"], ping["dst_port"]) == (443, 72, None)


def test_a_part_larger_than_its_whole_is_refused(tmp_path):
    (refused,) = read(tmp_path, "\n".join(ARGUS[:2]).replace(",5000,", ",5901,") + "\n").coverage[0].rejects
    assert refused.code == "bad_field:dst_bytes"


def test_answers_are_all_kept_and_what_is_none_is_refused(tmp_path):
    def told(data):
        payload = json.loads(json.dumps(GCP_DNS))["jsonPayload"] | {"rdata": data}
        return read(tmp_path, json.dumps(GCP_DNS | {"jsonPayload": payload}) + "\n")

    many = "\n".join(f"a.example.\t300\tIN\ta\t192.0.2.{at % 250}" for at in range(2000))
    (row,) = told(many + "\na.example.\t300\tIN\ta\t198...").lookups.to_pylist()
    assert len(row["answers"]) == 2000
    (refused,) = told("a.example. no record").coverage[0].rejects
    assert refused.code == "bad_field:answers"


@pytest.mark.parametrize("name", SAMPLES)
def test_each_shipped_map_is_told_by_content_and_reads(tmp_path, name):
    found = read(tmp_path, SAMPLES[name] + "\n")
    assert found.coverage[0].format == name
    assert found.coverage[0].events
    law(found)


def test_aws_rows_are_of_the_initiator_and_a_hole_makes_the_source_incomplete(tmp_path):
    told = read(tmp_path, SAMPLES["aws-vpc-flow"] + "\n")
    first, second, third = told.flows.to_pylist()
    assert (first["src_ip"], first["src_bytes"], first["dst_bytes"]) == ("192.0.2.10", 5000, None)
    assert (second["src_ip"], second["src_bytes"], second["dst_bytes"]) == ("192.0.2.10", None, 900)
    assert {first["direction_basis"], second["direction_basis"]} == {"port"}
    assert (third["action"], third["counter"], third["bytes_scope"]) == ("deny", "delta", "ip")
    assert told.coverage[0].incomplete
    assert told.coverage[0].limits == {"gap told by the source": 1}


def test_aws_without_a_header_gzipped_and_as_parquet_say_the_same(tmp_path):
    plain = read(tmp_path, "\n".join(AWS) + "\n").flows.drop(["first_record", "last_record", "first_offset", "source"])
    packed = read(tmp_path, gzip.compress(("\n".join(AWS) + "\n").encode()))
    assert packed.flows.drop(["first_record", "last_record", "first_offset", "source"]).equals(plain)
    names = AWS_HEAD.replace("-", "_").split()
    columns = list(zip(*(line.split() for line in AWS), strict=True))
    parquet.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), tmp_path / "one")
    stored = collect([str(tmp_path / "one")])
    assert stored.coverage[0].format == "aws-vpc-flow"
    assert stored.flows.drop(["first_record", "last_record", "first_offset", "source"]).equals(plain)


def test_a_broken_parquet_is_an_error_and_no_exception(tmp_path):
    found = read(tmp_path, b"PAR1" + bytes(range(200)) + b"PAR1")
    assert found.coverage[0].error
    law(found)


def test_a_format_of_ones_own_without_a_header_takes_over_the_shipped_map(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        'like = "aws-vpc-flow"\nname = "our-flows"\n[split]\n'
        'columns.8 = ["srcaddr", "dstaddr", "srcport", "dstport", "protocol", "bytes", "start", "log_status"]\n'
    )
    data = "192.0.2.10 203.0.113.66 40000 443 6 5000 1795333000 OK\n"
    found = read(tmp_path, data, maps=(str(own),), input_format="our-flows")
    assert found.flows["src_bytes"].to_pylist() == [5000]
    assert found.coverage[0].format == "our-flows"


def test_a_last_line_of_pairs_that_nothing_ends_may_be_cut_in_a_number_and_is_held_back(tmp_path):
    found = read(tmp_path, FORTI + "\n" + FORTI[: FORTI.index("000 rcvdbyte")])
    assert found.flows["src_bytes"].to_pylist() == [5000]
    assert found.coverage[0].held_back == 1
    law(found)


def test_a_flow_without_an_address_is_unattributable_and_not_refused(tmp_path):
    found = read(tmp_path, ENVOY + "\n" + ENVOY.replace('"192.0.2.10"', '"-"') + "\n")
    assert (found.coverage[0].unattributable, found.coverage[0].rejected) == (1, 0)
    law(found)


def test_answers_of_a_cut_record_are_left_out(tmp_path):
    (row,) = read(tmp_path, SAMPLES["gcp-dns"]).lookups.to_pylist()
    assert [one["data"] for one in row["answers"]] == ["198.51.100.7"]


def test_a_whole_message_gives_its_answers(tmp_path):
    (row,) = read(tmp_path, SAMPLES["adguard-home"]).lookups.to_pylist()
    assert row["answers"] == [{"name": "api.vendor.test", "type": "A", "data": "198.51.100.7", "ttl": 60}]
    assert row["transport"] == "doh"


def test_tuples_of_azure_are_records_and_a_short_one_is_refused(tmp_path):
    found = read(tmp_path, SAMPLES["azure-vnet-flow"] + "\n")
    assert found.flows["src_bytes"].to_pylist() == [0, 5000]
    assert (found.coverage[0].records, found.coverage[0].rejected) == (3, 1)


def test_a_name_of_joined_labels_keeps_its_escapes():
    assert printed_name("Api.Vendor.test.") == "api.vendor.test"
    assert printed_name("a\\032b.test") == "a\\032b.test"
    assert printed_name("a b.test") == "a\\032b.test"
    assert printed_name("a\\.b.test") == "a\\046b.test"
    assert printed_name(".") == "."
    assert printed_name("a\\999.test") is None


LOOKUPS_OF = """like = "ocsf"
[[rows]]
table = "lookups"
fields.qname = "n"
fields.vantage = { const = "client" }
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "own.toml"),
        ('name = "x"\nabout = "y"\nrows = []\n[split]\nform = "json"\n', "rows: none is given"),
        ('like = "nothing"', "like"),
        ('like = "ocsf"\nrun = "x"', "run"),
        ('like = "ocsf"\n[split]\nform = "pattern"\npattern = "(?P<a>x"\n', "split.pattern"),
        ('like = "ocsf"\n[[rows]]\ntable = "lookups"\nfields.qname = "n"\n', "rows[0].fields.vantage"),
        ('like = "ocsf"\n[[rows]]\ntable = "lookups"\nfields.qname = "n"\nfields.vantage = "x"\n', "const"),
        ('like = "ocsf"\n[[rows]]\ntable = "lookups"\nfields.source = "n"\n', "rows[0].fields"),
        (LOOKUPS_OF + 'fields.answers = "n"\n', "needs `message` or `answers`"),
        (LOOKUPS_OF + 'fields.view = { path = "n", message = "hex" }\n', "rows[0].fields.view"),
        (LOOKUPS_OF + 'fields.client_port = { path = "n", minus = "m" }\n', "rows[0].fields.client_port"),
        ('like = "aws-vpc-flow"\n[split]\ncolumns.2 = ["a"]\n', "split.2"),
        ('like = "cisco-asa"\n[split]\nlisted = "other"\n', "split.listed"),
        ('like = "paloalto"\n[split]\nkind = -1\n', "split.kind"),
    ],
)
def test_a_map_that_cannot_be_used_says_file_and_key(tmp_path, text, words):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=re.escape(words)) as told:
        load(str(path))
    assert "own.toml" in str(told.value)


def test_the_example_of_the_manual_runs(tmp_path):
    text, log = re.findall(r"```(?:toml|text)\n(.*?)```", DOCS.read_text(), re.DOTALL)[:2]
    path = tmp_path / "own.toml"
    path.write_text(text)
    found = read(tmp_path, log, maps=(str(path),))
    assert found.coverage[0].format == load(str(path)).name
    assert found.coverage[0].rejected == 0
    assert found.flows.num_rows == 2
    law(found)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_whatever_a_log_holds_is_booked_once_and_alike_for_any_block(tmp_path_factory, name, data):
    sample = (SAMPLES[name] + "\n").encode() * 2
    at = data.draw(st.integers(0, len(sample)))
    junk = data.draw(
        st.binary(max_size=12) | st.sampled_from([b"-1", b"9" * 40, b"1e999", b"null", b"[]", b'"', b"\n"])
    )
    end = data.draw(st.integers(at, len(sample)))
    path = tmp_path_factory.mktemp("maps") / "log"
    path.write_bytes(sample[:at] + junk + sample[end:])
    found = next(one for one in shipped() if one.name == name)
    told = []
    for block in (1 << 22, 7):
        with Opened(str(path)) as opened:
            records = LogRecords(opened, MapLog(found, opened.name, Clock(0, head=opened.head)), block=block)
            rows = sum(made.num_rows for _, made in records)
        one = records.coverage
        assert one.records == one.events + one.noise + one.unattributable + one.rejected + one.held_back
        assert rows == one.flows + one.lookups <= one.events
        told.append((one.records, one.events, one.noise, one.unattributable, one.rejected, one.held_back))
    assert told[0] == told[1]


def pick(row, *names):
    return tuple(row[name] for name in names)


def test_a_question_its_note_and_its_answer_are_one_lookup(tmp_path):
    (row,) = read(tmp_path, SAMPLES["unbound"] + "\n").lookups.to_pylist()
    assert pick(row, "record", "answer_record", "rcode", "policy_action", "client_port", "server_ip") == (
        1, 3, "NXDOMAIN", "rpz-nxdomain", 5, "192.0.2.53",
    )  # fmt: skip
    assert (str(row["asked"])[17:19], str(row["time"])[17:19]) == ("02", "03")


def test_a_question_given_up_for_newer_ones_is_told_as_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(pairing, "MOST_OPEN", 3)
    asked = "".join(f"[1795333202] unbound[1:0] query: 192.0.2.10 n{at}.example. A IN\n" for at in range(5))
    answer = "[1795333203] unbound[1:0] reply: 192.0.2.10 n4.example. A IN NOERROR 0.1 0 74\n"
    assert read(tmp_path, asked).coverage[0].limits == {}
    found = read(tmp_path, asked + answer)
    assert found.lookups.num_rows == 5
    assert found.coverage[0].limits["questions given up for newer ones"] > 0


@pytest.mark.parametrize("name", ["powerdns", "powerdns-text"])
def test_what_a_name_had_escaped_stays_so(tmp_path, name):
    (row,) = read(tmp_path, SAMPLES[name] + "\n").lookups.to_pylist()
    assert pick(row, "qname", "rcode", "name_exact") == (
        r"a\032b.example", "NXDOMAIN" if name == "powerdns" else "NOERROR", True,
    )  # fmt: skip
    assert row["answer_record"] == row["record"] + 1


def test_windows_tells_clients_from_its_own_questions(tmp_path):
    found = read(tmp_path, SAMPLES["windows-dns-debug"] + "\n")
    told = [pick(row, "vantage", "client_ip", "server_ip", "qname", "rcode") for row in found.lookups.to_pylist()]
    assert told == [
        ("client", "192.0.2.10", None, "results.example", "NXDOMAIN"),
        ("upstream", None, "198.51.100.53", "results.example", None),
        ("client", "192.0.2.10", None, r"a\046b(3)cc.example", None),
    ]


@pytest.mark.parametrize(("day", "settled"), [("11/22/2026", True), ("11/02/2026", False), ("22/11/2026", True)])
def test_day_and_month_are_told_by_the_whole_log_or_asked_for(tmp_path, day, settled):
    lines = SAMPLES["windows-dns-debug"].replace("11/22/2026 7:35", f"{day} 7:35").replace("7:00:00", "7:00:00")
    found = read(tmp_path, lines + "\n")
    assert (found.lookups.num_rows > 0) is settled
    if settled:
        assert {str(row["time"])[:10] for row in found.lookups.to_pylist()} == {"2026-11-22"}
        return
    assert {one.code for one in found.coverage[0].rejects} == {"date_order"}
    own = tmp_path / "own.toml"
    shipped_map = resources.files("flowwatch.sources.maps").joinpath("shipped/windows-dns-debug.toml").read_text()
    chosen = re.sub(r"unit = \[[^]]*\]", 'unit = "%d/%m/%Y %I:%M:%S %p"', shipped_map)
    own.write_text(chosen.replace('name = "windows-dns-debug"', 'name = "own"'))
    found = read(tmp_path, lines + "\n", maps=(str(own),))
    assert {str(row["time"])[:10] for row in found.lookups.to_pylist()} == {"2026-02-11"}


@pytest.mark.parametrize(
    ("sample", "truth"),
    [
        ("unbound/sample-1.22-destaddr.log", "unbound/truth-1.22.jsonl"),
        ("unbound/sample-1.17-tagged-epoch.log", "unbound/truth-1.17.jsonl"),
        ("pdns-recursor/sample-4.8-structured.log", "pdns-recursor/truth-4.8.jsonl"),
    ],
)
def test_questions_are_those_of_the_wire(shared_logs, sample, truth):
    rows = collect([str(shared_logs / sample)]).lookups.to_pylist()
    sent: Counter[tuple[str, str, str]] = Counter()
    wire = [json.loads(line) for line in (shared_logs / truth).read_text().splitlines()]
    odd = {one["client_port"] for one in wire if "errors" in one}
    for one in wire:
        if one["kind"] == "query" and one.get("qname_labels_hex") and one["client_port"] not in odd:
            labels = [bytes.fromhex(label) for label in one["qname_labels_hex"][:-1]]
            sent[one["client"], one["qtype"], ".".join(map(text.label, labels)) or "."] += 1
    asked = Counter(pick(row, "client_ip", "qtype", "qname") for row in rows if row["name_exact"])
    both = asked.keys() & sent.keys()
    assert len(both) > 20
    assert {key: asked[key] for key in both} == {key: sent[key] for key in both}
    assert len(rows) >= sum(sent[key] for key in both)


def test_aws_v8_has_what_the_expected_event_says(shared_logs):
    expected = json.loads((shared_logs / "aws-vpcflow/sample-ocsf-v8-csv.expected.ocsf.json").read_text())
    (row,) = collect([str(shared_logs / "aws-vpcflow/sample-ocsf-v8-csv.csv")]).flows.to_pylist()
    ends = {expected["src_endpoint"]["ip"], expected["dst_endpoint"]["ip"]}
    assert {row["src_ip"], row["dst_ip"]} == ends
    assert expected["traffic"]["bytes"] in (row["src_bytes"], row["dst_bytes"])


def test_route53_has_what_the_expected_event_says(shared_logs):
    expected = json.loads((shared_logs / "route53-resolver/sample-ocsf.expected.ocsf.json").read_text())
    (row,) = collect([str(shared_logs / "route53-resolver/sample-ocsf.json")]).lookups.to_pylist()
    assert row["qname"] == expected["query"]["hostname"].removesuffix(".")
    assert row["client_ip"] == expected["src_endpoint"]["ip"]
    assert [one["data"] for one in row["answers"]] == [one["rdata"] for one in expected["answers"]]


@pytest.mark.parametrize(
    ("ip", "port", "count"),
    [("203.0.113.66", 443, 51697), ("203.0.113.99", 8443, 21547), ("203.0.113.67", 443, 21544)],
)
def test_ulogd_counts_the_ip_bytes_of_the_scenario(shared_logs, ip, port, count):
    rows = collect([str(shared_logs / "scenario/ulogd-flow.jsonl")]).flows.to_pylist()
    assert count in [row["src_bytes"] for row in rows if (row["dst_ip"], row["dst_port"]) == (ip, port)]


@pytest.mark.parametrize("form", ["1.7.5.ndjson", "1.7.5.json", "1.7.1.json", "1.6.22.quiet.json", "1.7.5.csv"])
def test_every_form_of_nfdump_tells_the_same_flows_and_its_own_sum(shared_logs, form):
    def told(form):
        rows = collect([str(shared_logs / f"nfdump/sample-nfdump-{form}")]).flows.to_pylist()
        return sorted(tuple(row[name] or 0 for name in NFDUMP_COLUMNS) for row in rows)

    rows = told(form)
    assert rows == told("1.7.5.ndjson")
    # "286,2945855,847" is nfdump's own last line.
    assert (len(rows), sum(row[-2] + row[-1] for row in rows)) == (286, 2_945_855)


@pytest.mark.parametrize(
    "path",
    [
        "aws-vpcflow/sample-v2-typed.parquet",
        "adguardhome/sample-querylog.json",
        "azure-flow/sample-msdocs-nsg-v2-PT1H.json",
        "coredns/sample-readme-and-issue.log",
        "silk/sample-rwcut.csv",
        "argus/sample-slips-test2-binetflow.log",
        "envoy/sample-docs-default.log",
        "passivedns/sample-readme.log",
        "scenario/ulogd-flow.jsonl",
    ],
)
def test_nothing_of_the_samples_is_refused(shared_logs, path):
    found = collect([str(shared_logs / path)])
    assert found.coverage[0].events
    assert not found.coverage[0].rejected
    law(found)


def test_questions_on_one_line_all_wait(tmp_path):
    event = {"PacketData": "0x1234010000010000000000000161076578616d706c650000010001", "QNAME": "a.example.",
             "TimeCreated": "2026-11-22T07:36:26Z", "XID": "1", "TCP": 0}  # fmt: skip
    asked = [{**event, "EventID": 256, "Source": "192.0.2.1", "Port": str(port)} for port in range(5000, 5004)]
    answers = [{**event, "EventID": 257, "Destination": "192.0.2.1", "Port": "5002"}]
    path = tmp_path / "log"
    path.write_text(json.dumps(asked + answers))
    found = collect([str(path)])
    assert sorted(found.lookups["client_port"].to_pylist()) == [5000, 5001, 5002, 5003]
    assert (found.coverage[0].records, found.coverage[0].lookups) == (5, 4)


def test_an_object_that_would_multiply_is_refused(tmp_path):
    flows = [{"flows": [{"flowTuples": ["1,192.0.2.1,192.0.2.2,1,2,T,O,A"] * 5_000}]}]
    record = {**{f"k{at}": 1 for at in range(5_000)}, "properties": {"flows": flows}}
    path = tmp_path / "log"
    path.write_text(json.dumps({"records": [record]}) + "\n")
    (coverage,) = collect([str(path)], ReadOptions(input_format="azure-nsg-flow")).coverage
    assert [one.code for one in coverage.rejects] == ["line_too_long"]

"""What a client or another program had written into a log never becomes a field of it."""

import pytest

from flowwatch.model.records import ReadOptions
from flowwatch.sources.reading import collect

FORTI = (
    'date=2026-11-22 time=07:00:15 devname="fw1" eventtime=1795334415000000000 tz="+0000" type="traffic" '
    'subtype="forward" srcip=192.0.2.10 srcport=40000 dstip=198.51.100.7 dstport=443 sessionid=7 proto=6 '
    'action="close" sentbyte=100 rcvdbyte=200 user="{}"'
)
SQUID = (
    "ts=1795333000.000 tr=5 src=192.0.2.10:40000 dst=198.51.100.7:443 method=CONNECT uri=results.example:443 "
    "ss=TCP_TUNNEL req_bytes=900 rep_bytes=80 user={}"
)
CEF = (
    "CEF:0|Fortinet|Fortigate|v7|00013|traffic:forward close|3|cat=traffic:forward start=1795334415000 "
    "src=192.0.2.10 dst=198.51.100.7 spt=40000 dpt=443 proto=6 act=close out=100 in=200 externalId=7 suser={}"
)
LEEF = (
    "LEEF:1.0|Palo Alto Networks|PAN-OS|10|allow|cat=TRAFFIC\tsrc=192.0.2.10\tdst=198.51.100.7\tsrcPort=40000\t"
    "dstPort=443\tproto=tcp\tSessionID=7\tdevTime=Nov 22 2026 07:00:15 GMT\tusrName={}"
)
ENVOY = (
    '[2026-11-22T07:00:15.000Z] "POST /x HTTP/1.1" 200 - 900 80 5 4 "192.0.2.10" "{}" "id" "results.example" '
    '"198.51.100.7:443"'
)
ASA = (
    "Nov 22 2026 07:00:15 fw : %ASA-6-302013: Built outbound TCP connection 7 for outside:198.51.100.7/443 "
    "(198.51.100.7/443) to inside:192.0.2.10/40000 (192.0.2.10/40000)"
)


def told(tmp_path, text, name):
    path = tmp_path / "log"
    path.write_text(text + "\n")
    found = collect([str(path)], ReadOptions(input_format=name))
    (coverage,) = found.coverage
    return [*found.flows.to_pylist(), *found.lookups.to_pylist()], [one.code for one in coverage.rejects], coverage


@pytest.mark.parametrize(
    ("name", "form", "forged", "code"),
    [
        ("fortinet-traffic", FORTI, 'x" dstip=203.0.113.66 z="', "double_key"),
        ("fortinet-traffic", FORTI, 'x"y', "open_quote"),
        ("fortinet-traffic", FORTI[:-1], "x nat=1 transip=203.0.113.66", "open_quote"),
        ("squid-pairs", SQUID, "x src=203.0.113.66:1", "double_key"),
        ("squid-pairs", SQUID, '"x la=203.0.113.66', "open_quote"),
        ("fortinet-cef", CEF, "x dst=203.0.113.66", "double_key"),
        ("fortinet-cef", CEF, "x cef.name=other", "double_key"),
        ("paloalto-leef", LEEF, "x\tdst=203.0.113.66", "double_key"),
        ("paloalto-leef", LEEF, "x\tcef.id=deny", "double_key"),
        ("envoy", ENVOY, 'x" "id" "good.example" "203.0.113.66:443', "foreign_line"),
    ],
)
def test_a_value_that_looks_like_another_field_refuses_its_line(tmp_path, name, form, forged, code):
    plain, refused, _ = told(tmp_path, form.format("someone"), name)
    assert (len(plain), refused) == ((1, []) if form != FORTI[:-1] else (0, ["open_quote"]))
    assert told(tmp_path, form.format(forged), name)[:2] == ([], [code])


@pytest.mark.parametrize("same", ["user=someone", "proto=6"])
def test_a_key_that_says_the_same_twice_is_no_doubt(tmp_path, same):
    rows, refused, _ = told(tmp_path, FORTI.format("someone") + f" {same}", "fortinet-traffic")
    assert (len(rows), refused) == (1, [])


def test_a_backslash_before_a_letter_is_one(tmp_path):
    (row,), _, _ = told(tmp_path, FORTI.format("EXAMPLE\\someone"), "fortinet-traffic")
    assert row["user"] == "EXAMPLE\\x5csomeone"


@pytest.mark.parametrize("program", ["sshd[7]: Invalid user ", "su: FAILED SU to ", "app: user said: "])
def test_what_another_program_quotes_is_no_line_of_the_firewall(tmp_path, program):
    assert len(told(tmp_path, ASA, "cisco-asa")[0]) == 1
    message = ASA.partition(" : ")[2]
    assert told(tmp_path, f"Nov 22 07:00:15 host {program}{message}", "cisco-asa")[0] == []


@pytest.mark.parametrize(
    "front",
    ["", "<166>", "<166>Nov 22 2026 07:00:15: ", "<166>:Nov 22 07:00:15 EST: ", "Nov 22 07:00:15 192.0.2.1 ", "fw : ",
     "Nov 22 07:00:15 relay Nov 22 2026 07:00:14 fw : ", "Nov 22 07:00:15 relay Nov 22 2026 07:00:14: ",
     "<166>1 2026-11-22T07:00:15Z fw : ", "2026-11-22T07:00:15Z fw  ", "Nov 22 07:00:15 fw : "],
)  # fmt: skip
def test_every_front_of_the_firewall_s_own_lines_is_read(tmp_path, front):
    assert len(told(tmp_path, front + ASA.partition(" : ")[2], "cisco-asa")[0]) == 1


def test_a_name_with_a_space_is_a_question_of_coredns(tmp_path):
    line = '[INFO] 192.0.2.10:40000 - 7 "A IN {} udp 40 false 512" NOERROR qr,rd 90 0.001s'
    rows, _, _ = told(tmp_path, line.format("a\\ udp\\ 1.example."), "coredns")
    assert [row["qname"] for row in rows] == ["a\\032udp\\0321.example"]
    rows, refused, coverage = told(tmp_path, line.format("a b."), "coredns")
    assert (rows, refused, coverage.noise) == ([], ["foreign_line"], 0)
    assert told(tmp_path, "[INFO] plugin/reload: Running", "coredns")[2].noise == 1


@pytest.mark.parametrize("name", ["fortinet-cef", "paloalto-cef", "paloalto-leef"])
@pytest.mark.parametrize("header", ["CEF:0|a|b|c|d|e|f|", "LEEF:2.0|a|b|c|d|^|", "LEEF:1.0|a|b|c|d|"])
@pytest.mark.parametrize("rest", ["", "words only", "=", "\\", "|"])
def test_a_header_without_a_key_is_booked(tmp_path, name, header, rest):
    rows, _, coverage = told(tmp_path, header + rest, name)
    assert (rows, coverage.records) == ([], 1)

"""Captures nobody here made have as many packets as tshark reads in them, the official pcapng files their blocks."""

import csv
import json
from pathlib import Path

import pytest

from flowwatch._native import CaptureError, read_capture  # noqa: TID251 - what the border tells beside the rows

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
EXPLAINED = {
    # Link types that tshark does not open: Broadcom and Marvell tags, Juniper's. The records are there all the same.
    "libpcap/tests/filter/brcm-tag-stp.pcap": 4,
    "libpcap/tests/filter/brcm-tag.pcap": 15,
    "libpcap/tests/filter/dsa.pcap": 8,
    "tcpdump/tests/brcm-tag-prepend.pcap": 15,
    "tcpdump/tests/brcm-tag.pcap": 23,
    "tcpdump/tests/dsa-high-vid.pcap": 4,
    "tcpdump/tests/dsa.pcap": 8,
    "tcpdump/tests/edsa-high-vid.pcap": 4,
    "tcpdump/tests/edsa.pcap": 10,
    "tcpdump/tests/frf16_magic_ie-oobr.pcap": 1,
    "tcpdump/tests/hoobr_juniper3.pcap": 1,
    "tcpdump/tests/juniper_es_oobr.pcap": 1,
    "tcpdump/tests/juniper_monitor_invalid_cookie_length.pcap": 1,
    "tcpdump/tests/kday6.pcap": 1,
    "tcpdump/tests/vtp_asan-2.pcap": 1,
    "tcpdump/tests/vtp_asan-3.pcap": 1,
    "tcpdump/tests/vtp_asan.pcap": 5,
    # A format of libtrace's own, which tshark takes for one packet of JSON.
    "libtrace/test/traces/100_packets.duck": 0,
}
"""By capture: how many records it has here, where tshark counts others."""

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside this checkout")


def test_every_capture_has_as_many_packets_as_tshark_reads():
    differing = {}
    for capture, packets in counted():
        found = coverage(capture)["records"]
        if found != EXPLAINED.get(capture, packets):
            differing[capture] = (packets, found)
    assert differing == {}


def test_every_official_pcapng_file_has_the_blocks_it_is_said_to_have():
    peers = map(json.loads, (CORPORA / "peers.jsonl").read_text().splitlines())
    told = [peer for peer in peers if "blocks" in peer]
    assert len(told) == 48
    for peer in told:
        found = coverage(peer["capture"])
        assert (found["blocks"], found["error"]) == (peer["blocks"], None), peer["capture"]
        assert found["records"] == peer["totals"]["packets"], peer["capture"]


def counted():
    """The captures that have an answer of tshark's, with the packets in it."""
    for row in csv.DictReader((CORPORA / "manifest.tsv").read_text().splitlines(), delimiter="\t"):
        truth = CORPORA / "truth" / f"{row['sha256']}.json"
        if truth.exists():
            yield f"{row['source']}/{row['path']}", json.loads(truth.read_text())["packets"]


def coverage(capture):
    reader = read_capture(str(CORPORA / "captures" / capture), digest=False)
    try:
        for _ in reader:
            pass
    except CaptureError:
        return {"records": 0, "blocks": {}, "error": None}
    return reader.coverage[0]

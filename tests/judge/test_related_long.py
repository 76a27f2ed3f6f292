"""Judging columns gives what judging one by one gives where channels have related data (FTP)."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.model import Place, Transmissions
from flowwatch.model.frames import decisions_table
from flowwatch.policy import parse
from flowwatch.policy.terms import PolicySet
from flowwatch.reports import html, ribbons
from flowwatch.transmissions import derive, with_controls
from tests.transmissions.tables import SECOND, flow, flows, lookups

POLICY = """
schema = "flowwatch.policy/1"
[policy]
id = "files"
[[zone]]
id = "a"
cidrs = ["192.0.2.0/28"]
[[zone]]
id = "b"
cidrs = ["192.0.2.16/28"]
[[server]]
id = "files"
match = { cidrs = ["198.51.100.1/32", "198.51.100.2/32"] }
[[server]]
id = "sealed"
match = { cidrs = ["198.51.100.3/32"] }
tls = { required = true }
[[classifier]]
id = "big"
label = "bulk"
any = [{ bytes_out_min = 1_000 }]
"""
CHANNELS = [
    'to = ["files"]\nservice = { proto = "tcp", ports = [21], related = true }\ncarries = ["bulk"]\n',
    'to = ["files"]\nopened_by = "either"\nservice = { ports = ["2121-2125"], related = true }\n',
    'to = ["zone:b"]\nopened_by = "receiver"\nservice = { ports = [21], related = true }\n',
    """to = ["zone:b", "zone:a"]
service = { ports = [21], related = true }
carries = ["bulk"]
limits = { bytes_out_per_hour = 3_000 }
""",
    """to = ["sealed"]
service = { ports = [990], related = true }
when = [{ from = 2026-11-03T00:00:00Z, until = 2026-11-03T00:10:00Z }]
""",
    'to = ["files"]\nservice = { ports = [443] }\n',
]
MIDNIGHT = 1_793_664_000 * SECOND
HOSTS = ["192.0.2.1", "192.0.2.2", "192.0.2.17", "198.51.100.1", "198.51.100.2", "198.51.100.3", "203.0.113.9"]


def _policies(draw):
    chosen = [one for one in CHANNELS[1:] if draw.random() < 0.7]
    texts = enumerate([CHANNELS[0], *chosen])
    channels = [f'[[channel]]\nid = "c{at}"\nfrom = ["{draw.choice("ab")}"]\n{text}' for at, text in texts]
    head = POLICY.replace('id = "files"\n', 'id = "files"\nversion = "1"\n', 1)
    return PolicySet((parse(head + "\n".join(channels)),))


_Pools = dict[str, list[Any]]
_OTHERS: _Pools = {
    "source": ["tap.pcap", "tap.pcap", "other.pcap"],
    "proto": ["tcp"] * 9 + ["udp"],
    "tls_version": [None, None, "1.3"],
    "direction_basis": ["handshake", "handshake", "first_record"],
    "state": ["SF", "SF", "OTH", "S0"],
    "src_payload": [100, 0, 2_000],
    "dst_payload": [100, 0, 2_000],
    "src_clear": [True, None, False],
    "dst_clear": [True, None, False],
}
_TALK: _Pools = {"dst_port": [21, 21, 2121, 2122, 990], "app": ["ftp", "ftp", None, "tls"]}
_DATA: _Pools = {
    "dst_port": [50_000, 50_000, 443, 20, 21],
    "app": ["ftp-data", "ftp-data", None, "tls", "http"],
}


def _rows(draw):
    """Control connections and data of a few hosts, in any order, alike but for time and what differs now and then."""
    ends = [draw.sample(HOSTS, 2) for _ in range(draw.randint(1, 2))]
    varied = draw.choice([0, 0, 0.1, 0.5])
    made = []
    for place in range(draw.randint(2, 24)):
        pools = _OTHERS | (_TALK if draw.random() < 0.3 else _DATA)
        row = {name: draw.choice(pool) if draw.random() < varied else pool[0] for name, pool in pools.items()}
        src, dst = draw.choice(ends)[:: draw.choice([1, -1])]
        start = draw.choice([None, *range(8)])
        start = start and MIDNIGHT + (start * 100 + draw.choice([-5, 0, 0, 5])) * SECOND + draw.choice([-1, 0, 0, 1])
        end = start and start + draw.choice([0, 1, 20]) * SECOND
        made.append(flow(first_record=place, start=start, end=end, src_ip=src, dst_ip=dst, **row))
    draw.shuffle(made)
    return made


@settings(max_examples=500, deadline=None)
@given(draw=st.integers(0, 2**64).map(random.Random))
def test_judging_related_data_as_columns_is_judging_it_one_by_one(draw):
    policy = _policies(draw)
    derived = derive(flows(*_rows(draw)), lookups(), ())
    sent = with_controls(derived, policy.control_ports)
    assert isinstance(sent, Transmissions)
    assert list(sent) == list(with_controls(list(derived), policy.control_ports))
    one, other = (judge(each, [], policy, lambda address, _at: Place(address=address)) for each in (sent, list(sent)))
    assert list(one.decisions) == list(other.decisions)
    for name in one.__struct_fields__:
        if name != "decisions":
            assert getattr(one, name) == getattr(other, name), name
    assert decisions_table(one.decisions) == decisions_table(other.decisions)
    assert html.routes(one.decisions) == html.routes(other.decisions)
    assert ribbons.drawn(one.decisions) == ribbons.drawn(other.decisions)


@pytest.mark.parametrize("at", [-(2**63), 2**63 - 1])
def test_times_at_the_ends_of_what_tables_hold_have_control_connections(at):
    talk = flow(start=at, end=at, dst_port=21, app="ftp", src_clear=True)
    data = flow(start=at, end=at, dst_port=50_000, app="ftp-data", first_record=2)
    derived = derive(flows(talk, data), lookups(), ())
    policy = PolicySet((parse(POLICY.replace("[[zone]]", 'version = "1"\n[[zone]]', 1) + _channel()),))
    sent = with_controls(derived, policy.control_ports)
    assert list(sent) == list(with_controls(list(derived), policy.control_ports))
    assert [len(one.controls) for one in sent] == [0, 0, 1, 1]


def _channel():
    return f'[[channel]]\nid = "c"\nfrom = ["a"]\n{CHANNELS[0]}'

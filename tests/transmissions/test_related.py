"""Control connections beside what they may have announced: of the same two hosts, at that time, from any source."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.model import Amount, Control, OpenedBy, Ref, Transmission
from flowwatch.policy.match import PortRange
from flowwatch.transmissions import ANNOUNCED_SOON, with_controls

PORTS = (PortRange(21, 21),)
SITE, SERVER, THIRD = "192.0.2.17", "198.51.100.21", "198.51.100.99"
SECOND = 10**9
US, THEM = OpenedBy.SENDER, OpenedBy.RECEIVER


def sent(port, app, start=0, end=None, *, source="tap.pcap", sender=SITE, receiver=SERVER, **more):
    return Transmission(
        flow=start,
        ref=Ref(source, 1, 1),
        proto=more.pop("proto", "tcp"),
        sender_ip=sender,
        sender_port=None,
        receiver_ip=receiver,
        receiver_port=port,
        service_port=port,
        opened_by=more.pop("opened_by", US),
        direction_basis="handshake",
        start=start,
        end=start if end is None else end,
        sent=Amount.exactly(10),
        app=app,
        **more,
    )


def controls(one, *others):
    return with_controls([*others, one], PORTS)[-1].controls


FTP = sent(21, "ftp", 0, 10 * SECOND)
DATA = sent(50_010, "ftp-data", 5 * SECOND)


def test_without_ports_nothing_is_looked_for():
    given_ = [FTP, DATA]
    assert with_controls(given_, ()) is given_, "the very list"


def test_data_has_the_control_connection_beside_it_whoever_opened_either():
    assert controls(DATA, FTP) == (Control(21, US, read=True),)
    back = msgspec.structs.replace(FTP, sender_ip=SERVER, receiver_ip=SITE, opened_by=THEM)
    assert controls(DATA, back) == (Control(21, US, read=True),)
    assert controls(msgspec.structs.replace(DATA, opened_by=THEM), FTP) == (Control(21, US, read=True),)
    theirs = msgspec.structs.replace(FTP, sender_ip=SERVER, receiver_ip=SITE)
    assert controls(DATA, theirs) == (Control(21, THEM, read=True),)


def test_another_host_s_is_none():
    assert controls(DATA, msgspec.structs.replace(FTP, receiver_ip=THIRD)) == ()
    assert controls(msgspec.structs.replace(DATA, receiver_ip=THIRD), FTP) == ()


def test_it_ran_then_or_had_ended_soon_before():
    for start, found in ((-6, 0), (-5, 1), (0, 1), (10, 1), (310, 1), (311, 0)):
        assert len(controls(sent(1, "ftp-data", start * SECOND), FTP)) == found, start
    assert ANNOUNCED_SOON == 300 * SECOND
    long = sent(21, "ftp", -50 * SECOND, 900 * SECOND)
    assert controls(sent(1, "ftp-data", 800 * SECOND), long, FTP) == (Control(21, US, read=True),)
    assert len(controls(sent(1, "ftp-data", 0, timed=False), FTP)) == 1
    assert len(controls(sent(1, "ftp-data", 999 * SECOND), msgspec.structs.replace(FTP, timed=False))) == 1


def test_whether_its_commands_were_read_where_the_data_was_recorded():
    for changes in ({"tls_version": "1.3"}, {"begun_before": True}, {"ref": Ref("conn.log", 1, 1)}, {"app": None}):
        assert controls(DATA, msgspec.structs.replace(FTP, **changes)) == (Control(21, US, read=False),)


def test_sealed_data_is_told_only_where_tls_is_shown_not_to_begin_among_the_commands():
    sealed = sent(50_010, "tls", 5 * SECOND)
    assert controls(sealed, FTP) == (Control(21, US, read=False),)
    assert controls(sealed, msgspec.structs.replace(FTP, clear=True)) == (Control(21, US, read=True),)


def test_ftp_is_one_at_any_port_and_what_is_not_told_at_the_ports_asked_for():
    assert controls(DATA, sent(2121, "ftp")) == (Control(2121, US, read=True),)
    assert controls(DATA, sent(2121, None), sent(21, "http"), sent(21, None, proto="udp")) == ()


def test_what_is_something_else_has_none():
    for app in ("http", "ftp", "quic"):
        assert controls(sent(80, app, 1), FTP) == ()
    assert controls(sent(80, None, 1, proto="udp"), FTP) == ()
    assert len(controls(sent(443, "tls", 1), FTP)) == len(controls(sent(80, None, 1), FTP)) == 1


ANY = st.builds(
    lambda port, app, start, lasts, ends: sent(port, app, start, start + lasts, sender=ends[0], receiver=ends[1]),
    st.sampled_from([21, 2121, 50_010]),
    st.sampled_from([None, "ftp", "ftp-data", "tls", "http"]),
    st.integers(0, 900 * SECOND),
    st.integers(0, 600 * SECOND),
    st.permutations([SITE, SERVER, THIRD]),
)


@given(given_=st.lists(ANY, max_size=8), order=st.randoms())
def test_the_order_changes_nothing_and_nothing_else_is_changed(given_, order):
    numbered = [msgspec.structs.replace(one, flow=n) for n, one in enumerate(given_)]
    mixed = numbered[:]
    order.shuffle(mixed)
    found = with_controls(numbered, PORTS)
    assert sorted(with_controls(mixed, PORTS), key=lambda one: one.flow) == list(found)
    assert [msgspec.structs.replace(one, controls=()) for one in found] == numbered

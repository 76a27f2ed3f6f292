"""Related data: what a channel's control connections announced runs on it, whatever its port and whoever opened it."""

import json

import msgspec
import pytest

from flowwatch.audit import audit
from flowwatch.judge import judge
from flowwatch.model import Amount, Control, Encapsulation, OpenedBy, Place, Ref
from flowwatch.transmissions import with_controls

FILES = """
[[server]]
id = "files"
match = { cidrs = ["198.51.100.20/32"] }
[[channel]]
id = "files"
from = ["precincts"]
to = ["files"]
service = { proto = "tcp", ports = [21], related = true }
carries = ["results"]
"""
UNSEEN = ("indeterminate", "service.relation_unseen")
US, THEM = OpenedBy.SENDER, OpenedBy.RECEIVER


def control(port=21, opened_by=US, *, read=True):
    return Control(port, opened_by, read=read)


@pytest.fixture
def data(make):
    """9,000 bytes to a port that the server announced."""

    def one(*controls, **changes):
        fields = {"service_port": 50_010, "names": (), "app": "ftp-data", "tls_version": None, "clear": True}
        return make.sent(**(fields | {"sent": Amount.exactly(9_000), "controls": controls} | changes))

    return one


@pytest.mark.parametrize("opened_by", OpenedBy)
def test_what_was_announced_is_approved_in_either_mode(make, data, opened_by):
    decision = make.court(FILES).derive(data(control(), opened_by=opened_by)).decision
    assert (decision.verdict, decision.rule.id) == ("approved", "files")
    assert ("related", "FTP data announced on port 21") in [(one.what, one.observed) for one in decision.checks]


def test_only_where_the_channel_says_so(make, data):
    plain = make.court(FILES.replace(", related = true", ""))
    assert plain.told(data(control())) == ("deviation", "service.port")
    assert plain.told(data(control(), opened_by=THEM)) == ("deviation", "channel.opened_by", "service.port")


def test_who_opened_the_control_connection_is_compared(make, data):
    court = make.court(FILES)
    assert court.told(data(control(opened_by=THEM))) == ("deviation", "service.port")
    pulled = make.court(FILES + 'opened_by = "receiver"\n')
    for opened_by in OpenedBy:
        assert pulled.told(data(control(opened_by=THEM), opened_by=opened_by))[0] == "approved"


def test_a_control_connection_at_another_port_is_another_channel_s(make, data):
    court = make.court(FILES)
    assert court.told(data(control(2121))) == ("deviation", "service.port")
    assert court.told(data(control(), control(2121))) == UNSEEN, "either may have announced it"


def test_all_else_is_asked_of_the_data_itself(make, data):
    court = make.court(FILES + "when = [{ from = 2026-11-03T12:00:00Z, until = 2026-11-03T13:00:00Z }]\n")
    assert court.told(data(control()))[0] == "approved"
    assert court.told(data(control(), start=make.NOON - 1)) == ("deviation", "time.outside_window")
    assert court.told(data(control()), labels=("bulk",)) == ("deviation", "label.not_carried")
    sealed = make.court(FILES.replace("[[channel]]", "tls = { required = true }\n[[channel]]"))
    assert sealed.told(data(control())) == ("deviation", "tls.required")
    assert sealed.told(data(control(), tls_version="1.3", clear=False))[0] == "approved"


def test_a_third_host_is_none_of_the_channel_s(make, data):
    court = make.court(FILES)
    assert court.told(data(receiver_ip="203.0.113.9", app=None)) == ("unapproved", "destination.unlisted")
    assert court.told(data(control(), receiver_ip="203.0.113.9")) == ("unapproved", "destination.unlisted")


def test_what_no_source_tells_is_unseen_only_where_it_would_decide(make, data):
    court = make.court(FILES)
    assert court.told(data()) == UNSEEN, "the control connection was not recorded"
    assert court.told(data(control(read=False), app=None, clear=None)) == UNSEEN
    assert court.told(data(control(read=False), app="tls", tls_version="1.3", clear=False)) == UNSEEN
    assert court.told(data(control(read=True), app=None, clear=None)) == ("deviation", "service.port")
    assert court.told(data(app=None, clear=None)) == ("deviation", "service.port")
    assert court.told(data(), labels=("bulk",))[0] == "deviation"
    listed = make.court(FILES.replace("[21]", '[21, "50000-50100"]'))
    assert listed.told(data())[0] == listed.told(data(control(read=False), app=None))[0] == "approved"


def test_what_is_asked_for_an_attempt_to_fetch_is_approved(make, data):
    """A site that opens the connection over which it is sent something sends nothing itself."""
    attempt = data(control(), attempted=True, sent=Amount.exactly(0), clear=None)
    assert make.court(FILES).told(attempt)[0] == "approved"


HAND_OVER = """
[[channel]]
id = "fetch"
from = ["precincts"]
to = ["zone:collection"]
service = { ports = [21], related = true }
carries = ["results"]
[[classifier]]
id = "port"
label = "results"
any = [{ bytes_out_min = 20_000 }]
[[classifier]]
id = "all"
label = "bulk"
any = [{ bytes_out_min = 30_000 }]
"""
BELOW, ABOVE = "192.0.2.17", "192.0.2.70"


def test_what_one_zone_fetches_from_another_answers_its_control_connection_in_either_mode(make, data):
    court = make.court(HAND_OVER)
    fetched = {"sender_ip": ABOVE, "receiver_ip": BELOW}
    active = data(control(opened_by=THEM), **fetched)
    assert court.told(active) == ("approved", "channel.answer")
    asks = data(control(), sender_ip=BELOW, receiver_ip=ABOVE, attempted=True, sent=Amount.exactly(0))
    passive = msgspec.structs.replace(active, opened_by=THEM)
    assert court.told(asks) == ("approved", "channel.approved")
    assert court.told(passive, asks) == ("approved", "channel.answer")
    assert court.told(passive) == ("indeterminate", "condition.unseen"), "how much it sent for it was not recorded"
    assert court.told(msgspec.structs.replace(active, sent=Amount.exactly(40_000)))[0] == "unapproved"
    assert make.court(HAND_OVER.replace(", related = true", "")).told(active) == ("unapproved", "channel.none_to_zone")
    wide = make.court(HAND_OVER.replace("service = { ports = [21], related = true }\n", ""))
    assert wide.told(active)[0] == "unapproved", "only what a control connection announced answers it"
    elsewhere = data(control(2121, opened_by=THEM), **fetched)
    assert court.told(elsewhere) == ("unapproved", "channel.none_to_zone")


def test_in_a_tunnel_to_a_stranger_it_is_unapproved(make, data):
    tunnel = (Encapsulation("gre", "192.0.2.1", "203.0.113.66"),)
    assert make.court(FILES).told(data(control(), tunnel=tunnel)) == ("unapproved", "tunnel.endpoint_unlisted")


def test_it_counts_among_what_the_channel_may_carry(make, data):
    court = make.court(FILES + "limits = { bytes_out_per_hour = 10_000 }\n")
    talk = make.sent(flow=1, service_port=21, app="ftp", tls_version=None, sent=Amount.exactly(90), names=())
    runs = [data(flow=n, ref=Ref("tap.pcap", n, n), start=make.NOON + n, end=make.NOON + n) for n in (2, 3)]
    sent = with_controls([talk, *runs], court.policies.control_ports)
    judged = judge(sent, [], court.policies, lambda address, _at: Place(address=address))
    assert [str(one.verdict) for one in judged.decisions] == ["approved"] * 3
    assert {str(one.kind) for one in judged.findings} == {"volume.exceeded"}


@pytest.mark.parametrize(
    ("services", "told"),
    [
        (("ftp", "ftp-data"), ("approved", "channel.approved")),
        (("ftp,ssl", "ssl"), UNSEEN),
        ((None, None), UNSEEN),
        (("ftp", None), ("deviation", "service.port")),
        (("ftp", "http"), ("deviation", "service.port")),
    ],
)
def test_a_log_tells_as_much_as_it_names(services, told, tmp_path, make):
    """Zeek names the data that FTP announced; what it does not name under TLS, or at all, is unseen."""
    counts = {
        "orig_bytes": 9_000,
        "resp_bytes": 90,
        "orig_pkts": 9,
        "resp_pkts": 4,
        "conn_state": "SF",
        "duration": 2.0,
    }
    rows = [
        {"ts": make.NOON / 10**9 + number, "uid": f"C{number}", "id.orig_h": "192.0.2.17", "id.orig_p": 40_000 + number,
         "id.resp_h": "198.51.100.20", "id.resp_p": port, "proto": "tcp", "service": service, **counts}
        for number, (port, service) in enumerate(zip((21, 50_010), services, strict=True))
    ]  # fmt: skip
    named = [{key: value for key, value in row.items() if value is not None} for row in rows]
    (tmp_path / "conn.log").write_text("".join(f"{json.dumps(row)}\n" for row in named))
    (tmp_path / "policy.toml").write_text(make.BASE + FILES)
    report = audit([tmp_path / "conn.log"], tmp_path / "policy.toml")
    (control_,), (data_,) = (
        [one for one in report.decisions if one.transmission.service_port == port and one.sender_zone]
        for port in (21, 50_010)
    )
    assert control_.verdict == "approved"
    assert (str(data_.verdict), *map(str, data_.reasons)) == told

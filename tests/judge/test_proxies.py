"""Proxies: a flow is judged for itself and once for each host asked; the worst stands, a host's before its own."""

import itertools

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowwatch.judge import judge
from flowwatch.judge.proxies import port_of
from flowwatch.model import OF_THE_WHOLE, Amount, Group, NameClass, OpenedBy, Place

SQUID = "198.51.100.31"
PROXY = """
[[server]]
id = "squid"
role = "proxy"
match = { cidrs = ["198.51.100.31/32"] }
[[channel]]
id = "to-squid"
from = ["precincts", "collection"]
to = ["squid"]
service = { proto = "tcp", ports = [3128] }
"""
PRIMARY = """
[[server]]
id = "primary"
match = { cidrs = ["198.51.100.20/32"], names = ["ingest.results.example"] }
[[channel]]
id = "up"
from = ["precincts"]
to = ["primary"]
service = { proto = "tcp", ports = [80, 8443] }
via = ["squid"]
carries = ["results"]
"""
CLASSIFIER = '[[classifier]]\nid = "c"\nlabel = "results"\nany = [{ from_zone = "precincts" }]\n'
POLICY = PROXY + PRIMARY
NAME = "ingest.results.example"


def _hosts(make, *texts):
    return tuple(one for text in texts for one in make.used(text, evidence=NameClass.HTTP_HOST))


@pytest.fixture
def connect(make):
    """A CONNECT to a host (and port), as a capture tells it; `sni` is what runs inside."""

    def made(host, port=8443, sni=None, **changes):
        names = _hosts(make, host) if not host[0].isdigit() else ()
        fields = {
            "receiver_ip": SQUID,
            "service_port": 3128,
            "names": names + (make.used(sni) if sni else ()),
            "app": "http",
            "tls_version": None,
            "http_method": "CONNECT",
            "http_path": f"{host}:{port}",
            "http_hosts": (host,),
        }
        return make.sent(**(fields | changes))

    return made


@pytest.fixture
def request_(make):
    """Requests in clear for hosts, by absolute targets."""

    def made(*hosts, **changes):
        fields = {
            "receiver_ip": SQUID,
            "service_port": 3128,
            "names": _hosts(make, *hosts),
            "app": "http",
            "tls_version": None,
            "http_method": "POST",
            "http_path": "/up",
            "http_hosts": hosts,
            "clear": True,
        }
        return make.sent(**(fields | changes))

    return made


def test_a_host_asked_is_approved_by_name_with_a_note(make, connect):
    court = make.court(POLICY)
    decision = court.derive(connect(NAME)).decision
    assert (decision.verdict, decision.rule.id, decision.server) == ("approved", "up", "primary")
    assert (decision.via, decision.asked, decision.place) == ("squid", NAME, None)
    assert decision.notes == ("proxy.address_unobserved",)
    assert decision.transmission.receiver_ip == SQUID


def test_through_the_proxy_as_directly(make, connect):
    told = make.court(POLICY).told
    assert told(connect("x.test")) == ("unapproved", "destination.unlisted")
    assert told(connect(NAME, 22)) == ("deviation", "service.port")
    assert told(connect(NAME, sender_ip="192.0.2.70")) == ("unapproved", "channel.none_from_zone")
    assert told(connect(NAME, opened_by=OpenedBy.SENDER, start=make.NOON))[0] == "approved"
    window = "when = [{ from = 2026-11-03T13:00:00Z }]\n"
    assert make.court(POLICY + window).told(connect(NAME)) == ("deviation", "time.outside_window")


def test_only_a_channel_that_names_the_proxy_approves(make, connect):
    told = make.court(POLICY.replace('via = ["squid"]\n', "")).told
    assert told(connect(NAME)) == ("deviation", "channel.via")
    other = PROXY.replace("squid", "other").replace("198.51.100.31", "198.51.100.32")
    assert make.court(POLICY + other).told(connect(NAME, receiver_ip="198.51.100.32")) == ("deviation", "channel.via")
    assert make.court(POLICY + other).told(connect(NAME))[0] == "approved"


def test_via_does_not_bind_what_runs_directly(make):
    assert make.court(POLICY).told(make.sent()) == ("approved", "channel.approved")


def test_the_flow_is_judged_for_itself_too(make, connect):
    alone = make.court(PRIMARY + PROXY.partition("[[channel]]")[0])
    decision = alone.derive(connect(NAME)).decision
    assert (decision.verdict, decision.reasons) == ("unapproved", ("channel.none_from_zone",))
    assert (decision.via, decision.asked, decision.server) == ("squid", None, "squid")
    assert make.court(POLICY).told(connect(NAME, service_port=8080)) == ("deviation", "service.port")
    assert make.court(POLICY).told(connect("x.test", service_port=8080)) == ("unapproved", "destination.unlisted")


def test_labels_are_carried_to_the_host_not_to_the_proxy(make, connect):
    told = make.court(POLICY + CLASSIFIER).told
    assert told(connect(NAME))[0] == "approved"
    bare = make.court(POLICY.replace('carries = ["results"]\n', "") + CLASSIFIER)
    assert bare.told(connect(NAME)) == ("deviation", "label.not_carried")


def test_what_was_not_read_is_indeterminate_unless_worse_stands(make, connect):
    unread = make.sent(receiver_ip=SQUID, service_port=3128, names=(), app=None, tls_version=None, clear=None)
    court = make.court(POLICY)
    assert court.told(unread) == ("indeterminate", "proxy.requests_unread")
    assert court.told(msgspec.structs.replace(unread, service_port=8080)) == ("deviation", "service.port")
    sealed = msgspec.structs.replace(unread, app="tls", tls_version="1.3", names=make.used("squid.example"))
    assert court.told(sealed) == ("indeterminate", "proxy.requests_unread")
    assert court.derive(unread).decision.via == "squid"


def test_more_than_was_read_may_have_been_asked(make, request_, connect):
    court = make.court(POLICY)
    assert court.told(request_(NAME))[0] == "approved"
    assert court.told(request_(NAME, clear=False)) == ("indeterminate", "proxy.requests_unread")
    many = tuple(f"a{n}.results.example" for n in range(64))
    wide = make.court(POLICY.replace(NAME, "*.results.example"))
    assert wide.told(request_(*many[:63]))[0] == "approved"
    assert wide.told(request_(*many)) == ("indeterminate", "proxy.requests_unread")


def test_every_host_asked_is_judged_and_the_worst_told(make, request_):
    court = make.court(POLICY)
    decision = court.derive(request_(NAME, "a.test", "b.test")).decision
    assert (decision.verdict, decision.asked) == ("unapproved", "a.test")
    assert [one.decision.asked for one in court.derive(request_("b.test", NAME)).asked] == ["b.test", NAME]


def test_another_name_inside_the_tunnel_is_asked_too(make, connect):
    told = make.court(POLICY).told
    assert told(connect(NAME, sni=NAME))[0] == "approved"
    assert told(connect(NAME, sni="x.test")) == ("unapproved", "destination.unlisted")
    outer = make.used("cdn.example", outer=True)
    assert told(connect(NAME, names=_hosts(make, NAME) + outer, ech=True))[0] == "approved"


def test_the_port_is_the_one_written_else_perhaps_the_usual_one(make, request_):
    only = make.court(POLICY.replace("[80, 8443]", "[8443]"))
    assert only.told(request_(NAME)) == ("indeterminate", "condition.unseen")
    socks = {"app": "socks", "http_method": None, "http_path": None, "clear": None}
    assert make.court(POLICY).told(request_(NAME, **socks)) == ("indeterminate", "condition.unseen")
    assert make.court(POLICY).told(request_(NAME, **socks | {"http_hosts": (f"{NAME}:8443",)}))[0] == "approved"
    anywhere = make.court(POLICY.replace(", ports = [80, 8443]", ""))
    assert anywhere.told(request_(NAME, **socks))[0] == "approved"
    assert make.court(POLICY).told(request_(NAME))[0] == "approved"
    assert make.court(POLICY).told(request_(NAME, http_hosts=(f"{NAME}:22",))) == ("deviation", "service.port")
    assert make.court(POLICY).told(request_(NAME, http_hosts=(f"{NAME}:8443",)))[0] == "approved"
    assert make.court(POLICY.replace('proto = "tcp", ports = [80, 8443]', 'proto = "udp"')).told(request_(NAME)) == (
        "deviation",
        "service.proto",
    )


def test_a_host_asked_at_several_ports_is_judged_at_each(make, request_):
    court = make.court(POLICY)
    for order in itertools.permutations((f"{NAME}:22", f"{NAME}:8443", f"{NAME}:80")):
        assert court.told(request_(*order)) == ("deviation", "service.port")
    assert court.told(request_(f"{NAME}:80", f"{NAME}:8443"))[0] == "approved"


def test_the_port_of_a_connect_is_that_of_its_host_only(make, connect):
    second = PRIMARY.replace("primary", "second").replace('"up"', '"up2"').replace(NAME, "s.example")
    court = make.court(POLICY + second)
    both = connect(NAME, names=(), http_hosts=(NAME, "s.example"))
    assert court.told(both) == ("indeterminate", "condition.unseen")
    assert {one.decision.asked: one.decision.verdict.value for one in court.derive(both).asked} == {
        NAME: "approved",
        "s.example": "indeterminate",
    }
    assert court.told(connect(NAME, sni="s.example"))[0] == "approved"
    assert court.told(connect(NAME, 22, sni="s.example")) == ("deviation", "service.port")


@pytest.mark.parametrize("target", [NAME.upper(), f"{NAME}.", "user@evil.test", "[2001:db8::20]", "198.51.100.20."])
def test_a_target_is_compared_as_the_host_it_names(make, connect, target):
    told = make.court(POLICY.replace("198.51.100.20/32", "2001:db8::20/128")).told(connect(target, names=()))
    expected = {NAME.upper(): "approved", f"{NAME}.": "approved", "[2001:db8::20]": "indeterminate"}
    assert told[0] == expected.get(target, "unapproved")


def test_a_classifier_by_port_labels_as_directly(make, connect, request_):
    by_port = '[[classifier]]\nid = "c"\nlabel = "bulk"\nany = [{ dst_port = 8443 }]\n'
    told = make.court(POLICY + by_port).told
    assert told(make.sent()) == ("deviation", "label.not_carried")
    assert told(connect(NAME)) == ("deviation", "label.not_carried")
    assert told(connect(NAME, 80))[0] == "approved"
    assert told(request_(NAME)) == ("indeterminate", "condition.unseen")
    to_proxy = make.court(POLICY + by_port.replace("8443", "3128"))
    assert to_proxy.told(connect(NAME)) == ("deviation", "label.not_carried")
    assert to_proxy.told(connect(NAME), None, ("none",)) == ("approved", "channel.approved")


def test_what_the_proxy_itself_was_sent_is_labelled_too(make, request_):
    named = PROXY.replace('/32"]', '/32"], names = ["squid.example"]') + PRIMARY + CLASSIFIER
    court = make.court(named.replace('role = "proxy"', 'role = "proxy"\ndedicated = true'))
    assert court.told(request_(NAME))[0] == "approved"
    assert court.told(request_(NAME, "squid.example")) == ("deviation", "label.not_carried")


def test_tls_inside_a_tunnel_is_none_towards_the_proxy(make, connect):
    pinned = f'tls = {{ required = true, spki_sha256 = ["{"ab" * 32}"] }}'
    court = make.court(POLICY.replace('role = "proxy"', f'role = "proxy"\n{pinned}'))
    assert court.told(connect(NAME, sni=NAME, tls_version="1.2")) == ("deviation", "tls.required")
    key = make.court(POLICY.replace('role = "proxy"', f'role = "proxy"\n{pinned.replace("required = true, ", "")}'))
    inside = connect(NAME, sni=NAME, tls_version="1.2", cert_spki_sha256="cd" * 32)
    assert key.told(inside)[0] == "approved"


def test_a_guess_that_the_proxy_opened_it_passes_nothing_over(make, connect):
    either = make.court(
        POLICY.replace('to = ["squid"]', 'to = ["squid"]\nopened_by = "either"').replace(
            'service = { proto = "tcp", ports = [3128] }\n', ""
        )
    )
    guessed = make.sent(
        receiver_ip=SQUID,
        receiver_port=50_000,
        service_port=3128,
        opened_by=OpenedBy.RECEIVER,
        direction_basis="first_record",
        begun_before=True,
        names=(),
        app=None,
        tls_version=None,
        clear=None,
    )
    assert either.told(guessed) == ("indeterminate", "proxy.requests_unread")
    seen = msgspec.structs.replace(guessed, direction_basis="handshake", begun_before=False)
    assert either.told(seen) == ("approved", "channel.approved")


@pytest.mark.parametrize("translated", ["64:ff9b::198.51.100.31", "::ffff:198.51.100.31"])
def test_a_proxy_behind_a_translator_is_the_proxy(make, connect, translated):
    court = make.court(POLICY)
    assert court.told(connect("x.test", receiver_ip=translated)) == ("unapproved", "destination.unlisted")
    assert court.told(connect(NAME, receiver_ip=translated))[0] == "approved"


def test_only_its_own_address_and_names_are_the_proxys(make, request_):
    farm = make.court(POLICY.replace("198.51.100.31/32", "198.51.100.0/24"))
    assert farm.told(request_(SQUID)) == ("approved", "channel.approved")
    assert farm.told(request_("198.51.100.77"))[0] == "deviation"
    wide = POLICY.replace('31/32"]', '31/32"], names = ["**.results.example"]').replace('["squid"]\nc', "[]\nc")
    assert make.court(wide).told(request_(NAME))[:2] == ("deviation", "channel.via")
    named = PROXY.replace('/32"]', '/32"], names = ["squid.example"]')
    twin = named.partition("[[channel]]")[0].replace('"squid"', '"twin"').replace(SQUID, "198.51.100.32")
    assert make.court(named + twin + PRIMARY).told(request_("squid.example")) == ("approved", "channel.approved")


def test_an_address_asked_is_judged_as_directly(make, connect):
    told = make.court(POLICY).told
    assert told(connect("198.51.100.20")) == ("indeterminate", "name.unobserved")
    assert told(connect("198.51.100.20", sni=NAME)) == ("approved", "channel.approved")
    assert told(connect("203.0.113.9")) == ("unapproved", "destination.unlisted")
    dedicated = make.court(POLICY.replace('id = "primary"', 'id = "primary"\ndedicated = true'))
    assert dedicated.told(connect("198.51.100.20"))[0] == "approved"
    nameless = make.court(POLICY.replace(f', names = ["{NAME}"]', ""))
    assert nameless.told(connect("198.51.100.20"))[0] == "approved"
    assert nameless.told(connect(NAME)) == ("unapproved", "destination.unlisted")
    bracketed = POLICY.replace("198.51.100.20/32", "2001:db8::20/128").replace(f', names = ["{NAME}"]', "")
    assert make.court(bracketed).told(connect("[2001:db8::20]", names=()))[0] == "approved"


def test_what_binds_the_name_to_an_address_asked(make, connect):
    by_name = POLICY.replace('cidrs = ["198.51.100.20/32"], ', "")
    told = make.court(by_name).told
    assert told(connect("198.51.100.20")) == ("unapproved", "destination.unlisted")
    assert told(connect("198.51.100.20", sni=NAME)) == ("indeterminate", "dns.binding_unobserved")
    shown = make.used(NAME) + make.used(NAME, evidence=NameClass.CERTIFICATE)
    assert told(connect("198.51.100.20", names=shown, tls_version="1.2"))[0] == "approved"


def test_only_tcp_and_udp_ask_a_proxy(make):
    open_to_all = POLICY.replace('service = { proto = "tcp", ports = [3128] }\n', "")
    echo = make.sent(receiver_ip=SQUID, service_port=None, proto="icmp", names=(), app=None, tls_version=None)
    assert make.court(open_to_all).told(echo) == ("approved", "channel.approved")
    assert make.court(open_to_all).told(msgspec.structs.replace(echo, proto="udp"))[0] == "indeterminate"


def test_a_listed_name_asked_does_not_make_its_unlisted_address_approved(make, connect):
    decision = make.court(POLICY).derive(connect("203.0.113.9", sni=NAME)).decision
    assert (decision.verdict, decision.asked) == ("unapproved", "203.0.113.9")
    assert decision.reasons == ("destination.name_listed_address_unlisted",)


def test_the_place_of_an_address_asked_is_compared_that_of_a_name_is_not(make, connect):
    def locate(address, _at):
        assert address in (SQUID, "198.51.100.20"), "only addresses that were seen are looked up"
        return make.place("XB", address=address)

    expecting = POLICY.replace('id = "primary"', 'id = "primary"\ndedicated = true\nexpect = { countries = ["XA"] }')
    court = make.court(expecting, locate=locate)
    assert court.told(connect(NAME))[0] == "approved"
    assert court.told(connect("198.51.100.20")) == ("deviation", "location.country_unexpected")
    assert court.derive(connect("198.51.100.20")).decision.place.address == "198.51.100.20"
    assert court.derive(connect(NAME, service_port=22)).decision.place.address == SQUID


def test_tls_to_the_host_is_required_as_directly_but_its_key_is_only_noted(make, connect, request_):
    required = POLICY.replace(
        'id = "primary"',
        f'id = "primary"\ntls = {{ required = true, min_version = "1.2", spki_sha256 = ["{"ab" * 32}"] }}',
    )
    court = make.court(required)
    assert court.told(request_(NAME)) == ("deviation", "tls.required")
    assert court.told(connect(NAME)) == ("indeterminate", "tls.unobserved")
    sealed = connect(NAME, sni=NAME, tls_version="1.2")
    assert court.told(sealed)[0] == "approved"
    assert set(court.notes(sealed)) == {"proxy.address_unobserved", "tls.key_unobserved"}
    assert court.told(connect(NAME, sni=NAME, tls_version="1.0")) == ("deviation", "tls.version_below")
    other = connect(NAME, sni=NAME, tls_version="1.2", cert_spki_sha256="cd" * 32)
    assert court.told(other) == ("deviation", "tls.key_unexpected")


def test_names_of_the_proxy_itself_are_its_own(make, request_, connect):
    named = PROXY.replace("198.51.100.31/32", "198.51.100.31/32").replace('/32"]', '/32"], names = ["squid.example"]')
    court = make.court(named + PRIMARY)
    assert court.told(request_("squid.example")) == ("approved", "channel.approved")
    assert court.derive(request_("squid.example")).asked == ()
    assert court.told(connect(NAME)) == ("indeterminate", "name.unobserved")
    dedicated = make.court(named.replace('role = "proxy"', 'role = "proxy"\ndedicated = true') + PRIMARY)
    assert dedicated.told(connect(NAME))[0] == "approved"
    assert dedicated.told(connect("squid.example", 3128)) == ("indeterminate", "proxy.requests_unread")
    assert dedicated.told(connect(SQUID, 3128)) == ("indeterminate", "proxy.requests_unread")


def test_an_attempt_is_judged_for_itself_only(make, connect):
    attempt = make.sent(receiver_ip=SQUID, service_port=3128, names=(), attempted=True, sent=Amount.exactly(0))
    decision = make.court(POLICY).derive(attempt).decision
    assert (decision.verdict, decision.rule.id, decision.via) == ("approved", "to-squid", None)


@pytest.mark.parametrize(("host", "verdict"), [(NAME, "approved"), ("stranger.example", "unapproved")])
def test_what_the_proxy_denied_was_asked_all_the_same(make, connect, host, verdict):
    denied = msgspec.structs.replace(connect(host), attempted=True, sent=Amount.exactly(0))
    decision = make.court(POLICY).derive(denied).decision
    assert (decision.verdict, decision.asked) == (verdict, host)
    assert decision.transmission.attempted


RESOLVER = """
[[server]]
id = "near"
role = "resolver"
match = { cidrs = ["198.51.100.31/32"] }
[[channel]]
id = "ask"
from = ["precincts"]
to = ["near"]
service = { ports = [53] }
"""
PORTAL = """
[[server]]
id = "portal"
match = { cidrs = ["198.51.100.31/32"], names = ["portal.example"] }
[[channel]]
id = "browse"
from = ["precincts"]
to = ["portal"]
service = { ports = [443] }
"""


def test_another_server_at_the_proxys_address_is_no_proxy(make, request_, connect):
    court = make.court(POLICY + RESOLVER + PORTAL)
    query = make.sent(receiver_ip=SQUID, service_port=53, proto="udp", names=(), app="dns", tls_version=None)
    assert court.told(query) == ("approved", "channel.approved")
    page = make.sent(receiver_ip=SQUID, service_port=443, names=make.used("portal.example"))
    decision = court.derive(page).decision
    assert (decision.verdict, decision.server, decision.via) == ("approved", "portal", None)
    assert court.told(msgspec.structs.replace(page, names=make.used("x.test")))[0] == "deviation"
    assert court.told(connect("x.test", service_port=53))[0] == "unapproved"
    assert court.told(request_("x.test", service_port=53))[0] == "unapproved"


def test_prohibitions_look_at_the_hosts_asked(make, connect):
    named = '[[prohibited]]\nid = "never"\nwhen = { to = { names = ["**.results.example"] } }\n'
    assert make.court(POLICY + named).told(connect(NAME)) == ("prohibited", "prohibited.matched")
    assert make.court(POLICY + named.replace("results", "other")).told(connect(NAME))[0] == "approved"
    addressed = '[[prohibited]]\nid = "never"\nwhen = { to = { cidrs = ["198.51.100.20/32"] } }\n'
    assert make.court(POLICY + addressed).told(connect("198.51.100.20"))[0] == "prohibited"
    assert make.court(POLICY + addressed).told(connect(NAME)) == ("indeterminate", "prohibited.unseen")
    assert make.court(POLICY + addressed).told(connect("x.test"))[0] == "unapproved"
    clear = '[[prohibited]]\nid = "clear"\nwhen = { cleartext = true }\n'
    assert make.court(POLICY + clear).told(connect(NAME, clear=True))[0] == "prohibited"


def test_exceptions_look_at_the_hosts_asked(make, connect):
    spans = 'reason = "r"\nfrom = 2026-11-03T00:00:00Z\nuntil = 2026-11-04T00:00:00Z\n'
    excepted = '[[exception]]\nid = "EX"\napplies = { to = { names = ["x.test"] } }\n' + spans
    decision = make.court(POLICY + excepted).derive(connect("x.test")).decision
    assert (decision.verdict, decision.rule.id, decision.asked) == ("excepted", "EX", "x.test")
    assert make.court(POLICY + excepted).told(connect("y.test"))[0] == "unapproved"
    addressed = excepted.replace('names = ["x.test"]', 'cidrs = ["203.0.113.9/32"]')
    assert make.court(POLICY + addressed).told(connect("203.0.113.9"))[0] == "excepted"
    assert make.court(POLICY + addressed).told(connect("x.test"))[0] == "unapproved"


def test_the_answer_follows_the_opening(make, connect, request_):
    zoned = '[[zone]]\nid = "dmz"\ncidrs = ["198.51.100.31/32"]\n'
    court = make.court(POLICY + zoned)
    asked = connect(NAME)
    reply = make.reply(asked)
    assert court.told(reply, asked) == ("approved", "channel.answer")
    assert court.told(reply, asked, ("results",))[0] == "approved"
    assert court.told(reply, asked, ("bulk",))[0] == "unapproved"
    stranger = connect("x.test")
    assert court.told(make.reply(stranger), stranger)[0] == "unapproved"
    two = POLICY + zoned + PRIMARY.replace("primary", "second").replace('"up"', '"up2"').replace(NAME, "s.example")
    both = request_(NAME, "s.example")
    answer = make.reply(both)
    assert make.court(two).told(answer, both, ("results",))[0] == "approved"
    closed = two.rpartition("carries = ")[0]
    assert make.court(closed).told(answer, both, ("results",))[0] == "unapproved"
    assert make.court(POLICY + zoned).told(reply, None) == ("indeterminate", "proxy.requests_unread")


def test_a_lossy_name_never_approves(make, request_):
    lossy = request_(NAME, names=make.used(NAME, evidence=NameClass.HTTP_HOST, exact=False), http_hosts=None)
    assert make.court(POLICY).told(lossy) == ("indeterminate", "dns.name_lossy")


def test_a_proxy_at_several_ids_is_any_of_them(make, connect):
    twin = PROXY.partition("[[channel]]")[0].replace('"squid"', '"a-twin"')
    decision = make.court(POLICY + twin).derive(connect(NAME)).decision
    assert (decision.verdict, decision.via) == ("approved", "a-twin")


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("a.example:443", 443),
        ("[2001:db8::1]:443", 443),
        ("2001:db8::1", None),
        ("a.example", None),
        ("a.example:", None),
        ("a.example:0", None),
        ("a.example:65536", None),
        ("a.example:+1", None),
        ("", None),
    ],
)
def test_port_of(text, port):
    assert port_of(text) == port


def test_findings_and_destinations_are_told_by_the_host(make, connect, request_):
    def judged(*sent):
        return judge(sent, [], make.court(POLICY).policies, lambda address, _at: Place(address=address), [])

    sent = [
        connect("x.test", flow=1),
        connect("y.test", flow=2),
        connect(NAME, flow=3),
        connect(NAME, flow=4, service_port=8080),
        make.sent(flow=5),
    ]
    report = judged(*sent)
    rows = {(row.address, row.via, row.asked): (row.worst.value, row.transmissions) for row in report.destinations}
    assert rows == {
        (SQUID, "squid", "x.test"): ("unapproved", 1),
        (SQUID, "squid", "y.test"): ("unapproved", 1),
        (SQUID, "squid", NAME): ("approved", 1),
        (SQUID, "squid", None): ("deviation", 1),
        ("198.51.100.20", None, None): ("approved", 1),
    }
    single = [one for one in report.findings if one.kind not in OF_THE_WHOLE]
    titles = sorted(one.title for one in single)
    assert titles[0].startswith("zone precincts asked proxy squid (tcp/3128) for x.test: ")
    told = {one.asked: one for one in single}
    assert told["x.test"].via == "squid"
    assert not told["x.test"].of_lookups
    moved = judged(connect("x.test", receiver_ip=SQUID, sender_ip="192.0.2.30"))
    assert moved.findings[0].id == told["x.test"].id
    assert len({one.id for one in single}) == 3
    assert all(one.count for one in report.uses if one.rule.id in ("up", "to-squid", "squid", "primary"))


def test_the_order_of_hosts_changes_nothing(make, request_):
    court = make.court(POLICY)
    hosts = ("b.test", NAME, "203.0.113.9")
    told = {
        msgspec.json.encode(
            msgspec.structs.replace(court.derive(request_(*order)).decision, transmission=request_(*hosts))
        )
        for order in itertools.permutations(hosts)
    }
    assert len(told) == 1


HOSTS = st.lists(st.sampled_from([NAME, "x.test", "198.51.100.20", "203.0.113.9", "s.example"]), min_size=1, max_size=3)
LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@LAW
@given(some=HOSTS, more=HOSTS, port=st.sampled_from([3128, 8080]))
def test_several_hosts_asked_are_as_bad_as_the_worst_of_them(make, request_, some, more, port):
    court = make.court(POLICY + '[[prohibited]]\nid = "p"\nwhen = { to = { names = ["s.example"] } }\n')

    def rank(*hosts):
        return court.derive(request_(*hosts, service_port=port)).decision.verdict.rank

    assert rank(*some, *more) == max(rank(*some), rank(*more))


CHANNELS = [
    f'[[channel]]\nid = "c{number}"\nfrom = ["precincts"]\nto = ["{to}"]\n{rest}'
    for number, (to, rest) in enumerate(
        [
            ("squid", ""),
            ("near", ""),
            ("primary", 'via = ["squid"]\ncarries = ["results"]\n'),
            ("primary", 'via = ["squid"]\nservice = { ports = [443] }\n'),
            ("primary", 'carries = ["results"]\n'),
            ("near", "service = { ports = [3128] }\n"),
        ]
    )
]
SERVERS = "".join(text.partition("[[channel]]")[0] for text in (PROXY, PRIMARY, RESOLVER))


@LAW
@given(
    data=st.data(),
    hosts=HOSTS | st.just([]),
    port=st.sampled_from(["443", "8443", None]),
    label=st.sampled_from(["results", "none"]),
)
def test_adding_a_channel_never_takes_an_approval_away(make, request_, data, hosts, port, label):
    pool = st.lists(st.sampled_from(CHANNELS), unique=True)
    zoned = SERVERS + '[[zone]]\nid = "dmz"\ncidrs = ["198.51.100.31/32"]\n'
    before = data.draw(pool)
    after = list(dict.fromkeys(before + data.draw(pool)))
    method = "POST" if port is None else "CONNECT"
    sent = request_(*hosts, http_method=method if hosts else None, http_path=f"{NAME}:{port}")
    reply = make.reply(sent)
    courts = [make.court(zoned + "".join(channels)) for channels in (before, after)]
    for one, opening in ((sent, None), (reply, sent)):
        first, then = (court.derive(one, opening, (label,)).decision.verdict.group for court in courts)
        assert first is not Group.CONFORMS or then is Group.CONFORMS


@LAW
@given(
    channels=st.lists(st.sampled_from(CHANNELS), unique=True),
    port=st.sampled_from([443, 8443]),
    sender=st.sampled_from(["192.0.2.17", "192.0.2.70"]),
    size=st.sampled_from([100, 20_000]),
)
def test_nothing_is_approved_through_the_proxy_that_is_not_directly(make, connect, channels, port, sender, size):
    labelled = '[[classifier]]\nid = "c"\nlabel = "bulk"\nany = [{ dst_port = 443, bytes_out_min = 10000 }]\n'
    court = make.court(SERVERS + "".join(channels) + labelled)
    same = {"sender_ip": sender, "sent": Amount.exactly(size)}
    through = court.derive(connect(NAME, port, sni=NAME, **same)).decision
    directly = court.derive(make.sent(service_port=port, **same)).decision
    assert through.verdict.group is not Group.CONFORMS or directly.verdict.group is Group.CONFORMS

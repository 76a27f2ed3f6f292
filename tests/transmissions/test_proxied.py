"""Requests that a proxy logged which does not name itself: they are of a proxy of the policy, or counted."""

import itertools

import pytest

from flowwatch.model import Amount, Coverage
from flowwatch.policy.match import Cidr
from flowwatch.policy.terms import ProxyPlace
from flowwatch.transmissions import derive, placed, with_names
from tests.transmissions.tables import SECOND, flow, flows, lookups
from tests.transmissions.test_sightings import PROXIED, request

ONE = (ProxyPlace(Cidr.parse("192.0.2.5/32"), 3128),)
TWO = (*ONE, ProxyPlace(Cidr.parse("192.0.2.6/32"), 8080))
WIDE = (ProxyPlace(Cidr.parse("192.0.2.0/28"), 0),)


def unplaced(number=1, name="a.example:443", **given):
    return request(number, name, **{"dst_ip": None, "dst_port": None} | given)


def ends(proxies, *rows):
    found, left, _ = placed(flows(*rows), proxies, 5 * SECOND)
    told = found.filter(found["name"].is_valid()).to_pylist()
    return [(row["dst_ip"], row["dst_port"]) for row in sorted(told, key=lambda row: row["first_record"])], left


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [(ONE, ("192.0.2.5", 3128)), (TWO, None), (WIDE, None), ((), None)],
)
def test_alone_it_is_of_the_only_proxy_or_it_is_counted(proxies, expected):
    assert ends(proxies, unplaced()) == (([expected], {}) if expected else ([], {"proxy.log": 1}))


def test_that_a_proxy_was_taken_from_the_policy_is_told():
    assert placed(flows(unplaced()), ONE, 0).assumed == {"proxy.log": 1}
    assert placed(flows(unplaced(), flow(**PROXIED)), ONE, 0).assumed == {}
    (told,) = with_names([Coverage(source="proxy.log", events=1)], derive(flows(), lookups(), ()), {}, {"proxy.log": 2})
    assert "2 x request" in told.notes[0]
    assert not told.incomplete


@pytest.mark.parametrize("proxies", [ONE, TWO, WIDE])
def test_what_another_source_saw_of_the_client_tells_the_proxy(proxies):
    assert ends(proxies, unplaced(), flow(**PROXIED)) == ([("192.0.2.5", 3128)], {})


def test_a_client_s_other_connections_tell_nothing():
    assert ends(TWO, unplaced(), flow(), flow(**PROXIED | {"src_ip": "192.0.2.18"})) == ([], {"proxy.log": 1})
    assert ends(TWO, unplaced(), flow(**PROXIED | {"dst_port": 53})) == ([], {"proxy.log": 1})
    assert ends(TWO, unplaced(start=2000 * SECOND, end=2001 * SECOND), flow(**PROXIED))[1] == {"proxy.log": 1}
    assert ends(TWO, unplaced(src_port=40009), flow(**PROXIED))[1] == {"proxy.log": 1}


def test_of_several_proxies_it_is_the_one_that_most_of_the_log_fits():
    rows = [unplaced(n, start=n * 100 * SECOND, end=(n * 100 + 1) * SECOND) for n in (1, 2, 3)]
    seen = [flow(**PROXIED, start=n * 100 * SECOND, end=(n * 100 + 1) * SECOND) for n in (1, 2, 3)]
    other = flow(dst_ip="192.0.2.6", dst_port=8080, start=100 * SECOND, end=101 * SECOND)
    assert ends(TWO, *rows, *seen, other) == ([("192.0.2.5", 3128)] * 3, {})
    assert ends(TWO, other, *seen[::-1], *rows) == ([("192.0.2.5", 3128)] * 3, {})


def test_rows_that_name_their_receiver_stay_as_they_are():
    table = flows(flow(), request(1, "a.example"))
    assert placed(table, ONE, 0) == (table, {}, {})


def test_a_source_with_requests_that_are_left_out_is_incomplete():
    (told,) = with_names([Coverage(source="proxy.log", events=1)], derive(flows(), lookups(), ()), {"proxy.log": 2})
    assert told.incomplete
    assert "role proxy" in told.shortfalls[0]


def told(*rows):
    table = placed(flows(*rows), ONE, 5 * SECOND).flows
    found = [one for one in derive(table, lookups(), ()) if one.responder_is_receiver]
    return sorted((one.sender_port or 0, one.http_hosts, one.sent) for one in found)


def test_a_request_goes_to_the_connection_on_which_its_host_was_read_though_another_is_nearer():
    late = {"start": 1002 * SECOND, "end": 1003 * SECOND, "src_port": 40001, "first_record": 10}
    seen = [flow(**PROXIED, http_hosts=["a.example"]), flow(**PROXIED | late, http_hosts=["b.example"])]
    rows = [unplaced(1), unplaced(2, "b.example:443")]
    for order in itertools.permutations([*seen, *rows]):
        assert [hosts for _, hosts, _ in told(*order)] == [
            ("a.example", "a.example:443"),
            ("b.example", "b.example:443"),
        ]


def test_after_a_tunnel_nothing_more_is_asked_on_its_connection():
    """Both requests are nearest to the first connection; its tunnel takes one, the other's is the second."""
    late = {"start": 1002 * SECOND, "end": 1003 * SECOND, "src_port": 40001, "first_record": 10}
    for order in itertools.permutations(
        [flow(**PROXIED), flow(**PROXIED | late), unplaced(1), unplaced(2, "b.example:443")]
    ):
        assert [hosts for _, hosts, _ in told(*order)] == [("a.example:443",), ("b.example:443",)]


def test_a_denied_request_and_its_repetition_are_of_one_connection():
    late = {"start": 1002 * SECOND, "end": 1003 * SECOND, "src_port": 40001, "first_record": 10}
    rows = [unplaced(1, action="deny"), unplaced(2)]
    first, second = told(flow(**PROXIED), flow(**PROXIED | late), *rows)
    assert (first[1], second[1]) == (("a.example:443",), None)


def test_alone_a_request_is_a_flow_of_unknown_size_and_a_body_its_least():
    counts = {"src_payload": None, "dst_payload": None, "counter": "final", "bytes_scope": "body"}
    (one,) = told(unplaced(src_bytes=300, **counts))
    assert one[1:] == (("a.example:443",), Amount(300, None))
    (one,) = told(unplaced(http_method="CONNECT", **counts))
    assert one[1:] == (("a.example:443",), Amount(1, None))

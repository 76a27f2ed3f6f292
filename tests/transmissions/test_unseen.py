"""What bears no name, by source."""

from flowwatch.model import Coverage
from flowwatch.transmissions import derive, with_names
from tests.transmissions.tables import SECOND, attempt, flow, flows, lookup, lookups

QUIET = Coverage(source="quiet")


def counted(*rows):
    coverage = (Coverage(source="a.pcap", limits={"names": 2}), QUIET)
    told, quiet = with_names(coverage, derive(flows(*rows), lookups(), coverage))
    assert quiet == QUIET
    assert told.limits == {"names": 2}
    return told


def test_flows_and_bytes_to_a_nameless_responder_are_counted_once():
    told = counted(flow(), flow(first_record=2, sni="a.example"), flow(first_record=3))
    assert (told.unnamed_flows, told.unnamed_bytes) == (2, 1000)


def test_an_answer_that_comes_later_names_nobody_before():
    """One that some other client got names the receiver all the same."""
    rows = [flow(first_record=at, start=at * 1000 * SECOND) for at in (1, 2)]
    told = lookups(lookup(("a.example", "A", rows[0]["dst_ip"], 300), time=1900 * SECOND, client_ip="192.0.2.9"))
    (seen,) = with_names([Coverage(source="a.pcap")], derive(flows(*rows), told, ()))
    assert seen.unnamed_flows == 1


def test_ech_hides_a_name_and_is_counted():
    assert counted(flow(ech=True, sni="outer.example")).ech_flows == 1


def test_encrypted_dns_is_told_by_port_and_alpn_only():
    rows = [
        flow(dst_port=853),
        flow(proto="udp", dst_port=853, state=None),
        flow(alpn=["doq"], proto="udp", state=None),
        flow(sni="doh.resolver.example", alpn=["h2"], dst_port=443),
        attempt(dst_port=853),
    ]
    rows = [row | {"first_record": number} for number, row in enumerate(rows)]
    assert counted(*rows).encrypted_dns_flows == 3

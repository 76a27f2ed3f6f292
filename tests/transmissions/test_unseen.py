"""What bears no name, by source."""

from flowwatch.model import Coverage
from flowwatch.transmissions import derive, with_names
from tests.transmissions.tables import attempt, flow, flows, lookups

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

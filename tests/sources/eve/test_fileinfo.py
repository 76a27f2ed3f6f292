"""A `fileinfo` record as the body of a request: at least so much was sent."""

import pytest

from flowwatch.sources import collect
from flowwatch.transmissions import derive

DIGEST = "AB" * 32


@pytest.fixture
def row(record, put, lines, eve):
    def make(**change):
        flows, _, coverage = eve(put(lines(record("fileinfo", **change))))
        return (flows or [None])[0], coverage

    return make


def test_the_size_of_a_body_is_what_its_client_sent(row):
    told, coverage = row(fileinfo={"sha256": DIGEST})
    assert (told["src_bytes"], told["bytes_scope"], told["direction_basis"]) == (5000, "body", "port")
    assert told["src_payload_sha256"] == [DIGEST.lower()]
    assert (told["http_method"], told["http_host"], told["http_path"]) == ("POST", "results.example", "/in?a=b")
    assert not {"src_packets", "dst_bytes", "counter", "dst_clear"} & told.keys()
    assert (coverage.events, coverage.noise) == (1, 0)


@pytest.mark.parametrize(
    ("change", "size"),
    [({"gaps": True}, None), ({"state": "TRUNCATED"}, 5000), ({"state": None}, 5000), ({"sha256": "x"}, 5000)],
)
def test_what_was_not_recorded_whole_has_no_digest(change, size, row):
    told, _ = row(fileinfo={"sha256": DIGEST, **change})
    assert told.get("src_bytes") == size
    assert "src_payload_sha256" not in told


@pytest.mark.parametrize(
    "change",
    [
        {"src_ip": "198.51.100.7", "src_port": 80, "dest_ip": "192.0.2.10", "dest_port": 40002},
        {"http": {"http_method": "GET"}},
        {"http": None, "app_proto": "smtp"},
        {"src_port": None},
    ],
)
def test_other_files_are_noise(change, row):
    told, coverage = row(**change)
    assert told is None
    assert (coverage.noise, coverage.notes) == (1, ("1 x file that is not known to be a request's body",))


def test_a_body_says_the_least_that_was_sent_and_its_flow_the_most(record, put, lines):
    request = [record("http"), record("fileinfo", fileinfo={"sha256": DIGEST})]
    flow = record("flow", flow_id=1002, src_port=40002, dest_port=80, app_proto="http")
    for records, least, most in ((request, 5000, None), ([*request, flow], 5000, 302_870 - 25 * 40)):
        found = collect([put(lines(*records))])
        forth = next(iter(derive(found.flows, found.lookups, found.coverage)))
        assert (forth.sent.least, forth.sent.most) == (least, most)
        assert forth.payload_sha256 == (DIGEST.lower(),)

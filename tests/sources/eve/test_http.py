"""`http` records as flows that their conversation takes over."""

import pytest


@pytest.fixture
def row(record, put, lines, eve):
    return lambda **change: eve(put(lines(record("http", http=change))))[0][0]


def test_what_a_request_said(row):
    told = row(hostname="Results.Example.")
    assert (told["http_host"], told["http_hosts"]) == ("results.example", ["results.example"])
    assert (told["http_method"], told["http_path"], told["http_user_agent"]) == ("POST", "/in?a=b", "curl/8")
    assert (told["src_clear"], told["dst_clear"], told["app"]) == (True, True, "http")
    assert not {"src_bytes", "dst_bytes"} & told.keys()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/in", "/in"), ("http://results.example/p?q=a%20b", "/p?q=a%20b"), ("http://results.example", "/"),
        ("http://results.example?q", "?q"), ("*", "*"), ("/a\u0000b", r"/a\x00b"), ("/u://x", "/u://x"),
    ],
)  # fmt: skip
def test_paths(url, path, row):
    assert row(url=url)["http_path"] == path


def test_what_is_behind_connect_is_not_known_to_be_clear(row):
    told = row(http_method="CONNECT", url="results.example:443")
    assert (told["http_method"], told["http_path"]) == ("CONNECT", "results.example:443")
    assert not {"src_clear", "dst_clear"} & told.keys()


def test_an_upgrade_and_a_missing_answer_are_not_known_to_be_clear(row):
    assert "src_clear" not in row(status=101)
    told = row(status=None)
    assert (told["src_clear"], "dst_clear" in told) == (True, False)


def test_http_2_names_its_host_in_a_header(row):
    headers = [{"table_size_update": 1}, {"name": ":authority", "value": "Results.example"}]
    assert row(hostname=None, version="2", request_headers=headers)["http_host"] == "results.example"
    assert "http_host" not in row(hostname=None, request_headers=[])

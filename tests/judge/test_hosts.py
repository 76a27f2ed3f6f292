"""Hosts as HTTP writes them."""

import pytest

from flowwatch.judge.hosts import host_of


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("A.Example.", "a.example"),
        ("a.example:8443", "a.example"),
        ("a.example:", "a.example"),
        ("192.0.2.7:80", "192.0.2.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("a.example:x", "a.example:x"),
        ("", ""),
    ],
)
def test_without_port_brackets_case_and_last_dot(text, host):
    assert host_of(text) == host

"""Markers: one id for one pattern, through all versions of a policy."""

import hashlib
from pathlib import Path

import pytest

from flowwatch.model import Marker
from flowwatch.policy import load, parse
from flowwatch.policy.terms import PolicySet

BASE = """schema = "flowwatch.policy/1"
[policy]
id = "p"
version = "{version}"
{valid}
[[classifier]]
id = "doc"
label = "results"
any = [{terms}]
"""


def policy(terms, version="1", valid=""):
    return BASE.format(terms=terms, version=version, valid=valid)


def markers(terms):
    return PolicySet((parse(policy(terms)),)).markers


def numbered(pattern):
    return Marker(f"doc/{hashlib.sha256(pattern).hexdigest()[:8]}", pattern)


def test_one_pattern_bears_the_classifiers_id():
    assert markers('{ payload_contains = "<r\u00e9sultats" }') == (Marker("doc", "<r\u00e9sultats".encode()),)
    assert markers('{ payload_hex = "CAFEbabe", dst_port = 1 }') == (Marker("doc", b"\xca\xfe\xba\xbe"),)
    assert markers('{ payload_hex = "52455355", dst_port = 1 }, { payload_contains = "RESU" }') == (
        Marker("doc", b"RESU"),
    )
    assert markers("{ dst_port = 1 }") == ()


@pytest.mark.parametrize("between", ["", " }, { "])
def test_several_patterns_are_told_apart_by_their_digest(between):
    written = f'{{ payload_contains = "first"{between or ", "}payload_hex = "cafebabe" }}'
    assert markers(written) == tuple(sorted([numbered(b"first"), numbered(b"\xca\xfe\xba\xbe")]))


def test_an_id_means_one_pattern_in_every_version(tmp_path):
    day = "2026-11-{:02}T00:00:00Z"
    for number, text in enumerate(("first", "second", "first"), 1):
        valid = f"valid_from = {day.format(number)}\nvalid_until = {day.format(number + 1)}"
        terms = f'{{ payload_contains = "{text}" }}'
        (Path(tmp_path) / f"{number}.toml").write_text(policy(terms, str(number), valid))
    policies = load(tmp_path)
    assert policies.markers == tuple(sorted([numbered(b"first"), numbered(b"second")]))
    ids = [version.classifiers[0].any_[0].markers[0].id for version in policies.versions]
    assert ids == [numbered(b"first").id, numbered(b"second").id, numbered(b"first").id]

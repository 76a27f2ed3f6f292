"""`flowwatch places`: three facts about an address, and which data says so."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
POLICY = ROOT / "flowwatch" / "demo" / "policy.toml"


def places(*args: str | Path) -> str:
    command = [sys.executable, "-m", "flowwatch", "places", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout


def test_located_registered_and_operated_stay_apart():
    told = places("lookup", "203.0.113.10", "--policy", POLICY).splitlines()
    facts = {line[:12].strip(): line[14:] for line in told if line.startswith("  ")}
    assert facts["located"].startswith("XA")
    assert facts["registered"].startswith("XB")
    assert facts["operated"].startswith("AS64510")
    assert facts["confidence"].startswith("stated")


def test_a_wrapped_address_is_looked_up_as_the_inner_one_and_this_is_said():
    told = places("lookup", "::ffff:8.8.8.8", "10.0.0.1", "--policy", POLICY)
    assert "looked up   8.8.8.8" in told
    assert "anycast     yes" in told
    assert "confidence  indeterminate" in told
    assert "confidence  not_applicable" in told


def test_json_is_an_object_a_line_with_each_fact_and_its_source():
    rows = [json.loads(line) for line in places("lookup", "3.120.0.1", "10.0.0.1", "--format", "json").splitlines()]
    assert [row["address"] for row in rows] == ["3.120.0.1", "10.0.0.1"]
    assert (rows[0]["located"][0]["country"], rows[0]["located"][0]["provider"]) == ("DE", "aws")
    assert rows[0]["registered"] == [{"value": "US", "source": "iptocc"}]
    assert rows[0]["anycast"] is None
    assert rows[1]["special"] == "Private-Use"


def test_info_lists_each_source_with_version_date_age_digest_and_attribution():
    told = places("info")
    for word in ("kind", "version", "date", "sha256", "attribution"):
        assert told.count(f"  {word} ") == 4
    assert told.count(" days old") == 4
    assert "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0; RouteViews, CC BY 4.0; NRO, CC BY 4.0" in told


def test_neither_pandas_nor_a_database_reader_is_loaded_for_a_look_up():
    command = [sys.executable, "-X", "importtime", "-m", "flowwatch", "places", "lookup", "3.120.0.1"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stderr
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in told.splitlines()}
    assert "flowwatch" in loaded
    assert not loaded & {"pandas", "geoip2", "maxminddb", "jinja2", "rich"}

"""`flowwatch places`: three facts about an address, and which data says so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places.mmdb_writer import mmdb

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


CONFIG = """
schema = "flowwatch.config/1"
policy = "policy/"
state = "state"
{places}
[[source]]
id = "resolver"
paths = ["query.log*"]
"""


@pytest.fixture
def database(tmp_path) -> Path:
    path: Path = tmp_path / "given.mmdb"
    path.write_bytes(mmdb({"3.120.0.0/16": {"country": {"iso_code": "XA"}}}, "GeoLite2-City"))
    return path


def test_an_update_says_what_it_is_and_how_to_use_it(tmp_path, database):
    told = places("update", database, "--to", tmp_path / "kept")
    installed = tmp_path / "kept" / "GeoLite2-City.mmdb"
    assert told.startswith("GeoLite2-City is installed\n  kind        location\n  date        2026-09-21, ")
    assert f"  path        {installed}\n" in told
    assert told.endswith(f'to use it: places = ["{tmp_path}/kept"] in flowwatch.toml, or --places {tmp_path}/kept\n')
    assert places("info", "--places", tmp_path / "kept").startswith("GeoLite2-City\n  kind        location\n")
    assert "was installed already" in places("update", database, "--to", tmp_path / "kept")


def test_an_update_says_what_was_there_before(tmp_path, database):
    places("update", database, "--to", tmp_path / "kept")
    record = {"3.120.0.0/16": {"country": {"iso_code": "XB"}}}
    database.write_bytes(mmdb(record, "GeoLite2-City", build_epoch=1_800_000_000))
    told = places("update", database, "--to", tmp_path / "kept")
    assert "  before      2026-09-21, sha256 " in told
    assert f"  kept as     {tmp_path}/kept/GeoLite2-City.mmdb.previous\n" in told


@pytest.mark.parametrize(("named", "words"), [("", "to use it: "), ('places = ["state/places"]', "names that folder")])
def test_an_update_for_a_configuration_goes_beside_its_state(tmp_path, database, named, words):
    config = tmp_path / "flowwatch.toml"
    config.write_text(CONFIG.format(places=named))
    assert words in places("update", database, "--config", config).splitlines()[-1]
    assert (tmp_path / "state/places/GeoLite2-City.mmdb").read_bytes() == database.read_bytes()


def test_without_either_it_goes_with_the_users_data(tmp_path, database, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    places("update", database)
    assert (tmp_path / "data/flowwatch/places/GeoLite2-City.mmdb").exists()


def test_a_report_is_not_written_over_a_database_of_a_folder(tmp_path, database):
    places("update", database, "--to", tmp_path / "kept")
    target = tmp_path / "kept" / "GeoLite2-City.mmdb"
    capture = ROOT / "captures" / "approved-night" / "input.pcap"
    command = [sys.executable, "-m", "flowwatch", "scan", capture, "--places", target.parent, "-o", target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "would be written over" in done.stderr

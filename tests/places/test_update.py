"""Newer location data is looked at, installed whole, and used; what was there before stays."""

import hashlib
import io
import json
import shutil
import tarfile
from importlib import resources
from pathlib import Path

import pytest

from flowwatch.errors import PlacesError
from flowwatch.places import Locator, data
from flowwatch.places import update as updating
from flowwatch.places.embedded import SOURCES, TABLE
from flowwatch.places.update import update
from tests.places.mmdb_writer import mmdb

HERE = "192.0.1.1"
OLD, NEW = 1_780_000_000, 1_790_000_000
CITY, ASN = "GeoLite2-City", "GeoLite2-ASN"


@pytest.fixture
def given(tmp_path):
    """Writes a database to be installed."""

    def write(country="XA", kind=CITY, epoch=NEW, **record) -> Path:
        path: Path = tmp_path / "given.mmdb"
        path.write_bytes(mmdb({"192.0.1.0/24": record or {"country": {"iso_code": country}}}, kind, build_epoch=epoch))
        return path

    return write


@pytest.fixture
def folder(tmp_path) -> Path:
    where: Path = tmp_path / "state" / "places"
    return where


def countries(*named: Path) -> tuple[str, ...]:
    with Locator((), named, embedded=None) as locator:
        return locator.locate(HERE, None).countries


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_installed_is_used_where_its_folder_is_named(given, folder):
    done = update(given("XA"), folder)
    assert (done.changed, done.before, done.kept) == (True, None, None)
    assert done.new.path == str(folder / f"{CITY}.mmdb")
    assert done.new.sha256 == hashlib.sha256((folder / f"{CITY}.mmdb").read_bytes()).hexdigest()
    assert countries(folder) == countries(folder / f"{CITY}.mmdb") == ("XA",)


def test_newer_data_takes_the_place_of_its_kind_and_the_one_before_is_kept(given, folder):
    update(given("XA", epoch=OLD), folder)
    update(given(kind=ASN, autonomous_system_number=64500), folder)
    done = update(given("XB"), folder)
    assert done.before is not None
    assert (done.before.date, done.new.date) == ("2026-05-28", "2026-09-21")
    assert names(folder) == [f"{ASN}.mmdb", f"{CITY}.mmdb", f"{CITY}.mmdb.previous"]
    assert countries(folder) == ("XB",)
    assert done.kept is not None
    back = done.kept.rename(folder.parent / "back.mmdb")
    assert countries(back) == ("XA",)


def test_a_database_under_another_name_is_known_by_its_type(given, folder):
    folder.mkdir(parents=True)
    shutil.copy(given("XA", epoch=OLD), folder / "mine.mmdb")
    update(given("XB"), folder)
    assert names(folder) == ["mine.mmdb", "mine.mmdb.previous"]
    shutil.copy(given("XA"), folder / "other.mmdb")
    with pytest.raises(PlacesError, match=r"mine.mmdb and other.mmdb are the same type"):
        update(given("XC", epoch=NEW + 1), folder)


def test_older_data_is_refused_unless_forced(given, folder):
    update(given("XA"), folder)
    for epoch in (OLD, 0):
        with pytest.raises(PlacesError, match="is not newer than what is installed, of 2026-09-21"):
            update(given("XB", epoch=epoch), folder)
        assert (names(folder), countries(folder)) == ([f"{CITY}.mmdb"], ("XA",))
    update(given("XB", epoch=OLD), folder, force=True)
    assert countries(folder) == ("XB",)


def test_the_same_bytes_again_change_nothing(given, folder):
    update(given(), folder)
    update(given("XB", epoch=NEW + 86_400), folder)
    assert not update(given("XB", epoch=NEW + 86_400), folder).changed
    assert names(folder) == [f"{CITY}.mmdb", f"{CITY}.mmdb.previous"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a usable MMDB"),
        (b"country,net\n", "not a usable MMDB"),
        (mmdb({"192.0.1.0/24": {"country": {"iso_code": "XA"}}}, CITY)[:-20], "not a usable MMDB"),
        (mmdb({"192.0.1.0/24": {"colour": "blue"}}, "Colours"), "say nothing of a place"),
        (mmdb({}, CITY), "say nothing of a place"),
        (b"flowwatch places 1\n", "not usable location data"),
    ],
)
def test_what_flowwatch_cannot_use_is_refused_and_nothing_is_touched(tmp_path, folder, content, words):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(PlacesError, match=words):
        update(tmp_path / "x", folder)
    assert not folder.exists()


def test_a_packed_file_is_to_be_unpacked_first(tmp_path, given, folder):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(given())
    (tmp_path / "x.tar.gz").write_bytes(packed.getvalue())
    with pytest.raises(PlacesError, match="unpack it first"):
        update(tmp_path / "x.tar.gz", folder)


@pytest.mark.parametrize("missing", ["nowhere.mmdb", "."])
def test_what_is_no_file_is_refused(tmp_path, folder, missing):
    with pytest.raises(PlacesError, match="cannot be read"):
        update(tmp_path / missing, folder)


def test_a_folder_that_cannot_be_made_is_told(tmp_path, given):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PlacesError, match="cannot be used: Not a directory"):
        update(given(), tmp_path / "file" / "places")


@pytest.mark.parametrize("kind", ["../../etc/x", "/etc/passwd", "..", "", "a\nb", "ä" * 300])
def test_what_a_database_calls_itself_leads_nowhere_else(given, folder, kind):
    done = update(given(kind=kind), folder)
    assert Path(str(done.new.path)).parent == folder
    assert done.new.path is not None
    assert done.new.path.isascii()
    assert countries(folder) == ("XA",)


def test_a_damaged_database_in_the_folder_is_replaced_and_kept(given, folder):
    folder.mkdir(parents=True)
    (folder / f"{CITY}.mmdb").write_bytes(b"damaged")
    done = update(given(), folder)
    assert done.before is None
    assert done.kept is not None
    assert done.kept.read_bytes() == b"damaged"
    assert countries(folder) == ("XA",)


@pytest.mark.parametrize("step", range(2))
def test_cut_at_any_step_the_folder_holds_the_old_data_whole(given, folder, monkeypatch, step):
    update(given("XA", epoch=OLD), folder)
    put, steps = updating._put, iter(range(9))

    def cut(path, content):
        if next(steps) == step:
            raise KeyboardInterrupt
        put(path, content)

    monkeypatch.setattr(updating, "_put", cut)
    with pytest.raises(KeyboardInterrupt):
        update(given("XB"), folder)
    assert countries(folder) == ("XA",)


def test_a_folder_without_location_data_is_refused(tmp_path):
    with pytest.raises(PlacesError, match="there is no location data in it"):
        countries(tmp_path)


# The table of flowwatch's own kind


@pytest.fixture
def build(tmp_path):
    """A table as `flowwatch.places.build` writes it: the shipped one, of another day, with another byte at its end."""

    def write(date="2999-01-01", tail=b"") -> Path:
        where: Path = tmp_path / "build"
        where.mkdir(exist_ok=True)
        content = (resources.files(data) / TABLE).read_bytes() + tail
        told = json.loads((resources.files(data) / SOURCES).read_bytes())
        told["table"]["sha256"] = hashlib.sha256(content).hexdigest()
        for one in told["sources"]:
            one["date"] = date
        (where / TABLE).write_bytes(content)
        (where / SOURCES).write_text(json.dumps(told))
        return where / TABLE

    return write


def located(folder: Path) -> tuple[str | None, str | None]:
    with Locator((), [folder]) as locator:
        [candidate] = locator.locate("3.120.0.1", None).located
        return candidate.country, candidate.source_date


def test_a_table_takes_the_place_of_the_one_shipped(build, folder):
    done = update(build(), folder)
    assert (done.new.kind, done.new.date, done.before) == ("table", "2999-01-01", None)
    assert located(folder) == ("DE", "2999-01-01")


def test_of_tables_the_one_before_is_kept_and_older_ones_go(build, folder):
    kept = [update(build(f"2999-01-0{day}", bytes([day])), folder).kept for day in range(1, 4)]
    assert kept == [None, *[folder / f"{SOURCES}.previous"] * 2]
    assert located(folder)[1] == "2999-01-03"
    (folder / f"{SOURCES}.previous").replace(folder / SOURCES)
    assert located(folder)[1] == "2999-01-02"
    assert len(list(folder.glob("places-*.bin"))) == 2


def test_a_table_older_than_the_one_shipped_or_installed_is_refused_unless_forced(build, folder):
    with pytest.raises(PlacesError, match="not newer"):
        update(build("2000-01-01"), folder)
    update(build(), folder)
    with pytest.raises(PlacesError, match="not newer"):
        update(build("2998-01-01", b"x"), folder)
    update(build("2000-01-01", b"y"), folder, force=True)
    assert located(folder)[1] == "2000-01-01"


def test_a_table_whose_sources_tell_of_another_is_refused(build, folder):
    path = build()
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(PlacesError, match="tells of another table"):
        update(path, folder)
    assert not folder.exists()


@pytest.mark.parametrize("step", range(3))
def test_cut_at_any_step_the_table_and_its_sources_belong_together(build, folder, monkeypatch, step):
    update(build("2999-01-01", b"1"), folder)
    put, steps = updating._put, iter(range(9))

    def cut(path, content):
        if next(steps) == step:
            raise KeyboardInterrupt
        put(path, content)

    monkeypatch.setattr(updating, "_put", cut)
    with pytest.raises(KeyboardInterrupt):
        update(build("2999-01-02", b"2"), folder)
    assert located(folder) == ("DE", "2999-01-01")


def test_a_table_that_names_a_file_elsewhere_is_refused(build, folder):
    update(build(), folder)
    told = json.loads((folder / SOURCES).read_bytes())
    told["table"]["file"] = "../places.bin"
    (folder / SOURCES).write_text(json.dumps(told))
    with pytest.raises(PlacesError, match="lies elsewhere"):
        located(folder)


def test_two_folders_with_a_table_are_refused(build, folder, tmp_path):
    for where in (folder, tmp_path / "other"):
        update(build(), where)
    with pytest.raises(PlacesError, match="both hold a table"):
        Locator((), [folder, tmp_path / "other"])

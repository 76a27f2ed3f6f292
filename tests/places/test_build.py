"""The builder: overlapping ranges as a naive reading has them, regions by rule, same packages same bytes."""

import argparse
import gzip
import io
import ipaddress
import itertools
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.places import build, packages
from flowwatch.places.build import Published, flattened, read, sources_of, spans, table_of, truth
from flowwatch.places.packages import Prefix, borders
from flowwatch.places.table import Region, TableFile
from tests.places.mmdb_writer import mmdb

COUNTRIES = {
    ("aws", "xa-1"): "XA",
    ("aws", "xb-1"): "XB",
    ("aws", "xa-1-ist-1"): "XC",
    ("aws", "xb-1-wl1"): "XB",
    ("azure", "xa"): "XA",
}


def prefix(cidr: str, provider: str = "aws", region: str | None = None, service: str = "") -> Prefix:
    return Prefix(cidr=ipaddress.ip_network(cidr), provider=provider, region=region, service=service)


def at(prefixes: list[Prefix], address: str, *, groups: bool = False) -> Region | None:
    meant = ipaddress.ip_address(address)
    published = Published(prefixes=prefixes, countries=COUNTRIES, groups=groups)
    said = None
    for first, region in flattened(published, meant.version):
        if first <= int(meant):
            said = region
    return said


_spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20), st.integers(1, 5)).map(
        lambda row: ((row[0], row[0] + row[1]), row[2])
    ),
    max_size=12,
)


@given(_spans)
def test_where_ranges_overlap_the_one_that_begins_later_holds_and_of_these_the_shorter(rows):
    laid = spans(rows)
    for key in range(90):
        around = [row for row in rows if row[0][0] <= key <= row[0][1]]
        narrowest = max(((first, -last) for (first, last), _ in around), default=None)
        allowed = {value for (first, last), value in around if (first, -last) == narrowest} or {0}
        assert next((value for first, value in reversed(laid) if first <= key), 0) in allowed


@given(_spans)
def test_steps_rise_and_each_says_another_thing_than_the_one_before(rows):
    laid = spans(rows)
    assert [key for key, _ in laid] == sorted({key for key, _ in laid})
    assert all(before[1] != after[1] for before, after in itertools.pairwise(laid))
    assert not laid or (laid[0][1] != 0 and laid[-1][1] == 0)


_nested = st.lists(
    st.tuples(st.integers(0, 255), st.integers(24, 32), st.sampled_from(["xa-1", "xb-1"])).map(
        lambda row: prefix(str(ipaddress.ip_network((0xC6336400 | row[0], row[1]), strict=False)), region=row[2])
    ),
    max_size=10,
    unique_by=lambda one: one.cidr,
)


@given(_nested, st.integers(-1, 256))
def test_of_nested_prefixes_the_longest_decides(prefixes, host):
    address = ipaddress.IPv4Address(0xC6336400 + host)
    covering = [one for one in prefixes if address in one.cidr]
    longest = max(covering, key=lambda one: one.cidr.prefixlen, default=None)
    said = at(prefixes, str(address))
    assert (said and said.name) == (longest and longest.region)


def test_a_prefix_without_a_region_inherits_that_of_the_same_provider_alone():
    given_ = [prefix("198.51.100.0/24", "azure", "xa"), prefix("198.51.100.0/25", "azure", service="POWERBI")]
    assert at(given_, "198.51.100.1") == Region(provider="azure", name="xa", country="XA")
    other = [prefix("198.51.100.0/24", "azure", "xa"), prefix("198.51.100.0/25")]
    assert at(other, "198.51.100.1") == Region(provider="aws")
    assert at(other, "198.51.100.128") == Region(provider="azure", name="xa", country="XA")


@pytest.mark.parametrize(
    ("row", "edge"),
    [
        (prefix("2001:db8::/32", "cloudflare"), "cdn"),
        (prefix("2001:db8::/32", region="GLOBAL", service="CLOUDFRONT"), "CLOUDFRONT"),
        (prefix("2001:db8::/32", region="xa-1", service="GLOBALACCELERATOR"), "GLOBALACCELERATOR"),
        (prefix("2001:db8::/32", "azure", service="AZUREFRONTDOOR.FRONTEND"), "AZUREFRONTDOOR"),
        (prefix("2001:db8::/32", region="GLOBAL", service="AMAZON"), "global"),
        (prefix("2001:db8::/32", "gcp", region="global"), "global"),
    ],
)
def test_an_edge_or_global_range_has_a_provider_and_no_place(row, edge):
    around = prefix("2001:db8::/31", row.provider, "xa-1")
    same = prefix("2001:db8::/32", row.provider, "xa-1", "AMAZON")
    assert at([around, same, row], "2001:db8::1") == Region(provider=row.provider, edge=edge)


def test_a_border_group_beats_the_region_around_it():
    rows = [prefix("198.51.100.0/24", region="xa-1"), prefix("198.51.100.128/25", region="xa-1-ist-1")]
    assert at(rows, "198.51.100.200", groups=True) == Region(provider="aws", name="xa-1-ist-1", country="XC")
    assert at(rows, "198.51.100.1", groups=True) == Region(provider="aws", name="xa-1", country="XA")


@pytest.mark.parametrize(("group", "country"), [("xb-1-wl1-abc-wlz-1", "XB"), ("xb-1-new-1", None)])
def test_a_border_group_of_no_row_has_the_country_of_its_wavelength_group_never_of_its_region(group, country):
    rows = [prefix("198.51.100.0/24", region=group)]
    assert at(rows, "198.51.100.1", groups=True) == Region(provider="aws", name=group, country=country)


def test_where_border_groups_are_not_told_a_region_names_the_countries_of_its_zones_abroad():
    assert at([prefix("198.51.100.0/24", region="xa-1")], "198.51.100.1") == Region(
        provider="aws", name="xa-1", country="XA", elsewhere=("XC",)
    )
    assert at([prefix("198.51.100.0/24", region="xb-1")], "198.51.100.1") == Region(
        provider="aws", name="xb-1", country="XB"
    )


def test_a_region_of_no_table_has_no_country_and_a_geofeeds_is_in_its_code():
    assert at([prefix("198.51.100.0/24", region="xz-9")], "198.51.100.1") == Region(provider="aws", name="xz-9")
    assert at([prefix("198.51.100.0/24", "digitalocean", "XA-01")], "198.51.100.1") == Region(
        provider="digitalocean", country="XA", subdivision="XA-01"
    )


def test_a_region_has_the_name_users_give_it():
    published = Published(prefixes=[], countries=COUNTRIES, names={("azure", "xa"): "xacentral"})
    assert published.region("azure", "xa") == Region(provider="azure", name="xacentral", country="XA")


def test_the_truth_is_an_address_of_each_regional_prefix():
    prefixes = [
        prefix("198.51.100.0/24", region="xa-1"),
        prefix("198.51.100.0/30", region="GLOBAL", service="CLOUDFRONT"),
        prefix("2001:db8::/126", "azure", "xa"),
        prefix("203.0.113.0/24", "azure"),
    ]
    told = truth(Published(prefixes=prefixes, countries=COUNTRIES))
    assert told == [("198.51.100.85", "XA"), ("2001:db8::1", "XA")]


@given(st.dictionaries(st.integers(0, 400), st.sampled_from(["XA", "XB", ""]), max_size=9), st.integers(1, 7))
def test_borders_are_found_where_no_answer_lies_hidden_between_two_probes(changes, step):
    truth_ = {0: ""} | {key // step * step + step // 2: code for key, code in sorted(changes.items())}

    def ask(keys):
        return [next(code for first, code in sorted(truth_.items(), reverse=True) if first <= key) for key in keys]

    found = list(borders(range(0, 500, step), ask))
    for key in range(491):
        assert next(code for first, code in reversed(found) if first <= key) == ask([key])[0]


def archive(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w") as wheel:
            for name, content in files.items():
                wheel.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz") as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def asked(tmp_path):
    """Made packages of the forms of the real ones."""
    rows = [{"cidr": "198.51.100.0/24", "p": 0, "r": "eu-central-1", "s": "EC2"}, {"cidr": "2001:db8::/32", "p": 1}]
    cloud = {"version": "x", "build_time": 1_793_577_600, "providers": ["aws", "cloudflare"], "ranges": rows}
    metadata = b"Metadata-Version: 2.4\nName: made\nVersion: 1.2.3\n"
    iptocc = b"def country_code(texts):\n    return ['XB' if text.startswith('198.51.') else None for text in texts]\n"
    bill = json.dumps({"metadata": {"timestamp": "2026-10-27T05:11:26Z"}}).encode()
    files = {"198.51.100.0/24": {"country_code": "XA"}, "2001:db8::/32": {"country_code": "XB"}}
    low, high = int(ipaddress.ip_address("2001:db8::")), int(ipaddress.ip_address("2001:db8::ff"))
    return argparse.Namespace(
        cloud=archive(
            tmp_path / "cloud.whl",
            {
                "cloudip/data/cloudip.msgpack.gz": gzip.compress(msgspec.msgpack.encode(cloud)),
                "made.dist-info/METADATA": metadata,
            },
        ),
        country=archive(
            tmp_path / "country.tgz", {"package.json": b'{"version": "2.3.4"}', "dbip-country.mmdb": mmdb(files)}
        ),
        networks=archive(
            tmp_path / "asn.tgz",
            {
                "package.json": b'{"version": "2.3.2026061719"}',
                "asn-ipv4-num.csv": b'3325256704,3325256959,64500,"Example, Net"\n',
                "asn-ipv6-num.csv": f"{low},{high},64511,Beispiel GmbH\n".encode(),
            },
        ),
        registry=archive(
            tmp_path / "iptocc.whl",
            {"iptocc.py": iptocc, "made.dist-info/METADATA": metadata, "made.dist-info/x.cyclonedx.json": bill},
        ),
        aws=None,
    )


def _built(asked: argparse.Namespace) -> tuple[bytes, bytes]:
    inputs, found = read(asked, lambda edges: {version: sorted({0, *edges[version]}) for version in (4, 6)})
    content = table_of(inputs)
    return content, sources_of(content, found)


def test_the_same_packages_give_the_same_bytes(asked):
    assert _built(asked) == _built(asked)


def test_each_package_is_read_and_its_version_date_and_digest_told(asked):
    content, sources = _built(asked)
    table = TableFile(content, "made")
    key, wide = int(ipaddress.ip_address("198.51.100.9")), int(ipaddress.ip_address("2001:db8::9"))
    assert (table.country("country4", key), table.country("registered4", key)) == ("XA", "XB")
    assert (table.value("asn4", key), table.text("organisation", 64500)) == (64500, "Example, Net")
    assert (table.country("country6", wide), table.value("asn6", wide)) == ("XB", 64511)
    assert table.region("provider6", wide) == Region(provider="cloudflare", edge="cdn")
    region = table.region("provider4", key)
    assert region is not None
    assert (region.name, region.country) == ("eu-central-1", "DE")
    told = {one["kind"]: one for one in json.loads(sources)["sources"]}
    assert {kind: (one["version"], one["date"]) for kind, one in told.items()} == {
        "provider": ("1.2.3", "2026-11-02"),
        "location": ("2.3.4", "2026-09-21"),
        "network": ("2.3.2026061719", "2026-06-17"),
        "registration": ("1.2.3", "2026-10-27"),
    }
    assert all(set(one) >= {"source", "sha256", "licence", "attribution"} for one in told.values())


def test_awss_own_file_names_border_groups(asked, tmp_path):
    row = {"ip_prefix": "198.51.100.0/24", "region": "eu-central-1", "network_border_group": "eu-central-1-ist-1"}
    other = {"ipv6_prefix": "2001:db8::/32", "region": "eu-central-1", "network_border_group": "eu-central-1"}
    asked.aws = tmp_path / "ip-ranges.json"
    asked.aws.write_text(json.dumps({"prefixes": [row], "ipv6_prefixes": [other]}))
    assert packages.border_groups(asked.aws) == {"198.51.100.0/24": "eu-central-1-ist-1"}
    region = TableFile(_built(asked)[0], "made").region("provider4", int(ipaddress.ip_address("198.51.100.9")))
    assert region == Region(provider="aws", name="eu-central-1-ist-1", country="TR")


def test_the_command_writes_table_sources_and_truth(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(
        packages, "registry_probes", lambda edges: {version: sorted({0, *edges[version]}) for version in (4, 6)}
    )
    options = {"output": tmp_path, "truth": tmp_path / "truth.xz"} | {
        name: getattr(asked, name) for name in ("cloud", "country", "networks", "registry")
    }
    monkeypatch.setattr(
        "sys.argv", ["build", *(str(part) for name in options for part in (f"--{name}", options[name]))]
    )
    build.main()
    assert ((tmp_path / "places.bin").read_bytes(), (tmp_path / "sources.json").read_bytes()) == _built(asked)
    assert lzma.decompress((tmp_path / "truth.xz").read_bytes()) == b"198.51.100.85,DE\n"

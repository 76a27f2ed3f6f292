"""Maps from TOML: those that come with flowwatch, and the operator's own. Raises UsageError naming file and key."""

import functools
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from flowwatch.errors import UsageError
from flowwatch.sources.maps.language import Map, faults

_ORDER = (
    "aws-vpc-flow",
    "aws-vpc-flow-csv",
    "route53-resolver",
    "gcp-dns",
    "gcp-vpc-flow",
    "azure-nsg-flow",
    "azure-vnet-flow",
    "sysmon",
    "windows-dns-analytical",
    "ocsf",
    "ecs",
    "ulogd-flow",
    "ulogd-packet",
    "ulogd-flow-log",
    "netfilter-log",
    "conntrack",
    "nfdump-json",
    "nfdump-json-1.6",
    "nfdump-csv",
    "nfdump-csv-1.6",
    "nfdump-csv-epoch",
    "silk-rwcut",
    "silk-rwcut-csv",
    "argus-binetflow",
    "passivedns",
    "envoy",
    "squid",
    "squid-common",
    "squid-pairs",
    "coredns",
    "fortinet-traffic",
    "fortinet-cef",
    "paloalto",
    "paloalto-cef",
    "paloalto-leef",
    "cisco-asa",
    "filterlog",
    "bind-rpz",
    "bind-response",
    "infoblox",
    "efficientip",
    "adguard-home",
    "umbrella-dns",
    "pihole-ftl",
    "unbound",
    "powerdns",
    "powerdns-json",
    "powerdns-text",
    "windows-dns-debug",
    "knot-resolver",
)
"""Where two look alike the earlier one stands."""
_LARGEST = 1 << 20
_HINT = "docs/maps.md shows the language"


@functools.cache
def shipped() -> tuple[Map, ...]:
    """The maps that come with flowwatch, in order."""
    return tuple(_made(_text(name), f"{name}.toml") for name in _ORDER)


def own(paths: Sequence[str]) -> tuple[Map, ...]:
    """The operator's maps."""
    return tuple(load(path) for path in paths)


def load(path: str) -> Map:
    """The map of a file; `like = "NAME"` in it takes over what it does not say itself from the shipped map NAME."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
        return _made(data.decode() if len(data) <= _LARGEST else "too long", path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as a map: {error}", hint=_HINT) from error


def _text(name: str) -> str:
    return (resources.files("flowwatch.sources.maps") / "shipped" / f"{name}.toml").read_text("utf-8")


def _made(text: str, path: str) -> Map:
    try:
        given = tomllib.loads(text)
        found = msgspec.convert(_based(given, path), Map)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise UsageError(f"{path}: {error}", hint=_HINT) from error
    for key, why in faults(found):
        raise UsageError(f"{path}: {key}: {why}", hint=_HINT)
    return found


def _based(given: dict[str, Any], path: str) -> dict[str, Any]:
    name = given.pop("like", None)
    if name is None:
        return given
    if name not in _ORDER:
        raise UsageError(f"{path}: like: no shipped map is called {name!r}", hint=f"one of {', '.join(_ORDER)}")
    base = tomllib.loads(_text(name))
    split = given.get("split")
    if isinstance(split, dict) and "form" not in split:
        given["split"] = {**base["split"], **split}
    return {**base, **given}

"""`flowwatch places`: which location data is in use, and what it says of an address."""

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowwatch.cli.options import Databases, PolicyFile, policy_or_default
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from flowwatch.model import Candidate, Fact, Place
    from flowwatch.places import Locator
    from flowwatch.policy.terms import PlaceFact

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Location data: what is in use, what it says.")


@app.command()
def info(*, policy: PolicyFile = None, places: Databases = None) -> None:
    """List the location data in use."""
    with _locator(policy, places) as locator:
        reference = locator.reference
    for one in reference:
        _lines(
            one.name,
            kind=one.kind,
            version=one.version,
            date=one.date and f"{one.date}, {_age(one.date)}",
            sha256=one.sha256,
            path=one.path,
            attribution=one.attribution,
        )


@app.command(short_help="Say what is known of an address.")
def lookup(
    addresses: Annotated[list[str], typer.Argument(metavar="IP...", help="Addresses to look up.")],
    *,
    policy: PolicyFile = None,
    places: Databases = None,
    fmt: Annotated[Literal["text", "json"], typer.Option("--format", help="text, or json: an object a line.")] = "text",
) -> None:
    """Say where an address is located, where registered, and who operates it."""
    for address in addresses:
        _check(address)
    with _locator(policy, places) as locator:
        for address in addresses:
            place = locator.locate(address, None)
            if fmt == "json":
                _json(place)
            else:
                _show(place)


def _locator(policy: "Path | None", places: "list[Path] | None") -> "Locator":
    from flowwatch.places import Locator

    chosen = policy_or_default(policy)
    return Locator(_facts_of(chosen) if chosen else (), places or ())


def _facts_of(policy: "Path") -> "tuple[PlaceFact, ...]":
    from flowwatch.policy import load

    return load(policy).place_facts


def _check(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise UsageError(
            f"{address!r} is not an IP address", hint="names are never resolved; give the address"
        ) from error


def _age(date: str) -> str:
    days = (dt.datetime.now(dt.UTC).date() - dt.date.fromisoformat(date)).days
    return f"{days} days old"


def _json(place: "Place") -> None:
    import msgspec

    typer.echo(msgspec.json.encode(place))


def _show(place: "Place") -> None:
    _lines(
        place.address,
        looked_up=place.inner,
        special=place.special,
        located="; ".join(map(_candidate, place.located)) or None,
        confidence=f"{place.confidence}{f', {place.why}' if place.why else ''}",
        registered=_facts(place.registered),
        operated=" ".join(filter(None, [_facts(place.asn, "AS"), _facts(place.organisation)])) or None,
        anycast={True: "yes", False: "no", None: "unknown"}[place.anycast],
    )


def _candidate(one: "Candidate") -> str:
    """Country first; an edge range has a provider and no country."""
    where = [one.country or "unknown", one.region, one.city, one.site, one.provider, one.provider_region]
    edge = "edge" if one.precision == "edge" else None
    return " ".join(filter(None, [*where, edge, f"({', '.join(filter(None, [one.source, one.source_date]))})"]))


def _facts(facts: "tuple[Fact, ...]", prefix: str = "") -> str | None:
    return ", ".join(f"{prefix}{fact.value} ({fact.source})" for fact in facts) or None


def _lines(title: str, **rows: str | None) -> None:
    from flowwatch.cli.terminal import printable

    typer.echo(printable(title))
    for name, value in rows.items():
        if value is not None:
            typer.echo(f"  {name.replace('_', ' '):12}{printable(value)}")

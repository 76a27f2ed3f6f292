"""The inline tests of a policy: what is given and what is expected of it."""

from typing import Annotated, Literal

import msgspec

from flowwatch.model import Verdict
from flowwatch.policy.forms import Address, LabelName, Port, Proto, Text, TlsVersion, When
from flowwatch.policy.table import Table


class GivenTunnel(Table, frozen=True, kw_only=True):
    """One layer around the observation of an inline test."""

    kind: Text
    src: Address
    dst: Address


class Given(Table, frozen=True, kw_only=True):
    """The observation of an inline test."""

    time: When
    until: When | None = None
    src: Address
    dst: Address
    proto: Proto = "tcp"
    port: Port | None = None
    opened_by: Literal["sender", "receiver"] = "sender"
    sni: str | None = None
    http_host: str | None = None
    http_path: str | None = None
    answers: tuple[str, ...] = ()
    """Names for which the sender had a live answer with `dst`."""
    ech: bool | None = None
    tls_version: TlsVersion | None = None
    clear: bool | None = None
    bytes_out: Annotated[int, msgspec.Meta(ge=0)] | None = None
    attempted: bool = False
    source: str = "test"
    """The source it stands in, which decides its sensor."""
    contains: tuple[str, ...] = ()
    """Texts found in its payload, read in clear."""
    asked: tuple[str, ...] = ()
    """Hosts asked for, where `dst` is a proxy; `host:port` for a CONNECT."""
    announced_on: Port | None = None
    """It is data that an FTP control connection to that port announced, opened by the side that `opened_by` names."""
    tunnel: tuple[GivenTunnel, ...] = ()
    """What it was wrapped in, outer to inner."""
    labels: tuple[LabelName, ...] | None = None
    """Labels taken as given; None: classifiers decide."""
    lookup: str | None = None
    """A name asked for: the test is of a lookup, `dst` the resolver."""


class Expected(Table, frozen=True, kw_only=True):
    """What an inline test expects; what is not written may be anything."""

    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()
    rule: str | None = None
    labels: tuple[LabelName, ...] = ()
    """Labels it bears, `none` and `unread` among them; whatever the verdict, also where it is out of scope."""


class Test(Table, frozen=True, kw_only=True):
    """One inline test of the policy."""

    __test__ = False
    name: Text
    given: Given
    expect: Expected

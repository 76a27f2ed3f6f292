"""`flowwatch.toml`: what a scheduled check reads, where it keeps its state, whom it tells.

Promises: a value of these types is well-formed, or one PolicyError says file, line and what to write; relative paths
are relative to the file. Field names are the TOML keys.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from flowwatch.errors import UsageError
from flowwatch.model import Severity
from flowwatch.policy.decode import decode
from flowwatch.policy.files import toml
from flowwatch.policy.forms import SOME, Id, Port, Text
from flowwatch.policy.line import Spot
from flowwatch.policy.match import Span

SCHEMA = "flowwatch.config/1"
AlertForm = Literal["text", "jsonl", "ocsf", "ecs", "eve", "cef"]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table: unknown keys are errors."""


class Source(_Table, frozen=True, kw_only=True):
    """One `[[source]]`: a log that grows and rotates, or a folder of captures; all its files are one stream."""

    id: Id
    paths: Annotated[tuple[Text, ...], SOME]
    """Globs of its files, rotated ones and compressed ones among them."""
    format: Text | None = None
    """Read as this format; None: detected by the first file, and a change is told."""
    timezone: Text | None = None
    maps: tuple[Text, ...] = ()
    max_silence: Span | None = None
    """Longest time without a record; None: silence is not told."""
    min_per_hour: _Count = 0
    """Fewest records of an hour that has passed."""
    complete_after: Span = Span.parse("60s")
    """A file that is read as a whole (a capture) is read once nothing was written to it for so long."""


class Output(_Table, frozen=True, kw_only=True):
    """One `[[output]]`: a file that the check itself appends alerts to."""

    format: Literal["jsonl", "ocsf", "ecs", "eve", "cef"] = "jsonl"
    path: Text
    min_severity: Severity = Severity.LOW


class Notify(_Table, frozen=True, kw_only=True):
    """One `[[notify]]`: a channel that `flowwatch notify` delivers to; which keys it takes hangs on its type."""

    type: Literal["file", "syslog", "smtp", "webhook", "alertmanager", "apprise"]
    id: Id | None = None
    """None: its type and place in the file, as `smtp-1`."""
    min_severity: Severity = Severity.MEDIUM
    repeat_interval: Span = Span.parse("24h")
    """After so long a finding that goes on is told again."""
    heartbeat: bool = False
    """Tell once a day that the check runs."""
    format: AlertForm | None = None
    """Of `file` and `syslog`; None: text."""
    path: Text | None = None
    """Of `file`."""
    host: Text | None = None
    """Of `syslog`, which needs it, and `smtp`; None: this host."""
    port: Port | None = None
    """None: 514, and 6514 over TLS; for mail 587, 465 over TLS, and 25 to this host or without security."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """Of `syslog`."""
    security: Literal["none", "starttls", "tls"] = "starttls"
    """Of `smtp`."""
    to: Text | None = None
    """Of `smtp`: addresses, between commas."""
    sender: Text | None = None
    """Of `smtp`: the address it is from; None: flowwatch at this host."""
    user: Text | None = None
    url: Text | None = None
    """Of `webhook`, `alertmanager` and `apprise`, where `{secret}` stands for the secret."""
    secret_file: Text | None = None
    """A file whose first line is the password, the token or the key of the HMAC; nobody but its owner may read it."""
    ca_file: Text | None = None
    """PEM certificates that sign the receiver's; None: those the system trusts."""
    timeout: Span = Span.parse("10s")
    """Of one try, from connecting to the answer."""


class Config(_Table, frozen=True, kw_only=True):
    """The whole file."""

    schema: Text
    policy: Text
    state: Text
    """A folder of its own."""
    places: tuple[Text, ...] = ()
    fail_on: Severity = Severity.MEDIUM
    allow_undecided: _Count = 0
    only_new: bool = False
    """Exit code and findings are those of what this check saw first."""
    groups: tuple[Id, ...] = ()
    """Groups the service joins, so that it may read the logs."""
    settle: Span = Span.parse("10m")
    """A flow waits so long, by the time of the logs, for a DNS answer that names it."""
    max_flow_age: Span = Span.parse("48h")
    """What was read is kept so long for evidence that comes later."""
    retention: Span = Span.parse("400d")
    """Findings that are quiet, deliveries and history are kept so long."""
    quiet_after: Annotated[int, msgspec.Meta(ge=1)] = 3
    """Checks in which nothing of a finding was seen until it is quiet."""
    storm: Annotated[int, msgspec.Meta(ge=1)] = 50
    """More new findings than this in one check are told as one summary; all are kept."""
    stale_places: Span = Span.parse("60d")
    """Location data older than this is told."""
    metrics: Text | None = None
    """A file for the node exporter's textfile collector (`*.prom`)."""
    source: Annotated[tuple[Source, ...], SOME]
    output: tuple[Output, ...] = ()
    notify: tuple[Notify, ...] = ()

    @property
    def outputs(self) -> tuple[tuple[str, Output], ...]:
        """The outputs with their ids."""
        return tuple((f"output-{number}", one) for number, one in enumerate(self.output, 1))

    @property
    def channels(self) -> tuple[tuple[str, Notify], ...]:
        """The channels with their ids."""
        return tuple((one.id or f"{one.type}-{number}", one) for number, one in enumerate(self.notify, 1))


class Loaded(msgspec.Struct, frozen=True):
    """A configuration and the folder its relative paths start from."""

    config: Config
    folder: Path

    def path(self, written: str) -> Path:
        """A path of the file, as the process can open it."""
        return self.folder / written

    @property
    def state(self) -> Path:
        """The folder of the state."""
        return self.path(self.config.state)


def load(path: Path) -> Loaded:
    """The configuration in a file. Raises UsageError where it cannot be read, PolicyError where it is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        hint = "name it with --config FILE" if isinstance(error, FileNotFoundError) else None
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    spot = Spot(str(path), content)
    raw = toml(spot)
    if raw.get("schema") != SCHEMA:
        raise (spot / "schema").error("the schema is none of this version", hint=f'write schema = "{SCHEMA}"')
    config = decode(Config, raw, spot)
    _distinct([one.id for one in config.source], spot / "source")
    _distinct([name for name, _ in config.channels], spot / "notify")
    for number, one in enumerate(config.notify):
        _complete(one, spot / "notify" / number)
    return Loaded(config, path.parent)


_NEEDS = {
    "file": ("path",),
    "syslog": ("host",),
    "smtp": ("to",),
    "webhook": ("url", "secret_file"),
    "alertmanager": ("url",),
    "apprise": ("url",),
}
_GIVEN = ("path", "host", "port", "to", "sender", "user", "url", "secret_file")
_MAY = {
    "file": ("format",),
    "syslog": ("port", "format"),
    "smtp": ("host", "port", "sender", "user", "secret_file"),
    "webhook": (),
    "alertmanager": ("user", "secret_file"),
    "apprise": ("secret_file",),
}


def _distinct(ids: list[str], spot: Spot) -> None:
    for number, one in enumerate(ids):
        if one in ids[:number]:
            raise (spot / number).error(f"the id {one!r} stands twice", hint="give each an id of its own")


def _complete(one: Notify, spot: Spot) -> None:
    """What the type needs is there, and nothing that it does not take."""
    for key in _NEEDS[one.type]:
        if not getattr(one, key):
            raise spot.error(f"`{key}` is missing, which type {one.type!r} needs")
    for key in _GIVEN:
        if getattr(one, key) and key not in (*_NEEDS[one.type], *_MAY[one.type]):
            raise (spot / key).error(f"type {one.type!r} takes no `{key}`")

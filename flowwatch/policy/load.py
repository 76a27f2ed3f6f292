"""`load(path)`: TOML to a PolicySet, or one PolicyError that says where and what to write.

Promises: what comes back is well-formed and resolved; every version of a folder bears one id and their validity never
overlaps. Refuses to guess: nothing of the files is ignored.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import msgspec

from flowwatch.errors import PolicyError
from flowwatch.model import PolicyInfo
from flowwatch.policy.check import check
from flowwatch.policy.files import Files, Part, digests, parts_of, senders
from flowwatch.policy.line import Spot
from flowwatch.policy.markers import with_markers
from flowwatch.policy.match import Cidr
from flowwatch.policy.references import entries, is_network
from flowwatch.policy.terms import (
    Channel,
    Classifier,
    Defaults,
    LookupRule,
    Policy,
    PolicySet,
    Presence,
    Server,
    Severities,
    Term,
)

_FOREVER = 2**200


class _Version(msgspec.Struct, frozen=True):
    """A version with the spot of its file."""

    policy: Policy
    spot: Spot

    @property
    def span(self) -> tuple[int, int]:
        """Its validity as half-open integers."""
        header = self.policy.policy
        begins = -_FOREVER if header.valid_from is None else header.valid_from
        return begins, _FOREVER if header.valid_until is None else header.valid_until


def load(path: Path) -> PolicySet:
    """The policy in a file, or the versions of one policy in a folder (its `*.toml`, not those of subfolders).

    Raises PolicyError with file, line and path inside for the first thing that is wrong.
    """
    if not path.is_dir():
        return PolicySet(with_markers([_version(path).policy]))
    paths = sorted(one for one in path.glob("*.toml") if one.is_file())
    if not paths:
        raise PolicyError("the folder holds no policy", file=str(path), hint="policies are its *.toml files")
    versions = sorted((_version(one) for one in paths), key=lambda one: one.span)
    for earlier, later in itertools.combinations(versions, 2):
        _compatible(earlier, later)
    return PolicySet(with_markers([one.policy for one in versions]))


def parse(text: str, file: str = "policy.toml") -> Policy:
    """One policy from text, without includes and list files; `file` is how errors call it."""
    content, files = text.encode(), Files(alone=True)
    files.hold(file, content)
    return with_markers([_built(content, file, files)])[0]


def _version(path: Path) -> _Version:
    files = Files()
    content = files.take(path)
    return _Version(_built(content, str(path), files), Spot(str(path), content))


def _compatible(earlier: _Version, later: _Version) -> None:
    one, other = earlier.policy.policy, later.policy.policy
    spot, named = later.spot / "policy", earlier.spot.file
    if one.id != other.id:
        raise (spot / "id").error(
            f"the id is {other.id!r}, that of {named} is {one.id!r}", hint="a folder holds the versions of one policy"
        )
    if one.version == other.version:
        raise (spot / "version").error(f"{named} is version {one.version!r} too")
    if later.span[0] < earlier.span[1]:
        hint = "the `valid_until` of one is at most the `valid_from` of the next"
        raise (spot / "valid_from").error(f"its validity overlaps that of {named}", hint=hint)


def _built(content: bytes, file: str, files: Files) -> Policy:
    document, parts = parts_of(content, file, files)
    check(document, parts)
    tables = [part.tables for part in parts]
    classifiers = tuple(one for part in parts for one in _classifiers(part, files))
    channels = _channels(parts, files)
    header = document.policy
    return Policy(
        info=PolicyInfo(
            id=header.id, version=header.version, title=header.title, sha256=files.sha256, files=files.names
        ),
        policy=header,
        defaults=next((one.defaults for one in tables if one.defaults is not None), Defaults()),
        sensors=tuple(sensor for one in tables for sensor in one.sensor),
        zones=tuple(zone for one in tables for zone in one.zone),
        servers=tuple(_server(server) for one in tables for server in one.server),
        classifiers=classifiers,
        channels=channels,
        lookups=_lookups(parts),
        prohibitions=tuple(rule for one in tables for rule in one.prohibited),
        exceptions=tuple(exception for one in tables for exception in one.exception),
        places=tuple(fact for one in tables for fact in one.place),
        claims=tuple(claim for one in tables for claim in one.claim),
        severity=next((one.severity for one in tables if one.severity is not None), Severities()),
        tests=tuple(test for one in tables for test in one.test),
    )


def _server(server: Server) -> Server:
    """The key digests in lower case."""
    lowered = tuple(digest.lower() for digest in server.tls.spki_sha256)
    return msgspec.structs.replace(server, tls=msgspec.structs.replace(server.tls, spki_sha256=lowered))


def _channels(parts: Sequence[Part], files: Files) -> tuple[Channel, ...]:
    """The channels with the networks among their senders parsed, and those of list files."""
    zones = {zone.id for part in parts for zone in part.tables.zone}
    return tuple(
        msgspec.structs.replace(
            channel,
            from_cidrs=tuple(Cidr.parse(one) for one in channel.from_ if one not in zones and is_network(one)),
            expected=_expected(channel.expected, spot / "expected" / "senders", files),
        )
        for spot, channel in entries(parts, "channel", lambda part: part.tables.channel)
    )


def _expected(expected: Presence | None, spot: Spot, files: Files) -> Presence | None:
    if expected is None or expected.senders is None:
        return expected
    file, content = files.listed(expected.senders, spot)
    return msgspec.structs.replace(expected, listed=senders(content, file))


def _lookups(parts: Sequence[Part]) -> tuple[LookupRule, ...]:
    """The rules, those without an id called after their position."""
    rules = [rule for part in parts for rule in part.tables.lookup]
    return tuple(
        msgspec.structs.replace(rule, id=rule.id or f"lookup-{number}") for number, rule in enumerate(rules, 1)
    )


def _classifiers(part: Part, files: Files) -> list[Classifier]:
    """The classifiers of a part with the digests of their list files."""
    return [
        msgspec.structs.replace(
            classifier,
            any_=tuple(
                _term(term, part.spot / "classifier" / number / "any" / position, files)
                for position, term in enumerate(classifier.any_)
            ),
        )
        for number, classifier in enumerate(part.tables.classifier)
    ]


def _term(term: Term, spot: Spot, files: Files) -> Term:
    if term.file_sha256_list is None:
        return term
    file, content = files.listed(term.file_sha256_list, spot / "file_sha256_list")
    return msgspec.structs.replace(term, digests=digests(content, file))

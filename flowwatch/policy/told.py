"""What a check of `lint` says before file and line are added."""

from collections.abc import Callable, Iterator

import msgspec

from flowwatch.model import Instant
from flowwatch.policy.line import Path
from flowwatch.policy.terms import Policy


class Told(msgspec.Struct, frozen=True):
    """One warning: stable dotted code, path inside the policy, id of the entry, words."""

    code: str
    path: Path
    name: str
    message: str


Warnings = Iterator[Told]
Check = Callable[[Policy, Instant], Warnings]
"""The warnings of one kind about a version, as of an instant."""

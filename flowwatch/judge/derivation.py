"""How a verdict was reached: everything that was looked at, in the order in which it decides."""

import msgspec

from flowwatch.judge.considered import Considered
from flowwatch.model import Decision, PolicyInfo, Reason


class Derivation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The whole way from the policy in force to the decision on one transmission."""

    policy: PolicyInfo | None
    """The version that decided; None when none was given or in force."""
    scope: Reason | None = None
    """Why it is not judged; None when it is in scope."""
    prohibitions: tuple[Considered, ...] = ()
    channels: tuple[Considered, ...] = ()
    """Channels from the sender, once a target."""
    answers: tuple[Considered, ...] = ()
    """For an answering direction: what permits the flow it answers."""
    exceptions: tuple[Considered, ...] = ()
    decision: Decision

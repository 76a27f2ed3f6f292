"""How a verdict was reached: everything that was looked at, in the order in which it decides."""

from typing import Self

import msgspec

from flowwatch.judge.considered import Considered
from flowwatch.model import Decision, PolicyInfo, Reason


class Derivation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The whole way from the policy in force to the decision on one transmission."""

    policy: PolicyInfo | None
    """The version that decided; None when none was given or in force."""
    scope: Reason | None = None
    """Why it is not judged; None when it is in scope."""
    tunnels: tuple[Considered, ...] = ()
    """What it was wrapped in, outer to inner, each by its outer receiver."""
    prohibitions: tuple[Considered, ...] = ()
    channels: tuple[Considered, ...] = ()
    """Channels from the sender, once a target."""
    answers: tuple[Considered, ...] = ()
    """For an answering direction: what permits the flow it answers."""
    exceptions: tuple[Considered, ...] = ()
    asked: tuple["Derivation", ...] = ()
    """Of a flow to a proxy: one for each host asked; `decision` is then the worst of all, the rest is of the flow."""
    decision: Decision

    def noting(self, notes: tuple[Reason, ...]) -> Self:
        """The same with more to tell beside the reasons; what is out of scope has nothing."""
        if self.scope is not None:
            return self
        told = tuple(dict.fromkeys((*self.decision.notes, *notes)))
        return msgspec.structs.replace(self, decision=msgspec.structs.replace(self.decision, notes=told))

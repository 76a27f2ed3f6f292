"""A policy entry as held against one transmission: its conditions, and whether it applies."""

from typing import Self

import msgspec

from flowwatch.judge.destination import Standing
from flowwatch.judge.truth import FALSE, UNSEEN, together
from flowwatch.model import Check, Reason, Rule, Truth


class Considered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry (a channel once a target) with every condition that was looked at.

    Where the receiver is not the entry's server, the conditions after that one were not looked at.
    """

    rule: Rule
    truth: Truth
    checks: tuple[Check, ...]
    notes: tuple[Reason, ...] = ()
    server: str | None = None
    """The listed server a channel leads to; None for a zone and for entries of other kinds."""
    standing: Standing | None = None
    """How the receiver stands to the target of a channel."""
    carries: tuple[str, ...] = ()
    lifts: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        rule: Rule,
        checks: tuple[Check, ...],
        notes: tuple[Reason, ...] = (),
        *,
        server: str | None = None,
        standing: Standing | None = None,
        carries: tuple[str, ...] = (),
        lifts: tuple[str, ...] = (),
    ) -> Self:
        """The entry with the conjunction of its conditions."""
        return cls(
            rule=rule,
            truth=together(checks),
            checks=checks,
            notes=tuple(dict.fromkeys(notes)) if notes else (),
            server=server,
            standing=standing,
            carries=carries,
            lifts=lifts,
        )

    @property
    def failing(self) -> int:
        """How many conditions do not hold."""
        return sum(check.truth is FALSE for check in self.checks)

    @property
    def unseen(self) -> int:
        """How many conditions could not be seen."""
        return sum(check.truth is UNSEEN for check in self.checks)

    @property
    def order(self) -> tuple[str, str]:
        """Breaks ties: by id, then server."""
        return self.rule.id, self.server or ""

"""The whole story, top to bottom: where did result data go, and was each of those places approved?

    from flowwatch.audit import audit
    report = audit(["captures/"], policy="flowwatch.policy.toml")
    print(report.findings_frame())

Promises: everything offline, nothing seen in traffic is resolved or contacted; bad input never raises but stands in
`report.coverage`. Refuses: a policy or a location database that cannot be used (`PolicyError`, `PlacesError`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

import flowwatch
from flowwatch import judge, policy, sources, transmissions
from flowwatch.model import Coverage, History, Lookup, ReadOptions, Report, Transmission
from flowwatch.places import Locator
from flowwatch.policy.terms import DnsBinding, PolicySet
from flowwatch.sources import Collected

Progress = Callable[[int], None]
"""Told how many more bytes of input have been read."""


class Traced(NamedTuple):
    """What one policy's view of the recordings is judged by."""

    sent: Sequence[Transmission]
    asked: Sequence[Lookup]
    coverage: tuple[Coverage, ...]


def audit(
    paths: Sequence[str | Path],
    policy: PolicySet | Path | str | None = None,
    *,
    databases: Sequence[Path] = (),
    history: History | None = None,
    options: ReadOptions = ReadOptions(),
    progress: Progress | None = None,
) -> Report:
    """Everything that was read, judged and could not be told, as one Report.

    `paths` are files, folders, globs or `-`; `policy` a loaded set, a TOML file or a folder of versions, None: all is
    listed and nothing approved; `databases` are the operator's own MMDB files; `history` is what earlier runs saw of
    approved servers (`Report.seen`).
    """
    policies = _loaded(policy)
    collected = read(paths, [] if policies is None else [policies], options, progress)
    traced = trace(collected, policies)
    with Locator(policies.place_facts if policies else (), databases) as locator:
        judged = judge.judge(
            traced.sent,
            traced.asked,
            policies,
            locator.locate,
            traced.coverage,
            history=history,
            stamp=locator.stamp,
        )
        reference = locator.reference
    return Report(
        version=flowwatch.__version__,
        policies=tuple(version.info for version in policies.versions) if policies else (),
        coverage=traced.coverage,
        reference=reference,
        decisions=judged.decisions,
        lookups=judged.lookups,
        findings=judged.findings,
        destinations=judged.destinations,
        verdicts=judged.verdicts,
        out_of_scope=judged.out_of_scope,
        lookup_verdicts=judged.lookup_verdicts,
        uses=judged.uses,
        stages=judged.stages,
        seen=judged.seen,
        unknown=None if history is None else judged.unknown,
        claims=judged.claims,
    )


def read(
    paths: Sequence[str | Path],
    policies: Sequence[PolicySet],
    options: ReadOptions = ReadOptions(),
    progress: Progress | None = None,
) -> Collected:
    """Everything recorded, with all that the classifiers of these policies look for.

    Policies read for together have one id for one pattern (`policy.markers`).
    """
    markers = tuple(sorted({marker for one in policies for marker in one.markers}))
    wanted = options.digests or any(one.wants_digests for one in policies)
    options = msgspec.structs.replace(options, markers=markers, digests=wanted)
    return sources.collect(sources.expand([str(path) for path in paths]), options, progress)


def trace(collected: Collected, policies: PolicySet | None) -> Traced:
    """Who sent what to whom and asked for what; the policy says how names bind and where proxies are."""
    binding = policies.dns_binding if policies else DnsBinding()
    placed = transmissions.placed(collected.flows, policies.proxies if policies else (), binding.skew.ns)
    derived = transmissions.derive(placed.flows, collected.lookups, collected.coverage, binding)
    sent = transmissions.with_controls(derived, policies.control_ports if policies else ())
    asked = transmissions.questions(collected.lookups)
    told = transmissions.with_names(collected.coverage, derived, placed.left_out, placed.assumed)
    return Traced(sent, asked, told)


def _loaded(given: PolicySet | Path | str | None) -> PolicySet | None:
    return policy.load(Path(given)) if isinstance(given, str | Path) else given

"""QUIC connections that may have moved: datagrams without an Initial, soon after an approved QUIC flow of one client.

A QUIC connection may go on at another address without a new handshake (RFC 9000 9), so what runs there shows neither
name nor version. Whether it continues the approved connection cannot be told: such a flow is indeterminate where it
would be a deviation or unapproved, and so are its answers.

Promises: pure and order-free. What is prohibited, runs in a tunnel to an unlisted end, shows a handshake of its own,
was read in clear in either direction (QUIC never is) or goes to another port stays as it was judged.
"""

import bisect
import itertools
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from flowwatch.alike import Numbers, numbers, together
from flowwatch.judge.decisions import Decisions
from flowwatch.judge.labels import read_in_clear
from flowwatch.judge.severity import severity_of
from flowwatch.judge.truth import UNSEEN
from flowwatch.model import (
    Check,
    Decision,
    Group,
    Instant,
    Reason,
    Severity,
    Transmission,
    TransmissionColumns,
    Verdict,
)
from flowwatch.policy.terms import Severities

SOON = 30 * 10**9
"""Nanoseconds after an approved QUIC flow within which one without an Initial may continue it."""

_Client = tuple[str, int | None]
"""Address of the client and port of the service."""


class _Approved:
    """The approved QUIC flows of one client, to be asked which of them was the last before an instant."""

    def __init__(self, flows: Iterable[Transmission]) -> None:
        ordered = sorted(flows, key=lambda one: one.start)
        self._starts = [one.start for one in ordered]
        self._lasting = list(itertools.accumulate(ordered, _later))

    def before(self, at: Instant) -> Transmission | None:
        """Of those begun by then, the one that ended last, if it was still running or ended soon before."""
        place = bisect.bisect_right(self._starts, at)
        last = self._lasting[place - 1] if place else None
        return last if last is not None and at <= last.end + SOON else None


def _later(one: Transmission, other: Transmission) -> Transmission:
    return max(one, other, key=lambda flow: (flow.end, flow.start, flow.ref, flow.flow))


def with_migrations(decisions: Iterable[Decision], severities: Mapping[str, Severities]) -> tuple[Decision, ...]:
    """The same decisions in the same order, those on flows that may have moved indeterminate.

    `severities` are the tables of the policy versions, by version.
    """
    given = tuple(decisions)
    approved = _approved(given)
    clear = {one.transmission.flow for one in given if read_in_clear(one.transmission)}
    moved = {
        one.transmission.flow: flow
        for one in given
        if one.transmission.flow not in clear and (flow := _continued(one, approved)) is not None
    }
    return tuple(
        _indeterminate(one, moved[one.transmission.flow], severities) if _softens(one, moved) else one for one in given
    )


def migrated(decisions: Decisions, severities: Mapping[str, Severities]) -> Decisions:
    """The same decisions, those on flows that may have moved indeterminate."""
    moving = decisions.where(lambda one: _without_initial(one.transmission) and _worse(one))
    if not len(moving):
        return decisions
    approved = decisions.where(_opened_with_approval)
    moving, approved = _of_one_client(decisions.columns, moving, approved)
    flows = np.unique(decisions.columns.row[moving])
    both = np.flatnonzero(np.isin(decisions.columns.row, flows))
    places = np.union1d(both, approved)
    given = decisions.pick(places)
    found = with_migrations(given, severities)
    changed = [at for at, (one, before) in enumerate(zip(found, given, strict=True)) if one is not before]
    return decisions.replaced(places[changed], [found[at] for at in changed]) if changed else decisions


def _of_one_client(columns: TransmissionColumns, moving: Numbers, approved: Numbers) -> tuple[Numbers, Numbers]:
    """Those of either that a client has who has some of both."""
    ports = numbers(columns.flows["dst_port"])
    both = np.concatenate([moving, approved])
    row = columns.row[both]
    client = together([columns.src[row], ports[row]], len(both))
    common = np.intersect1d(client[: len(moving)], client[len(moving) :])
    kept = np.isin(client, common)
    return moving[kept[: len(moving)]], approved[kept[len(moving) :]]


def _approved(decisions: Iterable[Decision]) -> dict[_Client, _Approved]:
    """The QUIC flows that their senders opened with approval, by client."""
    found: dict[_Client, list[Transmission]] = {}
    for one in decisions:
        if _opened_with_approval(one):
            found.setdefault(_client(one.transmission), []).append(one.transmission)
    return {client: _Approved(flows) for client, flows in found.items()}


def _opened_with_approval(decision: Decision) -> bool:
    sent = decision.transmission
    return sent.app == "quic" and decision.verdict.group is Group.CONFORMS and sent.responder_is_receiver


def _continued(decision: Decision, approved: Mapping[_Client, _Approved]) -> Transmission | None:
    """The approved flow that the transmission may continue."""
    sent = decision.transmission
    flows = approved.get(_client(sent))
    if flows is None or not _without_initial(sent) or not _worse(decision):
        return None
    return flows.before(sent.start)


def _without_initial(sent: Transmission) -> bool:
    """Datagrams from whoever opened the flow, in which no QUIC handshake and nothing else was recognised."""
    silent = sent.app in (None, "quic") and not (sent.sni or sent.alpn or sent.tls_version or sent.ech)
    return sent.proto == "udp" and sent.responder_is_receiver and silent and sent.sent.most != 0


def _worse(decision: Decision) -> bool:
    unapproved = decision.verdict in (Verdict.DEVIATION, Verdict.UNAPPROVED)
    return unapproved and Reason.TUNNEL_UNLISTED not in decision.reasons


def _softens(decision: Decision, moved: Mapping[int, Transmission]) -> bool:
    return decision.transmission.flow in moved and _worse(decision)


def _client(sent: Transmission) -> _Client:
    return sent.sender_ip, sent.service_port


def _indeterminate(decision: Decision, continued: Transmission, severities: Mapping[str, Severities]) -> Decision:
    observed = f"none; an approved QUIC flow went to {continued.receiver_ip}"
    check = Check("migration", UNSEEN, "a QUIC Initial", observed, Reason.QUIC_MIGRATION)
    return msgspec.structs.replace(
        decision,
        verdict=Verdict.INDETERMINATE,
        reasons=(Reason.QUIC_MIGRATION, *decision.reasons),
        severity=_severity(decision, severities),
        checks=(check, *decision.checks),
    )


def _severity(decision: Decision, severities: Mapping[str, Severities]) -> Severity:
    table = None if decision.rule is None else severities.get(decision.rule.policy_version)
    attempted = decision.transmission.attempted
    return severity_of(Verdict.INDETERMINATE, decision.labels, table or Severities(), attempted=attempted)

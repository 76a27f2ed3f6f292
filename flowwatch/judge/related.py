"""Data connections that a channel's control connections announced: FTP in both modes (`service.related`).

What is announced runs on the channel of the control connection, at whatever port and whoever opened it: that one's port
and opener are compared in its place. All else (receiver, labels, time, TLS) is compared as of any transmission, so that
a third host stays one.

Promises: a source that read the commands says what they announced, and only the two hosts of a control connection are
its own. Where the commands were not read, or no source tells what a connection is, it is unseen whether one announced
it; where several control connections ran that the channel tells apart, likewise.
"""

from flowwatch.judge.observation import Observation
from flowwatch.judge.rulebook import listed
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared
from flowwatch.model import Check, Control, Reason, Transmission, Truth
from flowwatch.policy.terms import Channel

RELATED = "related"
"""What the condition is called; an entry that has it permits what the control connection's channel does."""
_DATA = "ftp-data"


def related_check(channel: Channel, seen: Observation) -> Check | None:
    """That a control connection of the channel announced it; None where that is not so, or not declared."""
    if not channel.service.related or seen.asked is not None or seen.transmission.proto != "tcp":
        return None
    truth = _announced(channel, seen.transmission)
    if truth is FALSE:
        return None
    declared = f"announced on port {listed(channel.service.ports)}"
    observed = _told(seen.transmission, truth)
    return compared(RELATED, truth, declared, observed, Reason.RELATION_UNSEEN, Reason.RELATION_UNSEEN)


def _announced(channel: Channel, one: Transmission) -> Truth:
    fitting = [control for control in one.controls if _fits(channel, control)]
    if one.app == _DATA:
        return UNSEEN if not one.controls or 0 < len(fitting) < len(one.controls) else TRUE if fitting else FALSE
    return UNSEEN if any(not control.read for control in fitting) else FALSE


def _fits(channel: Channel, control: Control) -> bool:
    opened = channel.opened_by in ("either", control.opened_by.value)
    return opened and any(control.port in span for span in channel.service.ports)


def _told(one: Transmission, truth: Truth) -> str:
    ports = listed(sorted({control.port for control in one.controls}))
    if truth is TRUE:
        return f"FTP data announced on port {ports}"
    return "FTP data of a control connection that was not recorded" if not one.controls else f"beside port {ports}"

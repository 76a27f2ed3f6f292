"""Carries an alert to where a `[[notify]]` says: one file a channel, and what they share.

    channel(one, id, folder)   the channel of a configuration; one clear error where it cannot be   (channels.py)
    Channel.send(alert)        told, or NotDelivered                                            (delivery.py)
    text(alert), body(alert)   what is told, in words and as JSON                               (wording.py)

Promises: `send` ends within the channel's `timeout` plus the name resolver's own, reads a bounded answer, follows no
redirect, and tells a receiver that took the alert from one that did not; the same alert is the same delivery however
often it is sent. Only hosts of the configuration are ever resolved or reached.
Refuses: to send a password or token over a way that is not TLS; to retry by itself (`flowwatch.ops.outbox` says when).
"""

from flowwatch.ops.notify.channels import channel
from flowwatch.ops.notify.delivery import Channel, NotDelivered
from flowwatch.ops.notify.wording import body, text

__all__ = ["Channel", "NotDelivered", "body", "channel", "text"]

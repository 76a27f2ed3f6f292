"""Who sent what to whom, under which names: both tables in, transmissions out.

Promises: one transmission for each direction that carried payload, whoever opened the flow; the order of rows changes
nothing; what a source cannot say stays a range or None, never zero. Refuses: any policy but the DNS binding spans;
"the newest name wins" (every live name is kept).
"""

from flowwatch.transmissions.addresses import one_text
from flowwatch.transmissions.answers import resolved
from flowwatch.transmissions.connections import PROXY_NAMES
from flowwatch.transmissions.derivation import derive
from flowwatch.transmissions.parts import IDLE, OTHER_IDLE
from flowwatch.transmissions.proxied import placed
from flowwatch.transmissions.questions import questions
from flowwatch.transmissions.related import ANNOUNCED_SOON, may_announce, may_be_announced, with_controls
from flowwatch.transmissions.unseen import with_names

__all__ = [
    "ANNOUNCED_SOON",
    "IDLE",
    "OTHER_IDLE",
    "PROXY_NAMES",
    "derive",
    "may_announce",
    "may_be_announced",
    "one_text",
    "placed",
    "questions",
    "resolved",
    "with_controls",
    "with_names",
]

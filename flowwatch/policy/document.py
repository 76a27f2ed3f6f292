"""The layout of a policy file: which tables it may hold, and which belong to a later version.

Promises: what is neither a field of these tables nor listed as later is an unknown key; both are errors.
"""

from typing import Annotated, Final, Literal

import msgspec

from flowwatch.policy import inline, terms
from flowwatch.policy.forms import Text

SCHEMA: Final = "flowwatch.policy/1"


class Tables(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an included part may hold."""

    schema: Literal["flowwatch.policy/1"] = SCHEMA
    include: tuple[Text, ...] = ()
    """Parts, relative to this file and below its folder."""
    defaults: terms.Defaults | None = None
    sensor: tuple[terms.Sensor, ...] = ()
    zone: tuple[terms.Zone, ...] = ()
    server: tuple[terms.Server, ...] = ()
    classifier: tuple[terms.Classifier, ...] = ()
    channel: tuple[terms.Channel, ...] = ()
    lookup: tuple[terms.LookupRule, ...] = ()
    prohibited: tuple[terms.Prohibited, ...] = ()
    exception: tuple[terms.PolicyException, ...] = ()
    place: tuple[terms.PlaceFact, ...] = ()
    claim: tuple[terms.Claim, ...] = ()
    severity: terms.Severities | None = None
    test: tuple[inline.Test, ...] = ()


class Document(Tables, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy of flowwatch: who may send what to which server, and when."""

    schema: Annotated[Literal["flowwatch.policy/1"], msgspec.Meta(description="The version of this format.")]
    policy: terms.Header

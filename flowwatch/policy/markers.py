"""The bytes classifiers look for in payload, under the ids a source reports them by.

Promises: one id stands for one pattern through all versions of a policy: the classifier's own id where it looks for one
pattern only, else that id with the beginning of the pattern's digest.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from flowwatch.model import Marker
from flowwatch.policy.terms import Classifier, Policy, Term


def with_markers(versions: Sequence[Policy]) -> tuple[Policy, ...]:
    """The versions with the markers of every term filled in."""
    looked_for: dict[str, set[bytes]] = {}
    for policy in versions:
        for classifier in policy.classifiers:
            patterns = (pattern for term in classifier.any_ for pattern in _patterns(term))
            looked_for.setdefault(classifier.id, set()).update(patterns)
    return tuple(
        msgspec.structs.replace(
            policy,
            classifiers=tuple(_named(one, alone=len(looked_for[one.id]) == 1) for one in policy.classifiers),
        )
        for policy in versions
    )


def _patterns(term: Term) -> list[bytes]:
    contains = [] if term.payload_contains is None else [term.payload_contains.encode()]
    return contains if term.payload_hex is None else [*contains, bytes.fromhex(term.payload_hex)]


def _named(classifier: Classifier, *, alone: bool) -> Classifier:
    terms = tuple(_marked(term, classifier.id, alone=alone) for term in classifier.any_)
    return msgspec.structs.replace(classifier, any_=terms)


def _marked(term: Term, classifier: str, *, alone: bool) -> Term:
    markers = [Marker(classifier if alone else _numbered(classifier, one), one) for one in _patterns(term)]
    return msgspec.structs.replace(term, markers=tuple(dict.fromkeys(markers)))


def _numbered(classifier: str, pattern: bytes) -> str:
    return f"{classifier}/{hashlib.sha256(pattern).hexdigest()[:8]}"

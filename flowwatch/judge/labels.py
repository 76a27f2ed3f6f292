"""What a transmission carries: the labels its classifiers give, else `none` or `unread`.

Promises: a content term (`sni`, `http_host`, `http_path`, `file_sha256_list`, `payload_contains`, `payload_hex`)
matches only what was seen; content that could not be read is `unread`, it is not unseen. A threshold inside a range, or
a port the source does not give, is unseen, and its label stays *possible*: every condition on it is then unseen.

`http_host` and `http_path` say what was asked for on the flow, so they label both of its directions: a document that is
fetched from a zone's server is the same document as one that is sent. Payload terms look at the direction itself, so an
answer that carries a marked document is labelled by what it carries.

`carries` restricts the labels that classifiers matched. `none` and `unread` are what is left when none matched; a
channel never refuses them, since almost everything sealed is unread. They matter for severity, and a prohibition may
name them.
"""

from collections.abc import Iterable

import msgspec

from flowwatch.judge.hosts import host_of
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, conjunction, disjunction, known
from flowwatch.model import Label, Name, NameClass, Sureness, Transmission, Truth
from flowwatch.policy.match import NamePattern
from flowwatch.policy.terms import Classifier, Policy, Term

NONE, UNREAD = "none", "unread"
_FALLBACKS = frozenset({NONE, UNREAD})
_SURENESS = list(Sureness)
"""Least sure first."""


class Labels(msgspec.Struct, frozen=True, gc=False):
    """The labels that matched, those that may apply, and what it is called when none matched."""

    matched: tuple[Label, ...]
    possible: tuple[Label, ...]
    fallback: Label

    @property
    def shown(self) -> tuple[Label, ...]:
        """What it bears: the matched labels, else the fallback."""
        return self.matched or (self.fallback,)

    def __or__(self, other: "Labels") -> "Labels":
        """What either bears; a label that one of them bears is no longer only possible."""
        matched = _once(self.matched + other.matched)
        sure = {label.name for label in matched}
        possible = _once(label for label in self.possible + other.possible if label.name not in sure)
        return Labels(matched, possible, self.fallback)

    def within(self, carried: Iterable[str]) -> Truth:
        """Every label that matched is among `carried`; unseen where one that may apply is not."""
        allowed = set(carried)
        if any(label.name not in allowed for label in self.matched):
            return FALSE
        return UNSEEN if any(label.name not in allowed for label in self.possible) else TRUE

    def bears(self, wanted: Iterable[str]) -> Truth:
        """One of the wanted labels applies (`none` and `unread` may be wanted)."""
        names = set(wanted)
        if any(label.name in names for label in self.matched):
            return TRUE
        if any(label.name in names for label in self.possible):
            return UNSEEN
        if self.matched or self.fallback.name not in names:
            return FALSE
        return UNSEEN if self.possible else TRUE

    def __str__(self) -> str:
        told = [label.name for label in self.shown] + [f"perhaps {label.name}" for label in self.possible]
        return ", ".join(told)


def _once(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Each name once, as it comes first; in order of name."""
    found: dict[str, Label] = {}
    for label in labels:
        found.setdefault(label.name, label)
    return tuple(found[name] for name in sorted(found))


def labels_of(
    transmission: Transmission, policy: Policy, zones: tuple[str, ...], given: tuple[str, ...] | None = None
) -> Labels:
    """The transmission's labels; `zones` are the sender's, `given` stands in for the classifiers'."""
    fallback = _fallback(transmission, policy.defaults.unread_min)
    if given is not None:
        named = [name for name in given if name in _FALLBACKS]
        matched = tuple(Label(name) for name in sorted(set(given) - _FALLBACKS))
        return Labels(matched, (), Label(named[0] if named else NONE))
    if transmission.attempted or not policy.classifiers:
        return Labels((), (), fallback)
    truths = [(one, _classified(one, transmission, zones)) for one in policy.classifiers]
    matched = _strongest(one for one, truth in truths if truth is TRUE)
    sure = {label.name for label in matched}
    possible = _strongest(one for one, truth in truths if truth is UNSEEN and one.label not in sure)
    return Labels(matched, possible, fallback)


def read_in_clear(transmission: Transmission) -> bool | None:
    """Payload of this direction was read in clear, as a marker found in it shows too; None: could not be told."""
    return True if transmission.markers else transmission.clear


def _fallback(transmission: Transmission, unread_min: int) -> Label:
    """`none` where nothing was sent, it was read in clear or it is too small; `unread` otherwise."""
    sent = transmission.sent
    small = sent.most is not None and sent.most < unread_min
    if transmission.attempted or read_in_clear(transmission) or small:
        return Label(NONE)
    return Label(UNREAD, Sureness.HIGH if sent.least >= unread_min else Sureness.LOW)


def _strongest(classifiers: Iterable[Classifier]) -> tuple[Label, ...]:
    """One label a name, by the surest of its classifiers; in order of name."""
    best: dict[str, Label] = {}
    for one in sorted(classifiers, key=lambda one: (one.label, -_SURENESS.index(one.confidence), one.id)):
        best.setdefault(one.label, Label(one.label, one.confidence, one.id))
    return tuple(best.values())


def _classified(classifier: Classifier, transmission: Transmission, zones: tuple[str, ...]) -> Truth:
    return disjunction(_holds(term, transmission, zones) for term in classifier.any_)


def _holds(term: Term, transmission: Transmission, zones: tuple[str, ...]) -> Truth:
    """Every key of the term that is given holds."""
    truths = []
    if term.from_zone is not None:
        truths.append(known(term.from_zone in zones))
    if term.dst_port is not None:
        port = transmission.service_port
        truths.append(known(port == term.dst_port if port is not None or not transmission.ported else None))
    if term.bytes_out_min is not None:
        truths.append(_reached(transmission, term.bytes_out_min))
    if term.sni is not None:
        truths.append(known(_asked(transmission, term.sni, NameClass.SNI)))
    if term.http_host is not None:
        truths.append(known(_asked(transmission, term.http_host, NameClass.HTTP_HOST)))
    if term.http_path is not None:
        path = transmission.http_path
        truths.append(known(path is not None and path.startswith(term.http_path)))
    if term.file_sha256_list is not None:
        truths.append(known(not term.digests.isdisjoint(transmission.payload_sha256 or ())))
    if term.markers:
        truths.append(known({marker.id for marker in term.markers} <= set(transmission.markers or ())))
    return conjunction(truths)


def _reached(transmission: Transmission, least: int) -> Truth:
    """The sender's payload is at least so many bytes; unseen when the threshold lies inside the range."""
    sent = transmission.sent
    if sent.least >= least:
        return TRUE
    return FALSE if sent.most is not None and sent.most < least else UNSEEN


def _asked(transmission: Transmission, pattern: NamePattern, evidence: NameClass) -> bool:
    """A name of that kind, asked on the flow, falls under the pattern; an ECH outer name is none."""
    texts = [seen.name for seen in transmission.names if seen.evidence is evidence and seen.used]
    if evidence is NameClass.HTTP_HOST:
        texts += transmission.http_hosts or ()
    elif transmission.sni is not None:
        texts.append(transmission.sni)
    return any(pattern.covers(Name.parse(host_of(text))) for text in texts)

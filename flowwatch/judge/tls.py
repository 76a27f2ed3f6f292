"""What a server's `tls` table requires, compared with what the flow showed.

Promises: TLS is required of the flow whoever opened it; key, issuer and names are those of the server's certificate, so
they are compared only where the server is the responder. TLS 1.3 hides the certificate (RFC 8446 4.4.2): the comparison
is then noted. Where a certificate should have been visible and was not, it is unseen.
"""

from flowwatch.judge.rulebook import listed
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared, known
from flowwatch.model import Check, Name, Reason, Transmission, Truth
from flowwatch.policy.match import NamePattern
from flowwatch.policy.terms import TlsRule

_ENCRYPTED = frozenset({"tls", "dtls", "quic"})
_VERSIONS = ("SSLv2", "SSLv3", "1.0", "1.1", "1.2", "1.3")


def tls_checks(rule: TlsRule, transmission: Transmission) -> tuple[tuple[Check, ...], tuple[Reason, ...]]:
    """The conditions of the table and what is only noted; nothing was sent over an attempt, so it has none."""
    if rule == _NOTHING or transmission.attempted:
        return (), ()
    used = _used(transmission)
    if used is not TRUE:
        applies = rule.required or used is UNSEEN
        observed = transmission.app or "not recognised"
        check = compared("tls.required", used, "TLS", observed, Reason.TLS_REQUIRED, Reason.TLS_UNOBSERVED)
        return ((check,), ()) if applies else ((), ())
    held = (Check("tls.required", TRUE, "TLS", "TLS"),) if rule.required else ()
    pins, notes = _certificate(rule, transmission)
    return (*held, *_version(rule, transmission), *pins), notes


_NOTHING = TlsRule()


def _used(transmission: Transmission) -> Truth:
    if transmission.app in _ENCRYPTED or transmission.tls_version is not None:
        return TRUE
    return FALSE if transmission.app is not None or transmission.clear else UNSEEN


def _version(rule: TlsRule, transmission: Transmission) -> tuple[Check, ...]:
    if rule.min_version is None:
        return ()
    seen = transmission.tls_version or ("1.3" if transmission.app == "quic" else None)
    order = _VERSIONS.index(seen) if seen in _VERSIONS else None
    truth = known(None if order is None else order >= _VERSIONS.index(rule.min_version))
    declared = f"at least {rule.min_version}"
    return (compared("tls.version", truth, declared, seen or "not seen", Reason.TLS_VERSION, Reason.TLS_UNOBSERVED),)


def _certificate(rule: TlsRule, transmission: Transmission) -> tuple[tuple[Check, ...], tuple[Reason, ...]]:
    """Key, issuer and names of the server's certificate, where declared."""
    checks = (*_key(rule, transmission), *_issuer(rule, transmission), *_names(rule, transmission))
    hidden = transmission.tls_version == "1.3" or transmission.app == "quic" or not transmission.responder_is_receiver
    if hidden and any(check.truth is UNSEEN for check in checks):
        return tuple(check for check in checks if check.truth is not UNSEEN), (Reason.TLS_KEY_UNOBSERVED,)
    return checks, ()


def _key(rule: TlsRule, transmission: Transmission) -> tuple[Check, ...]:
    if not rule.spki_sha256:
        return ()
    seen = transmission.cert_spki_sha256 if transmission.responder_is_receiver else None
    truth = known(None if seen is None else seen in rule.spki_sha256)
    return (_pinned("tls.key", truth, listed(rule.spki_sha256), seen, Reason.TLS_KEY_UNEXPECTED),)


def _issuer(rule: TlsRule, transmission: Transmission) -> tuple[Check, ...]:
    if not rule.issuers:
        return ()
    seen = transmission.cert_issuer if transmission.responder_is_receiver else None
    truth = known(None if seen is None else seen in rule.issuers)
    return (_pinned("tls.issuer", truth, listed(rule.issuers), seen, Reason.TLS_ISSUER_UNEXPECTED),)


def _names(rule: TlsRule, transmission: Transmission) -> tuple[Check, ...]:
    if not rule.names:
        return ()
    seen = transmission.cert_names if transmission.responder_is_receiver else None
    held = None if seen is None else any(_bears(name, pattern) for name in seen for pattern in rule.names)
    told = None if seen is None else listed(seen)
    return (_pinned("tls.name", known(held), listed(rule.names), told, Reason.TLS_NAME_UNEXPECTED),)


def _pinned(what: str, truth: Truth, declared: str, observed: str | None, differs: Reason) -> Check:
    return compared(what, truth, declared, observed or "not seen", differs, Reason.TLS_KEY_UNOBSERVED)


def _bears(name: str, pattern: NamePattern) -> bool:
    """The certificate's name is one the pattern covers, the pattern itself, or a `*.` over the pattern's one name."""
    if name == str(pattern) or pattern.covers(Name.parse(name)):
        return True
    return name.startswith("*.") and not pattern.wildcard and name[2:] == ".".join(pattern.labels[1:])

"""Conditions that channels, exceptions and prohibitions share: service, opener, labels, time; each as a Check.

Promises: null in a source is unseen. Where the recording began in the middle of a flow and its first packet alone says
who opened it, the opener and the responder's port are unseen too, unless what is seen already fits.
"""

from collections.abc import Sequence

from flowwatch.judge.observation import Observation
from flowwatch.judge.rulebook import listed
from flowwatch.judge.truth import FALSE, TRUE, UNSEEN, compared, known
from flowwatch.model import Check, Instant, Reason, Transmission
from flowwatch.policy import windows
from flowwatch.policy.match import PortRange
from flowwatch.policy.terms import Service, Window


def service_checks(service: Service | None, seen: Observation) -> tuple[Check, ...]:
    """Protocol and port, as far as declared."""
    if service is None:
        return ()
    checks = []
    if service.proto is not None:
        proto = seen.transmission.proto
        checks.append(compared("proto", known(service.proto == proto), service.proto, proto, Reason.PROTO))
    if service.ports:
        checks.append(_port(service.ports, seen))
    return tuple(checks)


def opened_by_check(declared: str, transmission: Transmission) -> Check:
    """The flow was opened by the declared side."""
    observed = transmission.opened_by.value
    if declared == "either" or (declared == observed and not opener_guessed(transmission)):
        return Check("opened_by", TRUE, declared, observed)
    truth = UNSEEN if opener_guessed(transmission) else FALSE
    return compared("opened_by", truth, declared, observed, Reason.OPENED_BY)


def carries_check(carries: Sequence[str], seen: Observation) -> Check:
    """Every label it bears is carried."""
    truth = seen.labels.within(carries)
    return compared("labels", truth, listed(carries), str(seen.labels), Reason.NOT_CARRIED)


def window_check(when: Sequence[Window], seen: Observation, timezone: str) -> tuple[Check, tuple[Reason, ...]]:
    """It ran inside one of the windows from its first to its last payload; noted where only the clock error does it."""
    if not when:
        return _ANY_TIME, ()
    outcome, notes = _inside(when, seen, timezone)
    return Check("time", outcome.truth, windows.words(when, timezone), ran(seen.transmission), outcome.reason), notes


_ANY_TIME = Check("time", TRUE, "any time", "not restricted")


def _inside(when: Sequence[Window], seen: Observation, timezone: str) -> tuple[windows.Outcome, tuple[Reason, ...]]:
    """How it lies to the windows; what fails by no more than the sensor's clock error does not fail, with a note."""
    one = seen.transmission
    if not one.timed:
        return windows.Outcome.UNTIMED, ()
    outcome = windows.inside(when, one.start, one.end, timezone, begun_before=one.begun_before)
    error = seen.vantage.clock_error
    if not error or outcome.truth is not FALSE:
        return outcome, ()
    widened = windows.inside(when, one.start, one.end, timezone, begun_before=one.begun_before, clock_error=error)
    return (outcome, ()) if widened.truth is FALSE else (widened, (Reason.CLOCK,))


def ran(transmission: Transmission) -> str:
    """First and last payload, in words."""
    if not transmission.timed:
        return "at an unknown time"
    first, last = windows.written(transmission.start), windows.written(transmission.end)
    begun = "begun before " if transmission.begun_before else ""
    return begun + (first if first == last else f"{first} to {last}")


def span_check(from_: Instant, until: Instant, seen: Observation) -> tuple[Check, tuple[Reason, ...]]:
    """It ran within `[from, until)`; otherwise an exception was not in force. Noted as `window_check` does."""
    span = (Window(from_=from_, until=until),)
    outcome, notes = _inside(span, seen, "UTC")
    declared, observed = windows.words(span, "UTC"), ran(seen.transmission)
    check = compared("time", outcome.truth, declared, observed, Reason.EXCEPTION_EXPIRED, Reason.BEGUN_BEFORE)
    return check, notes


def _port(ports: Sequence[PortRange], seen: Observation) -> Check:
    transmission = seen.transmission
    port = transmission.service_port
    if not transmission.ported:
        return compared("port", FALSE, listed(ports), f"{transmission.proto} has none", Reason.PORT)
    if port is None:
        return _port_not_given(ports, None if seen.asked is None else seen.asked.usual)
    fits = any(port in span for span in ports)
    both = (transmission.sender_port, transmission.receiver_port)
    might = opener_guessed(transmission) and any(one in span for one in both if one is not None for span in ports)
    return compared("port", TRUE if fits else UNSEEN if might else FALSE, listed(ports), str(port), Reason.PORT)


def _port_not_given(ports: Sequence[PortRange], usual: int | None) -> Check:
    """The usual port of what was asked holds where it fits; that it does not fit shows nothing."""
    fits = usual is not None and any(usual in span for span in ports)
    observed = "not given" if usual is None else f"not given, usually {usual}"
    return compared("port", TRUE if fits else UNSEEN, listed(ports), observed, Reason.PORT, Reason.UNSEEN)


def opener_guessed(transmission: Transmission) -> bool:
    """Only the first recorded packet says who opened it, and the opening was not recorded."""
    return transmission.begun_before and transmission.direction_basis == "first_record"

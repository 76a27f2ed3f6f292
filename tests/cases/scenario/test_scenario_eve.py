"""Suricata's logs of the scenario alone: every verdict is the capture's; here stands what EVE cannot say, and why.

| what | why | which steps |
|---|---|---|
| payload sent, exactly | EVE counts whole frames: the amount is a range from 0 to the frame bytes | all that sent |
| payload acknowledged | EVE has no sequence numbers | all over TCP |
| ALPN | Suricata 7 does not log it, 8 does | all over TLS, from Suricata 7 |
| Encrypted ClientHello | a `tls` record has no list of extensions | all over TLS |
| whether it ran in clear | only a recognised request or handshake shows it | udp-syslog, icmp-payload |
| the class of a DNS question | no field for it | lookups |
"""

from collections.abc import Callable
from typing import Any

import pytest

from flowwatch.model import Decision, Report, Transmission

Decided = Callable[[str, str], Decision]
NOT_IN_EVE = {"acked", "ech"}
"""Facts of a transmission that the capture has and EVE has not."""
ATTEMPTS = ("refused", "blackhole")
OVER_TLS = (
    "allowed-upload", "not-allowed-upload", "bare-ip-upload", "ipv6-upload", "shared-ip-other-name", "download-heavy",
    "impersonation", "long-lived", "proxy-connect-upload", "proxy-connect-notallowed",
)  # fmt: skip


@pytest.fixture
def pair(decided: Decided) -> Callable[[str, str], tuple[Decision, Decision]]:
    """What is decided of a step from the capture, and from the log."""
    return lambda eve, step: (decided("inside.pcap", step), decided(eve, step))


def test_verdict_reasons_rule_and_server_are_the_capture_s(eve: str, step: str, pair: Any) -> None:
    captured, logged = pair(eve, step)
    for name in (
        "verdict",
        "reasons",
        "rule",
        "server",
        "severity",
        "via",
        "asked",
        "receiver_zone",
        "sender_zone",
        "notes",
    ):
        assert getattr(logged, name) == getattr(captured, name)


def test_who_sent_what_to_whom_when_under_which_names_is_the_capture_s(eve: str, step: str, pair: Any) -> None:
    captured, logged = (one.transmission for one in pair(eve, step))
    for name in ("proto", "sender_ip", "receiver_ip", "receiver_port", "service_port", "icmp_type", "opened_by"):
        assert getattr(logged, name) == getattr(captured, name)
    for name in ("start", "end", "state", "attempted", "begun_before", "app", "http_method", "http_path", "http_hosts"):
        assert getattr(logged, name) == getattr(captured, name)
    for name in ("sni", "tls_version"):
        assert getattr(logged, name) == getattr(captured, name)
    assert _names(logged) == _names(captured)


def test_the_amount_is_a_range_that_holds_the_exact_one(eve: str, step: str, pair: Any) -> None:
    captured, logged = (one.transmission.sent for one in pair(eve, step))
    assert logged.least <= captured.exact <= logged.most
    assert (logged.exact is None) is (step not in ATTEMPTS)


def test_what_eve_does_not_log_is_null_and_nothing_else(eve: str, step: str, pair: Any) -> None:
    captured, logged = (one.transmission for one in pair(eve, step))
    missing = {name for name in ("acked", "ech", "tls_version", "sni", "alpn", "app") if _lost(captured, logged, name)}
    without_alpn = {"alpn"} if eve.startswith("suricata-7") and step in OVER_TLS else set()
    assert missing <= NOT_IN_EVE | without_alpn
    assert without_alpn <= missing


def test_clear_or_not_is_told_of_recognised_handshakes_and_requests(eve: str, step: str, decided: Decided) -> None:
    clear = decided(eve, step).transmission.clear
    expected = False if step in OVER_TLS else True if step in ("http-upload", "proxy-http-post") else None
    assert clear is expected


def test_every_lookup_is_judged_as_in_the_capture(eve: str, report: Callable[[str], Report]) -> None:
    def told(recording: str) -> list[tuple[object, ...]]:
        every = [(one, one.lookup) for one in report(recording).lookups]
        rows = [(it.client_ip, it.server_ip, it.qname, it.qtype, it.time, it.rcode, it.flags, one) for one, it in every]
        return sorted((*row[:-1], row[-1].verdict, row[-1].reasons) for row in rows)

    assert told(eve) == told("inside.pcap")


def _names(transmission: Transmission) -> list[tuple[object, ...]]:
    return sorted((one.name, one.evidence, one.chain, one.live_from, one.exact) for one in transmission.names)


def _lost(captured: Transmission, logged: Transmission, name: str) -> bool:
    return getattr(captured, name) not in (None, ()) and getattr(logged, name) in (None, ())

"""`flowwatch policy explain`: the whole way to one verdict, for an observation described or found in a capture."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowwatch.cli.options import Databases, InputFormat, PolicyFile, load_policy
from flowwatch.cli.terminal import printable
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from flowwatch.judge import Considered, Derivation
    from flowwatch.model import Decision, Transmission
    from flowwatch.policy.inline import Given
    from flowwatch.policy.terms import PolicySet

_MARKS = {"true": "holds   ", "false": "DIFFERS ", "unseen": "unseen  "}


CaptureFile = Annotated[
    Path | None, typer.Argument(metavar="CAPTURE", help="With --flow: the capture or log the flow is in.")
]
Flow = Annotated[int | None, typer.Option("--flow", metavar="N", help="The flow whose first record is N.")]
Source = Annotated[str | None, typer.Option("--src", metavar="IP", help="Initiator of a described flow.")]
Responder = Annotated[str | None, typer.Option("--dst", metavar="IP", help="Responder of a described flow.")]
Proto = Annotated[str, typer.Option("--proto", metavar="NAME", help="Its protocol.")]
Port = Annotated[int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="Responder's port.")]
Time = Annotated[
    dt.datetime | None,
    typer.Option(
        "--time",
        metavar="TIME",
        formats=["%Y-%m-%dT%H:%M:%S%z"],
        help="When, as 2026-11-04T01:30:00Z or with an offset.",
    ),
]
Sni = Annotated[str | None, typer.Option("--sni", metavar="NAME", help="Name the flow asked for.")]
Answers = Annotated[
    list[str] | None, typer.Option("--answer", metavar="NAME", help="Name answered with the responder's address.")
]
Contains = Annotated[
    list[str] | None, typer.Option("--contains", metavar="TEXT", help="Text its payload holds, read in clear.")
]
Asked = Annotated[
    list[str] | None, typer.Option("--asked", metavar="HOST[:PORT]", help="Host asked for, where DST is a proxy.")
]
Labels = Annotated[list[str] | None, typer.Option("--label", metavar="NAME", help="Label it bears; may be repeated.")]
BytesOut = Annotated[int | None, typer.Option("--bytes-out", metavar="N", min=0, help="Payload bytes sent.")]
OpenedBy = Annotated[Literal["sender", "receiver"], typer.Option("--opened-by", help="Who opened the flow.")]


def explain(
    capture: CaptureFile = None,
    *,
    policy: PolicyFile = None,
    flow: Flow = None,
    src: Source = None,
    dst: Responder = None,
    proto: Proto = "tcp",
    port: Port = None,
    time: Time = None,
    sni: Sni = None,
    answers: Answers = None,
    contains: Contains = None,
    asked: Asked = None,
    labels: Labels = None,
    bytes_out: BytesOut = None,
    opened_by: OpenedBy = "sender",
    places: Databases = None,
    input_format: InputFormat = None,
) -> None:
    """Explain a verdict: every rule looked at, in the order in which it decides."""
    from flowwatch.places import Locator
    from flowwatch.policy.inline import Given
    from flowwatch.trial import explain as derive

    policies = load_policy(policy)
    given = None
    if src and dst and time:
        given = Given(
            time=int(time.timestamp()) * 10**9,
            src=_address(src),
            dst=_address(dst),
            proto=proto,
            port=port,
            opened_by=opened_by,
            sni=sni,
            answers=tuple(answers or ()),
            contains=tuple(contains or ()),
            asked=tuple(asked or ()),
            labels=None if labels is None else tuple(labels),
            bytes_out=bytes_out,
        )
    with Locator(policies.place_facts, places or ()) as locator:
        for one, opening in _observations(given, capture, flow, policies, input_format):
            _show(derive(policies, one, opening=opening, locate=locator.locate).derivation)


def _observations(
    given: "Given | None", capture: Path | None, flow: int | None, policies: "PolicySet", input_format: str | None
) -> "Iterator[tuple[Given | Transmission, Transmission | None]]":
    """Yield what is to be explained: the flow of the capture, or what was described."""
    if flow is not None and capture is not None:
        yield from _recorded(capture, flow, policies, input_format)
    elif given is not None:
        yield given, None
    else:
        raise UsageError(
            "nothing to explain", hint="give --src, --dst and --time, or --flow N with the capture it is in"
        )


def _address(text: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise UsageError(f"{text!r} is not an IP address", hint="names are never resolved; give the address") from error


def _recorded(
    capture: Path, record: int, policies: "PolicySet", input_format: str | None
) -> "Iterator[tuple[Transmission, Transmission | None]]":
    """Every transmission of the flow that begins with that record, with the one that opened its flow."""
    from flowwatch import sources, transmissions
    from flowwatch.model import OpenedBy, ReadOptions

    options = ReadOptions(
        digest=False, input_format=input_format, markers=policies.markers, digests=policies.wants_digests
    )
    read = sources.collect([str(capture)], options)
    binding = policies.versions[-1].defaults.dns_binding
    placed = transmissions.placed(read.flows, policies.proxies, binding.skew.ns)
    derived = transmissions.derive(placed.flows, read.lookups, read.coverage, binding)
    sent = transmissions.with_controls(derived, policies.control_ports)
    those = [one for one in sent if one.ref.first_record == record]
    error = read.coverage[0].error
    if not those and error is not None:
        raise UsageError(f"{capture}: cannot be read: {error.message}", hint="name the capture or log the flow is in")
    if not those:
        raise UsageError(
            f"{capture}: no transmission begins with record {record}",
            hint="`flowwatch flows` prints first_record of each flow",
        )
    opening = next((one for one in those if one.opened_by is OpenedBy.SENDER), None)
    for one in those:
        yield one, opening if one is not opening else None


def _show(derivation: "Derivation | None") -> None:
    if derivation is None:
        return
    for line in (*_observed(derivation.decision), *_looked_at(derivation), *_verdict(derivation.decision)):
        typer.echo(printable(line))


def _observed(decision: "Decision") -> Iterator[str]:
    sent = decision.transmission
    ends = f"{sent.sender_ip} -> {sent.receiver_ip}"
    port = "" if sent.service_port is None else f"/{sent.service_port}"
    yield f"{sent.proto}{port} {ends}, opened by the {sent.opened_by}, sent {_amount(sent)}"
    for layer in sent.tunnel:
        yield f"  within {layer.kind}" + (f" to {layer.receiver}" if layer.receiver else "")
    for name in sent.names:
        yield f"  name {name.name} ({name.evidence})"
    if sent.markers:
        yield f"  holds what is looked for under {', '.join(sent.markers)}"
    bears = ", ".join(one.name for one in decision.labels) or "none"
    yield f"  from zone {decision.sender_zone or 'none'}; bears {bears}"


def _amount(sent: "Transmission") -> str:
    if sent.attempted:
        return "nothing (an attempt)"
    exact = sent.sent.exact
    return f"{exact} bytes" if exact is not None else f"{sent.sent.least} to {sent.sent.most or 'unknown'} bytes"


def _looked_at(derivation: "Derivation") -> Iterator[str]:
    info = derivation.policy
    yield f"policy   {f'{info.id} {info.version}' if info else 'none in force'}"
    yield from _entries("tunnel", derivation.tunnels)
    yield f"scope    {derivation.scope.sentence if derivation.scope else 'in scope'}"
    yield from _rules(derivation)
    for one in derivation.asked:
        yield f"asked of {one.decision.via}: {one.decision.asked}, {one.decision.verdict}"
        yield from (f"  {line}" for line in _rules(one))


def _rules(derivation: "Derivation") -> Iterator[str]:
    yield from _entries("prohibited", derivation.prohibitions)
    yield from _entries("channel", derivation.channels)
    yield from _entries("answers a flow permitted by", derivation.answers)
    yield from _entries("exception", derivation.exceptions)


def _entries(kind: str, entries: "Sequence[Considered]") -> Iterator[str]:
    for one in entries:
        yield f"{kind} {one.rule.id}{f' to {one.server}' if one.server else ''}: {one.truth}"
        for check in one.checks:
            yield f"  {_MARKS[check.truth]}{check.what}: declared {check.declared}, observed {check.observed}"


def _verdict(decision: "Decision") -> Iterator[str]:
    decided = f" by {decision.rule.kind} {decision.rule.id}" if decision.rule else ""
    asked = f" on {decision.asked}" if decision.asked else ""
    yield f"verdict  {decision.verdict}{asked}{decided}, severity {decision.severity}"
    for reason in decision.reasons:
        yield f"  {reason}: {reason.sentence}"
    for note in decision.notes:
        yield f"  noted {note}: {note.sentence}"

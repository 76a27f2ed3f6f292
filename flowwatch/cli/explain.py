"""`flowwatch policy explain`: the whole way to one verdict, for an observation described or a flow of captures."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowwatch.cli.options import Databases, InputFormat, Maps, PolicyFile, Timezone, load_policy, read_options
from flowwatch.cli.terminal import printable
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from flowwatch.judge import Considered, Derivation, OfTheWhole
    from flowwatch.model import Decision, ReadOptions, Transmission
    from flowwatch.policy.terms import PolicySet
    from flowwatch.trial.explain import Explanation
    from flowwatch.trial.inline import Locate

_MARKS = {"true": "holds   ", "false": "DIFFERS ", "unseen": "unseen  "}


Captures = Annotated[
    list[str] | None,
    typer.Argument(metavar="CAPTURE", help="With --flow: the captures and logs that were judged together."),
]
Flow = Annotated[
    int | None,
    typer.Option("--flow", metavar="N", help="The flow whose first record is N, as reports and `flowwatch flows` say."),
]
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
    captures: Captures = None,
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
    maps: Maps = None,
    timezone: Timezone = None,
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
        if flow is not None and captures:
            options = read_options(input_format, maps, timezone, None)
            for one in _recorded(captures, flow, policies, options, locator.locate):
                _show(one)
        elif given is not None:
            _show(derive(policies, given, locate=locator.locate))
        else:
            raise UsageError(
                "nothing to explain", hint="give --src, --dst and --time, or --flow N with the captures it is in"
            )


def _address(text: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise UsageError(f"{text!r} is not an IP address", hint="names are never resolved; give the address") from error


def _recorded(
    captures: list[str], record: int, policies: "PolicySet", options: "ReadOptions", locate: "Locate"
) -> "Iterator[Explanation]":
    """Every transmission of the flows that begin with that record, as the judge of all the captures has it."""
    from flowwatch import audit
    from flowwatch.reports import phrases
    from flowwatch.trial import explain_recorded

    collected = audit.read(captures, [policies], options)
    traced = audit.trace(collected, policies)
    flows = {one.flow: one.ref.source for one in traced.sent if record in _first_records(one)}
    unread = next((one for one in collected.coverage if one.error is not None), None)
    if not flows and unread is not None and unread.error is not None:
        message = f"{unread.source}: cannot be read: {unread.error.message}"
        raise UsageError(message, hint="name the capture or log the flow is in")
    if not flows:
        raise UsageError(
            f"{', '.join(captures)}: no transmission begins with record {record}",
            hint="`flowwatch flows` prints first_record of each flow",
        )
    names = phrases.source_names(collected.coverage)
    for flow, source in flows.items():
        typer.echo(printable(f"flow     of {names[source]}, first record {record}"))
        yield from explain_recorded(policies, traced, (flow,), locate)


def _first_records(sent: "Transmission") -> set[int]:
    """Where each source that tells of it begins to."""
    return {sent.ref.first_record, *(one.ref.first_record for one in sent.accounts)}


def _show(explanation: "Explanation") -> None:
    if explanation.derivation is None:
        return
    derivation = explanation.derivation
    decision = derivation.decision
    told = (*_observed(decision), *_looked_at(derivation), *_verdict(decision), *_of_the_whole(explanation.whole))
    for line in told:
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


def _of_the_whole(whole: "OfTheWhole") -> Iterator[str]:
    """What the approving channels say of the whole, and the findings of the whole that it has a part in."""
    yield from _entries("of the whole, channel", whole.channels)
    for one in whole.decisions:
        yield f"finding  {one.verdict} by channel {one.rule.id if one.rule else ''}, severity {one.severity}"
        yield from (f"  {reason}: {reason.sentence}" for reason in one.reasons)


def _verdict(decision: "Decision") -> Iterator[str]:
    decided = f" by {decision.rule.kind} {decision.rule.id}" if decision.rule else ""
    asked = f" on {decision.asked}" if decision.asked else ""
    yield f"verdict  {decision.verdict}{asked}{decided}, severity {decision.severity}"
    for reason in decision.reasons:
        yield f"  {reason}: {reason.sentence}"
    for note in decision.notes:
        yield f"  noted {note}: {note.sentence}"

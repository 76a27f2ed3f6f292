"""`flowwatch policy`: print a first one, check one, run its inline tests, explain, compare two, draft one, list it."""

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated

import typer

from flowwatch.cli import difference, explain, learn, register
from flowwatch.cli.options import PolicyArgument, load_policy
from flowwatch.cli.terminal import printable
from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from flowwatch.policy.inline import Expected
    from flowwatch.policy.terms import PolicySet
    from flowwatch.trial import TestResult

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Work on a policy.")
app.command("explain", short_help="Explain a verdict.")(explain.explain)
app.command("diff", short_help="Compare two policies over recordings.")(difference.diff)
app.command("learn", short_help="Draft a policy from recordings.")(learn.learn)

app.command("uses", short_help="List when each entry was last used.")(register.uses)
app.command("exceptions", short_help="List the exceptions with age and expiry.")(register.exceptions)


@app.command(short_help="Check a policy and run its tests.")
def check(file: PolicyArgument = None) -> None:
    """Check a policy: its form, what looks unintended, then its inline tests."""
    from flowwatch.policy import lint
    from flowwatch.reports.phrases import plural

    policies = load_policy(file)
    for version in policies.versions:
        tables = {"zone": version.zones, "server": version.servers, "channel": version.channels}
        tables |= {"exception": version.exceptions, "claim": version.claims, "test": version.tests}
        counts = ", ".join(plural(len(entries), name) for name, entries in tables.items())
        typer.echo(f"{version.policy.id} {version.policy.version}: {counts}")
    warnings = lint(policies, dt.datetime.now(dt.UTC).date())
    for warning in warnings:
        typer.echo(printable(f"warning: {warning}"))
    failed = _run(policies, only_failed=True)
    remarks = [f"{plural(failed, 'test')} of it failed"] if failed else []
    remarks += [plural(len(warnings), "warning")] if warnings else []
    typer.echo("; ".join(["the policy can be used", *remarks]))
    raise typer.Exit(1 if failed else 0)


@app.command("test", short_help="Run the inline tests of a policy.")
def inline_tests(file: PolicyArgument = None) -> None:
    """Run the inline tests of a policy; print which rule decided; exit 1 when one fails."""
    failed = _run(load_policy(file), only_failed=False)
    raise typer.Exit(1 if failed else 0)


@app.command()
def first() -> None:
    """Print a small policy to begin with, to be filled in."""
    from importlib import resources

    typer.echo(resources.files("flowwatch.policy").joinpath("first.policy.toml").read_text("utf-8"), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy, for editors."""
    from flowwatch.policy import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def _run(policies: "PolicySet", *, only_failed: bool) -> int:
    """Run the inline tests, print a line each, and return how many failed."""
    from flowwatch.trial import run_tests

    results = run_tests(policies)
    failed = [one for one in results if not one.passed]
    for one in failed if only_failed else results:
        _print(one)
    if results:
        typer.echo(f"{len(results) - len(failed)} of {len(results)} tests pass")
    elif not only_failed:
        typer.echo("the policy has no inline tests; add [[test]] tables")
    return len(failed)


def _print(result: "TestResult") -> None:
    got, expected = result.got, result.expected
    decided = f" by {got.rule}" if got.rule else ""
    typer.echo(printable(f"{'pass' if result.passed else 'FAIL'}  {result.name}: {got.verdict}{decided}"))
    if not result.passed:
        typer.echo(printable(f"      expected {_told(expected, expected)}"))
        typer.echo(printable(f"      got      {_told(got, expected)}"))


def _told(one: "Expected", expected: "Expected") -> str:
    """Verdict, rule and reasons; labels where some are expected."""
    labels = f"bearing {', '.join(one.labels)}" if expected.labels else ""
    return " ".join(filter(None, (one.verdict, one.rule, *one.reasons, labels)))


@app.command(short_help="Print shipped classifiers.")
def classifiers(name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which to print.")] = None) -> None:
    """Print the names of the shipped classifiers, or one of them, to be kept beside a policy and included by it."""
    from flowwatch.policy import shipped

    shelf = shipped()
    if name is None:
        for known in sorted(shelf):
            about = shelf[known].read_text("utf-8").partition("\n")[0].removeprefix("# ")
            typer.echo(f"{known:<15} {about}")
    elif name in shelf:
        typer.echo(shelf[name].read_text("utf-8"), nl=False)
    else:
        raise UsageError(f"no classifiers are shipped as {name!r}", hint=f"there are {', '.join(sorted(shelf))}")

"""The list of commands, and what becomes of an error: one line and its exit code."""

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import flowwatch
from flowwatch.cli import check, demo, places, policy, records, scan, systemd
from flowwatch.cli.exits import Exit
from flowwatch.cli.terminal import open_standard_streams, say
from flowwatch.errors import FlowwatchError


class _WithoutPandas(MetaPathFinder):
    """Keeps pyarrow from loading pandas, a fifth of a second, for frames that no command makes."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """None, save for pandas, which is not there."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError("no command makes frames", name=fullname)


class _Guarded(TyperGroup):
    """The command group whose faults end as exit codes of the contract."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - typer's own signature
        """The context; `--help` prints while it is made."""
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError as error:
            raise _closed_pipe() from error
        except OSError as error:
            say(f"flowwatch: error: cannot write standard output: {error.strerror}")
            raise typer.Exit(Exit.USAGE) from error

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own signature
        try:
            return super().invoke(ctx)
        except FlowwatchError as error:
            say(f"flowwatch: error: {error}")
            raise typer.Exit(Exit.USAGE) from error
        except BrokenPipeError as error:
            raise _closed_pipe() from error
        except KeyboardInterrupt as error:
            say("flowwatch: interrupted: what was written until now is not complete")
            raise typer.Exit(Exit.INTERRUPTED) from error
        except Exception as error:
            if hasattr(error, "exit_code") or ctx.params.get("debug"):
                raise
            say(f"flowwatch: internal error: {type(error).__name__}: {error} (--debug shows where)")
            raise typer.Exit(Exit.INTERNAL) from error


def _closed_pipe() -> typer.Exit:
    """The end of a run that nobody reads; what is still to be flushed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return typer.Exit(Exit.PIPE)


app = typer.Typer(
    name="flowwatch",
    cls=_Guarded,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    help="Where did result data go, and was each of those places approved? Answers with evidence, offline.",
    epilog="Exit codes: 0 nothing found, 1 findings, 2 usage or policy error, 3 incomplete (an audit of nothing is 3).",
)
app.command("scan")(scan.scan)
app.command("check")(check.check)
app.command("notify")(check.notify)
app.command("flows")(records.flows)
app.command("lookups")(records.lookups)
app.add_typer(policy.app, name="policy")
app.add_typer(places.app, name="places")
app.add_typer(systemd.app, name="systemd")
app.command("demo")(demo.demo)


@app.callback(invoke_without_command=True)
def options(
    ctx: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an internal error.")] = False,
) -> None:
    """Take the options that come before the command."""
    del debug  # read by the group when something fails
    if version:
        typer.echo(f"flowwatch {flowwatch.__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit(Exit.USAGE)


def main() -> None:
    """Run the command line and end the process."""
    sys.meta_path.insert(0, _WithoutPandas())
    open_standard_streams()
    try:
        app(prog_name="flowwatch")
    except SystemExit as end:
        if end.code in (Exit.INTERRUPTED, Exit.PIPE):
            _leave(end.code)
        raise


def _leave(code: int) -> None:
    """Ends the process without the interpreter's own end, which aborts where a thread of the core waits for input."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)

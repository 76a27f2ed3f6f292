"""`flowwatch systemd`: the units of the scheduled check, to be read or put where systemd finds them."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from flowwatch.cli.check import ConfigFile, config_file
from flowwatch.errors import UsageError

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Units for systemd.")


@app.callback()
def _group() -> None:
    """Keep `print` a word of its own."""


@app.command("print", short_help="Print the units of the scheduled check.")
def print_units(
    *,
    config: ConfigFile = None,
    on_calendar: Annotated[
        str, typer.Option("--on-calendar", metavar="EVENT", help="When to check, as systemd.time(7) has it.")
    ] = "*:0/5",
    program: Annotated[
        Path | None, typer.Option("--bin", metavar="PATH", help="The flowwatch to run [default: this one].")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Write a file each into this folder.")
    ] = None,
) -> None:
    """Print the units of the scheduled check and of its deliveries, in a sandbox made for this configuration."""
    from flowwatch.ops.config import load
    from flowwatch.ops.units import units

    file = config_file(config)
    texts = units(load(file), file, program or _this(), on_calendar)
    if output is None:
        typer.echo("\n".join(f"# {name}\n{text}" for name, text in texts.items()), nl=False)
    else:
        _write(texts, output)


def _write(texts: dict[str, str], folder: Path) -> None:
    from flowwatch.cli.terminal import printable, writing

    for name, text in texts.items():
        with writing(folder / name):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        typer.echo(printable(str(folder / name)))
    timers = " ".join(name for name in texts if name.endswith(".timer"))
    typer.echo(f"then: systemctl daemon-reload && systemctl enable --now {timers}")


def _this() -> Path:
    """The program that runs: the one installed beside this Python, else the one on PATH."""
    beside = Path(sys.executable).with_name("flowwatch")
    found = beside if beside.exists() else shutil.which("flowwatch")
    if found is None:
        raise UsageError("there is no program flowwatch on PATH", hint="say where it is with --bin PATH")
    return Path(found)

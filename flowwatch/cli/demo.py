"""`flowwatch demo`: the sample election night, end to end, with its HTML report."""

import os
from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the HTML report.")
    ] = Path("flowwatch-demo"),
) -> None:
    """Judge the sample election night and write its HTML report."""
    from flowwatch import demo as sample
    from flowwatch.audit import audit
    from flowwatch.cli.scan import Format, deliver
    from flowwatch.cli.terminal import writing

    with sample.folder() as folder:
        near = Path(os.path.relpath(folder)) if folder.is_relative_to(Path.cwd()) else folder
        report = audit([near / "input"], near / "policy.toml")
    deliver(report, (Format.TEXT,), None, None)
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    deliver(report, (Format.HTML,), output / "report.html", None)
    typer.echo(f"\nThe HTML report: {output / 'report.html'}")
    typer.echo("This night is a sample: reserved names and addresses, made for the purpose.")

"""The data files that flowwatch ships, opened wherever the package is installed."""

import csv
from collections.abc import Iterator
from importlib import resources
from typing import BinaryIO, cast


def opened(name: str) -> BinaryIO:
    """A data file, open for reading."""
    return cast("BinaryIO", (resources.files(__name__) / name).open("rb"))


def rows_of(name: str) -> Iterator[dict[str, str]]:
    """The rows of a CSV file by column; lines that begin with `#` are comments."""
    with opened(name) as file:
        yield from csv.DictReader(line for line in file.read().decode().splitlines() if not line.startswith("#"))

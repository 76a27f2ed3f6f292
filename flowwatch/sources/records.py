"""What every reader of an input gives: batches of the two tables, and the account of what it read."""

from collections.abc import Iterator
from typing import Literal, Protocol

import pyarrow as pa

from flowwatch.model.records import Coverage

TableName = Literal["flows", "lookups"]


class Records(Protocol):
    """Rows of one input, read once."""

    def __iter__(self) -> Iterator[tuple[TableName, pa.RecordBatch]]: ...

    @property
    def coverage(self) -> Coverage:
        """The account so far; complete after the last batch."""

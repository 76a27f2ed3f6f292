"""How old location data is.

Promises: pure; data that tells no date has no age (None), and data of tomorrow a negative one.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from flowwatch.model import Instant, ReferenceData


def age(one: ReferenceData, now: Instant) -> int | None:
    """Nanoseconds from the beginning of its day (UTC) to `now`; None where it tells no day."""
    try:
        day = dt.date.fromisoformat(one.date or "")
    except ValueError:
        return None
    return now - (day - _EPOCH).days * 86_400 * 10**9


def ages(reference: Iterable[ReferenceData], now: Instant) -> dict[str, int | None]:
    """The age of each body of data by its kind and its place among those of that kind, as `location-1`.

    So no name that a file gives itself stands in a metric; `flowwatch places info` lists them in the same order.
    """
    seen: Counter[str] = Counter()
    found = {}
    for one in reference:
        seen[one.kind] += 1
        found[f"{one.kind}-{seen[one.kind]}"] = age(one, now)
    return found


_EPOCH = dt.date(1970, 1, 1)

"""Which sources are files of one recorder that follow one another.

They are declared to be, or they lie in one folder, are of one format, and one ends where the next begins: what they
count of one connection is added. All other sources are recorders of their own: what they count of one connection is the
same bytes again.
"""

import posixpath
from collections.abc import Sequence

from flowwatch.model import Coverage


def recorders(coverage: Sequence[Coverage]) -> dict[str, str]:
    """By source the first file of its recorder.

    Files may overlap by up to half of the shorter one, since a record is often written after the next file begins.
    """
    found: dict[str, str] = {}
    last: dict[tuple[str, str | None], list[Coverage]] = {}
    declared = {one.source: one.recorder for one in coverage if one.recorder is not None}
    undeclared = (one for one in coverage if one.recorder is None)
    for one in sorted(undeclared, key=lambda one: (one.first or 0, one.last or 0, one.source)):
        chains = last.setdefault((posixpath.dirname(one.source), one.format), [])
        place = next((place for place, before in enumerate(chains) if _follows(one, before)), None)
        if place is None:
            found[one.source] = one.source
            chains.append(one)
        else:
            found[one.source] = found[chains[place].source]
            chains[place] = one
    return found | declared


def _follows(one: Coverage, before: Coverage) -> bool:
    if one.first is None or one.last is None or before.first is None or before.last is None:
        return False
    shorter = min(one.last - one.first, before.last - before.first)
    return one.last > before.last and before.last - one.first <= shorter // 2

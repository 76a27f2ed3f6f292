"""Country codes of ISO 3166-1, only to say which was meant: what location data calls a country decides nothing here.

Promises: reads the list that `tzdata` brings (`iso3166.tab`: code, tab, English name), once, where a code looks wrong.
Refuses to know codes that users assign among themselves (ISO 3166-1, 8.1.3), or that registries use (`EU`, `AP`).
"""

import difflib
import functools
import re
from collections.abc import Mapping
from importlib import resources

_OWN = re.compile("AA|Q[M-Z]|X[A-Z]|ZZ|EU|AP")
_MOST_MEANT = 3


def assigned(code: str) -> bool:
    """Location data may hold the code: it is assigned, or left to its users."""
    return bool(_OWN.fullmatch(code)) or code in _names()


def meant(written: str) -> str | None:
    """`did you mean 'DE', Germany?` for a name, a part of one, or a code in small letters; None when none is near."""
    names, text = _names(), written.strip().casefold()
    found = [code for code in names if code.casefold() == text]
    found = found or [code for code, name in names.items() if text in re.findall(r"\w+", name.casefold())]
    if not found:
        by_name = {name.casefold(): code for code, name in names.items()}
        found = [by_name[one] for one in difflib.get_close_matches(text, by_name, n=1, cutoff=0.8)]
    if 1 <= len(found) <= _MOST_MEANT:
        return f"did you mean {' or '.join(f'{code!r}, {names[code]}' for code in found)}?"
    return f"write {written.upper()!r}" if _OWN.fullmatch(written.upper()) else None


@functools.cache
def _names() -> Mapping[str, str]:
    text = resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text("utf-8")
    rows = (line.partition("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {code: name for code, _, name in rows}

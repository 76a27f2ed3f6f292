"""A host as HTTP writes it, as the name or address it stands for."""

import functools
import re

from flowwatch.model import Name


@functools.lru_cache(maxsize=65_536)
def host_of(text: str) -> str:
    """A host as named, lower-case, without port, brackets and trailing dot (RFC 9110 7.2)."""
    split = _WITH_PORT.fullmatch(text)
    return str(Name.parse(split[1] or split[2] if split else text))


_WITH_PORT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:]*))(?::\d*)?")

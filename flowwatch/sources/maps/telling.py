"""Whether the first bytes of an input are of a map: keys of its first object, its header, or the share of lines."""

import pyarrow as pa
import pyarrow.compute as pc

from flowwatch.sources import syslog
from flowwatch.sources.maps.language import Columns, Detect, Map
from flowwatch.sources.maps.splitting import at_path, named, parts
from flowwatch.sources.zeek.sniff import first_object

_CERTAIN = 95
_MOST_LINES, _LONGEST = 200, 4096


def score(found: Map, head: bytes) -> int:
    """0 (is not) to 95 (is): the best of its ways to be told."""
    return max((_score(found, one, head) for one in found.detect), default=0)


def _score(found: Map, one: Detect, head: bytes) -> int:
    if b"\x00" in head[:1024]:
        return 0
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip()
    if one.keys:
        row = first_object(text) if text.startswith(("{", "[")) else {}
        return _CERTAIN if row and all(_has(row, key) for key in one.keys) else 0
    if one.header:
        split = found.split
        if not isinstance(split, Columns):
            return 0
        first = parts(text.partition("\n")[0].rstrip("\r")[:_LONGEST], split) or []
        return _CERTAIN if set(map(named, first)) >= set(split.header) and split.header else 0
    return _share(one.pattern, one.besides, text) if one.pattern else 0


def _has(row: dict[str, object], key: str) -> bool:
    """Whether the path is there; of an object that does not end within the first bytes only the keys are known."""
    if at_path(row, key) is not None:
        return True
    cut = all(value is None for value in row.values())
    return cut and all(part in row for part in key.split("."))


def _share(pattern: str, besides: str | None, text: str) -> int:
    """The share of lines that fit, as they are or without the frame that syslog put around them."""
    lines = [line[:_LONGEST] for line in text.splitlines() if line.strip()][:_MOST_LINES]
    plain = pa.array(lines, pa.utf8())
    said = pc.struct_field(pc.extract_regex(plain, syslog.PARTS), "said")
    fit = _fitting(plain, said, pattern)
    left_out = pc.and_(_fitting(plain, said, besides), pc.invert(fit)).true_count if besides else 0
    return int(_CERTAIN * fit.true_count // max(len(lines) - left_out, 1))


def _fitting(plain: pa.StringArray, said: pa.StringArray, pattern: str) -> pa.BooleanArray:
    either = pc.or_kleene(pc.match_substring_regex(plain, pattern), pc.match_substring_regex(said, pattern))
    return pc.fill_null(either, fill_value=False)

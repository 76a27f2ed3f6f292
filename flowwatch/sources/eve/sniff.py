"""Whether the first bytes of an input are an EVE log, by the keys of its first object."""

from flowwatch.sources.zeek.sniff import first_object

_TELLING = frozenset({"flow_id", "stats", "engine", "pcap_cnt"})
_CERTAIN, _FAIR = 95, 60


def score(head: bytes) -> int:
    """95 where the first object is an event of Suricata's, 60 where it may be, else 0."""
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip()
    if not text.startswith(("{", "[")):
        return 0
    keys = set(first_object(text))
    if not {"event_type", "timestamp"} <= keys:
        return 0
    return _CERTAIN if keys & _TELLING else _FAIR

"""Formats that are a map, not code: a TOML file says how a log is split, told, and which columns its fields are."""

from flowwatch.sources.maps.events import EventRecords, is_evtx
from flowwatch.sources.maps.language import Map
from flowwatch.sources.maps.loading import load, own, shipped
from flowwatch.sources.maps.nfcapd import NfcapdRecords, is_nfcapd
from flowwatch.sources.maps.parquet import ParquetRecords, is_parquet
from flowwatch.sources.maps.pihole import PiholeRecords, is_sqlite
from flowwatch.sources.maps.reader import MapLog
from flowwatch.sources.maps.telling import score
from flowwatch.sources.maps.whole import WholeFile

__all__ = [
    "EventRecords",
    "Map",
    "MapLog",
    "NfcapdRecords",
    "ParquetRecords",
    "PiholeRecords",
    "WholeFile",
    "is_evtx",
    "is_nfcapd",
    "is_parquet",
    "is_sqlite",
    "load",
    "own",
    "score",
    "shipped",
]

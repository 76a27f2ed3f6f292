"""Makes the recording of `name-only-in-dns`: `python captures/name-only-in-dns/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
import zeek_dns  # noqa: E402
from conversations import instant, seconds  # noqa: E402


def make(folder: Path) -> None:
    """Write the log into `folder`."""
    at, resolver = instant("2026-11-03T20:30:00-05:00"), county.RESOLVER
    first, second, outside = county.precinct(1), county.precinct(2), "203.0.113.5"
    rows = [
        zeek_dns.row(at, first, resolver, "ingest.results.example", ("198.51.100.20", 300)),
        zeek_dns.row(at + seconds(2), first, resolver, "backup.results.example", ("198.51.100.36", 300)),
        zeek_dns.row(at + seconds(9), second, resolver, "ingest.results.example", ("198.51.100.20", 300)),
        zeek_dns.row(at + seconds(31), second, resolver, "pool.ntp.example", ("198.51.100.123", 60)),
        zeek_dns.row(at + seconds(60), second, resolver, "drop.partner.example", ("203.0.113.90", 60)),
        zeek_dns.row(at + seconds(75), first, resolver, "sync.partner.example", rcode="NXDOMAIN"),
        zeek_dns.row(at + seconds(80), outside, resolver, "drop.partner.example", ("203.0.113.90", 60)),
    ]
    zeek_dns.write(folder / "input.log", rows)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

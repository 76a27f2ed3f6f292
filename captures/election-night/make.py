"""Makes the recordings of the demo: `python captures/election-night/make.py [FOLDER]`.

They are kept in `flowwatch/demo`, so that `flowwatch demo` has them wherever it is installed.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEMO = HERE.parents[1] / "flowwatch" / "demo"
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
import zeek_dns  # noqa: E402
from conversations import Hello, Recording, Tcp, clear, instant, seconds, tls  # noqa: E402
from county import Host, precinct  # noqa: E402
from messages import http_request, http_response, results_file  # noqa: E402

OPENING = instant("2026-11-03T20:05:00-05:00")
CLOSED = instant("2026-11-04T06:20:00-05:00")
STRANGER = "203.0.113.77"
COPIES = (
    (county.RESULTS_SITE, Host("archive.partner.example", "203.0.113.70")),
    (county.RESULTS_SITE_V6, Host("sync.partner.example", "2001:db8:b::15")),
    (county.RESULTS_SITE, Host("drop.partner.example", "203.0.113.90")),
)


def make(folder: Path) -> None:
    """Write both recordings into `folder`/input."""
    (folder / "input").mkdir(exist_ok=True)
    night = Recording()
    _as_declared(night, OPENING)
    _beside_the_list(night, OPENING)
    _out_of_sight(night, OPENING)
    _came_to_nothing(night, OPENING)
    night.write(folder / "input" / "county.pcap")
    zeek_dns.write(folder / "input" / "east-dns.log", _east(OPENING))


def _as_declared(night: Recording, at: int) -> None:
    """Precincts report, the results site hands on, the mirror fetches."""
    for number in range(1, 11):
        county.send(night, precinct(number), county.PRIMARY, 3_000 + 100 * number, at + seconds(240 * number))
    for number in range(1, 11, 3):
        county.send(night, precinct(number), county.BACKUP, 3_000 + 100 * number, at + seconds(240 * number + 20))
    for round_ in range(1, 4):
        county.send(night, county.RESULTS_SITE, county.DATABASE, 9_000, at + seconds(900 * round_))
        county.send(night, county.RESULTS_SITE, county.PUBLISHING, 5_000, at + seconds(900 * round_ + 30))
        _fetch(night, county.MIRROR, at + seconds(900 * round_ + 90))


def _fetch(night: Recording, visitor: str, at: int) -> None:
    request = http_request("GET", "export.county.example", "/results/export.xml")
    clear(night, visitor, county.EXPORT_SERVER, at=at, request=request, response=http_response(results_file(4_500)))


def _beside_the_list(night: Recording, at: int) -> None:
    """What the policy does not approve, and the one thing an exception covers."""
    for number, (sender, copy) in enumerate(COPIES):
        county.send(night, sender, copy, 9_000, at + seconds(1_806 + 3 * number))
    elsewhere = Host(county.PRIMARY.name, "203.0.113.99")
    county.send(night, precinct(11), elsewhere, 4_600, at + seconds(2_700))
    _fetch(night, STRANGER, at + seconds(3_000))
    county.send(night, precinct(5), Host("telemetry.helper.example", "203.0.113.120"), 20_000, at + seconds(3_100))
    files = Host("files.partner.example", county.PRIMARY.address)
    county.send(night, precinct(12), files, 4_800, at + seconds(3_200))
    body = http_request("POST", county.PRIMARY.name, "/results/upload", results_file(4_000))
    county.ask(night, precinct(6), county.PRIMARY, at + seconds(3_300))
    clear(night, precinct(6), county.PRIMARY.address, at=at + seconds(3_301), request=body, response=http_response(b""))
    county.send(night, county.RESULTS_SITE, Host("support.vendor.example", "203.0.113.45"), 6_000, at + seconds(3_400))
    county.send(night, precinct(13), county.PRIMARY, 4_300, CLOSED)


def _out_of_sight(night: Recording, at: int) -> None:
    """What a recording cannot tell: sealed names, an address without a name, a name without an answer."""
    for number, port, alpn in ((14, 853, "dot"), (15, 443, "h2")):
        begun, hello = at + seconds(3_500 + number), Hello("dns.resolver.example", (alpn,))
        tls(night, precinct(number), county.RESOLVER, at=begun, port=port, hello=hello, sent=900)
    edge, outer = county.PUBLISHING.address, Hello("public.cdn.example", ech=True)
    tls(night, "192.0.2.141", edge, at=at + seconds(3_600), hello=outer, sent=5_200)
    tls(night, "192.0.2.142", edge, at=at + seconds(3_620), hello=Hello(county.PUBLISHING.name), sent=5_100)
    tls(night, precinct(14), county.PRIMARY.address, at=at + seconds(3_640), hello=Hello(None), sent=4_400)


def _came_to_nothing(night: Recording, at: int) -> None:
    """Openings that were refused or never answered."""
    Tcp(night, precinct(7), "203.0.113.66", 9, at + seconds(3_700)).ask().refuse()
    Tcp(night, precinct(8), "203.0.113.200", 443, at + seconds(3_720)).ask().ask_again(1).ask_again(2)


def _east(at: int) -> list[dict[str, str]]:
    """The eastern precincts, of which only Zeek's DNS log is at hand."""
    primary, backup, clock = ("198.51.100.20", 300), ("198.51.100.36", 300), (county.CLOCK, 60)
    elsewhere, partner = ("203.0.113.99", 300), ("203.0.113.90", 60)

    def row(after: int, number: int, name: str, *answers: tuple[str, int], rcode: str = "NOERROR") -> dict[str, str]:
        client = f"198.51.100.{200 + number}"
        return zeek_dns.row(at + seconds(after), client, county.RESOLVER, name, *answers, rcode=rcode)

    return [
        *(row(300 * number, number, county.PRIMARY.name, primary) for number in range(1, 5)),
        row(1_210, 1, county.BACKUP.name, backup),
        row(1_500, 2, "pool.ntp.example", clock),
        row(1_815, 3, "drop.partner.example", partner),
        row(1_900, 3, "sync.partner.example", rcode="NXDOMAIN"),
        row(2_690, 4, county.PRIMARY.name, elsewhere),
    ]


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO)

"""Makes the recordings of `reconnected-server`: `python captures/reconnected-server/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, instant, seconds  # noqa: E402


def make(folder: Path) -> None:
    """Write the recordings of June, August and November into `folder`."""
    june, at = Recording(), instant("2026-06-02T20:10:00-04:00")
    county.send(june, county.precinct(1), county.PRIMARY, 9_000, at)
    county.send(june, county.precinct(2), county.BACKUP, 9_100, at + seconds(300))
    june.write(folder / "input-june.pcap")
    august, at = Recording(), instant("2026-08-25T20:10:00-04:00")
    county.send(august, county.precinct(1), county.PRIMARY, 9_200, at)
    august.write(folder / "input-august.pcap")
    november, at = Recording(), instant("2026-11-03T20:10:00-05:00")
    county.send(november, county.precinct(1), county.PRIMARY, 9_300, at)
    county.send(november, county.precinct(2), county.BACKUP, 9_400, at + seconds(300))
    november.write(folder / "input-november.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

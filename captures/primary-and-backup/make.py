"""Makes the recording of `primary-and-backup`: `python captures/primary-and-backup/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, Tcp, instant, seconds  # noqa: E402


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:30:00-05:00")
    county.send(night, county.precinct(1), county.PRIMARY, 9_000, at)
    county.send(night, county.precinct(2), county.BACKUP, 9_100, at + seconds(180))  # the primary answers
    county.send(night, county.precinct(3), county.PRIMARY, 9_000, at + seconds(360))

    at += seconds(3_600)  # half past nine: it does not answer any more
    for number in range(4, 7):
        begun = county.ask(night, county.precinct(number), county.PRIMARY, at + seconds(60 * number))
        Tcp(night, county.precinct(number), county.PRIMARY.address, 443, begun).ask().ask_again(1).ask_again(2)
    county.send(night, county.precinct(4), county.BACKUP, 9_200, at + seconds(480))
    county.send(night, county.precinct(5), county.BACKUP, 9_200, at + seconds(540))

    at += seconds(3_600)  # half past ten: nobody tries it before using the backup
    county.send(night, county.precinct(7), county.BACKUP, 9_300, at)
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

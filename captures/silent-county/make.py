"""Makes the recording of `silent-county`: `python captures/silent-county/make.py [FOLDER]`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import county  # noqa: E402
from conversations import Recording, Tcp, instant, seconds  # noqa: E402


def make(folder: Path) -> None:
    """Write the recording into `folder`."""
    night, at = Recording(), instant("2026-11-03T20:02:00-05:00")
    county.send(night, county.precinct(1), county.PRIMARY, 9_000, at)
    county.send(night, county.precinct(2), county.PRIMARY, 9_100, at + seconds(1_500))
    begun = county.ask(night, county.precinct(3), county.PRIMARY, at + seconds(1_800))  # it calls, nothing answers
    Tcp(night, county.precinct(3), county.PRIMARY.address, 443, begun).ask().ask_again(1)
    county.send(night, county.precinct(4), county.PRIMARY, 9_200, at + seconds(4_500))  # a quarter past nine: too late
    night.write(folder / "input.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

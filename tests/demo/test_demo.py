"""The sample ships with the package: small, whole, opened through one door."""

from flowwatch import demo
from flowwatch.audit import audit
from flowwatch.model import Group


def test_the_folder_holds_recordings_policy_and_words() -> None:
    with demo.folder() as folder:
        assert (folder / "policy.toml").is_file()
        assert (folder / "README.md").is_file()
        assert {path.name for path in (folder / "input").iterdir()} == {"county.pcap", "east-dns.log"}


def test_it_is_small() -> None:
    with demo.folder() as folder:
        files = [path for path in folder.rglob("*") if path.suffix in {".pcap", ".log", ".toml", ".md"}]
        assert sum(path.stat().st_size for path in files) < 300_000


def test_what_each_group_is_made_of_adds_up_to_it() -> None:
    with demo.folder() as folder:
        report = audit([folder / "input"], folder / "policy.toml")
    for group in Group:
        parts = report.within(group).values()
        assert sum(part.count for part in parts) == report.group(group).count > 0
        assert sum(part.bytes for part in parts) == report.group(group).bytes
        assert sum(part.attempts for part in parts) == report.group(group).attempts
    assert sum(report.group(group).count for group in Group) == len(report.decisions)

"""The sample ships with the package: small, whole, opened through one door."""

from flowwatch import demo


def test_the_folder_holds_recordings_policy_and_words() -> None:
    with demo.folder() as folder:
        assert (folder / "policy.toml").is_file()
        assert (folder / "README.md").is_file()
        assert {path.name for path in (folder / "input").iterdir()} == {"county.pcap", "east-dns.log"}


def test_it_is_small() -> None:
    with demo.folder() as folder:
        files = [path for path in folder.rglob("*") if path.suffix in {".pcap", ".log", ".toml", ".md"}]
        assert sum(path.stat().st_size for path in files) < 300_000

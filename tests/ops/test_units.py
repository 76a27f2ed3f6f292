"""The units: what systemd itself says of them, and that flowwatch works inside what they leave it."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowwatch.errors import UsageError
from flowwatch.ops.config import Loaded, load
from flowwatch.ops.state import State
from flowwatch.ops.units import CHECK, CHECK_TIMER, FAILED, NOTIFY, NOTIFY_TIMER, _argument, _word, units
from tests.ops import sandbox
from tests.ops.site import Site

ROOT = Path(__file__).parents[2]
HOME = Path("/etc/flowwatch")
PLAIN = """
schema = "flowwatch.config/1"
policy = "policy/"
state = "/var/lib/flowwatch"
groups = ["adm"]
[[source]]
id = "resolver"
paths = ["/var/log/named/query.log*"]
"""
SMTP = '[[notify]]\ntype = "smtp"\nto = "soc@county.example"\n'


@pytest.fixture
def configured(tmp_path):
    def make(text: str) -> Loaded:
        (tmp_path / "flowwatch.toml").write_text(text)
        return Loaded(load(tmp_path / "flowwatch.toml").config, HOME)

    return make


def made(loaded: Loaded, program: str = "/bin/true", when: str = "*:0/5") -> dict[str, str]:
    return units(loaded, HOME / "flowwatch.toml", Path(program), when)


def said(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


def verified(systemd_analyze: str, texts: dict[str, str], folder: Path) -> str:
    for name, text in texts.items():
        (folder / name).write_text(text)
    names = [str(folder / name) for name in texts]
    command = [systemd_analyze, "verify", "--man=no", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}"


def exposure(systemd_analyze: str, text: str, path: Path) -> float:
    path.write_text(text)
    command = [systemd_analyze, "security", "--offline=true", "--no-pager", str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(re.findall(r"exposure level for \S+: ([0-9.]+)", told)[0])


NASTY = r"""
schema = "flowwatch.config/1"
policy = "/home/a b/policy"
places = ["/home/x%y/*.mmdb"]
state = "/srv/flow watch/%n"
metrics = "/var/tmp/c:d/flowwatch.prom"
groups = ["adm", "systemd-journal"]
[[source]]
id = "resolver"
paths = ['/home/"q"/\logs/query.log*', "/var/log/$HOME/x"]
[[output]]
path = "/srv/out;x/alerts.ndjson"
[[notify]]
type = "file"
path = "/home/out/told.txt"
[[notify]]
type = "syslog"
host = "log.county.example"
"""


@pytest.mark.parametrize("text", [PLAIN, PLAIN + SMTP, NASTY])
def test_systemd_has_nothing_to_say_against_them(systemd_analyze, configured, tmp_path, text):
    assert verified(systemd_analyze, made(configured(text)), tmp_path) == ""


def test_nobody_is_exposed_beyond_what_sending_takes(systemd_analyze, configured, tmp_path):
    names = SMTP + 'host = "mail.county.example"\n'
    texts = {text: made(configured(PLAIN + text)) for text in (SMTP, names)}
    for unit in (CHECK, FAILED):
        assert exposure(systemd_analyze, texts[SMTP][unit], tmp_path / unit) <= 0.3
    assert exposure(systemd_analyze, texts[SMTP][NOTIFY], tmp_path / NOTIFY) <= 1.0
    assert exposure(systemd_analyze, texts[names][NOTIFY], tmp_path / NOTIFY) <= 1.1
    written = made(configured(PLAIN + '[[notify]]\ntype = "file"\npath = "/srv/told"\n'))[NOTIFY]
    assert exposure(systemd_analyze, written, tmp_path / NOTIFY) <= 0.3


@pytest.mark.parametrize("when", ["*:0/5", "hourly", "Mon..Fri *-*-* 08:00:00 Europe/Berlin"])
def test_the_calendar_is_one_systemd_knows(systemd_analyze, configured, when):
    [event] = said(made(configured(PLAIN), when=when)[CHECK_TIMER], "OnCalendar")
    subprocess.run([systemd_analyze, "calendar", event], capture_output=True, check=True)


@pytest.mark.parametrize("when", ["", "*:0/5\nUnit=other.service", "%n", "*:0/5 # x"])
def test_a_calendar_that_would_say_more_is_refused(configured, when):
    with pytest.raises(UsageError, match="no calendar event"):
        made(configured(PLAIN), when=when)


def test_findings_and_an_incomplete_run_do_not_fail_the_unit_and_all_else_is_recorded(configured):
    texts = made(configured(PLAIN + SMTP))
    assert said(texts[CHECK], "SuccessExitStatus") == ["1 3"]
    assert said(texts[CHECK], "OnFailure") == [FAILED]
    assert said(texts[FAILED], "ExecStart") == [
        "/bin/true check --config /etc/flowwatch/flowwatch.toml --failed flowwatch-check.service"
    ]
    assert said(texts[CHECK], "OnSuccess") == said(texts[FAILED], "OnSuccess") == [NOTIFY]


@pytest.mark.parametrize(("ends", "expected"), [(0, 0), (1, 70), (2, 70)])
def test_a_program_that_cannot_start_is_told_from_findings(configured, tmp_path, ends, expected):
    program = tmp_path / "flow $watch"
    program.write_text(f"#!/bin/sh\nexit {ends}\n")
    program.chmod(0o755)
    [line] = said(made(configured(PLAIN), program="/opt/flow $watch")[CHECK], "ExecStartPre")
    words = [word.replace("$$", "$") for word in shlex.split(line)]
    assert words[-1] == "/opt/flow $watch"
    done = subprocess.run([*words[:-1], program], check=False)
    assert done.returncode == expected


def test_without_a_channel_nothing_is_delivered(configured):
    texts = made(configured(PLAIN))
    assert list(texts) == [CHECK, CHECK_TIMER, FAILED]
    assert not said(texts[CHECK], "OnSuccess")
    assert list(made(configured(PLAIN + SMTP))) == [CHECK, CHECK_TIMER, FAILED, NOTIFY, NOTIFY_TIMER]


def test_all_services_are_one_user_with_one_state_and_the_check_alone_joins_the_groups(configured):
    texts = made(configured(PLAIN + SMTP))
    for name in (CHECK, FAILED, NOTIFY):
        assert said(texts[name], "User") == ["flowwatch"]
        assert said(texts[name], "StateDirectory") == ["flowwatch"]
        assert not said(texts[name], "ReadWritePaths")
    assert said(texts[CHECK], "SupplementaryGroups") == ["adm"]
    assert not said(texts[NOTIFY], "SupplementaryGroups")


def test_only_deliveries_have_a_network(configured):
    texts = made(configured(PLAIN + SMTP))
    assert said(texts[CHECK], "PrivateNetwork") == said(texts[FAILED], "PrivateNetwork") == ["yes"]
    assert not said(texts[NOTIFY], "PrivateNetwork")


@pytest.mark.parametrize(
    ("channel", "allowed"),
    [
        ('type = "smtp"\nto = "soc@county.example"', ["localhost"]),
        ('type = "smtp"\nto = "soc@county.example"\nhost = "192.0.2.25"', ["192.0.2.25"]),
        ('type = "alertmanager"\nurl = "http://[2001:db8::9]:9093"', ["2001:db8::9"]),
        ('type = "syslog"\nhost = "log.county.example"', []),
        ('type = "apprise"\nurl = "json://192.0.2.1"', []),
    ],
)
def test_addresses_are_held_to_where_no_name_is_asked_for(configured, channel, allowed):
    text = made(configured(f"{PLAIN}[[notify]]\n{channel}\n"))[NOTIFY]
    assert said(text, "IPAddressAllow") == allowed
    assert said(text, "IPAddressDeny") == ["any"] * bool(allowed)


def test_what_is_written_outside_the_state_can_be_written(configured):
    text = PLAIN.replace("/var/lib/flowwatch", "/srv/flowwatch") + '[[output]]\npath = "/var/log/alerts/x.ndjson"\n'
    unit = made(configured(f'metrics = "/var/lib/prometheus/node-exporter/flowwatch.prom"\n{text}'))[CHECK]
    writable = ["-/var/log/alerts", "-/var/lib/prometheus/node-exporter", "-/srv/flowwatch"]
    assert said(unit, "ReadWritePaths") == writable
    assert not said(unit, "StateDirectory")
    inside = made(configured(f'metrics = "/var/lib/flowwatch/x/flowwatch.prom"\n{PLAIN}'))[CHECK]
    assert not said(inside, "ReadWritePaths")


def test_what_lies_where_a_sandbox_is_empty_is_bound_into_it(configured):
    text = PLAIN.replace("/var/log/named/query.log*", "/home/*/logs/q*").replace(
        "/var/lib/flowwatch", "/run/user/7/state"
    )
    unit = made(configured(text))[CHECK]
    assert said(unit, "BindReadOnlyPaths") == ["-/home"]
    assert said(unit, "BindPaths") == ["-/run/user/7/state"]
    assert said(unit, "ProtectHome") == ["tmpfs"]
    assert said(made(configured(PLAIN))[CHECK], "ProtectHome") == ["yes"]


def test_a_program_that_the_sandbox_hides_is_refused(configured):
    with pytest.raises(UsageError, match="does not see it"):
        made(configured(PLAIN), program="/home/someone/.venv/bin/flowwatch")


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1))
def test_a_word_of_a_unit_is_read_as_what_it_was(text):
    [read] = shlex.split(_word(text))
    assert read.replace("%%", "%") == text
    [read] = shlex.split(_argument(text))
    assert read.replace("%%", "%").replace("$$", "$") == text


@pytest.mark.parametrize("text", ["a\nExecStart=/bin/sh", "a\x00b", "\udcff", "a\u2028b"])
def test_text_that_no_line_holds_is_refused(text):
    with pytest.raises(UsageError, match="cannot stand in a unit"):
        _word(text)


@pytest.fixture
def confined(systemd_analyze, configured, tmp_path):
    """Runs this Python under what the check's unit forbids."""
    assert systemd_analyze
    unit = tmp_path / CHECK
    unit.write_text(made(configured(PLAIN))[CHECK])

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, sandbox.__file__, unit, sys.executable, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode == sandbox.CANNOT:
            pytest.skip(f"this machine cannot confine a process: {done.stderr}")
        return done

    return run


def test_flowwatch_works_with_the_system_calls_and_the_memory_it_is_left(confined, tmp_path):
    case = ROOT / "captures" / "approved-night"
    command = ["-m", "flowwatch", "scan", case / "input.pcap", "--policy", case / "policy.toml"]
    formats = ["--format", "jsonl", "--format", "html", "--decisions", tmp_path / "told.parquet", "-o", tmp_path]
    done = confined(*command, *formats)
    assert done.returncode in (0, 1, 3), done.stderr
    assert (tmp_path / "report.html").stat().st_size
    assert "PermissionError" in confined("-c", "import mmap; mmap.mmap(-1, 4096, prot=7)").stderr
    assert "PermissionError" in confined("-c", "import os; os.chroot('/')").stderr


def test_a_check_works_with_the_system_calls_and_the_memory_it_is_left(confined, tmp_path):
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site", seed=0)
    for number in (1, 2):
        while len(site.asked) < 20 * number:
            site.grow()
        done = confined("-m", "flowwatch", "check", "--config", site.folder / "flowwatch.toml")
        assert (done.returncode in (0, 1), done.stderr) == (True, "")
        with State.open(site.folder / "state", alone=False) as state:
            assert state.one("SELECT count(*) FROM lookups WHERE verdict <> ''") == len(site.asked)
            assert state.one("SELECT exit FROM checks WHERE number = ?", number) == done.returncode
    assert (site.folder / "alerts.jsonl").stat().st_size

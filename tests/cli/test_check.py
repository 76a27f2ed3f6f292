"""`flowwatch check` and `flowwatch notify` as processes: what they print, and how they end."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.ops.site import CONFIG, POLICY

LOG = "logs/query.log"


def run(folder, *words):
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "flowwatch", *words], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "policy.toml").write_text(POLICY)
    only_names = CONFIG.split("[[source]]")
    (tmp_path / "flowwatch.toml").write_text(f"{only_names[0]}[[source]]{only_names[1]}[[output]]\npath = 'a.jsonl'\n")
    (tmp_path / "logs").mkdir()
    asked(tmp_path, "a.results.example", "b.stranger.example")
    return tmp_path


def asked(folder, *names):
    with (folder / LOG).open("a") as log:
        for name in names:
            stamp = time.strftime("%d-%b-%Y %H:%M:%S.000", time.gmtime())
            log.write(f"{stamp} client @0x7f 192.0.2.7#4000 ({name}): query: {name} IN A +E(0)K (192.0.2.53)\n")


def test_a_check_says_what_it_read_and_found(folder):
    done = run(folder, "check")
    assert done.returncode == 0, done.stderr
    assert "2 records read, 2 decisions made" in done.stdout
    assert "new  low unapproved: zone office asked for b.stranger.example" in done.stdout
    again = run(folder, "check")
    assert "0 records read" in again.stdout
    assert "stands  low unapproved" in again.stdout


def test_the_findings_that_stand_as_lines_for_programs(folder):
    [line] = run(folder, "check", "--format", "jsonl").stdout.splitlines()
    assert json.loads(line)["finding"]["asked"] == "b.stranger.example"
    assert run(folder, "check", "--format", "jsonl", "--only-new").stdout == ""


def test_one_line_for_nagios(folder):
    done = run(folder, "check", "--format", "nagios")
    assert done.stdout.startswith("FLOWWATCH OK - 1 new, 1 findings")
    assert "lag_resolver=" in done.stdout
    assert done.returncode == 0
    (folder / "policy.toml").write_text("nonsense")
    broken = run(folder, "check", "--format", "nagios")
    assert broken.stdout.startswith("FLOWWATCH UNKNOWN - ")
    assert broken.returncode == 3


@pytest.mark.parametrize(("fail_on", "code", "status"), [("low", 1, 1), ("medium", 0, 0)])
def test_from_which_severity_it_fails(folder, fail_on, code, status):
    config = folder / "flowwatch.toml"
    config.write_text(config.read_text().replace('state = "state"', f'state = "state"\nfail_on = "{fail_on}"'))
    assert run(folder, "check").returncode == code
    assert run(folder, "check", "--format", "nagios").returncode == status


def test_a_dry_run_leaves_nothing(folder):
    assert "b.stranger.example" in run(folder, "check", "--dry-run").stdout
    assert not (folder / "a.jsonl").exists()
    assert "check 1," in run(folder, "check").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["check", "--config", "none.toml"], "none.toml cannot be read"),
        (["check", "--until", "2026-11-03T20:00:00Z"], "--until needs --dry-run"),
        (["check", "--follow", "--dry-run"], "do not go together"),
        (["check", "--since", "yesterday"], "--since"),
        (["notify"], "no [[notify]]"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(folder, words, told):
    done = run(folder, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_unit_that_failed_is_told(folder):
    config = folder / "flowwatch.toml"
    config.write_text(config.read_text() + "[[notify]]\ntype = 'file'\npath = 'told.txt'\n")
    assert run(folder, "check", "--failed", "flowwatch-check.service").returncode == 0
    done = run(folder, "notify")
    assert (done.stdout, done.returncode) == ("1 delivered, 0 not\n", 0)
    assert "flowwatch-check.service failed" in (folder / "told.txt").read_text()


def test_what_is_not_delivered_is_told_and_tried_again(folder):
    config = folder / "flowwatch.toml"
    config.write_text(config.read_text() + "[[notify]]\ntype = 'file'\npath = 'd/told.txt'\nmin_severity = 'low'\n")
    run(folder, "check")
    done = run(folder, "notify")
    assert (done.stdout, done.returncode) == ("0 delivered, 1 not\n", 3)
    assert "file-1: not delivered" in done.stderr
    (folder / "d").mkdir()
    assert run(folder, "notify", "--all").stdout == "1 delivered, 0 not\n"
    assert "b.stranger.example" in (folder / "d" / "told.txt").read_text()


def test_a_trial_by_every_channel(folder):
    config = folder / "flowwatch.toml"
    config.write_text(config.read_text() + "[[notify]]\ntype = 'file'\npath = 'told.txt'\n")
    assert run(folder, "notify", "--test").stdout == "1 delivered, 0 not\n"
    assert "trial" in (folder / "told.txt").read_text()


def test_the_figures_are_written_whatever_becomes_of_a_check(folder):
    config = folder / "flowwatch.toml"
    config.write_text(config.read_text().replace('state = "state"', 'state = "state"\nmetrics = "fw.prom"'))
    run(folder, "check")
    assert "flowwatch_last_run_exit_code 0" in (folder / "fw.prom").read_text()
    (folder / "policy.toml").write_text("nonsense")
    run(folder, "check")
    told = (folder / "fw.prom").read_text()
    assert "flowwatch_last_run_exit_code 2" in told
    assert "flowwatch_last_success_timestamp_seconds" in told


def test_it_says_that_a_whole_recording_is_not_judged(folder):
    assert "whole recording" not in run(folder, "check").stdout
    policy = (folder / "policy.toml").read_text()
    limited = policy.replace("[[channel]]\n", "[[channel]]\nlimits = { flows_per_hour = 5 }\n", 1)
    (folder / "policy.toml").write_text(limited + '[[claim]]\nid = "none"\nno = { country = "XB" }\n')
    said = run(folder, "check").stdout
    untold = "what 1 channel and 1 claim of the policy say of a whole recording"
    assert f"not judged by a check, but by `flowwatch scan`: {untold}" in said

"""`flowwatch policy`: what a person working on a policy is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FIRST = ROOT / "flowwatch" / "policy" / "first.policy.toml"
EXAMPLE = ROOT / "rules" / "example.policy.toml"
CASE = ROOT / "captures" / "pulled-from-outside"


def policy(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowwatch", "policy", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize("file", [FIRST, EXAMPLE])
def test_the_shipped_policies_check_clean(file):
    done = policy("check", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("the policy can be used\n")


def test_a_failing_inline_test_is_exit_1_and_shows_both_sides(tmp_path):
    wrong = tmp_path / "policy.toml"
    wrong.write_text(FIRST.read_text().replace('verdict = "approved"', 'verdict = "prohibited"', 1))
    for command in ("test", "check"):
        done = policy(command, wrong)
        assert done.returncode == 1, done.stdout
        assert "FAIL" in done.stdout
        assert "expected prohibited" in done.stdout
        assert "got      approved" in done.stdout
    assert "pass" in policy("test", wrong).stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('version = "1"', 'version = "1'), "not TOML"),
        (("dedicated = true", "dedicatd = true"), "did you mean 'dedicated'?"),
        (('from = ["sites"]', 'from = ["site"]'), "did you mean 'sites'?"),
        (('version = "1"', 'version = "1"\nvalid_from = 2026-10-25T00:00:00'), "has no offset"),
        (('names = ["ingest.results.example.org"]', 'names = ["*.co.uk"]'), "public suffix 'co.uk'"),
        (('to = ["resolver"]', 'to = ["resolver"]\nvia = ["proxy"]'), "no proxy is called 'proxy'"),
        (('to = ["resolver"]', 'to = ["resolver"]\nafter = ["x"]'), "no channel is called 'x'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line_with_file_and_place(tmp_path, change, said):
    wrong = tmp_path / "policy.toml"
    before = FIRST.read_text()
    wrong.write_text(before.replace(change[0], change[1], 1))
    assert wrong.read_text() != before
    done = policy("check", wrong)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith(f"flowwatch: error: {wrong}:")
    assert said in line


def test_explain_names_every_rule_looked_at_for_a_recorded_flow():
    done = policy("explain", CASE / "input.pcap", "--policy", CASE / "policy.toml", "--flow", "1")
    assert done.returncode == 0, done.stderr
    assert "channel " in done.stdout
    assert "verdict  " in done.stdout


def test_explain_judges_several_captures_as_one_recording(tmp_path):
    case = ROOT / "captures" / "published-before-collected"
    again = tmp_path / "other.pcap"
    again.write_bytes((CASE / "input.pcap").read_bytes())
    done = policy("explain", case / "input.pcap", again, "--policy", case / "policy.toml", "--flow", "9")
    assert done.returncode == 0, done.stderr
    assert "flow     of input.pcap, first record 9" in done.stdout
    assert "tcp/443 192.0.2.140 -> 203.0.113.10, opened by the sender" in done.stdout
    assert "203.0.113.10 -> 192.0.2.140, opened by the receiver" in done.stdout
    assert "  DIFFERS after precinct-to-primary: declared acknowledged data" in done.stdout
    assert "finding  deviation by channel site-to-publishing, severity high" in done.stdout


def test_explain_without_an_observation_says_what_to_give():
    done = policy("explain", "--policy", FIRST)
    assert done.returncode == 2
    assert "--src, --dst and --time" in done.stderr


def test_the_schema_is_json():
    assert policy("schema").stdout.startswith("{")


def test_explain_tells_what_is_asked_of_a_proxy_and_what_the_payload_holds():
    described = ["--src", "192.0.2.17", "--dst", "192.0.2.250", "--port", "3128", "--time", "2028-11-08T02:00:00Z"]
    done = policy("explain", "--policy", EXAMPLE, *described, "--asked", "updates.vendor.example.net:443")
    assert done.returncode == 0, done.stderr
    assert "asked of way-out: updates.vendor.example.net, approved" in done.stdout
    assert "noted proxy.address_unobserved" in done.stdout
    content = "http://itl.nist.gov/ns/voting/1500-100/v2"
    done = policy("explain", "--policy", EXAMPLE, *described, "--contains", content)
    assert "holds what is looked for under results-by-content/" in done.stdout
    assert "verdict  prohibited by prohibited no-cleartext" in done.stdout


def test_first_prints_a_policy_that_can_be_used(tmp_path):
    printed = policy("first")
    assert (printed.returncode, printed.stdout) == (0, FIRST.read_text())
    kept = tmp_path / "flowwatch.policy.toml"
    kept.write_text(printed.stdout)
    assert policy("check", kept).returncode == 0


NIGHT = ROOT / "captures" / "approved-night"


def test_diff_says_what_changes_and_exits_1_and_0_when_nothing_does(tmp_path):
    old, new = NIGHT / "policy.toml", tmp_path / "policy.toml"
    new.write_text(old.read_text().replace("198.51.100.20/32", "198.51.100.21/32"))
    done = policy("diff", old, new, NIGHT / "input.pcap")
    assert (done.returncode, done.stderr) == (1, "")
    assert "4 (36.0 kB) change verdict" in done.stdout
    assert "conforms -> violates\n  198.51.100.20 tcp/443: 4 transmissions, 36.0 kB\n" in done.stdout
    assert "approved by channel precinct-to-primary" in done.stdout
    assert "destination.name_listed_address_unlisted" in done.stdout
    same = policy("diff", old, old, NIGHT / "input.pcap")
    assert (same.returncode, same.stderr) == (0, "")
    lines = policy("diff", old, new, NIGHT / "input.pcap", "--format", "jsonl").stdout.splitlines()
    head, *changes = map(json.loads, lines)
    assert (head["type"], head["schema"], head["changes"]) == ("difference", "flowwatch.difference/1", len(changes))
    assert [one["after"]["verdict"] for one in changes] == ["unapproved", "deviation"]


def test_diff_over_nothing_is_never_a_pass(tmp_path):
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(b"")
    done = policy("diff", NIGHT / "policy.toml", NIGHT / "policy.toml", empty)
    assert done.returncode == 3
    assert "input not read in full: 1 of 1 sources" in done.stderr
    assert "nothing in scope" in done.stderr


def test_diff_with_a_policy_that_is_not_there_says_so():
    done = policy("diff", NIGHT / "policy.toml", "absent.toml", NIGHT / "input.pcap")
    assert done.returncode == 2
    assert "there is no policy absent.toml" in done.stderr


def test_learn_drafts_a_policy_that_check_takes_with_its_marks_told_until_they_are_gone(tmp_path):
    draft = tmp_path / "draft.toml"
    zones = ["--zone", "sites=192.0.2.0/25", "--zone", "collection=192.0.2.128/25"]
    done = policy("learn", NIGHT / "input.pcap", *zones, "-o", draft)
    assert (done.returncode, done.stdout) == (0, "")
    assert "learned 2 zones, 5 servers, 6 channels, 0 lookup rules" in done.stderr
    checked = policy("check", draft)
    assert checked.returncode == 0
    assert "14 entries await review" in checked.stdout
    draft.write_text("".join(line for line in draft.read_text().splitlines(True) if "# REVIEW" not in line))
    assert "warning" not in policy("check", draft).stdout
    again = policy("learn", NIGHT / "input.pcap", *zones, "-o", draft)
    assert again.returncode == 2
    assert "a draft overwrites nothing" in again.stderr


def test_learn_on_top_of_a_policy_writes_both(tmp_path):
    both = tmp_path / "both.toml"
    second = ROOT / "captures" / "forwarded-copies" / "input.pcap"
    done = policy("learn", second, "--base", NIGHT / "policy.toml", "-o", both)
    assert done.returncode == 0, done.stderr
    assert both.read_text().startswith((NIGHT / "policy.toml").read_text().rstrip())
    assert policy("check", both).returncode == 0


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        (["sites"], "--zone sites:"),
        (["=192.0.2.0/25"], "--zone =192.0.2.0/25:"),
        (["sites=192.0.2.1/25"], "has host bits set"),
        ([], "no private address was seen"),
    ],
)
def test_learn_says_which_zone_is_wrong(zones, said):
    done = policy("learn", NIGHT / "input.pcap", *(word for zone in zones for word in ("--zone", zone)))
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_learn_from_nothing_is_incomplete(tmp_path):
    (tmp_path / "empty.pcap").write_bytes(b"")
    done = policy("learn", tmp_path / "empty.pcap", "--zone", "sites=192.0.2.0/25")
    assert done.returncode == 3
    assert "nothing to learn" in done.stderr


def test_shipped_classifiers_are_listed_and_printed_as_parts_to_include(tmp_path):
    listed = policy("classifiers").stdout.splitlines()
    names = [line.split()[0] for line in listed]
    assert "database" in names
    for name in names:
        printed = policy("classifiers", name)
        assert (printed.returncode, printed.stderr) == (0, "")
        (tmp_path / f"{name}.toml").write_text(printed.stdout)
    rules = FIRST.read_text().replace("\n[policy]", f"include = {[f'{name}.toml' for name in names]}\n\n[policy]", 1)
    (tmp_path / "policy.toml").write_text(rules)
    done = policy("test", tmp_path / "policy.toml")
    assert done.returncode == 0, done.stdout
    wrong = policy("classifiers", "databases")
    assert wrong.returncode == 2
    assert "there are bulk-upload, database," in wrong.stderr


def test_a_draft_on_top_of_a_policy_of_several_files_stays_beside_them(tmp_path):
    (tmp_path / "part.toml").write_text(policy("classifiers", "database").stdout)
    base = tmp_path / "policy.toml"
    text = (NIGHT / "policy.toml").read_text()
    base.write_text(text.replace("\n[policy]", '\ninclude = ["part.toml"]\n[policy]', 1))
    second = ROOT / "captures" / "forwarded-copies" / "input.pcap"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    refused = policy("learn", second, "--base", base, "-o", elsewhere / "both.toml")
    assert refused.returncode == 2
    assert f"write the draft into {tmp_path}" in refused.stderr
    assert policy("learn", second, "--base", base, "-o", tmp_path / "both.toml").returncode == 0
    assert policy("check", tmp_path / "both.toml").returncode == 0


def test_learn_says_when_nothing_can_be_added_to_a_policy(tmp_path):
    base = tmp_path / "policy.toml"
    server = 'server = [{ id = "x", match = { cidrs = ["198.51.100.1/32"] } }]'
    zone = '[[zone]]\nid = "sites"\ncidrs = ["192.0.2.0/25"]'
    base.write_text(f'schema = "flowwatch.policy/1"\n{server}\n[policy]\nid = "p"\nversion = "1"\n{zone}\n')
    done = policy("learn", NIGHT / "input.pcap", "--base", base)
    assert (done.returncode, done.stdout) == (2, "")
    assert "write its tables as [[server]]" in done.stderr

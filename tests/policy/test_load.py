"""Loading: every error with its exact words, files and folders, what comes back resolved, and hostile text."""

import hashlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.errors import PolicyError
from flowwatch.policy import load, parse
from flowwatch.policy.match import Cidr, PortRange

ERRORS = tomllib.loads((Path(__file__).parent / "errors.toml").read_text())
BASE = ERRORS["base"]
EXAMPLE = (Path(__file__).parents[2] / "rules" / "example.policy.toml").read_bytes()


@pytest.mark.parametrize("case", ERRORS["case"], ids=lambda case: case["says"][:60])
def test_each_error_says_where_and_what(case):
    old, new = case.get("instead_of"), case["write"]
    text = BASE.replace(old + "\n", new + "\n" if new else "", 1) if old else f"{BASE}{new}\n"
    assert text != BASE
    with pytest.raises(PolicyError) as raised:
        parse(text, "p.toml")
    assert str(raised.value) == f"p.toml:{case['says']}"


def test_the_base_of_the_error_cases_is_a_policy():
    assert parse(BASE).policy.id == "p"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Writes files below an empty current folder, so that names in errors are short."""
    monkeypatch.chdir(tmp_path)

    def write(**files):
        for name, content in files.items():
            path = Path(name.replace("__", "/") + ".toml")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def said(path):
    with pytest.raises(PolicyError) as raised:
        load(Path(path))
    return str(raised.value)


class TestWholeFile:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (
                BASE.split("\n", 1)[1],
                'p.toml:1: `schema` is missing (write schema = "flowwatch.policy/1" as the first line)',
            ),
            (
                BASE.replace("policy/1", "policy/2"),
                "p.toml:1: schema: 'flowwatch.policy/2' is no schema of this version",
            ),
            ('schema = "flowwatch.policy/1"', "p.toml: the [policy] table is missing (write [policy]"),
            (BASE + "x = " + "[" * 3000, "p.toml: not TOML: nested too deeply"),
            (BASE + "x = " + "9" * 5000, "p.toml: not TOML: a number has too many digits"),
            (BASE + "x = [1,", "p.toml:15: not TOML, at the end of the file: invalid value"),
            (b"\xef\xbb\xbf" + BASE.encode(), "p.toml:1: begins with a byte order mark (save it as UTF-8 without one)"),
            (BASE.encode() + b"# \xe4", "p.toml:15: is not UTF-8 text (save it as UTF-8)"),
            (b"", "p.toml:1: `schema` is missing"),
        ],
        ids=["schema", "version", "policy", "deep", "digits", "end", "bom", "latin-1", "empty"],
    )
    def test_what_is_no_policy(self, folder, content, words):
        folder(p=content)
        assert said("p.toml").startswith(words)

    def test_what_cannot_be_read(self, folder, monkeypatch):
        assert said("p.toml") == "p.toml: cannot be read: no such file or directory"
        folder(p=BASE)
        monkeypatch.setattr("flowwatch.policy.files._MOST_BYTES", 20)
        assert said("p.toml").startswith("p.toml: cannot be read: it is longer than")

    def test_the_first_error_of_the_file_is_told(self):
        with pytest.raises(PolicyError, match=r"^p:15: .*'one'"):
            parse(BASE + "one = 1\n[[server]]\ntwo = 2\n", "p")
        doubled = BASE.replace('["sites"]', '["sits"]').replace("[[zone]]", '[[zone]]\nwithin = "sit"')
        with pytest.raises(PolicyError, match=r"^p:6: zone\[0\].within"):
            parse(doubled, "p")

    def test_line_ends_of_any_system(self, folder):
        folder(p=BASE.replace("\n", "\r\n") + "colour = 1\r\n")
        assert said("p.toml").startswith("p.toml:15: channel[0].colour")


class TestIncludes:
    ZONE = '[[zone]]\nid = "more"\ncidrs = ["10.0.0.0/8"]\n'

    @staticmethod
    def including(*parts):
        return f"include = {list(parts)!r}\n{BASE}"

    def test_parts_may_include_parts_and_order_is_that_of_the_files(self, folder):
        inner = '[[zone]]\nid = "inner"\ncidrs = ["10.0.0.0/9"]\n'
        folder(p=self.including("parts/z.toml"), parts__z=f'include = ["y.toml"]\n{self.ZONE}', parts__y=inner)
        policy = load(Path("p.toml")).versions[0]
        assert [zone.id for zone in policy.zones] == ["sites", "more", "inner"]
        assert policy.info.files == ("p.toml", "parts/z.toml", "parts/y.toml")

    @pytest.mark.parametrize(
        ("part", "files", "words"),
        [
            ("z.toml", {}, "p.toml:1: include[0]: z.toml cannot be read: no such file or directory"),
            ("../z.toml", {}, "p.toml:1: include[0]: '../z.toml' is not below the folder of this file"),
            ("/z.toml", {}, "p.toml:1: include[0]: '/z.toml' is not below the folder of this file"),
            ("p.toml", {}, "p.toml:1: include[0]: p.toml is read already"),
            ("z.toml", {"z": 'include = ["p.toml"]'}, "z.toml:1: include[0]: p.toml is read already"),
            ("z", {"z__y": ""}, "p.toml:1: include[0]: z cannot be read: it is a folder"),
            ("z.toml", {"z": '\n[policy]\nid = "x"'}, "z.toml:2: policy: an included part holds no [policy] table"),
            ("z.toml", {"z": 'schema = "x"'}, "z.toml:1: schema: 'x' is no schema of this version"),
            (
                "z.toml",
                {"z": '[[zone]]\nid = "sites"\ncidrs = ["10.0.0.0/8"]'},
                "z.toml:2: zone[0].id: the zone 'sites' is",
            ),
            ("z.toml", {"z": f'{ZONE}within = "site"'}, "z.toml:4: zone[0].within: no zone is called 'site'"),
            ("z.toml", {"z": "x = ["}, "z.toml:1: not TOML, at the end of the file: invalid value"),
        ],
    )
    def test_what_cannot_be_included(self, folder, part, files, words):
        folder(p=self.including(part), **files)
        assert said("p.toml").startswith(words)

    def test_a_table_of_its_own_stands_in_one_file(self, folder):
        folder(p=self.including("z.toml") + "[defaults]\n", z="\n[defaults]\n")
        assert said("p.toml") == "z.toml:2: defaults: [defaults] stands in p.toml already"

    def test_a_link_out_of_the_folder_is_refused(self, folder):
        folder(z="", d__p=self.including("z.toml"))
        Path("d/z.toml").symlink_to("../z.toml")
        assert "'z.toml' is not below the folder of this file" in said("d/p.toml")


class TestDigest:
    def test_of_one_file_is_that_of_its_bytes(self, folder):
        folder(p=BASE)
        expected = hashlib.sha256(BASE.encode()).hexdigest()
        assert load(Path("p.toml")).versions[0].info.sha256 == parse(BASE).info.sha256 == expected

    def test_of_several_covers_every_byte_of_each(self, folder):
        contents = {"p": TestIncludes.including("z.toml"), "z": TestIncludes.ZONE}
        folder(**contents)
        lines = "".join(f"{hashlib.sha256(one.encode()).hexdigest()}\n" for one in contents.values())
        before = load(Path("p.toml")).versions[0].info.sha256
        assert before == hashlib.sha256(lines.encode()).hexdigest()
        folder(z=TestIncludes.ZONE + "# one byte more")
        assert load(Path("p.toml")).versions[0].info.sha256 != before

    def test_a_shipped_classifier_that_is_not_there_yet_says_how_it_is_got(self, folder):
        folder(p='include = ["nist-1500-100.toml"]\n' + BASE)
        command = "`flowwatch policy classifiers nist-1500-100 > nist-1500-100.toml` prints the shipped one"
        assert said("p.toml").endswith(f"no such file or directory ({command})")


class TestLists:
    RULE = '[[classifier]]\nid = "c"\nlabel = "results"\nany = [{ file_sha256_list = "l.toml" }]\n'

    def test_digests_are_lower_case_and_under_the_policys_digest(self, folder):
        folder(p=BASE + self.RULE, l=f"# known files\n\n{'AB' * 32}  file.csv\n{'cd' * 32} # another\n")
        policy = load(Path("p.toml")).versions[0]
        assert policy.classifiers[0].any_[0].digests == {"ab" * 32, "cd" * 32}
        assert policy.info.files == ("p.toml", "l.toml")

    def test_two_rules_may_name_one_list(self, folder):
        folder(p=BASE + self.RULE + self.RULE.replace('"c"', '"d"'), l="ab" * 32)
        one, other = load(Path("p.toml")).versions[0].classifiers
        assert one.any_[0].digests == other.any_[0].digests == {"ab" * 32}

    def test_errors(self, folder):
        folder(p=BASE + self.RULE)
        path = "p.toml:18: classifier[0].any[0].file_sha256_list: l.toml cannot be read: no such file or directory"
        assert said("p.toml") == f"{path} (paths begin in the folder of p.toml)"
        folder(l="# one\n\nabc\n")
        assert said("p.toml") == "l.toml:3: 'abc' is not a SHA-256 (one digest of 64 hex digits a line)"


class TestVersions:
    @staticmethod
    def version(name, begins, ends, policy_id="p"):
        times = f'version = "{name}"\nvalid_from = {begins}T00:00:00Z\nvalid_until = {ends}T00:00:00Z'
        return BASE.replace('version = "1"', times).replace('id = "p"', f'id = "{policy_id}"')

    def test_a_folder_holds_versions_in_order_of_validity(self, folder):
        folder(a=self.version(2, "2026-02-01", "2026-03-01"), b=self.version(1, "2026-01-01", "2026-02-01"))
        folder(parts__z="not a version")
        policies = load(Path())
        assert [one.policy.version for one in policies.versions] == ["1", "2"]
        second = policies.versions[1]
        begins = 1_769_904_000 * 10**9
        assert policies.in_force(begins) is second
        assert policies.in_force(begins - 1) is policies.versions[0]

    @pytest.mark.parametrize(
        ("other", "words"),
        [
            (("2", "2026-01-31", "2026-03-01"), "b.toml:5: policy.valid_from: its validity overlaps that of a.toml"),
            (("1", "2026-02-01", "2026-03-01"), "b.toml:4: policy.version: a.toml is version '1' too"),
            (("2", "2026-02-01", "2026-03-01", "q"), "b.toml:3: policy.id: the id is 'q', that of a.toml is 'p'"),
        ],
    )
    def test_versions_that_cannot_stand_together(self, folder, other, words):
        folder(a=self.version("1", "2026-01-01", "2026-02-01"), b=self.version(*other))
        assert said(".").startswith(words)

    def test_one_without_an_end_overlaps_all_that_follow(self, folder):
        folder(a=BASE, b=self.version("2", "2026-02-01", "2026-03-01"))
        assert "b.toml:5: policy.valid_from: its validity overlaps that of a.toml" in said(".")

    def test_a_version_s_name_is_its_own_among_all(self, folder):
        spans = [("2026-01-01", "2026-02-01"), ("2026-02-01", "2026-03-01"), ("2026-03-01", "2026-04-01")]
        first, second, third = (self.version(name, *span) for name, span in zip("121", spans, strict=True))
        folder(a=first, b=second, c=third)
        assert said(".").startswith("c.toml:4: policy.version: a.toml is version '1' too")

    def test_an_empty_folder(self, folder):
        assert said(".") == ".: the folder holds no policy (policies are its *.toml files)"


class TestResolved:
    def test_instants_are_nanoseconds(self):
        policy = parse(BASE.replace('version = "1"', 'version = "1"\nvalid_from = 2026-11-03T20:00:00.5-05:00'))
        assert policy.policy.valid_from == 1_793_754_000_500_000_000

    def test_networks_among_the_senders_are_parsed(self):
        policy = parse(BASE.replace('["sites"]', '["sites", "192.0.2.64/27", "2001:db8::1"]'))
        assert policy.channels[0].from_ == ("sites", "192.0.2.64/27", "2001:db8::1")
        assert policy.channels[0].from_cidrs == (Cidr.parse("192.0.2.64/27"), Cidr.parse("2001:db8::1/128"))

    def test_a_zone_may_be_called_like_an_address(self):
        assert parse(BASE.replace('"sites"', '"10.8"')).channels[0].from_cidrs == ()

    def test_lookups_are_called_after_their_position(self):
        rules = ['[[lookup]]\nnames = ["a.example"]\n', '[[lookup]]\nid = "own"\nnames = ["b.example"]\n']
        assert [rule.id for rule in parse(BASE + "".join([*rules, rules[0]])).lookups] == [
            "lookup-1",
            "own",
            "lookup-3",
        ]

    def test_ports_digests_and_addresses_have_one_form(self):
        tls = f'tls = {{ spki_sha256 = ["{"AB" * 32}"] }}\nmatch ='
        test = '[[test]]\nname = "t"\nexpect = { verdict = "approved" }\n'
        test += 'given = { time = 2026-01-01T00:00:00Z, src = "2001:DB8:0::1", dst = "192.0.2.1" }\n'
        policy = parse(BASE.replace("match =", tls) + 'service = { ports = [1, "2", "3-4"] }\n' + test)
        assert policy.channels[0].service.ports == (PortRange(1, 1), PortRange(2, 2), PortRange(3, 4))
        assert policy.servers[0].tls.spki_sha256 == ("ab" * 32,)
        assert policy.tests[0].given.src == "2001:db8::1"


class TestHostileText:
    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_a_changed_example_loads_or_is_one_policy_error(self, tmp_path_factory, data):
        text = bytearray(EXAMPLE)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(text) - 1))
            end = at + data.draw(st.sampled_from([0, 1, 1, 4, 30]))
            piece = st.sampled_from(
                [b"", b'"', b"[", b"]", b"{", b"\n", b"=", b"0", b"-", b".", b"\xff", b"\0", b"*", b"T"]
            )
            start = data.draw(st.integers(0, len(text) - 40))
            text[at:end] = data.draw(piece | st.just(bytes(text[start : start + 40])))
        assert_loads_or_is_refused(tmp_path_factory.mktemp("p") / "p.toml", bytes(text))

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_an_example_with_other_values_loads_or_is_one_policy_error(self, tmp_path_factory, data):
        lines = EXAMPLE.decode().splitlines()
        pairs = [number for number, line in enumerate(lines) if " = " in line and not line.startswith(("#", " "))]
        at = data.draw(st.sampled_from(pairs))
        value = data.draw(st.sampled_from(VALUES) | st.text(max_size=12).map(repr))
        lines[at] = f"{lines[at].split(' = ')[0]} = {value}"
        assert_loads_or_is_refused(tmp_path_factory.mktemp("p") / "p.toml", "\n".join(lines).encode("utf-8", "replace"))


VALUES = (
    "1",
    "-1",
    "99999999999999999999",
    "1.5",
    "nan",
    "inf",
    "true",
    '""',
    '"*"',
    '"any"',
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    '["*.org"]',
    '["::/0"]',
    '["0.0.0.0/0"]',
    "{a=1}",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "1971-01-01T00:00:00Z",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "07:32:00",
    '"zone:precincts"',
    '"../x"',
    '"\\u0000"',
    '["mon"]',
    '[{days=["sun"],start="02:30"}]',
    "[{from=2026-01-01T00:00:00Z}]",
    '"Etc"',
    '["a",1]',
)
"""Values of every TOML type and of forms the policy knows, for places where others are expected."""


def assert_loads_or_is_refused(path, content):
    path.write_bytes(content)
    (path.parent / "lists").mkdir()
    (path.parent / "lists" / "published.sha256").write_text("ab" * 32)
    (path.parent / "lists" / "sites.txt").write_text("192.0.2.16/30")
    words = f"{path.parent}: it loads"
    try:
        load(path)
    except PolicyError as refused:
        words = str(refused)
    assert words.startswith(str(path.parent))
    assert words.isprintable()


def test_the_senders_of_a_list_file_and_its_mistakes(tmp_path):
    (tmp_path / "sites.txt").write_text("# sites\n192.0.2.17  county-07\n\n192.0.2.32/29\n192.0.2.17 # again\n")
    expected = 'expected = { per = "sender", senders = "sites.txt", by = 2026-11-04T02:00:00Z }\n'
    policy = tmp_path / "p.toml"
    policy.write_text(ERRORS["base"] + expected)
    loaded = load(policy).versions[0]
    assert loaded.channels[0].expected is not None
    assert [str(one) for one in loaded.channels[0].expected.listed] == ["192.0.2.17/32", "192.0.2.32/29"]
    assert len(loaded.info.files) == 2
    (tmp_path / "sites.txt").write_text("192.0.2.17\n192.0.2.33/29\n")
    with pytest.raises(PolicyError, match=r"sites\.txt:2: .* has host bits set"):
        load(policy)

"""Resolvers as they are installed, run on loopback with a log of what they are asked, and who asks them.

Each has a zone of its own and nobody above it, so that nothing leaves the machine. It has no privilege that it can do
without, and ends with the block that it is started for, at the latest with the process of the tests.
"""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

HOSTS: dict[str, tuple[str, ...]] = {
    **{f"h{number}": (f"198.51.100.{number}", f"2001:db8::{number:x}") for number in range(1, 41)},
    **{f"only{number}": (f"203.0.113.{number}",) for number in range(1, 6)},
    **{f"two{number}": (f"203.0.113.{10 + number}", f"203.0.113.{20 + number}") for number in range(1, 6)},
}
ALIASES = {f"alias{number}": f"h{number}" for number in range(1, 21)}
_THERE = (*HOSTS, *ALIASES)
ZONE = "results.example"
_AT_ONCE = 8
_PATIENCE = 10.0
"""Seconds that a resolver may take."""
_NOT_BEGUN = "the resolver did not begin a new log"
_UNPRIVILEGED = ("--no-new-privs", "--pdeathsig", "KILL")
_WITHOUT_CAPABILITIES = ("--inh-caps=-all", "--bounding-set=-all,+setgid")
"""dnsmasq sets its groups whenever it is started by root."""
_ODD = [
    [b"UPPER"], [b"_dmarc"], [b"-"], [b"*"], [b"x" * 63], [b"a", b"b" * 60, b"c" * 60, b"d" * 60],
    [b"with space"], [b'quo"te'], [b"back\\slash"], [b"(par"], [b"semi;colon"], [b"dollar$at@"], [b"query[A]"],
    [b"in.label"], [b"nul\x00"], [b"line\nend"], [b"\xff\xfe"], [b"<CNAME>"], [b"<name unprintable>"], [b"h1 is h2"],
    [b"h1 is 198.51.100.1"], [b"h1 from 192.0.2.9"], [b"h1): query: h2 IN A + (192.0.2.53)"], [b"?"],
]  # fmt: skip
_ODD_TYPES = ("A", "AAAA", "TXT", "MX", "HTTPS", "TYPE65400")


class Asked(NamedTuple):
    """A question, and what was answered on the wire."""

    client: str
    name: dns.name.Name
    type: str
    rcode: str
    addresses: tuple[str, ...]


class Resolver(NamedTuple):
    """A resolver that runs, on a port of 127.0.0.1."""

    port: int
    rotate: Callable[[], None]
    """Gives the log another name and lets the resolver begin a new one."""


def questions(count: int, seed: int) -> list[tuple[dns.name.Name, str]]:
    """Names to ask for, with types: most are there, some are not, some are asked for again, some are odd.

    None stands twice among those that are asked at once: dnsmasq answers both and logs one answer.
    """
    chance = random.Random(seed)  # noqa: S311 - an order of questions
    found: list[tuple[dns.name.Name, str]] = []
    while len(found) < count:
        one = _question(len(found), chance)
        if one not in found[-_AT_ONCE:]:
            found.append(one)
    return [*found, *((dns.name.root, kind) for kind in ("NS", "A"))]


def _question(number: int, chance: random.Random) -> tuple[dns.name.Name, str]:
    if number % 20 == 0:
        labels, kind = chance.choice(_ODD), chance.choice(_ODD_TYPES)
    elif number % 4 == 0:
        labels, kind = [b"gone%d" % number], chance.choice(("A", "AAAA"))
    else:
        labels, kind = [chance.choice(_THERE).encode()], chance.choice(("A", "A", "AAAA"))
    above = b"elsewhere" if number % 30 == 0 else b"results"
    return dns.name.Name((*labels, above, b"example", b"")), kind


def ask(port: int, wanted: list[tuple[dns.name.Name, str]], between: Callable[[int], None]) -> list[Asked]:
    """Asks by UDP from several addresses at once; `between` is called with how many were asked so far."""
    asked: list[Asked] = []
    with contextlib.ExitStack() as stack:
        clients = [f"127.0.0.{number}" for number in range(2, 2 + _AT_ONCE)]
        sockets = [stack.enter_context(_client(one, port)) for one in clients]
        for start in range(0, len(wanted), len(clients)):
            some = wanted[start : start + len(clients)]
            sent = [dns.message.make_query(name, kind) for name, kind in some]
            for one, query in zip(sockets, sent, strict=False):
                one.send(query.to_wire())
            for client, one, query, (name, kind) in zip(clients, sockets, sent, some, strict=False):
                answer = dns.message.from_wire(one.recv(4096))
                assert query.is_response(answer)
                asked.append(Asked(client, name, kind, dns.rcode.to_text(answer.rcode()), _addresses(answer)))
            between(len(asked))
    return asked


def _client(address: str, port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.settimeout(_PATIENCE)
    one.bind((address, 0))
    one.connect(("127.0.0.1", port))
    return one


def _addresses(answer: dns.message.Message) -> tuple[str, ...]:
    kinds = (dns.rdatatype.A, dns.rdatatype.AAAA)
    return tuple(sorted(one.address for rows in answer.answer if rows.rdtype in kinds for one in rows))


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextlib.contextmanager
def running(command: list[str], port: int, told: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once it answers; what it says besides its log goes to `told`."""
    confined = ["setpriv", *_UNPRIVILEGED, *(_WITHOUT_CAPABILITIES if os.geteuid() == 0 else ()), *command]
    with told.open("wb") as words:
        process = subprocess.Popen(confined, stdin=subprocess.DEVNULL, stdout=words, stderr=words)
    try:
        _await(lambda: process.poll() is not None or _is_bound(port), "it does not listen")
        assert process.poll() is None, told.read_text(errors="backslashreplace")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_bound(port: int) -> bool:
    """Somebody has the port, found without asking anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _await(holds: Callable[[], bool], otherwise: str) -> None:
    for _ in range(int(_PATIENCE / 0.02)):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError(otherwise)


def moved(log: Path) -> None:
    """Renames a log as logrotate does, and those before it."""
    _await(log.exists, _NOT_BEGUN)
    for number in (2, 1):
        before = log.with_name(f"{log.name}.{number}")
        if before.exists():
            before.rename(log.with_name(f"{log.name}.{number + 1}"))
    log.rename(log.with_name(f"{log.name}.1"))


def _records() -> Iterator[tuple[str, str, str]]:
    """What the zone holds: name, type, data."""
    for host, addresses in HOSTS.items():
        yield from ((f"{host}.{ZONE}.", "AAAA" if ":" in one else "A", one) for one in addresses)
    yield from ((f"{alias}.{ZONE}.", "CNAME", f"{host}.{ZONE}.") for alias, host in ALIASES.items())


def is_bind_of(program: str, version: tuple[int, int]) -> bool:
    """Whether it is BIND of that version, or later."""
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"BIND (\d+)\.(\d+)", told)
    return found is not None and (int(found[1]), int(found[2])) >= version


NAMED = """
options {{
    directory "{folder}"; pid-file none; session-keyfile none; {lock}
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; notify no; dnssec-validation no; empty-zones-enable no; querylog yes; {options}
}};
controls {{ }};
logging {{
    channel told {{ file "{log}" {file}; {printed} }};
    category default {{ {default}; }};
    category queries {{ told; }};
    {categories}
}};
zone "example" {{ type primary; file "zone"; }};
"""


@contextlib.contextmanager
def named(program: str, folder: Path, log: Path, **settings: str) -> Iterator[Resolver]:
    """BIND. `settings` fill the configuration; where `file` says how it rotates its log, it does so by itself."""
    values = {"file": "", "printed": "", "options": "", "categories": "", "default": "default_stderr"} | settings
    port = free_port()
    lock = "" if is_bind_of(program, (9, 20)) else "lock-file none;"
    (folder / "named.conf").write_text(NAMED.format(folder=folder, port=port, log=log, lock=lock, **values))
    rows = [f"{name} {kind} {data}" for name, kind, data in _records()]
    head = ["$TTL 60", "@ SOA ns.example. root.example. 1 60 60 60 60", "@ NS ns.example.", "ns.example. A 192.0.2.53"]
    (folder / "zone").write_text("\n".join((*head, *rows, "")))
    command = [program, "-f", "-n", "2", "-c", str(folder / "named.conf")]
    with running(command, port, folder / "said") as process:

        def rotate() -> None:
            if values["file"]:
                return
            if "responses" in values["categories"]:  # one that came in the next log would be without its question
                _await(lambda: _is_answered(log), "not every response was logged")
            moved(log)
            process.send_signal(signal.SIGHUP)
            if "responses" in values["categories"]:
                _await(log.exists, _NOT_BEGUN)

        yield Resolver(port, rotate)


def _is_answered(log: Path) -> bool:
    told = log.read_text()
    return told.count(": query: ") == told.count(": response: ")


UNBOUND = """
server:
    username: ""
    chroot: ""
    pidfile: ""
    directory: "{folder}"
    do-daemonize: no
    interface: 127.0.0.1@{port}
    module-config: "iterator"
    use-syslog: no
    logfile: "{log}"
    log-queries: yes
    log-replies: yes
    {options}
    local-zone: "." static
{data}
remote-control:
    control-enable: yes
    control-interface: "{folder}/control"
"""


@contextlib.contextmanager
def unbound(program: str, folder: Path, log: Path, options: str = "", *, hup: bool = False) -> Iterator[Resolver]:
    """Unbound. `hup`: it is told to begin a new log by a signal, which lets it begin anew."""
    port = free_port()
    data = "\n".join(f'    local-data: "{name} {kind} {data}"' for name, kind, data in _records())
    conf = folder / "unbound.conf"
    conf.write_text(UNBOUND.format(folder=folder, port=port, log=log, options=options, data=data))
    control = [f"{program}-control", "-c", str(conf), "log_reopen"]
    with running([program, "-c", str(conf)], port, folder / "said") as process:

        def rotate() -> None:
            moved(log)
            if not hup:
                subprocess.run(control, check=True, capture_output=True)
                return
            process.send_signal(signal.SIGHUP)
            _await(log.exists, _NOT_BEGUN)  # what is asked until then may be lost

        yield Resolver(port, rotate)


@contextlib.contextmanager
def dnsmasq(program: str, folder: Path, log: Path, *options: str, upstream: int | None = None) -> Iterator[Resolver]:
    """dnsmasq. `options` say what it logs; it knows the zone, or asks who listens on the port `upstream`."""
    port = free_port()
    rows = list(_own_zone()) if upstream is None else [f"server=127.0.0.1#{upstream}"]
    (folder / "dnsmasq.conf").write_text("\n".join((*rows, "")))
    user = ["--user=root", "--group=root"] if os.geteuid() == 0 else []
    command = [program, "--keep-in-foreground", f"--conf-file={folder}/dnsmasq.conf", "--no-resolv", "--no-hosts",
               f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file",
               f"--log-facility={log}", *user, *options]  # fmt: skip
    with running(command, port, folder / "said") as process:

        def rotate() -> None:
            moved(log)
            process.send_signal(signal.SIGUSR2)
            if upstream is not None:  # an answer that came in the next log would be without its question
                _await(log.exists, _NOT_BEGUN)

        yield Resolver(port, rotate)


def _own_zone() -> Iterator[str]:
    yield "local=/example/"
    yield "local-ttl=60"
    for host, addresses in HOSTS.items():
        yield from (f"host-record={host}.{ZONE},{address}" for address in addresses)
    yield from (f"cname={alias}.{ZONE},{host}.{ZONE}" for alias, host in ALIASES.items())

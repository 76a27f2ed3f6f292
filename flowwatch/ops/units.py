"""The systemd units of a scheduled check, made from its configuration.

Promises: `systemd-analyze verify` takes the texts as they are; inside the sandbox everything the configuration names
can be read, what it writes can be written, and nothing else. Nothing is run, looked up or written here.
Refuses: a program that the sandbox hides, and a path or calendar that would say something else in a unit.

Source: systemd.unit(5), systemd.exec(5), systemd.service(5), systemd.timer(5) of systemd 252; older ones pass over the
few keys they do not know.
"""

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from flowwatch.errors import UsageError
from flowwatch.ops.config import Loaded, Notify

USER = "flowwatch"
CHECK, CHECK_TIMER = "flowwatch-check.service", "flowwatch-check.timer"
FAILED = "flowwatch-failed.service"
NOTIFY, NOTIFY_TIMER = "flowwatch-notify.service", "flowwatch-notify.timer"

_STATES = Path("/var/lib")
"""Where `StateDirectory=` makes folders."""
_HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - what a unit hides
"""Folders that `ProtectHome=` and `PrivateTmp=` hide."""
_HOMES = _HIDDEN[:3]
_CALENDAR = re.compile(r"[A-Za-z0-9*:,./~_+ -]+", re.ASCII)
_SANDBOX = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
PrivateTmp=yes
PrivateMounts=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
PrivateIPC=yes
ProtectHostname=yes
ProtectClock=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
SocketBindDeny=any
UMask=0077
LimitCORE=0
""".splitlines()
"""What no part of flowwatch needs is taken away; Python, pyarrow and the core map no memory both writable and
executable. A core dump would hold records."""
_NO_NETWORK = ["PrivateNetwork=yes", "RestrictAddressFamilies=none", "IPAddressDeny=any"]


class _Paths(msgspec.Struct, frozen=True):
    """What a service reads and the folders it writes, but for the state."""

    reads: tuple[Path, ...]
    writes: tuple[Path, ...]


def units(loaded: Loaded, file: Path, program: Path, on_calendar: str) -> dict[str, str]:
    """The text of each unit by its name; those that deliver are there where the configuration names a channel.

    `file` is the configuration, `program` the `flowwatch` to be run, `on_calendar` as systemd.time(7) has it. Raises
    UsageError for what no unit can say.
    """
    if not _CALENDAR.fullmatch(on_calendar):
        raise UsageError(f"{on_calendar!r} is no calendar event", hint="as '*:0/5'; `systemd-analyze calendar` tells")
    program, file = _absolute(program), _absolute(file)
    if _hidden(program):
        raise UsageError(f"{program} lies where the service does not see it", hint="install it for all, as under /opt")
    run, named = f"ExecStart={_word(str(program))}", _argument(str(file))
    judging = [*_sandbox(loaded, _of_check(loaded, file)), *_groups(loaded), *_NO_NETWORK]
    told = bool(loaded.config.notify)
    when = [f"OnCalendar={on_calendar}", "Persistent=yes", "AccuracySec=5s"]
    made = {
        CHECK: _check([_starts(program), f"{run} check --config {named}", *judging], told=told),
        CHECK_TIMER: _timer("flowwatch: when to check", when),
        FAILED: _failed([f"{run} check --config {named} --failed {CHECK}", *judging], told=told),
    }
    if told:
        delivering = [*_sandbox(loaded, _of_notify(loaded, file)), *_network(loaded)]
        made[NOTIFY] = _notify([f"{run} notify --config {named}", *delivering])
        again = ["OnBootSec=1min", "OnUnitInactiveSec=1min", "AccuracySec=5s"]
        made[NOTIFY_TIMER] = _timer("flowwatch: when to try deliveries again", again)
    head = f"# Made by `flowwatch systemd print` from {file}; change it there, or with `systemctl edit`.\n"
    return {name: head + text for name, text in made.items()}


def _check(lines: list[str], *, told: bool) -> str:
    """Findings (1) and an incomplete run (3) are results, which the check itself tells: no failure of the unit.

    So a failed unit, and `OnFailure=` with it, means one thing: the check could not do its work.
    """
    unit = ["Description=flowwatch: judge what was recorded since the last check", "After=time-set.target"]
    unit += [f"OnFailure={FAILED}", *([f"OnSuccess={NOTIFY}"] if told else [])]
    return _text(Unit=unit, Service=_oneshot("1h", ["SuccessExitStatus=1 3", "Nice=10", *lines]))


def _starts(program: Path) -> str:
    """Python ends with 1 as well where a broken installation lets nothing of flowwatch start: that becomes 70."""
    return f"""ExecStartPre=/bin/sh -c '"$$0" --version >/dev/null || exit 70' {_argument(str(program))}"""


def _failed(lines: list[str], *, told: bool) -> str:
    """From systemd 251 on `$MONITOR_SERVICE_RESULT` and `$MONITOR_EXIT_STATUS` say what became of the check."""
    unit = ["Description=flowwatch: record that a check failed", *([f"OnSuccess={NOTIFY}"] if told else [])]
    return _text(Unit=unit, Service=_oneshot("5min", lines))


def _notify(lines: list[str]) -> str:
    unit = ["Description=flowwatch: deliver what is to be told"]
    unit += ["Wants=network-online.target", "After=network-online.target"]
    return _text(Unit=unit, Service=_oneshot("15min", lines))


def _timer(what: str, lines: list[str]) -> str:
    return _text(Unit=[f"Description={what}"], Timer=lines, Install=["WantedBy=timers.target"])


def _oneshot(longest: str, lines: list[str]) -> list[str]:
    """`RuntimeMaxSec=` does not bind a service of this type; the time it may start does."""
    return ["Type=oneshot", f"User={USER}", f"Group={USER}", f"TimeoutStartSec={longest}", *lines]


def _text(**sections: list[str]) -> str:
    return "\n".join("\n".join([f"[{name}]", *lines, ""]) for name, lines in sections.items())


def _sandbox(loaded: Loaded, paths: _Paths) -> list[str]:
    """The sandbox, with what must be seen and written inside it."""
    state = _absolute(loaded.state)
    kept = _STATES in state.parents
    elsewhere = [one for one in dict.fromkeys([*paths.writes, state]) if not (kept and one.is_relative_to(state))]
    lines = [f"StateDirectory={_word(str(state.relative_to(_STATES)))}", "StateDirectoryMode=0700"] if kept else []
    lines += [f"ReadWritePaths={_may_lack(one)}" for one in elsewhere if not _hidden(one)]
    bound = [one for one in elsewhere if _hidden(one)]
    seen = [one for one in dict.fromkeys(paths.reads) if _hidden(one) and one not in bound]
    lines += [f"BindReadOnlyPaths={_may_lack(one)}" for one in seen]
    lines += [f"BindPaths={_may_lack(one)}" for one in bound]
    home = any(one.is_relative_to(root) for one in [*seen, *bound] for root in _HOMES)
    return [*lines, f"ProtectHome={'tmpfs' if home else 'yes'}", *_SANDBOX]


def _of_check(loaded: Loaded, file: Path) -> _Paths:
    config = loaded.config
    globs = (path for source in config.source for path in source.paths)
    rules = (path for source in config.source for path in source.maps)
    reads = (file.parent, *(_folder(loaded, one) for one in (config.policy, *config.places, *globs, *rules)))
    written = filter(None, [*(one.path for one in config.output), config.metrics])
    return _Paths(reads, tuple(_folder(loaded, one) for one in written))


def _of_notify(loaded: Loaded, file: Path) -> _Paths:
    channels = loaded.config.notify
    read = filter(None, [path for one in channels for path in (one.secret_file, one.ca_file)])
    reads = (file.parent, *(_folder(loaded, one) for one in read))
    return _Paths(reads, tuple(_folder(loaded, one.path) for one in channels if one.path))


def _groups(loaded: Loaded) -> list[str]:
    groups = loaded.config.groups
    return [f"SupplementaryGroups={' '.join(groups)}"] if groups else []


def _network(loaded: Loaded) -> list[str]:
    """As much network as the channels need: none for files alone, and the addresses alone where no name is asked for.

    glibc asks name servers without a local socket where it may not have one.
    """
    outside = [one for one in loaded.config.notify if one.type != "file"]
    if not outside:
        return _NO_NETWORK
    addresses = [_address(one) for one in outside]
    known = sorted({one for one in addresses if one})
    only = ["IPAddressDeny=any", f"IPAddressAllow={' '.join(known)}"] if all(addresses) else []
    return ["RestrictAddressFamilies=AF_INET AF_INET6", *only]


def _address(channel: Notify) -> str | None:
    """The one address a channel sends to, as `IPAddressAllow=` has it; None where that is asked for by name."""
    match channel.type:
        case "syslog" | "smtp":
            host = channel.host or "localhost"
        case "webhook" | "alertmanager":
            host = urlsplit(channel.url or "").hostname or ""
        case _:
            return None
    if host == "localhost":
        return host
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _folder(loaded: Loaded, written: str) -> Path:
    """The folder around a path of the configuration, above every `*` of a glob: a file that is replaced stays seen."""
    fixed = re.split(r"[*?\[]", written, maxsplit=1)[0]
    return _absolute(loaded.path(os.path.dirname(fixed)))  # noqa: PTH120 - of a path with a `/` at its end, that folder


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - a link is left as it was written


def _hidden(path: Path) -> bool:
    return any(path.is_relative_to(root) for root in _HIDDEN)


def _may_lack(path: Path) -> str:
    """Where a path is missing the check itself says so, in words."""
    return _word(f"-{path}")


def _argument(text: str) -> str:
    return _word(text).replace("$", "$$")


def _word(text: str) -> str:
    """Text as one word of a unit: quoted where needed, specifiers doubled."""
    if not text.isprintable():
        raise UsageError(f"{text!r} cannot stand in a unit", hint="give the file another name")
    quoted = text.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return quoted if _PLAIN.fullmatch(text) else f'"{quoted}"'


_PLAIN = re.compile(r"[A-Za-z0-9_./%$@+=,-]+", re.ASCII)

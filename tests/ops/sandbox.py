"""Runs a program under what a unit forbids its system calls and its memory, as systemd would; Linux, libseccomp.

python sandbox.py UNIT PROGRAM [ARGUMENT...]: end 77 where this machine cannot do it.
"""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

CANNOT = 77
_ALLOW, _EPERM = 0x7FFF0000, 0x00050001
_SET_MDWE, _REFUSE_EXEC_GAIN = 65, 1
"""prctl(2), Linux 6.3."""


def allowed(unit: str) -> set[str]:
    """The names of the system calls that `SystemCallFilter=` leaves."""
    kept: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        names = {one for group in line.removeprefix("~").split() for one in _members(group)}
        kept = kept - names if line.startswith("~") else kept | names
    return kept


def _members(group: str) -> set[str]:
    if not group.startswith("@"):
        return {group}
    told = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    rows = [line.strip() for line in told.stdout.splitlines() if line.startswith("    ")]
    return {one for row in rows if not row.startswith("#") for one in _members(row)}


def confine(unit: str) -> None:
    """Takes from this process what the unit takes; OSError where it cannot."""
    if "MemoryDenyWriteExecute=yes" in unit and ctypes.CDLL(None).prctl(_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0):
        raise OSError("no PR_SET_MDWE")
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(_EPERM)))
    for name in allowed(unit):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            seccomp.seccomp_rule_add(context, ctypes.c_uint32(_ALLOW), number, 0)
    if seccomp.seccomp_load(context):
        raise OSError("the filter could not be loaded")


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text()
    try:
        confine(text)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(CANNOT) from error
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - what the test names

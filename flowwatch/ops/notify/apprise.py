"""The channel `apprise`: the services of the library of that name (the extra `apprise`), one URL of its own form.

The URL may hold `{secret}`, for which the first line of `secret_file` is put, percent-encoded.
Promises: the library runs in a process of its own that gets the URL and the words on standard input, may use a bounded
amount of memory and is ended when the time is up; it loads no plugin and keeps nothing on disk. What chat services take
for markup or a mention in observed text (`@ < > [ ] * ~` and the backtick) is escaped.
Cannot: tell a refusal from a fault, since the library only says that it did not work: every failure may be tried again.
The library follows redirects and the proxies of the environment as it sees fit.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from flowwatch.errors import UsageError
from flowwatch.model import Alert, Severity
from flowwatch.ops.config import Notify
from flowwatch.ops.notify.delivery import NotDelivered
from flowwatch.ops.notify.secret import secret
from flowwatch.ops.notify.wording import subject, text

_MARKUP = re.compile(r"[@<>\[\]*~`]")
_KINDS = {Severity.CRITICAL: "failure", Severity.HIGH: "failure", Severity.MEDIUM: "warning"}
_CHILD = "flowwatch.ops.notify.apprise_process"


class Apprise:
    """Tells the service of a `[[notify]]`."""

    def __init__(self, one: Notify, folder: Path) -> None:
        if importlib.util.find_spec("apprise") is None:
            hint = "install it with `pip install 'flowwatch[apprise]'`"
            raise UsageError("a channel of type 'apprise' needs the package apprise, which is not installed", hint=hint)
        self._url = _filled(one, folder)
        self._seconds = one.timeout.ns / 1e9

    def send(self, alert: Alert) -> None:
        """The library says that the service took it. Raises NotDelivered."""
        title = subject(alert).replace("[flowwatch] ", "flowwatch: ", 1)
        asked = {"url": self._url, "title": _plain(title), "body": _plain(text(alert))}
        asked["kind"] = _KINDS.get(alert.severity, "info")
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter, a module of ours; what was observed is standard input
                [sys.executable, "-P", "-m", _CHILD],
                input=json.dumps(asked).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NotDelivered("the service took longer than `timeout` allows") from error
        except OSError as error:
            raise NotDelivered(f"the library could not be started: {error.strerror or error}") from error
        if done.returncode:
            raise NotDelivered(f"the library could not tell the service (it ended with {done.returncode})")


def _plain(text: str) -> str:
    return _MARKUP.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", text)


def _filled(one: Notify, folder: Path) -> str:
    url = one.url or ""
    if ("{secret}" in url) != (one.secret_file is not None):
        hint = "write {secret} into the `url` where the first line of `secret_file` goes"
        raise UsageError("an apprise `url` with {secret} and a `secret_file` need each other", hint=hint)
    if one.secret_file is None:
        return url
    return url.replace("{secret}", quote(secret(folder / one.secret_file), safe=""))

"""The channel `smtp`: a mail in plain text (RFC 5321, 5322), by `smtplib`.

Promises: with `security = "starttls"` nothing but the greeting goes over a connection that is not TLS, and none is used
that the receiver does not secure; the subject is one line without anything a reader could take for markup of RFC 2047;
the Message-ID and the date come from the alert, so that the same delivery is the same mail.
Refuses: a password over `none`; addresses that are not ASCII.
"""

import email.policy
import hashlib
import re
import smtplib
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from flowwatch.errors import UsageError
from flowwatch.model import Alert
from flowwatch.ops.config import Notify
from flowwatch.ops.notify import wire
from flowwatch.ops.notify.delivery import NotDelivered
from flowwatch.ops.notify.secret import secret
from flowwatch.ops.notify.wording import subject, text

_LONGEST_LINE = 998
_PORTS = {"none": 25, "starttls": 587, "tls": 465}
_LOCAL_PORTS = {"none": 25, "starttls": 25, "tls": 465}
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
_DOMAIN = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", re.ASCII)
_ADDRESS = re.compile(r"[!-~]{3,254}", re.ASCII)


class Smtp:
    """Mails by the server of a `[[notify]]`; this host's where none is named."""

    def __init__(self, one: Notify, folder: Path) -> None:
        self._host = one.host or "localhost"
        self._security = one.security
        self._port = one.port or (_PORTS if one.host else _LOCAL_PORTS)[one.security]
        self._to = tuple(_address(part.strip(), "to") for part in (one.to or "").split(","))
        self._from = _address(one.sender or f"flowwatch@{_this_host()}", "sender")
        self._login = _login(one, folder)
        self._context = wire.tls(folder / one.ca_file if one.ca_file else None)
        self._seconds = one.timeout.ns / 1e9

    def send(self, alert: Alert) -> None:
        """The server took the mail for every receiver. Raises NotDelivered."""
        told = mail(alert, self._from, self._to)
        try:
            with closing(_Session(self._host, self._port, wire.Budget(self._seconds))) as session:
                self._secure(session)
                if self._login:
                    session.login(*self._login)
                refused = session.sendmail(self._from.addr_spec, [one.addr_spec for one in self._to], told)
                with suppress(OSError, smtplib.SMTPException):  # the mail is taken, whatever comes of this
                    session.quit()
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(error.recipients, len(self._to)) from error
        except smtplib.SMTPResponseException as error:
            raise NotDelivered(_answer(error.smtp_code, error.smtp_error), retry=error.smtp_code < 500) from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise NotDelivered(f"{self._host} took no mail: {wire.told(error)}") from error
        if refused:
            raise _refused(refused, len(self._to))

    def _secure(self, session: "_Session") -> None:
        if self._security == "tls":
            session.secure(self._context)
        session.greet()
        if self._security != "starttls":
            return
        if not session.has_extn("starttls"):
            raise NotDelivered(
                f'{self._host} offers no STARTTLS, so it was told nothing; write security = "tls" where it has that, '
                'or "none" where the way to it needs no protection'
            )
        session.starttls(context=self._context)
        session.bound()


class _Session(smtplib.SMTP):
    """A session under a budget."""

    def __init__(self, host: str, port: int, budget: wire.Budget) -> None:
        super().__init__(local_hostname=_this_host())
        self._budget = budget
        self._host = host
        self.sock = wire.connected(host, port, budget)

    def bound(self) -> None:
        """Puts what the connection has become under the budget."""
        if self.sock:
            wire.grant(self.sock, self._budget)

    def secure(self, context: ssl.SSLContext) -> None:
        """TLS from the first byte (RFC 8314)."""
        if self.sock:
            self.sock = wire.secured(self.sock, self._host, context, self._budget)

    def greet(self) -> None:
        """Reads the greeting and says EHLO. Raises SMTPException."""
        code, said = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        self.ehlo_or_helo_if_needed()


def mail(alert: Alert, sender: Address, to: tuple[Address, ...]) -> bytes:
    """The mail; the same for the same alert. Header lines are folded by need (998) only: a fold is all some see."""
    told = EmailMessage(policy=email.policy.SMTP)
    told["From"] = sender
    told["To"] = to
    told["Subject"] = subject(alert).replace("=?", "=\\u{3f}")
    told["Date"] = format_datetime(datetime.fromtimestamp(alert.time // 10**9, UTC))
    told["Message-ID"] = f"<{_token(alert.delivery)}@{sender.domain}>"
    if alert.finding:
        told["References"] = f"<finding.{_token(alert.finding.id)}@{sender.domain}>"
    told["Auto-Submitted"] = "auto-generated"
    told["X-Flowwatch-Severity"] = alert.severity.value
    told.set_content(text(alert), charset="us-ascii", cte=_encoding(text(alert)))
    return told.as_bytes(policy=told.policy.clone(max_line_length=998))


def _encoding(said: str) -> str:
    """As it is where every line fits (RFC 5322 2.1.1), so that it is read as it was written."""
    fits = all(len(line) <= _LONGEST_LINE for line in said.splitlines()) and "=?" not in said
    return "7bit" if fits else "quoted-printable"


def _token(id: str) -> str:  # noqa: A002 - what it is
    """An id as a Message-ID holds it: itself, or its digest where it is written otherwise."""
    return id if _TOKEN.fullmatch(id) else hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()


def _this_host() -> str:
    name = socket.gethostname()
    return name if _DOMAIN.fullmatch(name) else "localhost"


def _address(written: str, key: str) -> Address:
    """The address; UsageError where it is none, of the key that holds it."""
    hint = f"write `{key}` as name@host.example, and several `to` between commas"
    try:
        found = Address(addr_spec=written)
    except (ValueError, IndexError, HeaderParseError):
        raise UsageError(f"{written[:80]!r} is no mail address", hint=hint) from None
    if not _ADDRESS.fullmatch(written) or not _DOMAIN.fullmatch(found.domain) or not found.username:
        raise UsageError(f"{written[:80]!r} is no mail address that can be used", hint=hint)
    return found


def _login(one: Notify, folder: Path) -> tuple[str, str] | None:
    if one.user is None and one.secret_file is None:
        return None
    if one.user is None or one.secret_file is None:
        raise UsageError("smtp needs both `user` and `secret_file` to log in", hint="write both, or neither")
    if one.security == "none":
        hint = 'write security = "starttls" or "tls", or no `user`'
        raise UsageError('a password is not sent over security = "none"', hint=hint)
    try:
        return one.user, secret(folder / one.secret_file).decode("ascii")
    except UnicodeDecodeError:
        raise UsageError(f"the password in {folder / one.secret_file} is not ASCII") from None


def _answer(code: int, said: bytes | str) -> str:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"the mail server answered {code} {words}"


def _refused(recipients: Mapping[str, tuple[int, bytes]], among: int) -> NotDelivered:
    """The rest of the receivers may have it; the Message-ID tells them that it is the same when it is sent again."""
    code, said = next(iter(recipients.values()))
    again = any(refused < 500 for refused, _ in recipients.values())
    who = ", ".join(recipients)
    return NotDelivered(f"{len(recipients)} of {among} addresses refused ({who}): {_answer(code, said)}", retry=again)

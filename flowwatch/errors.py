"""The exception tree; a class exists because someone catches it.

    FlowwatchError            anything flowwatch says of its own accord; one line, no traceback
    ├── UsageError            the command line or a configuration cannot be used: exit 2, nothing judged
    │   └── PolicyError       a policy cannot be used; knows file, line and path inside it
    └── PlacesError           a location database cannot be read: exit 2

Every error knows where it happened and says what to try next.
"""


class FlowwatchError(Exception):
    """Something the user is told in one line: what, where, and what to try."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(FlowwatchError):
    """The command line or a configuration cannot be used."""


class PolicyError(UsageError):
    """A policy cannot be used: `file:line: path: message (hint)`."""

    def __init__(
        self, message: str, *, file: str, line: int | None = None, path: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line
        self.path = path

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.path, super().__str__()) if part)


class PlacesError(UsageError):
    """A location database cannot be read."""

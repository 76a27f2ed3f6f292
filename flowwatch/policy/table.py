"""What every table of a policy is: unknown keys are errors, values never change."""

import msgspec


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table."""

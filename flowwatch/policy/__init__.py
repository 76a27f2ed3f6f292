"""Policies: TOML text to frozen tables, with their errors, lint and matching."""

from flowwatch.policy.files import shipped
from flowwatch.policy.lint import Warning_, lint
from flowwatch.policy.load import load, parse
from flowwatch.policy.schema import json_schema

__all__ = ["Warning_", "json_schema", "lint", "load", "parse", "shipped"]

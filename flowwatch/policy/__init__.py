"""Policies: TOML text to frozen tables, with their errors, lint and matching."""

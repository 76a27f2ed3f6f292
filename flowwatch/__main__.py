"""`python -m flowwatch` is the command."""

from flowwatch.cli import main

main()

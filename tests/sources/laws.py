"""What every log reader keeps: each line is one of the five things a line can be."""

from flowwatch.model import Coverage


def lawful(coverage: Coverage) -> bool:
    """The parts are the whole, and the first refused lines are told."""
    parts = coverage.events, coverage.noise, coverage.unattributable, coverage.rejected, coverage.held_back
    return min(parts) >= 0 and coverage.records == sum(parts) and len(coverage.rejects) == min(coverage.rejected, 100)

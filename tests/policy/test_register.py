"""The register of exceptions: nothing is left out, and its numbers say the same as the judge's half-open times."""

from hypothesis import given, settings
from hypothesis import strategies as st

from flowwatch.policy import parse
from flowwatch.policy.register import Standing, register
from flowwatch.policy.terms import PolicySet

DAY = 86_400 * 10**9
FROM, UNTIL = 1_790_812_800 * 10**9, (1_790_812_800 + 30 * 86_400) * 10**9
"""2026-10-01 and 2026-10-31, UTC."""
TEXT = """schema = "flowwatch.policy/1"
[policy]
id = "p"
version = "1"
[defaults]
exception_max_days = {most}
[[zone]]
id = "sites"
cidrs = ["192.0.2.0/25"]
[[exception]]
id = "later"
applies = {{ zone = "sites" }}
reason = "r"
from = 2026-10-01T00:00:00Z
until = 2026-10-31T00:00:01Z
[[exception]]
id = "x"
applies = {{ zone = "sites" }}
reason = "r"
from = 2026-10-01T00:00:00Z
until = 2026-10-31T00:00:00Z
"""


def registered(at, most=90, used=None):
    return register(PolicySet((parse(TEXT.format(most=most)),)), at, used or {})


@settings(max_examples=60)
@given(st.integers(FROM - 40 * DAY, UNTIL + 40 * DAY))
def test_age_and_what_is_left_add_up_to_how_long_it_lasts(at):
    one, later = registered(at)
    assert (one.exception.id, later.exception.id) == ("x", "later"), "what ends first stands first"
    standing = Standing.NOT_BEGUN if at < FROM else Standing.IN_FORCE if at < UNTIL else Standing.EXPIRED
    assert one.standing is standing
    assert one.lasts_days - 1 <= one.age_days + one.days_left <= one.lasts_days + 1
    assert (one.age_days < 0) <= (standing is Standing.NOT_BEGUN)
    assert (one.days_left < 0) <= (standing is Standing.EXPIRED)


def test_longer_than_declared_and_last_used():
    one, later = registered(FROM, most=30, used={"x": FROM + 5})
    assert (one.lasts_days, one.too_long, later.lasts_days, later.too_long) == (30, False, 31, True)
    assert (one.last_used, later.last_used) == (FROM + 5, None)

"""What several rooms' tests share."""

import os
import shutil

import pytest
from hypothesis import settings

# No deadline: a busy machine is no fault. Under CI the same examples every time, so that a landing means what it says;
# on a person's machine new ones at every run.
settings.register_profile("flowwatch", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("flowwatch")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; without one the test is skipped, but fails where CI=true."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        reason = "no Chromium on PATH: the HTML report was not opened in a browser"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found

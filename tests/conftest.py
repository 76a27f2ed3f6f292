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
    """Path of a Chromium."""
    return _installed("the HTML report was not opened in a browser", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def tshark() -> str:
    """Path of tshark."""
    return _installed("what it reads was not compared", "tshark")


@pytest.fixture(scope="session")
def nfdump() -> str:
    """Path of nfdump."""
    return _installed("its files were not read", "nfdump")


@pytest.fixture(scope="session")
def systemd_analyze() -> str:
    """Path of systemd-analyze."""
    return _installed("the units were not verified", "systemd-analyze")


@pytest.fixture(scope="session")
def rsyslogd() -> str:
    """Path of rsyslogd."""
    return _installed("what it makes of our messages was not compared", "rsyslogd", "/usr/sbin/rsyslogd")


@pytest.fixture(scope="session")
def alertmanager() -> str:
    """Path of a Prometheus Alertmanager."""
    return _installed("what it makes of our alerts was not compared", "prometheus-alertmanager", "alertmanager")


@pytest.fixture(scope="session")
def named() -> str:
    """Path of BIND."""
    return _installed("its log was not read while it runs", "named", "/usr/sbin/named")


@pytest.fixture(scope="session")
def unbound() -> str:
    """Path of unbound."""
    return _installed("its log was not read while it runs", "unbound", "/usr/sbin/unbound")


@pytest.fixture(scope="session")
def dnsmasq() -> str:
    """Path of dnsmasq."""
    return _installed("its log was not read while it runs", "dnsmasq", "/usr/sbin/dnsmasq")


@pytest.fixture(scope="session")
def logrotate() -> str:
    """Path of logrotate."""
    return _installed("its rotations were not read", "logrotate", "/usr/sbin/logrotate")


def _installed(loss: str, *names: str) -> str:
    """Path of a program; without it the test is skipped, but fails where CI=true."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        reason = f"no {names[0]} on PATH: {loss}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found

from typing import get_args, get_type_hints

import pytest

from flowwatch.errors import UsageError
from flowwatch.ops.config import Notify
from flowwatch.ops.notify import channel
from flowwatch.ops.notify.channels import _MAKERS


def test_every_type_of_the_configuration_has_its_channel():
    assert tuple(_MAKERS) == get_args(get_type_hints(Notify)["type"])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"type": "webhook", "url": "ftp://a.example/", "secret_file": "secret"}, "no http or https URL"),
        ({"type": "webhook", "url": "https://a.example/a b", "secret_file": "secret"}, "no http or https URL"),
        ({"type": "webhook", "url": "https://a.example:99999/", "secret_file": "secret"}, "no URL"),
        ({"type": "webhook", "url": "https://u:p@a.example/", "secret_file": "secret"}, "user or password"),
        ({"type": "webhook", "url": "https://a.example/", "secret_file": "none"}, "cannot be read"),
        ({"type": "webhook", "url": "https://a.example/", "secret_file": "secret", "ca_file": "none"}, "ca_file"),
        ({"type": "webhook", "url": "https://a.example/", "secret_file": "secret", "ca_file": "secret"}, "ca_file"),
        ({"type": "alertmanager", "url": "http://a.example/", "secret_file": "secret"}, "over https only"),
        ({"type": "alertmanager", "url": "https://a.example/", "user": "u"}, "needs a `secret_file`"),
        ({"type": "smtp", "to": "soc"}, "no mail address"),
        ({"type": "smtp", "to": "soc@county.example,"}, "no mail address"),
        ({"type": "smtp", "to": "soc@county.example\nBcc: x@carrier.example"}, "no mail address"),
        ({"type": "smtp", "to": "soc@county.example", "sender": "s\u00f6c@county.example"}, "no mail address"),
        ({"type": "smtp", "to": "soc@county.example", "user": "u"}, "both `user` and `secret_file`"),
        (
            {"type": "smtp", "to": "soc@county.example", "user": "u", "secret_file": "secret", "security": "none"},
            'not sent over security = "none"',
        ),
        ({"type": "apprise", "url": "json://{secret}@127.0.0.1"}, "need each other"),
        ({"type": "apprise", "url": "json://127.0.0.1", "secret_file": "secret"}, "need each other"),
    ],
)
def test_what_cannot_be_is_one_clear_error(keys, words, secret_file, tmp_path):
    if keys["type"] == "apprise":
        pytest.importorskip("apprise", reason="the extra apprise is not installed: its errors were not seen")
    with pytest.raises(UsageError, match=words) as raised:
        channel(Notify(**keys), "one", tmp_path)
    assert str(raised.value).startswith("notify 'one': ")
    assert "correct horse" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_library_that_is_not_installed_is_named(notify, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'flowwatch\[apprise\]'"):
        channel(notify("apprise", url="json://127.0.0.1"), "one", tmp_path)

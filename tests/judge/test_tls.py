"""What a server requires of TLS."""

import pytest

KEY = "aa" * 32


@pytest.mark.parametrize(
    ("rule", "expected", "changes"),
    [
        ("required = true", "approved", {}),
        ("required = true", "approved", {"app": "quic", "tls_version": None}),
        ("required = true", "approved", {"app": "dtls", "tls_version": None}),
        ("required = true", "tls.required", {"app": "http", "tls_version": None, "clear": True}),
        ("required = true", "tls.required", {"app": None, "tls_version": None, "clear": True}),
        ("required = true", "tls.unobserved", {"app": None, "tls_version": None, "clear": None}),
        ("required = false", "approved", {"app": "http", "tls_version": None, "clear": True}),
        ("min_version = '1.2'", "approved", {"tls_version": "1.2"}),
        ("min_version = '1.2'", "tls.version_below", {"tls_version": "1.1"}),
        ("min_version = '1.2'", "tls.version_below", {"tls_version": "SSLv3"}),
        ("min_version = '1.2'", "tls.unobserved", {"tls_version": "0x7f1c"}),
        ("min_version = '1.2'", "tls.unobserved", {"tls_version": None}),
        (f"spki_sha256 = ['{KEY}']", "approved", {"tls_version": "1.2", "cert_spki_sha256": KEY}),
        (f"spki_sha256 = ['{KEY}']", "tls.key_unexpected", {"tls_version": "1.2", "cert_spki_sha256": "bb" * 32}),
        (f"spki_sha256 = ['{KEY}']", "tls.key_unobserved", {"tls_version": "1.2"}),
        ("issuers = ['CN=Own CA']", "tls.issuer_unexpected", {"tls_version": "1.2", "cert_issuer": "CN=Other"}),
        ("issuers = ['CN=Own CA']", "approved", {"tls_version": "1.2", "cert_issuer": "CN=Own CA"}),
        ("issuers = ['CN=Own CA']", "tls.key_unobserved", {"tls_version": "1.2"}),
        ("names = ['a.results.example']", "tls.key_unobserved", {"tls_version": "1.2"}),
        ("names = ['a.results.example']", "approved", {"tls_version": "1.2", "cert_names": ("a.results.example",)}),
        ("names = ['*.results.example']", "approved", {"tls_version": "1.2", "cert_names": ("*.results.example",)}),
        ("names = ['a.results.example']", "approved", {"tls_version": "1.2", "cert_names": ("*.results.example",)}),
        ("names = ['a.results.example']", "tls.name_unexpected", {"tls_version": "1.2", "cert_names": ("*.example",)}),
        ("names = ['a.results.example']", "tls.name_unexpected", {"tls_version": "1.2", "cert_names": ()}),
    ],
)
def test_tls(make, rule, expected, changes):
    text = make.PRIMARY.replace("[[channel]]", f"tls = {{ {rule} }}\n[[channel]]")
    verdict, *reasons = make.court(text).told(make.sent(**changes))
    unseen = expected.endswith("unobserved")
    assert verdict == ("approved" if expected == "approved" else "indeterminate" if unseen else "deviation")
    assert expected in ("approved", *reasons)


@pytest.mark.parametrize(
    "pin", [f"spki_sha256 = ['{KEY}']", "issuers = ['CN=Own CA']", "names = ['a.results.example']"]
)
def test_a_pin_under_tls_1_3_is_noted(make, pin):
    text = make.PRIMARY.replace("[[channel]]", f"tls = {{ required = true, {pin} }}\n[[channel]]")
    court = make.court(text)
    assert court.told(make.sent())[0] == "approved"
    assert court.notes(make.sent()) == ("tls.key_unobserved",)
    shown = {"cert_spki_sha256": "bb" * 32, "cert_issuer": "CN=Other", "cert_names": ("x.test",)}
    assert court.told(make.sent(**shown))[0] == "deviation", "what a source shows all the same is compared"


def test_an_attempt_sent_nothing_that_could_be_sealed(make):
    text = make.PRIMARY.replace("[[channel]]", "dedicated = true\ntls = { required = true }\n[[channel]]")
    attempt = make.sent(attempted=True, app=None, tls_version=None, clear=None, names=())
    assert make.court(text).told(attempt)[0] == "approved"

"""The words of the DNS are those of the core."""

import dns.rcode
import dns.rdatatype
import pytest

from flowwatch.sources.mnemonics import class_word, rcode_word, spelt, type_word


def test_types_are_those_of_dnspython_where_both_have_a_word():
    both = [code for code in range(258) if not type_word(code).startswith("TYPE")]
    theirs = {code: dns.rdatatype.to_text(dns.rdatatype.RdataType.make(code)) for code in both}
    assert {
        code: word for code, word in theirs.items() if word != type_word(code) and not word.startswith("TYPE")
    } == {}
    assert (type_word(65), type_word(65280)) == ("HTTPS", "TYPE65280")


def test_rcodes_are_those_of_dnspython_where_both_have_a_word():
    for code in range(24):
        theirs = dns.rcode.to_text(dns.rcode.Rcode.make(code))
        assert rcode_word(code) in (theirs, f"RCODE{code}", "BADVERS", "DSOTYPENI")


@pytest.mark.parametrize(("code", "word"), [(1, "IN"), (0x8001, "IN"), (255, "ANY"), (32, "CLASS32")])
def test_the_class_without_the_bit_of_mdns(code, word):
    assert class_word(code) == word


@pytest.mark.parametrize(
    ("word", "expected"), [("*", "ANY"), ("C_INTERNET", "IN"), ("A", "A"), ("a b", None), ("", None)]
)
def test_words_the_log_gives_instead_of_numbers(word, expected):
    assert spelt(word) == expected

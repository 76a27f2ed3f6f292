//! Certificates that OpenSSL made, read back, and changed in every way.

use super::*;
use crate::recognise::any_bytes::mutations;
use crate::text::hexadecimal;

/// The bytes of a file of hexadecimal digits.
fn bytes(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter_map(|b| char::from(b).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Alternative names, a part of two values and a comma within one.
fn leaf() -> Vec<u8> {
    bytes(include_str!("leaf.hex"))
}

/// No alternative names; special characters within the owner's name.
fn old() -> Vec<u8> {
    bytes(include_str!("old.hex"))
}

fn said(der: &[u8]) -> Said {
    read(der, sha256(der)).said.unwrap()
}

#[test]
fn a_certificate_says_what_openssl_says() {
    let certificate = read(&leaf(), sha256(&leaf()));
    assert_eq!(hexadecimal(&certificate.sha256), "276989c6256d2b637394619fcd4328c3854eda257d113dadbb9e1edf4eb62625");
    let said = certificate.said.unwrap();
    assert_eq!(hexadecimal(&said.spki_sha256), "815c986517155fbc6d7d68c46e0a128c7de559d23b38ce1daa67831fee07a20a");
    assert_eq!(said.subject.as_deref(), Some(r"CN=results.example,OU=Results+OU=Night,O=Example\, Inc.,C=XX"));
    assert_eq!(said.issuer, said.subject);
    assert_eq!(said.names, ["results.example", "*.results.example", "192.0.2.7", "2001:db8::7"]);
    assert_eq!(said.not_before, Some(1_795_761_921_000_000_000));
    assert_eq!(said.not_after, Some(2_111_121_921_000_000_000));
    assert!(!said.cut);
}

#[test]
fn without_a_list_the_common_name_counts() {
    let said = said(&old());
    assert_eq!(said.subject.as_deref(), Some(r#"CN=old.example,O=Ergebnis \"S\xc3\xbcd\"\; #\ "#));
    assert_eq!(said.names, ["old.example"]);
    let place = old().windows(11).rposition(|part| part == b"old.example").unwrap();
    let mut der = old();
    der[place + 3] = b' ';
    assert!(super::read(&der, sha256(&der)).said.unwrap().names.is_empty(), "no shape of a host");
}

#[test]
fn what_holds_to_no_form_has_a_digest() {
    let cut = &leaf()[..400];
    let certificate = read(cut, sha256(cut));
    assert_eq!(certificate, Certificate { sha256: sha256(cut), said: None });
}

#[test]
fn values_are_escaped_so_that_no_two_are_alike() {
    let text = |value: &[u8]| {
        let mut out = String::new();
        value_into(value, &mut out);
        out
    };
    assert_eq!(text(b"a,O=b"), r"a\,O=b");
    assert_eq!(text(b" #x "), r"\ #x\ ");
    assert_eq!(text(b"#x"), r"\#x");
    assert_eq!(text(b"\\xc3"), r"\\xc3");
    assert_eq!(text(b"\xc3\0"), r"\xc3\x00");
}

#[test]
fn no_bytes_panic_and_all_text_is_printable() {
    mutations(&[leaf(), old()], 40_000, |der| {
        let Some(said) = read(der, [0; 32]).said else { return };
        let texts = said.subject.iter().chain(&said.issuer).chain(&said.names);
        assert!(texts.flat_map(|text| text.bytes()).all(|byte| (0x20..0x7f).contains(&byte)));
        assert!(said.names.len() <= MOST_NAMES);
    });
}

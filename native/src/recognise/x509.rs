//! A server's certificate (RFC 5280): its digest, and what it says of itself.
//!
//! Promises: whatever the bytes, their SHA-256; names and times only of a certificate whose form holds. Names of owner
//! and issuer are written as RFC 4514 says, the last part first, but that bytes which are not printable ASCII are `\xNN`.
//! Refuses: judging. No signature, purpose or date is checked.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use x509_parser::certificate::{TbsCertificate, X509CertificateParser};
use x509_parser::der_parser::asn1_rs::{Any, Oid, Tag};
use x509_parser::extensions::{GeneralName, SubjectAlternativeName};
use x509_parser::nom::Parser as _;
use x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use crate::text::{hex_into, hostname};

/// Names kept of one certificate.
pub const MOST_NAMES: usize = 256;
/// Characters of the text of one owner or issuer; a longer one is not told.
const MOST_TEXT: usize = 4096;
/// Bytes of an attribute's type.
const MOST_TYPE: usize = 32;
/// Octets of a host name (RFC 1035 3.1).
const MOST_NAME: usize = 255;
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of all of it.
    pub sha256: Digest,
    /// What it says; none where it holds to no form.
    pub said: Option<Said>,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_sha256: Digest,
    /// Its owner.
    pub subject: Option<String>,
    /// Who signed it, as it says.
    pub issuer: Option<String>,
    /// Host names and addresses it is for, each once; where it has no list of them the owner's common name, if that has
    /// the shape of one (RFC 2818 3.1).
    pub names: Vec<String>,
    /// More than [`MOST_NAMES`] names, or text that is too long to be told.
    pub cut: bool,
    /// First moment it is valid, ns since 1970; none where that cannot be counted in ns.
    pub not_before: Option<i64>,
    /// Last moment.
    pub not_after: Option<i64>,
}

/// SHA-256 of a certificate or key.
pub type Digest = [u8; 32];

/// SHA-256 of these bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// Reads a certificate, whose digest is known.
#[must_use]
pub fn read(der: &[u8], sha256: Digest) -> Certificate {
    let parsed = X509CertificateParser::new().with_deep_parse_extensions(false).parse(der);
    Certificate { sha256, said: parsed.ok().map(|(_, certificate)| Said::of(&certificate.tbs_certificate)) }
}

impl Said {
    fn of(told: &TbsCertificate<'_>) -> Self {
        let (subject, issuer) = (name_text(&told.subject), name_text(&told.issuer));
        let mut said = Self {
            spki_sha256: sha256(told.subject_pki.raw),
            cut: subject.is_none() || issuer.is_none(),
            subject: subject.filter(|text| !text.is_empty()),
            issuer: issuer.filter(|text| !text.is_empty()),
            not_before: moment(&told.validity.not_before),
            not_after: moment(&told.validity.not_after),
            ..Self::default()
        };
        if !said.alternatives(told) {
            let common = told.subject.iter_attributes().filter(|one| one.attr_type().as_bytes() == COMMON_NAME);
            let name = common.last().and_then(|one| string(one.attr_value())).filter(|name| is_host(name));
            name.into_iter().for_each(|name| said.name(&name));
        }
        said
    }

    /// Takes in the alternative names of the owner; false where there is no such list.
    fn alternatives(&mut self, told: &TbsCertificate<'_>) -> bool {
        let lists = told.extensions().iter().filter(|extension| extension.oid == OID_X509_EXT_SUBJECT_ALT_NAME);
        let mut is_there = false;
        for list in lists {
            is_there = true;
            let Ok((_, list)) = SubjectAlternativeName::from_der(list.value) else { continue };
            for name in &list.general_names {
                match name {
                    GeneralName::DNSName(name) => self.name(name.as_bytes()),
                    GeneralName::IPAddress(bytes) => self.address(bytes),
                    _ => {}
                }
            }
        }
        is_there
    }

    fn name(&mut self, name: &[u8]) {
        match name.len() {
            0 => {}
            1..=MOST_NAME => self.add(hostname(name)),
            _ => self.cut = true,
        }
    }

    fn address(&mut self, bytes: &[u8]) {
        let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        let sixteen = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
        four.or(sixteen).into_iter().for_each(|address| self.add(address.to_string()));
    }

    fn add(&mut self, name: String) {
        if self.names.len() == MOST_NAMES {
            self.cut = true;
        } else if !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}

/// Whether a common name has the shape of a host name or an address.
fn is_host(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*' | b':'))
}

/// ns since 1970.
fn moment(time: &ASN1Time) -> Option<i64> {
    time.timestamp().checked_mul(1_000_000_000)
}

/// The text of an owner or issuer; none where it is too long.
fn name_text(name: &X509Name<'_>) -> Option<String> {
    let parts: Vec<Vec<_>> = name.iter_rdn().map(|part| part.iter().collect()).collect();
    let mut out = String::new();
    for (at, part) in parts.into_iter().rev().enumerate() {
        for (place, one) in part.into_iter().rev().enumerate() {
            match (at, place) {
                (0, 0) => {}
                (_, 0) => out.push(','),
                _ => out.push('+'),
            }
            attribute_into(one.attr_type(), one.attr_value(), &mut out)?;
            if out.len() > MOST_TEXT {
                return None;
            }
        }
    }
    Some(out)
}

/// Appends `TYPE=value` (RFC 4514 2.3, 2.4).
fn attribute_into(kind: &Oid<'_>, value: &Any<'_>, out: &mut String) -> Option<()> {
    if kind.as_bytes().len() > MOST_TYPE || value.data.len() > MOST_TEXT {
        return None;
    }
    let word = word(kind.as_bytes());
    out.push_str(&word.map_or_else(|| kind.to_id_string(), str::to_owned));
    out.push('=');
    match string(value) {
        Some(text) => value_into(&text, out),
        None => {
            out.push('#');
            hex_into(value.data, out);
        }
    }
    Some(())
}

/// Appends a value, its special characters behind a backslash.
fn value_into(value: &[u8], out: &mut String) {
    for (at, &byte) in value.iter().enumerate() {
        let is_edge = at == 0 || at + 1 == value.len();
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' ' if is_edge => out.push_str("\\ "),
            b'#' if at == 0 => out.push_str("\\#"),
            0x20..=0x7e => out.push(char::from(byte)),
            _ => {
                out.push_str("\\x");
                hex_into(&[byte], out);
            }
        }
    }
}

/// The bytes of a string, in UTF-8 where its kind says how it is written; none for another value.
fn string(value: &Any<'_>) -> Option<Vec<u8>> {
    const TELETEX: Tag = Tag(20);
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString | TELETEX => {
            Some(value.data.to_vec())
        }
        Tag::BmpString => {
            let units = value.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            Some(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect::<String>().into_bytes())
        }
        Tag::UniversalString => {
            let units = value.data.chunks_exact(4).map(|unit| u32::from_be_bytes([unit[0], unit[1], unit[2], unit[3]]));
            Some(units.map(|unit| char::from_u32(unit).unwrap_or('\u{fffd}')).collect::<String>().into_bytes())
        }
        _ => None,
    }
}

/// The word of an attribute's type (RFC 4514 3, and what certificates have beside).
fn word(kind: &[u8]) -> Option<&'static str> {
    Some(match kind {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 4] => "SN",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "STREET",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x55, 4, 12] => "title",
        [0x55, 4, 15] => "businessCategory",
        [0x55, 4, 17] => "postalCode",
        [0x55, 4, 42] => "GN",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

"""Certificates of made-up servers, as TLS 1.2 shows them in clear.

Promises the same bytes for the same arguments. Nobody signed them and no key belongs to them: both are fixed streams of
bytes, as a recording gives neither to check.
"""

from messages import opaque
from scapy.asn1.asn1 import (
    ASN1_BIT_STRING,
    ASN1_IA5_STRING,
    ASN1_INTEGER,
    ASN1_OID,
    ASN1_UTC_TIME,
    ASN1_UTF8_STRING,
)
from scapy.layers.x509 import (
    X509_RDN,
    X509_AttributeTypeAndValue,
    X509_Cert,
    X509_DNSName,
    X509_Extension,
    X509_ExtSubjectAltName,
    X509_GeneralName,
    X509_SubjectPublicKeyInfo,
    X509_TBSCertificate,
    X509_Validity,
)

_COMMON_NAME, _ORGANISATION, _ALTERNATIVE_NAMES = "2.5.4.3", "2.5.4.10", "2.5.29.17"
ISSUER = {_ORGANISATION: "Example Trust", _COMMON_NAME: "Example Issuing CA"}


def certificate(key: str, *names: str) -> bytes:
    """DER of a certificate for these names, valid through November 2026; `key` is the seed of its public key."""
    listed = [X509_GeneralName(generalName=X509_DNSName(dNSName=ASN1_IA5_STRING(name.encode()))) for name in names]
    told = X509_TBSCertificate(
        version=2,
        serialNumber=ASN1_INTEGER(int.from_bytes(opaque(key, 8), "big") >> 1),
        issuer=_name(ISSUER),
        subject=_name({_COMMON_NAME: names[0]}),
        validity=X509_Validity(not_before=ASN1_UTC_TIME("261001000000Z"), not_after=ASN1_UTC_TIME("261230235959Z")),
        subjectPublicKeyInfo=X509_SubjectPublicKeyInfo(subjectPublicKey=_bits(opaque(key, 270))),
        extensions=[
            X509_Extension(extnID=ASN1_OID(_ALTERNATIVE_NAMES), extnValue=X509_ExtSubjectAltName(subjectAltName=listed))
        ],
    )
    return bytes(X509_Cert(tbsCertificate=told, signatureValue=_bits(opaque(key + "signed", 256))))


def _bits(octets: bytes) -> ASN1_BIT_STRING:
    return ASN1_BIT_STRING(octets, readable=True)


def _name(parts: dict[str, str]) -> list[X509_RDN]:
    typed = (
        X509_AttributeTypeAndValue(type=ASN1_OID(oid), value=ASN1_UTF8_STRING(text)) for oid, text in parts.items()
    )
    return [X509_RDN(rdn=[one]) for one in typed]

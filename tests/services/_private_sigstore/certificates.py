"""The certificates of the stand-in: a root and an intermediate for signers, a root and a leaf for timestamps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.services._private_sigstore.encoding import new_key

ORGANISATION = "sigstore.test"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)


@dataclass(frozen=True)
class Authority:
    """A key with its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def root(common: str, depth: int) -> Authority:
    """A self-signed authority, with at most `depth` authorities below it."""
    key = new_key()
    builder = _authority(_builder(name(common), name(common), key), key, above=key, depth=depth)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def intermediate(common: str, above: Authority) -> Authority:
    """An authority for code signing."""
    key = new_key()
    builder = _authority(_builder(name(common), above.certificate.subject, key), key, above=above.key, depth=0)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    return Authority(key, builder.sign(above.key, hashes.SHA256()))


def timestamper(common: str, above: Authority) -> Authority:
    """A leaf that signs timestamps and nothing else (RFC 3161, section 2.3)."""
    key = new_key()
    builder = (
        _builder(name(common), above.certificate.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()), critical=False)
    )
    return Authority(key, builder.sign(above.key, hashes.SHA256()))


def key_usage(*, digital_signature: bool = False, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=365))
    )


def _authority(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, *, above: ec.EllipticCurvePrivateKey, depth: int
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(key_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)
    )

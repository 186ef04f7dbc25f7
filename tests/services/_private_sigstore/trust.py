"""What a client is given of the deployment: its trusted root, and where its services are.

Formats: `sigstore_trustroot.proto` of github.com/sigstore/protobuf-specs, in its JSON mapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.services._private_sigstore.certificates import ORGANISATION, START, Authority
from tests.services._private_sigstore.encoding import base64_of, key_id, spki

if TYPE_CHECKING:
    from tests.services._private_sigstore.deployment import PrivateSigstore

VALID = {"start": START.isoformat().replace("+00:00", "Z")}


def trusted_root(deployment: PrivateSigstore) -> dict[str, Any]:
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [_log(deployment.url, deployment.rekor.key.public_key())],
        "certificateAuthorities": [_authority(deployment.url, deployment.authority, deployment.root)],
        "ctlogs": [_log(deployment.url, deployment.fulcio.log_key.public_key())],
        "timestampAuthorities": [_authority(deployment.url, deployment.timestamper, deployment.timestamp_root)],
    }


def client_trust_config(deployment: PrivateSigstore, *, rekor: int, timestamps: bool) -> dict[str, Any]:
    signing = {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [_service(deployment.url, 1)],
        "oidcUrls": [],
        "rekorTlogUrls": [_service(deployment.url, rekor)],
        "tsaUrls": [_service(f"{deployment.url}/api/v1/timestamp", 1)] if timestamps else [],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaConfig": {"selector": "ANY"},
    }
    return {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": trusted_root(deployment),
        "signingConfig": signing,
    }


def _service(url: str, version: int) -> dict[str, Any]:
    return {"url": url, "majorApiVersion": version, "operator": ORGANISATION, "validFor": VALID}


def _log(url: str, key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": base64_of(spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": VALID},
        "logId": {"keyId": base64_of(key_id(key))},
    }


def _authority(url: str, *chain: Authority) -> dict[str, Any]:
    certificates = [{"rawBytes": base64_of(authority.certificate.public_bytes(Encoding.DER))} for authority in chain]
    return {
        "subject": {"organization": ORGANISATION, "commonName": "authority"},
        "uri": url,
        "certChain": {"certificates": certificates},
        "validFor": VALID,
    }

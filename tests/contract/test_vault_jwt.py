"""Logging in to a real OpenBao by a JWT, as a CI job does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pratique.clients.vault import open_vault
from pratique.errors import Refused
from pratique.local.openbao import OpenBao
from pratique.settings import JwtLogin, VaultSettings
from pratique.values.references import SecretReference
from tests.chains import all_that_it_says
from tests.services.openbao import write

PASSWORD = SecretReference.parse("vault:kv/data/login#password")


@pytest.fixture(autouse=True)
def _secret(openbao: OpenBao) -> None:
    openbao.put_secret("login", {"password": "s3cret"})


def read(settings: VaultSettings) -> str:
    with open_vault(settings) as vault:
        return vault.read(PASSWORD)


@pytest.fixture(scope="module")
def issuer(openbao: OpenBao) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write(openbao, "sys/auth/ci", type="jwt")
    write(openbao, "auth/ci/config", jwt_validation_pubkeys=[pem.decode()], bound_issuer="https://ci.test")
    write(
        openbao,
        "auth/ci/role/delivery",
        role_type="jwt",
        user_claim="sub",
        bound_audiences=["vault"],
        bound_subject="job-7",
        token_policies=["pratique-secrets"],
        token_ttl="10m",
    )
    return key


def settings_for(openbao: OpenBao, file: Path, role: str = "delivery") -> VaultSettings:
    return VaultSettings(address=openbao.address, login=JwtLogin(mount="ci", role=role, jwt_file=file))


def issue(issuer: ec.EllipticCurvePrivateKey, **claims: Any) -> str:
    now = int(time.time())
    body = {"iss": "https://ci.test", "aud": "vault", "sub": "job-7", "iat": now, "exp": now + 300} | claims
    return jwt.encode(body, issuer, algorithm="ES256")


def test_logs_in(openbao: OpenBao, issuer: ec.EllipticCurvePrivateKey, tmp_path: Path) -> None:
    (tmp_path / "jwt").write_text(issue(issuer))
    assert read(settings_for(openbao, tmp_path / "jwt")) == "s3cret"


@pytest.mark.parametrize("claims", [{"sub": "job-8"}, {"aud": "someone"}, {"exp": 1}, {"iss": "https://evil.test"}])
def test_claims_that_the_role_does_not_bind_are_refused(
    openbao: OpenBao, issuer: ec.EllipticCurvePrivateKey, tmp_path: Path, claims: dict[str, Any]
) -> None:
    token = issue(issuer, **claims)
    (tmp_path / "jwt").write_text(token)
    with pytest.raises(Refused, match="refused the login at auth/ci as role 'delivery'") as caught:
        read(settings_for(openbao, tmp_path / "jwt"))
    assert token not in all_that_it_says(caught.value)


def test_a_role_that_is_not_there_is_refused_by_name(
    openbao: OpenBao, issuer: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    (tmp_path / "jwt").write_text(issue(issuer))
    with pytest.raises(Refused, match="role 'absent'"):
        read(settings_for(openbao, tmp_path / "jwt", role="absent"))


def test_text_that_is_no_jwt_is_refused_and_not_quoted(
    openbao: OpenBao, issuer: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    (tmp_path / "jwt").write_text("canary-no-jwt")
    with pytest.raises(Refused) as caught:
        read(settings_for(openbao, tmp_path / "jwt"))
    assert "canary-no-jwt" not in all_that_it_says(caught.value)

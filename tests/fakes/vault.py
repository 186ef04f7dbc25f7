"""Vault in memory: the ports `Secrets` and `SigningKeys`, and what a test arranges behind them."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pratique.errors import Refused, Transient
from pratique.values.references import SecretReference

DELETED, DESTROYED = "deleted", "destroyed"


class FakeVault:
    """KV version 2 mounts and transit keys; every method keeps the contract that the real one keeps."""

    def __init__(self) -> None:
        self._secrets: dict[str, list[dict[str, object] | str]] = {}
        self._keys: dict[str, list[ec.EllipticCurvePrivateKey]] = {}
        self._oldest: dict[str, int] = {}
        self._denied: set[str] = set()
        self._sealed = False

    # What a test arranges.

    @property
    def vault(self) -> FakeVault:
        return self

    def put_secret(self, path: str, pairs: Mapping[str, object]) -> int:
        self._secrets.setdefault(f"kv/data/{path}", []).append(dict(pairs))
        return len(self._secrets[f"kv/data/{path}"])

    def delete_version(self, path: str, version: int) -> None:
        self._secrets[f"kv/data/{path}"][version - 1] = DELETED

    def destroy_version(self, path: str, version: int) -> None:
        self._secrets[f"kv/data/{path}"][version - 1] = DESTROYED

    def deny(self, path: str) -> None:
        self._denied.add(f"kv/data/{path}")

    def seal(self) -> None:
        self._sealed = True

    def unseal(self) -> None:
        self._sealed = False

    def create_key(self, name: str) -> None:
        self._keys[name] = [ec.generate_private_key(ec.SECP256R1())]

    def rotate_key(self, name: str) -> None:
        self._keys[name].append(ec.generate_private_key(ec.SECP256R1()))

    def retire_versions_before(self, name: str, version: int) -> None:
        self._oldest[name] = version

    # `Secrets`.

    def read(self, reference: SecretReference) -> str:
        path = f"{reference.mount}/data/{reference.path}"
        self._require_service(f"read {path}")
        if path in self._denied:
            raise Refused(f"the fake Vault denies read on {path}: its policies (fake) grant nothing there")
        versions = self._secrets.get(path, [])
        version = len(versions) if reference.version is None else reference.version
        if not 1 <= version <= len(versions):
            raise Refused(f"{reference}: there is nothing at {path} in version {version}")
        document = versions[version - 1]
        if isinstance(document, str):
            raise Refused(f"{reference}: version {version} was {document}")
        if reference.key not in document:
            raise Refused(f"{reference}: there is no key {reference.key!r} at {path}; its keys: {', '.join(sorted(document))}")
        value = document[reference.key]
        if not isinstance(value, str):
            raise Refused(f"{reference}: the value is no text: store it as a string")
        return value

    def read_all(self, references: Mapping[str, SecretReference]) -> dict[str, str]:
        values: dict[str, str] = {}
        reasons: list[str] = []
        for name, reference in references.items():
            try:
                values[name] = self.read(reference)
            except Refused as refused:
                reasons += refused.reasons
        if reasons:
            raise Refused(*reasons)
        return values

    # `SigningKeys`.

    def public_key(self, name: str, version: int | None = None) -> tuple[int, str]:
        self._require_service(f"read transit/keys/{name}")
        key = self._key(name)
        chosen = len(key) if version is None else version
        if not 1 <= chosen <= len(key):
            raise Refused(f"transit/keys/{name}: there is no version {chosen}")
        pem = (
            key[chosen - 1]
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return chosen, pem.decode()

    def sign(self, name: str, version: int, message: bytes) -> bytes:
        self._require_service(f"sign with transit/keys/{name}")
        key, oldest = self._key(name), self._oldest.get(name, 1)
        if not oldest <= version <= len(key):
            raise Refused(f"transit/keys/{name}: version {version} may not sign, versions {oldest} to {len(key)} may")
        return key[version - 1].sign(message, ec.ECDSA(hashes.SHA256()))

    def _key(self, name: str) -> list[ec.EllipticCurvePrivateKey]:
        if name not in self._keys:
            raise Refused(f"transit/keys/{name}: there is no such key")
        return self._keys[name]

    def _require_service(self, asked: str) -> None:
        if self._sealed:
            raise Transient(f"the fake Vault is sealed and did not {asked}")

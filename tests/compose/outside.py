"""What deployments/compose.yaml expects around it, for real and on this machine: Vault with a role for each worker, a registry,
an AWS endpoint, a Git forge, and a Docker host for the environments, reached by TLS.

The host is a container of outside.yaml with an engine of its own. The others listen on loopback; containers reach them at one
gate, an haproxy on the address of the engine's bridge, which speaks TLS for Vault and for Git.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import tomli_w
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pratique.clients.vault import open_vault
from pratique.local.aws import start_aws
from pratique.local.engine import ensure_front_image
from pratique.local.example import seed_secrets
from pratique.local.openbao import KEY, start_openbao
from pratique.local.process import Processes, free_port
from pratique.local.registry import start_registry
from tests.compose.images import DEPLOYMENTS
from tests.services.gitea import Gitea

ENVIRONMENTS = ("dev", "staging", "prod")
ROLES = ("control", "build", *ENVIRONMENTS)
SOCKET = "unix:///var/run/docker.sock"
NAMES = ("vault.example.com", "registry.example.com", "git.example.com", "aws.example.com")
HOSTS = tuple(f"{environment}.example.com" for environment in ENVIRONMENTS)
WEBHOOK_PATH = "compose/webhook"
USER = 10001
"""Of our image, whose secrets and certificates are read by nobody else."""


class Outside:
    """Everything of it, running until `down`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "pratique.toml"
        self.signing_key = folder / "release-signing.pem"
        self.secrets = folder / "secrets"
        self.role_ids: dict[str, str] = {}
        self.audit = folder / "openbao" / "audit.log"
        self._processes = Processes(folder / "processes")
        self._ports = {name: free_port() for name in NAMES}

    def up(self) -> None:
        """Everything started and filled, and what the compose file reads written."""
        self.openbao = start_openbao(self._processes, self.folder / "openbao", free_port())
        seed_secrets(self.openbao)
        registry = start_registry(self._processes, self.folder / "registry", free_port())
        aws = start_aws(self._processes, free_port())
        self.forge = Gitea(self._processes, self.folder / "gitea", f"https://{self._at('git.example.com')}")
        self.forge.start()
        self._certify()
        addresses = (self.openbao.address.partition("//")[2], registry, self.forge.address, aws.partition("//")[2])
        self._open_gate(dict(zip(NAMES, addresses, strict=True)))
        self._write_settings()
        self._issue_roles()

    def down(self) -> None:
        for name in ("gate", "gitea", "aws", "registry", "openbao"):
            self._processes.stop(name)
        shutil.rmtree(self.folder)

    def variables(self) -> dict[str, str]:
        """What compose.yaml and outside.yaml read from the environment."""
        return {
            "OUTSIDE": str(self.folder),
            "GATE": self._gate,
            "DOCKER_GROUP": str(Path("/var/run/docker.sock").stat().st_gid),
            "REGISTRY": self._at("registry.example.com"),
            **{f"VAULT_ROLE_{role.upper()}": self.role_ids[role] for role in ROLES},
        }

    def names(self) -> dict[str, str]:
        """Names that containers are told the address of."""
        return dict.fromkeys(NAMES, self._gate)

    def files_of(self, environment: str) -> tuple[Path, Path]:
        """Folders with the settings and the secrets of one environment's runs, as a host of containers has them."""
        settings, secrets = self.folder / f"settings-{environment}", self.folder / f"secrets-{environment}"
        shutil.copytree(self.folder / f"docker-{environment}", settings / "docker")
        for file in (self.settings, self.signing_key, self.folder / "ca.pem"):
            shutil.copy(file, settings)
        secrets.mkdir()
        for name in ("prefect_auth", "ledger_password"):
            shutil.copy(self.secrets / name, secrets)
        shutil.copy(self.secrets / f"vault_secret_id_{environment}", secrets / "vault_secret_id")
        for path in (*settings.rglob("*"), *secrets.iterdir()):
            shutil.chown(path, USER, USER)
        return settings, secrets

    def reads_of(self, path: str) -> set[str]:
        """The AppRoles that Vault gave a secret to, by its audit log."""
        entries = map(json.loads, self.audit.read_text().splitlines())
        given = [
            one for one in entries if one["type"] == "response" and one["request"].get("path") == path and not one.get("error")
        ]
        return {str(one["auth"]["metadata"]["role_name"]) for one in given if "role_name" in one["auth"].get("metadata", {})}

    def _at(self, name: str) -> str:
        return f"{name}:{self._ports[name]}"

    def _write_settings(self) -> None:
        """Those that ship, with the addresses of this machine; the files that they name, too."""
        content = tomllib.loads((DEPLOYMENTS / "compose" / "pratique.toml").read_text())
        content["registry"] = {"address": self._at("registry.example.com"), "plain_http": True}
        content["vault"]["address"] = f"https://{self._at('vault.example.com')}"
        content["vault"]["ca_bundle"] = "/etc/pratique/ca.pem"
        content["services"] = {"hello": {"repository": self.forge.repository}}
        forge = {"api": f"{self.forge.url}/api/v1", "token": "vault:kv/data/forge#token"}
        content["webhook"] |= {"secrets": {"gitea": [f"vault:kv/data/{WEBHOOK_PATH}#current"]}, "forges": {"gitea": forge}}
        keys = ("access_key_id", "secret_access_key")
        aws = {
            "region": "eu-central-1",
            "endpoint": f"http://{self._at('aws.example.com')}",
            "credentials": {key: f"vault:kv/data/aws#{key}" for key in keys},
        }
        self.front = ensure_front_image(SOCKET)
        for name in ENVIRONMENTS:
            content["environments"][name]["aws"] = aws
            content["environments"][name]["targets"]["docker"]["front_image"] = self.front
        self.settings.write_text(tomli_w.dumps(content))
        with open_vault(self.openbao.settings) as vault:
            self.signing_key.write_text(vault.public_key(KEY)[1])

    def _issue_roles(self) -> None:
        """An AppRole for each secret id that compose.yaml hands out, and what it may read."""
        self.openbao.put_secret(WEBHOOK_PATH, {"current": self.forge.webhook_secret})
        self.openbao.put_secret("forge", {"token": self.forge.token})
        reads = {
            "control": [f"kv/data/{WEBHOOK_PATH}", "kv/data/forge"],
            "build": ["kv/data/aws"],
            **{name: [f"kv/data/hello/{name}", "kv/data/aws"] for name in ENVIRONMENTS},
        }
        self.secrets.mkdir()
        with self.openbao.administration() as client:
            for role in ROLES:
                rules = {path: {"capabilities": ["read"]} for path in reads[role]}
                policies = [f"compose-{role}"] + (["pratique-signing"] if role != "control" else [])
                client.adapter.post(f"/v1/sys/policies/acl/compose-{role}", json={"policy": json.dumps({"path": rules})})
                place = f"/v1/auth/approle/role/{role}"
                client.adapter.post(place, json={"token_policies": policies, "token_ttl": "10m", "token_max_ttl": "1h"})
                self.role_ids[role] = client.adapter.get(f"{place}/role-id").data["role_id"]
                (self.secrets / f"vault_secret_id_{role}").write_text(
                    client.adapter.post(f"{place}/secret-id", json={}).data["secret_id"]
                )
        command = [str(DEPLOYMENTS / "compose" / "make-secrets"), str(self.secrets)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert not done.stderr, done.stderr

    def _certify(self) -> None:
        """A CA, a certificate for the gate, one for the Docker host, and one for each worker that reaches it."""
        authority = _Authority()
        (self.folder / "ca.pem").write_bytes(authority.pem)
        key, certificate = authority.issue("gate", NAMES)
        (self.folder / "gate.pem").write_bytes(certificate + key)
        for name in ("hosts", *ENVIRONMENTS):
            place = self.folder / f"docker-{name}"
            place.mkdir()
            key, certificate = authority.issue(name, HOSTS if name == "hosts" else ())
            for file, content in {"ca.pem": authority.pem, "cert.pem": certificate, "key.pem": key}.items():
                (place / file).write_bytes(content)
                (place / file).chmod(0o400)
                shutil.chown(place / file, USER, USER)

    def _open_gate(self, behind: Mapping[str, str]) -> None:
        bridge = psutil.net_if_addrs()["docker0"]
        self._gate = next(one.address for one in bridge if one.family is socket.AF_INET)
        lines = ["defaults", "  mode tcp", "  timeout connect 10s", "  timeout client 1h", "  timeout server 1h"]
        for name, port in self._ports.items():
            tls = f" ssl crt {self.folder / 'gate.pem'}" if name in ("vault.example.com", "git.example.com") else ""
            lines += [f"listen {name}", f"  bind {self._gate}:{port}{tls}", f"  server one {behind[name]}"]
        file = self.folder / "gate.cfg"
        file.write_text("\n".join([*lines, ""]))
        program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        assert program is not None, "apt-get install haproxy"
        self._processes.start("gate", [program, "-db", "-f", str(file)], ready=lambda: True, port=self._ports[NAMES[0]])


class _Authority:
    """A CA that lives for some hours, as all that it issues."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "compose.test")])
        builder = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.pem = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, name: str, hosts: Sequence[str]) -> tuple[bytes, bytes]:
        """A key and its certificate: for a server with these names, or, without any, for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in hosts]), critical=False)
        pem = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), pem

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=6))
        )

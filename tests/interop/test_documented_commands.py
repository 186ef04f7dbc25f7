"""The commands of docs/formats.md that begin with `cosign`, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.interop.parties import PIPELINE, Place, token_file, with_identity, with_key
from tests.peers import PEERS
from tests.services._private_sigstore.deployment import PrivateSigstore
from tests.services.cosign import Cosign

pytestmark = pytest.mark.xdist_group("interop")

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
COMMANDS = re.findall(r"^\$ ((?:cosign|echo) (?:.*\\\n)*.*)$", PAGE, re.MULTILINE)


def test_the_page_names_the_version_that_runs(cosign: Cosign) -> None:
    (version,) = set(re.findall(r"cosign@(v[\d.]+)", PAGE))
    assert PEERS["cosign"].version == version
    assert re.search(rf"^GitVersion: +{re.escape(version)}$", cosign.run("version").stdout, re.MULTILINE)
    assert f"cosign {version}" in PAGE


def test_each_command_does_what_the_page_says(place: Place, cosign: Cosign, private_sigstore: PrivateSigstore) -> None:
    by_key, by_identity = with_key(cosign), with_identity(private_sigstore, "v2-timestamp")
    for party in (by_key, by_identity):
        place.sign(party.signer, party.trusted)
    cosign.key_pair("cosign")
    beside = {
        "trusted_root.json": private_sigstore.trusted_root,
        "signing_config.json": private_sigstore.signing_configurations["v2-timestamp"],
        "token.jwt": token_file(cosign, private_sigstore),
    }
    for name, file in beside.items():
        (cosign.folder / name).write_bytes(Path(file).read_bytes())
    (cosign.folder / "review.json").write_text("{}")
    variables = {
        "registry": place.address,
        "release": place.stored.digest,
        "identity": PIPELINE,
        "issuer": private_sigstore.issuer.url,
    }
    assert len(COMMANDS) == 11
    for command in COMMANDS:
        ran = cosign.typed(command, **variables)
        assert ran.returncode == 0, f"{command}: {ran.stderr}"
        assert ran.stdout or command.startswith(("cosign sign", "cosign attest", "echo")), command


@pytest.mark.parametrize(
    "message",
    [
        "not enough verified log entries from transparency log: 0 < 1",
        "none of the attestations matched the predicate type",
        "accepted signatures do not match threshold, Found: 0, Expected 1",
        "expected SAN value",
        "expected issuer value",
    ],
)
def test_the_page_quotes_what_cosign_says(
    message: str, place: Place, cosign: Cosign, private_sigstore: PrivateSigstore
) -> None:
    assert message in PAGE
    by_key, by_identity = with_key(cosign), with_identity(private_sigstore, "v2-timestamp")
    with_key(cosign, "stranger")
    for party in (by_key, by_identity):
        place.sign(party.signer, party.trusted)
    root, issuer = ("--trusted-root", str(private_sigstore.trusted_root)), private_sigstore.issuer.url
    said = [
        cosign.run(*command, place.name).stderr
        for command in (
            ["verify", "--key", "pratique.pub", *root],
            ["verify-attestation", *by_key.flags, "--type", "spdx"],
            ["verify", "--key", "stranger.pub", "--insecure-ignore-tlog=true"],
            ["verify", "--certificate-identity", "nobody", "--certificate-oidc-issuer", issuer, *root],
            ["verify", "--certificate-identity", PIPELINE, "--certificate-oidc-issuer", "https://nobody.test", *root],
        )
    ]
    assert any(message in one for one in said), said

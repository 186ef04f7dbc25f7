"""The evidence file of a release that was signed keyless, by identities of a private Sigstore deployment and by keys, mixed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

import pytest
from pytest_socket import SocketBlockedError, disable_socket, enable_socket

from pratique.clients.sigstore import OfflineEvidenceVerifier
from pratique.pipeline.exporting import collect, policies_artifact, trust_artifact, verify_file
from pratique.values.trust import TrustedIdentity
from tests.contract.test_evidence import CONFIGURATIONS, STRANGER, keyless, trust_in
from tests.fakes.evidenced import Evidenced, evidenced, key, signer
from tests.services._private_sigstore.deployment import PrivateSigstore


@pytest.fixture
def closing() -> Iterator[None]:
    yield
    enable_socket()


def mixed(deployment: PrivateSigstore, configuration: str) -> Evidenced:
    """The release, every second of the pipeline's statements signed by its identity, the others by its key."""
    signers = cycle([keyless(deployment, configuration), signer("pipeline")])
    found = evidenced(pipeline=lambda _name: next(signers))
    return trusting(found, trust_in(deployment))


def trusting(found: Evidenced, identity: TrustedIdentity) -> Evidenced:
    """Every environment trusts the pipeline's key, and this identity."""
    places = {
        name: place.model_copy(update={"trust": (key("pipeline"), identity)})
        for name, place in found.material.environments.items()
    }
    return replace(found, material=found.material.model_copy(update={"environments": places}))


def exported(found: Evidenced) -> bytes:
    own = [trust_artifact(found.material), policies_artifact({})]
    return collect(found.in_registry(), found.stored, own).written()


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_keys_and_identities_mix_in_one_chain_that_is_verified_with_nobody_to_ask(
    private_sigstore: PrivateSigstore, configuration: str, closing: None
) -> None:
    content = exported(mixed(private_sigstore, configuration))
    disable_socket()
    with pytest.raises(SocketBlockedError), pytest.warns(UserWarning, match="tried to use socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    verified = verify_file(content, OfflineEvidenceVerifier())
    assert verified.proof.problems == ()
    signers = {who for part in verified.proof.parts for who in part.by}
    assert len(signers) == 2, "a key and an identity"


def test_another_identity_of_the_same_issuer_is_nobody(private_sigstore: PrivateSigstore) -> None:
    found = mixed(private_sigstore, "v2-timestamp")
    mine = trusting(found, trust_in(private_sigstore, STRANGER)).material
    verified = verify_file(exported(found), OfflineEvidenceVerifier(), material=mine)
    assert f"trusted identity {STRANGER}" in " ".join(verified.proof.problems)

"""Evidence of ours, verified and refused by the real cosign, in registries with and without the referrers API."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pratique.decisions.provenance import RunDetails, image_statements
from pratique.values.evidence import PROVENANCE_PREDICATE, SIGNATURE_PREDICATE
from pratique.values.grant import GRANT_PREDICATE
from pratique.values.references import ImageReference
from tests.contract.test_registry import image_of
from tests.fakes.stored_release import COMMIT
from tests.interop.parties import CONFIGURATIONS, STRANGER, Party, Place, identity_flags, with_identity, with_key
from tests.services._private_sigstore.deployment import PrivateSigstore
from tests.services.cosign import Cosign

pytestmark = pytest.mark.xdist_group("interop")

TYPES = {SIGNATURE_PREDICATE: SIGNATURE_PREDICATE, PROVENANCE_PREDICATE: "slsaprovenance1", GRANT_PREDICATE: GRANT_PREDICATE}
"""What cosign is told for each type of predicate: it has short names for those that it knows."""


@pytest.fixture(params=["key", *CONFIGURATIONS])
def ours(request: pytest.FixtureRequest, cosign: Cosign, private_sigstore: PrivateSigstore, place: Place) -> Party:
    """Who signed everything of the release."""
    party = with_key(cosign) if request.param == "key" else with_identity(private_sigstore, request.param)
    place.sign(party.signer, party.trusted)
    return party


def accepted(ran: CompletedProcess[str]) -> list[bytes]:
    """The statements that cosign says it has verified."""
    assert ran.returncode == 0, ran.stderr
    return [base64.b64decode(json.loads(line)["payload"]) for line in ran.stdout.splitlines()]


def refused(ran: CompletedProcess[str], reason: str) -> None:
    assert ran.returncode != 0
    assert reason in ran.stderr


def test_the_signature_is_accepted(cosign: Cosign, place: Place, ours: Party) -> None:
    ran = cosign.run("verify", *ours.flags, place.name)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert {one["critical"]["image"]["docker-manifest-digest"] for one in found} == {place.stored.digest}
    assert SIGNATURE_PREDICATE in {one["critical"]["type"] for one in found}


def test_each_attestation_is_accepted_and_is_what_was_signed(cosign: Cosign, place: Place, ours: Party) -> None:
    for statement in place.statements():
        told = TYPES[statement.predicate_type]
        found = accepted(cosign.run("verify-attestation", *ours.flags, "--type", told, place.name))
        assert found == [statement.payload()]


def test_signature_and_provenance_of_an_image_are_accepted(cosign: Cosign, place: Place, tmp_path: Path) -> None:
    ours = with_key(cosign)
    image = ImageReference(
        repository="greeter/images/web", digest=place.registry.push_image("greeter/images/web", image_of(tmp_path), print)
    )
    run = RunDetails(builder="https://example.test/builder")
    signature, provenance = image_statements(image, place.stored.release.manifest.images[0], COMMIT, run)
    place.sign(ours.signer, ours.trusted, [signature, provenance], image)
    name = f"{place.address}/{image}"
    assert cosign.run("verify", *ours.flags, name).returncode == 0
    for statement in (signature, provenance):
        told = TYPES[statement.predicate_type]
        assert accepted(cosign.run("verify-attestation", *ours.flags, "--type", told, name)) == [statement.payload()]
    refused(cosign.run("verify-attestation", *ours.flags, "--type", GRANT_PREDICATE, name), "none of the attestations matched")


def test_cosign_takes_any_attestation_for_a_signature_and_we_do_not(cosign: Cosign, place: Place) -> None:
    ours = with_key(cosign)
    place.sign(ours.signer, ours.trusted, [one for one in place.statements() if one.predicate_type == PROVENANCE_PREDICATE])
    assert cosign.run("verify", *ours.flags, place.name).returncode == 0
    assert not place.gathered(ours.trusted).is_signed


def test_an_attestation_of_another_type_is_refused(cosign: Cosign, place: Place, ours: Party) -> None:
    for told in ("spdx", "https://pratique.dev/grant/v2"):
        ran = cosign.run("verify-attestation", *ours.flags, "--type", told, place.name)
        refused(ran, "none of the attestations matched the predicate type")


def test_another_key_is_refused(cosign: Cosign, place: Place) -> None:
    ours, theirs = with_key(cosign), with_key(cosign, "stranger")
    place.sign(ours.signer, ours.trusted)
    for command in (["verify"], ["verify-attestation", "--type", "slsaprovenance1"]):
        refused(cosign.run(*command, *theirs.flags, place.name), "accepted signatures do not match threshold")


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_another_identity_issuer_or_deployment_is_refused(
    cosign: Cosign,
    place: Place,
    private_sigstore: PrivateSigstore,
    configuration: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    ours = with_identity(private_sigstore, configuration)
    place.sign(ours.signer, ours.trusted)
    with PrivateSigstore(tmp_path_factory.mktemp("other")) as other:
        elsewhere = identity_flags(other, issuer=private_sigstore.issuer.url)
    for flags, reason in (
        (identity_flags(private_sigstore, STRANGER), f'expected SAN value "{STRANGER}"'),
        (identity_flags(private_sigstore, issuer="https://accounts.google.com"), "expected issuer value"),
        (elsewhere, "no matching attestations"),
    ):
        for command in (["verify"], ["verify-attestation", "--type", "slsaprovenance1"]):
            refused(cosign.run(*command, *flags, place.name), reason)


def test_a_key_is_not_trusted_for_an_identity_nor_the_other_way_round(
    cosign: Cosign, place: Place, private_sigstore: PrivateSigstore
) -> None:
    by_key, by_identity = with_key(cosign), with_identity(private_sigstore, "v2-timestamp")
    place.sign(by_identity.signer, by_identity.trusted)
    refused(cosign.run("verify", *by_key.flags, place.name), "no matching attestations")
    place.sign(by_key.signer, by_key.trusted)
    for party in (by_key, by_identity):
        assert cosign.run("verify", *party.flags, place.name).returncode == 0


def test_evidence_copied_from_another_release_is_refused(cosign: Cosign, place: Place, ours: Party) -> None:
    other = place.registry.push_artifact("greeter/releases", "application/vnd.example.release", b"other", (), {})
    for bundle in place.registry.bundles("greeter/releases", place.stored.digest):
        place.registry.attach("greeter/releases", other, bundle, PROVENANCE_PREDICATE, COMMIT.committed_at)
    name = place.name.replace(place.stored.digest, other)
    refused(cosign.run("verify", *ours.flags, name), "digest")
    refused(cosign.run("verify-attestation", *ours.flags, "--type", "slsaprovenance1", name), "digest")


def test_a_signature_by_a_key_that_is_in_no_log_needs_to_be_told_so(
    cosign: Cosign, place: Place, private_sigstore: PrivateSigstore
) -> None:
    ours = with_key(cosign)
    place.sign(ours.signer, ours.trusted)
    strict = ("--key", "pratique.pub", "--trusted-root", str(private_sigstore.trusted_root))
    refused(cosign.run("verify", *strict, place.name), "not enough verified log entries")

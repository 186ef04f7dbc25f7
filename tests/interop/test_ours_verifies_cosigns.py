"""What the real cosign signed, gathered and verified by us: by key and by identity, with and without a log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pratique.clients.sigstore.artifact import verify_artifact
from pratique.errors import Refused
from pratique.values.digest import digest_of
from pratique.values.evidence import SIGNATURE_PREDICATE, IdentitySigner, KeySigner
from pratique.values.trust import Trusted, TrustedKey
from tests.interop.parties import (
    CONFIGURATIONS,
    PIPELINE,
    STRANGER,
    Place,
    identity_of,
    token_file,
    with_identity,
    with_key,
)
from tests.services._private_sigstore.deployment import PrivateSigstore
from tests.services.cosign import Cosign

pytestmark = pytest.mark.xdist_group("interop")

TYPE, PREDICATE = "https://example.test/review/v1", {"reviewed": "yes"}
NO_LOG = {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"}
"""A signing configuration that names no service."""


@pytest.fixture(params=["key", "keyless"])
def by(request: pytest.FixtureRequest, cosign: Cosign, private_sigstore: PrivateSigstore) -> tuple[str, ...]:
    if request.param == "keyless":
        return ("--identity-token", str(token_file(cosign, private_sigstore)))
    cosign.key_pair("theirs")
    return ("--key", "theirs.key")


def succeeds(cosign: Cosign, *arguments: str | Path) -> None:
    ran = cosign.run(*arguments)
    assert ran.returncode == 0, ran.stderr


def signed_and_attested(cosign: Cosign, place: Place, *flags: str | Path) -> None:
    (cosign.folder / "predicate.json").write_text(json.dumps(PREDICATE))
    succeeds(cosign, "sign", *flags, place.name)
    succeeds(cosign, "attest", *flags, "--type", TYPE, "--predicate", "predicate.json", place.name)


def trusted_for(by: tuple[str, ...], cosign: Cosign, deployment: PrivateSigstore, *, logged: bool) -> Trusted:
    if by[0] == "--key":
        return TrustedKey(file=cosign.folder / "theirs.pub", trusted_root=deployment.trusted_root if logged else None)
    return identity_of(deployment)


def found_with(place: Place, trusted: Trusted) -> None:
    """Both statements are found, speak of the release, and nothing was refused."""
    gathered = place.gathered(trusted)
    assert gathered.rejected == ()
    statements = {found.statement.predicate_type: found for found in gathered.verified}
    assert set(statements) == {SIGNATURE_PREDICATE, TYPE}
    assert statements[TYPE].statement.predicate == PREDICATE
    assert gathered.is_signed
    for found in statements.values():
        assert found.statement.speaks_of(place.stored.digest)
        assert isinstance(found.signer, KeySigner if isinstance(trusted, TrustedKey) else IdentitySigner)


def test_what_a_key_signed_without_a_log_is_accepted(cosign: Cosign, place: Place, private_sigstore: PrivateSigstore) -> None:
    cosign.key_pair("theirs")
    (cosign.folder / "no-log.json").write_text(json.dumps(NO_LOG))
    signed_and_attested(
        cosign, place, "--key", "theirs.key", "--signing-config", "no-log.json", "--trusted-root", private_sigstore.trusted_root
    )
    found_with(place, TrustedKey(file=cosign.folder / "theirs.pub"))
    asked = place.gathered(TrustedKey(file=cosign.folder / "theirs.pub", trusted_root=private_sigstore.trusted_root))
    assert asked.verified == ()
    assert all("in no transparency log" in reason for reason in asked.rejected)


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_what_a_log_holds_is_accepted_by_key_and_by_identity(
    cosign: Cosign, place: Place, private_sigstore: PrivateSigstore, by: tuple[str, ...], configuration: str
) -> None:
    config, root = private_sigstore.signing_configurations[configuration], private_sigstore.trusted_root
    signed_and_attested(cosign, place, *by, "--signing-config", config, "--trusted-root", root)
    found_with(place, trusted_for(by, cosign, private_sigstore, logged=True))
    if by[0] == "--key":
        found_with(place, trusted_for(by, cosign, private_sigstore, logged=False))


def test_another_key_and_another_identity_are_refused(
    cosign: Cosign, place: Place, private_sigstore: PrivateSigstore, by: tuple[str, ...]
) -> None:
    config, root = private_sigstore.signing_configurations["v2-timestamp"], private_sigstore.trusted_root
    signed_and_attested(cosign, place, *by, "--signing-config", config, "--trusted-root", root)
    for stranger in (with_key(cosign, "stranger").trusted, identity_of(private_sigstore, STRANGER)):
        gathered = place.gathered(stranger)
        assert gathered.verified == ()
        assert len(gathered.rejected) == 2


def test_cosigns_evidence_and_ours_stand_beside_each_other(
    cosign: Cosign, place: Place, private_sigstore: PrivateSigstore, by: tuple[str, ...]
) -> None:
    before, after = with_key(cosign), with_identity(private_sigstore, "v1-timestamp", "second@factory.test")
    config, root = private_sigstore.signing_configurations["v2-timestamp"], private_sigstore.trusted_root
    place.sign(before.signer, before.trusted)
    signed_and_attested(cosign, place, *by, "--signing-config", config, "--trusted-root", root)
    place.sign(after.signer, after.trusted)
    found_by = {
        len(place.gathered(trusted).verified)
        for trusted in (before.trusted, after.trusted, trusted_for(by, cosign, private_sigstore, logged=True))
    }
    assert found_by == {len(place.statements()), 2}
    assert cosign.run("verify", *before.flags, place.name).returncode == 0
    assert cosign.run("verify", *after.flags, place.name).returncode == 0


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_the_first_entry_of_a_new_log_is_accepted_though_its_index_and_its_proof_are_not_written(
    cosign: Cosign, place: Place, by: tuple[str, ...], configuration: str, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    with PrivateSigstore(folder) as new:
        if by[0] == "--identity-token":
            token_file(cosign, new)
        config, root = new.signing_configurations[configuration], new.trusted_root
        succeeds(cosign, "sign", *by, "--signing-config", config, "--trusted-root", root, place.name)
    (bundle,) = place.registry.bundles(place.reference.repository, place.stored.digest)
    (entry,) = json.loads(bundle)["verificationMaterial"]["tlogEntries"]
    assert "hashes" not in entry["inclusionProof"]
    assert "logIndex" not in entry
    assert place.gathered(trusted_for(by, cosign, new, logged=True)).is_signed


P384 = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")


def test_a_key_of_another_size_signs_another_hash(cosign: Cosign, place: Place, private_sigstore: PrivateSigstore) -> None:
    cosign.imported_key_pair("theirs", *P384)
    # Only the second version of Rekor takes an envelope that is signed over another hash than sha256.
    config, root = private_sigstore.signing_configurations["v2-timestamp"], private_sigstore.trusted_root
    logged = ("--key", "theirs.key", "--signing-config", config, "--trusted-root", root)
    trusted = TrustedKey(file=cosign.folder / "theirs.pub", trusted_root=root)
    signed_and_attested(cosign, place, *logged)
    found_with(place, trusted)
    (cosign.folder / "file").write_bytes(b"any file")
    succeeds(cosign, "sign-blob", *logged, "--bundle", "file.json", "file")
    assert verify_artifact((cosign.folder / "file.json").read_bytes(), b"any file", [trusted]).statement is None
    # cosign itself has to be told the hash, or does not recognise what it signed.
    for told, code in ((("--signature-digest-algorithm", "sha384"), 0), ((), 1)):
        ran = cosign.run("verify", "--key", "theirs.pub", "--insecure-ignore-tlog=true", *told, place.name)
        assert ran.returncode == code, ran.stderr


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_file_that_cosign_signed_is_verified_by_key_and_by_identity(
    cosign: Cosign, private_sigstore: PrivateSigstore, by: tuple[str, ...], configuration: str
) -> None:
    content = b"any file at all\n"
    (cosign.folder / "file").write_bytes(content)
    config, root = private_sigstore.signing_configurations[configuration], private_sigstore.trusted_root
    succeeds(cosign, "sign-blob", *by, "--signing-config", config, "--trusted-root", root, "--bundle", "file.json", "file")
    bundle = (cosign.folder / "file.json").read_bytes()
    trusted = trusted_for(by, cosign, private_sigstore, logged=True)
    for artifact in (content, digest_of(content)):
        found = verify_artifact(bundle, artifact, [trusted])
        assert found.statement is None
        if isinstance(found.signer, IdentitySigner):
            assert found.signer.identity == PIPELINE
    for other in (b"another file\n", digest_of(b"another file\n")):
        with pytest.raises(Refused, match="digest"):
            verify_artifact(bundle, other, [trusted])
    for stranger in (with_key(cosign, "stranger").trusted, identity_of(private_sigstore, STRANGER)):
        with pytest.raises(Refused, match="not signed by anyone trusted"):
            verify_artifact(bundle, content, [stranger])

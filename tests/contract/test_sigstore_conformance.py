"""`verify_artifact` on every case of Sigstore's own conformance suite; the cases are described in their folder's README."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from pathlib import Path

import pytest

from pratique.clients.sigstore.artifact import VerifiedArtifact, verify_artifact
from pratique.clients.sigstore.roots import public_trust_config
from pratique.errors import Refused
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import IdentitySigner, KeySigner
from pratique.values.trust import Trusted, TrustedIdentity, TrustedKey
from tests.mutations import edits

FOLDER = Path(__file__).parents[1] / "cases" / "sigstore_conformance" / "bundle-verify"
CASES = sorted(folder for folder in FOLDER.iterdir() if folder.is_dir())
REASONS: dict[str, str] = json.loads((FOLDER.parents[1] / "sigstore_reasons.json").read_text())
"""A part of the reason for which each case is refused that must be."""

EXCEPTIONS = {
    "intoto-with-custom-trust-root": (
        "Its log entry is of the type `intoto`, which sigstore-python does not read. Rekor deprecated it in favour of `dsse`, "
        "and the suite itself calls its cases optional: `older, deprecated intoto types that can be ignored for new clients`"
    ),
}
"""Where our verdict is not the suite's, and why."""

WORKFLOW = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
    "extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"


@pytest.fixture(scope="module")
def public_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public good instance's root, as sigstore-python brings it, in a file: keys ask for a log only where one is named."""
    file = tmp_path_factory.mktemp("public") / "trusted_root.json"
    file.write_text(public_trust_config(refresh=False)._inner.trusted_root.to_json())
    return file


def given(case: Path, name: str) -> Path | None:
    return case / name if (case / name).exists() else None


def text(case: Path, name: str, default: str) -> str:
    file = given(case, name)
    return file.read_text().strip() if file else default


def signer_of(case: Path, public_root: Path) -> Trusted:
    root, key = given(case, "trusted_root.json"), given(case, "key.pub")
    if key:
        return TrustedKey(file=key, trusted_root=root or public_root)
    return TrustedIdentity(identity=text(case, "identity", WORKFLOW), issuer=text(case, "issuer", ISSUER), trusted_root=root)


def bundle_of(case: Path) -> bytes:
    return (case / "bundle.sigstore.json").read_bytes()


def must_be_refused(case: Path) -> bool:
    return case.name.endswith("_fail")


def verdict(case: Path, artifact: bytes | Digest, signer: Trusted) -> VerifiedArtifact | str:
    """What is found, or why it is refused."""
    try:
        return verify_artifact(bundle_of(case), artifact, [signer])
    except Refused as no:
        return no.reasons[-1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_the_suites_unless_an_exception_says_why(case: Path, public_root: Path) -> None:
    artifact, signer = (given(case, "artifact") or FOLDER / "a.txt").read_bytes(), signer_of(case, public_root)
    found = verdict(case, artifact, signer)
    assert found == verdict(case, digest_of(artifact), signer)
    assert (must_be_refused(case) == isinstance(found, str)) != (case.name in EXCEPTIONS), found
    if isinstance(found, str):
        assert REASONS.get(case.name, "") in found
    else:
        assert isinstance(found.signer, KeySigner if isinstance(signer, TrustedKey) else IdentitySigner)
        assert (found.statement is not None) == ("dsseEnvelope" in json.loads(bundle_of(case)))


ACCEPTED = ["happy-path-v0.1", "happy-path-intoto-in-dsse-v3", "rekor2-happy-path", "managed-key-happy-path"]


@pytest.mark.parametrize("name", ACCEPTED)
def test_no_edit_of_any_field_of_an_accepted_case_is_accepted(name: str, public_root: Path) -> None:
    case = FOLDER / name
    artifact, signer = (FOLDER / "a.txt").read_bytes(), signer_of(case, public_root)
    found = verify_artifact(bundle_of(case), artifact, [signer])
    for edited in edits(json.loads(bundle_of(case))):
        with contextlib.suppress(Refused):
            # Some fields are only said, and signed by nobody; what is found must be the very same.
            assert verify_artifact(json.dumps(edited).encode(), artifact, [signer]) == found


def test_every_case_that_must_be_refused_has_its_reason_and_no_other() -> None:
    assert sorted(REASONS) == [case.name for case in CASES if must_be_refused(case)]
    assert all(REASONS.values())


def test_every_exception_is_a_case_and_has_its_reason() -> None:
    assert sorted(EXCEPTIONS) == [case.name for case in CASES if case.name in EXCEPTIONS]
    assert all(EXCEPTIONS.values())


def test_every_version_content_and_signer_is_among_the_cases_that_are_accepted() -> None:
    assert Counter(must_be_refused(case) for case in CASES) == {True: 49, False: 21}
    bundles = [json.loads(bundle_of(case)) for case in CASES if not must_be_refused(case) and case.name not in EXCEPTIONS]
    assert {bundle["mediaType"].removeprefix("application/vnd.dev.sigstore.bundle") for bundle in bundles} == {
        "+json;version=0.1",
        "+json;version=0.2",
        "+json;version=0.3",
        ".v0.3+json",
    }
    assert {"messageSignature", "dsseEnvelope"} <= {key for bundle in bundles for key in bundle}
    assert {key for bundle in bundles for key in bundle["verificationMaterial"]} >= {
        "publicKey",
        "certificate",
        "x509CertificateChain",
    }

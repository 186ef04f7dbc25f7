"""Tampering is refused: by `promote`, by `plan` and by `verify`, each with its reason, and nothing in the environment changes.

The service is in dev. Its registry is then tampered with, and the release is to go on to staging.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from docker import DockerClient

from pratique.clients.releases import infrastructure, store_infrastructure
from pratique.clients.sigstore import KeyEvidenceSigner
from pratique.clients.sigstore.bundle import KeyEnvelope, read_bundle, write_key_bundle
from pratique.clients.vault import open_vault
from pratique.decisions.bundle import pack, unpack
from pratique.decisions.provenance import release_provenance
from pratique.settings import TokenLogin
from pratique.values.digest import digest_of
from pratique.values.evidence import Statement
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease, commit_tag
from tests.e2e.attacked import PIPELINE, REFUSED, Attacked
from tests.e2e.tampering import RUN, flipped_in_the_middle, signed_by
from tests.services._private_sigstore.deployment import KEYS, PrivateSigstore
from tests.services.openbao import write
from tests.services.stack import RunningStack, Service

if TYPE_CHECKING:
    from tests.fakes.flows_here import FlowsHere

pytestmark = pytest.mark.xdist_group("stack")

STRANGER = "stranger@factory.test"
ELSEWHERE = "https://elsewhere.test/identity"
NOBODY = "0" * 40
IN_DEV = ("attacked", "--in", "dev", "--reason", "errors since then")


@pytest.fixture(scope="module")
def attacked(stack: RunningStack, here: FlowsHere, private_sigstore: PrivateSigstore) -> Iterator[Attacked]:
    service = Service(stack, "attacked")
    service.delivered("--through", "dev")
    # The same keys under another issuer's name: what differs is the name alone.
    private_sigstore.fulcio.issuers[ELSEWHERE] = f"{private_sigstore.url}{KEYS}"
    engine = DockerClient.from_env()
    yield Attacked(service, engine, private_sigstore)
    engine.close()


@pytest.fixture(scope="module")
def stranger(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyEvidenceSigner]:
    """Signs with another transit key of the same Vault, one that nobody trusts."""
    openbao = stack.local.openbao()
    write(openbao, "transit/keys/stranger", type="ecdsa-p256")
    login = tmp_path_factory.mktemp("stranger") / "token"
    login.write_text(json.loads((openbao.folder / "keys.json").read_text())["root_token"])
    with open_vault(openbao.settings.model_copy(update={"login": TokenLogin(token_file=login)})) as vault:
        yield KeyEvidenceSigner(vault, "stranger")


# Evidence: what is attached is something else.

Evidence = Callable[[Attacked, KeyEvidenceSigner], tuple[ImageReference, Sequence[bytes]]]
"""Which image or release is tampered with, and what is attached to it instead of its own evidence."""


def _signature(it: Attacked, of: ImageReference) -> bytes:
    return it.intruder.with_our_key(it.intruder.statements(of)[0])[0]


def _provenance(it: Attacked, of: ImageReference) -> bytes:
    return it.intruder.with_our_key(it.intruder.statements(of)[1])[0]


def _with_payload(bundle: bytes, change: Callable[[bytes], bytes]) -> bytes:
    document = json.loads(bundle)
    payload = change(base64.b64decode(document["dsseEnvelope"]["payload"]))
    document["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    return json.dumps(document).encode()


def _flipped(it: Attacked, of: ImageReference) -> list[bytes]:
    return [_with_payload(bundle, flipped_in_the_middle) for bundle in it.intruder.bundles(of)]


def _under_our_name(it: Attacked, stranger: KeyEvidenceSigner) -> list[bytes]:
    """A stranger's bundles that name the pipeline's key."""
    ours = read_bundle(it.intruder.bundles(it.image)[0])
    theirs = [read_bundle(bundle) for bundle in signed_by(stranger, *it.intruder.statements(it.image))]
    return [
        write_key_bundle(bundle.payload, bundle.signature, ours.hint)
        for bundle in theirs
        if isinstance(bundle, KeyEnvelope) and isinstance(ours, KeyEnvelope)
    ]


def _of_commit(it: Attacked, of: ImageReference, **changes: str) -> list[bytes]:
    """Evidence by the pipeline's own key, its provenance of another commit."""
    commit = it.stored.release.commit.model_copy(update=changes)
    return it.intruder.with_our_key(*it.intruder.statements(of, commit))


def _of_other_parts(it: Attacked) -> list[bytes]:
    """Evidence by the pipeline's own key, its provenance of another infrastructure bundle."""
    release = it.stored.release.model_copy(update={"infrastructure": digest_of(b"other")})
    provenance: Statement = release_provenance(StoredRelease(digest=it.stored.digest, release=release), RUN)
    return [_signature(it, it.release), *it.intruder.with_our_key(provenance)]


def _of_another_release(it: Attacked) -> list[bytes]:
    return it.intruder.bundles(it.intruder.sign_release(it.intruder.forge_release()).reference)


EVIDENCE: dict[str, tuple[Evidence, list[str]]] = {
    "an unsigned image": (
        lambda it, _: (it.image, []),
        [r"attacked/images/hello@\S+ is not signed .*nothing is attached", r"attacked/images/hello@\S+ has no provenance"],
    ),
    "an unsigned release": (
        lambda it, _: (it.release, []),
        [r"attacked/releases@\S+ is not signed .*nothing is attached", r"attacked/releases@\S+ has no provenance"],
    ),
    "a flipped bit in the bundles of the image": (
        lambda it, _: (it.image, _flipped(it, it.image)),
        [r"images/hello@\S+ is not signed .*the signature does not fit the content, one of them was changed"],
    ),
    "a flipped bit in the bundles of the release": (
        lambda it, _: (it.release, _flipped(it, it.release)),
        [r"releases@\S+ is not signed .*the signature does not fit the content, one of them was changed"],
    ),
    "a bundle that is none any more": (
        lambda it, _: (it.image, [flipped_in_the_middle(b"{}")]),
        [r"images/hello@\S+ is not signed .*expected a Sigstore bundle"],
    ),
    "a signature by another key": (
        lambda it, stranger: (it.image, signed_by(stranger, *it.intruder.statements(it.image))),
        [r"images/hello@\S+ is not signed .*trusted key: the bundle names the key '\S+', this is "],
    ),
    "a signature by another key under the name of ours": (
        lambda it, stranger: (it.image, _under_our_name(it, stranger)),
        [r"images/hello@\S+ is not signed .*the signature does not fit the content"],
    ),
    "a signature by another identity": (
        lambda it, _: (it.release, signed_by(it.by_identity(STRANGER), *it.intruder.statements(it.release))),
        [r"releases@\S+ is not signed .*the bundle is signed with a certificate, not with this key"],
    ),
    "no signature, but provenance": (
        lambda it, _: (it.image, [_provenance(it, it.image)]),
        [r"images/hello@\S+ is not signed .*an attestation of type https://slsa\.dev/provenance/v1 is attached, which is"],
    ),
    "no provenance, but a signature": (
        lambda it, _: (it.image, [_signature(it, it.image)]),
        [r"images/hello@\S+ has no provenance"],
    ),
    "provenance naming another commit": (
        lambda it, _: (it.image, _of_commit(it, it.image, id=NOBODY)),
        [rf"the provenance of attacked/images/hello@\S+: it names the commit {NOBODY}, not "],
    ),
    "provenance of the release naming another repository": (
        lambda it, _: (it.release, _of_commit(it, it.release, repository="https://git.example.test/fork.git")),
        [r"the provenance of attacked/releases@\S+: it names the repository https://git\.example\.test/fork\.git, not "],
    ),
    "provenance of the release listing other infrastructure": (
        lambda it, _: (it.release, _of_other_parts(it)),
        [r"the provenance of attacked/releases@\S+: it does not list infrastructure sha256:"],
    ),
    "evidence copied from another release": (
        lambda it, _: (it.release, _of_another_release(it)),
        [r"releases@\S+ is not signed .*a signature is attached that speaks of sha256:", r"it does not speak of sha256:"],
    ),
    "evidence of the image copied to the release": (
        lambda it, _: (it.release, it.intruder.bundles(it.image)),
        [r"releases@\S+ is not signed .*a signature is attached that speaks of sha256:", r"it does not speak of sha256:"],
    ),
}


@pytest.mark.parametrize("case", EVIDENCE)
def test_evidence_that_was_tampered_with_is_refused(attacked: Attacked, stranger: KeyEvidenceSigner, case: str) -> None:
    tamper, reasons = EVIDENCE[case]
    with attacked.intruder.holding(*tamper(attacked, stranger)):
        attacked.require_refused(*reasons)
    # Every attempt is on record, with every reason.
    attempt = attacked.last_promotion()
    assert (attempt.environment, attempt.release, attempt.state) == ("staging", attacked.stored.digest, "failed")
    assert all(re.search(reason, attempt.reason) for reason in reasons)


def test_the_untouched_release_is_let_in_so_that_each_refusal_is_of_the_tampering(attacked: Attacked) -> None:
    with attacked.intruder.holding(attacked.image, attacked.intruder.bundles(attacked.image)):
        attacked.require_let_in()
    attacked.require_let_in()


def test_a_strangers_bundle_beside_ours_takes_nothing_away(attacked: Attacked, stranger: KeyEvidenceSigner) -> None:
    bundles = [*signed_by(stranger, *attacked.intruder.statements(attacked.image)), *attacked.intruder.bundles(attacked.image)]
    with attacked.intruder.holding(attacked.image, bundles):
        attacked.require_let_in()


# Grants: the release is in dev by the ledger, and nothing but the signed grant proves it.


def _without_its_grant(it: Attacked, _: KeyEvidenceSigner) -> list[bytes]:
    return it.intruder.with_our_key(*it.intruder.statements(it.release))


def _granted_by_a_stranger(it: Attacked, stranger: KeyEvidenceSigner) -> list[bytes]:
    return [*_without_its_grant(it, stranger), *signed_by(stranger, *it.intruder.grants())]


def _changed(grant: Statement, **fields: str) -> Statement:
    return grant.model_copy(update={"predicate": grant.predicate | fields})


def _granted_elsewhere(it: Attacked, stranger: KeyEvidenceSigner) -> list[bytes]:
    """Signed by the pipeline's own key, and of another environment."""
    moved = [
        grant.model_copy(update={"predicate": grant.predicate | {"environment": "prod"}}) for grant in it.intruder.grants()
    ]
    return [*_without_its_grant(it, stranger), *it.intruder.with_our_key(*moved)]


def _granted_under_another_commit(it: Attacked, stranger: KeyEvidenceSigner) -> list[bytes]:
    moved = [_changed(grant, commit=NOBODY) for grant in it.intruder.grants()]
    return [*_without_its_grant(it, stranger), *it.intruder.with_our_key(*moved)]


GRANTS: dict[str, tuple[Callable[[Attacked, KeyEvidenceSigner], list[bytes]], str]] = {
    "no grant": (_without_its_grant, r"has no grant in 'dev' that counts: promote it there"),
    "a grant by another key": (_granted_by_a_stranger, r"has no grant in 'dev' that counts: promote it there"),
    "a grant of another environment": (_granted_elsewhere, r"has no grant in 'dev' that counts: promote it there"),
    "a grant of another commit": (
        _granted_under_another_commit,
        rf"grant \w+ in 'dev' does not count: it names the commit {NOBODY}: promote it there",
    ),
}


@pytest.mark.parametrize("case", GRANTS)
def test_a_release_whose_grant_was_tampered_with_goes_no_further(
    attacked: Attacked, stranger: KeyEvidenceSigner, case: str
) -> None:
    tamper, reason = GRANTS[case]
    with attacked.intruder.holding(attacked.release, tamper(attacked, stranger)):
        attacked.require_refused(reason, verify=False)


# Content: the registry's own disk is changed under it.


@pytest.mark.parametrize("part", ["bundle", "release", "manifest", "infrastructure", "infrastructure bundle"])
def test_a_bit_flipped_on_the_registrys_disk_is_refused(attacked: Attacked, part: str) -> None:
    digest = {
        "bundle": digest_of(attacked.intruder.bundles(attacked.image)[0]),
        "release": attacked.intruder.config_of(attacked.release),
        "manifest": attacked.release.digest,
        "infrastructure": attacked.stored.infrastructure.digest,
        "infrastructure bundle": attacked.intruder.layer_of(attacked.stored.infrastructure),
    }[part]
    with attacked.intruder.changed_on_disk(digest):
        attacked.require_refused(r"returned other content than sha256:")


# Releases that no pipeline made.


def test_another_image_under_the_tag_of_a_release_changes_nothing(attacked: Attacked) -> None:
    intruder = attacked.intruder
    forged = intruder.forge_release(images=[intruder.forge_image().model_dump()])
    tag = commit_tag(attacked.stored.release.commit.id)
    before = attacked.world()
    with intruder.tagged(tag, forged.digest):
        # What is pinned is the digest.
        attacked.require_let_in()
        # The tag leads to a release without evidence, so the commit's own is made again: the same one, bit for bit.
        done = attacked.service.deliver("--through", "dev", "--json")
        assert done.returncode == 0, done.stderr
        with attacked.clients.registry() as registry:
            assert registry.resolve(attacked.release.repository, tag) == attacked.stored.digest
    after = attacked.world()
    assert (after["containers"], after["stacks"]) == (before["containers"], before["stacks"])
    assert after["grants"]["dev"].release == attacked.stored.digest


def test_a_tag_that_leads_to_the_release_of_another_commit_is_refused(attacked: Attacked) -> None:
    commit = attacked.stored.release.commit.model_copy(update={"id": NOBODY})
    other = attacked.intruder.forge_release(commit=commit.model_dump())
    before = attacked.world()
    with attacked.intruder.tagged(commit_tag(attacked.stored.release.commit.id), other.digest):
        done = attacked.service.deliver("--through", "dev")
    assert done.returncode == REFUSED
    assert f"names the release of another commit ({NOBODY}): somebody moved the tag" in done.stderr
    assert attacked.world() == before


def test_a_release_that_names_an_unsigned_image_is_refused_even_where_it_is_signed_itself(attacked: Attacked) -> None:
    image = attacked.intruder.forge_image()
    forged = attacked.intruder.sign_release(attacked.intruder.forge_release(images=[image.model_dump()]))
    reasons = [rf"{image.reference} is not signed .*nothing is attached", rf"{image.reference} has no provenance"]
    attacked.require_refused(*reasons, environment="dev", release=forged.digest)


def test_an_unsigned_release_of_signed_images_is_refused(attacked: Attacked) -> None:
    forged = attacked.intruder.forge_release()
    attacked.require_refused(rf"{forged.reference} is not signed", environment="dev", release=forged.digest)


def test_a_release_with_another_infrastructure_bundle_than_its_provenance_names_is_refused(attacked: Attacked) -> None:
    with attacked.clients.registry() as registry:
        files = unpack(infrastructure(registry, attacked.stored))
        changed = {path: content.replace(b"RetentionSeconds", b"RetentionSecondsX") for path, content in files.items()}
        assert changed != files
        other = store_infrastructure(registry, attacked.service.name, pack(changed))
    forged = attacked.intruder.forge_release(infrastructure=other)
    attacked.intruder.sign_release(forged, as_if=attacked.stored.release)
    reason = rf"it does not list infrastructure {other}"
    attacked.require_refused(reason, environment="dev", release=forged.digest)


def test_a_release_whose_infrastructure_bundle_is_nowhere_is_refused(attacked: Attacked) -> None:
    nowhere = digest_of(b"never stored")
    forged = attacked.intruder.sign_release(attacked.intruder.forge_release(infrastructure=nowhere))
    reason = rf"the infrastructure bundle attacked/infrastructure@{nowhere} is not in the registry"
    attacked.require_refused(reason, environment="dev", release=forged.digest)


def test_a_release_of_another_service_is_refused(attacked: Attacked) -> None:
    forged = attacked.intruder.forge_release(
        service="other", manifest=attacked.stored.release.manifest.model_copy(update={"service": "other"}).model_dump()
    )
    attacked.require_refused(r"is a release of other, not of attacked", environment="dev", release=forged.digest)


# Whom an environment trusts.


def test_an_environment_that_trusts_nobody_refuses_everything(attacked: Attacked) -> None:
    def nobody(settings: dict[str, Any]) -> None:
        for place in settings["environments"].values():
            place["trust"] = []

    with attacked.stack.changed_settings(nobody):
        attacked.require_refused(
            r"is not signed|trusts nobody: name a signer under environments\.staging\.trust in the settings"
        )


def test_an_environment_that_trusts_an_identity_takes_its_evidence_and_nobody_elses(attacked: Attacked) -> None:
    right = attacked.trust_in(PIPELINE)
    with attacked.signed_keyless(attacked.by_identity(PIPELINE)):
        assert attacked.judge_under(right).allowed
        refused = {
            "another identity": attacked.judge_under(attacked.trust_in(STRANGER)),
            "another issuer": attacked.judge_under(attacked.trust_in(PIPELINE, issuer=ELSEWHERE)),
            "the key that usually signs": attacked.judge_under(*attacked.clients.place("staging").trust),
        }
    by_key = attacked.judge_under(right)
    with attacked.signed_keyless(attacked.by_identity(PIPELINE, issuer=ELSEWHERE)):
        elsewhere = attacked.judge_under(right)
    with attacked.signed_keyless(attacked.by_identity(STRANGER)):
        stranger = attacked.judge_under(right)
    assert {name: len(verdict.reasons) for name, verdict in refused.items()} == dict.fromkeys(refused, 5)
    assert "certificate, not with this key" in refused["the key that usually signs"].reasons[0]
    assert "OIDCIssuer does not match" in refused["another issuer"].reasons[0]
    assert "OIDCIssuer does not match" in elsewhere.reasons[0]
    assert STRANGER in refused["another identity"].reasons[0]
    assert STRANGER in stranger.reasons[0]
    assert "which proves no identity" in by_key.reasons[0]


# The way from environment to environment.


@pytest.mark.parametrize(("environment", "missing"), [("staging", "dev"), ("prod", "staging")])
def test_a_release_that_skips_an_environment_is_refused_and_told_which(
    attacked: Attacked, environment: str, missing: str
) -> None:
    # Signed throughout by the pipeline's own key, and granted nowhere.
    release = attacked.intruder.sign_release(attacked.intruder.forge_release())
    reason = rf"has not been granted in '{missing}', which '{environment}' comes after: promote it there"
    attacked.require_refused(reason, environment=environment, release=release.digest, verify=False)


def test_an_environment_that_the_settings_do_not_know_is_refused(attacked: Attacked) -> None:
    attacked.require_refused(r"no environment 'qa'", environment="qa", verify=False)


def test_an_environment_that_the_release_does_not_know_is_refused(attacked: Attacked) -> None:
    def one_more(settings: dict[str, Any]) -> None:
        settings["environments"]["qa"] = settings["environments"]["dev"]

    with attacked.stack.changed_settings(one_more):
        attacked.require_refused(
            r"attacked has no environment 'qa': its pratique\.yaml knows dev", environment="qa", verify=False
        )


def test_a_release_that_nobody_stored_is_refused(attacked: Attacked) -> None:
    attacked.require_refused(r"is not in the registry", release=digest_of(b"nobody stored this"))


def test_a_release_that_was_never_granted_there_is_nothing_to_roll_back_to(attacked: Attacked) -> None:
    forged = attacked.intruder.sign_release(attacked.intruder.forge_release())
    before = attacked.world()
    code, said = attacked.command("rollback", *IN_DEV, "--release", forged.digest)
    assert code == REFUSED
    assert f"release {forged.digest} was never granted in dev" in said
    assert attacked.world() == before


def test_a_rollback_to_a_release_whose_evidence_is_gone_is_refused(attacked: Attacked) -> None:
    before = attacked.world()
    with attacked.intruder.holding(attacked.image, []):
        code, said = attacked.command("rollback", *IN_DEV, "--release", attacked.stored.digest)
    assert code == REFUSED
    assert "is not signed by anyone whom 'dev' trusts: nothing is attached to it" in said
    assert attacked.world() == before

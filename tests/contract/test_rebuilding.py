"""A ledger that was lost is rebuilt from a real registry, equal to the original in everything that somebody signed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pratique.clients.ports import Ledger
from pratique.clients.releases import store
from pratique.decisions.chain import grant_statement
from pratique.decisions.provenance import RunDetails, image_provenance
from pratique.errors import Refused, Transient
from pratique.pipeline.grants import read_chain
from pratique.pipeline.rebuilding import rebuild_ledger
from pratique.settings import EnvironmentSettings, LedgerSettings, RegistrySettings, ServiceSettings
from pratique.values.digest import Digest
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.rebuilt import Rebuilt
from pratique.values.release import StoredRelease, commit_tag
from pratique.values.ruling import Revoke
from pratique.values.trust import TrustedKey
from tests.contract.past import Factory
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import MANIFEST
from tests.services.registry import REGISTRIES, RealRegistry, fixture_of

BUILT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLACES = tuple(MANIFEST.environments)


@pytest.fixture
def service() -> str:
    """One of its own for each test: the registry lives as long as the session."""
    return f"hello-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def factory(tmp_path: Path) -> Factory:
    """One whose registry is in memory."""
    return Factory.at(FakeRegistry(), f"sqlite:///{tmp_path / 'ledger.db'}")


def rebuilt(factory: Factory, *services: str, url: str = "") -> tuple[Factory, Rebuilt]:
    """The same pipeline with a new ledger, and what was said about it."""
    heir = factory.changed(ledger=LedgerSettings(url=url or f"{factory.settings.ledger.url}.new"))
    return heir, rebuild_ledger(heir, services, lambda _: None)


def earned(promotions: list[Promotion]) -> list[Promotion]:
    """Those granted by evidence of their own; what people were shown was not signed, only its digest."""
    granted = [one for one in promotions if one.state is PromotionState.GRANTED and not one.reason.startswith("nothing to do")]
    return [one.model_copy(update={"asked": None}) for one in granted]


def signed_part(ledger: Ledger, service: str) -> dict[str, object]:
    """What a ledger holds that somebody signed, in its order."""
    every = list(ledger.history(service, limit=1000))
    held = {place: ledger.granted(service, place) for place in PLACES}
    return {
        "releases": list(ledger.releases(service, limit=1000)),
        "promotions": earned(every),
        "places": ledger.environments(service),
        "held": {place: one and (one.release, one.evidence, one.address) for place, one in held.items()},
        "rulings": list(ledger.rulings(service, limit=1000)),
    }


def a_whole_past(factory: Factory, service: str) -> tuple[StoredRelease, ...]:
    """Everything that can happen, made in another order than it was committed and built in."""
    first = factory.make(service, BUILT)
    second = factory.make(service, BUILT + timedelta(minutes=1))
    third = factory.make(service, BUILT + timedelta(minutes=2))
    factory.promote(first, *PLACES)
    factory.keep(first, "dev")
    factory.promote(second, "dev", "load", "staging")
    waiting = factory.wait(second, "prod")
    approvals = [factory.approved(second, "prod", "ada"), factory.approved(second, "prod", "bob", click=True)]
    factory.finish(second, factory.go_on(waiting), approvals=approvals)
    factory.fail(third, "dev")
    factory.promote(third, "dev", "load")
    factory.go_back(first, "prod", "it was slow")
    factory.wait(third, "staging")
    factory.rule(second, Revoke.model_validate({**factory.about(second), "reason": "CVE-2026-1"}), "ada")
    return first, second, third


@pytest.mark.parametrize("kind", REGISTRIES)
def test_the_rebuilt_ledger_equals_the_original(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    service = f"hello-{uuid.uuid4().hex[:8]}"
    real: RealRegistry = request.getfixturevalue(fixture_of(kind))
    original = Factory.at(real, f"sqlite:///{tmp_path / 'ledger.db'}")
    a_whole_past(original, service)
    new_postgresql: Callable[[], str] = request.getfixturevalue("new_postgresql")
    # Each kind of registry with one of the databases.
    url = new_postgresql() if kind == "plain" else f"sqlite:///{tmp_path / 'new.db'}"
    heir, told = rebuilt(original, service, url=url)

    assert told.left_out == ()
    with original.ledger() as before, heir.ledger() as after:
        assert signed_part(after, service) == signed_part(before, service)
        assert (len(before.history(service)), len(after.history(service))) == (14, 11)
    for place in PLACES:
        assert next_fence(heir, service, place) == next_fence(original, service, place), place


def next_fence(factory: Factory, service: str, environment: str) -> int:
    with factory.ledger() as ledger:
        (newest,) = ledger.releases(service, limit=1)
        promotion = factory.begun(newest, environment)
        lease = ledger.acquire(promotion.id, timedelta(minutes=1))
        assert lease is not None
        return lease.fence


def test_releases_come_in_the_order_in_which_they_were_built(factory: Factory) -> None:
    late = factory.make("hello", BUILT + timedelta(minutes=2), committed_at=BUILT - timedelta(days=9))
    early = factory.make("hello", BUILT, committed_at=BUILT - timedelta(days=1))
    tied = [factory.make("hello", BUILT + timedelta(minutes=1), committed_at=BUILT - timedelta(days=day)) for day in (2, 3)]
    alike = [factory.make("hello", BUILT + timedelta(minutes=3), committed_at=BUILT) for _ in range(3)]
    # Built again to the same digest, later: it was there already.
    (image, *_), (section, *_) = early.release.images, early.release.manifest.images
    again = RunDetails(builder="https://example.test/builder", finished=BUILT + timedelta(days=1))
    factory.attach(image.reference, image_provenance(image.reference, section, early.release.commit, again))

    heir, _ = rebuilt(factory, "hello")
    with heir.ledger() as ledger:
        assert list(ledger.release_order("hello")) == [
            one.digest for one in (early, tied[1], tied[0], late, *sorted(alike, key=lambda one: one.digest))
        ]


def test_a_release_whose_tag_is_gone_is_found_by_the_grant_that_replaced_it(factory: Factory) -> None:
    first, second, third = (factory.make("hello", BUILT + timedelta(minutes=minute)) for minute in range(3))
    for stored in (first, second, third):
        factory.promote(stored, "dev")
    assert isinstance(factory.site, FakeRegistry)
    for stored in (first, second):
        del factory.site.tagged[stored.reference.repository, commit_tag(stored.release.commit.id)]

    heir, told = rebuilt(factory, "hello")
    assert told.left_out == ()
    with factory.ledger() as before, heir.ledger() as after:
        assert signed_part(after, "hello") == signed_part(before, "hello")


def test_what_a_promotion_signed_that_was_killed_before_it_told_the_ledger_is_not_granted(factory: Factory) -> None:
    first, second = factory.make("hello", BUILT), factory.make("hello", BUILT + timedelta(minutes=1))
    factory.promote(first, "dev")
    factory.promote(second, "dev", tell_ledger=False)
    factory.promote(first, "dev")

    heir, told = rebuilt(factory, "hello")
    (reason,) = told.left_out
    assert reason.endswith("in 'dev': the next one does not replace it, so no ledger was told of it")
    with factory.ledger() as before, heir.ledger() as after:
        assert signed_part(after, "hello") == signed_part(before, "hello")
    assert next_fence(heir, "hello", "dev") == 4


def test_of_the_last_grant_nobody_can_say_that_so_it_is_taken_as_told(factory: Factory) -> None:
    first, second = factory.make("hello", BUILT), factory.make("hello", BUILT + timedelta(minutes=1))
    factory.promote(first, "dev")
    dead = factory.promote(second, "dev", tell_ledger=False)

    heir, _ = rebuilt(factory, "hello")
    with heir.ledger() as ledger:
        held = ledger.granted("hello", "dev")
        assert held is not None
        assert (held.id, held.state) == (dead.id, PromotionState.GRANTED)


def test_fences_that_nobody_signed_are_not_known(factory: Factory) -> None:
    stored = factory.make("hello", BUILT)
    factory.promote(stored, "dev")
    for _ in range(3):
        factory.fail(stored, "dev")
    heir, _ = rebuilt(factory, "hello")
    assert (next_fence(factory, "hello", "dev"), next_fence(heir, "hello", "dev")) == (5, 2)


def test_what_is_not_signed_throughout_is_left_out_and_told(factory: Factory) -> None:
    stored = factory.make("hello", BUILT)
    image = stored.release.images[0].model_copy(update={"reference": stored.release.images[1].reference})
    forged = stored.release.model_copy(
        update={"images": (image,), "commit": stored.release.commit.model_copy(update={"id": "e" * 40})}
    )
    with factory.registry() as registry:
        store(registry, forged)
        registry.tag(stored.reference.repository, stored.digest, commit_tag("f" * 40))
        registry.tag(stored.reference.repository, stored.digest, "latest")

    heir, told = rebuilt(factory, "hello")
    with heir.ledger() as ledger:
        assert list(ledger.releases("hello")) == [stored]
    moved, *unsigned = told.left_out
    assert f"names the release of another commit ({stored.release.commit.id})" in moved
    assert unsigned
    assert all("eeeeeeee" in reason for reason in unsigned)


def test_a_grant_counts_where_its_own_environment_trusts_who_signed_it(factory: Factory) -> None:
    factory.promote(factory.make("hello", BUILT), *PLACES)
    places = factory.settings.environments
    stranger = TrustedKey(pem=factory.keys.public_key("ada")[1])
    heir, told = rebuilt(factory.changed(environments={**places, "prod": EnvironmentSettings(trust=(stranger,))}), "hello")
    with heir.ledger() as ledger:
        assert ledger.environments("hello") == [("hello", place) for place in sorted(PLACES) if place != "prod"]
    (reason,) = told.left_out
    assert reason.endswith("in 'prod': its environment does not trust who signed it, or what it follows")


def test_what_nobody_trusts_is_counted_and_told(factory: Factory) -> None:
    stored = factory.make("hello", BUILT)
    granted = factory.promote(stored, "dev")
    (known,) = read_chain(factory, stored, factory.trust).history
    forged = known.grant.model_copy(update={"fence": 9, "promotion": "another"})
    factory.attach(stored.reference, grant_statement(stored, forged), by="ada")

    heir, told = rebuilt(factory, "hello")
    assert told.left_out == (f"{stored.label}: 1 of what is attached to it is signed by nobody whom the settings trust",)
    with heir.ledger() as ledger:
        held = ledger.granted("hello", "dev")
        assert held is not None
        assert held.evidence == granted.evidence


def test_without_names_the_services_are_those_of_the_settings_and_else_those_of_the_registry(factory: Factory) -> None:
    for service in ("hello", "parrot"):
        factory.make(service, BUILT)
    listed = factory.changed(services={"parrot": ServiceSettings(repository="https://git.example.test/team/parrot.git")})
    for clients, expected in ((listed, ["parrot"]), (factory, ["hello", "parrot"])):
        heir, _ = rebuilt(clients, url=f"{factory.settings.ledger.url}.{len(expected)}")
        with heir.ledger() as ledger:
            assert sorted(stored.release.service for stored in ledger.releases()) == expected


def test_where_nothing_counts_nothing_is_rebuilt(factory: Factory) -> None:
    with pytest.raises(Refused, match="no release that counts is in the registry"):
        rebuilt(factory, "nobody")


def test_a_ledger_that_holds_anything_is_refused_before_the_registry_is_asked(factory: Factory) -> None:
    factory.make("hello", BUILT)
    unreachable = factory.changed(registry=RegistrySettings(address="127.0.0.1:1", plain_http=True))
    with pytest.raises(Refused, match=r"holds something, and is left alone: let ledger\.url name a new one"):
        rebuild_ledger(Factory(unreachable.settings, RealRegistry("127.0.0.1:1", None, Path("/nowhere"))), (), print)


def test_a_registry_that_fails_on_the_way_leaves_the_ledger_empty(factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = factory.make("hello", BUILT)
    factory.make("parrot", BUILT)
    heir = factory.changed(ledger=LedgerSettings(url=f"{factory.settings.ledger.url}.new"))
    found = FakeRegistry.bundles

    def bundles(self: FakeRegistry, repository: str, subject: Digest) -> tuple[bytes, ...]:
        if repository.startswith("parrot"):
            raise Transient("the registry is away")
        return found(self, repository, subject)

    with monkeypatch.context() as patch:
        patch.setattr(FakeRegistry, "bundles", bundles)
        with pytest.raises(Transient):
            rebuild_ledger(heir, (), print)
    with heir.ledger() as ledger:
        ledger.require_empty()
    rebuild_ledger(heir, ("hello",), print)
    with heir.ledger() as ledger:
        assert list(ledger.releases()) == [stored]

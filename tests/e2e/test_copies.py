"""A production with repositories of its own: it gets copies by digest with all evidence, and pulls from there ever after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import docker
import pytest

from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.relocation import relocated
from tests.services.stack import RunningStack, Service

if TYPE_CHECKING:
    from tests.fakes.flows_here import FlowsHere

pytestmark = pytest.mark.xdist_group("stack")

PATTERN = "vault-of-prod/{repository}"


@dataclass(frozen=True)
class Copied:
    """A service that prod held before it had repositories of its own, and what was said when the next commit came there."""

    service: Service
    earlier: str
    commit: str
    output: str

    @property
    def stored(self) -> StoredRelease:
        """The newest release."""
        with self.service.stack.clients() as clients, clients.ledger() as ledger:
            return ledger.releases(self.service.name, limit=1)[0]

    def image(self, environment: str) -> str:
        """What the workload's container there was made from."""
        labels = [f"io.pratique.service={self.service.name}", f"io.pratique.environment={environment}"]
        engine = docker.from_env()
        try:
            (found,) = engine.containers.list(filters={"label": [*labels, "io.pratique.role=workload"]})
            return str(found.attrs["Config"]["Image"])
        finally:
            engine.close()

    def bundles(self, reference: ImageReference) -> set[bytes]:
        """The evidence that is attached to it."""
        with self.service.stack.clients() as clients, clients.registry() as registry:
            assert registry.manifest(reference.repository, reference.digest) is not None
            return set(registry.bundles(reference.repository, reference.digest))


@pytest.fixture(scope="module")
def copied(stack: RunningStack, here: FlowsHere) -> Iterator[Copied]:
    service = Service(stack, "copied")
    earlier = service.commit("Before prod had anything of its own")
    service.delivered()

    def own(settings: dict[str, Any]) -> None:
        settings["environments"]["prod"]["repository"] = PATTERN

    with stack.changed_settings(own):
        service.edit("serve", "ok", "ok, copied")
        commit = service.commit("Come as a copy")
        done = service.deliver()
        assert done.returncode == 0, done.stdout + done.stderr
        yield Copied(service, earlier, commit, done.stdout)


def test_the_release_is_copied_where_the_environment_has_its_own_repositories_and_nowhere_else(copied: Copied) -> None:
    assert f"{copied.service.name} → prod  copy to prod" in copied.output
    assert "copy to dev" not in copied.output
    assert "copy to staging" not in copied.output


def test_the_environment_serves_from_there_by_the_same_digest(copied: Copied) -> None:
    image = copied.stored.release.images[0].reference
    address = copied.service.stack.settings().registry.address
    assert copied.image("prod") == f"{address}/{relocated(image, PATTERN)}"
    assert copied.image("staging") == f"{address}/{image}"
    assert copied.service.version("prod")["commit"] == copied.commit


def test_the_copies_hold_all_evidence_and_the_next_run_brings_what_came_after_and_changes_nothing(copied: Copied) -> None:
    stored = copied.stored
    for part in (stored.release.images[0].reference, stored.infrastructure):
        assert copied.bundles(relocated(part, PATTERN)) == copied.bundles(part)
    granted = copied.bundles(stored.reference)
    # Signature, provenance, and what dev and staging signed: a verdict, the checks' results and a grant each. Prod's own
    # three were signed when all was done.
    assert copied.bundles(relocated(stored.reference, PATTERN)) < granted
    assert (len(copied.bundles(relocated(stored.reference, PATTERN))), len(granted)) == (2 + 2 * 3, 2 + 3 * 3)
    again = copied.service.deliver()
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("nothing to do") == len(("dev", "staging", "prod"))
    assert copied.bundles(relocated(stored.reference, PATTERN)) == granted


def test_a_release_from_before_is_copied_when_the_environment_goes_back_to_it(copied: Copied) -> None:
    done = copied.service.stack.pratique("rollback", copied.service.name, "--in", "prod", "--reason", "not ours")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{copied.service.name} ← prod  copy to prod" in done.stdout
    assert copied.service.version("prod")["commit"] == copied.earlier
    assert f"/{PATTERN.format(repository=copied.service.name)}/images/" in copied.image("prod")

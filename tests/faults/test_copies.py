"""A registry of an environment's own that fails: what passes is asked again, what is denied is not, and nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.place import DONE, REFUSED, Dev
from tests.faults.watching import Command
from tests.services.fault_proxy import FaultProxy
from tests.services.stack import RunningStack, Service

pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture(scope="module")
def own_registry(stack: RunningStack, service: Service) -> Iterator[FaultProxy]:
    """The registry of dev's own: at another address than everybody's, so that nothing can be mounted there."""
    with FaultProxy(f"http://{stack.settings().registry.address}") as proxy:

        def own(settings: dict[str, Any]) -> None:
            place = settings["environments"]["dev"]
            place["repository"] = f"own-of-{service.name}/{{repository}}"
            place["registry"] = {"address": proxy.address, "plain_http": True}

        with stack.changed_settings(own):
            yield proxy


def test_a_denied_copy_is_refused_at_once_and_nothing_has_changed(
    stack: RunningStack, service: Service, dev: Dev, own_registry: FaultProxy
) -> None:
    before, serving = dev.serves(), [container.id for container in dev.containers()]
    commit = service.commit("One that may not be copied")
    own_registry.answer(403, method="POST", path="/v2/own-of-", times=100)
    with Command(stack, "deliver", service.repository, "--through", "dev") as delivery:
        code, output = delivery.ended()
        attempts = delivery.attempts()
    own_registry.heal()

    assert code == REFUSED, output
    assert f"{own_registry.address}: pushing the blob" in output
    assert "was denied" in output
    assert attempts["copy to dev"] == 1
    assert not {"provision messages in dev", "deploy to dev", "grant dev"} & attempts.keys()
    assert (dev.serves(), [container.id for container in dev.containers()]) == (before, serving)
    assert [(one.state, one.commit) for one in dev.history()[:1]] == [("failed", commit)]
    assert dev.is_free()


def test_a_registry_that_fails_twice_is_asked_again_and_gets_everything_once(
    stack: RunningStack, service: Service, dev: Dev, own_registry: FaultProxy
) -> None:
    commit = service.commit("One that comes in the end")
    own_registry.answer(503, method="PUT", path="/v2/own-of-.*/manifests/", times=2)
    own_registry.forget()
    with Command(stack, "deliver", service.repository, "--through", "dev") as delivery:
        code, output = delivery.ended()
        attempts = delivery.attempts()

    assert code == DONE, output
    assert attempts["copy to dev"] == 3
    uploads = [one.path for one in own_registry.seen if one.method == "PUT" and "digest=" in one.path]
    repositories = {path.split("/blobs/")[0] for path in uploads}
    assert len(repositories) == 3, "image, infrastructure and release"
    sent = [(path.split("/blobs/")[0], path.partition("digest=")[2].partition("&")[0]) for path in uploads]
    assert len(sent) == len(set(sent)), "no blob was sent twice"
    dev.require_settled(commit)
    (serving,) = dev.containers()
    assert serving.attrs["Config"]["Image"].startswith(f"{own_registry.address}/own-of-{service.name}/{service.name}/images/")

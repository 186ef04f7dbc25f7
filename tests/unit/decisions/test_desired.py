"""What an environment should hold: which image, from where."""

from __future__ import annotations

import pytest

from pratique.decisions.desired import desired_workload
from pratique.errors import Refused
from pratique.values.environment import environment_of
from pratique.values.relocation import SAME
from tests.fakes.stored_release import MANIFEST, stored_release

STORED = stored_release()


def test_the_image_is_the_releases_own_where_the_environment_keeps_no_copies() -> None:
    desired = desired_workload(environment_of(MANIFEST, "prod"), STORED, {}, SAME)
    assert desired.image == STORED.release.image("web")


def test_an_environment_with_repositories_of_its_own_pulls_the_same_digest_from_there_and_says_so_in_its_plan() -> None:
    place = environment_of(MANIFEST, "prod")
    shared, own = (desired_workload(place, STORED, {}, pattern) for pattern in (SAME, "prod/{repository}"))
    assert str(own.image) == f"prod/{shared.image}"
    assert own.image.digest == shared.image.digest
    assert own.specification != shared.specification, "the container is exchanged for one that was pulled from there"


def test_an_output_that_no_stack_gives_is_refused() -> None:
    place = environment_of(MANIFEST, "prod")
    workload = place.workload.model_copy(update={"variables": {"QUEUE": "${messages.QueueName}"}})
    with pytest.raises(Refused, match="QueueName"):
        desired_workload(place.model_copy(update={"workload": workload}), STORED, {}, SAME)

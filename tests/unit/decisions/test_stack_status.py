from __future__ import annotations

import boto3
import pytest

from pratique.decisions.stack_status import Standing, has_succeeded, remedy, standing


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, Standing.ABSENT),
        ("REVIEW_IN_PROGRESS", Standing.ABSENT),
        ("DELETE_COMPLETE", Standing.ABSENT),
        ("CREATE_COMPLETE", Standing.SETTLED),
        ("UPDATE_COMPLETE", Standing.SETTLED),
        ("UPDATE_ROLLBACK_COMPLETE", Standing.SETTLED),
        ("ROLLBACK_COMPLETE", Standing.STILLBORN),
        ("CREATE_IN_PROGRESS", Standing.BUSY),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Standing.BUSY),
        ("ROLLBACK_IN_PROGRESS", Standing.BUSY),
        ("DELETE_FAILED", Standing.STUCK),
        ("UPDATE_ROLLBACK_FAILED", Standing.STUCK),
        ("SOMETHING_NEW", Standing.STUCK),
    ],
)
def test_what_a_status_allows(status: str | None, expected: Standing) -> None:
    assert standing(status) is expected


def test_every_status_that_aws_knows_is_sorted_and_each_stuck_one_has_a_remedy_of_its_own() -> None:
    client = boto3.client("cloudformation", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    statuses = client.meta.service_model.shape_for("StackStatus").enum
    client.close()

    stuck = [status for status in statuses if standing(status) is Standing.STUCK]
    assert len(statuses) > 20
    assert all(status.endswith("_FAILED") for status in stuck)
    assert remedy("SOMETHING_NEW") not in {remedy(status) for status in stuck}
    assert {status for status in statuses if has_succeeded(status)} == {"CREATE_COMPLETE", "UPDATE_COMPLETE"}

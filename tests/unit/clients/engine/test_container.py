"""What a container is created with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pratique.clients.engine.container import bytes_of, environment_of, names_of, options_of
from pratique.clients.engine.place import Place
from pratique.errors import Refused
from pratique.values.digest import digest_of
from pratique.values.references import ImageReference
from pratique.values.sections import EngineHealthcheck
from tests.services.engine import desired_workload

IMAGE = ImageReference(repository="hello/images/web", digest=digest_of(b"image"))
LONG = "a" * 40
PLACE = Place(service="hello", environment="dev")


@pytest.mark.parametrize(("text", "number"), [("1Ki", 1024), ("128Mi", 134217728), ("2Gi", 2147483648)])
def test_amounts_of_memory(text: str, number: int) -> None:
    assert bytes_of(text) == number


def test_who_the_container_is_cannot_be_overridden() -> None:
    desired = desired_workload("hello", IMAGE, "1", variables={"A": "1", "B": "1", "PRATIQUE_SERVICE": "spoofed"})
    assert environment_of(desired, {"B": "2", "PRATIQUE_COMMIT": "spoofed"}) == {
        "A": "1",
        "B": "2",
        "PRATIQUE_SERVICE": "hello",
        "PRATIQUE_ENVIRONMENT": "dev",
        "PRATIQUE_RELEASE": desired.release,
        "PRATIQUE_COMMIT": "1" * 40,
    }


def test_the_alias_fits_into_dns_however_long_the_names_are() -> None:
    place = Place(service=LONG, environment=LONG)
    desired = desired_workload(LONG, IMAGE, "1")
    (first, alias), (second, other) = names_of(desired, place, 1), names_of(desired, place, 2)
    assert len(alias) < len(other) <= 63
    assert (second, other) == (f"{first}-2", f"{alias}-2")


def test_the_health_check_is_the_engines_with_times_in_nanoseconds_and_a_start_that_does_not_count() -> None:
    check = EngineHealthcheck(
        command=("/bin/ask",), interval=timedelta(seconds=2), timeout=timedelta(milliseconds=1500), retries=4
    )
    desired = desired_workload("hello", IMAGE, "1", healthcheck=check, ready_within=timedelta(seconds=30))
    assert options_of(desired, {}, 1, "alias", PLACE)["healthcheck"] == {
        "test": ["CMD", "/bin/ask"],
        "interval": 2_000_000_000,
        "timeout": 1_500_000_000,
        "retries": 4,
        "start_period": 30_000_000_000,
    }
    assert options_of(desired_workload("hello", IMAGE, "1", healthcheck=None), {}, 1, "alias", PLACE)["healthcheck"] is None


def test_what_has_our_name_but_not_our_labels_is_refused() -> None:
    PLACE.require_ours("volume x", PLACE.labels("front"))
    for labels in (None, {}, Place(service="hello", environment="prod").labels("front")):
        with pytest.raises(Refused, match="volume x belongs to"):
            PLACE.require_ours("volume x", labels)


@pytest.mark.parametrize(
    ("user", "owner"),
    [("65532:65532", "uid=65532,gid=65532"), ("1000", "uid=1000"), ("70:0", "uid=70,gid=0"), ("1:99", "uid=1,gid=99")],
)
def test_what_is_writable_belongs_to_the_workloads_user(user: str, owner: str) -> None:
    desired = desired_workload("hello", IMAGE, "1", user=user, writable=("/tmp", "/run"))  # noqa: S108
    found = options_of(desired, {}, 1, "alias", PLACE)["tmpfs"]
    assert list(found) == ["/tmp", "/run"]  # noqa: S108
    assert all(options.split(",")[-len(owner.split(",")) :] == owner.split(",") for options in found.values())


@pytest.mark.parametrize(("images", "given"), [("", "SIGTERM"), ("SIGQUIT", "SIGQUIT"), ("SIGTERM", "SIGTERM"), ("3", "3")])
def test_a_signal_to_stop_is_always_named(images: str, given: str) -> None:
    options = options_of(desired_workload("hello", IMAGE, "1"), {}, 1, "alias", PLACE, stop_signal=images)
    assert (options["stop_signal"], options["restart_policy"]) == (given, {"Name": "always"})

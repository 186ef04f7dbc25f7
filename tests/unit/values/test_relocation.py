"""Where an environment's own copies are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pratique.clients.registry.names import require_repository
from pratique.values.digest import digest_of
from pratique.values.references import ImageReference
from pratique.values.relocation import SAME, relocated

WEB = ImageReference(repository="hello/images/web", digest=digest_of(b"web"))
WORDS = some.from_regex(re.compile(r"[a-z0-9]{1,8}"), fullmatch=True)


@pytest.mark.parametrize(
    ("pattern", "repository"),
    [
        (SAME, "hello/images/web"),
        ("prod/{repository}", "prod/hello/images/web"),
        ("eu.{repository}/copies", "eu.hello/images/web/copies"),
    ],
)
def test_the_copy_is_where_the_pattern_says_under_the_same_digest(pattern: str, repository: str) -> None:
    assert relocated(WEB, pattern) == ImageReference(repository=repository, digest=WEB.digest)


@given(some.lists(WORDS, max_size=3), some.lists(WORDS, max_size=2), some.sampled_from(["/", "-", ".", "_", "__"]))
def test_what_a_pattern_leads_to_is_a_repository_that_every_registry_takes(
    before: list[str], after: list[str], glue: str
) -> None:
    pattern = "/".join(["x" + glue + SAME if glue != "/" else SAME, *after])
    there = relocated(WEB, "/".join([*before, pattern]))
    assert require_repository(there.repository) == there.repository
    assert ImageReference.model_validate(there.model_dump()) == there

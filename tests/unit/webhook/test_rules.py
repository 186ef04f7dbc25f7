"""Which rules can be written, and what they name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pratique.values.event import EventKind
from pratique.values.rules import Rule


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"on": "pull_request", "do": "deliver"}, "a preview and nothing else"),
        ({"on": "pull_request", "do": "prepare"}, "a preview and nothing else"),
        ({"on": "push", "do": "preview"}, "a preview and nothing else"),
        ({"on": "pull_request", "ref": "main", "do": "preview"}, "leave `ref` out"),
        ({"on": "tag", "do": "prepare", "through": "dev"}, "only a delivery"),
        ({"on": "image", "do": "deliver"}, "write `branch`"),
        ({"on": "push", "do": "deliver", "branch": "main"}, "write `branch`"),
        ({"on": "push", "do": "promote"}, "'deliver', 'prepare' or 'preview'"),
        ({"on": "comment", "do": "deliver"}, "'push'"),
    ],
)
def test_a_rule_whose_parts_do_not_fit_is_invalid(rule: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Rule.model_validate(rule)


@pytest.mark.parametrize(
    ("rule", "kind", "ref", "named"),
    [
        ({"on": "push", "ref": "main", "do": "deliver"}, "push", "refs/heads/main", True),
        ({"on": "push", "ref": "main", "do": "deliver"}, "push", "refs/heads/main2", False),
        ({"on": "push", "ref": "main", "do": "deliver"}, "push", "refs/tags/main", False),
        ({"on": "push", "ref": "main", "do": "deliver"}, "tag", "refs/tags/main", False),
        ({"on": "push", "ref": "release/*", "do": "deliver"}, "push", "refs/heads/release/1.2", True),
        ({"on": "push", "ref": "MAIN", "do": "deliver"}, "push", "refs/heads/main", False),
        ({"on": "tag", "ref": "v*", "do": "prepare"}, "tag", "refs/tags/v1.0", True),
        ({"on": "pull_request", "do": "preview"}, "pull_request", "refs/pull/7/head", True),
        ({"on": "image", "ref": "team/base:3.*", "do": "prepare", "branch": "main"}, "image", "team/base:3.12", True),
        ({"on": "image", "ref": "team/base:3.*", "do": "prepare", "branch": "main"}, "image", "team/other:3.12", False),
    ],
)
def test_a_rule_names_refs_of_its_kind_by_their_whole_name(rule: dict[str, Any], kind: str, ref: str, named: bool) -> None:  # noqa: FBT001
    assert Rule.model_validate(rule).names(EventKind(kind), ref) is named

"""A service's own policies: which files of a commit they are, and what they say."""

from __future__ import annotations

from typing import Any

import pytest

from pratique.decisions.bundle import pack, unpack
from pratique.decisions.bundled_policies import policies_of
from pratique.decisions.modules import bundle_folders, select_files
from pratique.errors import Invalid
from pratique.values.manifest import Manifest
from tests.fakes.stored_release import MANIFEST

RULE = b"package team\n\ndefault allow := false\n"
FILES = {
    "pratique.yaml": b"version: 1",
    "policies/prod.rego": RULE,
    "policies/prod_test.rego": b"package team_test\n",
    "policies/deep/er/more.rego": b"package more\n",
    "policies/README.md": b"# Ours",
    "policies/data.json": b"{}",
    "policiesx/other.rego": b"package other\n",
    "other.rego": b"package other\n",
}
BELOW = {"policies/prod.rego", "policies/prod_test.rego", "policies/deep/er/more.rego"}


def manifest(policies: Any) -> Manifest:
    return Manifest.model_validate(MANIFEST.model_dump() | {"policies": policies})


def test_the_bundle_holds_every_policy_below_the_folder_with_its_tests_and_nothing_else_of_it() -> None:
    selected = select_files(FILES, manifest("policies"))
    assert set(selected) == {"pratique.yaml", *BELOW}
    assert policies_of(unpack(pack(selected)), manifest("policies")) == {path: FILES[path].decode() for path in sorted(BELOW)}


def test_a_manifest_without_the_key_has_no_policies_and_bundles_none() -> None:
    assert set(select_files(FILES, MANIFEST)) == {"pratique.yaml"}
    assert policies_of(FILES, MANIFEST) == {}
    assert bundle_folders(MANIFEST) == ()


def test_the_folder_may_be_the_repository_itself() -> None:
    assert set(policies_of(FILES, manifest("."))) == {path for path in FILES if path.endswith(".rego")}
    assert bundle_folders(manifest(".")) == (".",)


@pytest.mark.parametrize("folder", ["absent", "policies/deep/er/more.rego", "policies/README.md"])
def test_a_folder_without_a_policy_is_refused_because_it_would_decide_nothing(folder: str) -> None:
    with pytest.raises(Invalid, match=rf"policies: there is no file \*\.rego below {folder} "):
        select_files(FILES, manifest(folder))


def test_policies_that_are_no_text_are_refused_each_by_name() -> None:
    files = {"policies/a.rego": b"\xff", "policies/b.rego": b"package b", "policies/c.rego": b"\xfe"}
    with pytest.raises(Invalid) as refused:
        policies_of(files, manifest("policies"))
    assert [problem.place for problem in refused.value.problems] == ["policies/a.rego", "policies/c.rego"]

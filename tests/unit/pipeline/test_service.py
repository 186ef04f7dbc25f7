"""A service as one commit describes it, over a repository in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pratique.bootstrap import Clients
from pratique.clients.ports import Source
from pratique.decisions.bundled_policies import policies_of
from pratique.errors import Invalid, Refused
from pratique.pipeline.service import ServiceAtCommit, service_at
from pratique.settings import Settings
from tests.fakes.source import FakeSource, Item, Link

EXAMPLE = Path(__file__).parents[3] / "examples" / "hello"
MANIFEST = (EXAMPLE / "pratique.yaml").read_bytes()
MODULE = {
    file.relative_to(EXAMPLE).as_posix(): file.read_bytes()
    for file in (EXAMPLE / "infrastructure").rglob("*")
    if file.is_file()
}
RULES = {"policies/prod.rego": b"package prod\n", "policies/prod_test.rego": b"package prod_test\n"}


@dataclass(frozen=True, slots=True)
class InMemory(Clients):
    """A repository in memory."""

    git: FakeSource = field(default_factory=FakeSource)

    def source(self) -> Source:
        return self.git


def service(policies: str = "", **more: Item) -> ServiceAtCommit:
    """The example with its module, files of the test's own, and the key `policies` where that is given."""
    login: dict[str, Any] = {"login": {"method": "token", "token_file": "/nowhere"}}
    services = {"hello": {"repository": FakeSource.repository}}
    clients = InMemory(Settings.model_validate({"vault": login, "environments": {"dev": {}}, "services": services}))
    manifest = MANIFEST + f"\npolicies: {policies}\n".encode() if policies else MANIFEST
    commit = clients.git.commit({"Dockerfile": b"", **MODULE, **more, "pratique.yaml": manifest})
    return service_at(clients, clients.git.resolve(FakeSource.repository, commit))


def test_the_files_are_the_manifest_the_modules_and_the_policies_and_nothing_else() -> None:
    found = service("policies", **RULES, **{"policies/README.md": b"# Ours"})
    assert set(found.files) == {"pratique.yaml", *MODULE, *RULES}
    assert policies_of(found.files, found.manifest) == {path: RULES[path].decode() for path in RULES}


def test_policies_that_the_manifest_does_not_name_are_none_of_the_release() -> None:
    found = service(**RULES)
    assert set(found.files) == {"pratique.yaml", *MODULE}
    assert policies_of(found.files, found.manifest) == {}


def test_a_link_among_the_policies_is_refused() -> None:
    with pytest.raises(Refused, match="policies holds links"):
        service("policies", **RULES, **{"policies/more.rego": Link("prod.rego")})


def test_a_folder_that_is_not_there_or_holds_no_policy_is_refused() -> None:
    with pytest.raises(Refused, match="policies is no folder"):
        service("policies")
    with pytest.raises(Invalid, match=r"there is no file \*\.rego below policies"):
        service("policies", **{"policies/README.md": b"# None yet"})

"""Previews over a repository and stacks in memory: what is planned, what is refused, and what is never touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pratique.bootstrap import Clients
from pratique.clients.ports import Source, Stacks
from pratique.errors import Refused
from pratique.pipeline.preview import commit_to_preview, preview_environment, preview_service
from pratique.settings import Settings
from pratique.values.commit import Commit
from pratique.values.environment import Environment
from tests.fakes.source import FakeSource
from tests.fakes.stacks import FakeStacks

EXAMPLE = Path(__file__).parents[3] / "examples" / "hello"


@dataclass(frozen=True, slots=True)
class InMemory(Clients):
    """A repository and stacks in memory; whatever else is opened fails the test."""

    git: FakeSource = field(default_factory=FakeSource)
    account: FakeStacks = field(default_factory=FakeStacks)
    looked: list[str] = field(default_factory=list)

    def source(self) -> Source:
        return self.git

    @contextmanager
    def stacks(self, environment: Environment) -> Iterator[Stacks]:
        self.looked.append(environment.name)
        yield self.account


def in_memory(**webhook: Any) -> InMemory:
    place = {"login": {"method": "token", "token_file": "/nowhere"}}
    environments: dict[str, Any] = {"dev": {}, "staging": {}, "prod": {"previewed": False}}
    content = {"vault": place, "environments": environments, "webhook": webhook}
    return InMemory(Settings.model_validate({**content, "services": {"hello": {"repository": FakeSource.repository}}}))


def example(**changed: bytes) -> dict[str, Any]:
    """The example's files as a commit holds them."""
    files = {
        file.relative_to(EXAMPLE).as_posix(): file.read_bytes()
        for file in EXAMPLE.rglob("*")
        if file.is_file() and ".pratique" not in file.parts
    }
    return files | changed


def previewed(clients: InMemory, tree: dict[str, Any], branch: str = "feature") -> Commit:
    clients.git.commit(example())
    commit = clients.git.commit(tree, branch=branch)
    clients.git.name("refs/pull/7/head", commit)
    return commit_to_preview(clients, clients.git.repository, "refs/pull/7/head", commit)


def test_each_environment_says_what_its_stacks_would_see_and_nothing_is_applied() -> None:
    clients = in_memory()
    commit = previewed(clients, example())
    service = preview_service(clients, commit)
    assert (service.service, service.environments, service.problems) == ("hello", ("dev", "staging", "prod"), ())
    dev = preview_environment(clients, commit, "dev")
    assert {change.action for change in dev.changes} == {"create"}
    assert dev.problems == ()
    assert (clients.account.applied, clients.account.stacks) == ([], {})


def test_an_environment_that_the_operator_leaves_out_is_not_looked_at() -> None:
    clients = in_memory()
    commit = previewed(clients, example())
    prod = preview_environment(clients, commit, "prod")
    assert "environments.prod.previewed" in prod.reason
    assert clients.looked == []


def test_everything_that_is_wrong_with_the_manifest_is_told_with_its_line() -> None:
    clients = in_memory()
    broken = example()["pratique.yaml"].replace(b"port: 8080", b"port: eighty").replace(b"drain: 2s", b"drain: 2")
    commit = previewed(clients, example(**{"pratique.yaml": broken}))
    service = preview_service(clients, commit)
    assert service.environments == ()
    assert len(service.problems) == 2
    assert all(f"pratique.yaml at {commit.short}:" in problem for problem in service.problems)


def test_another_services_name_is_refused() -> None:
    clients = in_memory()
    stolen = example()["pratique.yaml"].replace(b"service: hello", b"service: payments")
    commit = previewed(clients, example(**{"pratique.yaml": stolen}))
    assert "payments" in preview_service(clients, commit).problems[0]


def test_a_template_that_is_none_is_a_problem_of_its_environment() -> None:
    clients = in_memory()
    commit = previewed(clients, example(**{"infrastructure/messages/template.yaml": b"Resources: {}\n"}))
    problems = [*preview_service(clients, commit).problems, *preview_environment(clients, commit, "dev").problems]
    assert problems


def test_a_forks_commit_is_refused_unless_the_operator_allows_it() -> None:
    for allowed in (False, True):
        clients = in_memory(previews_of_forks=allowed)
        clients.git.commit(example())
        commit = clients.git.commit(example(), branch="elsewhere")
        clients.git.name("refs/pull/7/head", commit)
        clients.git.name("refs/heads/elsewhere", None)
        if allowed:
            assert commit_to_preview(clients, clients.git.repository, "refs/pull/7/head", commit).id == commit
        else:
            with pytest.raises(Refused, match="previews_of_forks"):
                commit_to_preview(clients, clients.git.repository, "refs/pull/7/head", commit)


def test_a_pull_request_that_has_moved_on_is_not_previewed() -> None:
    clients = in_memory()
    first = previewed(clients, example())
    clients.git.name("refs/pull/7/head", clients.git.commit(example(extra=b"x"), branch="feature"))
    with pytest.raises(Refused, match="any more"):
        commit_to_preview(clients, clients.git.repository, "refs/pull/7/head", first.id)

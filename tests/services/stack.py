"""The whole local stack, as `pratique up` starts it, and a service's repository to deliver from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import tomli_w

from pratique.bootstrap import Clients
from pratique.local.example import commit_example
from pratique.local.stack import LocalStack
from pratique.settings import PrefectSettings, Settings, load_settings
from pratique.settings.file import read_settings
from tests.typing_in import typed

if TYPE_CHECKING:
    from tests.fakes.flows_here import FlowsHere

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "hello"
PRATIQUE = Path(sys.executable).with_name("pratique")


GROUPS = frozenset({"stack", "faults"})
"""Of tests, each with a stack of its own: see CONTRIBUTING.md."""

UP, DOWN = pytest.StashKey["RunningStack"](), pytest.StashKey["RunningStack"]()
"""The stack of this process of pytest, while it runs and afterwards."""


def prefect_api(settings: PrefectSettings) -> httpx.Client:
    """Prefect's API, as whoever has its password may ask it."""
    assert settings.auth_file is not None
    user, _, password = settings.auth_file.read_text().partition(":")
    return httpx.Client(base_url=settings.api_url, auth=(user, password), timeout=60)


class RunningStack:
    """A local stack of the tests' own, used from outside as a person would: by the command line."""

    def __init__(self, folder: Path) -> None:
        self.local = LocalStack(folder, CHECKOUT)
        self.folder = self.local.folder

    def environment(self, **more: str) -> dict[str, str]:
        """The variables under which a command uses this stack."""
        return {**os.environ, "PRATIQUE_CONFIG": str(self.local.config), "COLUMNS": "200", **more}

    def pratique(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """What `pratique …` answers, called in this process."""
        if threading.current_thread() is not threading.main_thread():
            return self.process(*arguments, **more)
        return typed(arguments, self.folder, self.environment(**more))

    def process(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """What `pratique …` answers in a process of its own."""
        command, variables = [PRATIQUE, *arguments], self.environment(**more)
        return subprocess.run(command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False)

    def read(self, *arguments: str) -> Any:
        """What a command answers with `--json`, which must succeed."""
        done = self.pratique(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def held(self, service: str) -> dict[str, dict[str, Any]]:
        """What each environment of the service holds."""
        return {row["environment"]: row for row in self.read("environments", service)}

    @contextmanager
    def clients(self) -> Iterator[Clients]:
        """The library's own clients of this stack."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PRATIQUE_CONFIG", str(self.local.config))
            yield Clients(self.settings())

    def settings(self) -> Settings:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PRATIQUE_CONFIG", str(self.local.config))
            return load_settings()

    def prefect_api(self) -> httpx.Client:
        """Its Prefect's API."""
        return prefect_api(self.settings().prefect)

    @contextmanager
    def changed_settings(self, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """Within it the operator's settings are others, for the worker as well: it reads them with each run."""
        original = self.local.config.read_text()
        settings = read_settings(self.local.config)
        change(settings)
        self.local.config.write_text(tomli_w.dumps(settings))
        try:
            yield
        finally:
            self.local.config.write_text(original)


class Service:
    """A copy of the example under a name of its own, in a repository of its own, so that tests do not meet."""

    def __init__(self, stack: RunningStack, name: str) -> None:
        self.stack = stack
        self.name = name
        self.repository = commit_example(EXAMPLE, stack.folder / "services" / name)
        self.edit("pratique.yaml", "service: hello", f"service: {name}")
        self.edit("pratique.yaml", "kv/data/hello/", f"kv/data/{name}/")
        # Queues and parameters have one name space for all stacks.
        template = "infrastructure/messages/template.yaml"
        self.edit(template, "hello-${Environment}", f"{name}-${{Environment}}")
        self.edit(template, "/hello/${Environment}", f"/{name}/${{Environment}}")
        for environment in ("dev", "staging", "prod"):
            stack.local.openbao().seed_secret(f"{name}/{environment}", {"db_password": f"password-of-{name}-{environment}"})
        self.commit("Take a name")

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a file of the work tree."""
        path = self.repository / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new))

    def commit(self, message: str = "Change something") -> str:
        """The id of a new commit of the work tree."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", message)
        return self._git("rev-parse", "HEAD")

    def deliver(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """What `pratique deliver` answers for the newest commit."""
        return self.stack.pratique("deliver", str(self.repository), *arguments, **more)

    def delivered(self, *arguments: str) -> None:
        """Deliver, which must succeed, without Prefect: for what a test begins or goes on with."""
        with running_here():
            done = self.deliver(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def prepared(self) -> str:
        """The digest of the newest commit's release, which is promoted nowhere yet."""
        with running_here() as here, self.stack.clients():  # whose settings the flow reads
            run = here.start("prepare/here", {"repository": str(self.repository)})
        assert run.state_name == "Completed", run.message
        return here.given[run.id].digest

    def lift(self, environment: str) -> None:
        """Lift the hold of an environment, as the person who runs the stack."""
        done = self.stack.pratique("lift", self.name, "--in", environment, "--reason", "mended")
        assert done.returncode == 0, done.stdout + done.stderr

    def version(self, environment: str) -> dict[str, Any]:
        """What the running service answers to `/version`."""
        address = self.stack.held(self.name)[environment]["address"]
        answer = httpx.get(f"{address}/version", timeout=10)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.repository, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.strip()


@contextmanager
def running_here() -> Iterator[FlowsHere]:
    """Within it what this process starts at Prefect runs in it, as soon as it is started: see `tests/fakes/flows_here.py`."""
    from tests.fakes.flows_here import flows_here  # noqa: PLC0415  # Prefect and the flows take two seconds

    with flows_here() as here:
        yield here


@pytest.fixture(scope="module")
def here(stack: RunningStack) -> Iterator[FlowsHere]:  # which has to be up
    """For a module about what flows do: all that its tests start at Prefect runs in this process."""
    with running_here() as found:
        yield found


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """The local stack, up; nothing of it is left afterwards."""
    groups = [(item.nodeid, mark.args[0]) for item in request.session.items for mark in item.iter_markers("xdist_group")]
    grouped = all(name.endswith(f"@{group}") for name, group in groups)
    assert grouped or "PYTEST_XDIST_WORKER" not in os.environ, "run with --dist loadgroup: every test would start a stack"
    # Not in pytest's own folder: that of an older session is removed while it still runs, when others start beside it.
    running = RunningStack(Path(tempfile.mkdtemp(prefix="pratique-stack-")))
    running.local.up(print)
    request.config.stash[UP] = running
    yield running
    _end(request.config)
    shutil.rmtree(running.folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """The stack's processes end with the last test that needs them, not with the session: others need the cores."""
    running = item.config.stash.get(DOWN, None)
    if running is not None and _needs_stack(item):
        # Another group of tests with a stack has come to this process.
        running.local.up(print)
        item.config.stash[UP] = running
        del item.config.stash[DOWN]
    result = yield
    if nextitem is not None and not _needs_stack(nextitem):
        _end(item.config)
    return result


def _needs_stack(item: pytest.Item) -> bool:
    """Whether it belongs to a group that shares one, even where it does not touch it itself."""
    return any(mark.args[0] in GROUPS for mark in item.iter_markers("xdist_group"))


def _end(config: pytest.Config) -> None:
    running = config.stash.get(UP, None)
    if running is not None:
        running.local.down(print)
        del config.stash[UP]
        config.stash[DOWN] = running


@pytest.fixture
def service(stack: RunningStack) -> Service:
    """A service that nobody has delivered yet."""
    return Service(stack, f"hello-{uuid.uuid4().hex[:8]}")

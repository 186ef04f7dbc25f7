"""Secrets leave no trace: planted, used in deliveries that succeed and fail, and searched for in everything that is left.

One delivery goes through every environment. Three fail: on checks that print the secret, on a container that prints it and
ends, and on a path that Vault's policy does not grant. Vault is reached through a proxy, which knows every token used.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from subprocess import CompletedProcess
from urllib.parse import quote

import pytest
from docker import DockerClient

from pratique.warm.forks import runs_with_a_process
from tests.e2e import traces
from tests.e2e.traces import Piece
from tests.services.fault_proxy import FaultProxy
from tests.services.openbao import write
from tests.services.stack import RunningStack, Service

pytestmark = pytest.mark.xdist_group("stack")

ENVIRONMENTS = ("dev", "staging", "prod")
NAME = "secretive"

BUILD = """\
RUN --mount=type=secret,id=token ["/bin/busybox", "sh", "-c", \
"busybox cat /run/secrets/token && busybox sha256sum /run/secrets/token > /built-with"]
USER 65532:65532
"""
"""A step that uses the secret, and is careless enough to print it."""

CARELESS_CHECKS = """\
checks:
  - name: prints-it
    command: {run: [/bin/busybox, sh, -c, 'echo "$DB_PASSWORD"; exit 1']}
    deadline: 20s
    interval: 20s # asked once, and given its time
    timeout: 15s
  - name: is-cut-off-in-it
    command: {run: [/bin/busybox, sh, -c, 'busybox printf "%0180d%s" 0 "$DB_PASSWORD"; exit 1']}
    deadline: 20s
    interval: 20s # asked once, and given its time
    timeout: 15s
"""


def secret() -> str:
    """A value that nobody else has, with whatever needs escaping somewhere."""
    return f'{secrets.token_hex(8)}  "{secrets.token_hex(8)}"\'\\&%+<é>/={secrets.token_hex(8)}'


@dataclass
class Aftermath:
    """What was planted, what happened, and where to look."""

    service: Service
    commit: str
    planted: dict[str, str]
    """The secrets that the service uses."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Vault's tokens, as they were shown to it."""
    answers: dict[str, CompletedProcess[str]] = field(default_factory=dict)
    """What the commands said, by what was asked."""

    @property
    def stack(self) -> RunningStack:
        return self.service.stack

    @property
    def stored(self) -> dict[str, str]:
        """The secrets of the local stack itself, which its own files hold."""
        folder = self.stack.folder / "openbao"
        keys = json.loads((folder / "keys.json").read_text())
        return {
            "root token": keys["root_token"],
            "unseal key": keys["unseal_key"],
            "secret id": (folder / "secret-id").read_text(),
        }

    @property
    def all(self) -> dict[str, str]:
        return {**self.planted, **self.tokens, **self.stored}


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerClient]:
    client = DockerClient.from_env(timeout=120)
    yield client
    client.close()


@pytest.fixture(scope="module")
def aftermath(stack: RunningStack) -> Iterator[Aftermath]:
    planted = {f"password of {name}": secret() for name in ENVIRONMENTS} | {
        "password behind a denied path": secret(),
        "build secret": secret(),
        "AWS secret key": secret(),
    }
    openbao = stack.local.openbao()
    for name in ENVIRONMENTS:
        openbao.put_secret(f"{NAME}/{name}", {"db_password": planted[f"password of {name}"]})
    openbao.put_secret(f"{NAME}/build", {"token": planted["build secret"]})
    openbao.put_secret("aws", {"access_key_id": "local", "secret_access_key": planted["AWS secret key"]})
    write(openbao, "sys/mounts/private", type="kv", options={"version": "2"})
    write(openbao, "private/data/dev", data={"db_password": planted["password behind a denied path"]})

    service = Service(stack, NAME)
    service.edit("Dockerfile", "USER 65532:65532\n", BUILD)
    service.edit(
        "pratique.yaml", "  - name: hello\n", f'  - name: hello\n    secrets: {{token: "vault:kv/data/{NAME}/build#token"}}\n'
    )
    service.edit("serve", "unset DB_PASSWORD\n", 'unset DB_PASSWORD\necho "serving $SOURCE_COMMIT"\n')
    found = Aftermath(service, service.commit("Use secrets"), planted)

    with FaultProxy(openbao.address) as proxy, stack.changed_settings(lambda all_: all_["vault"].update(address=proxy.url)):
        found.answers["deliver"] = service.deliver()
        assert found.answers["deliver"].returncode == 0, found.answers["deliver"]
        for name, change in FAILURES.items():
            service.edit(*change)
            service.commit(name)
            found.answers[name] = service.deliver("--through", "dev")
            service.edit(change[0], change[2], change[1])
            # What came in and failed holds the environment; what was refused before does not.
            if "and is held" in " ".join(found.answers[name].stderr.split()):
                service.lift("dev")
        shown = {request.headers[name] for request in proxy.seen for name in request.headers if name.lower() == "x-vault-token"}
    found.tokens = {f"token {number}": token for number, token in enumerate(sorted(shown))}
    for command in (
        ["environments", NAME],
        ["history", NAME],
        ["releases", NAME],
        ["verify", NAME],
        ["plan", NAME, "--to", "dev"],
    ):
        found.answers[" ".join(command)] = stack.pratique(*command, "--json")
    _until_every_run_has_ended(stack)
    yield found
    with openbao.administration() as administrator:
        assert administrator.adapter.delete("/v1/sys/mounts/private").ok


FAILURES = {
    "checks that print the secret": ("pratique.yaml", "checks:\n", CARELESS_CHECKS),
    "a container that prints the secret and ends": (
        "serve",
        "unset DB_PASSWORD\n",
        'echo "the password is $DB_PASSWORD" >&2; exit 1\n',
    ),
    "a path that Vault's policy denies": ("pratique.yaml", f"vault:kv/data/{NAME}/${{environment}}", "vault:private/data/dev"),
}
"""File, text, and what stands there instead."""


def _until_every_run_has_ended(stack: RunningStack, within: float = 120) -> None:
    """A run's process sends its last lines a moment after the run is over."""
    notes = stack.folder / "worker" / "runs"
    end = time.monotonic() + within
    while runs_with_a_process(notes):
        assert time.monotonic() < end, "a run's process does not end"
        time.sleep(0.1)


# What happened: the secrets were used, and each failure was of the kind that it was meant to be.


def test_the_password_reaches_the_container_exactly(aftermath: Aftermath, engine: DockerClient) -> None:
    for name in ENVIRONMENTS:
        (container,) = traces.containers(engine, NAME, role="workload", environment=name)
        assert f"DB_PASSWORD={aftermath.planted[f'password of {name}']}" in container.attrs["Config"]["Env"]
        version = aftermath.service.version(name)
        assert (version["commit"], version["db_password_is_set"]) == (aftermath.commit, True)


def test_the_delivery_came_through_and_the_others_were_refused_for_what_was_planted(aftermath: Aftermath) -> None:
    codes = {name: answer.returncode for name, answer in aftermath.answers.items() if name in ("deliver", *FAILURES)}
    assert codes == {"deliver": 0, **dict.fromkeys(FAILURES, 3)}
    said = {name: aftermath.answers[name].stderr for name in FAILURES}
    assert re.search(r"check prints-it failed: .*status 1: \*{8}", said["checks that print the secret"])
    assert re.search(r"check is-cut-off-in-it failed: .*status 1: 0{180}", said["checks that print the secret"])
    assert re.search(r"the password is \*{8}", said["a container that prints the secret and ends"])
    assert re.search(r"denies read on private/data/dev: the token's policies \(", said["a path that Vault's policy denies"])


def test_what_is_searched_for_is_what_was_used(aftermath: Aftermath) -> None:
    # A delivery logs in to sign, to build, and for each environment's stacks and workload.
    assert len(aftermath.tokens) >= 10
    assert all(len(token) >= traces.SHORTEST for token in aftermath.tokens.values())


# What is left of them.

Look = Callable[[Aftermath, DockerClient], Iterable[Piece]]

PLACES: dict[str, Look] = {
    "Prefect's database": lambda it, _: traces.rows(it.stack.folder / "prefect" / "prefect.db"),
    "what Prefect's API tells": lambda it, _: traces.prefect_api(it.stack.settings().prefect),
    "the ledger": lambda it, _: traces.rows(it.stack.folder / "ledger.db"),
    "the Git mirrors": lambda it, _: traces.git_objects(it.stack.folder),
    "the commands' answers": lambda it, _: (
        (name, f"{done.stdout}\n{done.stderr}".encode()) for name, done in it.answers.items()
    ),
    "what the containers wrote": lambda _, engine: traces.container_logs(engine, NAME),
    "the images": lambda it, engine: traces.images(engine, it.service.repository),
    "the registry": lambda it, _: traces.files(it.stack.folder / "registry"),
}


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_found_in(place: str, aftermath: Aftermath, engine: DockerClient) -> None:
    found = traces.search(PLACES[place](aftermath, engine), {**aftermath.all, "the commit": aftermath.commit[:12]})
    # The commit is no secret: where it is found, a secret would have been.
    assert "the commit" in {name for name, _ in found}
    assert {name: where for name, where in found if name != "the commit"} == {}


KINDS = {
    "Prefect's database": {f"prefect.db: {table}" for table in ("artifact", "events", "flow_run", "log", "task_run")},
    "what Prefect's API tells": {"artifacts", "events", "flow_runs", "logs", "task_runs"},
}


@pytest.mark.parametrize("place", KINDS)
def test_every_kind_of_record_of_prefect_is_searched(place: str, aftermath: Aftermath, engine: DockerClient) -> None:
    found = traces.search(PLACES[place](aftermath, engine), {"an environment": "staging"})
    assert {where for _, where in found} >= KINDS[place]


MEANT_TO_HOLD_IT = {
    ("root token", "openbao/keys.json"),
    ("unseal key", "openbao/keys.json"),
    ("secret id", "openbao/secret-id"),
}
"""OpenBao's unseal key and root token, and the login of the pipeline: files of one developer's machine, for the owner only.

Nothing else is left out, not even OpenBao's storage, which is encrypted, and its audit log, which holds keyed hashes.
"""


def test_no_file_of_the_stack_holds_a_secret_but_those_that_are_meant_to(aftermath: Aftermath) -> None:
    folder = aftermath.stack.folder
    found = traces.search(traces.files(folder), {**aftermath.all, "the service": NAME})
    places = {where.split("/")[0] for name, where in found if name == "the service"}
    assert places >= {"openbao", "registry", "prefect", "ledger.db", "git", "processes"}
    assert {(name, where) for name, where in found if name != "the service"} == MEANT_TO_HOLD_IT
    assert {(folder / where).stat().st_mode & 0o777 for _, where in MEANT_TO_HOLD_IT} == {0o600}


def test_the_build_secret_was_mounted_and_only_its_hash_is_in_a_layer(aftermath: Aftermath, engine: DockerClient) -> None:
    used = {"hash": hashlib.sha256(aftermath.planted["build secret"].encode()).hexdigest()}
    # Each is in a compressed layer, or an archive within an archive: the search sees into these.
    assert traces.search(PLACES["the registry"](aftermath, engine), used)
    assert traces.search(PLACES["the images"](aftermath, engine), used)


def test_nothing_that_looks_like_a_token_of_vault_is_anywhere(aftermath: Aftermath, engine: DockerClient) -> None:
    shape = re.compile(rb"(?<![A-Za-z0-9_.])(?:s|b|hvs|hvb)\.[A-Za-z0-9_-]{24}(?![A-Za-z0-9_-])")
    assert all(shape.fullmatch(token.encode()) for token in aftermath.tokens.values())
    for place, look in PLACES.items():
        for where, packed in look(aftermath, engine):
            for content in traces.unpacked(packed):
                assert not shape.findall(content), (place, where)


@pytest.mark.parametrize("form", ["as it is", "base64", "URL", "JSON", "hex", "gzip", "a piece"])
def test_the_search_finds_a_value_that_is_spelled_otherwise(form: str) -> None:
    value = secret()
    raw = value.encode()
    spelled = {
        "as it is": raw,
        "base64": base64.b64encode(b"x" + raw + b"yz"),
        "URL": quote(value, safe="").encode(),
        "JSON": json.dumps({"inner": json.dumps({"value": value})}).encode(),
        "hex": raw.hex().encode(),
        "gzip": gzip.compress(b"before" + raw),
        "a piece": raw[:16],
    }[form]
    assert traces.search([("here", b"before " + spelled if form != "gzip" else spelled)], {"it": value}) == {("it", "here")}
    assert traces.search([("here", spelled)], {"another": secret()}) == set()

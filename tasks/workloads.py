"""Workloads: deployed, measured, withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pratique.bootstrap import clients
from pratique.clients.probes import run_checks
from pratique.decisions.desired import desired_workload
from pratique.errors import Refused
from pratique.values.checks import CheckResult
from pratique.values.environment import Environment
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_WORKLOAD
from tasks._step import step, tell


@step("read the secrets of {environment.name}", RETRY_WORKLOAD)
def require_secrets(environment: Environment) -> None:
    """Return when every secret of the workload can be read; refused with every one that cannot, before anything is changed."""
    clients().read_secrets(environment.workload.secrets)


@step("deploy to {environment.name}", RETRY_WORKLOAD)
def deploy(stored: StoredRelease, environment: Environment, outputs: Mapping[str, Mapping[str, str]], fence: int) -> str:
    """The address at which the release serves, traffic switched to it."""
    desired = desired_workload(environment, stored, outputs, clients().place(environment.name).repository)
    secrets = clients().read_secrets(environment.workload.secrets)
    with clients().workloads(environment) as workloads:
        return workloads.deploy(desired, secrets, fence, tell).address


@step("check {environment.name}", RETRY_WORKLOAD)
def check(stored: StoredRelease, environment: Environment, address: str) -> tuple[CheckResult, ...]:
    """What every check of the environment found, all of them passed; refused with every one that does not."""
    with clients().workloads(environment) as workloads:

        def execute(command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
            return workloads.execute(environment.service, environment.name, command, timeout)

        results = run_checks(environment.checks, address, execute, stored.release.commit.id)
    for result in results:
        tell(f"{'passed' if result.passed else 'FAILED'}: check {result.name}: {result.detail} ({result.seconds:.1f} s)")
    if failed := [f"check {result.name} failed: {result.detail}" for result in results if not result.passed]:
        raise Refused(*failed)
    return tuple(results)


@step("withdraw from {environment.name}", RETRY_WORKLOAD)
def withdraw(environment: Environment) -> None:
    """Take the workload out of an environment that has never granted a release."""
    with clients().workloads(environment) as workloads:
        workloads.remove(environment.service, environment.name)

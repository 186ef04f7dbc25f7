"""Establish: what promoting and rolling back have in common, infrastructure first, then workload, then checks."""

from pratique.values.environment import Environment
from pratique.values.passage import Established
from pratique.values.release import StoredRelease
from tasks.infrastructure import provision
from tasks.workloads import check, deploy


async def establish(stored: StoredRelease, environment: Environment, fence: int) -> Established:
    """The release as it serves in the environment, every check passed."""
    outputs = {}
    for section in environment.stacks:
        outputs[section.stack] = await provision(stored, environment, section, fence)
    address = await deploy(stored, environment, outputs, fence)
    return Established(address=address, checks=await check(stored, environment, address))

"""CloudFormation: stacks planned and applied.

>>> with open_stacks(settings.environments["dev"].aws, credentials=None) as stacks:  # doctest: +SKIP
...     stacks.plan(desired)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader, create_loader

from pratique.clients.cloudformation.errors import translated
from pratique.clients.cloudformation.stacks import CloudFormationStacks
from pratique.clients.ports import Stacks
from pratique.errors import Invalid
from pratique.settings import AwsSettings

__all__ = ["open_stacks"]

_ONE_ATTEMPT = Config(
    connect_timeout=5,
    read_timeout=30,
    # The task is the one retry layer: throttling and outages surface at once, as `Transient`.
    retries={"total_max_attempts": 1, "mode": "standard"},
    user_agent_extra="pratique",
)


@cache
def _loader() -> Loader:
    """What reads botocore's descriptions of services, and remembers them: one for all sessions, because it only reads."""
    return create_loader()


def remember_models() -> None:
    """Read what every client needs, so that whoever is forked from this process has it already."""
    session = botocore.session.Session()
    session.register_component("data_loader", _loader())
    session.create_client("cloudformation", region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-").close()  # noqa: S106  # nobody is asked


@contextmanager
def open_stacks(
    aws: AwsSettings, credentials: tuple[str, str] | None, *, poll: float = 1.0, within: float = 1800.0
) -> Iterator[Stacks]:
    """The stacks of an account and region.

    `credentials` are access key id and secret; None lets boto3 find a role, a profile or variables.
    `poll` and `within` are seconds: between two looks at an operation, and how long one is waited for.
    """
    key, secret = credentials or (None, None)
    place = aws.endpoint or f"AWS in {aws.region}"
    try:
        with translated(place):
            # A session of its own: boto3's default one is shared by threads and not safe there.
            session = botocore.session.Session()
            session.register_component("data_loader", _loader())
            client = boto3.session.Session(
                botocore_session=session, aws_access_key_id=key, aws_secret_access_key=secret
            ).client("cloudformation", region_name=aws.region, endpoint_url=aws.endpoint, config=_ONE_ATTEMPT)
    except ValueError as error:
        raise Invalid("environments.<name>.aws.endpoint", str(error), "write a URL such as http://127.0.0.1:5566") from None
    try:
        yield CloudFormationStacks(client, poll=poll, within=within)
    finally:
        client.close()

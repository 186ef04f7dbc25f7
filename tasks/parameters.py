"""The parameters of the flows, as the Prefect UI shows them in its forms.

None of them is ever a secret: the API stores them as they are.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pratique.values.digest import DIGEST_PATTERN
from pratique.values.names import NAME_PATTERN

Repository = Annotated[
    str,
    Field(
        title="Repository",
        description="Git URL or path of the service's repository, as the worker reaches it; without credentials.",
        examples=["https://git.example.com/team/hello.git"],
        min_length=1,
        max_length=2000,
    ),
]
Ref = Annotated[
    str,
    Field(title="Ref", description="Branch, tag or full commit id.", examples=["main", "v1.4.0"], min_length=1, max_length=255),
]
ServiceName = Annotated[
    str, Field(title="Service", description="The service, as its pratique.yaml names it.", pattern=NAME_PATTERN)
]
ReleaseDigest = Annotated[
    str,
    Field(title="Release", description="Digest of the release; `pratique releases` lists them.", pattern=DIGEST_PATTERN),
]
EnvironmentName = Annotated[
    str, Field(title="Environment", description="One environment of the release's pratique.yaml.", pattern=NAME_PATTERN)
]
LastEnvironment = Annotated[
    str | None,
    Field(title="Through", description="Stop after this environment; empty goes through all of them.", pattern=NAME_PATTERN),
]
RequestedBy = Annotated[
    str, Field(title="Requested by", description="Who asks, for the record; it authorises nothing.", max_length=200)
]
Reason = Annotated[
    str, Field(title="Reason", description="Why; it stays in the history of the environment.", min_length=3, max_length=1000)
]
EarlierRelease = Annotated[
    str | None,
    Field(
        title="Release",
        description="A release that was granted here before; empty takes the one before the present one.",
        pattern=DIGEST_PATTERN,
    ),
]

"""What an environment asks of a release, besides what every environment does: its `gates`.

A service's `pratique.yaml` may ask, and so may the operator's settings; each is asked for by itself, so that neither can
take away what the other wants. What is asked for here is decided by the policies in `policies/`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from pratique.values._base import Value
from pratique.values.duration import Duration, format_duration
from pratique.values.names import Name

LONGEST_AGE = timedelta(days=366)


def _is_an_age(duration: timedelta) -> timedelta:
    if not timedelta(0) < duration <= LONGEST_AGE:
        raise ValueError(f"write a duration longer than 0 and at most {format_duration(LONGEST_AGE)}")
    return duration


Age = Annotated[Duration, AfterValidator(_is_an_age)]
"""A duration that something may last or be old: soaks and approvals take days, sometimes weeks."""

MostFindings = Annotated[int, Field(ge=0, le=100_000)]
Licence = Annotated[str, StringConstraints(min_length=1, max_length=200)]
SignerPattern = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Approvals(Value):
    """How many people have to approve, and who may."""

    required: int = Field(default=1, ge=1, le=32)
    """So many distinct people."""
    from_: tuple[Name, ...] = Field(alias="from", min_length=1, max_length=64)
    """People, and groups of people, as the operator's settings name them."""
    not_author: bool = True
    """The commit's author does not count."""
    expires: Age = timedelta(days=7)
    """How long an approval counts; whoever approves may say a shorter time."""
    clicks: bool = False
    """Count an answer to the form in Prefect's UI, too, of which nobody can prove whose it was; recorded as that."""


class Vulnerabilities(Value):
    """The most findings of each severity that are let in, over all images; absent: any number."""

    critical: MostFindings | None = None
    high: MostFindings | None = None
    medium: MostFindings | None = None
    low: MostFindings | None = None
    unknown: MostFindings | None = None
    scanned_within: Age | None = None
    """The newest scan of each image is no older than this."""


class Licences(Value):
    """Which licences the components of the images may have, as SPDX ids; `*` stands for any ending."""

    allow: tuple[Licence, ...] = Field(default=(), max_length=500)
    """Only these; empty: any that are not denied."""
    deny: tuple[Licence, ...] = Field(default=(), max_length=500)
    unknown: Literal["allow", "refuse"] = "refuse"
    """What becomes of a component whose licence the bill of materials does not know."""


class Requirements(Value):
    """What is asked of a release before it may come into an environment; nothing, where nothing is written."""

    soak: Age | None = None
    """How long every environment that comes before must have held the release."""
    approvals: Approvals | None = None
    vulnerabilities: Vulnerabilities | None = None
    licences: Licences | None = None
    signed_by: tuple[SignerPattern, ...] = Field(default=(), max_length=64)
    """Of those that are trusted, whose signature of release and images counts: identities, or `key:<hint>`; `*` stands for
    any characters. Empty: that of each."""


class Exceptions(Value):
    """Who may let a gate be passed over, in the operator's settings alone."""

    from_: tuple[Name, ...] = Field(alias="from", min_length=1, max_length=64)
    """People and groups. Two of them have to sign an exception."""
    longest: Age = timedelta(days=1)
    """No exception counts for longer."""

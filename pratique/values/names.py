"""The names that travel into repositories, containers, stacks and tags, and what each may hold.

One spelling fits them all: lower-case letters, digits and single hyphens, starting with a letter, 40 characters at most.
A manifest bounds service and environment together (53), so that `pratique-<service>-<environment>` stays a valid
DNS label (63, RFC 1035), container name and CloudFormation stack name (128).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

NAME_PATTERN = r"^[a-z](?:-?[a-z0-9]){0,39}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=40)]

CommitId = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
"""A full Git object id, SHA-1 or SHA-256; never an abbreviation, which could become ambiguous."""

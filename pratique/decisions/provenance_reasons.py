"""Whether a statement shows which commit an image or a release was made of.

The statement may be another tool's: what it lacks or has wrong is a reason, never an error.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pratique.decisions.provenance import RELEASE_BUILD_TYPE, parts_of, source_uri
from pratique.values.commit import Commit
from pratique.values.digest import hex_of
from pratique.values.evidence import BUILD_TYPE, PROVENANCE_PREDICATE, Statement
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class _Source(_Read):
    repository: str
    commit: str


class _ExternalParameters(_Read):
    source: _Source


class _Dependency(_Read):
    uri: str = ""
    name: str = ""
    digest: dict[str, str] = Field(default_factory=dict)


class _BuildDefinition(_Read):
    build_type: str
    external_parameters: _ExternalParameters
    resolved_dependencies: tuple[_Dependency, ...]


class _Builder(_Read):
    id: str = Field(min_length=1)


class _RunDetails(_Read):
    builder: _Builder


class _Provenance(_Read):
    build_definition: _BuildDefinition
    run_details: _RunDetails


def provenance_reasons(statement: Statement, reference: ImageReference, commit: Commit) -> list[str]:
    """Every reason why the statement does not show that the image was built from the commit; none means it does."""
    reasons, _ = _reasons(statement, reference, commit, BUILD_TYPE)
    return reasons


def release_provenance_reasons(statement: Statement, stored: StoredRelease) -> list[str]:
    """Every reason why the statement does not show that the release was made of its commit and its parts."""
    reasons, found = _reasons(statement, stored.reference, stored.release.commit, RELEASE_BUILD_TYPE)
    if found is not None:
        listed = {(part.name, part.digest.get("sha256")) for part in found.build_definition.resolved_dependencies if part.name}
        parts = {(name, hex_of(digest)) for name, digest in parts_of(stored)}
        reasons += [f"it does not list {name} sha256:{digest}" for name, digest in sorted(parts - listed)]
        reasons += [f"it lists {name}, which the release does not hold" for name in sorted(name for name, _ in listed - parts)]
    return reasons


def _reasons(
    statement: Statement, reference: ImageReference, commit: Commit, build_type: str
) -> tuple[list[str], _Provenance | None]:
    if statement.predicate_type != PROVENANCE_PREDICATE:
        return [f"it is a {statement.predicate_type}, not a {PROVENANCE_PREDICATE}"], None
    reasons = [] if statement.speaks_of(reference.digest) else [f"it does not speak of {reference.digest}"]
    try:
        found = _Provenance.model_validate(statement.predicate)
    except ValidationError as error:
        problems = error.errors(include_input=False)
        return [*reasons, *(f"its predicate.{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in problems)], None
    definition = found.build_definition
    source = definition.external_parameters.source
    if definition.build_type != build_type:
        reasons.append(f"its buildType is {definition.build_type}, not {build_type}")
    if source.repository != commit.repository:
        reasons.append(f"it names the repository {source.repository}, not {commit.repository}")
    if source.commit != commit.id:
        reasons.append(f"it names the commit {source.commit}, not {commit.id}")
    commits = [part for part in definition.resolved_dependencies if "gitCommit" in part.digest]
    if not commits:
        reasons.append("no gitCommit is among its resolvedDependencies")
    for part in commits:
        if part.digest["gitCommit"] != commit.id:
            reasons.append(f"a resolved dependency is at the commit {part.digest['gitCommit']}, not {commit.id}")
        if part.uri != source_uri(commit):
            reasons.append(f"a resolved dependency is {part.uri or 'without a uri'}, not {source_uri(commit)}")
    return reasons, found

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.decisions.provenance import (
    RELEASE_BUILD_TYPE,
    RunDetails,
    image_provenance,
    image_statements,
    release_provenance,
    release_statements,
    signature_statement,
    source_uri,
)
from pratique.decisions.provenance_reasons import provenance_reasons, release_provenance_reasons
from pratique.values.evidence import BUILD_TYPE, PROVENANCE_PREDICATE, SIGNATURE_PREDICATE, Statement
from tests.fakes.stored_release import COMMIT, stored_release

ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

STORED = stored_release()
IMAGE = STORED.release.images[0].reference
SECTION = STORED.release.manifest.images[0]
RUN = RunDetails(builder="https://example.test/builder")


def changed(statement: Statement, change: Callable[[dict[str, Any]], None]) -> Statement:
    content = copy.deepcopy(statement.model_dump(mode="json", by_alias=True))
    change(content)
    return Statement.model_validate(content)


def test_the_signature_statement_is_cosigns() -> None:
    assert signature_statement("hello/images/web", IMAGE.digest).payload() == (
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{},"predicateType":"https://sigstore.dev/cosign/sign/v1",'
        b'"subject":[{"digest":{"sha256":"' + IMAGE.digest[7:].encode() + b'"},"name":"hello/images/web"}]}'
    )


def test_an_images_provenance_holds_what_slsa_asks_for() -> None:
    run = RunDetails(
        builder="https://example.test/builder",
        invocation="run-1",
        started=datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        finished=datetime(2026, 3, 1, 12, 1, tzinfo=UTC),
    )
    assert image_provenance(IMAGE, SECTION, COMMIT, run).predicate == {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "source": {"repository": COMMIT.repository, "commit": COMMIT.id},
                "image": {
                    "name": "web",
                    "context": ".",
                    "dockerfile": "Dockerfile",
                    "target": None,
                    "args": {"GREETING": "hello"},
                    "secrets": {},
                },
            },
            "internalParameters": {},
            "resolvedDependencies": [
                {"uri": f"git+{COMMIT.repository}@{COMMIT.id}", "digest": {"gitCommit": COMMIT.id}},
            ],
        },
        "runDetails": {
            "builder": {"id": "https://example.test/builder"},
            "metadata": {"invocationId": "run-1", "startedOn": "2026-03-01T12:00:00Z", "finishedOn": "2026-03-01T12:01:00Z"},
        },
    }


def test_a_releases_provenance_lists_the_commit_the_images_and_the_infrastructure() -> None:
    definition = release_provenance(STORED, RUN).predicate["buildDefinition"]
    assert definition["buildType"] == RELEASE_BUILD_TYPE
    assert [part.get("name") or part["uri"] for part in definition["resolvedDependencies"]] == [
        f"git+{COMMIT.repository}@{COMMIT.id}",
        "hello/images/web",
        "hello/images/job",
        "infrastructure",
    ]


def test_the_same_build_gives_the_same_bytes() -> None:
    again = stored_release()
    assert [statement.payload() for statement in release_statements(STORED, RUN)] == [
        statement.payload() for statement in release_statements(again, RUN)
    ]


def test_an_image_and_a_release_each_get_a_signature_and_a_provenance() -> None:
    for statements in (image_statements(IMAGE, SECTION, COMMIT, RUN), release_statements(STORED, RUN)):
        assert [statement.predicate_type for statement in statements] == [SIGNATURE_PREDICATE, PROVENANCE_PREDICATE]


@pytest.mark.parametrize(
    ("repository", "uri"),
    [
        ("https://git.example.test/hello.git", "git+https://git.example.test/hello.git"),
        ("/srv/git/hello", "git+file:///srv/git/hello"),
        ("git@git.example.test:team/hello.git", "git+ssh://git@git.example.test/team/hello.git"),
        ("ssh://git@git.example.test:2222/hello", "git+ssh://git@git.example.test:2222/hello"),
    ],
)
def test_a_repository_is_spelled_as_a_download_location(repository: str, uri: str) -> None:
    commit = COMMIT.model_copy(update={"repository": repository})
    assert source_uri(commit) == f"{uri}@{COMMIT.id}"
    assert provenance_reasons(image_provenance(IMAGE, SECTION, commit, RUN), IMAGE, commit) == []


def test_what_was_made_from_the_commit_is_found_so() -> None:
    assert provenance_reasons(image_provenance(IMAGE, SECTION, COMMIT, RUN), IMAGE, COMMIT) == []
    assert release_provenance_reasons(release_provenance(STORED, RUN), STORED) == []


def _definition(statement: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = statement["predicate"]["buildDefinition"]
    return found


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another type": (lambda s: s.update(predicateType="https://example.test/p"), "not a https://slsa.dev/provenance/v1"),
    "another digest": (lambda s: s["subject"][0]["digest"].update(sha256="b" * 64), "does not speak of sha256:"),
    "no predicate": (lambda s: s.update(predicate={}), "predicate.buildDefinition: Field required"),
    "no build definition": (lambda s: s["predicate"].update(buildDefinition=None), "predicate.buildDefinition"),
    "no run details": (lambda s: s["predicate"].pop("runDetails"), "predicate.runDetails"),
    "no builder": (lambda s: s["predicate"]["runDetails"]["builder"].update(id=""), "runDetails.builder.id"),
    "another build type": (lambda s: _definition(s).update(buildType="x"), "its buildType is x"),
    "another repository": (
        lambda s: _definition(s)["externalParameters"]["source"].update(repository="https://evil.test/"),
        "names the repository https://evil.test/",
    ),
    "another commit": (
        lambda s: _definition(s)["externalParameters"]["source"].update(commit="2" * 40),
        f"names the commit {'2' * 40}",
    ),
    "a commit that is a number": (
        lambda s: _definition(s)["externalParameters"]["source"].update(commit=1),
        "externalParameters.source.commit: Input should be a valid string",
    ),
    "no dependencies": (lambda s: _definition(s).update(resolvedDependencies=[]), "no gitCommit is among"),
    "dependencies that are a text": (lambda s: _definition(s).update(resolvedDependencies="x"), "resolvedDependencies"),
    "a dependency at another commit": (
        lambda s: _definition(s)["resolvedDependencies"][0]["digest"].update(gitCommit="3" * 40),
        f"a resolved dependency is at the commit {'3' * 40}",
    ),
    "a dependency from elsewhere": (
        lambda s: _definition(s)["resolvedDependencies"][0].update(uri="git+https://evil.test/@1"),
        "a resolved dependency is git+https://evil.test/@1",
    ),
    "a dependency without a place": (
        lambda s: _definition(s)["resolvedDependencies"][0].pop("uri"),
        "a resolved dependency is without a uri",
    ),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("what", ["image", "release"])
def test_each_deviation_is_a_reason(what: str, change: Callable[[dict[str, Any]], None], reason: str) -> None:
    if what == "image":
        reasons = provenance_reasons(changed(image_provenance(IMAGE, SECTION, COMMIT, RUN), change), IMAGE, COMMIT)
    else:
        reasons = release_provenance_reasons(changed(release_provenance(STORED, RUN), change), STORED)
    assert any(reason in found for found in reasons), reasons


def test_a_release_made_of_other_images_is_told_each_of_them() -> None:
    def swap(statement: dict[str, Any]) -> None:
        _definition(statement)["resolvedDependencies"][1] = {"name": "hello/images/evil", "digest": {"sha512": "e"}}

    reasons = release_provenance_reasons(changed(release_provenance(STORED, RUN), swap), STORED)
    assert reasons == [
        f"it does not list hello/images/web {IMAGE.digest}",
        "it lists hello/images/evil, which the release does not hold",
    ]


def test_every_reason_is_given_and_not_only_the_first() -> None:
    other = COMMIT.model_copy(update={"id": "4" * 40, "repository": "https://elsewhere.test/"})
    assert len(provenance_reasons(image_provenance(IMAGE, SECTION, other, RUN), IMAGE, COMMIT)) == 4


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(ANY_SPEED)
@given(
    st.dictionaries(
        st.sampled_from(["buildDefinition", "runDetails", "other"]),
        JSON
        | st.fixed_dictionaries(
            {"buildType": JSON, "externalParameters": JSON, "resolvedDependencies": st.lists(JSON, max_size=2)}
        ),
    )
)
def test_a_foreign_predicate_is_refused_with_a_reason_and_never_with_an_error(predicate: dict[str, Any]) -> None:
    statement = image_provenance(IMAGE, SECTION, COMMIT, RUN).model_copy(update={"predicate": predicate})
    assert provenance_reasons(statement, IMAGE, COMMIT)
    assert release_provenance_reasons(statement, STORED)

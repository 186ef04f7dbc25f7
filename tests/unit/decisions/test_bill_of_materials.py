from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.decisions.bill_of_materials import bill_of, bill_statement, bill_to_scan
from pratique.decisions.evidence import Gathered
from pratique.values.bill import BILL_PREDICATE, Bill, Component
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner, Statement, VerifiedStatement, statement_about
from pratique.values.references import ImageReference

IMAGE = ImageReference(repository="hello/images/web", digest=digest_of(b"web"))
CREATED = datetime(2026, 3, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))
PACKAGES: list[dict[str, Any]] = [
    {"type": "library", "name": "zlib1g", "version": "1.2", "purl": "pkg:deb/debian/zlib1g@1.2"},
    {"type": "library", "name": "flask", "version": "2.0", "purl": "pkg:pypi/flask@2.0"},
]


def document(*components: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": list(components), **more}


def gathered(*about: Statement | dict[str, Any]) -> Gathered:
    """What is attached to the image, each by a bundle of its own."""
    statements = [
        found if isinstance(found, Statement) else statement_about("web", IMAGE.digest, BILL_PREDICATE, found)
        for found in about
    ]
    return Gathered(
        reference=IMAGE,
        verified=tuple(
            VerifiedStatement(statement=statement, signer=KeySigner(hint="ours"), bundle=digest_of(b"%d" % number))
            for number, statement in enumerate(statements)
        ),
    )


def licences_of(*choices: dict[str, Any]) -> tuple[str, ...]:
    (component,) = bill_of(gathered(document({**PACKAGES[0], "licenses": list(choices)}))).components
    return component.licences


def test_a_bill_made_again_is_the_same_bytes() -> None:
    first = document(
        *PACKAGES,
        serialNumber="urn:uuid:1",
        metadata={"timestamp": "2026-11-25T17:50:15Z", "tools": {}, "component": {"name": "/tmp/one"}},  # noqa: S108
        dependencies=[{"ref": "b"}, {"ref": "a"}],
    )
    second = document(
        *reversed(PACKAGES),
        serialNumber="urn:uuid:2",
        metadata={"timestamp": "2026-11-25T18:11:00Z", "tools": {}, "component": {"name": "/tmp/two"}},  # noqa: S108
        dependencies=[{"ref": "a"}, {"ref": "b"}],
    )
    payloads = {bill_statement(IMAGE, made, CREATED).payload() for made in (first, second)}
    assert len(payloads) == 1


def test_a_bill_names_the_image_and_the_commits_time_and_keeps_who_made_it() -> None:
    tools = {"components": [{"name": "syft", "version": "1.18.1"}]}
    statement = bill_statement(IMAGE, document(*PACKAGES, metadata={"tools": tools}), CREATED)
    assert statement.predicate_type == "https://cyclonedx.org/bom"
    assert statement.speaks_of(IMAGE.digest)
    assert statement.predicate["metadata"] == {
        "tools": tools,
        "timestamp": "2026-03-01T12:00:00Z",
        "component": {"bom-ref": str(IMAGE), "type": "container", "name": IMAGE.repository, "version": IMAGE.digest},
    }
    assert "serialNumber" not in statement.predicate


def test_an_image_with_nothing_in_it_has_a_bill_that_says_so() -> None:
    statement = bill_statement(IMAGE, {"bomFormat": "CycloneDX", "specVersion": "1.6"}, CREATED)
    assert bill_of(gathered(statement)) == Bill(documents=1)


def test_what_is_in_the_image_comes_flat_and_in_order() -> None:
    bill = bill_of(gathered(bill_statement(IMAGE, document(*PACKAGES), CREATED)))
    assert json.loads(bill.model_dump_json()) == {
        "documents": 1,
        "components": [
            {"name": "flask", "version": "2.0", "purl": "pkg:pypi/flask@2.0", "licences": []},
            {"name": "zlib1g", "version": "1.2", "purl": "pkg:deb/debian/zlib1g@1.2", "licences": []},
        ],
        "faults": [],
    }


@pytest.mark.parametrize(
    ("choices", "licences"),
    [
        ([{"license": {"id": "MIT"}}], ("MIT",)),
        ([{"license": {"name": "Our own"}}], ("Our own",)),
        ([{"license": {"id": "MIT", "name": "The MIT licence"}}], ("MIT",)),
        ([{"expression": "MIT OR Apache-2.0"}], ("MIT OR Apache-2.0",)),
        ([{"license": {"id": "Zlib"}}, {"license": {"id": "MIT"}}, {"license": {"id": "MIT"}}], ("MIT", "Zlib")),
        ([{"license": {"name": " "}}, {"license": {}}, {"expression": ""}], ()),
        ([], ()),
    ],
)
def test_licences_are_identifiers_expressions_and_names_and_none_is_unknown(
    choices: list[dict[str, Any]], licences: tuple[str, ...]
) -> None:
    assert licences_of(*choices) == licences


def test_several_bills_are_taken_together() -> None:
    one = document({**PACKAGES[0], "licenses": [{"license": {"id": "Zlib"}}]})
    other = document({**PACKAGES[0], "licenses": [{"license": {"id": "MIT"}}]}, PACKAGES[1])
    bill = bill_of(gathered(one, other))
    assert bill.documents == 2
    assert [(found.name, found.licences) for found in bill.components] == [("flask", ()), ("zlib1g", ("MIT", "Zlib"))]


def test_packages_inside_others_are_found_and_files_and_the_distribution_are_none() -> None:
    inside = {"type": "application", "name": "app.jar", "components": [{"type": "library", "name": "log4j", "version": "2.0"}]}
    others = [{"type": "file", "name": "/etc/passwd"}, {"type": "operating-system", "name": "debian", "version": "12"}]
    bill = bill_of(gathered(document(inside, *others)))
    assert bill.components == (Component(name="app.jar"), Component(name="log4j", version="2.0"))


def nested(depth: int) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "library", "name": "inmost"}
    for _ in range(depth):
        component = {"type": "library", "name": "outer", "components": [component]}
    return component


NO_BILLS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "bomFormat: Field required; specVersion: Field required; components: Field required"),
    "another format": ({"spdxVersion": "SPDX-2.3", "packages": []}, "bomFormat: Field required"),
    "no list of components": ({"bomFormat": "CycloneDX", "specVersion": "1.6"}, "components: Field required"),
    "components that are none": (document("flask"), "components.0: "),  # type: ignore[arg-type]
    "a component without a name": (document({"type": "library"}), "components.0.name: Field required"),
    "a component with an empty name": (document({"type": "library", "name": ""}), "components.0.name: "),
    "licences that are text": (document({**PACKAGES[0], "licenses": "MIT"}), "components.0.licenses: "),
    "bottomless nesting": (document(nested(2000)), ""),
}


@pytest.mark.parametrize("case", NO_BILLS)
def test_what_is_no_bill_is_a_fault_and_never_an_empty_bill(case: str) -> None:
    predicate, problem = NO_BILLS[case]
    bill = bill_of(gathered(predicate))
    assert bill.documents == 0
    (fault,) = bill.faults
    assert fault.startswith(f"bill of materials {digest_of(b'0')[7:19]} does not count: it is no CycloneDX document: {problem}")
    assert bill_to_scan(gathered(predicate)) is None


def test_a_bill_of_another_image_does_not_count() -> None:
    other = statement_about("web", digest_of(b"other"), BILL_PREDICATE, document(*PACKAGES))
    bill = bill_of(gathered(other))
    assert (bill.documents, bill.components) == (0, ())
    assert "it speaks of something else" in bill.faults[0]


def test_a_bad_bill_takes_nothing_from_a_good_one() -> None:
    bill = bill_of(gathered({}, document(*PACKAGES)))
    assert (bill.documents, len(bill.components), len(bill.faults)) == (1, 2, 1)


def test_a_scanner_is_given_the_bill_that_says_most() -> None:
    assert bill_to_scan(gathered(document(), document(*PACKAGES), {})) == document(*PACKAGES)
    assert bill_to_scan(gathered()) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "name", "licenses", "license", "components"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(components=JSON)
def test_whatever_the_predicate_holds_it_is_read_or_a_fault(components: Any) -> None:
    bill = bill_of(gathered({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}))
    assert bill.documents + len(bill.faults) == 1


def test_the_time_in_a_bill_is_the_commits_in_utc() -> None:
    statement = bill_statement(IMAGE, document(), datetime(2026, 3, 1, tzinfo=UTC))
    assert statement.predicate["metadata"]["timestamp"] == "2026-03-01T00:00:00Z"

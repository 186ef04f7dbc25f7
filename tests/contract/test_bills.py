"""Bills of materials by the real syft, of images that the fake builder and a real Docker Engine made alike."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.engine import open_builder
from pratique.clients.ports import Builder, ImageBuild, OciImage
from pratique.clients.registry import documents
from pratique.clients.sigstore.gather import gather_one, sign_and_attach_all
from pratique.clients.syft import Syft
from pratique.decisions.bill_of_materials import bill_of, bill_statement
from pratique.errors import Invalid, Refused
from pratique.values.bill import Component
from pratique.values.digest import digest_of
from pratique.values.evidence import Statement
from pratique.values.references import ImageReference
from tests.fakes.engine import FakeBuilder
from tests.fakes.evidence import FakeEvidenceSigner, FakeEvidenceVerifier
from tests.fakes.packages import WITH_PACKAGES
from tests.fakes.programs import program
from tests.fakes.registry import FakeRegistry
from tests.services.engine import COMMITTED, busybox, image_build

REPOSITORY = "hello/images/web"
OURS = FakeEvidenceSigner("ours")


@pytest.fixture(params=["fake", "docker"])
def builder(request: pytest.FixtureRequest) -> Iterator[Builder]:
    if request.param == "fake":
        yield FakeBuilder()
        return
    with open_builder(request.getfixturevalue("engine")) as builder:
        yield builder


def exported(builder: Builder, build: ImageBuild, folder: Path) -> OciImage:
    folder.mkdir(exist_ok=True)
    return builder.export(builder.build(build, {}, lambda line: None), build, folder)


def stated(image: OciImage, folder: Path) -> Statement:
    reference = ImageReference(repository=REPOSITORY, digest=digest_of(documents.image_manifest(image)))
    return bill_statement(reference, Syft().bill(image, folder), COMMITTED)


def attach(registry: FakeRegistry, reference: ImageReference, statement: Statement) -> str:
    (attached,) = sign_and_attach_all(
        registry,
        OURS,
        reference,
        [statement],
        created=COMMITTED,
        verifier=FakeEvidenceVerifier(),
        trusted=[OURS.trusted],
    )
    return attached.reason


def test_packages_are_listed_with_their_versions_and_licences(builder: Builder, tmp_path: Path) -> None:
    registry = FakeRegistry()
    image = exported(builder, image_build(WITH_PACKAGES), tmp_path)
    reference = ImageReference(repository=REPOSITORY, digest=registry.push_image(REPOSITORY, image, print))
    attach(registry, reference, stated(image, tmp_path))
    bill = bill_of(gather_one(registry, FakeEvidenceVerifier(), reference, [OURS.trusted]))
    assert bill.documents == 1
    assert bill.components == (
        Component(name="flask", version="2.0.0", purl="pkg:pypi/flask@2.0.0", licences=("BSD-3-Clause",)),
        Component(
            name="zlib1g",
            version="1:1.2.13.dfsg-1",
            purl="pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib",
            licences=("Zlib",),
        ),
    )


def test_the_bill_of_the_same_image_made_again_is_attached_already(builder: Builder, tmp_path: Path) -> None:
    registry = FakeRegistry()
    reasons = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        image = exported(builder, image_build(WITH_PACKAGES), folder)
        reference = ImageReference(repository=REPOSITORY, digest=registry.push_image(REPOSITORY, image, print))
        reasons.append(attach(registry, reference, stated(image, folder)))
    assert reasons == ["", f"{reference} holds this https://cyclonedx.org/bom already"]


def test_a_program_without_a_package_manager_is_found_by_what_it_is(builder: Builder, tmp_path: Path) -> None:
    tree = {"Dockerfile": "FROM scratch\nCOPY root/ /\n", "root/bin/busybox": busybox()}
    bill = stated(exported(builder, image_build(tree), tmp_path), tmp_path).predicate
    # In `/bin`, syft takes it for the distribution besides.
    assert {component["name"] for component in bill["components"]} == {"busybox"}


def test_an_image_of_nothing_known_has_a_bill_with_nothing_in_it(builder: Builder, tmp_path: Path) -> None:
    tree = {"Dockerfile": "FROM scratch\nCOPY page /page\n", "page": "hello"}
    assert stated(exported(builder, image_build(tree), tmp_path), tmp_path).predicate["components"] == []


def test_layers_stay_where_they_are_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    image = exported(FakeBuilder(), image_build(WITH_PACKAGES), tmp_path)
    before = {file: file.stat().st_ino for file in tmp_path.iterdir()}
    Syft().bill(image, tmp_path)
    assert {file: file.stat().st_ino for file in tmp_path.iterdir()} == before


def test_a_users_own_configuration_of_syft_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".syft.yaml").write_text("exclude: ['**/*.dist-info/**']\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SYFT_EXCLUDE", "**/*.dist-info/**")
    image = exported(FakeBuilder(), image_build(WITH_PACKAGES), tmp_path / "image")
    assert "flask" in {found["name"] for found in stated(image, tmp_path / "image").predicate["components"]}


def test_a_layer_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    image = exported(FakeBuilder(), image_build(WITH_PACKAGES), tmp_path)
    image.layers[0].file.write_bytes(b"no archive")
    with pytest.raises(Refused, match="syft could not look into the image"):
        Syft().bill(image, tmp_path)


@pytest.mark.parametrize(
    ("answer", "said"), [("", "syft wrote no JSON"), ("{}", "no CycloneDX document"), ("[]", "no CycloneDX document")]
)
def test_a_program_that_writes_something_else_is_refused(tmp_path: Path, answer: str, said: str) -> None:
    image = exported(FakeBuilder(), image_build(WITH_PACKAGES), tmp_path / "image")
    with pytest.raises(Refused, match=said):
        Syft(program(tmp_path / "syft", answer=answer)).bill(image, tmp_path)


def test_another_program_may_be_named(tmp_path: Path) -> None:
    image = exported(FakeBuilder(), image_build(WITH_PACKAGES), tmp_path)
    found = shutil.which("syft", path=str(Path(".venv/bin").resolve()))
    assert found is not None
    document: dict[str, Any] = Syft(found).bill(image, tmp_path)
    assert document["bomFormat"] == "CycloneDX"
    with pytest.raises(Invalid, match="there is no such program"):
        Syft("no-such-syft").bill(image, tmp_path)

"""`pratique verify --bundle` without settings, without a network; and what cannot be asked for together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pratique.cli.main import app
from pratique.cli.proofs import proof_tree
from pratique.errors import Invalid, Refused
from pratique.pipeline.exporting import collect, policies_artifact, trust_artifact
from pratique.values.digest import digest_of
from tests.fakes.evidenced import evidenced

WHOLE = evidenced()
TRUST = trust_artifact(WHOLE.material)
CONTENT = collect(WHOLE.in_registry(), WHOLE.stored, [TRUST, policies_artifact({})]).written()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The evidence file, in a folder that holds nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRATIQUE_CONFIG", str(tmp_path / "no-settings.toml"))
    found = tmp_path / "hello.evidence"
    found.write_bytes(CONTENT)
    return found


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    return result.output


def test_a_file_is_verified_without_settings_and_its_trust_named(file: Path) -> None:
    said = run("verify", "--bundle", file)
    assert said.startswith(f"verified: {WHOLE.stored.label} and its images (web) are signed, and built from the commit")
    assert "├── environment staging" in said
    assert "approval grace" in said
    assert f"trust material: {TRUST.manifest.digest}" in said
    assert "compare that digest with one that you got otherwise (--trust)" in said
    assert "compare that" not in run("verify", "--bundle", file, "--trust", TRUST.manifest.digest)


def test_as_json_the_whole_proof_is_told(file: Path) -> None:
    told = json.loads(run("verify", "--bundle", file, "--json"))
    assert (told["verified"], told["refusals"], told["trust"]) == (True, [], TRUST.manifest.digest)
    assert [row["environment"] for row in told["chain"]] == ["dev", "staging", "prod"]
    assert {part["kind"] for part in told["parts"]} == {"commit", "image", "infrastructure", "release", "environment"}


def test_a_changed_file_is_refused_and_its_place_told(file: Path) -> None:
    file.write_bytes(CONTENT[:-1] + b"\1")
    with pytest.raises(Refused, match=rf"{file}: bytes \d+ to {len(CONTENT) - 1}: the end of the file holds something"):
        run("verify", "--bundle", file)


def test_other_trust_than_demanded_is_refused(file: Path) -> None:
    with pytest.raises(Refused, match="the trust material inside is"):
        run("verify", "--bundle", file, "--trust", digest_of(b"x"))


def test_a_proof_that_fails_is_shown_whole_and_refused_with_every_reason(file: Path) -> None:
    found = evidenced()
    del found.attached["grant of dev"]
    file.write_bytes(collect(found.in_registry(), found.stored, [TRUST, policies_artifact({})]).written())
    with pytest.raises(Refused) as refused:
        run("verify", "--bundle", file)
    assert any("of dev, which is not there or does not count" in reason for reason in refused.value.reasons)
    assert "not verified" in str(proof_tree(found.prove()).label)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["verify"], "service: is missing"),
        (["verify", "hello", "--image", "web", "--in", "prod"], "--image and --in: are different things to verify"),
        (["verify", "hello", "--bundle", "x"], "--bundle: says itself which service it is about"),
        (["verify", "hello", "--trust", "x"], "--trust: is about an evidence file"),
        (["verify", "hello", "--settings"], "--settings: is about an evidence file"),
        (["verify", "--bundle", "x", "--trust", "y", "--settings"], "--trust: has no meaning beside --settings"),
        (["verify", "--bundle", "missing"], "missing: cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_asked_for_is_told(file: Path, arguments: list[str], reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        run(*arguments)
    assert reason in str(refused.value.problems[0])

"""The page about the manifest shows what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pratique.decisions.manifest_reading import read_manifest
from pratique.values.environment import environment_of
from pratique.values.manifest import EnvironmentSection, ImageSection, Manifest, WorkloadOverlay, WorkloadSection
from pratique.values.recurrence import Recurrence

PAGE = (Path(__file__).parents[3] / "docs/manifest.md").read_text()
SHOWN = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_four_manifests_are_shown() -> None:
    assert len(SHOWN) == 4


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_shown_is_read(text: str) -> None:
    manifest = read_manifest(text.encode(), "docs/manifest.md")
    assert all(environment_of(manifest, name) for name in manifest.environments)


def test_the_overlay_does_what_its_comments_say() -> None:
    prod = environment_of(read_manifest(SHOWN[1].encode(), "docs/manifest.md"), "prod")
    assert prod.workload.variables == {"LOG_LEVEL": "info"}
    assert (prod.workload.resources.memory, prod.workload.resources.cpus) == ("512Mi", 0.5)
    assert [check.name for check in prod.checks] == ["healthy"]


def test_every_key_is_mentioned() -> None:
    sections = (Manifest, ImageSection, WorkloadSection, WorkloadOverlay, EnvironmentSection, Recurrence)
    keys = {key for section in sections for key in section.model_fields}
    assert {key for key in keys if f"`{key}`" not in PAGE} == set()

"""`pratique validate | schema`: the manifest, checked where it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pratique.cli.options import Json
from pratique.cli.output import console, show_json
from pratique.errors import Invalid

if TYPE_CHECKING:
    from pratique.values.manifest import Manifest


def validate(
    folder: Annotated[Path, typer.Argument(help="The service's folder, or its pratique.yaml.")] = Path(),
    *,
    as_json: Json = False,
) -> None:
    """Check pratique.yaml, its infrastructure modules and its policies; errors name file, line and remedy."""
    from pratique.decisions.manifest_reading import read_manifest
    from pratique.values.manifest import MANIFEST_FILE

    file = folder / MANIFEST_FILE if folder.is_dir() else folder
    try:
        text = file.read_bytes()
    except OSError as error:
        raise Invalid(str(file), f"cannot be read: {error.strerror}", "name the folder of a service") from None
    manifest = read_manifest(text, str(file))
    _check_folders(manifest, file)
    order = manifest.generations
    if as_json:
        images = [image.name for image in manifest.images]
        show_json({"service": manifest.service, "valid": True, "environments": order, "images": images})
    else:
        way = " → ".join(", ".join(generation) for generation in order)
        console.print(f"{file} is valid: {manifest.service}, {way}", markup=False)


def schema() -> None:
    """Print the JSON Schema of pratique.yaml, for editors."""
    from pratique.decisions.manifest_reading import manifest_schema

    typer.echo(json.dumps(manifest_schema(), indent=2, ensure_ascii=False))


def _check_folders(manifest: Manifest, file: Path) -> None:
    from pratique.decisions.bundled_policies import policies_of
    from pratique.decisions.modules import bundle_folders, require_modules

    root = file.parent
    found = (path for folder in bundle_folders(manifest) for path in sorted((root / folder).rglob("*")) if path.is_file())
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in found}
    require_modules(files, manifest)
    policies_of(files, manifest)

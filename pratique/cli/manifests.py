"""`pratique validate | schema`: the manifest, checked where it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pratique.cli.output import console, show_json
from pratique.decisions.manifest_reading import manifest_schema, read_manifest
from pratique.decisions.modules import stack_template
from pratique.errors import Invalid
from pratique.values.dag import upstream_first
from pratique.values.manifest import MANIFEST_FILE, Manifest

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def validate(
    folder: Annotated[Path, typer.Argument(help="The service's folder, or its pratique.yaml.")] = Path(),
    *,
    as_json: Json = False,
) -> None:
    """Check pratique.yaml and its infrastructure modules; errors name file, line and remedy."""
    file = folder / MANIFEST_FILE if folder.is_dir() else folder
    try:
        text = file.read_bytes()
    except OSError as error:
        raise Invalid(str(file), f"cannot be read: {error.strerror}", "name the folder of a service") from None
    manifest = read_manifest(text, str(file))
    _check_modules(manifest, file)
    after = {name: section.after for name, section in manifest.environments.items()}
    order = [list(generation) for generation in upstream_first(after)]
    if as_json:
        images = [image.name for image in manifest.images]
        show_json({"service": manifest.service, "valid": True, "environments": order, "images": images})
    else:
        way = " → ".join(", ".join(generation) for generation in order)
        console.print(f"{file} is valid: {manifest.service}, {way}", markup=False)


def schema() -> None:
    """Print the JSON Schema of pratique.yaml, for editors."""
    show_json(manifest_schema())


def _check_modules(manifest: Manifest, file: Path) -> None:
    for section in manifest.infrastructure:
        root = file.parent / section.module
        files = {str(path.relative_to(file.parent)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
        stack_template(files, section)

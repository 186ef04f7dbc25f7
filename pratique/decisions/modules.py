"""Infrastructure modules: folders in the service's repository that hold a versioned CloudFormation template.

A module folder has a `module.yaml` (name, version, description) and a `template.yaml`.
Files are mappings of path, relative to the repository's root, to content, as the infrastructure bundle holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import StringConstraints

from pratique.decisions.bundled_policies import is_policy, policies_of
from pratique.decisions.manifest_reading import read_as
from pratique.decisions.stack_template import read_template
from pratique.errors import Invalid, Problem
from pratique.values._base import Value
from pratique.values.environment import environment_of
from pratique.values.manifest import MANIFEST_FILE, Manifest, StackSection
from pratique.values.names import Name
from pratique.values.sections import Version

DESCRIPTION_FILE = "module.yaml"
TEMPLATE_FILE = "template.yaml"

Files = Mapping[str, bytes]


class ModuleDescription(Value):
    """What `module.yaml` says."""

    name: Name
    """The module's name, for people."""
    version: Version
    """Raised whenever the template changes; a service names the version it was written for."""
    description: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """What the module provides, in a sentence."""


def module_folders(manifest: Manifest) -> tuple[str, ...]:
    """The folder of each module that a stack is made from, each once, in the order of the stacks."""
    return tuple(dict.fromkeys(section.module for section in manifest.infrastructure))


def bundle_folders(manifest: Manifest) -> tuple[str, ...]:
    """Every folder that holds something of the infrastructure bundle: those of the modules, and that of the policies."""
    return tuple(dict.fromkeys([*module_folders(manifest), *([manifest.policies] if manifest.policies else [])]))


def select_files(files: Files, manifest: Manifest) -> dict[str, bytes]:
    """Those of a commit's files that belong into the infrastructure bundle: `pratique.yaml`, every module's, the policies."""
    selected = {
        path: content
        for path, content in sorted(files.items())
        if path == MANIFEST_FILE
        or is_policy(path, manifest)
        or any(_is_below(path, folder) for folder in module_folders(manifest))
    }
    if MANIFEST_FILE not in selected:
        raise Invalid(MANIFEST_FILE, "there is no such file at the root of the repository", "docs/manifest.md shows one")
    for section in manifest.infrastructure:
        if not any(_is_below(path, section.module) for path in files):
            raise Invalid(_place(section), f"there is no folder {section.module}", "name the folder that holds module.yaml")
    policies_of(selected, manifest)
    return selected


def stack_template(files: Files, section: StackSection) -> str:
    """The template of the stack's module, once version and parameters fit it.

    `section` has an environment's overlay applied: a required parameter may be given by the overlays alone.
    """
    description = read_as(ModuleDescription, _file(files, section, DESCRIPTION_FILE), f"{section.module}/{DESCRIPTION_FILE}")
    if description.version != section.version:
        problem = f"{section.module} is version {description.version}, and this service was written for {section.version}"
        remedy = f"read what changed in the module, then write version: {description.version}"
        raise Invalid(_place(section), problem, remedy)
    place = f"{section.module}/{TEMPLATE_FILE}"
    try:
        text = _file(files, section, TEMPLATE_FILE).decode()
    except UnicodeDecodeError:
        raise Invalid(place, "the file is not UTF-8", "save it in that encoding") from None
    template = read_template(place, text)
    known = ", ".join(sorted(template.parameters)) or "none"
    problems = [
        Problem(f"{_place(section)}, parameters.{name}", "the template declares no such parameter", f"known here: {known}")
        for name in sorted(section.parameters.keys() - template.parameters.keys())
    ] + [
        Problem(_place(section), f"parameter {name} is missing", f"give it: {place} has no default for it")
        for name in sorted(template.required - section.parameters.keys())
    ]
    if problems:
        raise Invalid.all_of(problems)
    return text


def require_modules(files: Files, manifest: Manifest) -> None:
    """Raise one `Invalid` with everything that keeps a module from fitting a stack, in any environment."""
    problems: dict[Problem, None] = {}
    for name in manifest.environments:
        for section in environment_of(manifest, name).stacks:
            try:
                stack_template(files, section)
            except Invalid as invalid:
                problems |= dict.fromkeys(invalid.problems)
    if problems:
        raise Invalid.all_of(list(problems))


def _file(files: Files, section: StackSection, name: str) -> bytes:
    path = name if section.module == "." else f"{section.module}/{name}"
    if path not in files:
        raise Invalid(_place(section), f"the module has no {path}", "docs/manifest.md shows what a module's folder holds")
    return files[path]


def _is_below(path: str, folder: str) -> bool:
    return folder == "." or path.startswith(f"{folder}/")


def _place(section: StackSection) -> str:
    return f"{MANIFEST_FILE}, stack {section.stack}"
